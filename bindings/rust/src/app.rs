//! An application: routes, their handlers, and what the handlers share.
//!
//! Everything is checked when the application is built, before the first byte is accepted.
//! Knows nothing of sockets; `server` and `testing` take what is built here.

use std::any::{TypeId, type_name};
use std::error::Error;
use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;

use schemars::JsonSchema;
use serde_json::Value;
use spikard_app::RouteFault;
use spikard_contract::config::{ResponseValidation, ServerConfig};
use spikard_contract::route::{
    ANY_FILE, BodyDocument, BodyMedia, ParameterDocument, ParameterSource, Placement, RouteDocument,
};
use spikard_middleware::log::configured;
use spikard_middleware::{Level, Log};

use crate::derived;
use crate::error::RunError;
use crate::extract::{ParameterFacts, RouteFacts, States};
use crate::handler::{Endpoint, Handler, Typed};
use crate::lifespan::Lifetime;
use crate::needs::{Claims, Needs};
use crate::port::{ServedRoute, Service};
use crate::problem::Problem;
use crate::registration::{RegistrationError, RegistrationFault};
use crate::schema::Schema;
use crate::scope::{APPLICATION, Functions, Scopes};
use crate::upload::FileRule;

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
    pub(crate) scopes: Scopes,
    pub(crate) lifetime: Lifetime,
    log: Arc<dyn Log>,
}

/// One route, as far as it was described.
pub struct Route {
    pub(crate) document: RouteDocument,
    endpoint: Box<dyn Endpoint>,
    claims: Claims,
    location: &'static Location<'static>,
    /// What its group found wrong with its path.
    pub(crate) fault: Option<RegistrationFault>,
    /// Where it was registered: on the application, or in a group.
    pub(crate) scope: usize,
}

/// A checked application.
pub(crate) struct Built {
    pub(crate) app: spikard_app::App,
    pub(crate) service: Arc<Service>,
    pub(crate) lifetime: Arc<Lifetime>,
}

impl Built {
    /// The same with its log as configured.
    pub(crate) fn configured(mut self, config: &ServerConfig) -> Self {
        // Nobody else has it yet.
        if let Some(service) = Arc::get_mut(&mut self.service) {
            service.log = configured(service.log.clone(), config);
        }
        self
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

/// The methods that register a handler, on whatever has a `route`.
macro_rules! methods {
    () => {
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
    };
    ($($(#[$doc:meta])* $name:ident = $method:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name<M: 'static>(&mut self, path: &str, handler: impl Handler<M>) -> &mut Route {
            self.route(&[$method], path, handler)
        }
    )*};
}
pub(crate) use methods;

impl App {
    /// An application without routes, which logs to standard error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            routes: Vec::new(),
            states: States::default(),
            scopes: Scopes::default(),
            lifetime: Lifetime::default(),
            log: Arc::new(StandardError),
        }
    }

    methods! {}

    /// Answers several methods on `path`, a pattern such as `/items/{id:int}`.
    #[track_caller]
    pub fn route<M: 'static, H: Handler<M>>(
        &mut self,
        methods: &[&str],
        path: &str,
        handler: H,
    ) -> &mut Route {
        let methods = methods.iter().map(|&method| method.to_owned()).collect();
        let mut document = RouteDocument::new(methods, path.to_owned(), name_of::<H>(path));
        let mut needs = Needs::of(&mut document);
        H::declare(&mut needs);
        let claims = needs.into_claims();
        self.push(document, handler, claims)
    }

    /// Adds a route that is described as a document, exactly as it says: its body is what the
    /// document declares, whatever the handler's arguments. Its `handler` number is not used.
    #[track_caller]
    pub fn document<M: 'static, H: Handler<M>>(
        &mut self,
        document: RouteDocument,
        handler: H,
    ) -> &mut Route {
        let mut declared = document.clone();
        let mut needs = Needs::of(&mut declared);
        H::declare(&mut needs);
        let claims = needs.into_claims().without_route();
        self.push(document, handler, claims)
    }

    /// Shares a value with all handlers that take a `State<S>`; one per type.
    pub fn state<S: Send + Sync + 'static>(&mut self, state: S) -> &mut Self {
        self.states.insert(state);
        self
    }

    /// Says what a client is told when a handler fails with an `E`, wherever it is in the chain of
    /// sources. Without this, an error that is no problem is a 500 and a line in the log. The last
    /// one given for a type counts.
    ///
    /// ```
    /// use spikard::{App, Problem, TestClient};
    ///
    /// #[derive(Debug)]
    /// struct NoSuchUser(i64);
    ///
    /// impl std::fmt::Display for NoSuchUser {
    ///     fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(out, "there is no user {}", self.0)
    ///     }
    /// }
    ///
    /// impl std::error::Error for NoSuchUser {}
    ///
    /// let mut app = App::new();
    /// app.map_error(|error: &NoSuchUser| Problem::new(404).detail(error.to_string()));
    /// app.get("/users/1", || Err::<(), _>(NoSuchUser(1)));
    /// assert_eq!(TestClient::new(app)?.get("/users/1").send().status(), 404);
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn map_error<E: Error + 'static>(
        &mut self,
        map: impl Fn(&E) -> Problem + Send + Sync + 'static,
    ) -> &mut Self {
        self.functions().mappers.insert(map);
        self
    }

    /// What is registered on the application itself.
    pub(crate) fn functions(&mut self) -> &mut Functions {
        self.scopes.own(APPLICATION)
    }

    /// Replaces where log lines go.
    pub fn log(&mut self, log: impl Log + 'static) -> &mut Self {
        self.log = Arc::new(log);
        self
    }

    #[track_caller]
    fn push<M: 'static>(
        &mut self,
        mut document: RouteDocument,
        handler: impl Handler<M>,
        claims: Claims,
    ) -> &mut Route {
        let at = self.routes.len();
        // Far fewer routes than 2^32 fit in memory.
        document.handler = at as u32;
        self.routes.push(Route {
            document,
            endpoint: Box::new(Typed::new(handler)),
            claims,
            location: Location::caller(),
            fault: None,
            scope: APPLICATION,
        });
        &mut self.routes[at]
    }

    /// Checks everything that was registered.
    pub(crate) fn build(self) -> Result<Built, RunError> {
        let mut app = spikard_app::App::new();
        // `Json<T>` reads a `T` from where the engine has found its values.
        app.keep_outlines();
        let joined = self.scopes.join();
        // Far fewer routes than 2^32 fit in memory.
        let next = self.routes.len() as u32;
        let mut served = Vec::with_capacity(self.routes.len());
        let mut placed: Vec<&'static Location<'static>> = Vec::with_capacity(self.routes.len());
        for mut route in self.routes {
            let (location, own) = (route.location, route.document.clone());
            let refuse =
                |fault| RunError::Registration(RegistrationError::new(location, &own, fault));
            if let Some(fault) = route.fault {
                return Err(refuse(fault));
            }
            let has = |(id, _): &&(TypeId, &'static str)| self.states.has(*id);
            if let Some((_, state)) = route.claims.states.iter().find(|each| !has(each)) {
                return Err(refuse(RegistrationFault::MissingState { state }));
            }
            route.claims.settle(&mut route.document).map_err(refuse)?;
            let place = joined.place(route.scope);
            route.document.hooks = joined.of_routes(place, next);
            if let Err(error) = app.add_route(route.document) {
                return Err(refuse(clash(error.fault, &app, &placed)));
            }
            placed.push(location);
            served.push((route.endpoint, place));
        }
        app.set_hooks(joined.document(next));
        let facts: Vec<RouteFacts> = app.documents().map(facts_of).collect();
        let routes = facts
            .into_iter()
            .zip(served)
            .map(|(facts, (endpoint, place))| ServedRoute {
                facts,
                endpoint,
                place,
            })
            .collect();
        let service = Arc::new(Service {
            routes,
            states: self.states,
            functions: joined.into_functions(),
            log: self.log,
        });
        Ok(Built {
            app,
            service,
            lifetime: Arc::new(self.lifetime),
        })
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

    /// Declares a query parameter, for handlers that take [`crate::Query`]. A parameter that the
    /// handler's type has too is as it is said here.
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
            host_judges: false,
        });
        body.schema = Some(schema);
        self
    }

    /// JSON Schema 2020-12 that JSON replies with a status of 2xx satisfy. What becomes of one that
    /// does not is for `response_validation` to say, here or in the configuration.
    pub fn response_schema(&mut self, schema: Value) -> &mut Self {
        self.document.response_schema = Some(schema);
        self
    }

    /// As [`Route::response_schema`], with the schema of what serde writes for a `T`.
    ///
    /// ```
    /// use serde_json::json;
    /// use spikard::{App, JsonSchema, ResponseValidation, TestClient};
    ///
    /// #[derive(serde::Serialize, JsonSchema)]
    /// struct User {
    ///     id: u64,
    /// }
    ///
    /// let mut app = App::new();
    /// app.get("/user", || json!({"id": -1}))
    ///     .returns::<User>()
    ///     .response_validation(ResponseValidation::Error);
    /// assert_eq!(TestClient::new(app)?.get("/user").send().status(), 500);
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn returns<T: JsonSchema>(&mut self) -> &mut Self {
        self.document.response_schema = derived::response::<T>();
        self
    }

    /// What becomes of a reply that does not satisfy the response schema, in place of what the
    /// configuration says.
    pub fn response_validation(&mut self, validation: ResponseValidation) -> &mut Self {
        self.document.response_validation = Some(validation);
        self
    }

    /// Whether its replies are compressed where the configuration says so; they are unless this
    /// says no. Say no where a reply holds both a secret and what an attacker may choose.
    pub fn compression(&mut self, is_on: bool) -> &mut Self {
        self.document.compression = is_on;
        self
    }

    /// Says what a file must be, for handlers that take [`crate::Files`]. Files under other names
    /// are then read and forgotten.
    pub fn file(&mut self, rule: FileRule) -> &mut Self {
        let files = &mut self.document.files;
        files.retain(|other| other.name != ANY_FILE);
        files.push(rule.0);
        self
    }

    fn parameter(&mut self, source: ParameterSource, name: &str, schema: Schema) -> &mut Self {
        let parameter = ParameterDocument {
            name: name.to_owned(),
            source,
            alias: schema.alias,
            schema: Some(schema.document),
            required: schema.required,
            default: schema.default,
        };
        // What is written on the route takes the place of what the handler's type says.
        let mut all = self.document.parameters.iter_mut();
        match all.find(|each| each.source == source && each.name == name) {
            Some(declared) => *declared = parameter,
            None => self.document.parameters.push(parameter),
        }
        self
    }
}

/// A clash, with the place of the other route.
fn clash(
    fault: RouteFault,
    app: &spikard_app::App,
    placed: &[&'static Location<'static>],
) -> RegistrationFault {
    let other = match &fault {
        RouteFault::Clash {
            other_name,
            other_path,
            ..
        } => app
            .documents()
            .position(|each| each.name == *other_name && each.path == *other_path),
        _ => None,
    };
    // Every route of the application was placed as it was added.
    match other.and_then(|at| placed.get(at)) {
        Some(other) => RegistrationFault::Clash { fault, other },
        None => RegistrationFault::Route(fault),
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

/// Prints what the configuration lets through.
struct StandardError;

impl Log for StandardError {
    fn log(&self, _: Level, message: &str) {
        // Not `eprintln!`, which panics: a terminal that was closed must not end a server.
        let _ = writeln!(io::stderr(), "{message}");
    }
}
