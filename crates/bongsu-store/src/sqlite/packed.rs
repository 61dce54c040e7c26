//! Texts that are kept for later take less room: LZ4.

use lz4_flex::block;
use rusqlite::types::Type;

/// What is shorter is stored as it is.
pub(super) const SHORT: usize = 256;
/// A record of the journal with one alert is not worth the time, one with many is.
pub(super) const BATCH: usize = 4 << 10;
/// Entries of history that may rely on one; they are forgotten together.
pub(super) const SHARED: u32 = 255;

/// A body of this length or more, if packing it saves a quarter.
pub(super) fn pack(plain: &[u8], from: usize) -> Option<Vec<u8>> {
    if plain.len() < from {
        return None;
    }
    worthwhile(plain, block::compress(plain))
}

/// What [`pack`] packed; `length` is that of the plain body.
pub(super) fn unpack(packed: &[u8], length: usize) -> rusqlite::Result<Vec<u8>> {
    block::decompress(packed, length).map_err(damaged)
}

/// An entry of history that was packed against another, as they were before there were frames.
pub(super) fn unpack_with(packed: &[u8], base: &str) -> rusqlite::Result<String> {
    let plain = block::decompress_size_prepended_with_dict(packed, base.as_bytes());
    String::from_utf8(plain.map_err(damaged)?).map_err(damaged)
}

fn worthwhile(plain: &[u8], packed: Vec<u8>) -> Option<Vec<u8>> {
    (packed.len() < plain.len() / 4 * 3).then_some(packed)
}

pub(super) fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As entries of history were packed before there were frames.
    #[test]
    fn what_was_packed_against_another_is_read() {
        let base = r#"{"a":"one of many texts that resemble each other"}"#;
        let plain = base.replace("one", "two");
        let packed = block::compress_prepend_size_with_dict(plain.as_bytes(), base.as_bytes());
        assert_eq!(unpack_with(&packed, base).unwrap(), plain);
        // What is damaged is an error.
        assert!(unpack_with(&packed[..packed.len() - 3], base).is_err());
        assert!(unpack(&packed, 10).is_err());
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(plain in "\\PC{0,600}", repeats in 1..20usize) {
            let plain = plain.repeat(repeats);
            if let Some(packed) = pack(plain.as_bytes(), SHORT) {
                prop_assert_eq!(unpack(&packed, plain.len()).unwrap(), plain.as_bytes());
            }
        }
    }
}
