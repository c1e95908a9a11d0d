//! The access log: one line per request.

use super::token::is_token;
use crate::{choice, config};

choice! {
    /// How a line of the access log looks.
    pub enum AccessLogFormat {
        /// One JSON object.
        Json = "json",
        /// Words for people.
        Text = "text",
    }
}

config! {
    /// One line per request, written beside the worker's thread.
    ///
    /// A line has the time, the request's id, the client's address, method, path, query (secrets
    /// masked), route, status, bytes of the body, the time from the head to the reply, and the
    /// header fields that are asked for.
    pub struct AccessLogConfig checked by disagreements {
        /// How a line looks.
        format: AccessLogFormat = AccessLogFormat::Json;
        /// Where lines go: `stdout`, `stderr`, `log` for the host's own logging (Python: the logger
        /// `spikard.access`), or the path of a file, to which they are appended. A restarted worker
        /// opens it anew, so a file that was renamed is let go by a rolling restart.
        target: String = "stderr".to_owned(), in 1..=4_096, unit "characters";
        /// Header fields of requests that a line shows. Those that are sensitive show as `***`.
        headers: Vec<String> = Vec::new(), in 0..=32;
    }
}

fn disagreements(log: &AccessLogConfig) -> Vec<(&'static str, String)> {
    let wrong = log.headers.iter().find(|name| !is_token(name));
    let told = wrong.map(|name| ("headers", format!("{name:?} is no name of a header field")));
    told.into_iter().collect()
}
