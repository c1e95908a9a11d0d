//! Coded bodies, fed in every cut and with every byte damaged: what fixtures cannot enumerate.

#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use spikard_middleware::inflate::{Coding, Inflater};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One uncompressed block and the empty last one (RFC 7932 §9.2), by hand.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let bits = (bytes.len() as u32 - 1) << 4 | 1 << 20;
    let mut coded = bits.to_le_bytes()[..3].to_vec();
    coded.extend_from_slice(bytes);
    coded.push(3);
    coded
}

/// The decoded bytes, or the status of the refusal.
fn decode(coding: Coding, coded: &[u8], step: usize, limit: u64) -> Result<Vec<u8>, u16> {
    let mut inflater = Inflater::new(coding, Some(limit));
    let mut decoded = Vec::new();
    for piece in coded.chunks(step) {
        let taken = inflater.push(piece, |bytes| {
            decoded.extend_from_slice(bytes);
            Ok(())
        });
        assert!(decoded.len() as u64 <= limit);
        taken.map_err(|problem| problem.status())?;
    }
    let ended = inflater.finish(|bytes| {
        decoded.extend_from_slice(bytes);
        Ok(())
    });
    ended.map_err(|problem| problem.status())?;
    Ok(decoded)
}

fn samples() -> [(Coding, Vec<u8>); 2] {
    let text = b"one two three one two three";
    [(Coding::Gzip, gzip(text)), (Coding::Brotli, brotli(text))]
}

#[test]
fn cuts_make_no_difference() {
    for (coding, coded) in samples() {
        for step in 1..=coded.len() {
            let decoded = decode(coding, &coded, step, 100).unwrap();
            assert_eq!(decoded, b"one two three one two three");
        }
    }
}

#[test]
fn every_shorter_body_is_refused() {
    for (coding, coded) in samples() {
        for length in 1..coded.len() {
            assert_eq!(
                decode(coding, &coded[..length], 7, 100),
                Err(400),
                "{coding:?} {length}"
            );
        }
        assert_eq!(decode(coding, b"", 7, 100), Ok(vec![]));
    }
}

#[test]
fn damage_ends_in_an_answer() {
    for (coding, coded) in samples() {
        for at in 0..coded.len() {
            for bit in 0..8 {
                let mut damaged = coded.clone();
                damaged[at] ^= 1 << bit;
                if let Err(status) = decode(coding, &damaged, 5, 100) {
                    assert!(status == 400 || status == 413);
                }
            }
        }
    }
}

#[test]
fn bombs_are_refused_before_they_unfold() {
    let bomb = gzip(&vec![0; 10_000_000]);
    assert!(bomb.len() < 11_000);
    assert_eq!(decode(Coding::Gzip, &bomb, 65_536, 1_000_000), Err(413));
    assert_eq!(decode(Coding::Gzip, &bomb, 1, 1_000_000), Err(413));
    // Coded bytes count as well.
    assert_eq!(decode(Coding::Gzip, &bomb, 100, 100), Err(413));
}
