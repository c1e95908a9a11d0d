//! `Set-Cookie` values, built and never merely pasted together (RFC 6265bis §4.1).
//!
//! What a browser would silently drop is refused here, where its author can see it. What a server
//! may send is narrower than what `cookie.rs` reads, on purpose.
//! Knows nothing of clocks: an expiry is given as a time.

use std::fmt;

use crate::chars::is_token;
use crate::date::format_date;
use crate::sabotage;

/// When a browser sends a cookie along with requests that other sites cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SameSite {
    /// Never.
    Strict,
    /// On top-level navigation with a safe method.
    Lax,
    /// Always; needs `Secure`.
    None,
}

impl SameSite {
    /// Reads a name in any letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Strict, Self::Lax, Self::None]
            .into_iter()
            .find(|value| value.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// One cookie to set. The default has no attribute: a session cookie of this host and path.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SetCookie {
    /// A token.
    pub name: String,
    /// Visible ASCII without quotes, commas, semicolons and backslashes; may be empty.
    pub value: String,
    /// When it ends, in Unix seconds.
    pub expires: Option<u64>,
    /// How long it lasts, in seconds; wins over `expires`. Zero or less ends it at once.
    pub max_age: Option<i64>,
    /// The host it is sent to, subdomains included; `None` for the replying host alone.
    pub domain: Option<String>,
    /// The path it is sent to, all below included.
    pub path: Option<String>,
    /// Only over TLS.
    pub secure: bool,
    /// Out of reach of scripts.
    pub http_only: bool,
    /// Its place in requests from other sites.
    pub same_site: Option<SameSite>,
    /// Kept apart per top-level site; needs `Secure`.
    pub partitioned: bool,
}

impl SetCookie {
    /// A cookie without attributes.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            ..Self::default()
        }
    }

    /// A cookie that ends the one of this name. Domain and path must be those it was set with.
    pub fn ending(name: impl Into<String>) -> Self {
        let mut cookie = Self::new(name, "");
        cookie.expires = Some(0);
        cookie.max_age = Some(0);
        let name = cookie.name.to_ascii_lowercase();
        cookie.secure = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        cookie.path = Some("/".to_owned());
        cookie
    }

    /// The field value.
    ///
    /// # Errors
    /// A [`CookieError`] for what a browser would drop or read otherwise.
    pub fn to_field(&self) -> Result<String, CookieError> {
        self.check()?;
        let mut out = format!("{}={}", self.name, self.value);
        if let Some(expires) = self.expires {
            let date = format_date(expires);
            out.push_str("; Expires=");
            out.extend(date.iter().map(|byte| char::from(*byte)));
        }
        if let Some(max_age) = self.max_age {
            let least = if sabotage::is_off("cookie/set-negative-age") {
                i64::MIN
            } else {
                0
            };
            out.push_str(&format!("; Max-Age={}", max_age.max(least)));
        }
        let named = [("; Domain=", &self.domain), ("; Path=", &self.path)];
        for (name, value) in named {
            if let Some(value) = value {
                out.push_str(name);
                out.push_str(value);
            }
        }
        let flags = [
            (self.secure, "; Secure"),
            (self.http_only, "; HttpOnly"),
            (self.partitioned, "; Partitioned"),
        ];
        for (is_set, flag) in flags {
            if is_set {
                out.push_str(flag);
            }
        }
        if let Some(same_site) = self.same_site {
            out.push_str("; SameSite=");
            out.push_str(same_site.name());
        }
        Ok(out)
    }

    fn check(&self) -> Result<(), CookieError> {
        if !is_token(self.name.as_bytes()) && !sabotage::is_off("cookie/set-name") {
            return Err(CookieError::Name);
        }
        if !self.value.bytes().all(is_cookie_octet) && !sabotage::is_off("cookie/set-value") {
            return Err(CookieError::Value);
        }
        let length = self.name.len() + self.value.len();
        if length > PAIR_BYTES_MAX && !sabotage::is_off("cookie/set-length") {
            return Err(CookieError::Long);
        }
        if !sabotage::is_off("cookie/set-attributes") {
            self.check_attributes()?;
        }
        if sabotage::is_off("cookie/set-security") {
            return Ok(());
        }
        self.check_security()
    }

    fn check_attributes(&self) -> Result<(), CookieError> {
        let attributes = [("Domain", &self.domain), ("Path", &self.path)];
        for (name, value) in attributes {
            let Some(value) = value else { continue };
            let is_clean = value
                .bytes()
                .all(|byte| matches!(byte, 0x20..=0x7e if byte != b';'));
            if !is_clean || value.is_empty() || value.len() > ATTRIBUTE_BYTES_MAX {
                return Err(CookieError::Attribute(name));
            }
        }
        if self
            .path
            .as_ref()
            .is_some_and(|path| !path.starts_with('/'))
        {
            return Err(CookieError::Attribute("Path"));
        }
        if self
            .domain
            .as_ref()
            .is_some_and(|domain| domain.contains(' '))
        {
            return Err(CookieError::Attribute("Domain"));
        }
        Ok(())
    }

    /// RFC 6265bis §4.1.3 and §5.7: a browser drops what breaks these.
    fn check_security(&self) -> Result<(), CookieError> {
        let name = self.name.to_ascii_lowercase();
        let is_host = name.starts_with(PREFIXES[0]);
        if !self.secure {
            if is_host || name.starts_with(PREFIXES[1]) {
                return Err(CookieError::NeedsSecure("a name with this prefix"));
            }
            if self.same_site == Some(SameSite::None) {
                return Err(CookieError::NeedsSecure("SameSite=None"));
            }
            if self.partitioned {
                return Err(CookieError::NeedsSecure("Partitioned"));
            }
        }
        let is_checked = !sabotage::is_off("cookie/set-host-prefix");
        if is_checked && is_host && (self.domain.is_some() || self.path.as_deref() != Some("/")) {
            return Err(CookieError::HostPrefix);
        }
        Ok(())
    }
}

/// Why a cookie cannot be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieError {
    /// The name is not a token (RFC 9110 §5.6.2).
    Name,
    /// The value has a byte that a cookie cannot carry.
    Value,
    /// Name and value together are longer than browsers keep.
    Long,
    /// This attribute's value cannot be sent.
    Attribute(&'static str),
    /// This demands `Secure`.
    NeedsSecure(&'static str),
    /// `__Host-` demands the path `/` and forbids a domain.
    HostPrefix,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => {
                f.write_str("a cookie's name must be a token: letters, digits, !#$%&'*+-.^_`|~")
            }
            Self::Value => f.write_str(
                "a cookie's value must be visible ASCII without quotes, commas, semicolons and \
                 backslashes; encode it, for example as base64url",
            ),
            Self::Long => write!(
                f,
                "a cookie's name and value may have {PAIR_BYTES_MAX} bytes together"
            ),
            Self::Attribute(name) => write!(f, "the cookie's {name} is not valid"),
            Self::NeedsSecure(what) => {
                write!(f, "{what} needs secure: browsers drop the cookie otherwise")
            }
            Self::HostPrefix => {
                f.write_str("a __Host- cookie needs the path / and must not have a domain")
            }
        }
    }
}

impl std::error::Error for CookieError {}

/// RFC 6265 §4.1.1: `cookie-octet`.
fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

const PREFIXES: [&str; 2] = ["__host-", "__secure-"];

/// Longest name and value together, in bytes: browsers drop longer cookies (RFC 6265bis §5.6).
pub const PAIR_BYTES_MAX: usize = 4096;

/// Longest value of an attribute, in bytes: browsers ignore longer ones (RFC 6265bis §5.6).
pub const ATTRIBUTE_BYTES_MAX: usize = 1024;
