//! What a token must claim, judged after its signature held (RFC 7519 §4.1).
//!
//! Knows nothing of keys and signatures.

use std::borrow::Cow;

use spikard_contract::config::JwtConfig;
use spikard_proto_http::sabotage;

use super::fault::TokenFault;
use super::strict::{Member, read_object};

/// The claims that a configuration asks for.
#[derive(Debug)]
pub struct ClaimRules {
    audiences: Option<Box<[String]>>,
    issuer: Option<String>,
    leeway_s: f64,
    required: Box<[String]>,
    require_exp: bool,
}

/// What the registered claims of one token say.
#[derive(Default)]
struct Registered<'t> {
    exp: Option<Member<'t>>,
    nbf: Option<Member<'t>>,
    iat: Option<Member<'t>>,
    iss: Option<Member<'t>>,
    aud: Option<Member<'t>>,
}

impl ClaimRules {
    /// The rules of a configuration.
    #[must_use]
    pub fn of(config: &JwtConfig) -> Self {
        let audiences = config.audience.clone();
        Self {
            audiences: audiences.map(|audiences| audiences.0.into()),
            issuer: config.issuer.clone(),
            leeway_s: config.leeway.as_secs_f64(),
            required: config.required_claims.clone().into(),
            require_exp: config.require_exp,
        }
    }

    /// Judges the claims of a token whose signature held, at `now_s` seconds since 1970.
    ///
    /// # Errors
    /// The first [`TokenFault`], in this order: syntax, times, issuer, audience, what is missing.
    pub fn judge(&self, claims: &[u8], now_s: u64) -> Result<(), TokenFault> {
        let mut registered = Registered::default();
        let mut missing: Vec<&str> = self.required.iter().map(String::as_str).collect();
        read_object(claims, |name, value| {
            missing.retain(|required| *required != name);
            registered.note(&name, value);
        })
        .map_err(|_| TokenFault::Malformed("the claims are not a JSON object"))?;
        self.judge_times(&registered, now_s)?;
        self.judge_issuer(registered.iss.as_ref())?;
        self.judge_audience(registered.aud.as_ref())?;
        let wants_exp = self.require_exp && !sabotage::is_off("jwt/require-exp");
        if wants_exp && registered.exp.is_none() && !missing.contains(&"exp") {
            missing.insert(0, "exp");
        }
        if missing.is_empty() || sabotage::is_off("jwt/required-claims") {
            return Ok(());
        }
        let missing = missing.into_iter().map(str::to_owned).collect();
        Err(TokenFault::MissingClaims(missing))
    }

    fn judge_times(&self, claims: &Registered<'_>, now_s: u64) -> Result<(), TokenFault> {
        // Exact far beyond any clock: seconds stay below 2^53 for 285 million years.
        let now = now_s as f64;
        let leeway = self.leeway_s;
        let exp = numeric_date(claims.exp.as_ref(), "the claim 'exp' is not a number")?;
        let nbf = numeric_date(claims.nbf.as_ref(), "the claim 'nbf' is not a number")?;
        numeric_date(claims.iat.as_ref(), "the claim 'iat' is not a number")?;
        // On `exp` itself it has expired (RFC 7519 §4.1.4).
        if exp.is_some_and(|exp| now >= exp + leeway) && !sabotage::is_off("jwt/exp") {
            return Err(TokenFault::Expired);
        }
        if nbf.is_some_and(|nbf| now + leeway < nbf) && !sabotage::is_off("jwt/nbf") {
            return Err(TokenFault::NotYetValid);
        }
        Ok(())
    }

    fn judge_issuer(&self, iss: Option<&Member<'_>>) -> Result<(), TokenFault> {
        let Some(issuer) = &self.issuer else {
            return Ok(());
        };
        match iss {
            Some(Member::Text(iss)) if iss == issuer => Ok(()),
            _ if sabotage::is_off("jwt/issuer") => Ok(()),
            _ => Err(TokenFault::Issuer(issuer.clone())),
        }
    }

    /// One of the token's audiences must be one of ours (RFC 7519 §4.1.3).
    fn judge_audience(&self, aud: Option<&Member<'_>>) -> Result<(), TokenFault> {
        let Some(audiences) = &self.audiences else {
            return Ok(());
        };
        let is_ours = |text: &Cow<'_, str>| audiences.iter().any(|audience| audience == text);
        let meant = match aud {
            Some(Member::Text(aud)) => is_ours(aud),
            Some(Member::Texts(auds)) => auds.iter().any(is_ours),
            _ => false,
        };
        if meant || sabotage::is_off("jwt/audience") {
            return Ok(());
        }
        Err(TokenFault::Audience)
    }
}

impl<'t> Registered<'t> {
    fn note(&mut self, name: &str, value: Member<'t>) {
        let place = match name {
            "exp" => &mut self.exp,
            "nbf" => &mut self.nbf,
            "iat" => &mut self.iat,
            "iss" => &mut self.iss,
            "aud" => &mut self.aud,
            _ => return,
        };
        *place = Some(value);
    }
}

/// Seconds since 1970, fractions allowed (RFC 7519 §2).
fn numeric_date(
    value: Option<&Member<'_>>,
    refusal: &'static str,
) -> Result<Option<f64>, TokenFault> {
    match value {
        None => Ok(None),
        Some(Member::Number(seconds)) => Ok(Some(*seconds)),
        Some(_) => Err(TokenFault::Malformed(refusal)),
    }
}
