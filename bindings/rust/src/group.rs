//! Groups of routes: under one prefix, with settings and hooks in common.
//!
//! A group only registers on its application; it adds the prefix, applies the settings, and keeps
//! its hooks in a scope of their own.
//! Knows nothing of how routes are compiled.

use std::error::Error;
use std::rc::Rc;

use crate::app::{App, Route, methods};
use crate::handler::Handler;
use crate::problem::Problem;
use crate::registration::RegistrationFault;
use crate::scope::{APPLICATION, Functions};

impl App {
    /// Registers routes under a prefix, which begins with `/` and does not end with one. Hooks of
    /// a group run for its routes only, behind those around it.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use spikard::{App, Path, Problem, Request, TestClient};
    ///
    /// let mut app = App::new();
    /// app.group("/users", |users| {
    ///     users.each(|route| {
    ///         route.response_headers(&[("cache-control", "no-store")]);
    ///     });
    ///     users.pre_handler(|request: &mut Request| match request.header("authorization") {
    ///         Some(_) => ControlFlow::Continue(()),
    ///         None => ControlFlow::Break(Problem::new(401)),
    ///     });
    ///     users.get("", || "everybody");
    ///     users.group("/{user_id:int}", |user| {
    ///         user.get("/name", |Path(id): Path<i64>| format!("user {id}"));
    ///     });
    /// });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/users").send().status(), 401);
    /// let reply = client.get("/users/7/name").header("authorization", "ann").send();
    /// assert_eq!(reply.text(), "user 7");
    /// assert_eq!(reply.header("cache-control").as_deref(), Some("no-store"));
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn group(&mut self, prefix: &str, register: impl FnOnce(&mut Group<'_>)) -> &mut Self {
        let scope = self.scopes.open(APPLICATION);
        let mut group = Group {
            app: self,
            prefix: prefix.to_owned(),
            fault: fault_of_prefix(prefix),
            settings: Vec::new(),
            scope,
        };
        register(&mut group);
        self
    }
}

/// What holds for each route of a group.
type Setting = Rc<dyn Fn(&mut Route)>;

/// The routes under one prefix, as they are registered.
pub struct Group<'a> {
    app: &'a mut App,
    prefix: String,
    fault: Option<&'static str>,
    settings: Vec<Setting>,
    scope: usize,
}

impl Group<'_> {
    methods! {}

    /// Answers several methods on `path` below the prefix; an empty path is the prefix itself.
    #[track_caller]
    pub fn route<M: 'static, H: Handler<M>>(
        &mut self,
        methods: &[&str],
        path: &str,
        handler: H,
    ) -> &mut Route {
        let whole = format!("{}{path}", self.prefix);
        let fault = self.fault.or_else(|| fault_of_path(path, &whole));
        let route = self.app.route(methods, &whole, handler);
        route.scope = self.scope;
        route.fault = fault.map(|reason| RegistrationFault::Group { reason });
        for set in &self.settings {
            set(route);
        }
        route
    }

    /// Applies settings to every route that is registered from here on, in this group and those
    /// inside of it. What is said at a route itself counts.
    pub fn each(&mut self, set: impl Fn(&mut Route) + 'static) -> &mut Self {
        self.settings.push(Rc::new(set));
        self
    }

    /// As [`App::map_error`], for the routes of this group: it wins over what is said outside of
    /// it for the same type.
    pub fn map_error<E: Error + 'static>(
        &mut self,
        map: impl Fn(&E) -> Problem + Send + Sync + 'static,
    ) -> &mut Self {
        self.functions().mappers.insert(map);
        self
    }

    /// What is registered on the group itself.
    pub(crate) fn functions(&mut self) -> &mut Functions {
        self.app.scopes.own(self.scope)
    }

    /// Registers routes under a further prefix.
    pub fn group(&mut self, prefix: &str, register: impl FnOnce(&mut Group<'_>)) -> &mut Self {
        let scope = self.app.scopes.open(self.scope);
        let mut group = Group {
            app: &mut *self.app,
            prefix: format!("{}{prefix}", self.prefix),
            fault: self.fault.or_else(|| fault_of_prefix(prefix)),
            settings: self.settings.clone(),
            scope,
        };
        register(&mut group);
        self
    }
}

/// What is wrong with a prefix, as the end of a sentence.
fn fault_of_prefix(prefix: &str) -> Option<&'static str> {
    if prefix.is_empty() {
        None
    } else if !prefix.starts_with('/') {
        Some("the prefix of its group must begin with '/'")
    } else if prefix.ends_with('/') {
        Some("the prefix of its group must not end with '/', as its routes begin with one")
    } else if prefix.contains("//") {
        Some("the prefix of its group has an empty segment")
    } else {
        None
    }
}

fn fault_of_path(path: &str, whole: &str) -> Option<&'static str> {
    if !path.is_empty() && !path.starts_with('/') {
        Some("a path in a group begins with '/', or is empty for the prefix itself")
    } else if whole.contains("//") {
        Some("its path has an empty segment")
    } else {
        None
    }
}
