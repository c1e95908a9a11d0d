//! Redirects: which statuses they have, and which locations can be sent (RFC 9110 §10.2.2, §15.4).
//!
//! A location is often made of what a client sent, so what could end its line, or be read as
//! another address than was meant, is refused where its author can see it.
//! Knows nothing of where a location leads, nor whether it should.

use std::fmt;

use crate::sabotage;

/// Why a redirect cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RedirectError {
    /// The status does not redirect.
    Status(u64),
    /// The location is empty.
    Empty,
    /// The location has a byte that is not visible ASCII.
    Byte {
        /// Where it stands.
        position: usize,
    },
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(
                f,
                "a redirect has the status 301, 302, 303, 307 or 308, not {status}"
            ),
            Self::Empty => f.write_str("a redirect needs a location"),
            Self::Byte { position } => write!(
                f,
                "a location must be visible ASCII; percent-encode byte {position} of it"
            ),
        }
    }
}

impl std::error::Error for RedirectError {}

/// Checks a redirect: 301, 302, 303, 307 or 308, and a location of visible ASCII.
///
/// # Errors
/// [`RedirectError`], with the first fault.
pub fn check_redirect(status: u64, location: &[u8]) -> Result<(), RedirectError> {
    if !STATUSES.contains(&status) && !sabotage::is_off("redirect/status") {
        return Err(RedirectError::Status(status));
    }
    if sabotage::is_off("redirect/location") {
        return Ok(());
    }
    if location.is_empty() {
        return Err(RedirectError::Empty);
    }
    match location.iter().position(|byte| !byte.is_ascii_graphic()) {
        Some(position) => Err(RedirectError::Byte { position }),
        None => Ok(()),
    }
}

/// The status of a redirect that keeps method and body and may be another one tomorrow
/// (RFC 9110 §15.4.8): what nothing was said about means.
pub const REDIRECT_STATUS: u16 = 307;

const STATUSES: [u64; 5] = [301, 302, 303, 307, 308];
