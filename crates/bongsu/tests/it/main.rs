//! The built program against a canned server: words in, stdout, stderr and exit code out.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod amtool;
mod apply;
mod canned;
mod commands;
mod configuration;
mod packs;
mod program;
mod provider;
mod rules;
mod scripts;
mod secret;
mod topology;
mod watch;
mod workflow;
mod workflows;
