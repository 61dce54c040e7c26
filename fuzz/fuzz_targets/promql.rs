//! Arbitrary text as an expression: refused with places, or printed, read again and printed the same.
#![no_main]

use bongsu_promql::{Features, flow, json, parse_with, pretty};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let features = Features::all();
    match parse_with(text, &features) {
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(!error.render(text).is_empty());
                assert!(error.span.start <= error.span.end);
            }
        }
        Ok(expr) => {
            let printed = expr.to_string();
            for form in [&printed, &pretty(&expr)] {
                let again = parse_with(form, &features).map(|again| again.to_string());
                assert_eq!(again.as_ref(), Ok(&printed));
            }
            assert!(json::tree(&expr).is_object());
            flow::flow(&expr);
        }
    }
});
