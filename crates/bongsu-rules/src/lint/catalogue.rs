//! What lints there are.

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Lint {
    /// What comments and policies call it.
    pub name: &'static str,
    /// Its code.
    pub code: &'static str,
    /// What it finds.
    pub summary: &'static str,
}

macro_rules! lints {
    ($($constant:ident $code:literal $name:literal $summary:literal;)*) => {
        $(
            #[doc = $summary]
            pub(super) const $constant: Lint =
                Lint { name: $name, code: $code, summary: $summary };
        )*
        /// All lints in order of their codes.
        pub const LINTS: &[Lint] = &[$($constant),*];
    };
}

lints! {
    SYNTAX "BS2201" "syntax" "An expression that does not parse.";
    TEMPLATE_LABEL "BS2202" "template-label" "A template uses a label the result cannot have.";
    VALUE_IN_LABEL "BS2203" "value-in-label" "A label depends on the value, so the alert is a new one whenever it changes.";
    COMPARISON "BS2204" "comparison" "An alert without a condition: it fires while the series exist.";
    ABSENT_FOR "BS2205" "absent-for" "absent() without for: it fires whenever a scrape is missed.";
    RATE_OF_GAUGE "BS2206" "rate-of-gauge" "A rate of something that is no counter by its name.";
    RATE_OF_SUM "BS2207" "rate-of-sum" "A rate of an aggregation or of another rate, where resets of counters cannot be seen.";
    RAW_COUNTER "BS2208" "raw-counter" "An alert on a counter as it is, which grows until the process restarts.";
    IMPOSSIBLE_MATCH "BS2209" "impossible-match" "Sides of an operator whose series cannot find each other.";
    ALWAYS_EMPTY "BS2210" "always-empty" "An expression that never has a result.";
    DUPLICATE "BS2211" "duplicate" "Two rules make the same alerts or series.";
    RATE_WINDOW "BS2212" "rate-window" "A window too short for the scrape interval.";
    FOR_INTERVAL "BS2213" "for-interval" "for is shorter than the interval of the group.";
    ANNOTATION "BS2214" "annotation" "A required annotation is missing.";
    LABEL "BS2215" "label" "A required label is missing, or has a value the policy does not list.";
    RECORDING_NAME "BS2216" "recording-name" "A recording rule not named level:metric:operations.";
    REGEXP "BS2217" "regexp" "A regular expression that says less than it seems.";
    METRICSQL "BS2218" "metricsql" "A function only VictoriaMetrics has, asked of another data source.";
    DIALECT "BS2219" "dialect" "Labels of the result are others on VictoriaMetrics than on Prometheus.";
    MISSING_RECORDING "BS2220" "missing-recording" "A recording rule is used that is not in the directory.";
    UNKNOWN_LINT "BS2221" "unknown-lint" "A comment disables a lint that does not exist.";
    UNKNOWN_METRIC "BS2222" "unknown-metric" "A metric the data source does not have.";
    UNKNOWN_SERIES "BS2223" "unknown-series" "A selector that no series of the data source matches.";
    UNKNOWN_LABEL "BS2224" "unknown-label" "A label that no series of the metric has.";
}

/// The lint of that name or code.
pub(super) fn by_name(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.name == name || lint.code == name)
}
