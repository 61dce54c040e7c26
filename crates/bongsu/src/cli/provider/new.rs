//! The folder of a new provider.

use std::path::Path;

use bongsu_provider::manifest::Manifest;

use super::NewArguments;
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;

impl NewArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let folder = self.dir.join(&self.slug);
        if !Manifest::is_slug(&self.slug) {
            return Err(Failure::usage(format!("{:?} is no slug", self.slug))
                .hint("lower case letters, digits and _ only"));
        }
        if folder.exists() {
            return Err(Failure::new(
                Exit::Conflict,
                format!("{} exists already", folder.display()),
            ));
        }
        let files: [(&Path, String); 3] = [
            (Path::new("provider.yaml"), START.replace("SLUG", &self.slug)),
            (Path::new("fixtures/example.json"), EXAMPLE.to_owned()),
            (Path::new("fixtures/send.json"), SEND.to_owned()),
        ];
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder.join("fixtures"))?;
            files.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
        };
        write().map_err(|e| Failure::no(format!("cannot write {}: {e}", folder.display())))?;
        let dir = self.dir.display();
        global.say(&format!("wrote {}", folder.display()));
        global.say(&format!("try it: bongsu provider test --providers-dir {dir} {}", self.slug));
        Ok(Exit::Done)
    }
}

const START: &str = "\
name: {en: SLUG, ko: SLUG}
summary: {en: One sentence about it, ko: 한 문장 설명}
categories: [generic]
setup: {en: What to configure there, ko: 그쪽에서 할 설정}
auth:                               # what an instance is configured with
  url: {label: {en: Address, ko: 주소}, required: true}
  token: {label: {en: Token, ko: 토큰}, secret: true}
connect:                            # how requests leave; values are expressions
  base: auth.url | base_url
  authorize: {kind: bearer, token: auth.token}
actions:
  send:
    summary: {en: Send a message, ko: 메시지 보내기}
    params:
      message: {type: text, required: true, summary: {en: What to say, ko: 내용}}
    request:
      http:
        method: POST
        url: \"'/messages'\"
        json: {text: params.message}
    result: \"{'id': body.id}\"
ingest:
- shape: alert                      # the first shape whose `when` holds is taken
  when: body.title is defined
  fields:                           # expressions over `body`; a text has quotes of its own
    id: body.id
    name: body.title
    status:
      of: body.state
      map: {open: firing, closed: resolved}
      otherwise: \"'firing'\"
    severity:
      of: body.level
      map: {fatal: critical, error: high, warn: warning, debug: low}
      otherwise: \"'info'\"
    lastReceived: body.at | time
    description: body.text
  spread: [body.tags]               # keys that become fields where none is yet
  fingerprint: [name, host]         # fields that identify the alert over time
";

const EXAMPLE: &str = r#"{
  "about": "One payload and the fields of the alert it stands for",
  "payload": {"id": "1", "title": "Disk full", "state": "open", "level": "error", "at": "2026-01-01T00:00:00Z", "text": "/var is full", "tags": {"host": "db1"}},
  "alerts": [{"name": "Disk full", "status": "firing", "severity": "high", "host": "db1"}]
}
"#;

const SEND: &str = r#"{
  "about": "A call with the request it makes, the answer and the result",
  "auth": {"url": "https://example.org/api", "token": "t0p-secret"},
  "call": "send",
  "params": {"message": "Disk full"},
  "requests": [
    {
      "request": {
        "method": "POST",
        "url": "https://example.org/api/messages",
        "headers": {"authorization": "Bearer t0p-secret", "content-type": "application/json"},
        "body": {"text": "Disk full"}
      },
      "answer": {"status": 200, "body": {"id": "1"}}
    }
  ],
  "result": {"id": "1"}
}
"#;
