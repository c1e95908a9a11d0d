//! Names of header fields and cookies, as knobs have them: tokens (RFC 9110 §5.6.2).
//!
//! The contract sees no parser, so it says here what a token is, once for every knob.

/// Whether the text is a token: not empty, and of `tchar` only.
pub(super) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// What is wrong with a name, if it is no token.
pub(super) fn field_name(knob: &'static str, name: &str) -> Option<(&'static str, String)> {
    let message = "a name has letters, digits and !#$%&'*+-.^_`|~ only";
    (!is_token(name)).then(|| (knob, message.to_owned()))
}
