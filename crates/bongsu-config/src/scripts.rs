//! `scripts.yaml`: whether workflows may run scripts of bash and Python, and what these may do.
//!
//! In: the text of the file. Out: [`ScriptSettings`], or every mistake with its place. Without a file
//! no script runs.
//!
//! ```yaml
//! enabled: true
//! sandbox: auto            # or bubblewrap, landlock, none
//! network: false
//! readable: [/srv/tools]   # besides the system's programs and libraries
//! writable: []
//! parallel: 4              # scripts at once
//! limits: {time: 60s, cpu: 60s, memory: 1GiB, processes: 64, output: 1MiB, file: 64MiB}
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::{self, Kind, Limits as Cost, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};

/// Codes of this module's diagnostics; `docs/diagnostics.md` explains them.
pub mod codes {
    /// Not YAML, or too much of it.
    pub const SYNTAX: &str = "BS2401";
    /// A value of the wrong shape.
    pub const TYPE: &str = "BS2402";
    /// A key nobody knows, or one that stands twice.
    pub const KEY: &str = "BS2403";
    /// A value its own rule does not accept.
    pub const REFUSED: &str = "BS2404";
    /// Warning: scripts run unconfined.
    pub const UNCONFINED: &str = "BS2421";
}

/// What a file may cost.
const COST: Cost = Cost { bytes: 1 << 20, depth: 10, nodes: 10_000 };

const TOP: &[&str] =
    &["enabled", "sandbox", "network", "readable", "writable", "parallel", "limits"];
const LIMITS: &[&str] = &["time", "cpu", "memory", "processes", "output", "file"];

/// Whether and how scripts run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSettings {
    /// Off unless the operator says so.
    pub enabled: bool,
    /// What confines them.
    pub sandbox: SandboxChoice,
    /// Whether they may use the network.
    pub network: bool,
    /// Absolute paths they may read besides the system's.
    pub readable: Vec<PathBuf>,
    /// Absolute paths they may change.
    pub writable: Vec<PathBuf>,
    /// Scripts at once; the others wait.
    pub parallel: usize,
    /// What one may use.
    pub limits: Limits,
}

/// What confines scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxChoice {
    /// Bubblewrap, else Landlock, else scripts are refused.
    #[default]
    Auto,
    /// Only this.
    Bubblewrap,
    /// Only this.
    Landlock,
    /// Nothing: they may do what the server's user may.
    None,
}

/// What one script may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From start to end.
    pub time: Duration,
    /// Processor time of each process; whole seconds.
    pub cpu: Duration,
    /// Bytes of address space of each process.
    pub memory: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Bytes kept of each output; the rest is read and dropped.
    pub output: u64,
    /// Bytes of each file it writes, and of `/tmp` where it has its own.
    pub file: u64,
}

impl Default for ScriptSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            sandbox: SandboxChoice::Auto,
            network: false,
            readable: Vec::new(),
            writable: Vec::new(),
            parallel: 4,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            time: minute,
            cpu: minute,
            memory: 1 << 30,
            processes: 64,
            output: 1 << 20,
            file: 64 << 20,
        }
    }
}

/// Reads a file. Warnings come beside the settings.
///
/// # Errors
/// All mistakes; then nothing is enabled.
pub fn load(source: &Arc<Source>) -> Result<(ScriptSettings, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = Arc::clone(source);
    let mut settings = ScriptSettings::default();
    let root = match yaml::parse(&source.text, &COST) {
        Ok(Some(root)) if !root.is_null() => root,
        Ok(_) => return Ok((settings, Vec::new())),
        Err(error) => {
            let place = Place { source, line: error.line, column: error.column };
            return Err(vec![Diagnostic::error(codes::SYNTAX, error.message).at(Some(place))]);
        }
    };
    let mut reader = Reader { source, found: Vec::new(), warnings: Vec::new() };
    for (key, value) in reader.pairs(&root, TOP) {
        match key.as_str() {
            "enabled" => reader.flag(&value, &mut settings.enabled),
            "network" => reader.flag(&value, &mut settings.network),
            "sandbox" => reader.sandbox(&value, &mut settings.sandbox),
            "readable" => settings.readable = reader.paths(&value),
            "writable" => settings.writable = reader.paths(&value),
            "parallel" => {
                if let Some(number) = reader.whole(&value, 1..=1000) {
                    settings.parallel = number as usize;
                }
            }
            _ => reader.limits(&value, &mut settings.limits),
        }
    }
    if settings.enabled && settings.sandbox == SandboxChoice::None {
        let text = "scripts may do whatever the user of this server may";
        let place = root.get("sandbox").map(|node| reader.place(node));
        let help = "take sandbox: auto and install bubblewrap";
        reader.warnings.push(Diagnostic::warning(codes::UNCONFINED, text).at(place).help(help));
    }
    if reader.found.is_empty() { Ok((settings, reader.warnings)) } else { Err(reader.found) }
}

struct Reader {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Reader {
    fn place(&self, node: &Node) -> Place {
        let (line, column) = (node.place.line, node.place.column);
        Place { source: Arc::clone(&self.source), line, column }
    }

    fn note(&mut self, code: &'static str, node: &Node, message: String, help: Option<String>) {
        let mut finding = Diagnostic::error(code, message).at(Some(self.place(node)));
        finding.help = help;
        self.found.push(finding);
    }

    fn pairs(&mut self, node: &Node, known: &[&str]) -> Vec<(String, Arc<Node>)> {
        let Kind::Mapping(entries) = &node.kind else {
            self.note(codes::TYPE, node, "a mapping is wanted".to_owned(), None);
            return Vec::new();
        };
        let mut pairs: Vec<(String, Arc<Node>)> = Vec::new();
        for entry in entries {
            let key = entry.key.text().unwrap_or_default();
            if !known.contains(&key) {
                let help = match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there are {}", known.join(", ")),
                };
                self.note(codes::KEY, &entry.key, format!("unknown key {key:?}"), Some(help));
            } else if pairs.iter().any(|(other, _)| other == key) {
                self.note(codes::KEY, &entry.key, format!("{key} stands twice"), None);
            } else {
                pairs.push((key.to_owned(), Arc::clone(&entry.value)));
            }
        }
        pairs
    }

    fn flag(&mut self, node: &Node, flag: &mut bool) {
        match node.scalar() {
            Some(Scalar::Bool(value)) => *flag = value,
            _ => self.note(codes::TYPE, node, "true or false is wanted".to_owned(), None),
        }
    }

    fn sandbox(&mut self, node: &Node, choice: &mut SandboxChoice) {
        *choice = match node.text() {
            Some("auto") => SandboxChoice::Auto,
            Some("bubblewrap" | "bwrap") => SandboxChoice::Bubblewrap,
            Some("landlock") => SandboxChoice::Landlock,
            Some("none") => SandboxChoice::None,
            _ => {
                let help = "write auto, bubblewrap, landlock or none".to_owned();
                let message = "no such sandbox".to_owned();
                return self.note(codes::REFUSED, node, message, Some(help));
            }
        };
    }

    fn paths(&mut self, node: &Node) -> Vec<PathBuf> {
        let Kind::Sequence(items) = &node.kind else {
            self.note(codes::TYPE, node, "a list of paths is wanted".to_owned(), None);
            return Vec::new();
        };
        let mut paths = Vec::new();
        for item in items {
            match item.text() {
                Some(text) if text.starts_with('/') => paths.push(PathBuf::from(text)),
                _ => {
                    let message = "an absolute path is wanted".to_owned();
                    self.note(codes::REFUSED, item, message, None);
                }
            }
        }
        paths
    }

    fn whole(&mut self, node: &Node, within: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let number = node.text().and_then(|text| text.parse().ok());
        match number.filter(|number| within.contains(number)) {
            Some(number) => Some(number),
            None => {
                let message = format!("{} to {} is wanted", within.start(), within.end());
                self.note(codes::REFUSED, node, message, None);
                None
            }
        }
    }

    fn limits(&mut self, node: &Node, limits: &mut Limits) {
        for (key, value) in self.pairs(node, LIMITS) {
            match key.as_str() {
                "time" => self.length(&value, &mut limits.time),
                "cpu" => self.length(&value, &mut limits.cpu),
                "memory" => self.size(&value, 32 << 20, &mut limits.memory),
                "output" => self.size(&value, 1, &mut limits.output),
                "file" => self.size(&value, 64 << 10, &mut limits.file),
                _ => {
                    if let Some(number) = self.whole(&value, 1..=100_000) {
                        limits.processes = number;
                    }
                }
            }
        }
    }

    fn length(&mut self, node: &Node, length: &mut Duration) {
        let text = node.text().unwrap_or_default();
        let seconds = text.parse().ok().map(Duration::from_secs);
        let parsed = seconds.or_else(|| duration::parse(text).ok());
        match parsed.filter(|d| (1..=86_400).contains(&d.as_secs())) {
            Some(parsed) => *length = parsed,
            None => {
                let help = "write seconds, or a duration like 90s or 5m".to_owned();
                let message = "a second to a day is wanted".to_owned();
                self.note(codes::REFUSED, node, message, Some(help));
            }
        }
    }

    fn size(&mut self, node: &Node, least: u64, size: &mut u64) {
        match bytes(node.text().unwrap_or_default()).filter(|bytes| *bytes >= least) {
            Some(bytes) => *size = bytes,
            None => {
                let help = "write bytes, or a size like 64KiB, 64MiB or 1GiB".to_owned();
                let message = format!("a size of {least} bytes or more is wanted");
                self.note(codes::REFUSED, node, message, Some(help));
            }
        }
    }
}

/// `1GiB`, `64MB`, `1024`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "KB" | "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" | "K" | "k" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1u64 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use bongsu_model::render_diagnostics;

    use super::*;

    fn read(text: &str) -> Result<ScriptSettings, String> {
        let source = Source { name: "scripts.yaml".to_owned(), text: text.to_owned() };
        load(&Arc::new(source))
            .map(|(settings, _)| settings)
            .map_err(|found| render_diagnostics(&found))
    }

    #[test]
    fn nothing_enables_nothing() {
        for text in ["", "# enabled: true", "network: true"] {
            assert!(!read(text).unwrap().enabled, "{text}");
        }
    }

    #[test]
    fn every_key() {
        let settings = read(
            "enabled: true\nsandbox: landlock\nnetwork: true\nreadable: [/srv]\nwritable: [/var/x]\n\
             parallel: 2\nlimits: {time: 5m, cpu: 10, memory: 256MiB, processes: 8, output: 64KiB, file: 1MB}",
        );
        let limits = Limits {
            time: Duration::from_secs(300),
            cpu: Duration::from_secs(10),
            memory: 256 << 20,
            processes: 8,
            output: 64 << 10,
            file: 1_000_000,
        };
        let expected = ScriptSettings {
            enabled: true,
            sandbox: SandboxChoice::Landlock,
            network: true,
            readable: vec!["/srv".into()],
            writable: vec!["/var/x".into()],
            parallel: 2,
            limits,
        };
        assert_eq!(settings.unwrap(), expected);
    }

    #[test]
    fn all_mistakes_at_once() {
        let found = read(
            "enable: true\nsandbox: docker\nnetwork: 5\nreadable: [srv]\nparallel: 0\n\
             limits: {time: 0, memory: 1KiB, output: many, disc: 1}",
        );
        insta::assert_snapshot!(found.unwrap_err());
        assert!(read("enabled: [").is_err());
    }

    #[test]
    fn an_unconfined_script_is_warned_of() {
        let text = "enabled: true\nsandbox: none".to_owned();
        let (_, warnings) =
            load(&Arc::new(Source { name: "scripts.yaml".to_owned(), text })).unwrap();
        assert_eq!(warnings.len(), 1);
    }
}
