//! Arbitrary bytes as the body of `POST /api/v2/alerts`: the quick and the exact reader agree.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    bongsu_web::fuzz::alerts(body);
});
