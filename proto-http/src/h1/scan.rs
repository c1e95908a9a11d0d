//! The strict reading of a head, byte by byte and resumable (RFC 9112 §2 - §5).
//!
//! httparse decides whether a head is complete; this decides why one is refused, and refuses it
//! at the first wrong byte, however the bytes were cut on their way here. It remembers where it
//! stopped, so a head that arrives in a thousand pieces is read once, not a thousand times.
//! Knows nothing of what fields mean.

use crate::chars::{hex_value, is_space, is_target_byte, is_token_byte, is_value_byte};
use crate::error::HeadError;
use crate::limits::{HeadLimits, METHOD_BYTES_MAX};

/// How far a head has been read. `Default` is the state before its first byte.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Scan {
    /// Bytes of the input that have been read.
    position: usize,
    /// Where the request line begins: 0, or 2 after an empty line.
    origin: usize,
    /// Where the current part (method, target) began.
    part: usize,
    /// Fields that have begun.
    fields: usize,
    expecting: Expecting,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Expecting {
    #[default]
    Start,
    StartLf,
    Method,
    Target,
    PercentHigh,
    PercentLow {
        high_is_zero: bool,
    },
    Version {
        matched: u8,
        major: u8,
    },
    LineLf,
    FieldStart,
    Name,
    Value,
    EndLf,
    Done,
}

impl Scan {
    /// Whether nothing has been read yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.position == 0
    }

    /// Reads on. `input` begins with the bytes that were read before.
    /// Returns whether the head is complete.
    ///
    /// # Errors
    /// The first fault, in the order of the bytes.
    pub(crate) fn advance(&mut self, input: &[u8], limits: &HeadLimits) -> Result<bool, HeadError> {
        if self.position > input.len() {
            *self = Self::default();
        }
        while self.expecting != Expecting::Done {
            let Some(&byte) = input.get(self.position) else {
                return Ok(false);
            };
            self.check_limits(byte, limits)?;
            self.expecting = self.step(byte, limits)?;
            self.position += 1;
        }
        Ok(true)
    }

    fn check_limits(&self, byte: u8, limits: &HeadLimits) -> Result<(), HeadError> {
        let length = self.position - self.origin;
        if length >= limits.head_bytes() {
            return Err(HeadError::HeadTooLarge {
                bytes_max: limits.head_bytes_max,
            });
        }
        let in_line = matches!(
            self.expecting,
            Expecting::Method
                | Expecting::Target
                | Expecting::PercentHigh
                | Expecting::PercentLow { .. }
                | Expecting::Version { .. }
        );
        if in_line && length >= limits.request_line_bytes_max && byte != b'\r' {
            let bytes_max = limits.request_line_bytes_max;
            return Err(HeadError::RequestLineTooLong { bytes_max });
        }
        Ok(())
    }

    fn offset(&self) -> u32 {
        // `check_limits` keeps the position below 2^32.
        self.position as u32
    }

    fn step(&mut self, byte: u8, limits: &HeadLimits) -> Result<Expecting, HeadError> {
        let offset = self.offset();
        match self.expecting {
            Expecting::Start if byte == b'\r' => Ok(Expecting::StartLf),
            Expecting::Start | Expecting::Method => self.step_method(byte),
            Expecting::StartLf if byte == b'\n' => {
                self.origin = self.position + 1;
                self.part = self.origin;
                Ok(Expecting::Method)
            }
            Expecting::StartLf => Err(HeadError::BareCr { offset: offset - 1 }),
            Expecting::Target | Expecting::PercentHigh | Expecting::PercentLow { .. } => {
                self.step_target(byte)
            }
            Expecting::Version { matched, major } => step_version(matched, major, byte, offset),
            Expecting::LineLf | Expecting::EndLf if byte != b'\n' => {
                Err(HeadError::BareCr { offset: offset - 1 })
            }
            Expecting::LineLf => Ok(Expecting::FieldStart),
            Expecting::EndLf | Expecting::Done => Ok(Expecting::Done),
            Expecting::FieldStart => self.step_field_start(byte, limits),
            Expecting::Name => step_name(byte, offset),
            Expecting::Value => step_value(byte, offset),
        }
    }

    fn step_method(&self, byte: u8) -> Result<Expecting, HeadError> {
        let offset = self.offset();
        let length = self.position - self.part;
        match byte {
            b' ' if length > 0 => Ok(Expecting::Target),
            b'\r' | b'\n' if length == 0 && self.origin > 0 => Err(HeadError::EmptyLines),
            b'\n' => Err(HeadError::BareLf { offset }),
            _ if !is_token_byte(byte) => Err(HeadError::InvalidMethod { offset, byte }),
            _ if length >= METHOD_BYTES_MAX => Err(HeadError::MethodTooLong {
                bytes_max: METHOD_BYTES_MAX,
            }),
            _ => Ok(Expecting::Method),
        }
    }

    fn step_target(&mut self, byte: u8) -> Result<Expecting, HeadError> {
        let offset = self.offset();
        match self.expecting {
            Expecting::PercentHigh => match hex_value(byte) {
                Some(digit) => Ok(Expecting::PercentLow {
                    high_is_zero: digit == 0,
                }),
                None => Err(HeadError::InvalidPercent { offset: offset - 1 }),
            },
            Expecting::PercentLow { high_is_zero } => match hex_value(byte) {
                Some(0) if high_is_zero => Err(HeadError::NullInTarget { offset: offset - 2 }),
                Some(_) => Ok(self.in_target()),
                None => Err(HeadError::InvalidPercent { offset: offset - 2 }),
            },
            _ => match byte {
                b'%' => Ok(Expecting::PercentHigh),
                // `part` still points at the method while the target is empty.
                b' ' if self.part == self.origin => Err(HeadError::EmptyTarget),
                b' ' => Ok(Expecting::Version {
                    matched: 0,
                    major: 0,
                }),
                // The line ends without a version: HTTP/0.9, which nobody speaks any more.
                b'\r' => Err(HeadError::InvalidVersion { offset }),
                b'\n' => Err(HeadError::BareLf { offset }),
                _ if is_target_byte(byte) => Ok(self.in_target()),
                _ => Err(HeadError::InvalidTarget { offset, byte }),
            },
        }
    }

    fn in_target(&mut self) -> Expecting {
        // A target begins at least two bytes after the origin, behind the method and a space.
        self.part = self.position;
        Expecting::Target
    }

    fn step_field_start(&mut self, byte: u8, limits: &HeadLimits) -> Result<Expecting, HeadError> {
        let offset = self.offset();
        match byte {
            b'\r' => Ok(Expecting::EndLf),
            b'\n' => Err(HeadError::BareLf { offset }),
            b':' => Err(HeadError::EmptyName { offset }),
            _ if is_space(byte) => Err(HeadError::ObsoleteFold { offset }),
            _ if !is_token_byte(byte) => Err(HeadError::InvalidName { offset, byte }),
            _ if self.fields >= limits.fields() => Err(HeadError::TooManyFields {
                fields_max: limits.fields(),
            }),
            _ => {
                self.fields += 1;
                Ok(Expecting::Name)
            }
        }
    }
}

/// `HTTP-version = HTTP-name "/" DIGIT "." DIGIT` (RFC 9112 §2.3) and the CR behind it.
fn step_version(matched: u8, major: u8, byte: u8, offset: u32) -> Result<Expecting, HeadError> {
    const BEFORE_MAJOR: &[u8] = b"HTTP/";
    let fits = match matched {
        0..5 => byte == BEFORE_MAJOR[matched as usize],
        5 | 7 => byte.is_ascii_digit(),
        6 => byte == b'.',
        _ => return end_version(byte, offset),
    };
    if !fits {
        return Err(if byte == b'\n' {
            HeadError::BareLf { offset }
        } else {
            HeadError::InvalidVersion { offset }
        });
    }
    let digit = byte.wrapping_sub(b'0');
    let major = if matched == 5 { digit } else { major };
    if matched == 7 && (major, digit) != (1, 0) && (major, digit) != (1, 1) {
        return Err(HeadError::UnsupportedVersion {
            major,
            minor: digit,
        });
    }
    Ok(Expecting::Version {
        matched: matched + 1,
        major,
    })
}

fn end_version(byte: u8, offset: u32) -> Result<Expecting, HeadError> {
    match byte {
        b'\r' => Ok(Expecting::LineLf),
        b'\n' => Err(HeadError::BareLf { offset }),
        _ => Err(HeadError::InvalidVersion { offset }),
    }
}

fn step_name(byte: u8, offset: u32) -> Result<Expecting, HeadError> {
    match byte {
        b':' => Ok(Expecting::Value),
        b'\n' => Err(HeadError::BareLf { offset }),
        _ if is_token_byte(byte) => Ok(Expecting::Name),
        _ if is_space(byte) => Err(HeadError::SpaceBeforeColon { offset }),
        _ => Err(HeadError::InvalidName { offset, byte }),
    }
}

fn step_value(byte: u8, offset: u32) -> Result<Expecting, HeadError> {
    match byte {
        b'\r' => Ok(Expecting::LineLf),
        b'\n' => Err(HeadError::BareLf { offset }),
        _ if is_value_byte(byte) => Ok(Expecting::Value),
        _ => Err(HeadError::InvalidValue { offset, byte }),
    }
}
