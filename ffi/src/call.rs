//! The view of one call that a host function receives.

use spikard_contract::{route::Placement, status::Purpose};
use spikard_middleware::{Exchange, Segment};
use spikard_proto_http::{cookie::Cookies, forwarded::Scheme};

use crate::{
    abi::{spk_argument, spk_field, spk_span, spk_text},
    boundary::{boundary, bytes, object, output, write_out},
    hook::spk_made,
    host::Kept,
    upload::spk_upload,
};

/// Run the function now, on this thread.
pub const SPK_INLINE: u32 = 0;
/// Run the function on the host's thread pool.
pub const SPK_POOL: u32 = 1;

/// The client speaks HTTP without encryption.
pub const SPK_HTTP: u32 = 0;
/// The client speaks HTTPS, with a proxy that is trusted.
pub const SPK_HTTPS: u32 = 1;

/// One call to a host function. Everything it points to is read-only and stays where it is until
/// the call is answered, on whatever thread; then it is gone. Copy what must live longer.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_call {
    /// Size of this struct, so that it can grow.
    pub size: u32,
    /// The `handler` number of the route document.
    pub function: u32,
    /// `SPK_INLINE` or `SPK_POOL`: where to run it.
    pub placement: u32,
    /// HTTP minor version: 0 or 1.
    pub version_minor: u32,
    /// The request head, as received.
    pub head: spk_text,
    /// The header fields: spans of `head`.
    pub fields: *const spk_field,
    /// How many fields.
    pub field_count: usize,
    /// The method: a span of `head`.
    pub method: spk_span,
    /// The request target: a span of `head`.
    pub target: spk_span,
    /// The path, still percent-encoded: a span of `head`.
    pub path: spk_span,
    /// The query without its `?`, still percent-encoded: a span of `head`. Of length 0 if absent.
    pub query: spk_span,
    /// The typed values, in the order of the route's parameters.
    pub arguments: *const spk_argument,
    /// How many entries, the items of lists included.
    pub argument_count: usize,
    /// The text of string arguments.
    pub argument_text: spk_text,
    /// The body, whole and untouched; of a form, its fields as a JSON object. Empty if there is
    /// none.
    pub body: spk_text,
    /// The id of the exchange. Empty if ids are off.
    pub request_id: spk_text,
    /// The pattern of the route.
    pub route: spk_text,
    /// The client's address: 16 bytes of IPv6, or of IPv4 mapped into it. All zero in process.
    pub client_address: [u8; 16],
    /// The client's port; 0 in process.
    pub client_port: u32,
    /// 1 if the request declares a body other than one of length 0, or is a form without fields.
    pub has_body: u32,
    /// The files that came with a form.
    pub uploads: *const spk_upload,
    /// How many files.
    pub upload_count: usize,
    /// The text that the spans of `uploads` lie in, in UTF-8.
    pub upload_text: spk_text,
    /// The content of the files that are in memory.
    pub upload_bytes: spk_text,
    /// The file of all content that is not in memory, readable at offsets; -1 if there is none. It
    /// is closed with the answer: duplicate what must live longer.
    pub upload_descriptor: i32,
    /// An `SPK_PURPOSE_*` number: what it is for, which says what may answer it.
    pub purpose: u32,
    /// Names the exchange to all calls of it, until `SPK_EVENT_ENDED` comes with this number. 0 in
    /// an application without hooks.
    pub exchange: u64,
    /// The reply that hooks on errors are shown; of status 0 in other calls.
    pub made: spk_made,
    /// The claims of the token that the request was let in by: a JSON object. Empty without one.
    pub claims: spk_text,
    /// `SPK_HTTP` or `SPK_HTTPS`: how the client came, as trusted proxies say.
    pub scheme: u32,
}

impl spk_call {
    /// The view of `x`. It borrows nothing the compiler could see: the caller keeps `x` in place.
    pub(crate) fn of(segment: &Segment, placement: Placement, x: &Exchange) -> Self {
        let reply = (segment.purpose == Purpose::OnError).then_some(&x.reply);
        let visit = x.visit.as_ref();
        let head = &x.head;
        let arguments = x.arguments.table();
        Self {
            size: size_of::<Self>() as u32,
            function: segment.function,
            placement: if placement == Placement::Pool {
                SPK_POOL
            } else {
                SPK_INLINE
            },
            version_minor: head.version() as u32,
            head: spk_text::of(head.bytes()),
            fields: head.table().as_ptr().cast(),
            field_count: head.table().len(),
            method: head.method_span().into(),
            target: head.target_span().into(),
            path: head.path_span().into(),
            query: head.query_span().unwrap_or_default().into(),
            arguments: arguments.as_ptr().cast(),
            argument_count: arguments.len(),
            argument_text: spk_text::of(x.arguments.text()),
            body: spk_text::of(&x.body),
            request_id: spk_text::of(x.request_id.as_bytes()),
            route: spk_text::of(segment.route.as_bytes()),
            client_address: x.client.map_or([0; 16], |client| match client.ip() {
                std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                std::net::IpAddr::V6(v6) => v6.octets(),
            }),
            client_port: x.client.map_or(0, |client| client.port().into()),
            has_body: u32::from(x.has_body() || !x.body.is_empty()),
            uploads: x.uploads.table().as_ptr().cast(),
            upload_count: x.uploads.table().len(),
            upload_text: spk_text::of(&x.uploads.text),
            upload_bytes: spk_text::of(&x.uploads.memory),
            upload_descriptor: x.uploads.descriptor().unwrap_or(-1),
            purpose: segment.purpose.number(),
            exchange: visit
                .and_then(|visit| visit.downcast_ref())
                .map_or(0, Kept::number),
            made: reply.map_or(spk_made::NONE, spk_made::of),
            claims: spk_text::of(&x.claims),
            scheme: match x.scheme {
                Scheme::Http => SPK_HTTP,
                Scheme::Https => SPK_HTTPS,
            },
        }
    }
}

/// Finds the next cookie of a `Cookie` header value (RFC 6265 §5.4), from `*offset` on, and moves
/// `*offset` behind it. `found` becomes 0 at the end, and the others stay as they are. The views
/// point into `header`, and live as long as it. Any thread. Does not block.
///
/// # Safety
/// `header` is valid for `length` bytes; the other pointers are valid for reads and writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_cookie_next(
    header: *const u8,
    length: usize,
    offset: *mut usize,
    name: *mut spk_text,
    value: *mut spk_text,
    found: *mut u32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (header, at) =
            unsafe { (bytes(header, length, "header")?, *object(offset, "offset")?) };
        output(name, "name")?;
        output(value, "value")?;
        let rest = header.get(at..).unwrap_or_default();
        let mut cookies = Cookies::new(rest);
        let next = cookies.next();
        // SAFETY: the caller's contract.
        unsafe {
            write_out(found, "found", u32::from(next.is_some()))?;
            if let Some((cookie, content)) = next {
                // The value ends before its `;`, if there is one: the next pair begins there.
                let end = content.as_ptr() as usize + content.len() - header.as_ptr() as usize;
                let skip = header[end..].iter().position(|byte| *byte == b';');
                write_out(
                    offset,
                    "offset",
                    skip.map_or(header.len(), |skip| end + skip + 1),
                )?;
                write_out(name, "name", spk_text::of(cookie))?;
                write_out(value, "value", spk_text::of(content))?;
            }
        }
        Ok(())
    })
}
