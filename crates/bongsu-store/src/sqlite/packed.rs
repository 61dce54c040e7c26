//! Texts that are kept for later take less room: LZ4, for entries of history with an earlier one as
//! dictionary, since reports resemble each other more than themselves.

use std::sync::Arc;

use lz4_flex::block;
use rusqlite::types::Type;

/// What is shorter is stored as it is.
pub(super) const SHORT: usize = 256;
/// A record of the journal with one alert is not worth the time, one with many is.
pub(super) const BATCH: usize = 4 << 10;
/// What is longer is nobody's dictionary.
const LONG: usize = 32 << 10;
/// Entries that share a dictionary; they are forgotten together.
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

/// What [`Dictionary::next`] packed.
pub(super) fn unpack_with(packed: &[u8], base: &str) -> rusqlite::Result<String> {
    let plain = block::decompress_size_prepended_with_dict(packed, base.as_bytes());
    String::from_utf8(plain.map_err(damaged)?).map_err(damaged)
}

fn worthwhile(plain: &[u8], packed: Vec<u8>) -> Option<Vec<u8>> {
    (packed.len() < plain.len() / 4 * 3).then_some(packed)
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
}

/// The entry of history that those after it are packed against.
#[derive(Default)]
pub(super) struct Dictionary {
    base: Option<(i64, Arc<str>)>,
    uses: u32,
}

impl Dictionary {
    /// The next entry: the id of the one that it, or another before the next dictionary, relies on;
    /// the packed text, if that saves a quarter. Without an id it stands alone and is to be
    /// [offered](Self::offer).
    pub(super) fn next(&mut self, plain: &str) -> (Option<i64>, Option<Vec<u8>>) {
        let Some((id, base)) = self.base.as_ref().filter(|_| self.uses < SHARED) else {
            return (None, None);
        };
        let packed = (plain.len() >= SHORT).then(|| {
            let packed = block::compress_prepend_size_with_dict(plain.as_bytes(), base.as_bytes());
            worthwhile(plain.as_bytes(), packed)
        });
        // One that is not like the others may be more like those to come.
        if packed == Some(None) && plain.len() <= LONG {
            return (None, None);
        }
        self.uses += 1;
        (Some(*id), packed.flatten())
    }

    /// The entry `id` stands alone; those after it may rely on it.
    pub(super) fn offer(&mut self, id: i64, plain: &Arc<str>) {
        let suits = (SHORT..=LONG).contains(&plain.len());
        (self.base, self.uses) = (suits.then(|| (id, Arc::clone(plain))), 0);
    }

    /// What was offered is gone or may be.
    pub(super) fn forget(&mut self) {
        self.base = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn alike_texts_take_little_room() {
        let text = |n: usize| -> Arc<str> {
            let fields = (0..40).map(|f| format!(r#""field{f}":"value {}""#, f * f));
            format!("{{\"n\":{n},{}}}", fields.collect::<Vec<_>>().join(",")).into()
        };
        let mut dictionary = Dictionary::default();
        assert_eq!(dictionary.next(&text(0)), (None, None));
        dictionary.offer(7, &text(0));
        assert_eq!(dictionary.next("{}"), (Some(7), None));
        let (base, packed) = dictionary.next(&text(1));
        let packed = packed.unwrap();
        assert_eq!(base, Some(7));
        assert!(packed.len() * 10 < text(1).len(), "{} bytes", packed.len());
        assert_eq!(unpack_with(&packed, &text(0)).unwrap(), *text(1));
        for _ in 2..SHARED {
            assert_eq!(dictionary.next("{}"), (Some(7), None));
        }
        assert_eq!(dictionary.next("{}"), (None, None), "no dictionary serves for ever");
        // What is damaged is an error.
        assert!(unpack_with(&packed[..packed.len() - 3], &text(0)).is_err());
        assert!(unpack(&packed, 10).is_err());
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            base in "\\PC{256,600}", plain in "\\PC{0,600}", repeats in 1..20usize,
        ) {
            let plain = plain.repeat(repeats);
            if let Some(packed) = pack(plain.as_bytes(), SHORT) {
                prop_assert_eq!(unpack(&packed, plain.len()).unwrap(), plain.as_bytes());
            }
            let mut dictionary = Dictionary::default();
            dictionary.offer(1, &base.as_str().into());
            if let (_, Some(packed)) = dictionary.next(&plain) {
                prop_assert_eq!(unpack_with(&packed, &base).unwrap(), plain);
            }
        }
    }
}
