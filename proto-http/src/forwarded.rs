//! Whom proxies say they forward for: `Forwarded` (RFC 7239 §4) and `X-Forwarded-For`.
//!
//! Each proxy adds an entry on the right, and only those that trusted proxies added mean anything:
//! so entries are read from the right, and what is left of a malformed one is not looked at.
//! Knows nothing of whom to trust.

use std::net::{IpAddr, SocketAddr};

use crate::chars::trim;

/// Addresses of one line of `X-Forwarded-For`, from the right; `None` for what is no address.
pub fn x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Option<SocketAddr>> {
    line.rsplit(|byte| *byte == b',')
        .map(|entry| node(trim(entry)))
}

/// Addresses of one line of `Forwarded`, from the right; `None` for what is no address, such as
/// `unknown`, and for an element without `for`. A line whose quotes do not pair is one such entry:
/// where its elements end is anybody's guess.
pub fn forwarded(line: &[u8]) -> impl Iterator<Item = Option<SocketAddr>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let Some(comma) = last_outside_quotes(line, b',') else {
            rest = None;
            return Some(None);
        };
        let (left, element) = match comma {
            Some(at) => (Some(&line[..at]), &line[at + 1..]),
            None => (None, line),
        };
        rest = left;
        Some(for_of(element))
    })
}

/// Where `byte` stands last, quoted strings left out; `None` if quotes do not pair.
fn last_outside_quotes(line: &[u8], byte: u8) -> Option<Option<usize>> {
    let (mut last, mut quoted, mut escaped) = (None, false, false);
    for (at, each) in line.iter().enumerate() {
        match each {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if *each == byte && !quoted => last = Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(last)
}

/// The address that `for` names in an element; `for` stands once (RFC 7239 §4).
fn for_of(mut element: &[u8]) -> Option<SocketAddr> {
    let mut found = None;
    loop {
        let semicolon = last_outside_quotes(element, b';')?;
        let pair = trim(semicolon.map_or(element, |at| &element[at + 1..]));
        if let Some(value) = pair.get(4..)
            && pair[..4].eq_ignore_ascii_case(b"for=")
        {
            if found.is_some() {
                return None;
            }
            found = Some(match value {
                [b'"', inner @ .., b'"'] => node(inner),
                bare => node(bare),
            });
        }
        match semicolon {
            Some(at) => element = &element[..at],
            None => return found?,
        }
    }
}

/// An address, maybe with a port, an IPv6 address maybe in brackets. The port is 0 if none is said.
fn node(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(inner) = bracketed {
        let address = inner.parse().ok()?;
        return Some(SocketAddr::new(IpAddr::V6(address), 0));
    }
    match text.parse::<IpAddr>() {
        Ok(address) => Some(SocketAddr::new(address, 0)),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entries: impl Iterator<Item = Option<SocketAddr>>) -> Vec<String> {
        let text = |entry: Option<SocketAddr>| entry.map_or("-".to_owned(), |it| it.to_string());
        entries.map(text).collect()
    }

    #[test]
    fn reads_x_forwarded_for_from_the_right() {
        for (line, entries) in [
            ("192.0.2.1", &["192.0.2.1:0"][..]),
            ("192.0.2.1, 10.0.0.1:81", &["10.0.0.1:81", "192.0.2.1:0"]),
            (
                "2001:db8::1 ,[2001:db8::2],[::3]:9",
                &["[::3]:9", "[2001:db8::2]:0", "[2001:db8::1]:0"],
            ),
            ("x,,192.0.2.1", &["192.0.2.1:0", "-", "-"]),
            ("192.0.2.1;10.0.0.1", &["-"]),
            ("192.0.2.256", &["-"]),
            ("[192.0.2.1]", &["-"]),
            ("\"192.0.2.1\"", &["-"]),
            ("", &["-"]),
        ] {
            assert_eq!(texts(x_forwarded_for(line.as_bytes())), entries, "{line}");
        }
    }

    #[test]
    fn reads_forwarded_from_the_right() {
        for (line, entries) in [
            ("for=192.0.2.43", &["192.0.2.43:0"][..]),
            (
                "for=192.0.2.43, for=198.51.100.17",
                &["198.51.100.17:0", "192.0.2.43:0"],
            ),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                &["[2001:db8:cafe::17]:4711"],
            ),
            (
                "by=203.0.113.4;proto=https ; for=192.0.2.6",
                &["192.0.2.6:0"],
            ),
            ("for=unknown, for=\"_hidden\"", &["-", "-"]),
            ("by=192.0.2.1", &["-"]),
            ("for=192.0.2.1;for=192.0.2.2", &["-"]),
            ("by=\"a,b\\\"c;d\";for=192.0.2.1", &["192.0.2.1:0"]),
            ("for=\"x, for=192.0.2.1", &["-"]),
            ("", &["-"]),
        ] {
            assert_eq!(texts(forwarded(line.as_bytes())), entries, "{line}");
        }
    }
}
