//! Which words bash and the programs it starts evaluate.
//!
//! In: commands as their words. Out: nothing, or the reason for which a value may not stand there.
//! Names that values are given to are followed through plain assignments.

use std::collections::BTreeSet;

use super::command::{Command, RESERVED, VALUE, Word, is_name};
use crate::script::Refused;

pub(super) fn refused(line: usize, message: &str, help: &str) -> Refused {
    Refused { line, message: message.to_owned(), help: Some(help.to_owned()) }
}

/// Programs that start the program their words name.
const WRAPPERS: &[&str] = &[
    "sudo", "doas", "env", "exec", "command", "builtin", "nohup", "nice", "ionice", "timeout",
    "xargs", "stdbuf", "setsid", "time", "chroot", "flock", "watch", "parallel", "chrt", "taskset",
    "unshare", "nsenter", "runuser", "su", "script", "strace",
];
/// Builtins that evaluate all their words.
const EVALUATORS: &[&str] = &["eval", "source", ".", "trap", "let", "alias", "complete", "bind"];
/// Builtins whose words are names of variables, which bash computes.
const NAMES: &[&str] = &["unset", "read", "mapfile", "readarray", "getopts", "wait"];
/// Builtins that declare.
const DECLARE: &[&str] = &["declare", "typeset", "local", "export", "readonly"];
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "busybox"];
/// Interpreters, and the options after which a word is code.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("perl", &["-e", "-E", "-n", "-ne", "-pe", "-lne", "-lane", "-ple"]),
    ("ruby", &["-e", "-ne", "-pe"]),
    ("node", &["-e", "-p", "--eval", "--print"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("psql", &["-c", "--command"]),
    ("mysql", &["-e", "--execute"]),
    ("mariadb", &["-e", "--execute"]),
    ("sqlite3", &["-cmd"]),
    ("tclsh", &[]),
    ("bc", &["-e"]),
    ("dc", &["-e"]),
    ("gdb", &["-ex"]),
    ("at", &[]),
    ("batch", &[]),
    ("crontab", &[]),
];
/// Programs whose first plain word is code.
const FILTERS: &[(&str, &str)] = &[
    ("awk", "give it as a variable: awk -v name={{ … }}"),
    ("gawk", "give it as a variable: gawk -v name={{ … }}"),
    ("mawk", "give it as a variable: mawk -v name={{ … }}"),
    ("sed", "bash can do it: ${text//from/to}"),
    ("jq", "give it as a variable: jq --arg name {{ … }}"),
    ("yq", "give it as a variable"),
];

/// How a word of a command stands that may name a program.
#[derive(Clone, Copy)]
struct Role {
    /// It is the first.
    first: bool,
    /// It is surely run.
    runs: bool,
    /// Something goes into its standard input.
    fed: bool,
    /// A value goes into its standard input.
    given: bool,
}

/// What is known of a script so far.
#[derive(Default)]
pub(super) struct Rules {
    /// A function was defined: its parameters may be values.
    pub(super) has_functions: bool,
    /// Names bash computes with.
    computed: Vec<(usize, String)>,
    /// Names whose content is evaluated.
    evaluated: Vec<(usize, String)>,
    /// Names that have values.
    given: BTreeSet<String>,
    /// Names, and the names they were given the content of.
    copies: Vec<(String, Vec<String>)>,
    values: bool,
    after_pipe: bool,
}

/// Variables that make code of what they hold, or say where programs find theirs.
fn leads_to_code(name: &str) -> bool {
    const PREFIXES: &[&str] = &["LD_", "BASH_", "PYTHON", "PERL5", "GIT_"];
    const NAMES: &[&str] = &[
        "ENV",
        "PATH",
        "PS4",
        "PROMPT_COMMAND",
        "SHELLOPTS",
        "IFS",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "RUBYOPT",
        "RUBYLIB",
        "NODE_OPTIONS",
        "NODE_PATH",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Builtins that take words that begin with `-` as they are, where values stand.
const TAKE_ALL: &[&str] = &["echo", "printf", ":", "true", "false", "set", "return", "exit"];

const PLAIN: &str = "name the program in the script and give the value as one of its words";
/// A word that begins with `-` is an option to most programs, and some options name programs to run.
fn options(words: &[Word]) -> Result<(), Refused> {
    if TAKE_ALL.contains(&words[0].program()) {
        return Ok(());
    }
    for word in &words[1..] {
        if word.text == "--" {
            return Ok(());
        }
        if word.option {
            let help = "write -- before it, or --option={{ … }}";
            return Err(refused(word.line, "a value begins with - and would be an option", help));
        }
    }
    Ok(())
}

const CODE: &str = "give it as a word after the code, where the code reads it as $1 or the like";

impl Rules {
    pub(super) fn computes(&mut self, line: usize, name: String) {
        self.computed.push((line, name));
    }

    fn evaluates(&mut self, word: &Word) {
        self.evaluated.extend(word.names.iter().map(|name| (word.line, name.clone())));
    }

    fn give(&mut self, name: &str, depends: bool, names: &[String]) {
        if depends {
            self.given.insert(name.to_owned());
        } else if !names.is_empty() {
            self.copies.push((name.to_owned(), names.to_vec()));
        }
    }

    /// The name of a function.
    pub(super) fn function(&mut self, command: &Command) -> Result<(), Refused> {
        match command.words.iter().find(|word| word.value) {
            Some(word) => Err(refused(word.line, "a value is the name of a function", PLAIN)),
            None => Ok(()),
        }
    }

    /// A complete command and the sign after it.
    pub(super) fn command(&mut self, command: &mut Command, sign: &str) -> Result<(), Refused> {
        let piped = std::mem::replace(&mut self.after_pipe, sign == "|");
        let words = &command.words;
        self.values |= command.fed || words.iter().any(Word::depends);
        if command.elements {
            return Ok(());
        }
        let mut start = 0;
        while let Some(word) = words.get(start) {
            if RESERVED.contains(&word.text.as_str()) && !word.quoted {
                start += 1;
            } else if let Some((name, _)) = word.assigned() {
                self.assignment(word, name)?;
                start += 1;
            } else {
                break;
            }
        }
        let Some(first) = words.get(start) else { return Ok(()) };
        let words = &words[start..];
        match first.text.as_str() {
            "for" | "select" => return self.each(words),
            "case" => return Ok(()),
            "function" => {
                self.has_functions = true;
                return self.function(command);
            }
            "[[" => return self.test(words, true),
            "[" | "test" => return self.test(words, false),
            _ => {}
        }
        if words[0].value {
            return Err(refused(first.line, "a value is the name of a command", PLAIN));
        }
        self.evaluates(first);
        options(words)?;
        self.wrapped(words)?;
        let starts = |word: &Word| WRAPPERS.contains(&word.program());
        let wrapper =
            starts(&words[0]) || ["ssh", "docker", "kubectl"].contains(&words[0].program());
        for at in 0..words.len() {
            let role = Role {
                first: at == 0,
                runs: at == 0 || wrapper,
                fed: piped || command.fed,
                given: command.fed,
            };
            self.program(&words[at..], role)?;
        }
        Ok(())
    }

    fn assignment(&mut self, word: &Word, name: &str) -> Result<(), Refused> {
        let head = word.text.split('=').next().unwrap_or_default();
        if head.contains(VALUE) {
            let help = "write the name of the variable in the script";
            return Err(refused(word.line, "a value is the name of a variable", help));
        }
        if word.depends() && leads_to_code(name) {
            return Err(refused(word.line, &format!("a value is given to {name}"), PLAIN));
        }
        self.give(name, word.depends(), &word.names);
        Ok(())
    }

    fn each(&mut self, words: &[Word]) -> Result<(), Refused> {
        let Some(name) = words.get(1) else { return Ok(()) };
        if name.value {
            let help = "write the name of the variable in the script";
            return Err(refused(name.line, "a value is the name of a variable", help));
        }
        let depends = words.iter().skip(2).any(Word::depends);
        let names: Vec<String> = words.iter().skip(2).flat_map(|w| w.names.clone()).collect();
        self.give(&name.text.clone(), depends, &names);
        Ok(())
    }

    /// `[ … ]` looks into indices after `-v`; `[[ … ]]` computes what it compares as numbers.
    fn test(&mut self, words: &[Word], computes: bool) -> Result<(), Refused> {
        for (at, word) in words.iter().enumerate() {
            let sign = word.text.as_str();
            let both = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(&sign) && computes;
            if !(both || matches!(sign, "-v" | "-R")) {
                continue;
            }
            let before = at.checked_sub(1).filter(|_| both).and_then(|at| words.get(at));
            for side in before.into_iter().chain(words.get(at + 1)) {
                if side.depends() {
                    let help = "compare numbers with [ … ], or write {{ … | int }}";
                    return Err(refused(side.line, "bash would evaluate this value", help));
                }
                if is_name(&side.text) {
                    self.computes(side.line, side.text.clone());
                }
                for name in &side.names {
                    self.computes(side.line, name.clone());
                }
            }
        }
        Ok(())
    }

    /// The word that names the program behind `sudo`, `env` and the like.
    fn wrapped(&mut self, words: &[Word]) -> Result<(), Refused> {
        let mut inside = false;
        for word in words {
            if WRAPPERS.contains(&word.program()) {
                inside = true;
            } else if !inside {
                return Ok(());
            } else if word.value
                && word.assigned().is_none_or(|(name, v)| v.is_empty() || leads_to_code(name))
            {
                return Err(refused(word.line, "a value is the name of a command", PLAIN));
            } else {
                let number = |c: char| c.is_ascii_digit() || "smhd.".contains(c);
                let option = word.text.starts_with('-') || word.assigned().is_some();
                if !option && !word.text.chars().all(number) {
                    self.evaluates(word);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Words from one on that may name a program.
    fn program(&mut self, words: &[Word], role: Role) -> Result<(), Refused> {
        let Role { first, runs, fed, given } = role;
        let name = words[0].program().to_owned();
        let name = name.as_str();
        let arguments = &words[1..];
        if first && EVALUATORS.contains(&name) {
            return self.code(
                arguments.iter(),
                &format!("{name} would evaluate this value"),
                PLAIN,
            );
        }
        if first && NAMES.contains(&name) {
            return self.variables(name, arguments);
        }
        if first && DECLARE.contains(&name) {
            return self.declaration(arguments);
        }
        if first && name == "printf" {
            let at = arguments.iter().position(|word| word.text == "-v");
            if let Some(target) = at.and_then(|at| arguments.get(at + 1)) {
                self.code([target].into_iter(), "a value is the name of a variable", PLAIN)?;
                let depends = arguments.iter().any(Word::depends);
                let names: Vec<String> = arguments.iter().flat_map(|w| w.names.clone()).collect();
                self.give(&target.text.clone(), depends, &names);
            }
            return Ok(());
        }
        if matches!(name, "-exec" | "-execdir" | "-ok" | "-okdir") {
            return self.code(arguments.iter().take(1), "a value is the name of a command", PLAIN);
        }
        if name == "ssh" && runs {
            // A host may be a value; options, and what could belong to one, may not.
            let plain = |word: &Word| !word.text.starts_with('-') && !word.text.contains('=');
            let host = arguments.iter().position(plain);
            let rest = arguments.iter().enumerate().filter(|(at, _)| Some(*at) != host);
            let rest = rest.map(|(_, word)| word);
            let help = "use the ssh provider, or give it by standard input to a program there";
            self.code(rest, "the shell of the other machine would evaluate this value", help)?;
        }
        if let Some((_, help)) = FILTERS.iter().find(|(known, _)| *known == name)
            && runs
        {
            return self.filter(name, arguments, help);
        }
        let shell = SHELLS.contains(&name);
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let options = INTERPRETERS.iter().find(|(known, _)| *known == plain || *known == name);
        if !shell && options.is_none() {
            return Ok(());
        }
        let message = format!("{name} would evaluate this value");
        let is_code = |option: &str| match options {
            Some((_, options)) => options.contains(&option),
            None => option.starts_with('-') && !option.starts_with("--") && option.contains('c'),
        };
        for (at, word) in arguments.iter().enumerate() {
            let glued = word.text.split_once('=').is_some_and(|(option, _)| is_code(option));
            if glued {
                self.code([word].into_iter(), &message, CODE)?;
            }
            if is_code(&word.text) {
                return self.code(arguments.iter().skip(at + 1).take(1), &message, CODE);
            }
        }
        if !runs {
            return Ok(());
        }
        let file = arguments.iter().find(|word| !word.text.starts_with('-'));
        if let Some(file) = file.filter(|_| shell) {
            self.code([file].into_iter(), &message, CODE)?;
        }
        let reads = file.is_none() || arguments.iter().any(|word| word.text == "-s");
        let database =
            matches!(name, "psql" | "mysql" | "mariadb" | "sqlite3" | "at" | "batch" | "crontab");
        if (fed && self.values && (reads || database)) || (given && database) {
            return Err(refused(words[0].line, &format!("{name} would read values as code"), CODE));
        }
        Ok(())
    }

    /// Refuses values in words that are evaluated.
    fn code<'w>(
        &mut self,
        words: impl Iterator<Item = &'w Word>,
        message: &str,
        help: &str,
    ) -> Result<(), Refused> {
        for word in words {
            if word.depends() {
                return Err(refused(word.line, message, help));
            }
            self.evaluates(word);
        }
        Ok(())
    }

    /// What `read` and the like fill may be a value.
    fn variables(&mut self, name: &str, arguments: &[Word]) -> Result<(), Refused> {
        for word in arguments {
            if word.value {
                return Err(refused(word.line, "a value is the name of a variable", PLAIN));
            }
            if name != "unset" && is_name(&word.text) {
                self.copies.push((word.text.clone(), vec!["@".to_owned()]));
            }
        }
        Ok(())
    }

    fn declaration(&mut self, arguments: &[Word]) -> Result<(), Refused> {
        let computes = arguments
            .iter()
            .any(|word| word.text.starts_with('-') && word.text.contains(['i', 'n', 'a', 'A']));
        for word in arguments {
            match word.assigned() {
                Some((name, _)) => {
                    let name = name.to_owned();
                    if word.depends() && computes {
                        return Err(refused(word.line, "bash would evaluate this value", PLAIN));
                    }
                    self.assignment(word, &name)?;
                    if computes {
                        self.evaluates(word);
                    }
                }
                None if word.depends() => {
                    return Err(refused(word.line, "a value is the name of a variable", PLAIN));
                }
                None if computes => self.computes(word.line, word.text.clone()),
                None => {}
            }
        }
        Ok(())
    }

    fn filter(&mut self, name: &str, arguments: &[Word], help: &str) -> Result<(), Refused> {
        let message = format!("{name} would evaluate this value");
        let mut skip = 0;
        let mut has_code = false;
        for word in arguments {
            let option = word.text.as_str();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            match option {
                "-v" | "-F" | "-f" | "--file" => skip = 1,
                "--arg" | "--argjson" | "--slurpfile" | "--rawfile" => skip = 2,
                "-e" | "--expression" => has_code = false,
                _ if option.starts_with("-v") || option.starts_with("-F") => {}
                _ if option.starts_with('-') && !word.depends() => {}
                _ if has_code => {}
                _ => {
                    self.code([word].into_iter(), &message, help)?;
                    has_code = true;
                }
            }
        }
        Ok(())
    }

    /// What can only be said when all names are known.
    pub(super) fn at_the_end(&mut self, values: bool) -> Result<(), Refused> {
        if !values || !self.values {
            return Ok(());
        }
        // What functions and scripts get, and what `read` reads.
        self.given.extend(["@", "*", "REPLY", "MAPFILE"].map(str::to_owned));
        self.given.extend((1..10).map(|n: u8| n.to_string()));
        loop {
            let known = self.given.len();
            for (name, of) in &self.copies {
                if of.iter().any(|name| self.given.contains(name)) {
                    self.given.insert(name.clone());
                }
            }
            if self.given.len() == known {
                break;
            }
        }
        if let Some((line, name)) = self.computed.iter().find(|(_, name)| self.given.contains(name))
        {
            let message = format!("bash would compute {name}, which may hold a value");
            let help = "make it a number where it comes from: {{ … | int }}";
            return Err(refused(*line, &message, help));
        }
        if let Some((line, name)) =
            self.evaluated.iter().find(|(_, name)| self.given.contains(name))
        {
            let message = format!("the content of {name}, which may hold a value, would be run");
            return Err(refused(*line, &message, PLAIN));
        }
        Ok(())
    }
}
