//! The JSON shapes of the API, written from borrowed values.

use bongsu_engine::api::{AlertView, GroupView, SilenceView};
use bongsu_model::{Fingerprint, Labels, Timestamp};
use jiff::tz::Offset;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// RFC 3339 with milliseconds and `Z`: every time the API writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Millis(pub(crate) Timestamp);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = Offset::UTC.to_datetime(self.0);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |range: std::ops::Range<usize>, mut number: u32| {
            for digit in text[range].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0..4, u32::from(at.year().unsigned_abs()));
        put(5..7, u32::from(at.month().unsigned_abs()));
        put(8..10, u32::from(at.day().unsigned_abs()));
        put(11..13, u32::from(at.hour().unsigned_abs()));
        put(14..16, u32::from(at.minute().unsigned_abs()));
        put(17..19, u32::from(at.second().unsigned_abs()));
        put(20..23, u32::from(at.millisecond().unsigned_abs()));
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::Alert)]
pub(crate) struct AlertJson<'a> {
    #[schema(value_type = BTreeMap<String, String>)]
    annotations: &'a Labels,
    #[schema(value_type = String, format = DateTime)]
    ends_at: Millis,
    #[schema(value_type = String)]
    fingerprint: Fingerprint,
    receivers: Vec<NameJson<'a>>,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Millis,
    status: AlertStatusJson<'a>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Millis,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    #[schema(value_type = BTreeMap<String, String>)]
    labels: &'a Labels,
}

/// A receiver by name.
#[derive(Serialize, ToSchema)]
#[schema(as = v2::ReceiverName)]
pub(crate) struct NameJson<'a> {
    name: &'a str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::AlertStatus)]
pub(crate) struct AlertStatusJson<'a> {
    #[schema(value_type = Vec<String>)]
    inhibited_by: &'a [Fingerprint],
    #[schema(value_type = Vec<String>)]
    muted_by: &'a [std::sync::Arc<str>],
    #[schema(value_type = Vec<String>)]
    silenced_by: &'a [Box<str>],
    /// `active` or `suppressed`.
    state: &'static str,
}

/// `suppressed` if anything keeps the alert from being sent.
pub(crate) fn state(view: &AlertView) -> &'static str {
    let free =
        view.silenced_by.is_empty() && view.inhibited_by.is_empty() && view.muted_by.is_empty();
    if free { "active" } else { "suppressed" }
}

impl<'a> From<&'a AlertView> for AlertJson<'a> {
    fn from(view: &'a AlertView) -> Self {
        let alert = &view.alert;
        Self {
            annotations: &alert.annotations,
            ends_at: Millis(alert.ends_at.at),
            fingerprint: alert.fingerprint,
            receivers: view.receivers.iter().map(|name| NameJson { name }).collect(),
            starts_at: Millis(alert.starts_at.at),
            status: AlertStatusJson {
                inhibited_by: &view.inhibited_by,
                muted_by: &view.muted_by,
                silenced_by: &view.silenced_by,
                state: state(view),
            },
            updated_at: Millis(alert.updated_at),
            generator_url: &alert.generator_url,
            labels: &alert.labels,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::Group)]
pub(crate) struct GroupJson<'a> {
    alerts: Vec<AlertJson<'a>>,
    #[schema(value_type = BTreeMap<String, String>)]
    labels: &'a Labels,
    receiver: NameJson<'a>,
    #[schema(value_type = BTreeMap<String, String>)]
    route_labels: &'a Labels,
}

impl<'a> From<&'a GroupView> for GroupJson<'a> {
    fn from(group: &'a GroupView) -> Self {
        Self {
            alerts: group.alerts.iter().map(AlertJson::from).collect(),
            labels: &group.labels,
            receiver: NameJson { name: &group.receiver },
            route_labels: &group.route_labels,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::Silence)]
pub(crate) struct SilenceJson<'a> {
    id: &'a str,
    status: StateJson,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Millis,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    annotations: &'a Labels,
    comment: &'a str,
    created_by: &'a str,
    #[schema(value_type = String, format = DateTime)]
    ends_at: Millis,
    matchers: Vec<MatcherJson<'a>>,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Millis,
}

#[derive(Serialize, ToSchema)]
#[schema(as = v2::SilenceStatus)]
pub(crate) struct StateJson {
    /// `active`, `pending` or `expired`.
    state: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::Matcher)]
pub(crate) struct MatcherJson<'a> {
    is_equal: bool,
    is_regex: bool,
    name: &'a str,
    value: &'a str,
}

impl<'a> From<&'a SilenceView> for SilenceJson<'a> {
    fn from(view: &'a SilenceView) -> Self {
        let silence = &view.silence;
        let matchers = silence.matchers.0.iter().map(|matcher| MatcherJson {
            is_equal: matcher.op().is_equal(),
            is_regex: matcher.op().is_regex(),
            name: matcher.name(),
            value: matcher.value(),
        });
        Self {
            id: &silence.id,
            status: StateJson { state: view.state.as_str() },
            updated_at: Millis(silence.updated_at),
            annotations: &silence.annotations,
            comment: &silence.comment,
            created_by: &silence.created_by,
            ends_at: Millis(silence.ends_at),
            matchers: matchers.collect(),
            starts_at: Millis(silence.starts_at),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = v2::SilenceCreated)]
pub(crate) struct SilenceIdJson {
    #[serde(rename = "silenceID")]
    pub(crate) silence_id: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = v2::Receiver)]
pub(crate) struct ReceiverJson<'a> {
    pub(crate) name: &'a str,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels: &'a Labels,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::Status)]
pub(crate) struct StatusJson<'a> {
    pub(crate) cluster: ClusterJson<'a>,
    pub(crate) config: ConfigJson<'a>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) uptime: Millis,
    pub(crate) version_info: VersionJson<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = v2::Cluster)]
pub(crate) struct ClusterJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) name: &'a str,
    pub(crate) peers: Vec<PeerJson<'a>>,
    /// `ready`, `settling` or `disabled`.
    pub(crate) status: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = v2::Peer)]
pub(crate) struct PeerJson<'a> {
    pub(crate) address: &'a str,
    pub(crate) name: &'a str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = v2::Config)]
pub(crate) struct ConfigJson<'a> {
    pub(crate) original: &'a str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v2::VersionInfo)]
pub(crate) struct VersionJson<'a> {
    pub(crate) branch: &'a str,
    pub(crate) build_date: &'a str,
    pub(crate) build_user: &'a str,
    pub(crate) go_version: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) version: &'a str,
}

#[cfg(test)]
mod tests {
    use super::Millis;

    #[test]
    fn milliseconds_are_cut_not_rounded() {
        for (at, text) in [
            ("2024-03-05T01:02:03.9999Z", "\"2024-03-05T01:02:03.999Z\""),
            ("0001-01-01T00:00:00Z", "\"0001-01-01T00:00:00.000Z\""),
        ] {
            assert_eq!(serde_json::to_string(&Millis(at.parse().unwrap())).unwrap(), text);
        }
    }
}
