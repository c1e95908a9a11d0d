//! One key and the one algorithm it verifies with.
//!
//! A [`Key`] cannot be made of a kind of key that its algorithm does not take, so a public key is
//! never a shared secret (RFC 8725 §2.1). Knows nothing of tokens.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use spikard_contract::config::JwtAlgorithm;

use super::der::{KeyKind, PublicKeyInfo, rsa_numbers};
use super::pem::Block;

/// Why a key cannot serve, as a sentence for whoever wrote the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(String);

impl KeyError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// A key that is bound to its algorithm.
pub struct Key(Material);

enum Material {
    Shared(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(…)")
    }
}

impl Key {
    /// A shared secret.
    ///
    /// # Errors
    /// [`KeyError`] if the algorithm takes none, or the secret is empty.
    pub fn shared(algorithm: JwtAlgorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let Some(hash) = hmac_of(algorithm) else {
            return Err(wrong_kind(algorithm, "a shared secret"));
        };
        if secret.is_empty() {
            return Err(KeyError::new("the secret is empty"));
        }
        Ok(Self(Material::Shared(Box::new(hmac::Key::new(
            hash, secret,
        )))))
    }

    /// A public key in PEM.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be read, is weak, or the algorithm takes another kind.
    pub fn from_pem(algorithm: JwtAlgorithm, text: &str) -> Result<Self, KeyError> {
        let block = Block::read(text)?;
        let PublicKeyInfo { kind, key } = block.key()?;
        if kind != kind_of(algorithm) {
            return Err(wrong_kind(algorithm, words(kind)));
        }
        match kind {
            KeyKind::Rsa => {
                let (modulus, exponent) =
                    rsa_numbers(key).ok_or_else(|| KeyError::new("the RSA key cannot be read"))?;
                Self::rsa(algorithm, modulus, exponent)
            }
            _ => Self::point(algorithm, key),
        }
    }

    /// An RSA key of its two numbers, without leading zeros.
    pub(super) fn rsa(
        algorithm: JwtAlgorithm,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<Self, KeyError> {
        let Some(parameters) = rsa_of(algorithm) else {
            return Err(wrong_kind(algorithm, words(KeyKind::Rsa)));
        };
        let bits = modulus.first().map_or(0, |first| {
            modulus.len() * 8 - first.leading_zeros() as usize
        });
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(KeyError::new(format!(
                "the RSA key has {bits} bits; it may have {RSA_BITS_MIN} to {RSA_BITS_MAX}"
            )));
        }
        // An even one is none, and a long one makes each token expensive.
        let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
        if !is_odd || exponent == [1] || exponent.len() > RSA_EXPONENT_BYTES_MAX {
            return Err(KeyError::new(
                "the exponent of the RSA key is not a usual one",
            ));
        }
        let numbers = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        let key = numbers
            .to_parsed_public_key(parameters)
            .map_err(|_| KeyError::new("the RSA key is not sound"))?;
        Ok(Self(Material::Public(key)))
    }

    /// A key on a curve: a point as `0x04`, x, y, or the 32 bytes of Ed25519.
    pub(super) fn point(algorithm: JwtAlgorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let Some(curve) = curve_of(algorithm) else {
            return Err(wrong_kind(algorithm, "a key on a curve"));
        };
        let key = ParsedPublicKey::new(curve, bytes).map_err(|_| {
            let kind = words(kind_of(algorithm));
            KeyError::new(format!(
                "{kind} is asked for, and this is no point of its curve"
            ))
        })?;
        Ok(Self(Material::Public(key)))
    }

    /// Whether `signature` is this key's for `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Material::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// Bytes of the hash of an HS algorithm: a secret should not be shorter (RFC 7518 §3.2).
#[must_use]
pub fn hash_bytes(algorithm: JwtAlgorithm) -> Option<usize> {
    hmac_of(algorithm).map(|hash| hash.digest_algorithm().output_len())
}

/// The kind of public key that an algorithm takes; `Other` for those with a shared secret.
pub(super) fn kind_of(algorithm: JwtAlgorithm) -> KeyKind {
    match algorithm {
        JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => KeyKind::Other,
        JwtAlgorithm::Es256 => KeyKind::P256,
        JwtAlgorithm::Es384 => KeyKind::P384,
        JwtAlgorithm::Es512 => KeyKind::P521,
        JwtAlgorithm::EdDsa => KeyKind::Ed25519,
        _ => KeyKind::Rsa,
    }
}

fn hmac_of(algorithm: JwtAlgorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        JwtAlgorithm::Hs256 => Some(hmac::HMAC_SHA256),
        JwtAlgorithm::Hs384 => Some(hmac::HMAC_SHA384),
        JwtAlgorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

fn rsa_of(algorithm: JwtAlgorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        JwtAlgorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        JwtAlgorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        JwtAlgorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        JwtAlgorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        JwtAlgorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        JwtAlgorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// Signatures of tokens are two numbers of fixed length (RFC 7518 §3.4), not DER.
fn curve_of(algorithm: JwtAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        JwtAlgorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
        JwtAlgorithm::Es384 => Some(&ECDSA_P384_SHA384_FIXED),
        JwtAlgorithm::Es512 => Some(&ECDSA_P521_SHA512_FIXED),
        JwtAlgorithm::EdDsa => Some(&ED25519),
        _ => None,
    }
}

fn wrong_kind(algorithm: JwtAlgorithm, found: &str) -> KeyError {
    let wanted = match kind_of(algorithm) {
        KeyKind::Other => "a shared secret",
        kind => words(kind),
    };
    KeyError::new(format!(
        "{} takes {wanted}, and this is {found}",
        algorithm.as_str()
    ))
}

fn words(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa => "an RSA key",
        KeyKind::P256 => "a key on P-256",
        KeyKind::P384 => "a key on P-384",
        KeyKind::P521 => "a key on P-521",
        KeyKind::Ed25519 => "an Ed25519 key",
        KeyKind::Other => "a key of another kind",
    }
}

/// Fewest bits of an RSA modulus (RFC 7518 §3.3).
const RSA_BITS_MIN: usize = 2048;

/// Most bits of an RSA modulus: a longer one makes each token a millisecond of work.
const RSA_BITS_MAX: usize = 8192;

/// Longest exponent of an RSA key, in bytes; nearly all are 65537.
const RSA_EXPONENT_BYTES_MAX: usize = 4;
