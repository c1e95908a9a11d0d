//! The problem types the engine answers with (RFC 9457): slug, title, status.
//!
//! Every error the engine itself writes is one of these rows, in every language.

/// Prefix of the `type` member of every engine problem.
pub const PROBLEM_TYPE_PREFIX: &str = "https://spikard.dev/errors/";

/// One row of the table: what a problem is called and which status carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType {
    /// HTTP status (RFC 9110 §15).
    pub status: u16,
    /// Last segment of the `type` URI.
    pub slug: &'static str,
    /// The `title` member: the same for every occurrence.
    pub title: &'static str,
    /// The `detail` member when the occurrence has nothing more exact to say.
    pub detail: &'static str,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:literal $slug:literal $title:literal
        $detail:literal;)*) => {
        $($(#[$doc])* pub const $name: ProblemType =
            ProblemType { status: $status, slug: $slug, title: $title, detail: $detail };)*
        /// Every problem type, in order of status.
        pub const PROBLEMS: &[ProblemType] = &[$($name),*];
    };
}

problems! {
    /// The message is not what it claims to be.
    BAD_REQUEST = 400 "bad-request" "Bad Request" "Invalid request format";
    /// The body is longer or shorter than `Content-Length` said.
    CONTENT_LENGTH_MISMATCH = 400 "content-length-mismatch" "Content-Length header mismatch"
        "The body does not have the length that Content-Length declares";
    /// Credentials are missing, or are not valid (RFC 9110 §15.5.2).
    UNAUTHORIZED = 401 "unauthorized" "Unauthorized" "The request lacks valid credentials";
    /// Understood and refused (RFC 9110 §15.5.4).
    FORBIDDEN = 403 "forbidden" "Forbidden" "The request is not allowed";
    /// No route has this path.
    NOT_FOUND = 404 "not-found" "Resource Not Found" "No route matched the request path";
    /// A route has this path but not this method.
    METHOD_NOT_ALLOWED = 405 "method-not-allowed" "Method Not Allowed"
        "The path exists, but not for this method";
    /// Head or body did not arrive in time.
    REQUEST_TIMEOUT = 408 "request-timeout" "Request Timeout"
        "The request was not received in time";
    /// The content is not in the state that the client asks for (RFC 9110 §15.5.13).
    PRECONDITION_FAILED = 412 "precondition-failed" "Precondition Failed"
        "The content is not in the state that the request's conditions name";
    /// The body is over the limit.
    PAYLOAD_TOO_LARGE = 413 "payload-too-large" "Payload Too Large"
        "The request body is over the limit";
    /// The request target is over the limit.
    URI_TOO_LONG = 414 "uri-too-long" "URI Too Long" "The request target is over the limit";
    /// The body's media type is not one the route reads.
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported-media-type" "Unsupported Media Type"
        "Unsupported media type";
    /// JSON in another charset than UTF-8.
    UNSUPPORTED_CHARSET = 415 "unsupported-charset" "Unsupported Charset"
        "Unsupported charset for JSON. Only UTF-8 is supported.";
    /// No range that is asked for lies in the content (RFC 9110 §15.5.17).
    RANGE_NOT_SATISFIABLE = 416 "range-not-satisfiable" "Range Not Satisfiable"
        "The content has none of the ranges that the request asks for";
    /// The client expects what the server cannot do (RFC 9110 §10.1.1).
    EXPECTATION_FAILED = 417 "expectation-failed" "Expectation Failed"
        "Only 'Expect: 100-continue' is supported";
    /// Parameters or body do not satisfy their schemas.
    VALIDATION_ERROR = 422 "validation-error" "Request Validation Failed"
        "The request is not valid";
    /// The client comes too often (RFC 6585 §4).
    RATE_LIMIT_EXCEEDED = 429 "rate-limit-exceeded" "Too Many Requests"
        "The client has made too many requests; Retry-After says when to try again";
    /// The head is over a limit (RFC 6585 §5).
    HEADER_FIELDS_TOO_LARGE = 431 "request-header-fields-too-large"
        "Request Header Fields Too Large" "The request head is over the limit";
    /// The handler failed; the reason is in the log, never here.
    INTERNAL_SERVER_ERROR = 500 "internal-server-error" "Internal Server Error"
        "Internal server error";
    /// The method or transfer coding is not one this server knows.
    NOT_IMPLEMENTED = 501 "not-implemented" "Not Implemented"
        "The request uses a feature this server does not implement";
    /// Draining or overloaded.
    SERVICE_UNAVAILABLE = 503 "service-unavailable" "Service Unavailable"
        "The server cannot take the request now";
    /// The handler's deadline passed.
    HANDLER_TIMEOUT = 504 "handler-timeout" "Gateway Timeout"
        "The handler did not answer in time";
    /// An HTTP major version other than 1 (RFC 9110 §15.6.6).
    HTTP_VERSION_NOT_SUPPORTED = 505 "http-version-not-supported" "HTTP Version Not Supported"
        "Only HTTP/1.0 and HTTP/1.1 are supported";
}

/// The row for a bare status, for hosts that raise one: the first with that status, if any.
pub fn by_status(status: u16) -> Option<&'static ProblemType> {
    PROBLEMS.iter().find(|problem| problem.status == status)
}
