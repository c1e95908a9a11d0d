//! What the configuration and each route say of auth, lowered to rows.
//!
//! Keys are read and checked once, here, with the files that the configuration names; every route
//! shares them. A route without a word of its own asks for all that is configured.
//! Knows nothing of how tokens and keys are judged.

use std::fs;
use std::io::Read;
use std::sync::Arc;

use serde_json::{Map, Value};
use spikard_contract::config::jwt::is_pem;
use spikard_contract::config::{ApiKeyConfig, JwtConfig, RouteAuth, ServerConfig};
use spikard_contract::knob::Document;
use spikard_contract::route::RouteDocument;
use spikard_middleware::auth::verifier::weakness;
use spikard_middleware::auth::{ApiKeys, KeySource, Verifier};
use spikard_middleware::plan::Rows;
use spikard_middleware::stages::auth::{
    ApiKeyCheck, Demand, RequireApiKey, RequireEither, RequireToken, TokenCheck,
};
use spikard_middleware::{PlanBuilder, Rank};
use spikard_proto_http::sabotage;

use crate::lower_error::LowerError;

/// Longest file of keys, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What is configured, ready to be asked by any number of routes.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    token: Option<Arc<TokenCheck>>,
    api_key: Option<Arc<ApiKeyCheck>>,
}

impl Guards {
    /// Reads the keys of a configuration. What is weak is noted in `plan`.
    ///
    /// # Errors
    /// [`LowerError::Auth`] with the place of a key that cannot serve.
    pub(crate) fn of(config: &ServerConfig, plan: &mut PlanBuilder) -> Result<Self, LowerError> {
        let token = config.jwt_auth.as_ref().map(token_check).transpose()?;
        let weak = config.jwt_auth.as_ref().and_then(weakness);
        weak.into_iter().for_each(|line| plan.warn(line));
        let api_key = config.api_key_auth.as_ref().map(api_key_check);
        Ok(Self {
            token: token.map(Arc::new),
            api_key: api_key.map(Arc::new),
        })
    }

    /// Adds the rows of what asks for all that is configured.
    pub(crate) fn all(&self, rows: &mut Rows) {
        self.ask(
            Demand::Required,
            self.token.as_ref(),
            self.api_key.as_ref(),
            rows,
        );
    }

    /// Adds the rows of a route.
    ///
    /// # Errors
    /// [`LowerError::RouteAuth`] if it asks for what is not configured: it is never served without.
    pub(crate) fn rows(&self, route: &RouteDocument, rows: &mut Rows) -> Result<(), LowerError> {
        let refuse = |knob| LowerError::RouteAuth {
            path: route.path.clone(),
            knob,
        };
        self.rows_for(route.auth, rows).map_err(refuse)
    }

    /// As [`Self::rows`]; the error is the knob that is missing.
    fn rows_for(&self, auth: Option<RouteAuth>, rows: &mut Rows) -> Result<(), &'static str> {
        let auth = heard(auth);
        let (token, api_key) = (self.token.as_ref(), self.api_key.as_ref());
        match auth {
            None => self.ask(Demand::Required, token, api_key, rows),
            Some(RouteAuth::Excluded) => {}
            Some(RouteAuth::Optional) => self.ask(Demand::Optional, token, api_key, rows),
            Some(RouteAuth::Required | RouteAuth::Any) if token.is_none() && api_key.is_none() => {
                return Err("jwt_auth or api_key_auth");
            }
            Some(RouteAuth::Required) => self.ask(Demand::Required, token, api_key, rows),
            Some(RouteAuth::Any) => match (token, api_key) {
                (Some(token), Some(api_key)) => {
                    let stage = RequireEither {
                        token: token.clone(),
                        api_key: api_key.clone(),
                    };
                    rows.request(Rank::Jwt, Arc::new(stage));
                }
                _ => self.ask(Demand::Required, token, api_key, rows),
            },
            Some(RouteAuth::Jwt) => {
                token.ok_or("jwt_auth")?;
                self.ask(Demand::Required, token, None, rows);
            }
            Some(RouteAuth::ApiKey) => {
                api_key.ok_or("api_key_auth")?;
                self.ask(Demand::Required, None, api_key, rows);
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        demand: Demand,
        token: Option<&Arc<TokenCheck>>,
        api_key: Option<&Arc<ApiKeyCheck>>,
        rows: &mut Rows,
    ) {
        if let Some(check) = token.cloned() {
            rows.request(Rank::Jwt, Arc::new(RequireToken { check, demand }));
        }
        if let Some(check) = api_key.cloned() {
            rows.request(Rank::ApiKey, Arc::new(RequireApiKey { check, demand }));
        }
    }
}

/// The route's word, unless it is switched off.
fn heard(auth: Option<RouteAuth>) -> Option<RouteAuth> {
    auth.filter(|auth| {
        !sabotage::is_off(match auth {
            RouteAuth::Required => return true,
            RouteAuth::Optional => "auth/optional",
            RouteAuth::Excluded => "auth/excluded",
            RouteAuth::Any => "auth/any",
            RouteAuth::Jwt => "auth/jwt",
            RouteAuth::ApiKey => "auth/api-key",
        })
    })
}

fn token_check(config: &JwtConfig) -> Result<TokenCheck, LowerError> {
    Ok(TokenCheck {
        verifier: verifier(config)?,
        header: config.header_name.as_str().into(),
        cookie: config.cookie_name.as_deref().map(Into::into),
    })
}

fn api_key_check(config: &ApiKeyConfig) -> ApiKeyCheck {
    ApiKeyCheck {
        keys: ApiKeys::new(&config.keys),
        header: config.header_name.as_str().into(),
        query: config.query_name.as_deref().map(Into::into),
    }
}

fn verifier(config: &JwtConfig) -> Result<Verifier, LowerError> {
    let refuse = |pointer: String, message: String| LowerError::Auth { pointer, message };
    if let Some(secret) = &config.secret {
        return Verifier::new(config, KeySource::Secret(secret.expose()))
            .map_err(|(_, error)| refuse("/jwt_auth/secret".to_owned(), error.to_string()));
    }
    if let Some(given) = &config.public_key {
        let pointer = "/jwt_auth/public_key";
        let text = if is_pem(given) {
            given.clone()
        } else {
            read_file(given).map_err(|message| refuse(pointer.to_owned(), message))?
        };
        return Verifier::new(config, KeySource::Pem(&text))
            .map_err(|(_, error)| refuse(pointer.to_owned(), error.to_string()));
    }
    // The configuration's own check wants one of the three.
    let pointer = "/jwt_auth/jwks";
    let set = read_set(config.jwks.as_ref()).map_err(|error| refuse(pointer.to_owned(), error))?;
    Verifier::new(config, KeySource::Set(&set))
        .map_err(|(place, error)| refuse(format!("{pointer}{place}"), error.to_string()))
}

fn read_set(given: Option<&Document>) -> Result<Map<String, Value>, String> {
    let text = match given {
        None => return Err("missing".to_owned()),
        Some(Document::Object(set)) => return Ok(set.clone()),
        Some(Document::Text(text)) if text.trim_start().starts_with('{') => text.clone(),
        Some(Document::Text(path)) => read_file(path)?,
    };
    // Its words would quote the text, which may have a secret.
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("it is no JSON object; see line {line}, column {column}")
    })
}

fn read_file(path: &str) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("the file '{path}' cannot be read: {error}");
    let file = fs::File::open(path).map_err(|error| told(&error))?;
    let mut text = String::new();
    let read = file.take(KEY_FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match read {
        Ok(bytes) if bytes as u64 > KEY_FILE_BYTES_MAX => Err(told(&"it is longer than 1 MiB")),
        Ok(_) => Ok(text),
        Err(error) => Err(told(&error)),
    }
}
