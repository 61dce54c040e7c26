//! Arbitrary bytes as records of the store: an error or a value that encodes to the same meaning.
#![no_main]

use bongsu_store::codec::{BatchDecoder, decode_alert, decode_silence, encode_alert};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| {
    if let Ok(alert) = decode_alert(record) {
        let mut again = Vec::new();
        encode_alert(&alert, &mut again);
        assert_eq!(decode_alert(&again).expect("reads what it wrote"), alert);
    }
    let _ = decode_silence(record);
    if let Ok(batch) = BatchDecoder::new(record) {
        for entry in batch {
            if entry.is_err() {
                break;
            }
        }
    }
});
