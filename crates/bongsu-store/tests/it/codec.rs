//! Round trips, sizes and refusals of the binary records.

use bongsu_model::{
    Alert, Fingerprint, Labels, MatchOp, Matcher, Matchers, Silence, Time, Timestamp,
};
use bongsu_store::codec::{
    BatchDecoder, BatchEncoder, CodecError, Entry, Touch, decode_alert, decode_silence,
    encode_alert, encode_silence,
};
use jiff::tz::Offset;
use proptest::prelude::*;

fn instant() -> impl Strategy<Value = Timestamp> {
    let nanos = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
    prop_oneof![
        nanos,
        (0..2_000_000_000i128).prop_map(|seconds| seconds * 1_000_000_000),
        Just("0001-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_nanosecond()),
    ]
    .prop_map(|nanos| Timestamp::from_nanosecond(nanos).unwrap())
}

fn time() -> impl Strategy<Value = Time> {
    (instant(), prop_oneof![3 => Just(0), 1 => -50_000..50_000])
        .prop_map(|(at, seconds)| Time { at, offset: Offset::from_seconds(seconds).unwrap() })
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn labels() -> impl Strategy<Value = Labels> {
    proptest::collection::vec((text(), text()), 0..6).prop_map(Labels::from_pairs)
}

prop_compose! {
    fn alert()(
        labels in labels(), annotations in labels(), url in text(), starts_at in time(),
        ends_at in time(), updated_at in instant(), timeout in any::<bool>(),
    ) -> Alert {
        Alert {
            fingerprint: labels.fingerprint(), labels, annotations, generator_url: url.into(),
            starts_at, ends_at, updated_at, timeout,
        }
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    let touch = (any::<u64>(), proptest::option::of(time()), time(), instant(), any::<bool>());
    prop_oneof![
        alert().prop_map(Entry::New),
        touch.prop_map(|(fingerprint, starts_at, ends_at, updated_at, timeout)| Entry::Touch(
            Touch {
                fingerprint: Fingerprint(fingerprint),
                starts_at,
                ends_at,
                updated_at,
                timeout,
            }
        )),
    ]
}

prop_compose! {
    fn silence()(
        id in text(), names in proptest::collection::vec((text(), 0..2u8, text()), 0..4),
        starts_at in instant(), ends_at in instant(), updated_at in instant(),
        created_by in text(), comment in text(), annotations in labels(),
    ) -> Silence {
        let matcher = |(name, op, value): (String, u8, String)| {
            let op = if op == 0 { MatchOp::Equal } else { MatchOp::NotEqual };
            Matcher::new(name, op, value).unwrap()
        };
        Silence {
            id: id.into(), matchers: Matchers(names.into_iter().map(matcher).collect()),
            starts_at, ends_at, updated_at, created_by: created_by.into(),
            comment: comment.into(), annotations,
        }
    }
}

/// `Time` compares instants only; the offset must survive as well.
fn offsets(alert: &Alert) -> [Offset; 2] {
    [alert.starts_at.offset, alert.ends_at.offset]
}

fn encoded(received_at: Timestamp, entries: &[Entry]) -> Vec<u8> {
    let mut out = vec![7; 3];
    let mut batch = BatchEncoder::new(&mut out, received_at);
    for entry in entries {
        match entry {
            Entry::New(alert) => batch.alert(alert),
            Entry::Touch(touch) => batch.touch(*touch),
        }
    }
    assert_eq!(batch.len(), entries.len());
    batch.finish();
    out
}

proptest! {
    #[test]
    fn an_alert_survives(alert in alert()) {
        let mut out = Vec::new();
        encode_alert(&alert, &mut out);
        let back = decode_alert(&out).unwrap();
        prop_assert_eq!(offsets(&back), offsets(&alert));
        prop_assert_eq!(back, alert);
    }

    #[test]
    fn a_batch_survives(at in instant(), entries in proptest::collection::vec(entry(), 0..5)) {
        let record = encoded(at, &entries);
        let batch = BatchDecoder::new(&record).unwrap();
        prop_assert_eq!(batch.received_at(), at);
        let back: Vec<Entry> = batch.collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(back, entries);
    }

    #[test]
    fn a_silence_survives(silence in silence()) {
        let mut out = Vec::new();
        encode_silence(&silence, &mut out);
        prop_assert_eq!(decode_silence(&out).unwrap(), silence);
    }

    #[test]
    fn a_changed_record_is_refused(alert in alert(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut out = Vec::new();
        encode_alert(&alert, &mut out);
        let at = at.index(out.len());
        out[at] ^= 1u8 << bit;
        prop_assert!(decode_alert(&out).is_err());
        prop_assert!(decode_alert(&out[..at]).is_err());
    }

    /// Fields of any content behind a valid checksum: an error or a value, never a panic.
    #[test]
    fn a_forged_record_does_no_harm(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in [0x11, 0x21, 0x31] {
            let mut record = Vec::new();
            let mut fields = bongsu_store::codec::FieldWriter::new(&mut record, format);
            for &byte in &body {
                fields.byte(byte);
            }
            fields.finish();
            let _ = decode_alert(&record);
            let _ = decode_silence(&record);
            if let Ok(batch) = BatchDecoder::new(&record) {
                prop_assert!(batch.count() <= body.len());
            }
        }
    }
}

#[test]
fn an_unchanged_resend_costs_a_few_bytes() {
    let now: Timestamp = "2026-11-21T01:02:03.123456789Z".parse().unwrap();
    let touch = Entry::Touch(Touch {
        fingerprint: Fingerprint(u64::MAX),
        starts_at: None,
        ends_at: Time::utc("2026-11-21T01:07:03.5Z".parse().unwrap()),
        updated_at: now,
        timeout: false,
    });
    let one = encoded(now, std::slice::from_ref(&touch)).len();
    let hundred = encoded(now, &vec![touch; 100]).len();
    assert_eq!((hundred - one) / 99, 17);
}

#[test]
fn another_kind_of_record_is_named() {
    let mut out = Vec::new();
    encode_alert(
        &Alert {
            fingerprint: Labels::default().fingerprint(),
            labels: Labels::default(),
            annotations: Labels::default(),
            generator_url: "".into(),
            starts_at: Time::utc(Timestamp::UNIX_EPOCH),
            ends_at: Time::utc(Timestamp::UNIX_EPOCH),
            updated_at: Timestamp::UNIX_EPOCH,
            timeout: false,
        },
        &mut out,
    );
    assert_eq!(decode_silence(&out), Err(CodecError::Format(0x11)));
    assert_eq!(decode_alert(&[]), Err(CodecError::Short));
}

#[test]
fn regexes_and_operators_of_a_silence_survive() {
    let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
    let matchers = ops.map(|op| Matcher::new("a", op, "b|c").unwrap());
    let silence = Silence {
        id: "x".into(),
        matchers: Matchers(matchers.into()),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: Timestamp::MAX,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: "me".into(),
        comment: "".into(),
        annotations: Labels::default(),
    };
    let mut out = Vec::new();
    encode_silence(&silence, &mut out);
    let back = decode_silence(&out).unwrap();
    assert_eq!(back, silence);
    assert!(back.matchers.0[2].matches_value("c"));
}
