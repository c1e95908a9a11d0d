//! The claims of a token as an argument of a handler.
//!
//! The engine has judged the token by then; here its claims only become a type.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use crate::extract::{Call, Extract};
use crate::failure::Failure;
use crate::problem::Problem;

/// The claims of the token that let the request in, as a type of one's own.
///
/// A request without a token is answered with 401, and one whose claims do not fit `T` with 403.
/// `Option<Claims<T>>` is `None` without a token, on routes where it is
/// [`Optional`](crate::RouteAuth::Optional).
///
/// ```
/// use serde::Deserialize;
/// use serde_json::json;
/// use spikard::{App, Claims, ServerConfig, TestClient};
///
/// #[derive(Deserialize)]
/// struct User {
///     sub: String,
/// }
///
/// let mut app = App::new();
/// app.get("/me", |Claims(user): Claims<User>| user.sub);
/// let secret = "a secret that is as long as the hash";
/// let config = ServerConfig::from_value(&json!({"jwt_auth": {"secret": secret}}))?;
/// let client = TestClient::with_config(app, &config)?;
/// assert_eq!(client.get("/me").send().status(), 401);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Claims<T>(pub T);

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Send + 'static> Extract for Claims<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let claims = &call.exchange.claims;
        if claims.is_empty() {
            // The route lets requests in that the handler cannot serve.
            let problem = Problem::new(401).detail("The request carries no token");
            return Err(problem.header("www-authenticate", "Bearer").into());
        }
        serde_json::from_slice(claims).map(Self).map_err(|_| {
            let detail = "The claims of the JWT are not those that the route asks for";
            Problem::new(403).detail(detail).into()
        })
    }
}

impl<T: DeserializeOwned + Send + 'static> Extract for Option<Claims<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        if call.exchange.claims.is_empty() {
            Ok(None)
        } else {
            Claims::extract(call).map(Some)
        }
    }
}
