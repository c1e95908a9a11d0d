//! Which of the engine's own answers ask for auth: files and probes do, if the configuration lists
//! them.
//!
//! A word of the list that names nothing is a mistake that would leave something open, so it is
//! refused.
//! Knows nothing of tokens and keys.

use spikard_contract::config::ServerConfig;
use spikard_proto_http::sabotage;

use crate::files::mount::Mount;
use crate::lower_error::LowerError;

/// Whether what is served at this path, or below it, is protected.
pub(crate) fn covers(config: &ServerConfig, path: &str) -> bool {
    config.protect.iter().any(|listed| is_within(path, listed)) && !sabotage::is_off("auth/protect")
}

/// Whether every listed path protects something.
///
/// # Errors
/// [`LowerError::Protect`] for one that does not, and for any where no auth is configured.
pub(crate) fn check(config: &ServerConfig, mounts: &[Mount]) -> Result<(), LowerError> {
    let has_auth = config.jwt_auth.is_some() || config.api_key_auth.is_some();
    let probes = config.health.as_ref();
    let probes = probes.map(|health| [health.live_path.as_str(), health.ready_path.as_str()]);
    let served = || {
        let prefixes = mounts.iter().map(|mount| mount.prefix.as_ref());
        prefixes.chain(probes.into_iter().flatten())
    };
    for (at, listed) in config.protect.iter().enumerate() {
        let fault = if !has_auth {
            "there is no jwt_auth and no api_key_auth to ask for".to_owned()
        } else if !served().any(|path| is_within(path, listed)) {
            format!("'{listed}' is no path of static files or of a health endpoint, or above one")
        } else {
            continue;
        };
        return Err(LowerError::Protect { at, fault });
    }
    Ok(())
}

/// Whether a path is the other or lies below it, segment by segment.
fn is_within(path: &str, other: &str) -> bool {
    let (path, other) = (path.trim_end_matches('/'), other.trim_end_matches('/'));
    path.strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_segment_by_segment() {
        for (path, other, expected) in [
            ("/static", "/static", true),
            ("/static/", "/static", true),
            ("/static", "/static/", true),
            ("/a/static", "/a", true),
            ("/static", "/", true),
            ("/", "/", true),
            ("/static2", "/static", false),
            ("/a", "/a/static", false),
        ] {
            assert_eq!(is_within(path, other), expected, "{path} in {other}");
        }
    }
}
