//! Entries of the histories of wide alerts, packed together before the store is handed them: reports
//! resemble each other more than themselves.
//!
//! In: entries. Out: frames, each one block of LZ4 from which an entry is read by its place.

use std::sync::Arc;

use bongsu_model::Timestamp;
use lz4_flex::block;

/// Entries in a frame: whoever reads one unpacks all.
const ENTRIES: usize = 32;
/// Bytes of their texts; beyond this LZ4 needs a larger table and looks no further back anyway.
const BYTES: usize = 60_000;
/// Texts of a frame together, at most: one of them may be long.
const LONGEST: usize = 64 << 20;

/// What is added to the history of a wide alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// The alert's identity.
    pub fingerprint: Arc<str>,
    /// When it happened.
    pub at: Timestamp,
    /// The engine's word for what happened.
    pub kind: &'static str,
    /// JSON text.
    pub detail: Arc<str>,
}

/// Entries that are written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFrame {
    entries: Vec<Entry>,
    /// Their number (u16), the length of each text (u32), all of them packed; little-endian.
    packed: Vec<u8>,
}

/// An entry without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) fingerprint: Arc<str>,
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
}

/// A frame cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("an entry of history is damaged: {0}")]
pub(crate) struct Damaged(String);

impl ReportFrame {
    /// All entries in as many frames as they need, in their order.
    pub fn pack(entries: impl IntoIterator<Item = ReportRow>) -> Vec<Self> {
        let (mut frames, mut texts, mut frame) = (Vec::new(), Vec::<u8>::new(), Vec::new());
        for entry in entries {
            let full = frame.len() == ENTRIES || texts.len() + entry.detail.len() > BYTES;
            if full && !frame.is_empty() {
                frames.push(Self::of(std::mem::take(&mut frame), &texts));
                texts.clear();
            }
            texts.extend_from_slice(entry.detail.as_bytes());
            frame.push(entry);
        }
        if !frame.is_empty() {
            frames.push(Self::of(frame, &texts));
        }
        frames
    }

    fn of(rows: Vec<ReportRow>, texts: &[u8]) -> Self {
        let head = 2 + 4 * rows.len();
        let mut packed = vec![0; head + block::get_maximum_output_size(texts.len())];
        packed[..2].copy_from_slice(&(rows.len() as u16).to_le_bytes());
        for (row, place) in rows.iter().zip(packed[2..head].chunks_exact_mut(4)) {
            place.copy_from_slice(&(row.detail.len() as u32).to_le_bytes());
        }
        // There is room for what does not shrink.
        let length = block::compress_into(texts, &mut packed[head..]).unwrap_or(0);
        packed.truncate(head + length);
        packed.shrink_to_fit();
        let entry = |ReportRow { fingerprint, at, kind, .. }| Entry { fingerprint, at, kind };
        Self { entries: rows.into_iter().map(entry).collect(), packed }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn packed(&self) -> &[u8] {
        &self.packed
    }
}

/// The text of the entry at a place of a packed frame.
pub(crate) fn unpack(packed: &[u8], place: usize) -> Result<String, Damaged> {
    let damaged = |what: &str| Damaged(what.to_owned());
    let short = || damaged("it is too short");
    let (count, rest) = packed.split_first_chunk::<2>().ok_or_else(short)?;
    let lengths = rest.get(..4 * usize::from(u16::from_le_bytes(*count))).ok_or_else(short)?;
    let body = &rest[lengths.len()..];
    let lengths: Vec<usize> = lengths
        .chunks_exact(4)
        .map(|four| four.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        .collect();
    let all = lengths.iter().sum();
    let length = *lengths.get(place).ok_or_else(|| damaged("it has fewer entries"))?;
    if all > LONGEST {
        return Err(damaged("it is too long"));
    }
    let texts = block::decompress(body, all).map_err(|error| Damaged(error.to_string()))?;
    let from: usize = lengths[..place].iter().sum();
    let text = texts.get(from..from + length).ok_or_else(short)?;
    String::from_utf8(text.to_vec()).map_err(|error| Damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(detail: &str) -> ReportRow {
        let at = Timestamp::UNIX_EPOCH;
        ReportRow { fingerprint: "a".into(), at, kind: "fired", detail: detail.into() }
    }

    fn texts(frames: &[ReportFrame]) -> Vec<String> {
        let of = |frame: &ReportFrame| -> Vec<String> {
            (0..frame.entries.len()).map(|n| unpack(&frame.packed, n).unwrap()).collect()
        };
        frames.iter().flat_map(of).collect()
    }

    #[test]
    fn alike_texts_take_little_room() {
        let text = |n: usize| -> String {
            let fields = (0..40).map(|f| format!(r#""field{f}":"value {}""#, f * f));
            format!("{{\"n\":{n},{}}}", fields.collect::<Vec<_>>().join(","))
        };
        let all: Vec<String> = (0..100).map(text).collect();
        let frames = ReportFrame::pack(all.iter().map(|text| row(text)));
        assert_eq!(texts(&frames), all);
        let plain: usize = all.iter().map(String::len).sum();
        let packed: usize = frames.iter().map(|frame| frame.packed.len()).sum();
        assert!(packed * 10 < plain, "{packed} of {plain} bytes");
        let packed = &frames[0].packed;
        for cut in [0, 1, 5, 2 + 4 * ENTRIES, packed.len() - 3] {
            assert!(unpack(&packed[..cut], 0).is_err(), "{cut}");
        }
        assert!(unpack(packed, ENTRIES).is_err());
    }

    #[test]
    fn frames_are_bounded_but_for_one_long_entry() {
        let long = "x".repeat(2 * BYTES);
        let all = ["a", &long, "b", "c"];
        let frames = ReportFrame::pack(all.iter().map(|text| row(text)));
        let sizes: Vec<usize> = frames.iter().map(|frame| frame.entries.len()).collect();
        assert_eq!((texts(&frames), sizes), (all.map(str::to_owned).to_vec(), vec![1, 1, 2]));
        assert!(ReportFrame::pack([]).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(all in prop::collection::vec("\\PC{0,300}", 0..100)) {
            prop_assert_eq!(texts(&ReportFrame::pack(all.iter().map(|text| row(text)))), all);
        }

        #[test]
        fn anything_else_is_an_error_and_no_panic(
            noise in prop::collection::vec(any::<u8>(), 0..200), place in 0..40usize,
        ) {
            let _ = unpack(&noise, place);
        }
    }
}
