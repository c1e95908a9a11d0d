//! A route's path pattern, parsed once at start: `/items/{id}`, `/items/{id:int}`, `/items/:id`.
//!
//! A pattern is a promise about shape, so every doubtful spelling is refused with the place where
//! it went wrong; nothing is guessed. Literal segments are kept percent-decoded, because requests
//! are matched decoded, segment by segment.
//! Knows nothing of methods, other patterns or requests.

use serde_json::{Value, json};
use spikard_proto_http::target::decode_segment;

use super::pattern_error::{PatternError, PatternFault};
use crate::params::convert;
use crate::validate::format;

/// Most segments a pattern may have; it also bounds how deep a request's walk goes.
/// Real APIs stay under twelve.
pub const PATTERN_SEGMENTS_MAX: usize = 64;

/// Longest pattern accepted, in bytes: a request line could carry no longer path.
pub const PATTERN_BYTES_MAX: usize = 8192;

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Box<[Segment]>,
}

/// One segment of a pattern, between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Taken literally, compared with the decoded segment of a request; may be empty.
    Literal(String),
    /// Any one non-empty segment that satisfies the hint.
    Capture {
        /// The parameter's name.
        name: String,
        /// What its text must be.
        hint: Option<Hint>,
    },
    /// Everything that is left, slashes included, possibly nothing.
    Rest {
        /// The parameter's name.
        name: String,
    },
}

/// What the text of a captured segment must be. In order of preference where two rows compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hint {
    /// RFC 9562 text form.
    Uuid,
    /// RFC 3339 `date-time`.
    DateTime,
    /// RFC 3339 `full-date`.
    Date,
    /// RFC 3339 `full-time`.
    Time,
    /// An `i64` in decimal digits.
    Integer,
    /// A finite `f64`.
    Number,
    /// `true`, `false`, `1` or `0`.
    Boolean,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError`] with the byte position and the [`PatternFault`] found there.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let fault = |position, fault| PatternError {
            pattern: text.to_owned(),
            position,
            fault,
        };
        if text.len() > PATTERN_BYTES_MAX {
            return Err(fault(PATTERN_BYTES_MAX, PatternFault::TooLong));
        }
        let Some(path) = text.strip_prefix('/') else {
            return Err(fault(0, PatternFault::NoLeadingSlash));
        };
        let mut segments = Vec::new();
        let mut position = 1;
        for piece in split(path) {
            if segments.len() == PATTERN_SEGMENTS_MAX {
                return Err(fault(position, PatternFault::TooManySegments));
            }
            let last = position + piece.len() == text.len();
            let segment =
                parse_segment(piece, last).map_err(|(at, why)| fault(position + at, why))?;
            if let Some(name) = segment.name()
                && segments
                    .iter()
                    .any(|earlier: &Segment| earlier.name() == Some(name))
            {
                let why = PatternFault::DuplicateName {
                    name: name.to_owned(),
                };
                return Err(fault(position, why));
            }
            segments.push(segment);
            position += piece.len() + 1;
        }
        Ok(Self {
            text: text.to_owned(),
            segments: segments.into(),
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its segments; `/` alone has one, an empty literal.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Names and hints of its parameters, in order. A rest has no hint.
    pub fn captures(&self) -> impl Iterator<Item = (&str, Option<Hint>)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Capture { name, hint } => Some((name.as_str(), *hint)),
            Segment::Rest { name } => Some((name.as_str(), None)),
        })
    }

    /// Whether it has no parameters at all.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| matches!(segment, Segment::Literal(_)))
    }
}

impl Segment {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Capture { name, .. } | Self::Rest { name } => Some(name),
        }
    }
}

impl Hint {
    /// Whether the decoded text of a segment satisfies the hint.
    #[must_use]
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Uuid => format::uuid(text),
            Self::DateTime => format::date_time(text),
            Self::Date => format::date(text),
            Self::Time => format::time(text),
            Self::Integer => convert::integer(text).is_some(),
            Self::Number => convert::number(text).is_some(),
            Self::Boolean => convert::boolean(text).is_some(),
        }
    }

    /// The JSON Schema that the hint stands for.
    #[must_use]
    pub fn schema(self) -> Value {
        let format = match self {
            Self::Integer => return json!({ "type": "integer" }),
            Self::Number => return json!({ "type": "number" }),
            Self::Boolean => return json!({ "type": "boolean" }),
            Self::Uuid => "uuid",
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Time => "time",
        };
        json!({ "type": "string", "format": format })
    }
}

/// The pieces between slashes, except slashes inside braces (so that their fault is named there).
fn split(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    path.split(move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '/' && depth == 0
    })
}

/// Parses one segment; the position in an error counts from the segment's first byte.
fn parse_segment(piece: &str, last: bool) -> Result<Segment, (usize, PatternFault)> {
    if piece.is_empty() {
        return if last {
            Ok(Segment::Literal(String::new()))
        } else {
            Err((0, PatternFault::EmptySegment))
        };
    }
    if let Some(name) = piece.strip_prefix(':') {
        let name = parse_name(name).map_err(|why| (1, why))?;
        return Ok(Segment::Capture { name, hint: None });
    }
    let open = piece.find('{');
    let close = piece.find('}');
    match (open, close) {
        (None, None) => parse_literal(piece),
        (Some(0), Some(close)) if close + 1 == piece.len() => {
            if let Some(nested) = piece[1..].find('{') {
                return Err((nested + 1, PatternFault::UnbalancedBraces));
            }
            parse_braced(&piece[1..close], last)
        }
        (Some(open), Some(close)) if open < close => {
            let at = if open > 0 { 0 } else { close + 1 };
            let nested = piece[at..].starts_with('}');
            Err((
                at,
                if nested {
                    PatternFault::UnbalancedBraces
                } else {
                    PatternFault::MixedSegment
                },
            ))
        }
        (_, Some(at)) | (Some(at), None) => Err((at, PatternFault::UnbalancedBraces)),
    }
}

/// The inside of a pair of braces: `name` or `name:hint`.
fn parse_braced(inside: &str, last: bool) -> Result<Segment, (usize, PatternFault)> {
    let (name, hint) = match inside.split_once(':') {
        Some((name, hint)) => (name, Some(hint)),
        None => (inside, None),
    };
    let hint_at = name.len() + 2;
    let name = parse_name(name).map_err(|why| (1, why))?;
    let hint = match hint {
        None | Some("str" | "string") => None,
        Some("uuid") => Some(Hint::Uuid),
        Some("int" | "integer") => Some(Hint::Integer),
        Some("float" | "number") => Some(Hint::Number),
        Some("bool" | "boolean") => Some(Hint::Boolean),
        Some("date") => Some(Hint::Date),
        Some("datetime" | "date-time") => Some(Hint::DateTime),
        Some("time") => Some(Hint::Time),
        Some("path") if last => return Ok(Segment::Rest { name }),
        Some("path") => return Err((hint_at, PatternFault::RestNotLast)),
        Some(other) => {
            return Err((
                hint_at,
                PatternFault::UnknownHint {
                    hint: other.to_owned(),
                },
            ));
        }
    };
    Ok(Segment::Capture { name, hint })
}

fn parse_name(name: &str) -> Result<String, PatternFault> {
    if name.is_empty() {
        return Err(PatternFault::EmptyName);
    }
    if !name
        .chars()
        .all(|each| each.is_alphanumeric() || each == '_' || each == '-')
    {
        return Err(PatternFault::BadName {
            name: name.to_owned(),
        });
    }
    Ok(name.to_owned())
}

fn parse_literal(piece: &str) -> Result<Segment, (usize, PatternFault)> {
    if let Some(at) = piece.find(['?', '#']) {
        return Err((at, PatternFault::NotAPath));
    }
    match decode_segment(piece.as_bytes()) {
        Ok(text) => Ok(Segment::Literal(text.into_owned())),
        Err(_) => Err((
            piece.find('%').unwrap_or_default(),
            PatternFault::BadPercentEncoding,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(name: &str, hint: Option<Hint>) -> Segment {
        Segment::Capture {
            name: name.to_owned(),
            hint,
        }
    }

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn patterns_parse_to_segments() {
        let cases: &[(&str, &[Segment])] = &[
            ("/", &[literal("")]),
            ("/items", &[literal("items")]),
            ("/items/", &[literal("items"), literal("")]),
            ("/items/{id}", &[literal("items"), capture("id", None)]),
            ("/items/:id", &[literal("items"), capture("id", None)]),
            ("/{id:int}", &[capture("id", Some(Hint::Integer))]),
            (
                "/{id:number}/x",
                &[capture("id", Some(Hint::Number)), literal("x")],
            ),
            (
                "/{a:uuid}/{b:bool}",
                &[
                    capture("a", Some(Hint::Uuid)),
                    capture("b", Some(Hint::Boolean)),
                ],
            ),
            ("/{d:date-time}", &[capture("d", Some(Hint::DateTime))]),
            ("/{d:datetime}", &[capture("d", Some(Hint::DateTime))]),
            ("/{s:str}", &[capture("s", None)]),
            (
                "/f/{p:path}",
                &[
                    literal("f"),
                    Segment::Rest {
                        name: "p".to_owned(),
                    },
                ],
            ),
            ("/caf%C3%A9", &[literal("café")]),
            ("/café", &[literal("café")]),
            ("/v1:batch", &[literal("v1:batch")]),
        ];
        for (text, segments) in cases {
            assert_eq!(
                Pattern::parse(text).unwrap().segments(),
                *segments,
                "{text}"
            );
        }
    }

    #[test]
    fn faults_name_their_position() {
        let cases: &[(&str, usize, PatternFault)] = &[
            ("", 0, PatternFault::NoLeadingSlash),
            ("items", 0, PatternFault::NoLeadingSlash),
            ("/a//b", 3, PatternFault::EmptySegment),
            ("/{}", 2, PatternFault::EmptyName),
            ("/a/:", 4, PatternFault::EmptyName),
            (
                "/{a b}",
                2,
                PatternFault::BadName {
                    name: "a b".to_owned(),
                },
            ),
            (
                "/{a/b}",
                2,
                PatternFault::BadName {
                    name: "a/b".to_owned(),
                },
            ),
            (
                "/{a}/x/{a}",
                7,
                PatternFault::DuplicateName {
                    name: "a".to_owned(),
                },
            ),
            (
                "/{a:integr}",
                4,
                PatternFault::UnknownHint {
                    hint: "integr".to_owned(),
                },
            ),
            ("/{a:path}/x", 4, PatternFault::RestNotLast),
            ("/{a:path}/", 4, PatternFault::RestNotLast),
            ("/x/{a", 3, PatternFault::UnbalancedBraces),
            ("/x/a}", 4, PatternFault::UnbalancedBraces),
            ("/{{a}}", 5, PatternFault::UnbalancedBraces),
            ("/x{a}", 1, PatternFault::MixedSegment),
            ("/{a}x", 4, PatternFault::MixedSegment),
            ("/a%zz", 2, PatternFault::BadPercentEncoding),
            ("/a%ff", 2, PatternFault::BadPercentEncoding),
            ("/a?b=c", 2, PatternFault::NotAPath),
        ];
        for (text, position, fault) in cases {
            let error = Pattern::parse(text).unwrap_err();
            assert_eq!((error.position, &error.fault), (*position, fault), "{text}");
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let deep = "/a".repeat(PATTERN_SEGMENTS_MAX + 1);
        assert_eq!(
            Pattern::parse(&deep).unwrap_err().fault,
            PatternFault::TooManySegments
        );
        assert!(Pattern::parse(&deep[2..]).is_ok());
        let long = "/".to_owned() + &"a".repeat(PATTERN_BYTES_MAX);
        assert_eq!(
            Pattern::parse(&long).unwrap_err().fault,
            PatternFault::TooLong
        );
    }

    #[test]
    fn hints_accept_what_their_schema_means() {
        assert!(Hint::Integer.accepts("-007") && !Hint::Integer.accepts("42.5"));
        assert!(Hint::Number.accepts("1e3") && !Hint::Number.accepts("inf"));
        assert!(Hint::Boolean.accepts("TRUE") && !Hint::Boolean.accepts("yes"));
        assert!(Hint::Date.accepts("2024-02-29") && !Hint::Date.accepts("2023-02-29"));
        assert_eq!(
            Hint::Uuid.schema(),
            json!({ "type": "string", "format": "uuid" })
        );
    }
}
