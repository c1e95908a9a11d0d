//! Every bound of the message parsers, with unit and reason.
//!
//! Bounds hold while bytes arrive, not afterwards: a peer that never sends the end of a line is
//! refused at the bound. Knows nothing of body limits, which belong to routes.

/// Longest request line accepted by default, in bytes without its CRLF.
/// RFC 9112 §3 asks for at least 8000.
pub const REQUEST_LINE_BYTES_MAX: usize = 8192;

/// Longest head accepted by default, in bytes with its final CRLF. Room for large cookies, and
/// what common proxies in front of a server let through.
pub const HEAD_BYTES_MAX: usize = 65_536;

/// Most fields accepted by default. Browsers behind two proxies send under 40.
pub const FIELDS_MAX: usize = 100;

/// Most fields that can be configured, because the parser keeps its table on the stack.
pub const FIELDS_CEILING: usize = 256;

/// Longest method token, in bytes. The longest registered one has 17.
pub const METHOD_BYTES_MAX: usize = 32;

/// Longest `Host` value, in bytes: a DNS name of 253, a colon and a port of five digits.
pub const HOST_BYTES_MAX: usize = 259;

/// Most bytes of an owned field list: a reply head beyond this is a bug in the application.
pub const FIELD_LIST_BYTES_MAX: usize = 1 << 20;

/// Most cookie pairs read from one request. Browsers keep at most 180 for a site (RFC 6265 §6.1
/// asks for 50).
pub const COOKIE_PAIRS_MAX: usize = 256;

/// Most parameters of one media type. Types in use have one or two; comparing all with all to find
/// repeated ones must stay cheap.
pub const MEDIA_PARAMETERS_MAX: usize = 16;

/// Longest name of a form field, in bytes as sent. A path through eight brackets has under 300.
pub const FORM_NAME_BYTES_MAX: usize = 1024;

/// Longest boundary of a multipart body (RFC 2046 §5.1.1).
pub const BOUNDARY_BYTES_MAX: usize = 70;

/// Most bytes before the first boundary of a multipart body. Mail has text there; forms have
/// nothing, or a line break.
pub const PREAMBLE_BYTES_MAX: usize = 1024;

/// Most spaces behind a boundary (RFC 2046 §5.1.1, transport padding). Forms have none.
pub const BOUNDARY_PADDING_BYTES_MAX: usize = 64;

/// Most header fields of one part. Forms have two.
pub const PART_FIELDS_MAX: usize = 16;

/// Capacity in bytes that a cleared buffer may keep for the next request. Above it, one large
/// request would pin its memory for the life of the connection.
pub const RETAINED_BYTES_MAX: usize = 16_384;

/// Bounds of a request or reply head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadLimits {
    /// Longest start line, in bytes without its CRLF.
    pub request_line_bytes_max: usize,
    /// Longest head, in bytes from the start line through the empty line.
    pub head_bytes_max: usize,
    /// Most fields; values above [`FIELDS_CEILING`] mean that ceiling.
    pub fields_max: usize,
}

impl HeadLimits {
    /// `head_bytes_max` as far as offsets of 32 bits can follow it.
    #[inline]
    pub(crate) fn head_bytes(&self) -> usize {
        // Two bytes are kept free: one for a path that is written for a target without one.
        self.head_bytes_max.min(u32::MAX as usize - 2)
    }

    /// `fields_max` as far as the parser's table reaches.
    #[inline]
    pub(crate) fn fields(&self) -> usize {
        self.fields_max.min(FIELDS_CEILING)
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            request_line_bytes_max: REQUEST_LINE_BYTES_MAX,
            head_bytes_max: HEAD_BYTES_MAX,
            fields_max: FIELDS_MAX,
        }
    }
}

/// Bounds of the parts of a chunked body that are not content (RFC 9112 §7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkLimits {
    /// Longest chunk-size line, in bytes without its CRLF.
    pub line_bytes_max: usize,
    /// Most bytes of chunk extensions over the whole body. RFC 9112 §7.1.1 asks to limit their
    /// total, because they are work without content.
    pub extension_bytes_max: usize,
    /// Longest trailer section, in bytes with its final CRLF.
    pub trailer_bytes_max: usize,
    /// Most trailer fields.
    pub trailer_fields_max: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            line_bytes_max: 1024,
            extension_bytes_max: 16_384,
            trailer_bytes_max: 8192,
            trailer_fields_max: 32,
        }
    }
}

/// Most members of `Accept-Encoding` that are read; a browser sends four. What is behind them
/// counts as not sent.
pub const ACCEPTED_CODINGS_MAX: usize = 32;

/// Bounds of a multipart body that are configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MultipartLimits {
    /// Most parts.
    pub parts_max: usize,
    /// Longest header of one part, in bytes with its final empty line.
    pub part_header_bytes_max: usize,
}

impl Default for MultipartLimits {
    fn default() -> Self {
        Self {
            parts_max: 1000,
            part_header_bytes_max: 8192,
        }
    }
}
