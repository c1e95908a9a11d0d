//! What a route says of settings that the server has as well, and of its replies' headers.
//!
//! A route that is silent takes the server's value; `None` lifts it. A rate limit adds to the
//! server's.
//! Knows nothing of what a setting does.

use std::time::Duration;

use spikard_contract::config::{CorsConfig, RateLimitConfig, RouteAuth};

use crate::app::Route;

impl Route {
    /// Most bytes of a request's body, in place of the server's `max_body_size`; `None` is no
    /// limit.
    pub fn max_body_size(&mut self, bytes: Option<u64>) -> &mut Self {
        self.document.max_body_size = bytes.into();
        self
    }

    /// The handler's time, in place of the server's `request_timeout`; `None` is no deadline. At
    /// the deadline the client gets a 504, and the future of an `async` handler is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use spikard::{App, TestClient, sleep};
    ///
    /// let mut app = App::new();
    /// app.get("/slow", async || sleep(Duration::from_secs(60)).await)
    ///     .request_timeout(Some(Duration::from_millis(10)));
    /// assert_eq!(TestClient::new(app)?.get("/slow").send().status(), 504);
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn request_timeout(&mut self, time: Option<Duration>) -> &mut Self {
        self.document.request_timeout = time.into();
        self
    }

    /// Which pages of other origins may call it, in place of the server's `cors`; `None` is nobody.
    pub fn cors(&mut self, cors: Option<CorsConfig>) -> &mut Self {
        self.document.cors = cors.into();
        self
    }

    /// How often a client may ask for it, besides the server's `rate_limit`, which counts its
    /// requests as well.
    ///
    /// ```
    /// use spikard::{App, RateLimitConfig, TestClient};
    ///
    /// let mut app = App::new();
    /// app.get("/dear", || "ok").rate_limit(RateLimitConfig {
    ///     per_second: 0.1,
    ///     burst: 1,
    ///     ..RateLimitConfig::default()
    /// });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/dear").send().status(), 200);
    /// assert_eq!(client.get("/dear").send().status(), 429);
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn rate_limit(&mut self, limit: RateLimitConfig) -> &mut Self {
        self.document.rate_limit = Some(limit);
        self
    }

    /// What the route asks of its clients, in place of all that the server has configured with
    /// `jwt_auth` and `api_key_auth`.
    pub fn auth(&mut self, auth: RouteAuth) -> &mut Self {
        self.document.auth = Some(auth);
        self
    }

    /// Header fields for its replies with a status below 400, unless the handler sets them.
    pub fn response_headers(&mut self, headers: &[(&str, &str)]) -> &mut Self {
        let pairs = headers
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        self.document.response_headers = pairs.collect();
        self
    }
}
