//! What a handler may ask for: each argument names what it needs by its type.
//!
//! The engine has routed, converted and validated by then; extractors only change shape.
//! Extracted values own what they hold, so that a handler may keep them across a wait.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use spikard_app::validate::fault::{Fault, Faults, Source};
use spikard_contract::route::{BodyDocument, BodyMedia, ParameterSource, RouteDocument};
use spikard_middleware::Exchange;

use crate::arguments::{Misfit, View, Views, read};
use crate::failure::Failure;
use crate::problem::Problem;
use crate::request::Request;

/// A type that can be an argument of a handler.
///
/// It is `Send` because a handler may be moved to the thread pool with `blocking`.
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
pub(crate) struct States(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<S: Send + Sync + 'static>(&mut self, state: S) {
        self.0.insert(TypeId::of::<S>(), Arc::new(state));
    }

    pub(crate) fn has(&self, id: TypeId) -> bool {
        self.0.contains_key(&id)
    }
}

/// What the arguments of a handler need of their route.
pub struct Needs<'a> {
    pub(crate) document: &'a mut RouteDocument,
    pub(crate) states: Vec<(TypeId, &'static str)>,
}

impl Needs<'_> {
    /// The route reads a body of this media; a body that was declared on the route stands.
    pub fn body(&mut self, media: BodyMedia, required: bool) {
        self.document.body.get_or_insert(BodyDocument {
            media,
            schema: None,
            required,
        });
    }
}

impl Call<'_> {
    /// Reads all arguments of one source as a `T`.
    fn arguments<T: DeserializeOwned>(&self, source: ParameterSource) -> Result<T, Failure> {
        let all = self
            .route
            .parameters
            .iter()
            .zip(Views::all(&self.exchange.arguments));
        let items: Vec<(&str, View<'_>)> = all
            .filter(|(facts, _)| facts.source == source)
            .map(|(facts, view)| (&*facts.name, view))
            .collect();
        read(&items).map_err(|misfit| self.refuse(source, misfit))
    }

    /// The 422 of a value that the engine accepted and the handler's type does not.
    fn refuse(&self, source: ParameterSource, misfit: Misfit) -> Failure {
        let place = match source {
            ParameterSource::Path => Source::Path,
            ParameterSource::Query => Source::Query,
            ParameterSource::Header => Source::Header,
            ParameterSource::Cookie => Source::Cookie,
        };
        let wire = misfit.name.map(|name| {
            let mut all = self.route.parameters.iter();
            let own = all.find(|facts| facts.source == source && *facts.name == *name);
            own.map_or(name, |facts| facts.wire.to_string())
        });
        refusal(place, wire, misfit.reason, None)
    }
}

fn refusal(place: Source, name: Option<String>, why: String, input: Option<&Value>) -> Failure {
    let path = name.into_iter().collect();
    let mut faults = Faults::new();
    let fault = Fault::new(place, path, "value_error", why);
    faults.push(fault, input.unwrap_or(&Value::Null));
    Problem::from(faults.into_problem()).into()
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident = $source:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name<T>(pub T);

        impl<T: DeserializeOwned + Send + 'static> Extract for $name<T> {
            fn extract(call: &Call<'_>) -> Result<Self, Failure> {
                call.arguments(ParameterSource::$source).map(Self)
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
    /// Parameters of the query that the route declares with `query`, usually as a struct. A field
    /// of a parameter that is neither required nor has a default is an `Option`.
    Query = Query;
    /// Header fields that the route declares with `header`; a member `x_token` is the field
    /// `x-token`.
    Header = Header;
    /// Cookies that the route declares with `cookie`.
    Cookie = Cookie;
}

/// A JSON body as an argument, or JSON as a reply.
///
/// As an argument it is read from the bytes as sent, after the engine has accepted them and judged
/// them by the route's `body_schema`. What then does not fit `T` is a 422 with a row at `["body"]`.
/// `Option<Json<T>>` makes the body optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Send + 'static> Extract for Json<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let body = &call.exchange.body;
        serde_json::from_slice(body).map(Self).map_err(|error| {
            let input = serde_json::from_slice::<Value>(body).ok();
            refusal(Source::Body, None, error.to_string(), input.as_ref())
        })
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.body(BodyMedia::Json, true);
    }
}

impl<T: DeserializeOwned + Send + 'static> Extract for Option<Json<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        if call.exchange.body.is_empty() {
            Ok(None)
        } else {
            Json::extract(call).map(Some)
        }
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.body(BodyMedia::Json, false);
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
        Ok(Self::copy(call.exchange, &call.route.pattern))
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
        let state = call.states.0.get(&TypeId::of::<S>()).cloned();
        match state.map(Arc::downcast) {
            Some(Ok(state)) => Ok(Self(state)),
            // The application was refused at start without it.
            _ => Err(Failure::new(format!(
                "there is no state of type {}",
                type_name::<S>()
            ))),
        }
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.states.push((TypeId::of::<S>(), type_name::<S>()));
    }
}
