//! What can be wrong with a pattern, said so that its author can mend it.
//!
//! Knows nothing of how patterns are parsed.

use std::fmt;

use super::pattern::{PATTERN_BYTES_MAX, PATTERN_SEGMENTS_MAX};

/// A pattern that cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// The whole pattern.
    pub pattern: String,
    /// Byte position of the fault in it.
    pub position: usize,
    /// What is wrong there.
    pub fault: PatternFault,
}

/// What can be wrong in a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternFault {
    /// It does not begin with `/`.
    NoLeadingSlash,
    /// An empty segment before the last.
    EmptySegment,
    /// `{}` or `:` without a name.
    EmptyName,
    /// A name with characters other than letters, digits, `_` and `-`.
    BadName {
        /// The name as written.
        name: String,
    },
    /// Two parameters with one name.
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A hint that does not exist.
    UnknownHint {
        /// The hint as written.
        hint: String,
    },
    /// `path` takes the rest, so nothing can follow.
    RestNotLast,
    /// A brace that has no partner, or text beside a braced parameter.
    UnbalancedBraces,
    /// Text before or after a parameter in one segment.
    MixedSegment,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    BadPercentEncoding,
    /// `?` or `#`: a pattern is a path only.
    NotAPath,
    /// More than [`PATTERN_SEGMENTS_MAX`] segments.
    TooManySegments,
    /// More than [`PATTERN_BYTES_MAX`] bytes.
    TooLong,
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the pattern '{}' at byte {}: {}",
            self.pattern, self.position, self.fault
        )
    }
}

impl fmt::Display for PatternFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeadingSlash => write!(out, "a pattern begins with '/'"),
            Self::EmptySegment => write!(out, "the segment is empty; remove one of the slashes"),
            Self::EmptyName => write!(out, "the parameter has no name"),
            Self::BadName { name } => {
                write!(
                    out,
                    "'{name}' is not a name; use letters, digits, '_' and '-'"
                )
            }
            Self::DuplicateName { name } => write!(out, "the name '{name}' is used twice"),
            Self::UnknownHint { hint } => {
                write!(out, "the hint '{hint}' does not exist; use one of {HINTS}")
            }
            Self::RestNotLast => write!(out, "a 'path' parameter must be the last segment"),
            Self::UnbalancedBraces => write!(out, "the braces do not match"),
            Self::MixedSegment => write!(out, "a parameter must be a whole segment"),
            Self::BadPercentEncoding => write!(out, "the percent-encoding is not valid UTF-8"),
            Self::NotAPath => write!(out, "a pattern is a path, without '?' or '#'"),
            Self::TooManySegments => {
                write!(out, "a pattern has at most {PATTERN_SEGMENTS_MAX} segments")
            }
            Self::TooLong => write!(out, "a pattern has at most {PATTERN_BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for PatternError {}

const HINTS: &str = "uuid, int, integer, float, number, bool, boolean, str, string, date, \
                     datetime, date-time, time, path";
