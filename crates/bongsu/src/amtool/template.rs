//! `amtool template render`.

mod data;

use bongsu_lang::gotmpl::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Call;
use crate::{configuration, output};
use data::TemplateData;

/// Renders `--template.text` with the templates and data named.
pub(super) fn render(call: &Call) -> Result<(), String> {
    let mut faults = Vec::new();
    let patterns: Vec<String> = call.parsed.texts("template.glob").map(str::to_owned).collect();
    let files = configuration::expand(&patterns, &mut faults);
    let templates = configuration::templates(&files, &mut faults);
    let templates = match (templates, faults.into_iter().next()) {
        (Some(templates), None) => templates,
        (_, fault) => return Err(fault.map(|f| f.message).unwrap_or_default()),
    };
    let now = Timestamp::now();
    let data = match call.parsed.some("template.data") {
        None => TemplateData::example(now),
        Some(path) => {
            let text = std::fs::read_to_string(&path).map_err(|e| cannot_open(&path, &e))?;
            TemplateData::parse(&text)?
        }
    };
    let context = Context { local: TimeZone::system(), ..Context::at(now) };
    let text = call.parsed.text("template.text");
    let rendered = match call.parsed.text("template.type") {
        "html" => templates.render_html(text, &data.into_value(), &context),
        _ => templates.render_text(text, &data.into_value(), &context),
    };
    output::print(&rendered.map_err(|e| e.to_string())?);
    Ok(())
}

fn cannot_open(path: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        _ => format!("open {path}: {error}"),
    }
}
