//! Arbitrary text as a template, text and HTML: bounded, never a panic.
#![no_main]

use std::sync::{Arc, LazyLock};

use bongsu_lang::gotmpl::{Context, Limits, TemplateSet};
use bongsu_model::{Alert, AlertStatus, FlushedAlert, Labels, Time};
use bongsu_notify::data::{Kv, NotificationData, NotificationInput};
use bongsu_notify::templates::default_templates;
use libfuzzer_sys::fuzz_target;

static TEMPLATES: LazyLock<TemplateSet> = LazyLock::new(|| {
    default_templates().expect("built in").with_limits(Limits::default())
});

fn data() -> Arc<NotificationData> {
    let labels = Labels::from_pairs([("alertname", "Fuzz"), ("severity", "critical")]);
    let alert = Alert {
        fingerprint: labels.fingerprint(),
        labels: labels.clone(),
        annotations: Labels::from_pairs([("summary", "{{ .x }} <b>&")]),
        generator_url: "http://x/?a=1&b=2".into(),
        starts_at: Time::utc(jiff::Timestamp::UNIX_EPOCH),
        ends_at: Time::utc(jiff::Timestamp::UNIX_EPOCH),
        updated_at: jiff::Timestamp::UNIX_EPOCH,
        timeout: false,
    };
    Arc::new(NotificationData::new(NotificationInput {
        receiver: "r",
        group_labels: &labels,
        route_labels: &Kv::new(Labels::default()),
        reason: "first notification",
        external_url: "http://x",
        alerts: &[FlushedAlert { alert: Arc::new(alert), status: AlertStatus::Firing }],
    }))
}

fuzz_target!(|text: &str| {
    let value = data().to_value();
    let context = Context::at(jiff::Timestamp::UNIX_EPOCH);
    let _ = TEMPLATES.render_text(text, &value, &context);
    let _ = TEMPLATES.render_html(text, &value, &context);
});
