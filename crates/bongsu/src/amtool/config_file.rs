//! Defaults for flags from amtool's configuration files.

use std::path::{Path, PathBuf};

use bongsu_lang::yaml::{self, Kind};

/// `flag: value` pairs of `$HOME/.config/amtool/config.yml`, then `/etc/amtool/config.yml`; the
/// first file that sets a flag wins. Missing files are fine.
pub(super) fn load() -> Result<Vec<(String, String)>, String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let files = home
        .map(|home| home.join(".config/amtool/config.yml"))
        .into_iter()
        .chain([PathBuf::from("/etc/amtool/config.yml")]);
    let mut found = Vec::new();
    for file in files {
        match std::fs::read_to_string(&file) {
            Ok(text) => merge(&mut found, parse(&text)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("open {}: {e}", Path::new(&file).display())),
        }
    }
    Ok(found)
}

fn merge(found: &mut Vec<(String, String)>, more: Vec<(String, String)>) {
    for (name, value) in more {
        if !found.iter().any(|(n, _)| *n == name) {
            found.push((name, value));
        }
    }
}

fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let Some(node) = yaml::parse(text, &yaml::Limits::default()).map_err(|e| e.to_string())? else {
        return Ok(Vec::new());
    };
    let mismatch = |line: usize, what: &str, into: &str| {
        format!("yaml: unmarshal errors:\n  line {line}: cannot unmarshal {what} into {into}")
    };
    let Kind::Mapping(entries) = &node.kind else {
        if node.is_null() {
            return Ok(Vec::new());
        }
        return Err(mismatch(node.place.line, "!!seq", "map[string]string"));
    };
    let mut pairs = Vec::new();
    for entry in entries {
        let line = entry.value.place.line;
        let value = match &entry.value.kind {
            Kind::Scalar { text, .. } => text.to_string(),
            Kind::Sequence(_) => return Err(mismatch(line, "!!seq", "string")),
            Kind::Mapping(_) => return Err(mismatch(line, "!!map", "string")),
        };
        pairs.push((entry.key.text().unwrap_or_default().to_owned(), value));
    }
    // The old name counts only where the new one is not set.
    let renamed = pairs.iter().any(|(name, _)| name == "require-comment");
    pairs.retain_mut(|(name, _)| {
        if name == "comment_required" {
            *name = "require-comment".into();
            return !renamed;
        }
        true
    });
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn pairs_and_mistakes() {
        for (text, want) in [
            ("", Ok(vec![])),
            ("output: json\ntimeout: 5s", Ok(vec![("output", "json"), ("timeout", "5s")])),
            ("comment_required: false", Ok(vec![("require-comment", "false")])),
            (
                "comment_required: false\nrequire-comment: true",
                Ok(vec![("require-comment", "true")]),
            ),
            (
                "output: [1]",
                Err("yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into string"),
            ),
        ] {
            let want: Result<Vec<(String, String)>, String> = want
                .map(|pairs| pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect())
                .map_err(str::to_owned);
            assert_eq!(parse(text), want, "{text}");
        }
    }
}
