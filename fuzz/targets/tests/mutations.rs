//! Feeds every fuzz function with all wire vectors and some twenty thousand mutations of them.
//!
//! The seed is fixed, so a failure repeats; the message names the input.

use std::panic::{AssertUnwindSafe, catch_unwind};

use spikard_fuzz_targets::{
    fuzz_body, fuzz_condition, fuzz_convert, fuzz_cookie, fuzz_fields, fuzz_form, fuzz_forwarded,
    fuzz_head, fuzz_inflate, fuzz_json, fuzz_jwt, fuzz_multipart, fuzz_parameters,
    fuzz_pattern_and_match, fuzz_range, fuzz_read, fuzz_reply, fuzz_request, fuzz_schema,
    fuzz_target, fuzz_upload,
};
use vectors::{BODY_FILE, HEAD_FILES, MULTIPART_FILE, REPLY_FILE, load};

#[path = "../../../proto-http/tests/wire/vectors.rs"]
#[expect(dead_code, reason = "only the bytes are wanted here, not the verdicts")]
mod vectors;

const MUTATIONS: usize = 20_000;

/// Longest vector that is mutated; the few longer ones test limits and would cost all the time.
const SEED_BYTES_MAX: usize = 1024;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 21] = [
    ("fuzz_head", fuzz_head),
    ("fuzz_body", fuzz_body),
    ("fuzz_condition", fuzz_condition),
    ("fuzz_cookie", fuzz_cookie),
    ("fuzz_forwarded", fuzz_forwarded),
    ("fuzz_target", fuzz_target),
    ("fuzz_reply", fuzz_reply),
    ("fuzz_fields", fuzz_fields),
    ("fuzz_form", fuzz_form),
    ("fuzz_multipart", fuzz_multipart),
    ("fuzz_convert", fuzz_convert),
    ("fuzz_inflate", fuzz_inflate),
    ("fuzz_json", fuzz_json),
    ("fuzz_jwt", fuzz_jwt),
    ("fuzz_parameters", fuzz_parameters),
    ("fuzz_pattern_and_match", fuzz_pattern_and_match),
    ("fuzz_range", fuzz_range),
    ("fuzz_read", fuzz_read),
    ("fuzz_request", fuzz_request),
    ("fuzz_schema", fuzz_schema),
    ("fuzz_upload", fuzz_upload),
];

/// Marsaglia's xorshift64: enough to wander, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let files = HEAD_FILES
        .iter()
        .chain([&BODY_FILE, &REPLY_FILE, &MULTIPART_FILE]);
    files
        .flat_map(|file| load(file))
        .map(|vector| vector.bytes)
        .collect()
}

fn run(name: &str, target: Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        panic!("{name} fails for b\"{}\"", input.escape_ascii());
    }
}

/// Bytes that mean something to a parser of HTTP, preferred over random ones.
const LOADED: &[u8] = b"\r\n\0\t :;=,%\"\\/?#*019afgHTP-\x7f\x80\xff";

fn mutate(random: &mut Random, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(input.len());
        let loaded = LOADED[random.below(LOADED.len())];
        match random.below(7) {
            0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
            1 if !input.is_empty() => input[at] = loaded,
            2 => input.insert(at, loaded),
            3 if !input.is_empty() => drop(input.remove(at)),
            4 => input.truncate(at),
            5 => {
                let from = random.below(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let length = random.below(input.len() - at);
                let copy = input[at..at + length].to_vec();
                input.splice(at..at, copy);
            }
        }
    }
    input.truncate(2 * SEED_BYTES_MAX);
    input
}

#[test]
fn every_vector_in_every_target() {
    for input in seeds() {
        for (name, target) in TARGETS {
            run(name, target, &input);
        }
    }
}

#[test]
fn mutations_of_vectors() {
    let seeds: Vec<_> = seeds()
        .into_iter()
        .filter(|seed| seed.len() <= SEED_BYTES_MAX)
        .collect();
    let mut random = Random(0x5b1c_a7d0_2026_1123);
    for round in 0..MUTATIONS {
        let seed = &seeds[random.below(seeds.len())];
        let other = &seeds[random.below(seeds.len())];
        let input = mutate(&mut random, seed, other);
        let (name, target) = TARGETS[round % TARGETS.len()];
        run(name, target, &input);
    }
}
