//! Entries of the histories of wide alerts, packed together before the store is handed them: reports
//! resemble each other more than themselves.
//!
//! In: entries. Out: frames, each one block of LZ4 from which an entry is read by its place, and the keys
//! by which the entries of an alert are found.

use std::sync::Arc;

use bongsu_model::Timestamp;
use lz4_flex::block;

use crate::rows::text_hash;
use crate::{ReportRecord, stored_nanos, timestamp_of};

/// Entries in a frame: whoever reads one unpacks all. Places of entries are counted by it in files, so it
/// stays.
pub(crate) const ENTRIES: i64 = 32;
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
    id: i64,
    newest: Timestamp,
    /// Of which alert each entry is.
    alerts: Vec<i64>,
    heads: Vec<u8>,
    /// The number of entries (u16), the length of each text (u32), all of them packed; little-endian.
    packed: Vec<u8>,
}

/// Where an entry of an alert's history is; in the order of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportKey {
    /// See [`alert_place`].
    pub(crate) alert: i64,
    /// Frame and place in it.
    pub(crate) entry: i64,
}

/// An entry without its text. In files: `at` and `alert` as little-endian i64, the length of `kind` as a
/// byte, `kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) at: Timestamp,
    pub(crate) alert: i64,
    pub(crate) kind: String,
}

/// A frame cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("an entry of history is damaged: {0}")]
pub(crate) struct Damaged(String);

/// Where an alert stands in the index of histories: identities are long.
pub(crate) fn alert_place(fingerprint: &str) -> i64 {
    text_hash(fingerprint)
}

/// The frame an entry is in, and its place there.
pub(crate) fn place_of(entry: i64) -> (i64, usize) {
    (entry.div_euclid(ENTRIES), entry.rem_euclid(ENTRIES) as usize)
}

/// The first frame whose entries come after this one of a history without frames.
pub(crate) fn frame_after(entry: i64) -> i64 {
    entry.div_euclid(ENTRIES) + 1
}

impl ReportFrame {
    /// Whether a frame of so many entries, with texts of so many bytes together, has room for one of
    /// `more` bytes.
    pub fn has_room(entries: usize, bytes: usize, more: usize) -> bool {
        entries == 0 || (entries as i64) < ENTRIES && bytes + more <= BYTES
    }

    /// The frame `id` with entries in their order; no more than there is room for. Frames are given rising
    /// ids.
    pub fn pack(id: i64, entries: &[ReportRow]) -> Self {
        let texts: usize = entries.iter().map(|entry| entry.detail.len()).sum();
        let mut plain = Vec::with_capacity(texts);
        entries.iter().for_each(|entry| plain.extend_from_slice(entry.detail.as_bytes()));
        let head = 2 + 4 * entries.len();
        let mut packed = vec![0; head + block::get_maximum_output_size(plain.len())];
        packed[..2].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        for (entry, place) in entries.iter().zip(packed[2..head].chunks_exact_mut(4)) {
            place.copy_from_slice(&(entry.detail.len() as u32).to_le_bytes());
        }
        // There is room for what does not shrink.
        let length = block::compress_into(&plain, &mut packed[head..]).unwrap_or(0);
        packed.truncate(head + length);
        packed.shrink_to_fit();
        let alerts: Vec<i64> =
            entries.iter().map(|entry| alert_place(&entry.fingerprint)).collect();
        let heads = write_heads(entries, &alerts);
        let newest = entries.iter().map(|entry| entry.at).max();
        Self { id, newest: newest.unwrap_or(Timestamp::UNIX_EPOCH), alerts, heads, packed }
    }

    /// Its number.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Where its entries are.
    pub fn keys(&self) -> impl Iterator<Item = ReportKey> {
        let first = self.id * ENTRIES;
        (first..).zip(&self.alerts).map(|(entry, alert)| ReportKey { alert: *alert, entry })
    }

    /// Where those of one alert are, if it has any.
    pub fn keys_of(&self, fingerprint: &str) -> impl Iterator<Item = ReportKey> {
        let alert = alert_place(fingerprint);
        self.keys().filter(move |key| key.alert == alert)
    }

    /// Bytes it takes in memory.
    pub fn size(&self) -> usize {
        self.packed.len() + self.heads.len() + self.alerts.len() * 8
    }

    pub(crate) fn packed(&self) -> &[u8] {
        &self.packed
    }

    pub(crate) fn heads(&self) -> &[u8] {
        &self.heads
    }

    /// When the last of it happened.
    pub(crate) fn newest(&self) -> Timestamp {
        self.newest
    }
}

fn write_heads(entries: &[ReportRow], alerts: &[i64]) -> Vec<u8> {
    let mut written = Vec::with_capacity(entries.len() * 24);
    for (entry, alert) in entries.iter().zip(alerts) {
        written.extend(stored_nanos(entry.at).to_le_bytes());
        written.extend(alert.to_le_bytes());
        // The engine's words are short.
        let kind = &entry.kind.as_bytes()[..entry.kind.len().min(usize::from(u8::MAX))];
        written.push(kind.len() as u8);
        written.extend(kind);
    }
    written
}

/// An entry of the history, read from its frame.
pub(crate) fn read(entry: i64, heads: &[u8], packed: &[u8]) -> Result<ReportRecord, Damaged> {
    let (_, place) = place_of(entry);
    let head = read_heads(heads)?.into_iter().nth(place);
    let Head { at, kind, .. } = head.ok_or_else(|| Damaged("it has fewer heads".to_owned()))?;
    Ok(ReportRecord { id: entry, at, kind, detail: unpack(packed, place)? })
}

/// The heads of a frame's entries.
pub(crate) fn read_heads(mut written: &[u8]) -> Result<Vec<Head>, Damaged> {
    let short = || Damaged("its heads are too short".to_owned());
    let mut heads = Vec::with_capacity(ENTRIES as usize);
    while !written.is_empty() {
        let (at, rest) = written.split_first_chunk().ok_or_else(short)?;
        let (alert, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (length, rest) = rest.split_first().ok_or_else(short)?;
        let (kind, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(short)?;
        let kind = String::from_utf8(kind.to_vec()).map_err(|error| Damaged(error.to_string()))?;
        let at = timestamp_of(i64::from_le_bytes(*at));
        heads.push(Head { at, alert: i64::from_le_bytes(*alert), kind });
        written = rest;
    }
    Ok(heads)
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

    fn texts(frame: &ReportFrame) -> Vec<String> {
        (0..frame.alerts.len()).map(|n| unpack(&frame.packed, n).unwrap()).collect()
    }

    #[test]
    fn alike_texts_take_little_room() {
        let text = |n: usize| -> String {
            let fields = (0..40).map(|f| format!(r#""field{f}":"value {}""#, f * f));
            format!("{{\"n\":{n},{}}}", fields.collect::<Vec<_>>().join(","))
        };
        let all: Vec<String> = (0..ENTRIES as usize).map(text).collect();
        let rows: Vec<ReportRow> = all.iter().map(|text| row(text)).collect();
        let frame = ReportFrame::pack(1, &rows);
        assert_eq!(texts(&frame), all);
        let plain: usize = all.iter().map(String::len).sum();
        assert!(frame.packed.len() * 10 < plain, "{} of {plain} bytes", frame.packed.len());
        for cut in [0, 1, 5, 2 + 4 * all.len(), frame.packed.len() - 3] {
            assert!(unpack(&frame.packed[..cut], 0).is_err(), "{cut}");
        }
        assert!(unpack(&frame.packed, all.len()).is_err());
    }

    #[test]
    fn keys_lead_to_entries_and_rise_with_frames() {
        let rows = ["a", "b", "a"].map(|name| ReportRow { fingerprint: name.into(), ..row("{}") });
        let (one, two) = (ReportFrame::pack(7, &rows), ReportFrame::pack(8, &rows[1..]));
        let keys: Vec<ReportKey> = one.keys().chain(two.keys()).collect();
        let alerts = [0, 1, 0, 1, 0].map(|n| alert_place(["a", "b"][n]));
        assert_eq!(keys.iter().map(|key| key.alert).collect::<Vec<_>>(), alerts);
        let places: Vec<_> = keys.iter().map(|key| place_of(key.entry)).collect();
        assert_eq!(places, [(7, 0), (7, 1), (7, 2), (8, 0), (8, 1)]);
        assert!(keys.is_sorted_by_key(|key| key.entry));
        for entry in [0, 1, 31, 32, 1000] {
            let first = ReportFrame::pack(frame_after(entry), &rows).keys().next();
            assert!(first.is_some_and(|first| first.entry > entry), "{entry}");
        }
        assert_eq!(one.keys_of("b").collect::<Vec<_>>(), [keys[1]]);
        assert_eq!(one.keys_of("c").count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            all in prop::collection::vec(("\\PC{0,300}", 0..9i64), 1..=ENTRIES as usize),
        ) {
            let rows: Vec<ReportRow> = all
                .iter()
                .map(|(text, seconds)| ReportRow { at: timestamp_of(*seconds), ..row(text) })
                .collect();
            let frame = ReportFrame::pack(1, &rows);
            let read: Vec<(String, i64)> = texts(&frame)
                .into_iter()
                .zip(read_heads(frame.heads()).unwrap())
                .map(|(text, head)| (text, stored_nanos(head.at)))
                .collect();
            prop_assert_eq!(&read, &all);
            let newest = all.iter().map(|(_, seconds)| *seconds).max();
            prop_assert_eq!(Some(stored_nanos(frame.newest())), newest);
        }

        #[test]
        fn anything_else_is_an_error_and_no_panic(
            noise in prop::collection::vec(any::<u8>(), 0..200), place in 0..40usize,
        ) {
            let _ = unpack(&noise, place);
            let _ = read_heads(&noise);
        }
    }
}
