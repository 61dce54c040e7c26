//! Service level objectives as code: files of Sloth, OpenSLO and Pyrra, and Bongsu's own.
//!
//! In: texts. Out: groups of recording and burn rate alert rules, and what is tracked for reports;
//! or every mistake. The rules of Sloth's files are Sloth's to the letter, so that dashboards and
//! alert routes made for it go on working. What a report asks is in [`Questions`]; [`budget`] computes
//! what is left of an error budget.

pub mod budget;
pub(crate) mod document;
mod made;
pub(crate) mod number;
mod objective;
mod openslo;
mod plugin;
mod print;
mod pyrra;
mod query;
mod recorded;
mod report;
mod rules;
mod selector;
mod sloth;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Source};

use crate::rule::Group;
use document::{Document, Reader};
use objective::Objective;
pub use objective::{CalendarUnit, EventCount, Period, PolicyStep, Tracked};
pub use recorded::{apart, whole};
pub use report::{Answers, Questions, Span};
pub use windows::{AlertWindows, BurnWindow};

/// Codes of this module's and the importers' diagnostics; `docs/diagnostics.md` explains them.
pub mod codes {
    /// Not YAML or JSON, empty, or too large.
    pub const SYNTAX: &str = "BS2301";
    /// A value of the wrong shape.
    pub const TYPE: &str = "BS2302";
    /// A key that is nearly a known one, or stands twice.
    pub const KEY: &str = "BS2303";
    /// Something is missing, or too much.
    pub const MISSING: &str = "BS2304";
    /// A value its own rule does not accept.
    pub const REFUSED: &str = "BS2305";
    /// No alert windows are known for a period.
    pub const WINDOWS: &str = "BS2306";
    /// A plugin that is not known.
    pub const PLUGIN: &str = "BS2307";
    /// A name that nothing has.
    pub const REFERENCE: &str = "BS2308";
    /// A query that is none.
    pub const QUERY: &str = "BS2309";
    /// Two things have one name.
    pub const SAME_NAME: &str = "BS2310";
    /// A document of no format known here.
    pub const FORMAT: &str = "BS2311";
    /// Warning: a key nobody knows.
    pub const UNKNOWN_KEY: &str = "BS2321";
    /// Warning: written, but without effect here.
    pub const NO_EFFECT: &str = "BS2322";
    /// Warning: read as something near it.
    pub const APPROXIMATED: &str = "BS2323";
    /// Warning: something of an imported rule is lost.
    pub const LOST: &str = "BS2331";
    /// Warning: a rule is imported as something near it.
    pub const IMPORTED_NEAR: &str = "BS2332";
    /// Warning: a rule is not imported.
    pub const LEFT_OUT: &str = "BS2333";
}

/// SLOs of one load.
const MAX_OBJECTIVES: usize = 2000;

/// Whose output to make where it could differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Like {
    /// All that the files say.
    #[default]
    Bongsu,
    /// What Sloth makes: no alerts of OpenSLO files, periods of its catalogue only.
    Sloth,
}

/// How files are turned into rules.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose output.
    pub like: Like,
    /// The period of SLOs whose file has none.
    pub period: Duration,
    /// Alert windows by period; they go before the built-in ones of 28 and 30 days.
    pub windows: Vec<AlertWindows>,
    /// Added to the labels of all recorded series, as `--extra-labels` of Sloth.
    pub labels: BTreeMap<String, String>,
    /// What the info series says made the rules.
    pub version: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            like: Like::default(),
            period: Duration::from_secs(30 * 86_400),
            windows: Vec::new(),
            labels: BTreeMap::new(),
            version: format!("bongsu-{}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// What files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slos {
    /// Rules, in the order of the files.
    pub groups: Vec<Group>,
    /// What a report asks about each SLO.
    pub tracked: Vec<Tracked>,
    /// Alert windows the files define.
    pub windows: Vec<AlertWindows>,
}

/// Reads one file; see [`load_all`].
///
/// # Errors
/// Every mistake of the file.
pub fn load(
    source: impl Into<Arc<Source>>,
    options: &Options,
) -> Result<(Slos, Vec<Diagnostic>), Vec<Diagnostic>> {
    load_all([source.into()], options)
}

/// Reads files that may refer to each other: OpenSLO objects by name, alert windows by period.
/// With the rules come warnings.
///
/// # Errors
/// Every mistake of all files.
pub fn load_all(
    sources: impl IntoIterator<Item = Arc<Source>>,
    options: &Options,
) -> Result<(Slos, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sources = sources.into_iter();
    let Some(first) = sources.next() else { return Ok(Default::default()) };
    let mut reader = Reader::new(first);
    let mut documents = reader.documents();
    for source in sources {
        reader.turn_to(&source);
        documents.extend(reader.documents());
    }
    let slos = Loader { reader: &mut reader, options, slos: Slos::default() }.load(&documents);
    reader.finish(slos)
}

/// The formats, by what their documents say they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Sloth,
    SlothObject,
    Native,
    Windows,
    OpenSlo,
    Pyrra,
}

const FORMATS: &str = "known are version prometheus/v1, and apiVersion sloth.slok.dev/v1, openslo/v1, \
                       openslo/v1alpha, pyrra.dev/v1alpha1, bongsu.io/v1 with their kinds";

impl Format {
    fn of(node: &yaml::Node) -> Option<Self> {
        let text = |key: &str| node.get(key).and_then(|node| node.text()).unwrap_or_default();
        match (text("apiVersion"), text("kind"), text("version")) {
            ("", _, "prometheus/v1") => Some(Self::Sloth),
            ("sloth.slok.dev/v1", "PrometheusServiceLevel", _) => Some(Self::SlothObject),
            ("sloth.slok.dev/v1", "AlertWindows", _) => Some(Self::Windows),
            ("bongsu.io/v1", "ServiceLevel", _) => Some(Self::Native),
            ("pyrra.dev/v1alpha1", "ServiceLevelObjective", _) => Some(Self::Pyrra),
            ("openslo/v1" | "openslo/v1alpha" | "openslo.com/v1", ..) => Some(Self::OpenSlo),
            _ => None,
        }
    }
}

struct Loader<'a> {
    reader: &'a mut Reader,
    options: &'a Options,
    slos: Slos,
}

impl Loader<'_> {
    fn load(mut self, documents: &[Document]) -> Slos {
        self.read_windows(documents);
        let openslo: Vec<&Document> =
            documents.iter().filter(|d| Format::of(&d.node) == Some(Format::OpenSlo)).collect();
        let mut objects = openslo::Objects::read(self.reader, &openslo);
        let mut names: Vec<String> = Vec::new();
        for document in documents {
            self.reader.turn_to(&document.source);
            let node = &document.node;
            let objectives = match Format::of(node) {
                Some(Format::Sloth) => sloth::file(self.reader, node, self.options),
                Some(Format::SlothObject) => sloth::object(self.reader, node, self.options),
                Some(Format::Native) => sloth::native(self.reader, node, self.options),
                Some(Format::OpenSlo) => objects.slo(self.reader, node, self.options),
                Some(Format::Windows) => continue,
                Some(Format::Pyrra) => {
                    if let Some(slo) = pyrra::read(self.reader, node)
                        && self.name(&mut names, &slo.identity(), node.place)
                    {
                        let groups = pyrra::groups(&slo, &document.source.name);
                        let tracked = pyrra::tracked(&slo, &document.source.name, &groups);
                        self.slos.groups.extend(groups);
                        self.slos.tracked.push(tracked);
                    }
                    continue;
                }
                None => {
                    let finding =
                        Diagnostic::error(codes::FORMAT, "this is no file of service levels");
                    self.reader.note(finding.help(FORMATS), node.place);
                    continue;
                }
            };
            for objective in objectives {
                if self.name(&mut names, &objective.id, node.place) {
                    self.add(&objective, &document.source);
                }
            }
        }
        self.slos
    }

    /// Windows first, as they may stand below what uses them.
    fn read_windows(&mut self, documents: &[Document]) {
        for document in documents {
            if Format::of(&document.node) == Some(Format::Windows) {
                self.reader.turn_to(&document.source);
                let read = windows::read(self.reader, &document.node);
                let Some(read) = read else { continue };
                if self.slos.windows.iter().any(|known| known.period == read.period) {
                    let period = bongsu_lang::duration::print(read.period);
                    let message = format!("two catalogues of alert windows are for {period}");
                    self.reader.refuse(codes::SAME_NAME, document.node.place, message);
                }
                self.slos.windows.push(read);
            }
        }
    }

    /// Whether there is room for one more; two of one identity are a mistake.
    fn name(&mut self, names: &mut Vec<String>, id: &str, place: yaml::Place) -> bool {
        if names.len() >= MAX_OBJECTIVES {
            if names.len() == MAX_OBJECTIVES {
                let message = format!("at most {MAX_OBJECTIVES} SLOs are read");
                self.reader.refuse(codes::REFUSED, place, message);
                names.push(String::new());
            }
            return false;
        }
        if names.iter().any(|known| known == id) {
            let message = format!("two SLOs have the identity {id}");
            self.reader.refuse(codes::SAME_NAME, place, message);
        }
        names.push(id.to_owned());
        true
    }

    fn add(&mut self, objective: &Objective, source: &Arc<Source>) {
        let known = self.slos.windows.iter().chain(&self.options.windows);
        let windows = windows::for_period(objective.period.nominal(), known, self.options.like);
        let windows = match windows {
            Some(windows) => windows,
            // Without these alerts only the recorded windows matter.
            None if objective.page.is_none() && objective.ticket.is_none() => {
                AlertWindows::month(objective.period.nominal())
            }
            None => {
                let period = objective.period.label();
                let message = format!("no alert windows are known for the period {period}");
                let finding = Diagnostic::error(codes::WINDOWS, message)
                    .help("add a document of kind AlertWindows with this sloPeriod");
                self.reader.note_at(finding, objective.place.clone());
                return;
            }
        };
        let groups = rules::groups(objective, &windows, self.options, &source.name);
        self.slos.tracked.push(rules::tracked(objective, &windows, &source.name, &groups));
        self.slos.groups.extend(groups);
    }
}

#[cfg(test)]
mod tests;
