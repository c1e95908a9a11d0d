//! The compact form of a signed token (RFC 7515 §7.1): three parts of base64url, with dots between.
//!
//! What a header may say is said here: it names its algorithm and maybe its key, and neither is
//! obeyed, only compared. `jwk`, `jku`, `x5c` and `x5u` are never followed.
//! Knows nothing of keys and claims.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spikard_proto_http::sabotage;

use super::fault::TokenFault;
use super::strict::{Member, read_object};

/// A token, cut but not decoded.
#[derive(Debug, Clone, Copy)]
pub struct Token<'t> {
    /// What was signed: header, dot, claims.
    pub signed: &'t [u8],
    header: &'t [u8],
    claims: &'t [u8],
    signature: &'t [u8],
}

/// What a header says, as far as it is compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header<'h> {
    /// The algorithm that the token says it was signed with.
    pub algorithm: Option<Cow<'h, str>>,
    /// The name of the key.
    pub key_id: Option<Cow<'h, str>>,
}

impl<'t> Token<'t> {
    /// Cuts a token into its parts.
    ///
    /// # Errors
    /// [`TokenFault::Malformed`] if it is longer than [`TOKEN_BYTES_MAX`], and
    /// [`TokenFault::Parts`] if it has another number of parts.
    pub fn cut(token: &'t [u8]) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenFault::Malformed("it is longer than 16384 bytes"));
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let four = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(header), Some(claims), Some(signature), None) = four else {
            let found = 1 + token.iter().filter(|byte| **byte == b'.').count();
            return Err(TokenFault::Parts(found));
        };
        Ok(Self {
            signed: &token[..header.len() + 1 + claims.len()],
            header,
            claims,
            signature,
        })
    }

    /// Decodes the header into `buffer` and reads it.
    ///
    /// # Errors
    /// [`TokenFault::Malformed`] for what is no header, or has extensions that must be understood
    /// (RFC 7515 §4.1.11): there are none that we do.
    pub fn header<'h>(&self, buffer: &'h mut Vec<u8>) -> Result<Header<'h>, TokenFault> {
        const REFUSAL: TokenFault = TokenFault::Malformed("the header is not a JSON object");
        buffer.clear();
        let decoded = URL_SAFE_NO_PAD.decode_vec(self.header, buffer);
        decoded.map_err(|_| REFUSAL)?;
        let mut header = Header::default();
        let mut fault = None;
        read_object(buffer, |name, value| match (name.as_ref(), value) {
            ("alg", Member::Text(text)) => header.algorithm = Some(text),
            ("kid", Member::Text(text)) => header.key_id = Some(text),
            ("alg" | "kid", _) => {
                fault = Some(TokenFault::Malformed(
                    "the header has a member that is no string",
                ));
            }
            ("crit" | "b64", _) if !sabotage::is_off("jwt/crit") => {
                fault = Some(TokenFault::Malformed("the header has critical extensions"));
            }
            _ => {}
        })
        .map_err(|_| REFUSAL)?;
        match fault {
            Some(fault) => Err(fault),
            None => Ok(header),
        }
    }

    /// Decodes the claims, replacing what `claims` has.
    ///
    /// # Errors
    /// [`TokenFault::Malformed`].
    pub fn claims(&self, claims: &mut Vec<u8>) -> Result<(), TokenFault> {
        claims.clear();
        let decoded = URL_SAFE_NO_PAD.decode_vec(self.claims, claims);
        decoded.map_err(|_| TokenFault::Malformed("the claims are not base64url"))
    }

    /// Decodes the signature.
    ///
    /// # Errors
    /// [`TokenFault::Signature`] for what no key can have made.
    pub fn signature<'s>(
        &self,
        buffer: &'s mut [u8; SIGNATURE_BUFFER_BYTES],
    ) -> Result<&'s [u8], TokenFault> {
        let decoded = URL_SAFE_NO_PAD.decode_slice(self.signature, buffer);
        let length = decoded.map_err(|_| TokenFault::Signature)?;
        Ok(&buffer[..length])
    }
}

/// Longest token, in bytes. The usual ones have a few hundred; a head may have 64 KiB in all.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Room for the longest signature, that of RSA with 8192 bits, and what base64 asks for beside it.
pub const SIGNATURE_BUFFER_BYTES: usize = 1024 + 8;
