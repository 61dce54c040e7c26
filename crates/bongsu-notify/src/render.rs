//! Rendering of one notification's settings.
//!
//! In: template texts. Out: texts, and the first error. As in Alertmanager the first error makes
//! all later results empty, so that a message is either whole or refused. Outside compatibility
//! mode a failing message text is replaced by a plain one and the error is only recorded: an
//! alert that arrives unformatted beats one that does not arrive.

use std::fmt::Write;
use std::sync::Arc;

use bongsu_lang::gotmpl::{Context, RenderError, TemplateSet, Value};
use bongsu_model::{AlertStatus, Timestamp};

use crate::data::NotificationData;
use crate::input::NotifyInput;
use crate::retry::NotifyError;
use crate::truncate::truncate_runes;

/// Renders texts with one notification's data.
pub(crate) struct Renderer<'a> {
    templates: &'a TemplateSet,
    data: Value,
    context: Context,
    /// The plain text to use instead of a message that cannot be rendered.
    fallback: Option<String>,
    error: Option<String>,
    problems: Vec<String>,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(input: &NotifyInput<'a>, data: &Arc<NotificationData>) -> Self {
        let renderer = Self::with(input.templates, data, input.now);
        Self { fallback: (!input.compatible).then(|| plain_text(data)), ..renderer }
    }

    /// A renderer that refuses every mistake.
    pub(crate) fn with(
        templates: &'a TemplateSet,
        data: &Arc<NotificationData>,
        now: Timestamp,
    ) -> Self {
        Self {
            templates,
            data: data.to_value(),
            context: Context::at(now),
            fallback: None,
            error: None,
            problems: Vec::new(),
        }
    }

    /// A text people read: title, body, description.
    pub(crate) fn text(&mut self, template: &str) -> String {
        let result = self.run(template);
        self.replaceable(result, true)
    }

    /// A text people read, escaped for HTML.
    pub(crate) fn html(&mut self, template: &str) -> String {
        if self.error.is_some() {
            return String::new();
        }
        let result = self.templates.render_html(template, &self.data, &self.context);
        let result = match result {
            Err(error) if self.fallback.is_some() => {
                self.problems.push(error.to_string());
                let plain = self.fallback.as_deref().unwrap_or("");
                return format!("<pre>{}</pre>", escape_html(plain));
            }
            result => result,
        };
        self.keep(result)
    }

    /// Decoration: colour, icon, link. Left out if it cannot be rendered.
    pub(crate) fn detail(&mut self, template: &str) -> String {
        let result = self.run(template);
        self.replaceable(result, false)
    }

    /// A text without which the message reaches nobody or the wrong one: address, key, channel.
    pub(crate) fn required(&mut self, template: &str) -> String {
        let result = self.run(template);
        self.keep(result)
    }

    /// Like [`Self::required`], for callers that report each error themselves.
    pub(crate) fn attempt(&mut self, template: &str) -> Result<String, String> {
        let text = self.required(template);
        self.check().map(|()| text)
    }

    /// Like [`Self::text`], for callers that report each error themselves.
    pub(crate) fn attempt_text(&mut self, template: &str) -> Result<String, String> {
        let text = self.text(template);
        self.check().map(|()| text)
    }

    /// A text for a message that cannot be used, at most `runes` characters, escaped for HTML;
    /// `None` in compatibility mode.
    pub(crate) fn plain_html(&self, runes: usize) -> Option<String> {
        let plain = self.fallback.as_deref()?;
        Some(escape_html(&truncate_runes(plain, runes).0))
    }

    /// The first error so far.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.error.clone().map_or(Ok(()), Err)
    }

    /// Fails for good if anything could not be rendered.
    pub(crate) fn finish(&self) -> Result<(), NotifyError> {
        self.check().map_err(NotifyError::permanent)
    }

    /// Errors that were papered over, to be recorded with the delivery.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }

    fn run(&self, template: &str) -> Result<String, RenderError> {
        if self.error.is_some() {
            return Ok(String::new());
        }
        // Most settings are plain words.
        if !template.contains("{{") {
            return Ok(template.to_owned());
        }
        self.templates.render_text(template, &self.data, &self.context)
    }

    fn replaceable(&mut self, result: Result<String, RenderError>, message: bool) -> String {
        match (result, &self.fallback) {
            (Err(error), Some(fallback)) => {
                let text = if message { fallback.clone() } else { String::new() };
                self.problems.push(error.to_string());
                text
            }
            (result, _) => self.keep(result),
        }
    }

    fn keep(&mut self, result: Result<String, RenderError>) -> String {
        result.unwrap_or_else(|error| {
            self.error = Some(error.to_string());
            error.partial
        })
    }
}

/// What is said when a template fails: status, count and the labels of each alert.
fn plain_text(data: &NotificationData) -> String {
    let word = match data.status {
        AlertStatus::Firing => "FIRING",
        AlertStatus::Resolved => "RESOLVED",
    };
    let mut out = format!("[{word}:{}]", data.alerts.len());
    for alert in data.alerts.iter() {
        let status = match alert.status {
            AlertStatus::Firing => "firing",
            AlertStatus::Resolved => "resolved",
        };
        let _ = write!(out, "\n{status}:");
        for (name, value) in alert.labels.iter() {
            let _ = write!(out, " {name}={value}");
        }
    }
    out
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
