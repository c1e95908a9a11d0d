//! The shapes that cross the ABI by value, and its version.

use spikard_proto_http::{FieldSpan, Span};

/// Version of the ABI: a host built against another one is refused.
pub const SPK_ABI_VERSION: u32 = 1;

/// `length` bytes at `bytes`; NULL is allowed for none. Not NUL-terminated.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
pub struct spk_text {
    /// The first byte.
    pub bytes: *const u8,
    /// How many there are.
    pub length: usize,
}

impl spk_text {
    pub(crate) const NONE: Self = Self {
        bytes: std::ptr::null(),
        length: 0,
    };

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.as_ptr(),
            length: bytes.len(),
        }
    }
}

/// `length` bytes of a request head, from `start`.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct spk_span {
    /// Offset of the first byte in the head.
    pub start: u32,
    /// How many bytes.
    pub length: u32,
}

impl From<Span> for spk_span {
    fn from(span: Span) -> Self {
        Self {
            start: span.start,
            length: span.length,
        }
    }
}

/// One header field of a request head.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct spk_field {
    /// Its name, as sent.
    pub name: spk_span,
    /// Its value, without the white space around it.
    pub value: spk_span,
}

/// Not in the request, and without a default of the engine's.
pub const SPK_ARGUMENT_ABSENT: u32 = 0;
/// JSON `null`.
pub const SPK_ARGUMENT_NULL: u32 = 1;
/// The boolean `false`.
pub const SPK_ARGUMENT_FALSE: u32 = 2;
/// The boolean `true`.
pub const SPK_ARGUMENT_TRUE: u32 = 3;
/// An integer.
pub const SPK_ARGUMENT_INTEGER: u32 = 4;
/// A finite number.
pub const SPK_ARGUMENT_FLOAT: u32 = 5;
/// Text, in UTF-8.
pub const SPK_ARGUMENT_STRING: u32 = 6;
/// A JSON document.
pub const SPK_ARGUMENT_JSON: u32 = 7;
/// As many of the following arguments as its length says are its items.
pub const SPK_ARGUMENT_LIST: u32 = 8;

/// One value for the host function, in the order of the route's parameters. A list is followed by
/// its items.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct spk_argument {
    /// An `SPK_ARGUMENT_*` number.
    pub kind: u32,
    /// Bytes of the text, or items of the list.
    pub length: u32,
    /// Offset of the text in `argument_text`, an `int64_t`, or the bits of a `double`.
    pub bits: u64,
}

// The engine's tables are handed out in place, so the layouts must be the same.
const _: () = {
    use std::mem::{align_of, offset_of};

    use spikard_middleware::{Argument, ArgumentKind};

    assert!(SPK_ARGUMENT_ABSENT == ArgumentKind::Absent as u32);
    assert!(SPK_ARGUMENT_NULL == ArgumentKind::Null as u32);
    assert!(SPK_ARGUMENT_FALSE == ArgumentKind::False as u32);
    assert!(SPK_ARGUMENT_TRUE == ArgumentKind::True as u32);
    assert!(SPK_ARGUMENT_INTEGER == ArgumentKind::Integer as u32);
    assert!(SPK_ARGUMENT_FLOAT == ArgumentKind::Float as u32);
    assert!(SPK_ARGUMENT_STRING == ArgumentKind::String as u32);
    assert!(SPK_ARGUMENT_JSON == ArgumentKind::Json as u32);
    assert!(SPK_ARGUMENT_LIST == ArgumentKind::List as u32);

    assert!(size_of::<spk_span>() == size_of::<Span>());
    assert!(size_of::<spk_field>() == size_of::<FieldSpan>());
    assert!(align_of::<spk_field>() == align_of::<FieldSpan>());
    assert!(offset_of!(spk_field, value) == offset_of!(FieldSpan, value));
    assert!(offset_of!(spk_span, length) == offset_of!(Span, length));
    assert!(size_of::<spk_argument>() == size_of::<Argument>());
    assert!(align_of::<spk_argument>() == align_of::<Argument>());
    assert!(offset_of!(spk_argument, length) == offset_of!(Argument, length));
    assert!(offset_of!(spk_argument, bits) == offset_of!(Argument, bits));
};

/// The version of the ABI that this library speaks. Any thread. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn spk_abi_version() -> u32 {
    SPK_ABI_VERSION
}
