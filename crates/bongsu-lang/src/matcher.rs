//! Label matchers as text: two grammars and the rule which of them wins.
//!
//! In: `{foo="bar",baz=~"x.*"}`. Out: [`Matchers`], or the message Alertmanager gives. Semantics:
//! Alertmanager `matcher/parse`, `pkg/labels/parse.go`, `matcher/compat`.

mod classic;
mod utf8;

use bongsu_model::{Matcher, Matchers};

use crate::Mode;

/// Longest input taken, in bytes.
const MAX_INPUT: usize = 512 * 1024;

/// What parsing found besides the matchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Both grammars (or the only one asked) agree.
    None,
    /// Only the classic grammar reads it: it will break once that grammar goes.
    ClassicOnly,
    /// Both read it, differently; the classic meaning was taken.
    Disagreement,
}

/// Parses a list: config `matchers` items, any number of matchers, braces optional.
pub fn parse_list(text: &str, mode: Mode) -> Result<Matchers, String> {
    parse_list_noted(text, mode).map(|(matchers, _)| matchers)
}

/// As [`parse_list`], and whether the two grammars differ.
pub fn parse_list_noted(text: &str, mode: Mode) -> Result<(Matchers, Note), String> {
    check_size(text)?;
    match mode {
        Mode::Classic => classic::list(text).map(|found| (Matchers(found), Note::None)),
        Mode::Utf8 => utf8::list(text).map(|found| (Matchers(found), Note::None)),
        Mode::Fallback => {
            let (found, note) = fall_back(utf8::list(text), classic::list(text))?;
            Ok((Matchers(found), note))
        }
    }
}

/// Parses exactly one matcher: API `filter` parameters, command line arguments. Braces are refused
/// unless `mode` is classic, where they are part of the value.
pub fn parse_one(text: &str, mode: Mode) -> Result<Matcher, String> {
    check_size(text)?;
    if mode == Mode::Classic {
        return classic::one(text);
    }
    if text.starts_with('{') || text.ends_with('}') {
        return Err(format!("unexpected open or close brace: {text}"));
    }
    if mode == Mode::Utf8 {
        return utf8::one(text);
    }
    fall_back(utf8::one(text), classic::one(text)).map(|(matcher, _)| matcher)
}

/// The classic reading wins a disagreement and supplies the error text.
fn fall_back<T: PartialEq>(
    utf8: Result<T, String>,
    classic: Result<T, String>,
) -> Result<(T, Note), String> {
    match (utf8, classic) {
        (Ok(new), Ok(old)) if new == old => Ok((new, Note::None)),
        (Ok(_), Ok(old)) => Ok((old, Note::Disagreement)),
        (Ok(new), Err(_)) => Ok((new, Note::None)),
        (Err(_), Ok(old)) => Ok((old, Note::ClassicOnly)),
        (Err(_), Err(message)) => Err(message),
    }
}

fn check_size(text: &str) -> Result<(), String> {
    if text.len() > MAX_INPUT {
        return Err(format!("matchers are longer than {MAX_INPUT} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bongsu_model::{MatchOp, Matcher, Matchers};
    use proptest::prelude::*;

    use super::{Note, parse_list, parse_list_noted, parse_one};
    use crate::Mode;

    fn printed(text: &str, mode: Mode) -> String {
        parse_list(text, mode).map_or_else(|e| format!("error: {e}"), |m| m.to_string())
    }

    #[test]
    fn grammars_and_fallback() {
        let table = [
            ("", "{}", "{}", "{}"),
            (r#"{foo=bar, a!~"b+",}"#, r#"{foo="bar",a!~"b+"}"#, "", ""),
            (
                "foo=bar baz",
                r#"{foo="bar baz"}"#,
                "",
                "error: 8:11: unexpected baz: expected a comma or close brace",
            ),
            (
                r#""a b"=c"#,
                r#"{"a b"="c"}"#,
                r#"error: bad matcher format: "a b"=c"#,
                r#"{"a b"="c"}"#,
            ),
            (
                "{a=b,,}",
                "error: bad matcher format: ",
                "",
                "error: 5:6: unexpected ,: expected a matcher or close brace after comma",
            ),
            ("{a=b", r#"{a="b"}"#, "", "error: 0:4: end of input: expected close brace"),
            (r#"a="\t""#, r#"{a="\\t"}"#, "", "{a=\"\t\"}"),
            (r#"a="\xff""#, r#"{a="\\xff"}"#, "", r#"error: 2:8: "\xff": invalid input"#),
        ];
        for (text, fallback, classic, utf8) in table {
            let or = |other: &'static str| if other.is_empty() { fallback } else { other };
            assert_eq!(printed(text, Mode::Fallback), fallback, "{text}");
            assert_eq!(printed(text, Mode::Classic), or(classic), "classic {text}");
            assert_eq!(printed(text, Mode::Utf8), or(utf8), "utf8 {text}");
        }
    }

    #[test]
    fn says_when_grammars_differ() {
        let note = |text| parse_list_noted(text, Mode::Fallback).map(|(_, note)| note);
        assert_eq!(note("a=b"), Ok(Note::None));
        assert_eq!(note(r#"a="\t""#), Ok(Note::Disagreement));
        assert_eq!(note("a=b c"), Ok(Note::ClassicOnly));
        assert_eq!(note("a.b=c"), Ok(Note::None));
    }

    #[test]
    fn one_matcher() {
        let one = |text, mode| parse_one(text, mode).map(|m| m.to_string());
        assert_eq!(one("a=b,c=d", Mode::Fallback), Ok(r#"a="b,c=d""#.to_owned()));
        assert_eq!(one("a=b,c=d", Mode::Utf8), Err("expected 1 matcher, found 2".to_owned()));
        assert_eq!(
            one("a=b}", Mode::Fallback),
            Err("unexpected open or close brace: a=b}".to_owned())
        );
        assert_eq!(one("a=b}", Mode::Classic), Ok(r#"a="b}""#.to_owned()));
    }

    fn op() -> impl Strategy<Value = MatchOp> {
        prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual])
    }

    proptest! {
        #[test]
        fn printed_matchers_read_back(
            pairs in prop::collection::vec((r#"(\PC|[ {}"\\=]){1,8}"#, op(), r#"(\PC|["\\\n,]){0,12}"#), 0..4)
        ) {
            let built: Result<Vec<_>, _> =
                pairs.iter().map(|(n, op, v)| Matcher::new(n.as_str(), *op, v.as_str())).collect();
            let matchers = Matchers(built.unwrap());
            prop_assert_eq!(parse_list(&matchers.to_string(), Mode::Utf8), Ok(matchers));
        }

        #[test]
        fn plain_names_read_back_in_every_mode(
            name in "[a-z_][a-z0-9_]{0,6}", op in op(), value in r#"(\PC|["\\\n,}]){0,12}"#
        ) {
            let matcher = Matcher::new(name, op, value).unwrap();
            for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8] {
                prop_assert_eq!(parse_one(&matcher.to_string(), mode), Ok(matcher.clone()));
            }
        }

        #[test]
        fn any_text_is_answered(text in r#"(\PC|[{}!=~,\\"'` ]){0,24}"#) {
            for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8] {
                let _ = (parse_list(&text, mode), parse_one(&text, mode));
            }
        }
    }
}
