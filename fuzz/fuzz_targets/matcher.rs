//! Arbitrary text as matchers: whatever parses prints as something that parses to the same. The one
//! exception is an empty quoted name, which Alertmanager reads and then prints without its quotes;
//! group keys hang on that text.
#![no_main]

use bongsu_lang::Mode;
use bongsu_lang::matcher::{parse_list, parse_one};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for mode in [Mode::Fallback, Mode::Classic, Mode::Utf8] {
        if let Ok(matcher) = parse_one(text, mode) {
            matcher.matches_value(text);
        }
        if let Ok(matchers) = parse_list(text, mode)
            && mode == Mode::Utf8
            && matchers.0.iter().all(|matcher| !matcher.name().is_empty())
        {
            let again = parse_list(&matchers.to_string(), mode).expect("prints what it reads");
            assert_eq!(again, matchers);
        }
    }
});
