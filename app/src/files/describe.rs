//! What a file is called in a reply: its media type, its tag, its date.
//!
//! Knows nothing of how it was found.

use std::time::{SystemTime, UNIX_EPOCH};

use spikard_proto_http::EntityTag;
use spikard_proto_http::date::format_date;
use spikard_proto_http::sabotage;

use super::open::OpenFile;

/// The state of a file's content, as a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// `ETag`, quoted.
    pub etag: String,
    /// `Last-Modified`; `None` if the file's date lies before 1970 or in the future, which a
    /// server must not send (RFC 9110 §8.8.2.1).
    pub last_modified: Option<[u8; 29]>,
}

impl State {
    /// The state of a file that was opened now.
    ///
    /// The tag is made of size, time and inode, so it tells a file from another one of the same
    /// age and size. It is a strong one once the file has not been written for a while: a file
    /// system's clock has ticks, and two writes within one leave no trace (RFC 9110 §8.8.1).
    #[must_use]
    pub fn of(file: &OpenFile, now: SystemTime) -> Self {
        let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let (seconds, nanos) = file.modified;
        let is_settled = seconds + CLOCK_TICK_S <= now_s || sabotage::is_off("static/settled");
        let mut facts = [0; 28];
        facts[..8].copy_from_slice(&seconds.to_le_bytes());
        facts[8..12].copy_from_slice(&nanos.to_le_bytes());
        facts[12..20].copy_from_slice(&file.length.to_le_bytes());
        facts[20..].copy_from_slice(&file.inode.to_le_bytes());
        let last_modified = u64::try_from(seconds).ok();
        Self {
            etag: EntityTag::of_content(&facts, !is_settled).to_string(),
            last_modified: last_modified.filter(|_| seconds <= now_s).map(format_date),
        }
    }
}

/// The media type of a file by the end of its name; texts are UTF-8.
#[must_use]
pub fn media_type(name: &[u8]) -> String {
    let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let dot = memchr::memrchr(b'.', file);
    let ending = dot.and_then(|dot| std::str::from_utf8(&file[dot + 1..]).ok());
    let ending = ending.unwrap_or_default();
    let media = match ending {
        // Where the list is behind: RFC 9239 §6, and what maps of sources are.
        "mjs" => "text/javascript",
        "map" => "application/json",
        _ => mime_guess::from_ext(ending)
            .first_raw()
            .unwrap_or("application/octet-stream"),
    };
    if media.starts_with("text/") && !sabotage::is_off("static/charset") {
        format!("{media}; charset=utf-8")
    } else {
        media.to_owned()
    }
}

/// The coarsest clock of a file system in use, FAT's, in seconds.
const CLOCK_TICK_S: i64 = 2;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    fn file(modified: (i64, u32), length: u64, inode: u64) -> OpenFile {
        OpenFile {
            file: File::open("/dev/null").unwrap(),
            length,
            modified,
            inode,
        }
    }

    fn state(modified: (i64, u32), length: u64, inode: u64) -> State {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        State::of(&file(modified, length, inode), now)
    }

    #[test]
    fn a_tag_tells_files_apart_and_is_strong_when_they_are_settled() {
        let own = state((998, 5), 10, 7);
        assert!(own.etag.starts_with('"'), "{}", own.etag);
        assert_eq!(own, state((998, 5), 10, 7));
        for other in [
            state((998, 6), 10, 7),
            state((997, 5), 10, 7),
            state((998, 5), 11, 7),
            state((998, 5), 10, 8),
        ] {
            assert_ne!(own.etag, other.etag);
        }
        let fresh = state((999, 5), 10, 7);
        assert!(fresh.etag.starts_with("W/"), "{}", fresh.etag);
    }

    #[test]
    fn a_date_is_neither_before_1970_nor_in_the_future() {
        let date = |seconds| state((seconds, 0), 1, 1).last_modified;
        assert_eq!(date(0).unwrap(), *b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert!(date(1000).is_some());
        assert_eq!((date(1001), date(-1)), (None, None));
    }

    #[test]
    fn media_types_go_by_the_ending() {
        let cases = [
            ("a/index.html", "text/html; charset=utf-8"),
            ("x.JS", "text/javascript; charset=utf-8"),
            ("x.mjs", "text/javascript; charset=utf-8"),
            ("x.css", "text/css; charset=utf-8"),
            ("x.json", "application/json"),
            ("x.wasm", "application/wasm"),
            ("x.svg", "image/svg+xml"),
            ("x.tar.gz", "application/gzip"),
            ("folder.html/x", "application/octet-stream"),
            ("x", "application/octet-stream"),
            ("x.", "application/octet-stream"),
            ("x.unheard-of", "application/octet-stream"),
        ];
        for (name, wanted) in cases {
            assert_eq!(media_type(name.as_bytes()), wanted, "{name}");
        }
        assert_eq!(media_type(b"\xff.txt"), "text/plain; charset=utf-8");
    }
}
