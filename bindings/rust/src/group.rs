//! Groups of routes: under one prefix, with settings in common.
//!
//! A group only registers on its application; it adds the prefix and applies the settings.
//! Knows nothing of how routes are compiled.

use std::rc::Rc;

use crate::app::{App, Route, methods};
use crate::handler::Handler;
use crate::registration::RegistrationFault;

impl App {
    /// Registers routes under a prefix, which begins with `/` and does not end with one.
    ///
    /// ```
    /// use spikard::{App, Path, TestClient};
    ///
    /// let mut app = App::new();
    /// app.group("/users", |users| {
    ///     users.each(|route| {
    ///         route.response_headers(&[("cache-control", "no-store")]);
    ///     });
    ///     users.get("", || "everybody");
    ///     users.group("/{user_id:int}", |user| {
    ///         user.get("/name", |Path(id): Path<i64>| format!("user {id}"));
    ///     });
    /// });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/users").send().text(), "everybody");
    /// let reply = client.get("/users/7/name").send();
    /// assert_eq!(reply.text(), "user 7");
    /// assert_eq!(reply.header("cache-control").as_deref(), Some("no-store"));
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn group(&mut self, prefix: &str, register: impl FnOnce(&mut Group<'_>)) -> &mut Self {
        let mut group = Group {
            app: self,
            prefix: prefix.to_owned(),
            fault: fault_of_prefix(prefix),
            settings: Vec::new(),
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
}

impl Group<'_> {
    methods! {
        /// Answers GET, and HEAD by it, on `path` below the prefix; an empty path is the prefix.
        get = "GET";
        /// Answers POST.
        post = "POST";
        /// Answers PUT.
        put = "PUT";
        /// Answers PATCH.
        patch = "PATCH";
        /// Answers DELETE.
        delete = "DELETE";
        /// Answers HEAD otherwise than GET would.
        head = "HEAD";
        /// Answers OPTIONS otherwise than with the methods of the path.
        options = "OPTIONS";
    }

    /// Answers several methods on `path` below the prefix.
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

    /// Registers routes under a further prefix.
    pub fn group(&mut self, prefix: &str, register: impl FnOnce(&mut Group<'_>)) -> &mut Self {
        let mut group = Group {
            app: &mut *self.app,
            prefix: format!("{}{prefix}", self.prefix),
            fault: self.fault.or_else(|| fault_of_prefix(prefix)),
            settings: self.settings.clone(),
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
