//! Labels and annotations of alerts: Go templates with Prometheus' functions.
//!
//! In: a text, the sample, answers to queries asked so far. Out: the expanded text, which is the
//! words of an error if the text is wrong, or the query that must be answered before it can be
//! expanded; then the same call is made again with its answer.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use bongsu_lang::gotmpl::functions::{self, QuerySample, StringMap};
use bongsu_lang::gotmpl::{
    Context, Field, GoTime, Host, Limits, Object, RenderError, Shape, TemplateSet, Value,
};
use bongsu_model::{Labels, Timestamp};
use bongsu_promql::{Number, Sample};

/// What Prometheus puts before every text.
const VARIABLES: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Bounds of one text: annotations are short, and every sample of a rule has its own.
const LIMITS: Limits =
    Limits { source: 1 << 20, nesting: 64, steps: 200_000, calls: 50, output: 1 << 20 };

/// Different queries one rule's texts may ask in one evaluation.
const MOST_QUERIES: usize = 1000;

static FUNCTIONS: LazyLock<TemplateSet> =
    LazyLock::new(|| TemplateSet::new(functions::prometheus()).with_limits(LIMITS));

/// What vmalert puts before every text in addition, with the fields of [`Data`].
const FAMILY: [(&str, &str); 6] = [
    ("$expr", "Expr"),
    ("$type", "Type"),
    ("$for", "For"),
    ("$interval", "Interval"),
    ("$groupID", "GroupID"),
    ("$isPartial", "IsPartial"),
];
/// What it puts there of an alert that is known by its labels: labels do not have it.
const FAMILY_OF_ALERT: [(&str, &str); 2] = [("$activeAt", "ActiveAt"), ("$alertID", "AlertID")];

static FAMILY_FUNCTIONS: LazyLock<TemplateSet> =
    LazyLock::new(|| TemplateSet::new(functions::vmalert()).with_limits(LIMITS));

/// Which texts a rule has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus'.
    Prometheus,
    /// With the functions and variables of vmalert.
    Family,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// In a label.
    Label,
    /// In an annotation.
    Annotation,
}

/// What texts of the family see of their rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The expression as written.
    pub expr: String,
    /// vmalert's name of its language: `prometheus`, `graphite`, `vlogs`.
    pub language: &'static str,
    /// `for`.
    pub hold: Duration,
    /// How often the group is evaluated.
    pub interval: Duration,
    /// A number that tells the group from others.
    pub group: u64,
    /// Whether the answer lacked a part.
    pub partial: bool,
}

/// What texts of the family see of an alert known by its labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// A number that tells it from others.
    pub id: u64,
    /// Since when it holds.
    pub active_at: Timestamp,
}

/// Answers to the queries of templates at one instant.
#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<String, Result<Value, String>>);

impl Answers {
    /// Adds what a query was answered.
    pub fn insert(&mut self, query: impl Into<String>, answer: Result<&[Sample], String>) {
        let answer = answer.map(|samples| {
            functions::query_result(samples.iter().map(|sample| QuerySample {
                labels: sample.labels.clone(),
                value: number(&sample.value),
            }))
        });
        self.0.insert(query.into(), answer);
    }
}

/// What all texts of one sample see.
#[derive(Clone, Debug)]
pub struct Scope {
    data: Value,
    context: Context,
    host: Arc<Asked>,
    /// Texts may use what vmalert has of such a part.
    family: Option<Part>,
}

impl Scope {
    /// `labels` are the sample's with `__name__`, before those of the rule are applied; `at` is the
    /// instant of the evaluation.
    pub fn new(
        labels: &Labels,
        value: &Number,
        external: &External,
        answers: &Arc<Answers>,
        at: Timestamp,
    ) -> Self {
        let data = Data::of(labels, value, external);
        Self { family: None, ..Self::of(Value::object(data), external, answers, at) }
    }

    /// The same for the text of a rule with the variables of the family; `known` is the alert, for its
    /// annotations.
    pub fn of_family(
        (labels, value): (&Labels, &Number),
        (about, known): (&Arc<About>, Option<Known>),
        external: &External,
        answers: &Arc<Answers>,
        at: Timestamp,
    ) -> Self {
        let plain = Data::of(labels, value, external);
        let data = Data { about: Some(Arc::clone(about)), known, ..plain };
        let part = if known.is_some() { Part::Annotation } else { Part::Label };
        Self { family: Some(part), ..Self::of(Value::object(data), external, answers, at) }
    }

    /// Any data instead of a sample.
    pub fn of(data: Value, external: &External, answers: &Arc<Answers>, at: Timestamp) -> Self {
        let host = Arc::new(Asked {
            external_url: Arc::clone(&external.url),
            answers: Arc::clone(answers),
            missing: OnceLock::new(),
        });
        let context = Context::at(at).with_host(Arc::clone(&host) as _);
        Self { data, context, host, family: None }
    }
}

/// The server as alerts show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// Added to alerts that lack them.
    pub labels: Labels,
    /// Its address.
    pub url: Arc<str>,
}

impl Default for External {
    fn default() -> Self {
        Self { labels: Labels::default(), url: Arc::from("") }
    }
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// Expanded.
    Text(String),
    /// Not, for a reason in Prometheus' words.
    Failed(String),
    /// This query must be answered first.
    Needs(String),
}

impl Expansion {
    /// The text as it goes into a label or annotation; `Err` is a query.
    pub fn shown(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Failed(message) => Ok(format!("<error expanding template: {message}>")),
            Self::Needs(query) => Err(query),
        }
    }
}

/// Expands a label or annotation of the alert `name`.
pub fn expand(name: &str, text: &str, scope: &Scope) -> Expansion {
    if !text.contains("{{") {
        return Expansion::Text(text.to_owned());
    }
    let name = format!("__alert_{name}");
    if let Some(part) = scope.family {
        let text = format!("{VARIABLES}{}{text}", family_variables(part));
        let made = FAMILY_FUNCTIONS.render_named(&name, &text, &scope.data, &scope.context);
        return rendered(made, &name, scope);
    }
    expand_text(&name, &format!("{VARIABLES}{text}"), scope)
}

/// Expands a text that errors call `name`, without the variables of alerts.
pub fn expand_text(name: &str, text: &str, scope: &Scope) -> Expansion {
    rendered(FUNCTIONS.render_named(name, text, &scope.data, &scope.context), name, scope)
}

/// Whether a label or annotation needs what only vmalert has.
pub fn needs_family(text: &str) -> bool {
    text.contains("{{") && FUNCTIONS.check_text(&format!("{VARIABLES}{text}")).is_err()
}

fn family_variables(part: Part) -> String {
    let of_alert: &[_] = if part == Part::Annotation { &FAMILY_OF_ALERT } else { &[] };
    let all = FAMILY.iter().chain(of_alert);
    all.map(|(variable, field)| format!("{{{{{variable} := .{field}}}}}")).collect()
}

fn rendered(result: Result<String, RenderError>, name: &str, scope: &Scope) -> Expansion {
    match result {
        Ok(text) => Expansion::Text(text),
        Err(error) => match scope.host.missing.get() {
            Some(query) if scope.host.answers.0.len() < MOST_QUERIES => {
                Expansion::Needs(query.clone())
            }
            Some(_) => Expansion::Failed(format!("more than {MOST_QUERIES} different queries")),
            None => {
                let step = if error.error.syntax { "parsing" } else { "executing" };
                Expansion::Failed(format!("error {step} template {name}: {error}"))
            }
        },
    }
}

/// As [`expand_text`], but values are escaped for HTML.
pub fn expand_html(text: &str, scope: &Scope) -> Result<String, String> {
    FUNCTIONS.render_html(text, &scope.data, &scope.context).map_err(|error| error.to_string())
}

/// Whether a label or annotation of the alert `name` parses.
///
/// # Errors
/// The first mistake, as Prometheus words it.
pub fn check(name: &str, text: &str, part: Part, dialect: Dialect) -> Result<(), String> {
    if !text.contains("{{") {
        return Ok(());
    }
    let name = format!("__alert_{name}");
    let plain = FUNCTIONS.check_named(&name, &format!("{VARIABLES}{text}"));
    let Err(error) = plain else { return Ok(()) };
    let more = format!("{VARIABLES}{}{text}", family_variables(part));
    if dialect == Dialect::Family && FAMILY_FUNCTIONS.check_named(&name, &more).is_ok() {
        return Ok(());
    }
    Err(error.to_string())
}

fn number(value: &Number) -> Value {
    match value {
        Number::Float(value) => Value::Float(*value),
        Number::Histogram(histogram) => Value::object(Histogram(histogram.to_string())),
    }
}

/// `.` of an alert's texts.
#[derive(Debug)]
struct Data {
    labels: Labels,
    external: External,
    value: Value,
    about: Option<Arc<About>>,
    known: Option<Known>,
}

impl Data {
    fn of(labels: &Labels, value: &Number, external: &External) -> Self {
        let (labels, external) = (labels.clone(), external.clone());
        Self { labels, external, value: number(value), about: None, known: None }
    }

    /// A field that only texts of the family see.
    fn of_family(&self, name: &str) -> Option<Value> {
        let about = self.about.as_ref()?;
        let length = |length: Duration| {
            Value::Duration(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
        };
        // Go's type has no sign; as text it is the same.
        let number = |number: u64| Value::from(number.to_string());
        Some(match name {
            "Expr" => Value::from(about.expr.as_str()),
            "Type" => Value::from(about.language),
            "For" => length(about.hold),
            "Interval" => length(about.interval),
            "GroupID" => number(about.group),
            "IsPartial" => Value::Bool(about.partial),
            "AlertID" => number(self.known?.id),
            "ActiveAt" => Value::Time(GoTime::utc(self.known?.active_at)),
            _ => return None,
        })
    }
}

impl Object for Data {
    fn type_name(&self) -> &'static str {
        "struct { Labels map[string]string; ExternalLabels map[string]string; \
         ExternalURL string; Value interface {} }"
    }
    fn shape(&self) -> Shape {
        Shape::Struct
    }
    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Labels" => Some(Value::object(StringMap(self.labels.clone()))),
            "ExternalLabels" => Some(Value::object(StringMap(self.external.labels.clone()))),
            "ExternalURL" => Some(Value::Str(Arc::clone(&self.external.url))),
            "Value" => Some(self.value.clone()),
            other => self.of_family(other),
        }
    }
    fn fields(&self) -> Vec<Field> {
        ["Labels", "ExternalLabels", "ExternalURL", "Value"]
            .map(|name| Field { name, json: name, value: self.field(name).unwrap_or_default() })
            .into()
    }
}

/// A native histogram, which templates can only print.
#[derive(Debug)]
struct Histogram(String);

impl Object for Histogram {
    fn type_name(&self) -> &'static str {
        "*histogram.FloatHistogram"
    }
    fn shape(&self) -> Shape {
        Shape::Pointer
    }
    fn text(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

/// Knows the answers, and notes the first query without one.
#[derive(Debug)]
struct Asked {
    external_url: Arc<str>,
    answers: Arc<Answers>,
    missing: OnceLock<String>,
}

impl Host for Asked {
    fn answer(&self, function: &'static str, text: &str) -> Result<Value, String> {
        if function == "externalURL" {
            return Ok(Value::Str(Arc::clone(&self.external_url)));
        }
        match self.answers.0.get(text) {
            Some(answer) => answer.clone(),
            None => {
                let _ = self.missing.set(text.to_owned());
                Err("not answered yet".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external() -> External {
        External {
            labels: Labels::from_pairs([("cluster", "a")]),
            url: Arc::from("http://h/prefix"),
        }
    }

    fn expanded(text: &str, answers: &Arc<Answers>) -> Expansion {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "x")]);
        let scope = Scope::new(
            &labels,
            &Number::Float(1_234_567.891),
            &external(),
            answers,
            Timestamp::UNIX_EPOCH,
        );
        expand("A", text, &scope)
    }

    #[test]
    fn texts() {
        for (text, want) in [
            ("plain", "plain"),
            ("{{ $labels }}", "map[__name__:up job:x]"),
            ("{{ $labels.job }}{{ $labels.nope }}|{{ .Labels.job }}", "x|x"),
            ("{{ $value }} {{ $value | humanize }}", "1.234567891e+06 1.235M"),
            ("{{ printf \"%.1f\" $value }}", "1234567.9"),
            (
                "{{ $externalLabels.cluster }} {{ $externalURL }} {{ pathPrefix }}",
                "a http://h/prefix /prefix",
            ),
            ("{{ with $labels.job }}{{ . | toUpper }}{{ end }}", "X"),
            (
                "{{ \"a b\" | title }} {{ tableLink \"up == 0\" }}",
                "A B /graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            ),
            (
                "{{ 1.5 | toTime }} {{ parseDuration \"1h\" }}",
                "1970-01-01 00:00:01.5 +0000 UTC 3600",
            ),
            ("{{ args 1 \"x\" }}", "map[arg0:1 arg1:x]"),
        ] {
            assert_eq!(expanded(text, &Arc::default()), Expansion::Text(text_of(want)), "{text}");
        }
    }

    fn text_of(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn queries_are_asked_one_by_one() {
        let text = "{{ range query \"a\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ . | value }} {{ end }}\
                    {{ query \"b\" | first | label \"x\" }}";
        let mut answers = Answers::default();
        assert_eq!(expanded(text, &Arc::new(answers.clone())), Expansion::Needs("a".to_owned()));
        let sample = |job: &str, value: f64| Sample {
            labels: Labels::from_pairs([("job", job)]),
            time: 0,
            value: Number::Float(value),
        };
        answers.insert("a", Ok(&[sample("z", 2.0), sample("b", 1.0)]));
        assert_eq!(expanded(text, &Arc::new(answers.clone())), Expansion::Needs("b".to_owned()));
        answers.insert("b", Ok(&[]));
        let Expansion::Failed(message) = expanded(text, &Arc::new(answers.clone())) else {
            panic!("an error")
        };
        assert!(message.starts_with("error executing template __alert_A: template: __alert_A:1:"));
        assert!(
            message.ends_with("error calling first: first() called on vector with no elements")
        );
        answers.insert("b", Ok(&[sample("q", 1.0)]));
        assert_eq!(expanded(text, &Arc::new(answers)), Expansion::Text("b=1 z=2 ".to_owned()));
    }

    #[test]
    fn mistakes_are_found_before_anything_runs() {
        use Dialect::{Family, Prometheus};
        use Part::{Annotation, Label};
        let undefined = |what: &str| Err(format!("template: __alert_A:1: {what}"));
        let expr = || undefined("undefined variable \"$expr\"");
        let at = || undefined("undefined variable \"$activeAt\"");
        for (text, part, dialect, expected) in [
            ("{{ $expr }}", Annotation, Prometheus, expr()),
            ("{{ $expr }}", Label, Family, Ok(())),
            ("{{ $activeAt }}", Annotation, Family, Ok(())),
            ("{{ $activeAt }}", Label, Family, at()),
            ("{{ x 1 }}", Annotation, Family, undefined("function \"x\" not defined")),
            ("{{ .Expr | pathEscape }}", Annotation, Family, Ok(())),
        ] {
            assert_eq!(check("A", text, part, dialect), expected, "{text} {part:?} {dialect:?}");
        }
    }

    #[test]
    fn texts_of_the_family() {
        let about = Arc::new(About {
            expr: "a > 1/2".to_owned(),
            language: "prometheus",
            hold: Duration::from_secs(300),
            interval: Duration::from_secs(60),
            group: u64::MAX,
            partial: true,
        });
        let active_at = Timestamp::from_second(1_800_000_000).unwrap();
        let scope = Scope::of_family(
            (&Labels::from_pairs([("job", "x")]), &Number::Float(2.0)),
            (&about, Some(Known { id: 7, active_at })),
            &external(),
            &Arc::default(),
            Timestamp::from_second(1_800_000_090).unwrap(),
        );
        for (text, want) in [
            ("{{ $labels.job }} {{ $value }}", "x 2"),
            ("{{ $expr }} {{ $type }} {{ $for }} {{ $interval }}", "a > 1/2 prometheus 5m0s 1m0s"),
            ("{{ $groupID }} {{ $alertID }} {{ $isPartial }}", "18446744073709551615 7 true"),
            ("{{ $activeAt.Format \"15:04:05\" }}", "08:00:00"),
            ("{{ (now | toTime).Sub $activeAt }}", "1m30s"),
            ("{{ $expr | queryEscape }} {{ $expr | pathEscape }}", "a+%3E+1%2F2 a%20%3E%201%2F2"),
            (
                "{{ \"a\\n<b>'\" | jsonEscape }} {{ \"\\\"\" | quotesEscape }}",
                "\"a\\n\\u003cb>\\u0027\" \\\"",
            ),
            ("{{ \"<a>&\" | htmlEscape }} {{ crlfEscape \"a\\r\\n\" }}", "&lt;a&gt;&amp; a\\r\\n"),
            (
                "{{ (parseDurationTime \"1h\").Minutes }} {{ 90 | formatTime \"04:05\" }}",
                "60 01:30",
            ),
            ("{{ $activeAt | formatTime \"2006\" }}", "2027"),
        ] {
            assert_eq!(expand("A", text, &scope), Expansion::Text(text_of(want)), "{text}");
        }
    }
}
