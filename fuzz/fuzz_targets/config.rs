//! Arbitrary text as `alertmanager.yml`: refused with places or printed and read again unchanged.
#![no_main]

use bongsu_config::alertmanager::{effective_yaml, load};
use bongsu_lang::Mode;
use bongsu_model::{Source, render_diagnostics};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = |text: &str| Source { name: "fuzz.yml".into(), text: text.into() };
    match load(source(text), None, Mode::Fallback) {
        Err(findings) => assert!(!render_diagnostics(&findings).is_empty()),
        Ok((config, _)) => {
            let printed = effective_yaml(&config);
            // A few recorded forms (a masked app token, a null receiver) are not accepted again.
            match load(source(&printed), None, Mode::Fallback) {
                Ok((again, _)) => assert_eq!(effective_yaml(&again), printed),
                Err(_) => assert!(printed.contains("<secret>") || printed.contains("name: \"\"")),
            }
        }
    }
});
