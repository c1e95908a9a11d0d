//! Rust source with comments and literals blanked, and the functions found in it.
//!
//! Enough of a lexer to count braces and words honestly; not a parser. Positions and line ends
//! stay where they were.
//! Knows nothing of the rules that are checked on the result.

/// A function and the lines it spans, both counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first_line: usize,
    pub(crate) last_line: usize,
}

/// `text` with every comment, string and character literal turned into spaces.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let Some(end) = literal_end(bytes, at) else {
            at += 1;
            continue;
        };
        let end = end.min(bytes.len());
        for byte in code[at..end].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at = end;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Every function with a body, in order. `code` comes from [`code_only`].
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for start in words(code, "fn") {
        let rest = code[start + 2..].trim_start();
        let length = rest
            .bytes()
            .take_while(|byte| is_word(*byte) || *byte == b'$')
            .count();
        if length == 0 {
            continue;
        }
        if let Some(end) = body_end(bytes, start) {
            found.push(Function {
                name: rest[..length].to_owned(),
                first_line: line_of(code, start),
                last_line: line_of(code, end),
            });
        }
    }
    found
}

/// Offsets at which `word` stands as a whole word.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word)
        .map(|(start, _)| start)
        .filter(move |start| {
            let before = start.checked_sub(1).map(|index| bytes[index]);
            let after = bytes.get(start + word.len()).copied();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

/// The line of an offset, counted from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The offset of the brace that ends the body of the function at `start`, if it has a body.
fn body_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for (offset, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if brackets == 0 && braces == 0 => return None,
            b'{' => braces += 1,
            b'}' if braces <= 1 => return (braces == 1).then_some(offset),
            b'}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// Where the comment or literal that begins at `at` ends, if one begins there.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let inside_word = at > 0 && is_word(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => Some(at + position(rest, |byte| byte == b'\n')),
        [b'/', b'*', ..] => Some(at + block_comment_length(rest)),
        [b'"', ..] => Some(at + string_length(rest)),
        [b'r' | b'b' | b'c', ..] if !inside_word => raw_string_length(rest).map(|n| at + n),
        [b'\'', ..] => character_length(rest).map(|length| at + length),
        _ => None,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, and the same behind `b` or `c`; `None` when it is only a word.
fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let prefix = match rest {
        [b'b' | b'c', b'r', ..] => 2,
        [b'r', ..] => 1,
        _ => return None,
    };
    let hashes = position(&rest[prefix..], |byte| byte != b'#');
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let body = &rest[open + 1..];
    let length = body.windows(close.len()).position(|window| window == close);
    Some(length.map_or(rest.len(), |length| open + 1 + length + close.len()))
}

/// A character literal; `None` for a lifetime.
fn character_length(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let closing = position(&rest[3.min(rest.len())..], |byte| byte == b'\'');
        return Some(3 + closing + 1);
    }
    // The widest UTF-8 character has four bytes.
    let closing = position(&rest[1..rest.len().min(6)], |byte| byte == b'\'');
    let character = std::str::from_utf8(rest.get(1..=closing)?).ok()?;
    (rest.get(closing + 1) == Some(&b'\'') && character.chars().count() == 1).then_some(closing + 2)
}

fn position(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| wanted(*byte))
        .unwrap_or(bytes.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_literals_and_keeps_positions() {
        let text =
            "a // {\n/* { /* } */ */ b \"\\\"{\" c 'x' '{' '\\'' '\\u{7f}' 'é' <'a> r#\"{\"#z";
        let code = code_only(text);
        assert_eq!(code.len(), text.len());
        assert!(!code.contains('{'), "{code}");
        for kept in ["a", "b", "c", "<'a>", "z"] {
            assert!(code.contains(kept), "{kept} is gone from {code}");
        }
    }

    #[test]
    fn measures_functions() {
        let text = "fn one() -> [u8; 2] {\n  if x { y }\n}\ntrait T { fn none(&self); }\n\
                    const P: fn() = one;\nfn two() { fn inner() {} }\n";
        let found = functions(&code_only(text));
        let spans: Vec<_> = found
            .iter()
            .map(|function| {
                (
                    function.name.as_str(),
                    function.first_line,
                    function.last_line,
                )
            })
            .collect();
        assert_eq!(spans, [("one", 1, 3), ("two", 6, 6), ("inner", 6, 6)]);
    }

    #[test]
    fn finds_whole_words_only() {
        assert_eq!(words("unsafe_code unsafe { unsafe", "unsafe").count(), 2);
    }
}
