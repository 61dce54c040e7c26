//! Where in an HTML document a point of the template is.

/// The parser state at a point, as far as escaping depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) url_part: UrlPart,
    pub(super) slash: Slash,
    /// Open braces inside each enclosing `${…}` of script template literals.
    pub(super) braces: Vec<u32>,
    pub(super) attribute: Attribute,
    pub(super) element: Element,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum State {
    #[default]
    Text,
    Tag,
    AttributeName,
    AfterName,
    BeforeValue,
    HtmlComment,
    /// Content of `title` and `textarea`.
    RcData,
    Attribute,
    Url,
    Srcset,
    Js,
    JsDouble,
    JsSingle,
    JsTemplate,
    JsRegexp,
    JsBlockComment,
    JsLineComment,
    JsHtmlOpenComment,
    JsHtmlCloseComment,
    Css,
    CssDouble,
    CssSingle,
    CssDoubleUrl,
    CssSingleUrl,
    CssUrl,
    CssBlockComment,
    CssLineComment,
    MetaContent,
    MetaContentUrl,
    /// After `break` and `continue`: never reached.
    Dead,
}

/// What ends an attribute value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Delim {
    #[default]
    None,
    Double,
    Single,
    SpaceOrTagEnd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum UrlPart {
    #[default]
    None,
    PreQuery,
    QueryOrFragment,
    /// Different branches left it in different parts.
    Unknown,
}

/// What a `/` would mean at a point of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Slash {
    #[default]
    Regexp,
    Division,
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Attribute {
    #[default]
    Plain,
    Script,
    ScriptType,
    Style,
    Url,
    Srcset,
    MetaContent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Element {
    #[default]
    None,
    Script,
    Style,
    Textarea,
    Title,
    Meta,
}

impl Element {
    pub(super) fn named(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"script" => Self::Script,
            b"style" => Self::Style,
            b"textarea" => Self::Textarea,
            b"title" => Self::Title,
            b"meta" => Self::Meta,
            _ => Self::None,
        }
    }

    /// Name in the end tag that closes the element's content.
    pub(super) fn end_tag(self) -> &'static [u8] {
        match self {
            Self::Script => b"script",
            Self::Style => b"style",
            Self::Textarea => b"textarea",
            Self::Title => b"title",
            Self::Meta | Self::None => b"",
        }
    }

    /// State of the element's content.
    pub(super) fn content(self) -> State {
        match self {
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Textarea | Self::Title => State::RcData,
            Self::Meta | Self::None => State::Text,
        }
    }
}

impl Attribute {
    /// State at the start of the value.
    pub(super) fn value(self) -> State {
        match self {
            Self::Plain | Self::ScriptType => State::Attribute,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

impl State {
    pub(super) fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HtmlComment
                | Self::JsBlockComment
                | Self::JsLineComment
                | Self::JsHtmlOpenComment
                | Self::JsHtmlCloseComment
                | Self::CssBlockComment
                | Self::CssLineComment
        )
    }

    pub(super) fn is_in_tag(self) -> bool {
        matches!(
            self,
            Self::Tag | Self::AttributeName | Self::AfterName | Self::BeforeValue | Self::Attribute
        )
    }

    pub(super) fn is_script_literal(self) -> bool {
        matches!(self, Self::JsDouble | Self::JsSingle | Self::JsTemplate | Self::JsRegexp)
    }
}

impl Context {
    pub(super) fn of(state: State, element: Element) -> Self {
        Self { state, element, ..Self::default() }
    }

    /// The place an action stands in where nothing has been begun yet: an attribute name, or an
    /// unquoted value.
    #[must_use]
    pub(super) fn nudged(&self) -> Self {
        let mut context = self.clone();
        match self.state {
            State::Tag => context.state = State::AttributeName,
            State::BeforeValue => {
                context.state = self.attribute.value();
                context.delim = Delim::SpaceOrTagEnd;
                context.attribute = Attribute::Plain;
            }
            State::AfterName => {
                context.state = State::AttributeName;
                context.attribute = Attribute::Plain;
            }
            _ => {}
        }
        context
    }

    /// The place after either of two branches, if one can be named.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        if self.state == State::Dead {
            return Some(other.clone());
        }
        if other.state == State::Dead || self == other {
            return Some(self.clone());
        }
        if (Self { url_part: other.url_part, ..self.clone() }) == *other {
            return Some(Self { url_part: UrlPart::Unknown, ..self.clone() });
        }
        if (Self { slash: other.slash, ..self.clone() }) == *other {
            return Some(Self { slash: Slash::Unknown, ..self.clone() });
        }
        let (left, right) = (self.nudged(), other.nudged());
        if left == *self && right == *other { None } else { left.join(&right) }
    }
}
