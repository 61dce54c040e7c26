//! Jira: find the group's issue by label, create or update it, then move it if it has to be
//! reopened or resolved.

use std::sync::Arc;

use bongsu_config::alertmanager::{HttpConfig, JiraConfig};
use bongsu_model::{AlertStatus, go_quote};
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use super::{Begun, data_of, go_json_error, http_of, payload};
use crate::conversation::{Conversation, HttpRequest, Outcome, Response, Step, TransportError};
use crate::exchange::{json_body, request};
use crate::input::NotifyInput;
use crate::render::Renderer;
use crate::retry::{NotifyError, StatusPolicy};
use crate::truncate::truncate_runes;
use crate::url_text::join_path;

const SUMMARY_RUNES: usize = 255;
const DESCRIPTION_RUNES: usize = 32_767;

/// Where the exchange stands: which answer comes next.
enum Waiting {
    Search,
    Write { method: Method, path: String },
    Transitions,
    Transition,
}

/// What the search found.
#[derive(Clone)]
struct Issue {
    key: String,
    /// Unknown if Jira did not say; then it is not moved.
    done: Option<bool>,
}

struct Jira {
    base: String,
    /// A request without method, URL and body.
    blank: HttpRequest,
    search: Result<HttpRequest, NotifyError>,
    /// Body of the new issue and of the update, or why there is none.
    fields: Result<(Value, Value), NotifyError>,
    firing: bool,
    reopen: String,
    resolve: String,
    /// Leave the issue where it is if no transition is configured; Alertmanager looks for one
    /// without a name and fails.
    skip_unnamed: bool,
    issue: Option<Issue>,
    waiting: Waiting,
    problems: Vec<String>,
}

pub(super) fn begin(config: &JiraConfig, input: &NotifyInput<'_>) -> Begun {
    let data = data_of(input);
    let mut render = Renderer::new(input, &data);
    let firing = data.status == AlertStatus::Firing;
    let base = config.api_url.as_ref().map_or("", |url| url.as_str()).to_owned();
    let http: Arc<HttpConfig> = http_of(&config.http_config);
    let mut blank = request(input, &http, Method::GET, String::new(), Bytes::new());
    blank.headers.push(("Content-Type", "application/json".to_owned()));
    blank.headers.push(("Accept-Language", "en".to_owned()));
    let label = format!("ALERT{{{}}}", input.group_hash());
    let search = search_query(config, &label, firing, &mut render).and_then(|jql| {
        let body = json!({"fields": ["status"], "jql": jql, "maxResults": 2});
        let (method, url) = (Method::POST, search_url(config, &base));
        Ok(HttpRequest { method, url, body: json_body(&body)?, ..blank.clone() })
    });
    let fields = fields(config, label, &base, &mut render).map_err(NotifyError::permanent);
    Ok(Box::new(Jira {
        base,
        blank,
        search: search.map_err(|error| error.context("failed to look up existing issues")),
        fields,
        firing,
        reopen: config.reopen_transition.clone(),
        resolve: config.resolve_transition.clone(),
        skip_unnamed: !input.compatible,
        issue: None,
        waiting: Waiting::Search,
        problems: render.problems(),
    }))
}

/// Open issues, and recently resolved ones if they may be reopened.
fn search_query(
    config: &JiraConfig,
    label: &str,
    firing: bool,
    render: &mut Renderer<'_>,
) -> Result<String, NotifyError> {
    let mut jql = String::new();
    if !config.wont_fix_resolution.is_empty() {
        let resolution = quoted(&config.wont_fix_resolution);
        jql.push_str(&format!("(resolution is EMPTY or resolution != {resolution}) and "));
    }
    let minutes = config.reopen_duration.as_secs() / 60;
    if firing && !config.reopen_transition.is_empty() && minutes > 0 {
        jql.push_str(&format!("(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m) and "));
    } else {
        jql.push_str("statusCategory != Done and ");
    }
    let project = render.attempt(&config.project).map_err(|error| {
        NotifyError::permanent(error).context("invalid project template or value")
    })?;
    let (project, label) = (quoted(&project), quoted(label));
    jql.push_str(&format!(
        "project={project} and labels={label} order by status ASC,resolutiondate DESC"
    ));
    Ok(jql)
}

/// Jira Cloud has another search than Data Center, only in version 3 of the API.
fn search_url(config: &JiraConfig, base: &str) -> String {
    let host = url::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned));
    let atlassian = host.is_some_and(|host| host.ends_with("atlassian.net"));
    let cloud = config.api_type == "cloud" || (config.api_type == "auto" && atlassian);
    if cloud {
        let url = join_path(base, "search/jql");
        return url.replacen("/rest/api/2/", "/rest/api/3/", 1);
    }
    join_path(base, "search")
}

/// The fields for a new issue and for an update.
fn fields(
    config: &JiraConfig,
    label: String,
    base: &str,
    render: &mut Renderer<'_>,
) -> Result<(Value, Value), String> {
    let of = |what: &'static str| move |error: String| format!("{what} template: {error}");
    let summary = render.attempt_text(&config.summary.template).map_err(of("summary"))?;
    let project = render.attempt(&config.project).map_err(of("project"))?;
    let issue_type = render.attempt(&config.issue_type).map_err(of("issue_type"))?;
    let mut custom = Map::new();
    for (name, value) in &config.fields {
        custom.insert(
            name.clone(),
            payload::render(value, render).map_err(|e| of("fields")(e.to_string()))?,
        );
    }
    let description = description(config, base, render)?;
    let mut labels = Vec::new();
    for (index, template) in config.labels.iter().enumerate() {
        let label = render.attempt(template);
        labels.push(label.map_err(|error| format!("labels[{index}] template: {error}"))?);
    }
    labels.push(label);
    labels.sort();
    let priority = render.attempt(&config.priority).map_err(of("priority"))?;

    let mut fields = Map::new();
    let summary = truncate_runes(&summary, SUMMARY_RUNES).0.into_owned();
    fields.insert("summary".to_owned(), summary.into());
    fields.insert("issuetype".to_owned(), json!({"name": issue_type}));
    fields.insert("labels".to_owned(), labels.into());
    fields.insert("project".to_owned(), json!({"key": project}));
    if let Some(description) = description {
        fields.insert("description".to_owned(), description);
    }
    if !priority.is_empty() {
        fields.insert("priority".to_owned(), json!({"name": priority}));
    }
    let mut update = fields.clone();
    if config.description.enable_update == Some(false) {
        update.remove("description");
    }
    if config.summary.enable_update == Some(false) {
        update.remove("summary");
    }
    let finish = |mut fields: Map<String, Value>| {
        fields.extend(custom.clone());
        fields.sort_keys();
        json!({"fields": fields})
    };
    Ok((finish(fields), finish(update)))
}

/// Text, or in version 3 of the API a document that the template writes as JSON.
fn description(
    config: &JiraConfig,
    base: &str,
    render: &mut Renderer<'_>,
) -> Result<Option<Value>, String> {
    let text = render
        .attempt_text(&config.description.template)
        .map_err(|error| format!("description template: {error}"))?;
    let text = truncate_runes(&text, DESCRIPTION_RUNES).0;
    let path = base.split(['?', '#']).next().unwrap_or(base);
    if !path.trim_end_matches('/').ends_with("/3") {
        return Ok((!text.is_empty()).then(|| Value::from(text)));
    }
    match text.trim() {
        "" => Ok(None),
        json => serde_json::from_str(json)
            .map(Some)
            .map_err(|_| "description template: invalid JSON for API v3".to_owned()),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    let _ = go_quote(text, &mut out);
    out
}

impl Jira {
    fn send(&mut self, waiting: Waiting, method: Method, path: &str, body: Bytes) -> Step {
        self.waiting = waiting;
        let url = join_path(&self.base, path);
        Step::Request(Box::new(HttpRequest { method, url, body, ..self.blank.clone() }))
    }

    fn done(&mut self) -> Step {
        let problems = std::mem::take(&mut self.problems);
        Step::Done(Outcome { problems, ..Outcome::default() })
    }

    fn on_found(&mut self, answer: &Value) -> Step {
        let first = &answer["issues"][0];
        if let Some(key) = first["key"].as_str() {
            let status = first["fields"]["status"].as_object();
            let done = status.map(|status| status.get("statusCategory"));
            let done = done.map(|category| category.is_some_and(|c| c["key"] == "done"));
            self.issue = Some(Issue { key: key.to_owned(), done });
        } else if !self.firing {
            // A resolved group needs no new issue.
            return self.done();
        }
        let (method, path) = match &self.issue {
            Some(issue) => (Method::PUT, format!("issue/{}", issue.key)),
            None => (Method::POST, "issue".to_owned()),
        };
        let body = match &self.fields {
            Ok((create, update)) => json_body(if self.issue.is_some() { update } else { create }),
            Err(error) => Err(error.clone()),
        };
        match body {
            Ok(body) => {
                let waiting = Waiting::Write { method: method.clone(), path: path.clone() };
                self.send(waiting, method, &path, body)
            }
            Err(error) => Step::Failed(error),
        }
    }

    fn on_written(&mut self) -> Step {
        let Some(issue) = self.issue.clone() else { return self.done() };
        // Firing and done: reopen. Resolved and open: resolve.
        let unnamed = self.skip_unnamed && self.transition().is_empty();
        if issue.done != Some(self.firing) || unnamed {
            return self.done();
        }
        let path = format!("issue/{}/transitions", issue.key);
        self.send(Waiting::Transitions, Method::GET, &path, Bytes::new())
    }

    fn transition(&self) -> &str {
        if self.firing { &self.reopen } else { &self.resolve }
    }

    fn on_transitions(&mut self, answer: &Value) -> Step {
        let key = self.issue.as_ref().map_or("", |issue| issue.key.as_str()).to_owned();
        let wanted = self.transition().to_owned();
        let list = answer["transitions"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(found) = list.iter().find(|known| known["name"] == wanted.as_str()) else {
            let message = format!("can't find transition {wanted} for issue {key}");
            return Step::Failed(NotifyError::permanent(message));
        };
        let body = json!({"transition": {"id": found["id"]}});
        match json_body(&body) {
            Ok(body) => {
                let path = format!("issue/{key}/transitions");
                self.send(Waiting::Transition, Method::POST, &path, body)
            }
            Err(error) => Step::Failed(error),
        }
    }

    /// Names the step in which something failed.
    fn explain(&self, error: NotifyError) -> NotifyError {
        match &self.waiting {
            Waiting::Search => error
                .context("HTTP request to JIRA API")
                .context("failed to look up existing issues"),
            Waiting::Write { method, path } => {
                error.context(format_args!("failed to {method} request to {}", quoted(path)))
            }
            Waiting::Transitions | Waiting::Transition => error,
        }
    }
}

impl Conversation for Jira {
    fn start(&mut self) -> Step {
        match self.search.clone() {
            Ok(request) => Step::Request(Box::new(request)),
            Err(error) => Step::Failed(error),
        }
    }

    fn on_response(&mut self, response: Response) -> Step {
        let text = response.text();
        if let Err(error) = StatusPolicy::RATE_LIMITED.check(response.status, &text) {
            return Step::Failed(self.explain(error));
        }
        let parsed = || {
            serde_json::from_str::<Value>(&text)
                .map_err(|_| NotifyError::permanent(go_json_error(&text)))
        };
        match self.waiting {
            Waiting::Search => match parsed() {
                Ok(answer) => self.on_found(&answer),
                Err(error) => Step::Failed(error.context("failed to look up existing issues")),
            },
            Waiting::Write { .. } => self.on_written(),
            Waiting::Transitions => match parsed() {
                Ok(answer) => self.on_transitions(&answer),
                Err(error) => Step::Failed(error),
            },
            Waiting::Transition => self.done(),
        }
    }

    /// Alertmanager does not try again: a request that did reach Jira would make a second issue.
    fn on_error(&mut self, error: &TransportError) -> Step {
        Step::Failed(self.explain(NotifyError::permanent(&error.message)))
    }
}
