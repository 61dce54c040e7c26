//! Shortening of rendered text to what a receiver accepts.
//!
//! In: any text and a limit. Out: the text, or its longest beginning that fits together with the
//! marker `…`, and whether something was cut. A character is never split.
//! Source of the rule: Alertmanager `notify/util.go`.

use std::borrow::Cow;

/// What stands for the cut part: one character, three bytes.
pub const MARKER: &str = "…";

/// Shortens to at most `limit` characters (code points).
///
/// The marker counts as one of them; limits up to three leave no room for it and cut plainly.
pub fn truncate_runes(text: &str, limit: usize) -> (Cow<'_, str>, bool) {
    // A text of `limit` bytes cannot have more characters: the usual case needs no count.
    if text.len() <= limit || text.char_indices().nth(limit).is_none() {
        return (Cow::Borrowed(text), false);
    }
    if limit <= 3 {
        return (Cow::Borrowed(head_runes(text, limit)), true);
    }
    (Cow::Owned(format!("{}{MARKER}", head_runes(text, limit - 1))), true)
}

/// Shortens to at most `limit` bytes of UTF-8.
///
/// The marker counts as three bytes; below that, dots show that something was cut.
pub fn truncate_bytes(text: &str, limit: usize) -> (Cow<'_, str>, bool) {
    if text.len() <= limit {
        return (Cow::Borrowed(text), false);
    }
    if limit < MARKER.len() {
        return (Cow::Owned(".".repeat(limit)), true);
    }
    (Cow::Owned(format!("{}{MARKER}", head_bytes(text, limit - MARKER.len()))), true)
}

/// The longest beginning of at most `limit` bytes that ends between characters.
pub(crate) fn head_bytes(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The first `count` characters.
pub(crate) fn head_runes(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_between_characters() {
        type Cut = fn(&str, usize) -> (Cow<'_, str>, bool);
        let cases: &[(Cut, &str, usize, &str, bool)] = &[
            (truncate_runes, "디스크 사용량이 높습니다", 20, "디스크 사용량이 높습니다", false),
            (truncate_runes, "디스크 사용량이 높습니다", 13, "디스크 사용량이 높습니다", false),
            (truncate_runes, "디스크 사용량이 높습니다", 12, "디스크 사용량이 높습…", true),
            (truncate_runes, "디스크 사용량이", 4, "디스크…", true),
            (truncate_runes, "디스크 사용량이", 3, "디스크", true),
            (truncate_runes, "디스크", 0, "", true),
            (truncate_bytes, "디스크", 9, "디스크", false),
            (truncate_bytes, "디스크", 8, "디…", true),
            (truncate_bytes, "디스크", 5, "…", true),
            (truncate_bytes, "디스크", 3, "…", true),
            (truncate_bytes, "디스크", 2, "..", true),
            (truncate_bytes, "디스크", 0, "", true),
        ];
        for (cut, text, limit, expected, truncated) in cases {
            assert_eq!(cut(text, *limit), ((*expected).into(), *truncated), "{text} to {limit}");
        }
    }

    proptest! {
        #[test]
        fn fits_and_keeps_the_beginning(text in "\\PC{0,40}", limit in 0usize..50) {
            let (runes, cut) = truncate_runes(&text, limit);
            prop_assert!(runes.chars().count() <= limit);
            prop_assert_eq!(cut, text.chars().count() > limit);
            prop_assert!(text.starts_with(runes.trim_end_matches('…')) || text.contains('…'));
            let (bytes, cut) = truncate_bytes(&text, limit);
            prop_assert!(bytes.len() <= limit);
            prop_assert_eq!(cut, text.len() > limit);
        }
    }
}
