//! The header of one part of a multipart form (RFC 7578 §4.2).
//!
//! Names and filenames are read as browsers write them: in quotes, with `%22` for a quote. Encoded
//! parameters (`filename*`) are refused, because readers differ in which name they then take.
//! Knows nothing of boundaries or content.

use crate::chars::{is_token, is_token_byte, is_value_byte, trim};
use crate::limits::PART_FIELDS_MAX;
use crate::media::MediaType;
use crate::multipart::MultipartError;
use crate::sabotage;

/// What the header of a part says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartHead {
    /// The field's name.
    pub name: String,
    /// The file's name as sent, which may be any path: never open it.
    pub filename: Option<String>,
    /// The content type as sent.
    pub content_type: Option<String>,
    /// All fields: lower-case name, value.
    pub fields: Vec<(String, String)>,
}

/// Reads the lines of a header, each with its CRLF, without the empty one.
pub(crate) fn read_part_head(lines: &[u8]) -> Result<PartHead, MultipartError> {
    let mut head = PartHead::default();
    let mut disposed = false;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let line = line
            .strip_suffix(b"\r\n")
            .ok_or(MultipartError::LineBreak)?;
        let colon = memchr::memchr(b':', line).ok_or(MultipartError::Field)?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        let fits = is_token(name) && value.iter().all(|byte| is_value_byte(*byte));
        let is_full = head.fields.len() == PART_FIELDS_MAX;
        if !fits {
            return Err(MultipartError::Field);
        }
        if is_full && !sabotage::is_off("multipart/fields-max") {
            return Err(MultipartError::TooManyFields);
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let is_repeated = head.fields.iter().any(|(own, _)| *own == name);
        match name.as_str() {
            "content-disposition" if disposed => return Err(MultipartError::Disposition),
            "content-disposition" => {
                read_disposition(value, &mut head)?;
                disposed = true;
            }
            "content-type" => {
                if is_repeated || MediaType::parse(value).is_err() {
                    return Err(MultipartError::ContentType);
                }
                head.content_type = Some(String::from_utf8_lossy(value).into_owned());
            }
            "content-transfer-encoding" => {
                let plain = [&b"binary"[..], b"8bit", b"7bit"];
                let is_plain = plain.iter().any(|each| value.eq_ignore_ascii_case(each));
                if !is_plain && !sabotage::is_off("multipart/transfer-encoding") {
                    return Err(MultipartError::TransferEncoding);
                }
            }
            _ => {}
        }
        let value = String::from_utf8_lossy(value).into_owned();
        head.fields.push((name, value));
    }
    if disposed {
        Ok(head)
    } else {
        Err(MultipartError::Disposition)
    }
}

/// `"form-data" *( ";" parameter )`, with a name.
fn read_disposition(value: &[u8], head: &mut PartHead) -> Result<(), MultipartError> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    if !trim(&value[..end]).eq_ignore_ascii_case(b"form-data") {
        return Err(MultipartError::Disposition);
    }
    let mut rest = &value[end..];
    let mut name = None;
    while let [b';', behind @ ..] = rest {
        rest = trim(behind);
        if rest.is_empty() {
            break;
        }
        let length = rest.iter().take_while(|byte| is_token_byte(**byte)).count();
        let (key, behind) = rest.split_at(length);
        let [b'=', behind @ ..] = trim(behind) else {
            return Err(MultipartError::Parameter);
        };
        let (text, behind) = read_text(trim(behind))?;
        rest = trim(behind);
        if key.ends_with(b"*") && !sabotage::is_off("multipart/extended-parameter") {
            return Err(MultipartError::ExtendedParameter);
        }
        let slot = if key.eq_ignore_ascii_case(b"name") {
            &mut name
        } else if key.eq_ignore_ascii_case(b"filename") {
            &mut head.filename
        } else {
            continue;
        };
        let text = String::from_utf8(text).map_err(|_| MultipartError::Name)?;
        if text.contains('\0') {
            return Err(MultipartError::Name);
        }
        if slot.replace(text).is_some() && !sabotage::is_off("multipart/name-once") {
            return Err(MultipartError::Parameter);
        }
    }
    if !rest.is_empty() {
        return Err(MultipartError::Parameter);
    }
    head.name = name.ok_or(MultipartError::Disposition)?;
    Ok(())
}

/// A token, or a quoted text with its escapes undone; and what stands behind it.
fn read_text(input: &[u8]) -> Result<(Vec<u8>, &[u8]), MultipartError> {
    let [b'"', inner @ ..] = input else {
        let length = input
            .iter()
            .take_while(|byte| is_token_byte(**byte))
            .count();
        let (token, behind) = input.split_at(length);
        return match length {
            0 => Err(MultipartError::Parameter),
            _ => Ok((token.to_vec(), behind)),
        };
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Ok((text, behind)),
            // Other programs escape with a backslash; before anything else it is a character.
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] => {
                text.push(*escaped);
                behind
            }
            // Browsers escape these three (WHATWG HTML, multipart form data).
            [b'%', b'2', b'2', behind @ ..] => {
                text.push(b'"');
                behind
            }
            [b'%', b'0', b'D' | b'd', behind @ ..] => {
                text.push(b'\r');
                behind
            }
            [b'%', b'0', b'A' | b'a', behind @ ..] => {
                text.push(b'\n');
                behind
            }
            [byte, behind @ ..] => {
                text.push(*byte);
                behind
            }
            [] => return Err(MultipartError::Parameter),
        };
    }
}
