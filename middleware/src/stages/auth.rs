//! The rows that ask who it is: a token, an API key, or either.
//!
//! They run before a body is asked for, and what they refuse never reaches the host.
//! Know nothing of how tokens and keys are judged; that is `auth/`.

use std::borrow::Cow;
use std::sync::Arc;

use spikard_proto_http::cookie::Cookies;
use spikard_proto_http::form::pairs;
use spikard_proto_http::{Head, sabotage};

use crate::auth::fault::{ApiKeyFault, challenge};
use crate::auth::{ApiKeys, TokenFault, Verifier};
use crate::{exchange::Exchange, flow::Flow, local::Local, stage::RequestStage};

/// What becomes of a request without credentials. Those that are there are always judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It is refused.
    Required,
    /// It goes on, and the handler sees no claims.
    Optional,
}

/// Where tokens stand in a request, and who judges them. One for all routes.
#[derive(Debug)]
pub struct TokenCheck {
    /// The judge.
    pub verifier: Verifier,
    /// Header field that carries the token.
    pub header: Box<str>,
    /// Cookie that carries it where the field is absent.
    pub cookie: Option<Box<str>>,
}

/// Where API keys stand in a request, and what they are. One for all routes.
#[derive(Debug)]
pub struct ApiKeyCheck {
    /// The keys.
    pub keys: ApiKeys,
    /// Header field that carries the key.
    pub header: Box<str>,
    /// Query parameter that carries it where the field is absent.
    pub query: Option<Box<str>>,
}

/// Asks for a token, and hands its claims on.
#[derive(Debug)]
pub struct RequireToken {
    /// How it is found and judged.
    pub check: Arc<TokenCheck>,
    /// What becomes of a request without one.
    pub demand: Demand,
}

/// Asks for an API key.
#[derive(Debug)]
pub struct RequireApiKey {
    /// How it is found and judged.
    pub check: Arc<ApiKeyCheck>,
    /// What becomes of a request without one.
    pub demand: Demand,
}

/// Asks for a token or an API key; one that is good is enough, whatever the other is.
#[derive(Debug)]
pub struct RequireEither {
    /// How a token is found and judged.
    pub token: Arc<TokenCheck>,
    /// How a key is found and judged.
    pub api_key: Arc<ApiKeyCheck>,
}

impl RequestStage for RequireToken {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        match self.check.judge(x, local) {
            Ok(true) => Flow::Next,
            Ok(false) if self.demand == Demand::Optional => Flow::Next,
            Ok(false) => refuse_token(x, &self.check.missing()),
            Err(fault) => refuse_token(x, &fault),
        }
    }
}

impl RequestStage for RequireApiKey {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        match self.check.judge(&x.head) {
            Ok(true) => Flow::Next,
            Ok(false) if self.demand == Demand::Optional => Flow::Next,
            Ok(false) => self.check.refuse(x, ApiKeyFault::Missing),
            Err(fault) => self.check.refuse(x, fault),
        }
    }
}

impl RequestStage for RequireEither {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        let token = self.token.judge(x, local);
        if token == Ok(true) {
            return Flow::Next;
        }
        let api_key = self.api_key.judge(&x.head);
        if api_key == Ok(true) {
            return Flow::Next;
        }
        // What was given is what is talked about, the token first.
        match (token, api_key) {
            (Ok(_), Err(fault)) => {
                self.api_key.refuse(x, fault);
                challenge(&mut x.reply, "Bearer");
            }
            (token, _) => {
                let fault = token.err().unwrap_or_else(|| self.token.missing());
                refuse_token(x, &fault);
                if x.reply.status == 401 {
                    challenge(&mut x.reply, &self.api_key.challenge());
                }
            }
        }
        Flow::Reply
    }
}

impl TokenCheck {
    /// Judges the token of a request. False if there is none.
    fn judge(&self, x: &mut Exchange, local: &Local) -> Result<bool, TokenFault> {
        let Exchange { head, claims, .. } = x;
        match self.find(head)? {
            Some(token) => {
                let now_s = local.unix_s();
                self.verifier.verify(token, now_s, claims).map(|()| true)
            }
            None => Ok(false),
        }
    }

    /// The token of a request, if it carries one. Two fields are no field: whoever is in front of
    /// the server may have read the other one.
    fn find<'h>(&'h self, head: &'h Head) -> Result<Option<&'h [u8]>, TokenFault> {
        let mut lines = lines_of(head, &self.header);
        let (first, another) = (lines.next(), lines.next().is_some());
        if another && !sabotage::is_off("jwt/one-field") {
            return Err(TokenFault::Scheme);
        }
        match first {
            Some(value) => self.bearer(value).map(Some),
            None => Ok(self.find_cookie(head)),
        }
    }

    /// The token behind `Bearer` (RFC 6750 §2.1), whose letter case does not count (RFC 9110
    /// §11.1).
    fn bearer<'h>(&self, value: &'h [u8]) -> Result<&'h [u8], TokenFault> {
        let is_bearer = |scheme: &[u8]| scheme.eq_ignore_ascii_case(b"bearer ");
        match value.split_at_checked(SCHEME_BYTES) {
            Some((scheme, token)) if is_bearer(scheme) => Ok(token.trim_ascii_start()),
            _ if sabotage::is_off("jwt/scheme") => Ok(value),
            _ if self.header.eq_ignore_ascii_case("authorization") => Err(TokenFault::Scheme),
            _ => Ok(value),
        }
    }

    fn find_cookie<'h>(&self, head: &'h Head) -> Option<&'h [u8]> {
        let wanted = self.cookie.as_ref()?.as_bytes();
        // The first of a name: browsers send that of the longest path first (RFC 6265 §5.4).
        head.field_all(b"cookie")
            .flat_map(Cookies::new)
            .find(|(name, _)| *name == wanted && !sabotage::is_off("jwt/cookie"))
            .map(|(_, value)| value)
    }

    fn missing(&self) -> TokenFault {
        TokenFault::Missing(self.header.to_string())
    }
}

impl ApiKeyCheck {
    /// Judges the key of a request. False if there is none.
    fn judge(&self, head: &Head) -> Result<bool, ApiKeyFault> {
        match self.find(head)? {
            Some(given) if self.keys.has(&given) => Ok(true),
            Some(_) => Err(ApiKeyFault::Invalid),
            None => Ok(false),
        }
    }

    /// The key of a request, if it carries one. Of two in one place neither counts.
    fn find<'h>(&'h self, head: &'h Head) -> Result<Option<Cow<'h, [u8]>>, ApiKeyFault> {
        let only = |given: Cow<'h, [u8]>, another: bool| {
            if another && !sabotage::is_off("api-key/one") {
                return Err(ApiKeyFault::Invalid);
            }
            Ok(Some(given))
        };
        let mut lines = lines_of(head, &self.header);
        if let Some(line) = lines.next()
            && !sabotage::is_off("api-key/header")
        {
            return only(Cow::Borrowed(line), lines.next().is_some());
        }
        let (Some(wanted), Some(query)) = (&self.query, head.query()) else {
            return Ok(None);
        };
        let mut values = pairs(query)
            .filter(|(name, _)| *name == **wanted && !sabotage::is_off("api-key/query"))
            .map(|(_, value)| match value {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            });
        match values.next() {
            Some(value) => only(value, values.next().is_some()),
            None => Ok(None),
        }
    }

    fn challenge(&self) -> String {
        // The name of a field is a token, so it can be quoted as it is.
        format!("ApiKey header=\"{}\"", self.header)
    }

    fn refuse(&self, x: &mut Exchange, fault: ApiKeyFault) -> Flow {
        fault.write(&mut x.reply, &self.header, self.query.as_deref());
        challenge(&mut x.reply, &self.challenge());
        Flow::Reply
    }
}

/// The values of a field, in order.
fn lines_of<'h>(head: &'h Head, wanted: &'h str) -> impl Iterator<Item = &'h [u8]> {
    let is_wanted = move |name: &[u8]| name.eq_ignore_ascii_case(wanted.as_bytes());
    head.fields()
        .filter(move |(name, _)| is_wanted(name))
        .map(|(_, value)| value)
}

fn refuse_token(x: &mut Exchange, fault: &TokenFault) -> Flow {
    fault.write(&mut x.reply);
    Flow::Reply
}

/// Length of `Bearer` and the space behind it.
const SCHEME_BYTES: usize = 7;
