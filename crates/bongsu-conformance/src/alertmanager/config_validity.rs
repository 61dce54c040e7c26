//! `config_validity.json`: every configuration in all three parser modes. A mode without its own
//! expectation must behave as the default one.

use bongsu_config::alertmanager;
use bongsu_lang::Mode;
use bongsu_model::Source;
use serde_json::Value;

use super::Context;
use crate::report::Verdict;

const MODES: [(&str, Mode); 3] =
    [("fallback", Mode::Fallback), ("classic", Mode::Classic), ("utf8", Mode::Utf8)];

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let expected = &case["expected"];
    let text = case["config_yaml"].as_str().unwrap_or_default();
    for (name, mode) in MODES {
        let wanted = expected.get(name).unwrap_or(&expected["fallback"]);
        if let Err(why) = compare(text, mode, wanted) {
            return Verdict::Failed(format!("{name}: {why}"));
        }
    }
    Verdict::Passed
}

fn compare(text: &str, mode: Mode, wanted: &Value) -> Result<(), String> {
    let source = Source { name: "alertmanager.yml".to_owned(), text: text.to_owned() };
    let loaded = alertmanager::load(source, None, mode);
    match (wanted["ok"].as_bool(), loaded) {
        (Some(true), Ok((config, _))) => {
            let counts = [
                ("receivers", config.receivers.len()),
                ("inhibit_rules", config.inhibit_rules.len()),
                ("templates", config.templates.len()),
            ];
            for (key, count) in counts {
                if wanted[key].as_u64() != Some(count as u64) {
                    return Err(format!("{key}: {count} instead of {}", wanted[key]));
                }
            }
            Ok(())
        }
        (Some(true), Err(errors)) => Err(format!("refused: {}", messages(&errors))),
        (Some(false), Ok(_)) => Err(format!("accepted instead of {}", wanted["error"])),
        (Some(false), Err(errors)) => {
            let first = errors.first().map(|error| error.message.as_str());
            if wanted["compare_error"] == "exact" && first != wanted["error"].as_str() {
                return Err(format!("{} instead of {}", messages(&errors), wanted["error"]));
            }
            Ok(())
        }
        (None, _) => Err("the case states no result".to_owned()),
    }
}

fn messages(errors: &[bongsu_model::Diagnostic]) -> String {
    let messages: Vec<_> = errors.iter().map(|error| format!("{:?}", error.message)).collect();
    messages.join(" + ")
}
