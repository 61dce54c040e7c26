//! Go's RE2 syntax on the `regex` crate: the same linear-time engine family, with the differences
//! in syntax and in the meaning of `\d`, `\w`, `\s`, `\b` translated.
//!
//! In: a pattern as people write it in Alertmanager and Prometheus files. Out: a compiled
//! `regex::Regex`, or the words Go's `regexp/syntax` would have used to refuse it.

mod class;
mod escape;
mod translate;

use thiserror::Error;

/// Longest pattern taken, in bytes.
const MAX_PATTERN: usize = 256 * 1024;
/// Largest compiled program, in bytes.
const MAX_PROGRAM: usize = 32 << 20;

/// A pattern that RE2 refuses.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("error parsing regexp: {message}")]
pub struct Error {
    /// Go's wording: ``what: `piece` ``.
    pub message: String,
}

impl Error {
    fn new(what: &str, piece: &str) -> Self {
        Self { message: format!("{what}: `{piece}`") }
    }
}

/// Compiles `pattern` unanchored.
pub fn compile(pattern: &str) -> Result<regex::Regex, Error> {
    if pattern.len() > MAX_PATTERN {
        return Err(too_large(pattern));
    }
    let translated = translate::translate(pattern)?;
    regex::RegexBuilder::new(&translated).size_limit(MAX_PROGRAM).nest_limit(1000).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(_) => too_large(pattern),
            other => Error { message: other.to_string() },
        },
    )
}

/// Compiles `^(?:pattern)$`: the form of matchers. Errors speak about the anchored text, as Go's do.
pub fn compile_anchored(pattern: &str) -> Result<regex::Regex, Error> {
    compile(&format!("^(?:{pattern})$"))
}

/// The message must not carry a megabyte into a log line.
fn too_large(pattern: &str) -> Error {
    let shown: String = pattern.chars().take(80).collect();
    Error::new("expression too large", &shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{compile, compile_anchored};

    #[test]
    fn means_what_go_means() {
        // pattern, text, whether it matches somewhere
        let cases = [
            (r"^\d$", "٣", false),
            (r"^\D$", "٣", true),
            (r"^\w$", "é", false),
            (r"^\s$", "\u{b}", false),
            (r"^[\s]$", "\t", true),
            (r"^[^\w]$", "é", true),
            (r"^[\W]$", "a", false),
            (r"\bfoo\b", "éfoo", true),
            (r"a\Bb", "ab", true),
            (r"^\Qa.b*\E$", "a.b*", true),
            (r"^\Qa.b*\E*$", "a.b****", true),
            (r"^\Qa.b", "a.b", true),
            (r"a\z", "a\n", false),
            (r"^\x{1F642}$", "🙂", true),
            (r"^\141\x62\a?$", "ab", true),
            (r"^\pN+$", "4²", true),
            (r"^\PN$", "a", true),
            (r"^\p{^Greek}$", "a", true),
            (r"^[\p{Greek}\d]+$", "αβ1", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[+--]+$", ",", true),
            (r"^[a~~b]+$", "~", true),
            (r"^[x[y]$", "[", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]$", "b", true),
            (r"^[[:alpha:]-]+$", "a-Z", true),
            (r"^[[:^alpha:]]+$", "1é", true),
            (r"^\<a\>$", "<a>", true),
            (r"^a{,2}$", "a{,2}", true),
            (r"^a{2$", "a{2", true),
            (r"^x{2,}$", "xxxx", true),
            (r"^a#b c$", "a#b c", true),
            (r"(?i)^STRASSE$", "strasse", true),
            (r"^(?i:A)b$", "ab", true),
            (r"^(?ii-s)A.$", "ab", true),
            (r"^a(?i)*$", "aaa", true),
            (r"^a*(?i)?$", "aa", true),
            (r"^(?)a$", "a", true),
            (r"^(?P<n>a)(?P<n>b)(?<1>c)$", "abc", true),
            (r"^^*a$", "a", true),
            (r"^(|a)$", "", true),
            (r"(?s)^.$", "\n", true),
            (r"(?m)^b$", "a\nb", true),
            (r"^[^a]$", "\n", true),
            (r"^\_\-\/\ $", "_-/ ", true),
            (r"^[\x{D800}-\x{DFFF}]$", "a", false),
            (r"^(?i)[\W]$", "ſ", false),
        ];
        for (pattern, text, want) in cases {
            let got = compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(got.is_match(text), want, "{pattern} on {text:?} as {got}");
        }
    }

    #[test]
    fn refuses_in_go_words() {
        let cases = [
            ("*", "missing argument to repetition operator: `*`"),
            ("(*?)", "missing argument to repetition operator: `*?`"),
            ("a|*", "missing argument to repetition operator: `*`"),
            ("(abc", "missing closing ): `(abc`"),
            ("abc)", "unexpected ): `abc)`"),
            ("x[a-z", "missing closing ]: `[a-z`"),
            ("[", "missing closing ]: `[`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\pX", r"invalid character class range: `\pX`"),
            (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
            (r"\p{Alphabetic}", r"invalid character class range: `\p{Alphabetic}`"),
            ("abc\\", "trailing backslash at end of expression: ``"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a*+?", "invalid nested repetition operator: `*+?`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(a{100}){11}", "invalid repeat count: `{11}`"),
            ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
            (r"\x", r"invalid escape sequence: `\x`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\Z", r"invalid escape sequence: `\Z`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"[\Q]", r"invalid escape sequence: `\Q`"),
            (r"(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            (r"(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            (r"(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
            (r"(?P<n", "invalid named capture: `(?P<n`"),
        ];
        for (pattern, want) in cases {
            let got = compile(pattern).map(|re| re.to_string());
            assert_eq!(got.map_err(|e| e.message), Err(want.to_owned()), "{pattern}");
        }
        let deep = "(".repeat(2000) + &")".repeat(2000);
        assert!(compile(&deep).unwrap_err().message.starts_with("expression nests too deeply"));
        assert!(compile(r"\pL{1000}").unwrap_err().message.starts_with("expression too large"));
    }

    #[test]
    fn anchors_the_whole() {
        let matches = |pattern: &str, text: &str| compile_anchored(pattern).unwrap().is_match(text);
        assert!(matches("te|st", "te") && !matches("te|st", "test"));
        assert!(matches("", "") && !matches("", "x"));
        assert!(!matches("a", "a\n"));
        let error = compile_anchored("[a-z").unwrap_err();
        assert_eq!(error.to_string(), "error parsing regexp: missing closing ]: `[a-z)$`");
    }

    #[test]
    fn deepest_nesting_compiles() {
        compile(&("(".repeat(250) + "a" + &")*".repeat(250))).unwrap();
    }

    proptest! {
        #[test]
        fn translation_is_total_and_valid(
            pattern in r#"(\PC|[\[\]()\\{}*+?|^$.:<>=!,&~-]|\\[a-zA-Z0-9]|\[:[a-z]{0,6}:\]){0,24}"#
        ) {
            if let Ok(translated) = super::translate::translate(&pattern) {
                let built = regex::RegexBuilder::new(&translated).nest_limit(1000).build();
                let fine = matches!(built, Ok(_) | Err(regex::Error::CompiledTooBig(_)));
                prop_assert!(fine, "{pattern:?} became {translated:?}: {built:?}");
            }
        }

        #[test]
        fn escaped_text_matches_itself(text in "\\PC{0,20}") {
            let quoted = regex::escape(&text);
            prop_assert!(compile_anchored(&quoted).unwrap().is_match(&text));
        }
    }
}
