//! HTTP services in Rust on the Spikard engine: typed handlers, one worker per core.
//!
//! ```no_run
//! use spikard::{App, Path};
//! use serde_json::{Value, json};
//!
//! fn user(Path(id): Path<i64>) -> Value {
//!     json!({"id": id, "name": format!("User {id}")})
//! }
//!
//! fn main() -> Result<(), spikard::RunError> {
//!     let mut app = App::new();
//!     app.get("/users/{user_id:int}", user);
//!     app.run()
//! }
//! ```
//!
//! A plain function runs on the thread of its worker and must not block; `.blocking()` moves it to
//! a thread pool, and an `async` function may wait. Its future stays on its worker, so it need not
//! be `Send`. The engine routes, converts, validates and frames; this crate only changes shape.
#![forbid(unsafe_code)]

mod app;
mod arguments;
#[cfg(feature = "tokio")]
mod bridge;
mod claims;
mod derived;
mod error;
mod extract;
mod failure;
mod form;
mod group;
mod handler;
mod hooked;
mod hooks;
mod lifespan;
mod link;
mod needs;
mod pool;
mod port;
mod problem;
mod registration;
mod reply;
mod request;
pub mod schema;
mod scope;
mod server;
mod settings;
mod supervised;
mod testing;
mod timer;
mod upload;

pub use app::{App, Route};
#[cfg(feature = "tokio")]
pub use bridge::{Bridged, tokio};
pub use claims::Claims;
pub use error::RunError;
pub use extract::{
    Body, Call, Cookie, Extract, Header, Json, Needs, Parameters, Path, Query, State, Unchecked,
};
pub use failure::Failure;
pub use form::Form;
pub use group::Group;
pub use handler::{Handler, Started, Suspended};
pub use hooks::{
    Asked, Extension, IntoShown, IntoVerdict, ReplyHook, RequestHook, Response, Shown, Verdict,
};
pub use lifespan::{Ending, Occasion};
pub use problem::Problem;
pub use registration::{RegistrationError, RegistrationFault};
pub use reply::{HandlerResponse, IntoReply, Reply};
pub use request::Request;
pub use schemars::{self, JsonSchema};
pub use server::Server;
pub use spikard_contract::config::{
    AccessLogConfig, AccessLogFormat, ApiKeyConfig, CompressionConfig, CorsConfig, EmbedderPolicy,
    Engine, ForwardedHeader, FrameOptions, HealthConfig, HstsConfig, JwtAlgorithm, JwtConfig,
    LogFormat, LogLevel, OpenerPolicy, RateLimitConfig, ResourcePolicy, ResponseValidation,
    RouteAuth, SecurityHeadersConfig, ServerConfig, StaticFilesConfig,
};
pub use spikard_contract::knob::{Document, Network, Secret, TextList};
pub use spikard_contract::route::RouteDocument;
pub use spikard_middleware::{Level, Log, Record, Stall, Subject};
pub use spikard_proto_http::{
    CookieError, EntityTag, RedirectError, SameSite, SetCookie, TagError,
};
pub use testing::{TestClient, TestReply, TestRequest};
pub use timer::{Sleep, sleep};
pub use upload::{FileReader, FileRule, Files, UploadFile};
