//! A client for tests: in process through the same engine, or over a real socket.
//!
//! In process there is no port, no thread and no framing; everything else is what a socket would
//! answer, because the same session runs. Knows no HTTP of its own beyond writing a request.

mod wire;

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use spikard_app::Injector;
use spikard_contract::config::ServerConfig;

use crate::app::App;
use crate::error::RunError;
use crate::lifespan::Life;
use crate::link::Link;
use crate::port::Port;
use crate::server::Server;
pub use wire::TestReply;

/// Sends requests to an application.
///
/// ```
/// let mut app = spikard::App::new();
/// app.get("/hello", || "Hello!");
/// let client = spikard::TestClient::new(app)?;
/// let reply = client.get("/hello").send();
/// assert_eq!((reply.status(), &*reply.text()), (200, "Hello!"));
/// # Ok::<(), spikard::RunError>(())
/// ```
pub struct TestClient {
    transport: Transport,
}

enum Transport {
    InProcess(Box<InProcess>),
    /// A new connection for every request.
    Socket(Box<Server>),
}

struct InProcess {
    injector: Injector,
    port: Port,
    link: Arc<Link>,
    began: Instant,
    /// Last, as fields are dropped in order: the end comes after the worker.
    _life: Life,
}

/// A request in the making.
#[must_use = "a request is sent with `send`"]
pub struct TestRequest<'c> {
    client: &'c TestClient,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, target: &str) -> TestRequest<'_> {
            self.request($method, target)
        }
    )*};
}

impl TestClient {
    /// A client in process, under the default configuration.
    ///
    /// # Errors
    /// [`RunError`] if the application is refused.
    pub fn new(app: App) -> Result<Self, RunError> {
        Self::with_config(app, &ServerConfig::default())
    }

    /// A client in process.
    ///
    /// # Errors
    /// [`RunError`] if the application or the configuration is refused.
    pub fn with_config(app: App, config: &ServerConfig) -> Result<Self, RunError> {
        let built = app.build()?.configured(config);
        config.check().map_err(RunError::Config)?;
        let plan = built.app.lower(config).map_err(RunError::Lower)?;
        let link = Arc::new(Link::default());
        let log = built.service.log.clone();
        let life = Life::begin(built.lifetime, log.clone())?;
        let in_process = InProcess {
            injector: Injector::new(plan, config, seed(), log),
            port: Port::new(built.service, link.clone(), config),
            link,
            began: Instant::now(),
            _life: life,
        };
        Ok(Self {
            transport: Transport::InProcess(Box::new(in_process)),
        })
    }

    /// A client over a socket, to a server of its own on a free port.
    ///
    /// # Errors
    /// [`RunError`] if the server does not start.
    pub fn over_socket(app: App, config: ServerConfig) -> Result<Self, RunError> {
        let server = app.start(ServerConfig { port: 0, ..config })?;
        Ok(Self {
            transport: Transport::Socket(Box::new(server)),
        })
    }

    /// The server, for a client over a socket.
    #[must_use]
    pub fn server(&self) -> Option<&Server> {
        match &self.transport {
            Transport::InProcess(_) => None,
            Transport::Socket(server) => Some(server),
        }
    }

    methods! {
        /// A GET request for `target`, a path and perhaps a query, as on the wire.
        get = "GET";
        /// A POST request.
        post = "POST";
        /// A PUT request.
        put = "PUT";
        /// A PATCH request.
        patch = "PATCH";
        /// A DELETE request.
        delete = "DELETE";
        /// A HEAD request.
        head = "HEAD";
        /// An OPTIONS request.
        options = "OPTIONS";
    }

    /// A request of any method.
    pub fn request(&self, method: &str, target: &str) -> TestRequest<'_> {
        TestRequest {
            client: self,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Sends the bytes of one whole request and reads the reply to it. `method` is the request's.
    ///
    /// # Errors
    /// The connection's, or the decoder's if the reply breaks a rule of HTTP.
    pub fn send_bytes(&self, method: &str, request: &[u8]) -> io::Result<TestReply> {
        match &self.transport {
            Transport::InProcess(client) => {
                let bytes = client.drive(request)?;
                let reply = wire::decode(&bytes, method, true)?;
                Ok(reply.ok_or(io::ErrorKind::UnexpectedEof)?.without_framing())
            }
            Transport::Socket(server) => converse(server.address(), method, request),
        }
    }
}

impl InProcess {
    fn drive(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut injection = self.injector.begin(request);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            self.tell_time();
            spikard_middleware::HostPort::woken(&self.port);
            for (id, answer) in self.link.take_answers() {
                // Swallowed if a deadline was faster.
                let _ = self.injector.answer(id, answer, None);
            }
            match self.injector.poll(&mut injection, &self.port, &mut context) {
                Poll::Ready(reply) => return reply.map_err(io::Error::other),
                Poll::Pending => {
                    let due_ms = self.injector.deadline_ms(&injection, &self.port);
                    let left_ms = due_ms.map_or(1000, |due| due.saturating_sub(self.now_ms()));
                    self.link.wait(Duration::from_millis(left_ms));
                }
            }
        }
    }

    fn now_ms(&self) -> u64 {
        // A test lasts less than the millions of years that fit.
        self.began.elapsed().as_millis() as u64
    }

    fn tell_time(&self) {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.injector.set_time(self.now_ms(), unix.as_secs());
    }
}

impl TestRequest<'_> {
    /// Adds a header line.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body as it is, without a content type.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Sets a JSON body with its content type.
    ///
    /// # Panics
    /// If the value does not serialise.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let text = serde_json::to_vec(value);
        let text = text.unwrap_or_else(|error| panic!("the value is no JSON: {error}"));
        self.header("content-type", "application/json").body(text)
    }

    /// Sets the fields of a form as the body, with its content type.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }

    /// Adds a file to the body, which becomes a `multipart/form-data` form.
    pub fn file(self, name: &str, filename: &str, content_type: &str, content: &[u8]) -> Self {
        let disposition = format!(
            "name=\"{}\"; filename=\"{}\"",
            quoted(name),
            quoted(filename)
        );
        self.part(
            &format!("{disposition}\r\ncontent-type: {content_type}"),
            content,
        )
    }

    /// Adds a text field to the body, which becomes a `multipart/form-data` form.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{}\"", quoted(name)), value.as_bytes())
    }

    fn part(mut self, head: &str, content: &[u8]) -> Self {
        let end = format!("--{BOUNDARY}--\r\n");
        let body = self.body.get_or_insert_default();
        if body.ends_with(end.as_bytes()) {
            body.truncate(body.len() - end.len());
        } else {
            let media = format!("multipart/form-data; boundary={BOUNDARY}");
            body.clear();
            self.headers.push(("content-type".to_owned(), media));
        }
        let begin = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        body.extend_from_slice(begin.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(end.as_bytes());
        self
    }

    /// Sends the request.
    ///
    /// # Panics
    /// Where [`TestRequest::try_send`] has an error.
    pub fn send(self) -> TestReply {
        let what = format!("{} {}", self.method, self.target);
        self.try_send()
            .unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends the request.
    ///
    /// # Errors
    /// The connection's, or the decoder's if the reply breaks a rule of HTTP.
    pub fn try_send(self) -> io::Result<TestReply> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let named = |name: &str| {
            self.headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        if !named("host") {
            bytes.extend_from_slice(b"host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        self.client.send_bytes(&self.method, &bytes)
    }
}

/// One request on a connection of its own.
fn converse(address: SocketAddr, method: &str, request: &[u8]) -> io::Result<TestReply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    let mut block = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut block)?;
        bytes.extend_from_slice(&block[..length]);
        if let Some(reply) = wire::decode(&bytes, method, length == 0)? {
            return Ok(reply);
        }
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Random enough for ids; the standard library seeds its hashers from the system.
fn seed() -> [u64; 4] {
    [(); 4].map(|()| RandomState::new().hash_one(0))
}

/// Longest silence of a server before a request has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A name or value of a form with everything encoded that is not plain.
fn encoded(text: &str) -> String {
    let piece = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(piece).collect()
}

/// Divides the parts of a test's form; a content that has it is not for tests.
const BOUNDARY: &str = "spikard-test-7c1f0b5e9d2a4836";

/// A name as browsers write it (WHATWG HTML, multipart form data).
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
