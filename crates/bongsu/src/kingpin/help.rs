//! Help text in two columns, from the [`Command`] tree.

use std::fmt::Write;

use super::{Arguments, Command, Flag, Kind};

const WIDTH: usize = 80;

/// Help for the command found by walking `path` from `program`; unknown names stop the walk.
pub(crate) fn usage(program: &'static Command, shown_name: &str, path: &[&str]) -> String {
    let mut chain = vec![program];
    for name in path {
        let here = chain[chain.len() - 1];
        let Some(next) = here.commands.iter().find(|c| c.name == *name) else { break };
        chain.push(next);
    }
    let here = chain[chain.len() - 1];
    let mut out = String::new();
    let mut line = format!("usage: {shown_name}");
    for command in &chain[1..] {
        let _ = write!(line, " {}", command.name);
    }
    line.push_str(&signature(here, chain.len() == 1));
    let _ = writeln!(out, "{line}\n\n{}\n", here.help.trim_end());
    out.push_str("Flags:\n");
    let mut rows = vec![("  -h, --help".to_owned(), "Show this help.".to_owned())];
    rows.extend(chain[0].flags.iter().filter_map(flag_row));
    rows.push(("      --version".into(), "Show the version and exit.".into()));
    rows.extend(chain[1..].iter().flat_map(|c| c.flags).filter_map(flag_row));
    columns(&rows, &mut out);
    if let Some(arguments) = &here.arguments {
        out.push_str("\nArgs:\n");
        let name = format!("  [<{}>]", arguments.name);
        columns(&[(name, arguments.help.to_owned())], &mut out);
    }
    if !here.commands.is_empty() {
        out.push_str("\nCommands:\n");
        if chain.len() == 1 {
            out.push_str("  help [<command>...]\n");
        }
        list(here.commands, 1, &mut out);
    }
    out.push('\n');
    out
}

fn list(commands: &'static [Command], depth: usize, out: &mut String) {
    for command in commands {
        let mark = if command.default { "*" } else { "" };
        let _ = writeln!(
            out,
            "{:indent$}{}{mark}{}",
            "",
            command.name,
            if command.commands.is_empty() { signature(command, false) } else { String::new() },
            indent = depth * 2
        );
        list(command.commands, depth + 1, out);
    }
}

fn signature(command: &Command, program: bool) -> String {
    let mut out = String::new();
    for flag in command.flags.iter().filter(|f| f.required) {
        let _ = write!(out, " --{}={}", flag.long, flag.long.to_uppercase());
    }
    if program || command.flags.iter().any(|f| !f.required && !f.help.is_empty()) {
        out.push_str(" [<flags>]");
    }
    if !command.commands.is_empty() {
        out.push_str(" <command> [<args> ...]");
    }
    if let Some(Arguments { name, many, .. }) = &command.arguments {
        let _ = write!(out, " [<{name}>{}]", if *many { "..." } else { "" });
    }
    out
}

fn flag_row(flag: &Flag) -> Option<(String, String)> {
    if flag.help.is_empty() {
        return None;
    }
    let mut left = match flag.short {
        Some(short) => format!("  -{short}, --{}", flag.long),
        None => format!("      --{}", flag.long),
    };
    match (flag.kind, flag.default) {
        (Kind::Switch, _) => {}
        (Kind::Text | Kind::Texts | Kind::ExistingFile, Some(value)) => {
            let _ = write!(left, "=\"{value}\"");
        }
        (_, Some(value)) => {
            let _ = write!(left, "={value}");
        }
        (_, None) => {
            let _ = write!(left, "={}", flag.long.to_uppercase());
        }
    }
    if flag.kind == Kind::Texts {
        left.push_str(" ...");
    }
    Some((left, flag.help.to_owned()))
}

/// Two columns; a left cell wider than the column stands on its own line.
fn columns(rows: &[(String, String)], out: &mut String) {
    let cut = (WIDTH * 2 / 5).min(33);
    let widest = rows.iter().map(|(l, _)| l.chars().count() + 2).filter(|w| *w <= cut).max();
    let left = widest.unwrap_or(cut).max(12);
    for (name, text) in rows {
        let lines = wrap(text, WIDTH - left);
        let mut lines = lines.iter();
        if name.chars().count() + 2 > left {
            let _ = writeln!(out, "{name}");
        } else {
            let first = lines.next().map(String::as_str).unwrap_or_default();
            let _ = writeln!(out, "{}", format!("{name:left$}{first}").trim_end());
        }
        for line in lines {
            let _ = writeln!(out, "{:left$}{line}", "");
        }
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
