//! Why a token or a key is not accepted, and the reply that says so (RFC 6750 §3, RFC 9457).
//!
//! The sentences are the contract with clients; what a signature failed on is nobody's business but
//! the issuer's, so a wrong algorithm, an unknown key and a wrong signature read the same.

use spikard_contract::problem::{FORBIDDEN, UNAUTHORIZED};

use crate::problem::Problem;
use crate::reply::Reply;

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// The request carries none where it should. Has the name of the header field.
    Missing(String),
    /// The request has it in a field that is not `Bearer`, or in two fields.
    Scheme,
    /// It is not three parts with dots between.
    Parts(usize),
    /// A part of it is not what it should be.
    Malformed(&'static str),
    /// It was not signed by the key, with the algorithm.
    Signature,
    /// `exp` has passed.
    Expired,
    /// `nbf` is yet to come.
    NotYetValid,
    /// It is meant for somebody else.
    Audience,
    /// It is not from this issuer.
    Issuer(String),
    /// It lacks claims; these.
    MissingClaims(Vec<String>),
}

impl TokenFault {
    /// Makes this the reply.
    pub fn write(&self, reply: &mut Reply) {
        let (title, detail) = self.words();
        if let Self::MissingClaims(_) = self {
            Problem::of(&FORBIDDEN).with_detail(detail).write(reply);
            return;
        }
        let problem = Problem::of(&UNAUTHORIZED).with_title(title);
        problem.with_detail(detail).write(reply);
        challenge(reply, &self.challenge());
    }

    fn words(&self) -> (&'static str, String) {
        const FAILED: &str = "JWT validation failed";
        let (title, detail) = match self {
            Self::Missing(header) if header.eq_ignore_ascii_case("authorization") => (
                "Missing or invalid Authorization header",
                "Expected 'Authorization: Bearer <token>'".to_owned(),
            ),
            Self::Missing(header) => (
                "Missing or invalid Authorization header",
                format!("Expected '{header}: <token>'"),
            ),
            Self::Scheme => (
                "Invalid Authorization header format",
                "Authorization header must use Bearer scheme: 'Bearer <token>'".to_owned(),
            ),
            Self::Parts(found) => (
                "Malformed JWT token",
                format!("Malformed JWT token: expected 3 parts separated by dots, found {found}"),
            ),
            Self::Malformed(what) => (
                "Malformed JWT token",
                format!("Malformed JWT token: {what}"),
            ),
            Self::Signature => (FAILED, "Token signature is invalid".to_owned()),
            Self::Expired => (FAILED, "Token has expired".to_owned()),
            Self::NotYetValid => (
                FAILED,
                "JWT not valid yet, not before claim is in the future".to_owned(),
            ),
            Self::Audience => (FAILED, "Token audience is invalid".to_owned()),
            Self::Issuer(issuer) => (
                FAILED,
                format!("Token issuer is invalid, expected '{issuer}'"),
            ),
            Self::MissingClaims(missing) => (FORBIDDEN.title, missing_claims(missing)),
        };
        (title, detail)
    }

    /// A request without credentials is not told of an error (RFC 6750 §3.1).
    fn challenge(&self) -> String {
        match self {
            Self::Missing(_) | Self::Scheme => "Bearer".to_owned(),
            fault => {
                // Of the sentences only the issuer's has words of the configuration, which may not
                // be text of a quoted string.
                let detail = match fault {
                    Self::Issuer(_) => "Token issuer is invalid".to_owned(),
                    fault => fault.words().1,
                };
                format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"")
            }
        }
    }
}

/// Why an API key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyFault {
    /// The request carries none.
    Missing,
    /// It is none of the keys.
    Invalid,
}

impl ApiKeyFault {
    /// Makes this the reply, without its challenge. A key may stand in the field or in the query.
    pub fn write(self, reply: &mut Reply, header: &str, query: Option<&str>) {
        let (title, detail) = match self {
            Self::Missing => ("Missing API key", missing_api_key(header, query)),
            Self::Invalid => (
                "Invalid API key",
                "The provided API key is not valid".to_owned(),
            ),
        };
        let problem = Problem::of(&UNAUTHORIZED).with_title(title);
        problem.with_detail(detail).write(reply);
    }
}

/// Adds a challenge to a 401, which must have one (RFC 9110 §11.6.1).
pub(crate) fn challenge(reply: &mut Reply, value: &str) {
    reply.push(b"www-authenticate", value.as_bytes());
}

fn missing_api_key(header: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => {
            format!("Expected '{header}' header or '{query}' query parameter with valid API key")
        }
        None => format!("Expected '{header}' header with valid API key"),
    }
}

/// `Required claims 'a', 'b' and 'c' missing from JWT`.
fn missing_claims(missing: &[String]) -> String {
    let quoted: Vec<String> = missing.iter().map(|name| format!("'{name}'")).collect();
    match quoted.split_last() {
        None => "Required claims missing from JWT".to_owned(),
        Some((only, [])) => format!("Required claim {only} missing from JWT"),
        Some((last, others)) => {
            let others = others.join(", ");
            format!("Required claims {others} and {last} missing from JWT")
        }
    }
}
