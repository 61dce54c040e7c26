//! The built program against a canned server: words in, stdout, stderr and exit code out.

mod amtool;
mod canned;
mod commands;
mod configuration;
mod program;
