//! A command as its words, as far as they are known.

/// Stands in the text of a word for a value.
pub(super) const VALUE: char = '\0';
/// Stands in the text of a word for what bash puts there.
const UNKNOWN: char = '\u{1}';

pub(super) const RESERVED: &[&str] = &[
    "if", "then", "elif", "else", "do", "while", "until", "!", "time", "{", "}", "coproc", "done",
    "fi", "esac",
];

/// A word of a command.
pub(super) struct Word {
    pub(super) line: usize,
    /// Its text, as far as it is known.
    pub(super) text: String,
    /// Has quotes in it.
    pub(super) quoted: bool,
    /// Depends on values by what is inside it.
    pub(super) derived: bool,
    /// It begins with a value that begins with `-`.
    pub(super) option: bool,
    /// A value that is no number stands in it.
    pub(super) value: bool,
    /// Variables in it.
    pub(super) names: Vec<String>,
}

impl Word {
    pub(super) fn new(line: usize) -> Self {
        let (text, names) = (String::new(), Vec::new());
        Self { line, text, quoted: false, derived: false, option: false, value: false, names }
    }

    pub(super) fn literal(line: usize, sign: char) -> Self {
        Self { text: sign.to_string(), ..Self::new(line) }
    }

    /// A value; whether it is a number, whether it begins with `-`.
    pub(super) fn value(&mut self, number: bool, dash: bool) {
        self.option |= dash && !number && self.text.is_empty();
        self.text.push(if number { UNKNOWN } else { VALUE });
        self.value |= !number;
    }

    pub(super) fn dynamic(&mut self) {
        self.text.push(UNKNOWN);
    }

    pub(super) fn uses(&mut self, name: String) {
        self.text.push(UNKNOWN);
        self.names.push(name);
    }

    /// Before `<` and `>`: the number of a descriptor.
    pub(super) fn is_number(&self) -> bool {
        !self.quoted && !self.text.is_empty() && self.text.chars().all(|c| c.is_ascii_digit())
    }

    /// `name=` or `name+=`, before `(`.
    pub(super) fn is_assignment_head(&self) -> bool {
        self.assigned().is_some_and(|(_, value)| value.is_empty())
    }

    /// `name[`
    pub(super) fn opens_subscript(&self) -> bool {
        let Some((name, index)) = self.text.split_once('[') else { return false };
        !self.quoted && is_name(name) && !index.contains(']')
    }

    /// The name and the value of an assignment.
    pub(super) fn assigned(&self) -> Option<(&str, &str)> {
        let (head, value) = self.text.split_once('=')?;
        let head = head.strip_suffix('+').unwrap_or(head);
        let name = head.split('[').next().unwrap_or(head);
        is_name(name).then_some((name, value))
    }

    /// Whether values decide what it is.
    pub(super) fn depends(&self) -> bool {
        self.value || self.derived
    }

    /// Its text without the folders before it.
    pub(super) fn program(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A command so far.
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// Values go into its standard input.
    pub(super) fed: bool,
    /// The next word is no argument: the target of a redirection; of `<<<` if true.
    target: Option<bool>,
    /// Of an array: its words are no commands.
    pub(super) elements: bool,
}

impl Command {
    pub(super) fn new(elements: bool) -> Self {
        Self { words: Vec::new(), fed: false, target: None, elements }
    }

    pub(super) fn push(&mut self, word: Word) {
        match self.target.take() {
            Some(string) => self.fed |= string && word.depends(),
            None => self.words.push(word),
        }
    }

    pub(super) fn expect_target(&mut self, string: bool) {
        self.target = Some(string);
    }

    /// Inside `[[ … ]]`.
    pub(super) fn in_test(&self) -> bool {
        let start = self.words.iter().position(|w| !RESERVED.contains(&w.text.as_str()));
        start.is_some_and(|at| {
            let words = &self.words[at..];
            words[0].text == "[[" && !words.iter().any(|word| word.text == "]]")
        })
    }

    /// Whether `((` would compute here.
    pub(super) fn may_compute(&self) -> bool {
        !self.elements
            && self.words.iter().all(|w| w.text == "for" || RESERVED.contains(&w.text.as_str()))
    }
}
