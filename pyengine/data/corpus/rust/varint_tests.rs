//! Integration tests of the `varint` crate: what we write must be what the other side reads.

use proptest::prelude::*;
use varint::{decode_i64, decode_u64, encode_i64, encode_u64, DecodeError, Reader, MAX_LEN};

fn encoded(n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_u64(n, &mut out);
    out
}

#[test]
fn known_values() {
    let table: &[(u64, &[u8])] = &[
        (0, &[0x00]),
        (1, &[0x01]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (300, &[0xac, 0x02]),
        (u64::from(u32::MAX), &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for &(n, bytes) in table {
        assert_eq!(encoded(n), bytes, "encoding {n}");
        assert_eq!(decode_u64(bytes), Ok((n, bytes.len())), "decoding {bytes:02x?}");
    }
}

#[test]
fn the_largest_number_takes_all_bytes() {
    let bytes = encoded(u64::MAX);
    assert_eq!(bytes.len(), MAX_LEN);
    assert_eq!(bytes.last(), Some(&0x01));
}

#[test]
fn truncated_input_is_told_from_damaged_input() {
    assert_eq!(decode_u64(&[]), Err(DecodeError::Incomplete));
    assert_eq!(decode_u64(&[0x80, 0x80]), Err(DecodeError::Incomplete));
    assert_eq!(decode_u64(&[0xff; 11]), Err(DecodeError::Overflow));
    // 0x80 0x00 is zero in two bytes: readable elsewhere, but two spellings of one number break hashes
    assert_eq!(decode_u64(&[0x80, 0x00]), Err(DecodeError::NotCanonical { at: 1 }));
}

#[test]
fn zigzag_keeps_small_negatives_short() {
    for (n, expected) in [(0, 0u8), (-1, 1), (1, 2), (-2, 3), (63, 126), (-64, 127)] {
        let mut out = Vec::new();
        encode_i64(n, &mut out);
        assert_eq!(out, [expected], "{n}");
    }
}

#[test]
fn reader_counts_on_after_an_error() {
    let mut reader = Reader::new(b"\x05\x80\x00\x07");
    assert_eq!(reader.next_u64(), Ok(5));
    assert!(matches!(reader.next_u64(), Err(DecodeError::NotCanonical { .. })));
    reader.skip(2);
    assert_eq!(reader.next_u64(), Ok(7));
    assert!(reader.is_empty());
}

#[test]
#[should_panic(expected = "buffer is full")]
fn a_fixed_buffer_panics_rather_than_truncates() {
    let mut small = [0u8; 1];
    varint::encode_into(1_000, &mut small[..]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn unsigned_round_trip(n: u64) {
        let bytes = encoded(n);
        prop_assert!(bytes.len() <= MAX_LEN);
        prop_assert_eq!(decode_u64(&bytes), Ok((n, bytes.len())));
    }

    #[test]
    fn signed_round_trip(n in prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>(), -100..100i64]) {
        let mut bytes = Vec::new();
        encode_i64(n, &mut bytes);
        prop_assert_eq!(decode_i64(&bytes).map(|(value, _)| value), Ok(n));
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        let _ = decode_u64(&bytes);
        let _ = decode_i64(&bytes);
    }
}
