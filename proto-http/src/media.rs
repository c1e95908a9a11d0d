//! Media types, as `Content-Type` has them (RFC 9110 §8.3.1).
//!
//! Parsed once and strictly, so that what a validator believes a body to be is what the handler
//! gets. Knows nothing of bodies.

use std::borrow::Cow;
use std::fmt;

use crate::chars::{is_space, is_token, is_token_byte, is_value_byte, trim};
use crate::limits::MEDIA_PARAMETERS_MAX;

/// `media-type = type "/" subtype *( OWS ";" OWS [ parameter ] )`, borrowed from the field value.
#[derive(Clone, Debug)]
pub struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// What stands behind the subtype; its grammar has been checked.
    parameters: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Parses a field value.
    ///
    /// # Errors
    /// [`MediaError::Type`] if type or subtype is no token, [`MediaError::Parameter`] if a
    /// parameter is not `token "=" ( token / quoted-string )`, [`MediaError::RepeatedParameter`]
    /// if a name occurs twice, [`MediaError::TooManyParameters`] above [`MEDIA_PARAMETERS_MAX`].
    pub fn parse(value: &'a [u8]) -> Result<Self, MediaError> {
        let value = trim(value);
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let essence = trim(&value[..end]);
        let slash = memchr::memchr(b'/', essence).ok_or(MediaError::Type)?;
        let media = Self {
            kind: token_text(&essence[..slash])?,
            subtype: token_text(&essence[slash + 1..])?,
            parameters: &value[end..],
        };
        media.check_parameters()?;
        Ok(media)
    }

    fn check_parameters(&self) -> Result<(), MediaError> {
        let mut seen = [&[] as &[u8]; MEDIA_PARAMETERS_MAX];
        let mut count = 0;
        let mut rest = self.parameters;
        while let Some((parameter, behind)) = split_parameter(rest)? {
            if seen[..count]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(parameter.name))
            {
                return Err(MediaError::RepeatedParameter);
            }
            *seen.get_mut(count).ok_or(MediaError::TooManyParameters)? = parameter.name;
            count += 1;
            rest = behind;
        }
        Ok(())
    }

    /// The type as sent, `application` in `application/json`. Letter case does not count.
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// The subtype as sent, `json` in `application/json`. Letter case does not count.
    pub fn subtype(&self) -> &'a str {
        self.subtype
    }

    /// Whether type and subtype are these, in any letter case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// Whether it is `application/json` or has the suffix `+json` (RFC 6839 §3.1).
    pub fn is_json(&self) -> bool {
        let subtype = self.subtype.as_bytes();
        let has_suffix =
            subtype.len() > 5 && subtype[subtype.len() - 5..].eq_ignore_ascii_case(b"+json");
        has_suffix || self.is("application", "json")
    }

    /// Whether it is `application/x-www-form-urlencoded`.
    pub fn is_form(&self) -> bool {
        self.is("application", "x-www-form-urlencoded")
    }

    /// Whether it is `multipart/form-data`.
    pub fn is_multipart_form(&self) -> bool {
        self.is("multipart", "form-data")
    }

    /// The value of a parameter, unquoted. Its name compares without case.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut rest = self.parameters;
        // The grammar was checked by `parse`, so no error can end the loop early.
        while let Ok(Some((parameter, behind))) = split_parameter(rest) {
            if parameter.name.eq_ignore_ascii_case(name.as_bytes()) {
                return Some(parameter.unquoted());
            }
            rest = behind;
        }
        None
    }

    /// The `charset` parameter, unquoted.
    pub fn charset(&self) -> Option<Cow<'a, [u8]>> {
        self.parameter("charset")
    }
}

fn token_text(bytes: &[u8]) -> Result<&str, MediaError> {
    if !is_token(bytes) {
        return Err(MediaError::Type);
    }
    // A token is ASCII.
    std::str::from_utf8(bytes).map_err(|_| MediaError::Type)
}

struct Parameter<'a> {
    name: &'a [u8],
    /// A token, or a quoted string with its quotes.
    value: &'a [u8],
}

impl<'a> Parameter<'a> {
    fn unquoted(&self) -> Cow<'a, [u8]> {
        let [b'"', inner @ .., b'"'] = self.value else {
            return Cow::Borrowed(self.value);
        };
        if !inner.contains(&b'\\') {
            return Cow::Borrowed(inner);
        }
        let mut escaped = false;
        let kept = |byte: &u8| {
            escaped = !escaped && *byte == b'\\';
            !escaped
        };
        Cow::Owned(inner.iter().copied().filter(kept).collect())
    }
}

/// Splits the first parameter off `*( OWS ";" OWS [ parameter ] )`.
fn split_parameter(mut rest: &[u8]) -> Result<Option<(Parameter<'_>, &[u8])>, MediaError> {
    loop {
        rest = trim(rest);
        match rest {
            [] => return Ok(None),
            [b';', behind @ ..] => rest = trim(behind),
            _ => return Err(MediaError::Parameter),
        }
        if !matches!(rest, [] | [b';', ..]) {
            break;
        }
    }
    let name_length = rest.iter().take_while(|&&byte| is_token_byte(byte)).count();
    let (name, behind) = rest.split_at(name_length);
    let [b'=', behind @ ..] = behind else {
        return Err(MediaError::Parameter);
    };
    let value_length = match behind {
        [b'"', ..] => quoted_length(behind).ok_or(MediaError::Parameter)?,
        _ => behind
            .iter()
            .take_while(|&&byte| is_token_byte(byte))
            .count(),
    };
    let (value, behind) = behind.split_at(value_length);
    let ends = matches!(behind, [] | [b';', ..]) || behind.first().copied().is_some_and(is_space);
    if name.is_empty() || value.is_empty() || !ends {
        return Err(MediaError::Parameter);
    }
    Ok(Some((Parameter { name, value }, behind)))
}

/// Length of the `quoted-string` at the start of `text`, quotes included (RFC 9110 §5.6.4).
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        if !is_value_byte(byte) {
            return None;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Why a field value is not a media type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaError {
    /// Type or subtype is missing or not a token.
    Type,
    /// A parameter does not follow its grammar.
    Parameter,
    /// A parameter name occurs twice: two readers could take different ones.
    RepeatedParameter,
    /// More parameters than [`MEDIA_PARAMETERS_MAX`].
    TooManyParameters,
}

impl fmt::Display for MediaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Type => "The media type is not 'type/subtype'",
            Self::Parameter => "A parameter of the media type is not 'name=value'",
            Self::RepeatedParameter => "A parameter of the media type occurs twice",
            Self::TooManyParameters => "The media type has more than 16 parameters",
        })
    }
}

impl std::error::Error for MediaError {}
