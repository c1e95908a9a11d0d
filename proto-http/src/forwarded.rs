//! Whom proxies say they forward for, and by which scheme: `Forwarded` (RFC 7239 §4),
//! `X-Forwarded-For` and `X-Forwarded-Proto`.
//!
//! Each proxy adds an entry on the right, and only those that trusted proxies added mean anything:
//! so entries are read from the right, and what is left of a malformed one is not looked at.
//! Knows nothing of whom to trust.

use std::net::{IpAddr, SocketAddr};

use crate::chars::trim;

/// How a client speaks to the server, or to the proxy before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Scheme {
    /// Without encryption.
    #[default]
    Http = 0,
    /// With it.
    Https = 1,
}

impl Scheme {
    /// As in a URL: `http` or `https`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The scheme of this name, in any letter case (RFC 3986 §3.1); `None` for all but the two.
    fn named(name: &[u8]) -> Option<Self> {
        let all = [Self::Http, Self::Https];
        all.into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.as_str().as_bytes()))
    }
}

/// What one proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// Whom it forwards for; `None` for what is no address, such as `unknown`.
    pub address: Option<SocketAddr>,
    /// How they came to it; `None` where it does not say, or says what is no scheme of ours.
    pub scheme: Option<Scheme>,
}

/// Entries of one line of `X-Forwarded-For`, from the right.
pub fn x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Entry> {
    line.rsplit(|byte| *byte == b',').map(|entry| Entry {
        address: node(trim(entry)),
        scheme: None,
    })
}

/// Entries of one line of `X-Forwarded-Proto`, from the right.
pub fn x_forwarded_proto(line: &[u8]) -> impl Iterator<Item = Option<Scheme>> {
    line.rsplit(|byte| *byte == b',')
        .map(|entry| Scheme::named(trim(entry)))
}

/// Entries of one line of `Forwarded`, from the right. A line whose quotes do not pair is one entry
/// that says nothing: where its elements end is anybody's guess.
pub fn forwarded(line: &[u8]) -> impl Iterator<Item = Entry> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let Some(comma) = last_outside_quotes(line, b',') else {
            rest = None;
            return Some(Entry::default());
        };
        let (left, element) = match comma {
            Some(at) => (Some(&line[..at]), &line[at + 1..]),
            None => (None, line),
        };
        rest = left;
        Some(entry_of(element))
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

/// What an element says. Each parameter stands once (RFC 7239 §4): of two, neither is believed.
fn entry_of(mut element: &[u8]) -> Entry {
    let (mut address, mut scheme) = (Said::Nothing, Said::Nothing);
    loop {
        let Some(semicolon) = last_outside_quotes(element, b';') else {
            return Entry::default();
        };
        let pair = trim(semicolon.map_or(element, |at| &element[at + 1..]));
        if let Some(value) = value_of(pair, b"for=") {
            address = address.and(node(value));
        }
        if let Some(value) = value_of(pair, b"proto=") {
            scheme = scheme.and(Scheme::named(value));
        }
        match semicolon {
            Some(at) => element = &element[..at],
            None => {
                return Entry {
                    address: address.once(),
                    scheme: scheme.once(),
                };
            }
        }
    }
}

/// What a parameter says, and whether it has said it already.
#[derive(Clone, Copy)]
enum Said<T> {
    Nothing,
    Once(Option<T>),
    Twice,
}

impl<T> Said<T> {
    fn and(self, value: Option<T>) -> Self {
        match self {
            Self::Nothing => Self::Once(value),
            Self::Once(_) | Self::Twice => Self::Twice,
        }
    }

    fn once(self) -> Option<T> {
        match self {
            Self::Once(value) => value,
            Self::Nothing | Self::Twice => None,
        }
    }
}

/// The value of a pair with this name, in any letter case, without its quotes.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (own, value) = pair.split_at_checked(name.len())?;
    own.eq_ignore_ascii_case(name).then_some(match value {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    })
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

    fn texts(entries: impl Iterator<Item = Entry>) -> Vec<String> {
        let text = |entry: Entry| entry.address.map_or("-".to_owned(), |it| it.to_string());
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
    #[test]
    fn knows_two_schemes() {
        let (http, https) = (Some(Scheme::Http), Some(Scheme::Https));
        for (line, schemes) in [
            ("https", &[https][..]),
            ("HTTPS , http", &[http, https]),
            ("https,", &[None, https]),
            ("\"https\"", &[None]),
            ("httpsx", &[None]),
            ("", &[None]),
        ] {
            let read: Vec<_> = x_forwarded_proto(line.as_bytes()).collect();
            assert_eq!(read, schemes, "{line}");
        }
        for (line, schemes) in [
            ("for=192.0.2.1;proto=https", &[https][..]),
            ("Proto=\"HTTP\";for=unknown, proto=https", &[https, http]),
            ("for=192.0.2.1", &[None]),
            ("proto=wss", &[None]),
            ("proto=https;proto=https", &[None]),
            ("by=\"proto=https\"", &[None]),
            ("proto=https;by=\"x", &[None]),
            ("xproto=https", &[None]),
        ] {
            let read: Vec<_> = forwarded(line.as_bytes()).map(|it| it.scheme).collect();
            assert_eq!(read, schemes, "{line}");
        }
    }
}
