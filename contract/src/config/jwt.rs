//! The knobs of bearer tokens: which key they are signed with, and what they must claim (RFC 7519).
//!
//! What does not fit together is refused here, at start: a key that the algorithm does not take is
//! how tokens are forged (RFC 8725 §2.1). Knows nothing of how keys are read.

use std::time::Duration;

use super::token::field_name;
use crate::knob::{Document, Secret, TextList};
use crate::{choice, config};

choice! {
    /// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
    pub enum JwtAlgorithm {
        /// HMAC with SHA-256 and a shared secret.
        Hs256 = "HS256",
        /// HMAC with SHA-384 and a shared secret.
        Hs384 = "HS384",
        /// HMAC with SHA-512 and a shared secret.
        Hs512 = "HS512",
        /// RSA, PKCS #1 v1.5, with SHA-256.
        Rs256 = "RS256",
        /// RSA, PKCS #1 v1.5, with SHA-384.
        Rs384 = "RS384",
        /// RSA, PKCS #1 v1.5, with SHA-512.
        Rs512 = "RS512",
        /// RSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// RSA-PSS with SHA-384.
        Ps384 = "PS384",
        /// RSA-PSS with SHA-512.
        Ps512 = "PS512",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// ECDSA on P-384 with SHA-384.
        Es384 = "ES384",
        /// ECDSA on P-521 with SHA-512.
        Es512 = "ES512",
        /// EdDSA on Ed25519.
        EdDsa = "EdDSA",
    }
}

impl JwtAlgorithm {
    /// Whether tokens are signed and verified with the same secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

config! {
    /// Bearer tokens (JWT) that requests must carry.
    ///
    /// A request without a valid token is answered with 401, and one whose token lacks a required
    /// claim with 403; neither reaches a handler. A route may say otherwise with `auth`.
    pub struct JwtConfig checked by disagreements {
        /// Shared secret of the HS algorithms. One shorter than the hash is weaker than it: the
        /// log says so at start.
        secret: Option<Secret> = None, in 1..=65_536, unit "characters";
        /// The one algorithm that tokens may be signed with. What a token says of its own
        /// algorithm never decides.
        algorithm: JwtAlgorithm = JwtAlgorithm::Hs256;
        /// Public key of the other algorithms, in PEM: `PUBLIC KEY`, `RSA PUBLIC KEY` or
        /// `CERTIFICATE`. What does not begin with `-----BEGIN` is the path of such a file.
        public_key: Option<String> = None, in 1..=65_536, unit "characters";
        /// Keys as a JWK set (RFC 7517 §5), of which a token names one by its `kid`: an object,
        /// its JSON text, or the path of such a file. Keys that do not fit the algorithm are left
        /// out.
        jwks: Option<Document> = None, in 1..=1_048_576, unit "characters";
        /// Audiences, of which a token must name at least one in `aud`. `null` does not look at
        /// `aud`.
        audience: Option<TextList> = None, in 1..=100, unit "audiences";
        /// What `iss` must be. `null` does not look at `iss`.
        issuer: Option<String> = None, in 1..=4_096, unit "characters";
        /// How far the clocks of issuer and server may differ when `exp` and `nbf` are judged.
        leeway: Duration = Duration::ZERO, in 0..=3_600;
        /// Claims that a token must have, whatever their value; without one of them the answer is
        /// 403.
        required_claims: Vec<String> = Vec::new(), in 0..=100, unit "claims";
        /// Whether a token must have an `exp`. One that is there is judged either way.
        require_exp: bool = true;
        /// Header field that carries the token. In `Authorization` it stands behind `Bearer`; in
        /// any other it may stand alone.
        header_name: String = "Authorization".to_owned(), in 1..=128, unit "characters";
        /// Cookie that carries the token of a request without that header field. `null` reads no
        /// cookie. Browsers send cookies with requests of other sites, too, unless the cookie says
        /// `SameSite`.
        cookie_name: Option<String> = None, in 1..=128, unit "characters";
    }
}

fn disagreements(jwt: &JwtConfig) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let name = jwt.algorithm.as_str();
    let symmetric = jwt.algorithm.is_symmetric();
    let given = [
        ("secret", jwt.secret.is_some()),
        ("public_key", jwt.public_key.is_some()),
        ("jwks", jwt.jwks.is_some()),
    ];
    let mut given = given.into_iter().filter(|(_, is_given)| *is_given);
    match (given.next(), given.next()) {
        (None, _) if symmetric => {
            found.push((
                "secret",
                format!("missing; {name} needs a secret or a jwks"),
            ));
        }
        (None, _) => {
            let message = format!("missing; {name} needs a public_key or a jwks");
            found.push(("public_key", message));
        }
        (Some((first, _)), Some((second, _))) => {
            let message = format!("there is a {first} already; give one of the two");
            found.push((second, message));
        }
        (Some(_), None) => {}
    }
    if let Some(secret) = &jwt.secret {
        if !symmetric {
            let message = format!("{name} verifies with a public key: give public_key or jwks");
            found.push(("secret", message));
        } else if is_pem(secret.expose()) {
            // Whoever has the public key could sign with it (RFC 8725 §2.1).
            let message = "a PEM key is no shared secret; give it as public_key, and its algorithm";
            found.push(("secret", message.to_owned()));
        }
    }
    if jwt.public_key.is_some() && symmetric {
        let message = format!("{name} verifies with a shared secret, not with a public key");
        found.push(("public_key", message));
    }
    found.extend(field_name("header_name", &jwt.header_name));
    found.extend((jwt.cookie_name.as_deref()).and_then(|name| field_name("cookie_name", name)));
    found
}

/// Whether a text is a key in PEM rather than a secret or a path.
#[must_use]
pub fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN")
}
