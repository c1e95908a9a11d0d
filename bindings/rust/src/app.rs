//! An application: routes, their handlers, and what the handlers share.
//!
//! Everything is checked when the application is built, before the first byte is accepted.
//! Knows nothing of sockets; `server` and `testing` take what is built here.

use std::any::type_name;
use std::sync::Arc;

use serde_json::Value;
use spikard_contract::route::{
    BodyDocument, BodyMedia, ParameterDocument, ParameterSource, Placement, RouteDocument,
};
use spikard_middleware::{Level, Log};

use crate::error::RunError;
use crate::extract::{Needs, ParameterFacts, RouteFacts, States};
use crate::handler::{Endpoint, Handler, Typed};
use crate::port::{ServedRoute, Service};
use crate::schema::Schema;

/// An application.
///
/// ```
/// use spikard::{App, Json, Path, Problem, TestClient};
/// use serde_json::{Value, json};
///
/// fn user(Path(id): Path<i64>) -> Result<Json<Value>, Problem> {
///     if id == 0 {
///         return Err(Problem::new(404).detail("There is no user 0"));
///     }
///     Ok(Json(json!({"id": id})))
/// }
///
/// let mut app = App::new();
/// app.get("/users/{user_id:int}", user);
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/users/7").send().json(), json!({"id": 7}));
/// # Ok::<(), spikard::RunError>(())
/// ```
pub struct App {
    routes: Vec<Route>,
    states: States,
    log: Arc<dyn Log>,
}

/// One route, as far as it was described.
pub struct Route {
    document: RouteDocument,
    endpoint: Box<dyn Endpoint>,
    states: Vec<(std::any::TypeId, &'static str)>,
}

/// A checked application.
pub(crate) struct Built {
    pub(crate) app: spikard_app::App,
    pub(crate) service: Arc<Service>,
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name<M: 'static>(&mut self, path: &str, handler: impl Handler<M>) -> &mut Route {
            self.route(&[$method], path, handler)
        }
    )*};
}

impl App {
    /// An application without routes, which logs to standard error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            routes: Vec::new(),
            states: States::default(),
            log: Arc::new(StandardError),
        }
    }

    methods! {
        /// Answers GET, and HEAD by it, on `path`.
        get = "GET";
        /// Answers POST on `path`.
        post = "POST";
        /// Answers PUT on `path`.
        put = "PUT";
        /// Answers PATCH on `path`.
        patch = "PATCH";
        /// Answers DELETE on `path`.
        delete = "DELETE";
        /// Answers HEAD on `path` otherwise than GET would.
        head = "HEAD";
        /// Answers OPTIONS on `path` otherwise than with its methods.
        options = "OPTIONS";
    }

    /// Answers several methods on `path`, a pattern such as `/items/{id:int}`.
    pub fn route<M: 'static, H: Handler<M>>(
        &mut self,
        methods: &[&str],
        path: &str,
        handler: H,
    ) -> &mut Route {
        let document = RouteDocument {
            methods: methods.iter().map(|&method| method.to_owned()).collect(),
            path: path.to_owned(),
            handler: 0,
            name: name_of::<H>(path),
            parameters: Vec::new(),
            body: None,
            placement: Placement::Inline,
        };
        let mut declared = document;
        let mut needs = Needs {
            document: &mut declared,
            states: Vec::new(),
        };
        H::declare(&mut needs);
        let states = needs.states;
        self.push(declared, handler, states)
    }

    /// Adds a route that is described as a document, exactly as it says: its body is what the
    /// document declares, whatever the handler's arguments. Its `handler` number is not used.
    pub fn document<M: 'static, H: Handler<M>>(
        &mut self,
        document: RouteDocument,
        handler: H,
    ) -> &mut Route {
        let mut needs = Needs {
            document: &mut document.clone(),
            states: Vec::new(),
        };
        H::declare(&mut needs);
        let states = needs.states;
        self.push(document, handler, states)
    }

    /// Shares a value with all handlers that take a `State<S>`; one per type.
    pub fn state<S: Send + Sync + 'static>(&mut self, state: S) -> &mut Self {
        self.states.insert(state);
        self
    }

    /// Replaces where log lines go.
    pub fn log(&mut self, log: impl Log + 'static) -> &mut Self {
        self.log = Arc::new(log);
        self
    }

    fn push<M: 'static>(
        &mut self,
        mut document: RouteDocument,
        handler: impl Handler<M>,
        states: Vec<(std::any::TypeId, &'static str)>,
    ) -> &mut Route {
        let at = self.routes.len();
        // Far fewer routes than 2^32 fit in memory.
        document.handler = at as u32;
        self.routes.push(Route {
            document,
            endpoint: Box::new(Typed::new(handler)),
            states,
        });
        &mut self.routes[at]
    }

    /// Checks everything that was registered.
    pub(crate) fn build(self) -> Result<Built, RunError> {
        let mut app = spikard_app::App::new();
        let mut endpoints = Vec::with_capacity(self.routes.len());
        for route in self.routes {
            if let Some((_, name)) = route.states.iter().find(|(id, _)| !self.states.has(*id)) {
                return Err(RunError::MissingState {
                    route: route.document.name,
                    state: name,
                });
            }
            app.add_route(route.document).map_err(RunError::Route)?;
            endpoints.push(route.endpoint);
        }
        let facts: Vec<RouteFacts> = app.documents().map(facts_of).collect();
        let routes = facts
            .into_iter()
            .zip(endpoints)
            .map(|(facts, endpoint)| ServedRoute { facts, endpoint })
            .collect();
        let service = Arc::new(Service {
            routes,
            states: self.states,
            log: self.log,
        });
        Ok(Built { app, service })
    }
}

impl Route {
    /// Names the route for logs and documents; else it is the function's name.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.document.name = name.into();
        self
    }

    /// Runs the handler on the thread pool: for handlers that block. An `async` handler runs to its
    /// end on one thread there. When no thread becomes free within `queue_timeout`, the reply is
    /// 503; a client that leaves does not stop the handler.
    pub fn blocking(&mut self) -> &mut Self {
        self.document.placement = Placement::Pool;
        self
    }

    /// Declares a query parameter, for handlers that take [`crate::Query`].
    pub fn query(&mut self, name: &str, schema: impl Into<Schema>) -> &mut Self {
        self.parameter(ParameterSource::Query, name, schema.into())
    }

    /// Narrows a path parameter that the pattern has.
    pub fn path(&mut self, name: &str, schema: impl Into<Schema>) -> &mut Self {
        self.parameter(ParameterSource::Path, name, schema.into())
    }

    /// Declares a header field, for handlers that take [`crate::Header`]; `_` stands for `-`.
    pub fn header(&mut self, name: &str, schema: impl Into<Schema>) -> &mut Self {
        self.parameter(ParameterSource::Header, name, schema.into())
    }

    /// Declares a cookie, for handlers that take [`crate::Cookie`].
    pub fn cookie(&mut self, name: &str, schema: impl Into<Schema>) -> &mut Self {
        self.parameter(ParameterSource::Cookie, name, schema.into())
    }

    /// JSON Schema 2020-12 that the JSON body must satisfy before the handler sees it.
    pub fn body_schema(&mut self, schema: Value) -> &mut Self {
        let body = self.document.body.get_or_insert(BodyDocument {
            media: BodyMedia::Json,
            schema: None,
            required: true,
        });
        body.schema = Some(schema);
        self
    }

    fn parameter(&mut self, source: ParameterSource, name: &str, schema: Schema) -> &mut Self {
        self.document.parameters.push(ParameterDocument {
            name: name.to_owned(),
            source,
            alias: schema.alias,
            schema: Some(schema.document),
            required: schema.required,
            default: schema.default,
        });
        self
    }
}

fn facts_of(document: &RouteDocument) -> RouteFacts {
    let parameters = document.parameters.iter().map(|each| {
        let wire = each.alias.as_deref().unwrap_or(&each.name);
        let wire = match each.source {
            ParameterSource::Header => wire.replace('_', "-").to_lowercase(),
            _ => wire.to_owned(),
        };
        ParameterFacts {
            source: each.source,
            name: each.name.as_str().into(),
            wire: wire.into(),
        }
    });
    RouteFacts {
        pattern: document.path.as_str().into(),
        name: document.name.as_str().into(),
        parameters: parameters.collect(),
    }
}

/// The name of a function, or the pattern for a closure, which has none.
fn name_of<H>(path: &str) -> String {
    let whole = type_name::<H>();
    let name = whole
        .split('<')
        .next()
        .and_then(|name| name.rsplit("::").next());
    match name {
        Some(name)
            if name
                .chars()
                .all(|each| each.is_alphanumeric() || each == '_') =>
        {
            name.into()
        }
        _ => path.to_owned(),
    }
}

/// Prints everything but details for developers.
struct StandardError;

impl Log for StandardError {
    fn log(&self, level: Level, message: &str) {
        if level <= Level::Info {
            eprintln!("{message}");
        }
    }
}
