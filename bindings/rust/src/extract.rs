//! What a handler may ask for: each argument names what it needs by its type.
//!
//! The engine has routed, converted and validated by then; extractors only change shape.
//! Extracted values own what they hold, so that a handler may keep them across a wait.

use std::any::{Any, TypeId, type_name};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spikard_app::validate::fault::{Fault, Faults, Source};
use spikard_app::validate::json;
use spikard_contract::route::{BodyMedia, ParameterSource};
use spikard_middleware::Exchange;

use crate::arguments::{Misfit, MisfitKind, View, Views, read, read_optional};
use crate::failure::Failure;
pub use crate::needs::Needs;
use crate::problem::Problem;
use crate::request::Request;

/// A type that can be an argument of a handler.
///
/// It is `Send` because a handler may be moved to the thread pool with `blocking`.
///
/// Other types are refused by the compiler, with a list of those that will do:
///
/// ```compile_fail,E0277
/// struct Own;
/// spikard::App::new().get("/", |_: Own| "no argument of a handler");
/// ```
///
/// ```compile_fail,E0277
/// #[derive(serde::Deserialize)]
/// struct NoSchema {}
/// spikard::App::new().post("/", |_: spikard::Json<NoSchema>| "derive `JsonSchema`");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    label = "not an argument of a handler",
    note = "arguments are `Path<T>`, `Query<T>`, `Header<T>`, `Cookie<T>` and `Json<T>` with a `T` \
            that derives `serde::Deserialize` and `schemars::JsonSchema`, an `Option` of these, \
            `Body`, `Claims<T>`, `Request`, `Parameters` and `State<S>`",
    note = "a `T` without a schema is written `Json<Unchecked<T>>`"
)]
pub trait Extract: Sized + Send + 'static {
    /// Reads the value from a request that the engine has accepted.
    ///
    /// # Errors
    /// The reply in the handler's place.
    fn extract(call: &Call<'_>) -> Result<Self, Failure>;

    /// Says at start what the route needs for this, such as a body.
    fn declare(_needs: &mut Needs<'_>) {}
}

/// One accepted request on its way into a handler.
pub struct Call<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) route: &'a RouteFacts,
    pub(crate) states: &'a States,
}

/// What a route is known by while it is called.
#[derive(Debug)]
pub(crate) struct RouteFacts {
    pub(crate) pattern: Arc<str>,
    pub(crate) name: Box<str>,
    /// In the order of the engine's arguments.
    pub(crate) parameters: Box<[ParameterFacts]>,
}

/// What a parameter is known by while its route is called.
#[derive(Debug)]
pub(crate) struct ParameterFacts {
    pub(crate) source: ParameterSource,
    /// For the handler.
    pub(crate) name: Box<str>,
    /// On the wire.
    pub(crate) wire: Box<str>,
}

/// Shared values of an application, one per type.
#[derive(Default, Clone)]
pub(crate) struct States(Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl fmt::Debug for States {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} values", self.0.len())
    }
}

impl States {
    pub(crate) fn insert<S: Send + Sync + 'static>(&mut self, state: S) {
        Arc::make_mut(&mut self.0).insert(TypeId::of::<S>(), Arc::new(state));
    }

    pub(crate) fn has(&self, id: TypeId) -> bool {
        self.0.contains_key(&id)
    }

    /// The one of this type.
    pub(crate) fn get<S: Send + Sync + 'static>(&self) -> Option<State<S>> {
        let state = self.0.get(&TypeId::of::<S>())?.clone();
        state.downcast().ok().map(State)
    }
}

impl Call<'_> {
    /// All arguments of one source, each with its name.
    fn of(&self, source: ParameterSource) -> Vec<(&str, View<'_>)> {
        let all = self
            .route
            .parameters
            .iter()
            .zip(Views::all(&self.exchange.arguments));
        all.filter(|(facts, _)| facts.source == source)
            .map(|(facts, view)| (&*facts.name, view))
            .collect()
    }

    /// The 422 of a value that the engine accepted and the handler's type does not.
    fn refuse(&self, source: ParameterSource, misfit: Misfit) -> Failure {
        let place = match source {
            ParameterSource::Path => Source::Path,
            ParameterSource::Query => Source::Query,
            ParameterSource::Header => Source::Header,
            ParameterSource::Cookie => Source::Cookie,
        };
        let kind = match misfit.kind {
            MisfitKind::Missing => "missing",
            MisfitKind::Value | MisfitKind::Nothing => "value_error",
        };
        let wire = misfit.name.map(|name| {
            let mut all = self.route.parameters.iter();
            let own = all.find(|facts| facts.source == source && *facts.name == *name);
            own.map_or(name, |facts| facts.wire.to_string())
        });
        refusal(place, wire, kind, misfit.reason, None)
    }
}

fn refusal(
    place: Source,
    name: Option<String>,
    kind: &'static str,
    why: String,
    input: Option<&Value>,
) -> Failure {
    let path = name.into_iter().collect();
    let mut faults = Faults::new();
    let fault = Fault::new(place, path, kind, why);
    faults.push(fault, input.unwrap_or(&Value::Null));
    Problem::from(faults.into_problem()).into()
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident = $source:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name<T>(pub T);

        impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for $name<T> {
            fn extract(call: &Call<'_>) -> Result<Self, Failure> {
                let source = ParameterSource::$source;
                read(&call.of(source))
                    .map(Self)
                    .map_err(|misfit| call.refuse(source, misfit))
            }

            fn declare(needs: &mut Needs<'_>) {
                needs.parameters::<T>(ParameterSource::$source, false);
            }
        }

        /// `None` when nothing of it was sent.
        impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for Option<$name<T>> {
            fn extract(call: &Call<'_>) -> Result<Self, Failure> {
                let source = ParameterSource::$source;
                read_optional(&call.of(source))
                    .map(|value| value.map($name))
                    .map_err(|misfit| call.refuse(source, misfit))
            }

            fn declare(needs: &mut Needs<'_>) {
                needs.parameters::<T>(ParameterSource::$source, true);
            }
        }

        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    )*};
}

parameters! {
    /// Parameters of the path: `Path<i64>` for one, `Path<(i64, String)>` in their order, or a
    /// struct by name.
    Path = Path;
    /// Parameters of the query, usually as a struct: each field is one, as its `JsonSchema` says.
    /// An `Option`, or a field with `#[serde(default)]`, may be absent. A type that is one value,
    /// such as `Query<i64>`, reads the one parameter that the route declares with `query`.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use spikard::{App, Query, TestClient};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Page {
    ///     /// How many at most.
    ///     #[schemars(range(min = 1, max = 100))]
    ///     #[serde(default = "ten")]
    ///     limit: u32,
    ///     tags: Option<Vec<String>>,
    /// }
    ///
    /// fn ten() -> u32 {
    ///     10
    /// }
    ///
    /// let mut app = App::new();
    /// app.get("/items", |Query(page): Query<Page>| format!("{} {:?}", page.limit, page.tags));
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/items?tags=a&tags=b").send().text(), r#"10 Some(["a", "b"])"#);
    /// let refused = client.get("/items?limit=0").send();
    /// assert_eq!(refused.json()["errors"][0]["type"], "greater_than_equal");
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    Query = Query;
    /// Header fields, as [`Query`]; a field `x_token` of the struct is the header field `x-token`.
    Header = Header;
    /// Cookies, as [`Query`].
    Cookie = Cookie;
}

/// A JSON body as an argument, or JSON as a reply.
///
/// As an argument it is read from the bytes as sent, after the engine has judged them by the schema
/// of `T`, or by the route's `body_schema`. What then does not fit `T` is a 422 with a row at
/// `["body"]`. `Option<Json<T>>` makes the body optional.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use spikard::{App, Json, TestClient};
///
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// struct Item {
///     #[schemars(length(min = 1))]
///     name: String,
///     count: u8,
/// }
///
/// let mut app = App::new();
/// app.post("/items", |Json(item): Json<Item>| (201, Json(item)));
/// let client = TestClient::new(app)?;
/// let item = serde_json::json!({"name": "", "count": 300});
/// let errors = client.post("/items").json(&item).send().json()["errors"].take();
/// assert_eq!(errors[0]["loc"], serde_json::json!(["body", "count"]));
/// assert_eq!(errors[1]["type"], "string_too_short");
/// # Ok::<(), spikard::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for Json<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let (body, outline) = (&call.exchange.body, &call.exchange.outline);
        json::read(body, outline).map(Self).map_err(|error| {
            let input = serde_json::from_slice::<Value>(body).ok();
            refusal(
                Source::Body,
                None,
                "value_error",
                error.to_string(),
                input.as_ref(),
            )
        })
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.json::<T>(true);
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for Option<Json<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        if call.exchange.body.is_empty() {
            Ok(None)
        } else {
            Json::extract(call).map(Some)
        }
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.json::<T>(false);
    }
}

/// A `T` that has no schema, inside [`Json`], [`Query`] and the like: only serde judges it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unchecked<T>(pub T);

impl<T> JsonSchema for Unchecked<T> {
    fn schema_name() -> Cow<'static, str> {
        "Unchecked".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// The body's bytes as sent, whatever the media type; empty if there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body(pub Vec<u8>);

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Extract for Body {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(Self(call.exchange.body.clone()))
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.body(BodyMedia::Bytes, false);
    }
}

impl Extract for Request {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(Self::copy(call.exchange, &call.route.pattern, call.states))
    }
}

/// Every parameter of the route with its converted value, in the order of the route's document.
/// Absent ones are left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters(pub Vec<(String, Value)>);

impl Extract for Parameters {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let all = call
            .route
            .parameters
            .iter()
            .zip(Views::all(&call.exchange.arguments));
        let present = all.filter(|(_, view)| !view.is_absent());
        Ok(Self(
            present
                .map(|(facts, view)| (facts.name.to_string(), view.to_json()))
                .collect(),
        ))
    }
}

/// A value that all handlers share, given to the application with `state`.
#[derive(Debug)]
pub struct State<S>(Arc<S>);

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Deref for State<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Send + Sync + 'static> Extract for State<S> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        // The application was refused at start without it.
        call.states
            .get()
            .ok_or_else(|| Failure::new(format!("there is no state of type {}", type_name::<S>())))
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.state::<S>();
    }
}
