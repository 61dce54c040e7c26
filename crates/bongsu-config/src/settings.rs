//! How YAML becomes a setting: one trait for values, one macro for groups of named values.
//!
//! The order and the kinds of mistakes follow Go's yaml.v2: a value refused by its own rule stops
//! Alertmanager at once, wrong types and unknown keys are collected until the end. Here both are
//! collected, and refusals are reported first so that the first message is Alertmanager's.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bongsu_lang::Mode;
use bongsu_lang::yaml::{Kind, Node, Scalar, Value};
use bongsu_model::{Diagnostic, Place, Secret, Source};

use crate::alertmanager::codes;

/// Where mistakes are collected while a document is read.
pub(super) struct Reader {
    source: Arc<Source>,
    pub(super) mode: Mode,
    refused: Vec<Diagnostic>,
    mistyped: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Reader {
    pub(super) fn new(source: Arc<Source>, mode: Mode) -> Self {
        Self { source, mode, refused: Vec::new(), mistyped: Vec::new(), warnings: Vec::new() }
    }

    /// Mistakes so far: compare before and after to learn whether a part was sound.
    pub(super) fn faults(&self) -> usize {
        self.refused.len() + self.mistyped.len()
    }

    pub(super) fn place(&self, node: &Node) -> Option<Place> {
        let (line, column) = (node.place.line, node.place.column);
        Some(Place { source: Arc::clone(&self.source), line, column })
    }

    /// A value its own rule does not accept.
    pub(super) fn refuse(&mut self, node: &Node, message: impl Into<String>) {
        let place = self.place(node);
        self.refused.push(Diagnostic::error(codes::REFUSED, message).at(place));
    }

    /// Incomplete or contradictory settings.
    pub(super) fn refuse_group(&mut self, node: &Node, message: impl Into<String>) {
        let place = self.place(node);
        self.refused.push(Diagnostic::error(codes::INCONSISTENT, message).at(place));
    }

    /// A value of the wrong shape.
    pub(super) fn mistype(&mut self, node: &Node, wanted: &str) {
        let place = self.place(node);
        let message = match node.text() {
            Some(text) => format!("cannot read `{}` as {wanted}", shortened(text)),
            None => format!("cannot read a {} as {wanted}", node.describe()),
        };
        self.mistyped.push(Diagnostic::error(codes::TYPE, message).at(place));
    }

    fn unknown_key(&mut self, key: &Node, name: &str, group: &str, known: &[&str]) {
        let place = self.place(key);
        let mut diagnostic =
            Diagnostic::error(codes::UNKNOWN_KEY, format!("unknown key {name:?} in {group}"))
                .at(place);
        if let Some(near) = bongsu_lang::suggest::nearest(name, known.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean {near:?}?"));
        }
        self.mistyped.push(diagnostic);
    }

    fn repeated_key(&mut self, key: &Node, name: &str, group: &str) {
        let place = self.place(key);
        let message = format!("the key {name:?} stands twice in {group}");
        self.mistyped.push(Diagnostic::error(codes::REPEATED_KEY, message).at(place));
    }

    pub(super) fn warn(&mut self, diagnostic: Diagnostic) {
        self.warnings.push(diagnostic);
    }

    /// Mistakes in reporting order, and the warnings.
    pub(super) fn finish(mut self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        self.refused.append(&mut self.mistyped);
        (self.refused, self.warnings)
    }

    /// Walks the pairs of a mapping in document order; `take` answers whether it knows the key.
    pub(super) fn keys(
        &mut self,
        node: &Node,
        group: &str,
        known: &[&str],
        mut take: impl FnMut(&str, &Arc<Node>, &mut Self) -> bool,
    ) -> bool {
        let Kind::Mapping(entries) = &node.kind else {
            self.mistype(node, &format!("{group} (a mapping)"));
            return false;
        };
        let mut seen = HashSet::with_capacity(entries.len());
        for entry in entries {
            let Some(name) = entry.key.text() else {
                self.mistype(&entry.key, "a key");
                continue;
            };
            if !entry.merged && !seen.insert(name) {
                self.repeated_key(&entry.key, name, group);
                continue;
            }
            if !take(name, &entry.value, self) {
                self.unknown_key(&entry.key, name, group, known);
            }
        }
        true
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A value with a form in the file and a form in the printed configuration.
pub(super) trait Setting: Sized {
    /// What an explicit `null` gives.
    fn zero() -> Self;
    /// Whether printing leaves it out.
    fn is_zero(&self) -> bool;
    /// Reads a value that is not null; on a mistake reports it and gives `None`.
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self>;
    /// For the printed configuration: secrets masked.
    fn write(&self) -> Value;

    /// Why a null entry of a list of these is refused; `None`: it is the zero value.
    const REFUSES_NULL_ENTRY: Option<&'static str> = None;

    /// Null is the zero value; a mistake leaves `self` alone.
    fn assign(&mut self, node: &Arc<Node>, reader: &mut Reader) {
        if node.is_null() {
            *self = Self::zero();
        } else if let Some(value) = Self::read(node, reader) {
            *self = value;
        }
    }
}

impl Setting for String {
    fn zero() -> Self {
        Self::new()
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = match node.scalar() {
            // Base64 in a `!!binary` scalar is decoded; everything else is taken as written.
            Some(Scalar::Text(text)) => Some(text.into_owned()),
            Some(_) => node.text().map(str::to_owned),
            None => None,
        };
        if text.is_none() {
            reader.mistype(node, "text");
        }
        text
    }
    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Setting for bool {
    fn zero() -> Self {
        false
    }
    fn is_zero(&self) -> bool {
        !*self
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        if let Some(Scalar::Bool(value)) = node.scalar() {
            return Some(value);
        }
        reader.mistype(node, "true or false");
        None
    }
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Setting for i64 {
    fn zero() -> Self {
        0
    }
    fn is_zero(&self) -> bool {
        *self == 0
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        match node.scalar() {
            Some(Scalar::Int(n)) => return Some(n),
            // A fraction is cut off, as Go's conversion does.
            Some(Scalar::Float(f)) if f.abs() < 9.2e18 => return Some(f as i64),
            _ => reader.mistype(node, "an integer"),
        }
        None
    }
    fn write(&self) -> Value {
        Value::Int(*self)
    }
}

impl Setting for u64 {
    fn zero() -> Self {
        0
    }
    fn is_zero(&self) -> bool {
        *self == 0
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        match node.scalar() {
            Some(Scalar::Int(n)) if n >= 0 => return Some(n as u64),
            Some(Scalar::Uint(n)) => return Some(n),
            Some(Scalar::Float(f)) if (0.0..1.8e19).contains(&f) => return Some(f as u64),
            _ => reader.mistype(node, "a positive integer"),
        }
        None
    }
    fn write(&self) -> Value {
        i64::try_from(*self).map_or(Value::Uint(*self), Value::Int)
    }
}

impl Setting for f64 {
    fn zero() -> Self {
        0.0
    }
    fn is_zero(&self) -> bool {
        *self == 0.0
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        match node.scalar() {
            Some(Scalar::Int(n)) => return Some(n as f64),
            Some(Scalar::Uint(n)) => return Some(n as f64),
            Some(Scalar::Float(f)) => return Some(f),
            _ => reader.mistype(node, "a number"),
        }
        None
    }
    fn write(&self) -> Value {
        // Whole numbers are printed without a fraction.
        if self.fract() == 0.0 && self.abs() < 1e15 {
            Value::Int(*self as i64)
        } else {
            Value::Float(*self)
        }
    }
}

impl Setting for Secret {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        String::read(node, reader).map(Self::new)
    }
    fn write(&self) -> Value {
        if self.is_empty() { Value::Null } else { Value::from(MASK) }
    }
}

/// What stands for a secret in printed configurations.
pub(super) const MASK: &str = "<secret>";

/// Any value, kept as written (of repeated keys the last wins).
impl Setting for Value {
    fn zero() -> Self {
        Self::Null
    }
    fn is_zero(&self) -> bool {
        matches!(self, Self::Null)
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        if node.collection_key().is_some() {
            reader.mistype(
                node,
                "a value: a list or mapping cannot be a key (quote text that starts with {{)",
            );
            return None;
        }
        Some(node.to_value())
    }
    fn write(&self) -> Value {
        self.clone()
    }
}

impl<T: Setting> Setting for Option<T> {
    fn zero() -> Self {
        None
    }
    fn is_zero(&self) -> bool {
        self.is_none()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Some)
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
}

impl<T: Setting> Setting for Box<T> {
    fn zero() -> Self {
        Box::new(T::zero())
    }
    fn is_zero(&self) -> bool {
        (**self).is_zero()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Box::new)
    }
    fn write(&self) -> Value {
        (**self).write()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn zero() -> Self {
        Self::new()
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            reader.mistype(node, "a list");
            return None;
        };
        let mut list = Self::with_capacity(items.len());
        for item in items {
            if item.is_null() {
                match T::REFUSES_NULL_ENTRY {
                    Some(message) => reader.refuse(item, message),
                    None => list.push(T::zero()),
                }
            } else if let Some(value) = T::read(item, reader) {
                list.push(value);
            }
        }
        Some(list)
    }
    fn write(&self) -> Value {
        Value::List(self.iter().map(T::write).collect())
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn zero() -> Self {
        Self::new()
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let mut map = Self::new();
        let sound = reader.keys(node, "the mapping", &[], |name, value, reader| {
            let mut item = T::zero();
            item.assign(value, reader);
            map.insert(name.to_owned(), item);
            true
        });
        sound.then_some(map)
    }
    fn write(&self) -> Value {
        Value::Map(self.iter().map(|(k, v)| (Value::from(k.as_str()), v.write())).collect())
    }
}

/// Field names as YAML keys: `r#type` is written `type`.
pub(super) fn key_of(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Declares a group of settings: the struct, its defaults, reading (unknown and repeated keys are
/// mistakes), the group's own check, and printing (zero values are left out unless `always`).
///
/// `check` is a `fn(&mut Self, &mut Reader) -> Result<(), String>` that runs if every value of the
/// group could be read; its error refuses the group.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident (
            $title:literal $(, check = $check:path)? $(, no_null = $no_null:literal)?
        ) {
            $( $(#[$doc:meta])* $field:ident : $ty:ty $(= $default:expr)? $(, $always:ident)? ; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $ty, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: settings!(@default $ty $(, $default)?), )* }
            }
        }

        impl $crate::settings::Setting for $name {
            $( const REFUSES_NULL_ENTRY: Option<&'static str> = Some($no_null); )?

            fn zero() -> Self {
                Self { $( $field: <$ty as $crate::settings::Setting>::zero(), )* }
            }

            fn is_zero(&self) -> bool {
                true $( && $crate::settings::Setting::is_zero(&self.$field) )*
            }

            #[allow(unused_imports, unused_mut, unused_variables, reason = "a group may be empty")]
            fn read(
                node: &std::sync::Arc<bongsu_lang::yaml::Node>,
                reader: &mut $crate::settings::Reader,
            ) -> Option<Self> {
                use $crate::settings::{Setting, key_of};
                let known = [ $( key_of(stringify!($field)) ),* ];
                let mut group = Self::default();
                let before = reader.faults();
                let is_mapping = reader.keys(node, $title, &known, |key, value, reader| {
                    $( if key == key_of(stringify!($field)) {
                        Setting::assign(&mut group.$field, value, reader);
                        return true;
                    } )*
                    false
                });
                if !is_mapping {
                    return None;
                }
                $( if reader.faults() == before {
                    let check: fn(&mut Self, &mut $crate::settings::Reader)
                        -> Result<(), String> = $check;
                    if let Err(message) = check(&mut group, reader) {
                        reader.refuse_group(node, message);
                    }
                } )?
                let _ = before;
                Some(group)
            }

            #[allow(unused_imports, unused_mut, reason = "a group may be empty")]
            fn write(&self) -> bongsu_lang::yaml::Value {
                use $crate::settings::{Setting, key_of};
                let mut pairs = Vec::new();
                $( if settings!(@always $($always)?) || !Setting::is_zero(&self.$field) {
                    pairs.push((
                        bongsu_lang::yaml::Value::from(key_of(stringify!($field))),
                        Setting::write(&self.$field),
                    ));
                } )*
                bongsu_lang::yaml::Value::Map(pairs)
            }
        }
    };
    (@default $ty:ty) => { <$ty as $crate::settings::Setting>::zero() };
    (@default $ty:ty, $default:expr) => { $default.into() };
    (@always) => { false };
    (@always always) => { true };
}

pub(super) use settings;

/// `at most one of A & B must be configured`, if more than one of the flags is set.
pub(super) fn at_most_one(set: &[bool], names: &str) -> Result<(), String> {
    if set.iter().filter(|s| **s).count() > 1 {
        return Err(format!("at most one of {names} must be configured"));
    }
    Ok(())
}

/// `Err(message)` if the condition holds.
pub(super) fn forbid(condition: bool, message: &str) -> Result<(), String> {
    if condition { Err(message.to_owned()) } else { Ok(()) }
}
