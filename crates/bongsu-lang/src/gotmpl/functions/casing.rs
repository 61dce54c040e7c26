//! Go's case mappings: one character to one character, and title case by words.

/// `strings.ToUpper`: characters whose capital is several characters stay (`ß`).
pub(super) fn upper(text: &str) -> String {
    text.chars().map(|c| single(c.to_uppercase(), c)).collect()
}

/// `strings.ToLower`.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

fn lower_char(c: char) -> char {
    if c == 'İ' { 'i' } else { single(c.to_lowercase(), c) }
}

fn single(mut mapped: impl Iterator<Item = char>, otherwise: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(c), None) => c,
        _ => otherwise,
    }
}

/// Capitalises the first letter of every word and lowers the rest, as `x/text`'s title caser for
/// English does. Words go on over digits, underscores and single inner `.`, `:`, `'`.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut joint) = (false, false);
    for c in text.chars() {
        let is_joint = matches!(c, '.' | ':' | '\'' | '·' | '’' | '‘' | '․' | '﹒' | '．');
        if is_joint && joint {
            inside = false;
        }
        joint = is_joint;
        if is_cased(c) {
            if inside {
                out.extend(c.to_lowercase());
            } else {
                push_title(c, &mut out);
                inside = true;
            }
            continue;
        }
        out.push(c);
        if !is_joint && !is_word(c) {
            inside = false;
        }
    }
    out
}

/// Capitalises the first letter of every word and leaves the rest, as Go's `strings.Title` does.
pub(super) fn first_letters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for c in text.chars() {
        let part = c.is_alphanumeric() || c == '_';
        if begins && part {
            push_title(c, &mut out);
        } else {
            out.push(c);
        }
        begins = !part && (c.is_ascii() || c.is_whitespace());
    }
    out
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}')
}

fn push_title(c: char, out: &mut String) {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => out.push('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => out.push('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => out.push('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => out.push('ǲ'),
        // Georgian letters have capitals but are not capitalised in titles.
        '\u{10d0}'..='\u{10ff}' => out.push(c),
        c => {
            let mut mapped = c.to_uppercase();
            out.extend(mapped.next());
            out.extend(mapped.flat_map(char::to_lowercase));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{first_letters, lower, title, upper};

    #[test]
    fn first_letters_only() {
        for (text, want) in
            [("aa bb CC", "Aa Bb CC"), ("a-b_c 1d", "A-B_c 1d"), ("한글 é", "한글 É")]
        {
            assert_eq!(first_letters(text), want);
        }
    }

    #[test]
    fn cases() {
        assert_eq!((upper("éß ǆ"), lower("ÀÉİ")), ("Éß Ǆ".to_owned(), "àéi".to_owned()));
        for (text, want) in [
            ("", ""),
            ("hello WORLD", "Hello World"),
            ("élan vital", "Élan Vital"),
            ("ǆ", "ǅ"),
            ("한글 test", "한글 Test"),
            ("o'neil won't", "O'neil Won't"),
            ("foo-bar foo_bar", "Foo-Bar Foo_bar"),
            ("node.cpu job:rate5m", "Node.cpu Job:rate5m"),
            ("end. next", "End. Next"),
            ("ßa", "Ssa"),
        ] {
            assert_eq!(title(text), want);
        }
    }
}
