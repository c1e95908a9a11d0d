//! Invariants of content codings undone as bytes arrive.

use spikard_middleware::inflate::{Coding, Inflater};

/// Most bytes that a body may unfold to here.
const BYTES_MAX: u64 = 65_536;

/// The first byte chooses the coding and the cuts; the rest is the coded body. However it is cut,
/// the same bytes come out, or a refusal, and never more than the limit.
pub fn fuzz_inflate(data: &[u8]) {
    let Some((choice, coded)) = data.split_first() else {
        return;
    };
    let coding = match choice % 2 {
        0 => Coding::Gzip,
        _ => Coding::Brotli,
    };
    let whole = decode(coding, coded, coded.len().max(1));
    for step in [1, 2, 7, 1 + *choice as usize] {
        assert_eq!(decode(coding, coded, step), whole, "in steps of {step}");
    }
}

/// The decoded bytes; `None` if the body is refused.
fn decode(coding: Coding, coded: &[u8], step: usize) -> Option<Vec<u8>> {
    let mut inflater = Inflater::new(coding, Some(BYTES_MAX));
    let mut decoded = Vec::new();
    let mut refused = None;
    for piece in coded.chunks(step) {
        let taken = inflater.push(piece, |bytes| {
            decoded.extend_from_slice(bytes);
            Ok(())
        });
        assert!(decoded.len() as u64 <= BYTES_MAX);
        if let Err(problem) = taken {
            refused = Some(problem);
            break;
        }
    }
    if refused.is_none() {
        let ended = inflater.finish(|bytes| {
            decoded.extend_from_slice(bytes);
            Ok(())
        });
        refused = ended.err();
    }
    assert!(decoded.len() as u64 <= BYTES_MAX);
    match refused {
        None => Some(decoded),
        Some(problem) => {
            assert!(matches!(problem.status(), 400 | 413));
            None
        }
    }
}
