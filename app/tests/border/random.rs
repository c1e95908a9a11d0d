//! Seeded random inputs for the fuzz entry points: the same on every machine, on every build.

use spikard_app::fuzz::{
    fuzz_convert, fuzz_json, fuzz_pattern_and_match, fuzz_read, fuzz_schema, fuzz_upload,
};

/// xorshift64*: small, seeded, good enough to mix tokens.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    pub(crate) fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.below(from.len())]
    }

    /// A text of tokens, with a random byte now and then.
    fn text(&mut self, tokens: &[&str], tokens_max: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..self.below(tokens_max) {
            match self.below(24) {
                0 => text.push(self.below(256) as u8),
                _ => text.extend_from_slice(self.pick(tokens).as_bytes()),
            }
        }
        text
    }
}

#[test]
fn patterns_and_paths_never_break_the_tree() {
    let tokens = [
        "/", "/", "/", "a", "b", "{", "}", "{a}", "{b:int}", "{c:uuid}", "{d:path}", ":e", "%2F",
        "%", "\n/", "1", "é", "*", ".",
    ];
    let mut random = Random::new(7);
    for _ in 0..20_000 {
        fuzz_pattern_and_match(&random.text(&tokens, 24));
    }
}

#[test]
fn json_texts_are_judged_as_another_parser_does() {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\":",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "d800",
        "0",
        "-",
        "1e400",
        "1.5",
        "12345678901234567890",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "é",
        "{\"a\":1,",
        "\"a\":2}",
    ];
    let mut random = Random::new(11);
    for _ in 0..40_000 {
        fuzz_json(&random.text(&tokens, 16));
    }
}

#[test]
fn parameters_are_delivered_or_refused() {
    let tokens = [
        "1",
        "0",
        "-",
        "+",
        ".",
        "e",
        "9223372036854775808",
        "true",
        "False",
        "2024-02-29",
        "T",
        "10:30:00Z",
        ",",
        "a[",
        "]",
        "[]=",
        "a[b]=",
        "&",
        "=",
        "%41",
        "é",
        " ",
    ];
    let mut random = Random::new(13);
    for _ in 0..3_000 {
        fuzz_convert(&random.text(&tokens, 10));
    }
}

/// A sound JSON text; values nest `depth` deep at most.
fn document(random: &mut Random, depth: usize) -> String {
    let scalars = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "1.0",
        "2",
        "10",
        "-0",
        "1e400",
        "1e2",
        "0.5",
        "\"\"",
        "\"a\"",
        "\"\\u0061\"",
        "\"\u{e9}\\n\"",
        "18446744073709551616",
        "9223372036854775807",
    ];
    let keys = ["a", "b", "c", "\\u0061a", "é"];
    let count = random.below(4);
    match random.below(if depth == 0 { 1 } else { 3 }) {
        0 => random.pick(&scalars).to_owned(),
        1 => {
            let items: Vec<_> = (0..count).map(|_| document(random, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => {
            let first = random.below(keys.len());
            let members: Vec<_> = (0..count)
                .map(|place| keys[(first + place) % keys.len()])
                .map(|key| format!("\"{key}\": {}", document(random, depth - 1)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

#[test]
fn a_body_is_judged_alike_as_it_lies_and_as_values() {
    let mut random = Random::new(17);
    for _ in 0..10_000 {
        fuzz_schema(document(&mut random, 4).as_bytes());
    }
}

#[test]
fn a_body_is_read_alike_by_its_outline_and_from_its_bytes() {
    let mut random = Random::new(19);
    for _ in 0..20_000 {
        fuzz_read(document(&mut random, 4).as_bytes());
    }
}

#[test]
fn uploads_come_to_the_same_however_they_are_cut() {
    let tokens = [
        "--XX\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n",
        "--XX\r\ncontent-disposition: form-data; name=f; filename=\"x\"\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\nx: y\r\n\r\n",
        "\r\n",
        "\r\n--X",
        "--XX",
        "--XX--",
        "\r\n--XX--\r\n",
        "\r\n--XX \r\n",
        "\x7f",
        "é",
        "content",
        "-",
        "a long run of content that goes over what one file may have, if it comes twice",
    ];
    let mut random = Random::new(11);
    for _ in 0..20_000 {
        fuzz_upload(&random.text(&tokens, 12));
    }
}
