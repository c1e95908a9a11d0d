//! Which functions stand around a route: those of the application, and behind them those of each
//! group that it is in.
//!
//! A scope is the application or a group. What is registered on it holds for all of its routes,
//! whether they come before or after. Scopes are joined once, when the application is built.
//! Knows nothing of when a function is called.

use spikard_contract::hook::{HooksDocument, RouteHooksDocument};

use crate::failure::Mappers;
use crate::hooks::Hooks;

/// Hooks, and what clients are told of errors.
#[derive(Default)]
pub(crate) struct Functions {
    pub(crate) hooks: Hooks,
    pub(crate) mappers: Mappers,
}

impl Functions {
    fn is_empty(&self) -> bool {
        self.hooks.is_empty() && self.mappers.is_empty()
    }

    /// These, and behind them those of a scope inside.
    fn joined(&self, inner: &Self) -> Self {
        Self {
            hooks: self.hooks.joined(&inner.hooks),
            mappers: self.mappers.joined(&inner.mappers),
        }
    }
}

/// The scopes of an application, as they are registered; the first is the application's own.
pub(crate) struct Scopes(Vec<Scope>);

struct Scope {
    outer: usize,
    own: Functions,
}

impl Default for Scopes {
    fn default() -> Self {
        let mut scopes = Self(Vec::new());
        scopes.open(APPLICATION);
        scopes
    }
}

/// The scope of the application.
pub(crate) const APPLICATION: usize = 0;

impl Scopes {
    /// Opens a scope inside of another one, and returns its number.
    pub(crate) fn open(&mut self, outer: usize) -> usize {
        self.0.push(Scope {
            outer,
            own: Functions::default(),
        });
        self.0.len() - 1
    }

    /// What was registered on a scope itself.
    pub(crate) fn own(&mut self, scope: usize) -> &mut Functions {
        // Numbers are only given by `open`.
        &mut self.0[scope].own
    }

    /// Joins each scope with those around it.
    pub(crate) fn join(self) -> Joined {
        let mut joined = Joined {
            places: Vec::with_capacity(self.0.len()),
            functions: Vec::new(),
        };
        for scope in self.0 {
            // An outer scope is opened before those inside of it.
            let place = match joined.places.get(scope.outer).copied() {
                Some(outer) if scope.own.is_empty() => outer,
                Some(outer) => {
                    let functions = joined.functions[outer].joined(&scope.own);
                    joined.functions.push(functions);
                    joined.functions.len() - 1
                }
                None => {
                    joined.functions.push(scope.own);
                    APPLICATION
                }
            };
            joined.places.push(place);
        }
        joined
    }
}

/// What runs around the routes of each scope.
pub(crate) struct Joined {
    /// Where in `functions` those of a scope are; one without its own has those around it.
    places: Vec<usize>,
    functions: Vec<Functions>,
}

impl Joined {
    /// Where those of a scope are.
    pub(crate) fn place(&self, scope: usize) -> usize {
        self.places[scope]
    }

    /// What the engine is to stop for, whatever the route. Numbers are given from `next` on.
    pub(crate) fn document(&self, next: u32) -> HooksDocument {
        self.functions[APPLICATION].hooks.document(next)
    }

    /// The same for the routes of a place, where it is not the application's.
    pub(crate) fn of_routes(&self, place: usize, next: u32) -> RouteHooksDocument {
        if place == APPLICATION {
            return RouteHooksDocument::default();
        }
        // Far fewer groups than 2^30 fit in memory.
        let first = next + (place * NUMBERS) as u32;
        let document = self.functions[place].hooks.document(first);
        RouteHooksDocument {
            pre_validation: document.pre_validation,
            on_error: document.on_error,
        }
    }

    pub(crate) fn into_functions(self) -> Vec<Functions> {
        self.functions
    }
}

/// Numbers that each place has for the engine: one for each hook that it stops for.
pub(crate) const NUMBERS: usize = 3;
