//! Request methods (RFC 9110 §9): the registered ones the engine tells apart.
//!
//! An unregistered method is no error here; whether a route takes it is the application's matter.
//! Knows nothing of routes.

/// A request method. Method names are case-sensitive (RFC 9110 §9.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Method {
    /// RFC 9110 §9.3.1.
    Get = 0,
    /// RFC 9110 §9.3.2.
    Head = 1,
    /// RFC 9110 §9.3.3.
    Post = 2,
    /// RFC 9110 §9.3.4.
    Put = 3,
    /// RFC 5789.
    Patch = 4,
    /// RFC 9110 §9.3.5.
    Delete = 5,
    /// RFC 9110 §9.3.7.
    Options = 6,
    /// RFC 9110 §9.3.8.
    Trace = 7,
    /// RFC 9110 §9.3.6. A head never carries it: it is refused as not implemented.
    Connect = 8,
    /// Any other token; the head keeps its bytes.
    #[default]
    Other = 9,
}

impl Method {
    /// The method a token names; [`Method::Other`] if it is none of the known ones.
    #[inline]
    pub fn from_token(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// The token as written on the wire; empty for [`Method::Other`], whose bytes the head keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Other => "",
        }
    }
}
