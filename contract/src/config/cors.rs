//! The knobs of cross-origin requests, and how an allowed origin is written.
//!
//! An entry that no browser would ever match is refused at start, with the spelling that would
//! match: a server that silently serves nobody is worse than one that does not start.
//! Knows nothing of requests; `middleware` matches them.

use super::token::is_token;
use crate::config;

config! {
    /// Which pages of other origins may call the server, as browsers enforce it (Fetch standard,
    /// CORS protocol). What is not listed is refused; it is not a means of access control for
    /// clients other than browsers.
    pub struct CorsConfig checked by agrees {
        /// Origins that may call: exact ones as browsers write them (`https://app.example.com`,
        /// with the port if it is not the scheme's own), `*.example.com` or
        /// `https://*.example.com` for every subdomain at any depth but not the domain itself,
        /// `null` for pages without an origin, or `*` for all.
        allowed_origins: Vec<String> = Vec::new(), in 1..=1_000, is required;
        /// Methods that a preflight may ask for, in upper case; `*` for all.
        allowed_methods: Vec<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
            .map(str::to_owned).to_vec(), in 0..=100;
        /// Header fields that a preflight may ask for, in any case; `*` for all but
        /// `Authorization`, which has to be listed.
        allowed_headers: Vec<String> = Vec::new(), in 0..=100;
        /// Header fields of replies that pages may read besides the few they always may; `*` for
        /// all.
        expose_headers: Vec<String> = Vec::new(), in 0..=100;
        /// How long a browser may keep the answer to a preflight. `null` leaves it to the browser,
        /// which keeps it for five seconds.
        max_age: Option<u32> = None, in 0..=86_400, unit "seconds";
        /// Whether pages may send cookies and other credentials. Nothing else may be `*` then.
        allow_credentials: bool = false;
        /// Whether pages on public networks may call this server on a private one.
        allow_private_network: bool = false;
    }
}

/// One entry of `allowed_origins`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`.
    Any,
    /// The whole serialised origin; `null` too.
    Exact(String),
    /// `*.example.com`.
    Subdomains {
        /// `http` or `https`; `None` for both.
        scheme: Option<String>,
        /// What the rest must end with: `.example.com`, with the port if one is written.
        suffix: String,
    },
}

impl OriginPattern {
    /// Reads an entry.
    ///
    /// # Errors
    /// What is wrong with it and how to write it, if no browser would send an origin that it means.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Exact(text.to_owned())),
            _ => {}
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let (wild, authority) = match rest.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, rest),
        };
        check_spelling(text, scheme, authority)?;
        match (wild, scheme) {
            (true, Some(scheme)) if !matches!(scheme, "http" | "https") => Err(format!(
                "'{text}' has subdomains of a scheme that has none; write the whole origin"
            )),
            (true, scheme) => Ok(Self::Subdomains {
                scheme: scheme.map(str::to_owned),
                suffix: format!(".{authority}"),
            }),
            (false, Some(_)) => Ok(Self::Exact(text.to_owned())),
            (false, None) => Err(format!(
                "'{text}' has no scheme; write 'https://{text}' or '*.{text}'"
            )),
        }
    }
}

/// Refuses what a browser would write otherwise (Fetch standard, serialising an origin).
fn check_spelling(text: &str, scheme: Option<&str>, authority: &str) -> Result<(), String> {
    let lower = text.to_ascii_lowercase();
    if text != lower {
        return Err(format!(
            "'{text}' has upper-case letters, which browsers do not send; write '{lower}'"
        ));
    }
    if scheme.is_some_and(|scheme| !is_scheme(scheme)) {
        return Err(format!("'{text}' is no origin: its scheme is none"));
    }
    if let Some(bare) = authority.split(['/', '?', '#']).next()
        && bare != authority
    {
        let bare = text.replacen(authority, bare, 1);
        return Err(format!("'{text}' has a path; write '{bare}'"));
    }
    let (host, port) = split_port(authority);
    if !is_host(host) {
        let hint = if host.is_ascii() {
            "write a host name or an address"
        } else {
            "write its ASCII form, which begins with xn--"
        };
        return Err(format!("'{text}' is no origin; {hint}"));
    }
    let Some(port) = port else { return Ok(()) };
    if port.starts_with('0') || port.parse::<u16>().is_err() {
        return Err(format!("'{text}' is no origin: '{port}' is no port"));
    }
    if matches!(
        (scheme, port),
        (Some("http"), "80") | (Some("https"), "443")
    ) {
        let bare = text.trim_end_matches(&format!(":{port}"));
        return Err(format!(
            "'{text}' names the scheme's own port, which browsers leave out; write '{bare}'"
        ));
    }
    Ok(())
}

/// The port stands behind the last colon that is not within an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && (text.bytes()).all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        })
}

/// A name of labels, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(address) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && (label.bytes()).all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
            })
    };
    text.split('.').all(is_label)
}

/// What does not fit together, or can never be met.
fn agrees(config: &CorsConfig) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    for origin in &config.allowed_origins {
        if let Err(message) = OriginPattern::parse(origin) {
            faults.push(("allowed_origins", message));
        }
    }
    for method in &config.allowed_methods {
        let upper = method.to_ascii_uppercase();
        if *method != upper {
            let message = format!("'{method}' is compared with case; write '{upper}'");
            faults.push(("allowed_methods", message));
        } else if !is_token(method) {
            faults.push(("allowed_methods", format!("'{method}' is no method")));
        }
    }
    for (knob, names) in [
        ("allowed_headers", &config.allowed_headers),
        ("expose_headers", &config.expose_headers),
    ] {
        if let Some(name) = names.iter().find(|name| !is_token(name)) {
            faults.push((knob, format!("'{name}' is no name of a header field")));
        }
    }
    if config.allow_credentials {
        for (knob, entries) in [
            ("allowed_origins", &config.allowed_origins),
            ("allowed_methods", &config.allowed_methods),
            ("allowed_headers", &config.allowed_headers),
            ("expose_headers", &config.expose_headers),
        ] {
            if entries.iter().any(|entry| entry == "*") {
                let message = "'*' does not go with allow_credentials: browsers refuse it; list \
                               what is meant";
                faults.push((knob, message.to_owned()));
            }
        }
    }
    faults
}
