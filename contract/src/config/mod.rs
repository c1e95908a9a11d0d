//! Every knob of the server, declared once: name, type, default, range, unit and doc.
//!
//! From this file come the config classes of every language, the JSON Schema and the manual
//! (`cargo xtask generate`). A knob stands here only when the engine obeys it.
//! Knows nothing of how the knobs act; the crates that read them do.

mod access_log;
mod api_key;
mod compression;
mod cors;
mod health;
pub mod jwt;
mod rate_limit;
mod security_headers;
mod static_files;
mod token;

use std::time::Duration;

pub use access_log::{AccessLogConfig, AccessLogFormat};
pub use api_key::ApiKeyConfig;
pub use compression::CompressionConfig;
pub use cors::{CorsConfig, OriginPattern};
pub use health::HealthConfig;
pub use jwt::{JwtAlgorithm, JwtConfig};
pub use rate_limit::RateLimitConfig;
pub use security_headers::{
    EmbedderPolicy, FrameOptions, HstsConfig, OpenerPolicy, ResourcePolicy, SecurityHeadersConfig,
};
pub use static_files::StaticFilesConfig;

use crate::knob::Network;
use crate::{choice, config};

/// A knob's duration in whole milliseconds, the unit of the engine's clocks: never less than was
/// configured.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    // Ranges end at 3600 s, far inside u64.
    duration.as_nanos().div_ceil(1_000_000) as u64
}

/// Bytes of a request body that must arrive within `body_timeout` of each other, unless the body
/// ends sooner. A client that sends one byte at a time cannot hold a connection for ever.
pub const BODY_PROGRESS_BYTES_MIN: usize = 1024;

choice! {
    /// What a route asks of its clients, of what the server has configured.
    pub enum RouteAuth {
        /// A token where tokens are configured, and an API key where keys are: both must hold.
        Required = "required",
        /// Nothing, but credentials that are there must be good.
        Optional = "optional",
        /// Nothing; credentials are not looked at.
        Excluded = "excluded",
        /// A token or an API key; one that is good is enough.
        Any = "any",
        /// A token.
        Jwt = "jwt",
        /// An API key.
        ApiKey = "api_key",
    }
}

choice! {
    /// Which kernel interface moves the bytes.
    pub enum Engine {
        /// io_uring where the kernel and the container allow it, else epoll.
        Auto = "auto",
        /// io_uring, or a refusal to start.
        IoUring = "io_uring",
        /// epoll, even where io_uring would work.
        Epoll = "epoll",
    }
}

choice! {
    /// Where trusted proxies say whom they forward for.
    pub enum ForwardedHeader {
        /// `X-Forwarded-For`: addresses, separated by commas.
        XForwardedFor = "x-forwarded-for",
        /// `Forwarded` of RFC 7239.
        Forwarded = "forwarded",
    }
}

choice! {
    /// What becomes of a reply that does not satisfy its route's response schema.
    pub enum ResponseValidation {
        /// Replies are not looked at, and cost nothing.
        Off = "off",
        /// It is sent as it is, and the log says what is wrong with it.
        Warn = "warn",
        /// The client gets a 500 in its place, and the log says what is wrong with it.
        Error = "error",
    }
}

choice! {
    /// How a line of the log looks.
    pub enum LogFormat {
        /// Words for people; a traceback stands below them.
        Text = "text",
        /// One JSON object, a traceback included.
        Json = "json",
    }
}

choice! {
    /// How much the log says.
    pub enum LogLevel {
        /// What failed and somebody should look at.
        Error = "error",
        /// Also what is off, and was handled.
        Warn = "warn",
        /// Also life events: started, stopped.
        Info = "info",
        /// Also details for a developer.
        Debug = "debug",
    }
}

config! {
    /// How a server listens, what it accepts, and how long it waits.
    ///
    /// Durations are seconds, fractions allowed. Limits "per worker" count within one worker.
    pub struct ServerConfig checked by disagreements {
        /// Address or host name to listen on. `0.0.0.0` listens on every IPv4 address of the
        /// machine, `::` on every address.
        host: String = "127.0.0.1".to_owned(), in 1..=253, unit "characters";
        /// TCP port to listen on. 0 takes any free one, which the log and the server's address
        /// then name.
        port: u16 = 8000, in 0..=65_535, unit "port number";
        /// Path of a unix socket to listen on, in place of `host` and `port`. A file that an
        /// earlier server left there is removed, one that is in use is not. `@name` is a name
        /// without a file (an abstract socket): whoever is on the same network may connect.
        uds: Option<String> = None, in 1..=107, unit "characters";
        /// Permission bits of the unix socket's file, such as `0o660`. `null` leaves them to the
        /// process's umask.
        uds_permissions: Option<u32> = None, in 0..=511, unit "permission bits";
        /// Number of an inherited descriptor that listens already, to serve in place of `host` and
        /// `port`. Sockets of systemd (`LISTEN_FDS`) are served without this, all of them; with it
        /// only this one.
        fd: Option<u32> = None, in 0..=1_048_575, unit "descriptor";
        /// Workers, each with its own ring and listener; one per core is the useful most.
        workers: u32 = 1, in 1..=1_024, unit "workers";
        /// Connections the kernel may queue before a worker accepts them.
        backlog: u32 = 1_024, in 1..=65_535, unit "connections";
        /// Which kernel interface moves the bytes. `auto` takes io_uring where it is allowed and
        /// says in the log which it took, and why.
        engine: Engine = Engine::Auto;
        /// Give every request an id: the client's own `X-Request-ID` when it is sane, else a new
        /// one. It is echoed on every reply and stands in every log line.
        enable_request_id: bool = true;
        /// Largest request body, counted on the wire as it arrives; a larger one is answered with
        /// 413. `null` sets no limit.
        max_body_size: Option<u64> = Some(10 * 1024 * 1024),
            in 0..=1_099_511_627_776_u64, unit "bytes";
        /// Decode request bodies in the content codings gzip and br; others are answered with 415.
        /// `max_body_size` counts the bytes before and after. When false, handlers receive such
        /// bodies as they were sent.
        decompress_requests: bool = true;
        /// Deepest nesting of a JSON body; a deeper one is answered with 400.
        max_json_depth: u32 = 32, in 1..=512, unit "levels";
        /// Most fields of a form; more are answered with 413.
        max_form_fields: u32 = 1_000, in 1..=1_000_000, unit "fields";
        /// Most bytes of a multipart form that are held in memory besides its files: text fields
        /// and the headers of all parts. More are answered with 413.
        max_form_memory: u64 = 2 * 1024 * 1024, in 1_024..=1_073_741_824_u64, unit "bytes";
        /// Bytes of the files of one request that are held in memory; what is beyond goes to a
        /// temporary file that has no name and ends with the request.
        spool_threshold: u64 = 1024 * 1024, in 0..=1_073_741_824_u64, unit "bytes";
        /// Directory of the temporary files of uploads. `null` takes the system's, which `TMPDIR`
        /// names.
        spool_directory: Option<String> = None, in 1..=4_096, unit "characters";
        /// What becomes of a JSON reply that does not satisfy its route's response schema: `off`
        /// looks at none, `warn` names the faults in the log, `error` answers 500 as well. `null`
        /// is `warn` in development mode, else `off`. A route may say otherwise.
        response_validation: Option<ResponseValidation> = None;
        /// Which pages of other origins may call the server. `null` leaves cross-origin requests
        /// to the application; a route may say otherwise.
        cors: Option<CorsConfig> = None;
        /// Header fields by which browsers protect a site's visitors. `null` adds none; `{}` adds
        /// those that suit an API and most sites.
        security_headers: Option<SecurityHeadersConfig> = None;
        /// Paths at which the engine says whether it lives and whether it should get traffic.
        /// `null` has none; `{}` has `/livez` and `/readyz`.
        health: Option<HealthConfig> = None;
        /// Paths of static files and health endpoints that ask for the auth of `jwt_auth` and
        /// `api_key_auth` as routes do; a path stands for all below it. Without a word here they
        /// ask for none.
        protect: Vec<String> = Vec::new(), in 0..=64;
        /// How much the log says. What it says goes to the host's own logging.
        log_level: LogLevel = LogLevel::Info;
        /// How a line of the log looks: words for people, or one JSON object with the keys `time`,
        /// `level`, `message`, `request_id`, `method`, `path`, `route`, `traceback` and `worker`.
        log_format: LogFormat = LogFormat::Text;
        /// One line per request. `null` writes none.
        access_log: Option<AccessLogConfig> = None;
        /// Header fields that no log shows the value of, besides `Authorization`,
        /// `Proxy-Authorization`, `Cookie`, `Set-Cookie` and the field that carries the API key.
        sensitive_headers: Vec<String> = Vec::new(), in 0..=64;
        /// How the bodies of replies are compressed. `null` compresses none. A route may opt out.
        compression: Option<CompressionConfig> = Some(CompressionConfig::default());
        /// Bearer tokens that requests must carry. `null` asks for none.
        jwt_auth: Option<JwtConfig> = None;
        /// API keys, of which requests must carry one. `null` asks for none. With tokens as well,
        /// both must hold, and the token is judged first.
        api_key_auth: Option<ApiKeyConfig> = None;
        /// Largest head of a request, all header fields together; a larger one is answered with
        /// 431.
        max_header_size: u32 = 65_536, in 1_024..=1_048_576, unit "bytes";
        /// Most header fields of a request; more are answered with 431.
        max_headers: u32 = 100, in 1..=1_000, unit "fields";
        /// Longest request line; a longer one is answered with 414. RFC 9112 §3 asks for at least
        /// 8000.
        max_request_line: u32 = 8_192, in 256..=65_536, unit "bytes";
        /// Directories whose files are served.
        static_files: Vec<StaticFilesConfig> = Vec::new(), in 0..=64;
        /// Most open connections per worker; further ones wait in the kernel's queue.
        max_connections: u32 = 65_536, in 1..=1_048_576, unit "connections";
        /// Most handler calls under way per worker, those included whose client has left; a
        /// request over it is answered with 503.
        max_in_flight: u32 = 4_096, in 1..=1_048_576, unit "calls";
        /// Longest time a handler may take; then the reply is 504 and the handler is cancelled
        /// where its language can. `null` sets no deadline.
        request_timeout: Option<Duration> = Some(Duration::from_secs(30)), in 0.001..=3_600;
        /// Longest time from the first byte of a request to the end of its head; then the reply is
        /// 408 and the connection closes.
        header_timeout: Duration = Duration::from_secs(10), in 0.001..=3_600;
        /// Longest wait for the next piece of a request body; then the reply is 408 and the
        /// connection closes. A piece is 1024 bytes or the rest of the body: fewer do not restart
        /// the clock. `null` waits for ever.
        body_timeout: Option<Duration> = Some(Duration::from_secs(30)), in 0.001..=3_600;
        /// Longest time a connection stays open between two requests.
        idle_timeout: Duration = Duration::from_secs(75), in 0.001..=3_600;
        /// Longest time in which the client takes no byte of a reply; then the connection is
        /// closed.
        write_timeout: Duration = Duration::from_secs(30), in 0.001..=3_600;
        /// Longest time a worker process may take from its start until it accepts connections; then
        /// it is killed, and counts as one that failed to start. `null` waits for ever.
        start_timeout: Option<Duration> = Some(Duration::from_secs(60)), in 0.001..=3_600;
        /// Time between the order to stop and its beginning. Meanwhile everything is served and
        /// `ready_path` answers 503, so that a load balancer can turn to other servers before this
        /// one refuses connections. Without `graceful_shutdown` there is none.
        drain_delay: Duration = Duration::ZERO, in 0..=3_600;
        /// On SIGTERM or SIGINT, finish what is in flight before the process ends. When `false`,
        /// open connections are closed at once.
        graceful_shutdown: bool = true;
        /// Longest time a graceful shutdown may take; what is still open then is closed.
        shutdown_timeout: Duration = Duration::from_secs(30), in 0..=3_600;
        /// Longest time a worker spends on one turn of I/O and handlers before the host's own
        /// event loop has its say.
        turn_budget_us: u32 = 1_000, in 100..=100_000, unit "microseconds";
        /// Most handler calls in one turn, whatever time is left.
        turn_calls_max: u32 = 256, in 1..=65_536, unit "calls";
        /// Threads for handlers that block, per worker.
        blocking_threads: u32 = 32, in 1..=1_024, unit "threads";
        /// Longest time a blocking handler may wait for a thread; then the reply is 503. 0 does
        /// not wait.
        queue_timeout: Duration = Duration::from_secs(10), in 0..=3_600;
        /// A turn of a worker that takes longer is a stall: nothing else is served meanwhile. The
        /// log then names the handler that holds the worker and, where the language can tell, the
        /// line it is at. `null` does not watch.
        stall_threshold: Option<Duration> = Some(Duration::from_millis(100)), in 0.001..=3_600;
        /// Addresses and networks of proxies, such as `10.0.0.0/8`. A request that comes from one
        /// of them is its client's, as far as an unbroken row of them says who that is. None are
        /// trusted by default: then the other end of the connection is the client.
        trusted_proxies: Vec<Network> = Vec::new(), in 0..=256, unit "networks";
        /// Proxies before the server that are trusted whatever their address, as on a local socket
        /// or in a cluster. Too many, and a client can say that it is another.
        trusted_hops: u32 = 0, in 0..=32, unit "proxies";
        /// The one header field that the trusted proxies write. The other is passed over, because
        /// a proxy that does not write it passes on what a client wrote.
        forwarded_header: ForwardedHeader = ForwardedHeader::XForwardedFor;
        /// How often a client may come, over all routes. `null` sets no limit. A route may have a
        /// limit of its own besides.
        rate_limit: Option<RateLimitConfig> = None;
        /// Development: restart the workers when a source file changes. While the changed program
        /// does not start, the one before it goes on serving, and pages say what is wrong.
        reload: bool = false;
        /// Directories whose files are watched for `reload`, with all below them. Empty means the
        /// one that the program was started in.
        reload_dirs: Vec<String> = Vec::new(), in 0..=64, unit "directories";
        /// Development mode: the 500 of a handler that failed carries its trace, as a page for
        /// browsers and else as the member `trace`. Never in production: it tells how the program
        /// works, and what it works on.
        dev: bool = false;
    }
}

fn disagreements(config: &ServerConfig) -> Vec<(&'static str, String)> {
    let is_abstract = config
        .uds
        .as_deref()
        .is_some_and(|path| path.starts_with('@'));
    let has_bits = config.uds_permissions.is_some();
    let told = (is_abstract && has_bits).then(|| {
        let reason = "an abstract socket (a `uds` that begins with @) has no file to set bits of";
        ("uds_permissions", reason.to_owned())
    });
    told.into_iter().collect()
}
