//! The one order in which stages run. `PlanBuilder` sorts by it; nothing else decides order.

/// Position of a stage within its table. Lower runs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rank {
    /// First of all: the clock of the access log starts.
    Began,
    /// First to decide: whatever happens next is logged and answered under this id.
    RequestId,
    /// Who the client is, before anything reads it.
    ClientAddress,
    /// Development mode only: a page that says why the program does not start, whatever was asked.
    Fault,
    /// Before everything that counts or judges clients: a preflight carries no credentials, and
    /// its answer costs nothing.
    Preflight,
    /// Before everything that could fail a probe for another reason than the server's health.
    Health,
    /// Before anything that costs more than it; a preflight is not counted.
    RateLimit,
    /// Hooks that may change what routing reads. Behind whatever refuses without the host.
    OnRequest,
    /// Last row of the entry table: jumps to the route's table, or to 404 or 405.
    Route,
    /// The route's own limit, before its own rows cost anything.
    RouteRateLimit,
    /// Before everything that a request may ask of a route; before the key, as both must hold.
    Jwt,
    /// Likewise.
    ApiKey,
    /// Before any body byte is asked for, so that a refused upload never gets `100 Continue`.
    BodyLimit,
    /// Refuses by the head alone, so before the body is asked for.
    MediaType,
    /// Judges the coding when the media type is known to be read.
    ContentCoding,
    /// Puts a sink in place before the first byte arrives.
    Sink,
    /// After everything that can refuse by the head alone.
    Body,
    /// Hooks that may look at the body, and change what validation reads.
    PreValidation,
    /// Needs the body; finds every fault of the request at once.
    Validate,
    /// After validation: the deadline is the handler's, not the upload's.
    Deadline,
    /// The host function. Last, because its answer is the reply.
    Handler,
    /// Reply row, the first: a reply that failed is complete before anything is added to it.
    Trace,
    /// Reply row: judges what the handler wrote, before anything is added to it, and
    /// before conditions do, which only a success has to meet (RFC 9110 §13.2.1).
    ResponseSchema,
    /// Reply row: judges whether the body is worth compressing while it is still there, because a
    /// 304 says `Vary` as its 200 would have (RFC 9110 §15.4.5).
    Compressible,
    /// Reply row: what the route adds to its handler's replies, before what the server adds.
    RouteHeaders,
    /// Reply row: what the server adds for browsers, where neither handler nor route said it.
    SecurityHeaders,
    /// Reply row: who may read the reply, whatever is in it.
    Cors,
    /// Reply row: says what the client may still ask for.
    RateLimitFields,
    /// Reply row: names the exchange on every reply.
    RequestIdEcho,
    /// Reply row, the last: it chooses by what leaves.
    Compression,
    /// Done row: tells what became of the exchange.
    AccessLog,
}

impl Rank {
    /// Whether a reply row runs before the request's conditions are judged.
    pub(crate) fn precedes_conditions(self) -> bool {
        self <= Self::Compressible
    }

    /// Name for table snapshots and traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::RequestId => "request_id",
            Self::ClientAddress => "client_address",
            Self::Fault => "fault",
            Self::Preflight => "preflight",
            Self::Health => "health",
            Self::RateLimit => "rate_limit",
            Self::OnRequest => "on_request",
            Self::Route => "route",
            Self::RouteRateLimit => "route_rate_limit",
            Self::Jwt => "jwt",
            Self::ApiKey => "api_key",
            Self::BodyLimit => "body_limit",
            Self::MediaType => "media_type",
            Self::ContentCoding => "content_coding",
            Self::Sink => "sink",
            Self::Body => "body",
            Self::PreValidation => "pre_validation",
            Self::Validate => "validate",
            Self::Deadline => "deadline",
            Self::Handler => "handler",
            Self::Trace => "trace",
            Self::ResponseSchema => "response_schema",
            Self::Compressible => "compressible",
            Self::RouteHeaders => "route_headers",
            Self::SecurityHeaders => "security_headers",
            Self::Cors => "cors",
            Self::RateLimitFields => "rate_limit_fields",
            Self::RequestIdEcho => "request_id_echo",
            Self::Compression => "compression",
            Self::AccessLog => "access_log",
        }
    }
}
