//! Public keys in PEM (RFC 7468): the first block of a text, and the key in it.
//!
//! A private key is refused: a server that only verifies must not hold one.
//! Knows nothing of algorithms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::der::{KeyKind, PublicKeyInfo, certificate_key, public_key_info};
use super::key::KeyError;

/// A public key in DER, of whichever kind.
#[derive(Debug)]
pub(super) struct Block {
    label: String,
    der: Vec<u8>,
}

impl Block {
    /// Decodes the first block of a text; what stands around it does not count.
    ///
    /// # Errors
    /// [`KeyError`] for a text without a block, a broken one, or a private key.
    pub(super) fn read(text: &str) -> Result<Self, KeyError> {
        let broken = || KeyError::new("the PEM text has no whole block BEGIN to END");
        let (_, rest) = text.split_once("-----BEGIN ").ok_or_else(broken)?;
        let (label, rest) = rest.split_once("-----").ok_or_else(broken)?;
        let end = format!("-----END {label}-----");
        let (content, _) = rest.split_once(end.as_str()).ok_or_else(broken)?;
        if label.contains("PRIVATE KEY") {
            return Err(KeyError::new(
                "a private key; the server needs the public one, and should not have the other",
            ));
        }
        let content: String = content.split_ascii_whitespace().collect();
        let der = STANDARD
            .decode(content)
            .map_err(|_| KeyError::new("the PEM block is not base64"))?;
        let label = label.to_owned();
        Ok(Self { label, der })
    }

    /// The key in the block.
    ///
    /// # Errors
    /// [`KeyError`] for a block of another kind, or one that cannot be read.
    pub(super) fn key(&self) -> Result<PublicKeyInfo<'_>, KeyError> {
        let info = match self.label.as_str() {
            "PUBLIC KEY" => public_key_info(&self.der),
            "CERTIFICATE" => certificate_key(&self.der),
            "RSA PUBLIC KEY" => Some(PublicKeyInfo {
                kind: KeyKind::Rsa,
                key: &self.der,
            }),
            label => {
                let message = format!(
                    "the PEM block is of '{label}'; it may be of PUBLIC KEY, RSA PUBLIC KEY or \
                     CERTIFICATE"
                );
                return Err(KeyError::new(message));
            }
        };
        info.ok_or_else(|| KeyError::new(format!("the {} cannot be read", self.label)))
    }
}
