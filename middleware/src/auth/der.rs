//! As much DER as public keys are written in (X.690 §10, RFC 5280 §4.1, RFC 8017 §A.1.1).
//!
//! A reader of what the configuration names, at start: it only finds the key and says what kind it
//! is. Lengths are definite and minimal, or there is no value. Knows nothing of PEM or algorithms.

/// What a `SubjectPublicKeyInfo` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKeyInfo<'d> {
    pub(super) kind: KeyKind,
    /// An `RSAPublicKey`, a point, or the 32 bytes of Ed25519.
    pub(super) key: &'d [u8],
}

/// Kinds of key that a `SubjectPublicKeyInfo` can hold, as far as tokens know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    Other,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const SECP521R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// Reads a `SubjectPublicKeyInfo`, whole.
pub(super) fn public_key_info(der: &[u8]) -> Option<PublicKeyInfo<'_>> {
    let mut reader = Reader(der);
    let content = reader.take(SEQUENCE)?;
    reader.ended()?;
    public_key_content(content)
}

/// Finds the key of a certificate. Nothing else of it is looked at.
pub(super) fn certificate_key(der: &[u8]) -> Option<PublicKeyInfo<'_>> {
    let mut reader = Reader(der);
    let mut certificate = Reader(reader.take(SEQUENCE)?);
    reader.ended()?;
    let mut signed = Reader(certificate.take(SEQUENCE)?);
    // Absent in version 1.
    let _ = signed.take(VERSION);
    signed.take(INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        signed.take(SEQUENCE)?;
    }
    public_key_content(signed.take(SEQUENCE)?)
}

/// Modulus and exponent of an `RSAPublicKey`, without leading zeros.
pub(super) fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader(der);
    let mut numbers = Reader(reader.take(SEQUENCE)?);
    reader.ended()?;
    let modulus = numbers.take_positive()?;
    let exponent = numbers.take_positive()?;
    numbers.ended()?;
    Some((modulus, exponent))
}

fn public_key_content(content: &[u8]) -> Option<PublicKeyInfo<'_>> {
    let mut info = Reader(content);
    let mut algorithm = Reader(info.take(SEQUENCE)?);
    let kind = match algorithm.take(OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => KeyKind::Rsa,
        ED25519 => KeyKind::Ed25519,
        EC_PUBLIC_KEY => match algorithm.take(OBJECT_IDENTIFIER)? {
            PRIME256V1 => KeyKind::P256,
            SECP384R1 => KeyKind::P384,
            SECP521R1 => KeyKind::P521,
            _ => KeyKind::Other,
        },
        _ => KeyKind::Other,
    };
    // Whole bytes: no bit of the last one is unused.
    let key = info.take(BIT_STRING)?.strip_prefix(&[0])?;
    info.ended()?;
    Some(PublicKeyInfo { kind, key })
}

/// What is left of a run of values.
struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// The content of the next value, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'d [u8]> {
        let (&found, rest) = self.0.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Two bytes say up to 64 KiB, and no key is longer.
            0x81 | 0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte));
                let least = if bytes.len() == 1 { 0x80 } else { 0x100 };
                if length < least {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next value, a positive number, without the zero that only says its sign.
    fn take_positive(&mut self) -> Option<&'d [u8]> {
        match self.take(INTEGER)? {
            [0, number @ ..] if number.first().is_some_and(|first| *first >= 0x80) => Some(number),
            number if matches!(number.first(), Some(1..=0x7f)) => Some(number),
            _ => None,
        }
    }

    fn ended(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
