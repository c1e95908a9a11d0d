//! From the path of a request to the name of a file, below a root and without a second meaning.
//!
//! A path is split at its slashes, and each segment is decoded once, to bytes: a name need not be
//! UTF-8. Whatever could mean another place than it says is no name at all.
//! Knows nothing of the file system.

use std::borrow::Cow;

use spikard_proto_http::sabotage;
use spikard_proto_http::target::percent_decode_into;

/// A name below a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Decoded segments with slashes between them; empty for the root itself.
    pub bytes: Vec<u8>,
    /// Whether the path ended with a slash, as that of a folder does.
    pub is_folder: bool,
}

impl Name {
    /// The name that a raw path has behind its first `depth` segments; `None` if it has none:
    /// an empty segment within, `.` or `..`, a segment with an encoded slash or NUL, and, unless
    /// hidden names are served, a segment that begins with a dot.
    #[must_use]
    pub fn of(path: &[u8], depth: usize, serves_hidden: bool) -> Option<Self> {
        let mut segments = path.strip_prefix(b"/")?.split(|byte| *byte == b'/');
        for _ in 0..depth {
            segments.next()?;
        }
        let mut name = Self {
            bytes: Vec::new(),
            // The prefix alone, without a slash behind it, unless a segment follows.
            is_folder: false,
        };
        let mut segments = segments.peekable();
        while let Some(raw) = segments.next() {
            if raw.is_empty() {
                name.is_folder = segments.peek().is_none();
                return name.is_folder.then_some(name);
            }
            let segment = decode(raw)?;
            if !is_safe(&segment, serves_hidden) {
                return None;
            }
            if !name.bytes.is_empty() {
                name.bytes.push(b'/');
            }
            name.bytes.extend_from_slice(&segment);
        }
        Some(name)
    }

    /// The name of a file in this folder.
    #[must_use]
    pub fn child(&self, child: &str) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(child.as_bytes());
        bytes
    }
}

fn decode(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if memchr::memchr(b'%', raw).is_none() {
        return Some(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    percent_decode_into(&mut decoded, raw, false).ok()?;
    Some(Cow::Owned(decoded))
}

/// Whether a decoded segment names something in its folder, and only there.
fn is_safe(segment: &[u8], serves_hidden: bool) -> bool {
    if matches!(segment, b"." | b"..") {
        return sabotage::is_off("static/dots");
    }
    if segment.starts_with(b".") && !serves_hidden && !sabotage::is_off("static/hidden") {
        return false;
    }
    let has_slash = segment.contains(&b'/') && !sabotage::is_off("static/encoded-slash");
    // The kernel would end the name there.
    !has_slash && !segment.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, depth: usize) -> Option<(String, bool)> {
        let name = Name::of(path.as_bytes(), depth, false)?;
        let text = name.bytes.escape_ascii().to_string();
        Some((text, name.is_folder))
    }

    #[test]
    fn paths_become_names() {
        let cases = [
            ("/", 0, Some(("", true))),
            ("/a.txt", 0, Some(("a.txt", false))),
            ("/static", 1, Some(("", false))),
            ("/static/", 1, Some(("", true))),
            ("/static/a/b.txt", 1, Some(("a/b.txt", false))),
            ("/static/a/", 1, Some(("a", true))),
            ("/static/a%20b", 1, Some(("a b", false))),
            ("/static/%ff%fe", 1, Some(("\\xff\\xfe", false))),
            ("/static/a%252e", 1, Some(("a%2e", false))),
            ("/static/a\\b", 1, Some(("a\\\\b", false))),
            ("/static/a..b", 1, Some(("a..b", false))),
            ("/static//a", 1, None),
            ("/static/a//", 1, None),
            ("/static//", 1, None),
            ("//", 0, None),
            ("/static/../x", 1, None),
            ("/static/%2e%2e/x", 1, None),
            ("/static/.", 1, None),
            ("/static/..%2fx", 1, None),
            ("/static/a%2fb", 1, None),
            ("/static/a%00.txt", 1, None),
            ("/static/.git/config", 1, None),
            ("/static/%2egit", 1, None),
        ];
        for (path, depth, wanted) in cases {
            let wanted = wanted.map(|(text, is_folder)| (text.to_owned(), is_folder));
            assert_eq!(name(path, depth), wanted, "{path}");
        }
        let hidden = Name::of(b"/.well-known/x", 0, true).unwrap();
        assert_eq!(hidden.bytes, b".well-known/x");
        assert_eq!(Name::of(b"/a/../b", 0, true), None);
    }
}
