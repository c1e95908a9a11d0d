//! What is wrong with a route, where it was written, and what to do about it.
//!
//! Every sentence begins with the file and line of the call that registered the route.
//! Knows nothing of how routes are compiled.

use std::fmt;
use std::panic::Location;

use spikard_app::RouteFault;
use spikard_contract::route::{ParameterSource, RouteDocument};

/// A route that cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationError {
    /// Where it was registered.
    pub location: &'static Location<'static>,
    /// Its name, usually the handler's.
    pub name: String,
    /// Its methods, separated by commas.
    pub methods: String,
    /// Its pattern as written.
    pub path: String,
    /// What is wrong with it.
    pub fault: RegistrationFault,
}

/// What can be wrong with a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationFault {
    /// The engine cannot compile it.
    Route(RouteFault),
    /// Another route has the same shape and method, and was registered here.
    Clash {
        /// The engine's words.
        fault: RouteFault,
        /// Where the other was registered.
        other: &'static Location<'static>,
    },
    /// Its handler takes a `State` that the application was not given.
    MissingState {
        /// The state's type.
        state: &'static str,
    },
    /// Its path or the prefix of its group is none.
    Group {
        /// A sentence.
        reason: &'static str,
    },
    /// Its handler reads the body more than once.
    SeveralBodies,
    /// Its handler reads another number of values than there are parameters.
    Count {
        /// Where they are read from.
        source: ParameterSource,
        /// The type inside `Path`, `Query`, `Header` or `Cookie`.
        argument: &'static str,
        /// How many values that is.
        count: usize,
        /// The parameters that the route has.
        names: Vec<String>,
    },
}

impl RegistrationError {
    pub(crate) fn new(
        location: &'static Location<'static>,
        document: &RouteDocument,
        fault: RegistrationFault,
    ) -> Box<Self> {
        Box::new(Self {
            location,
            name: document.name.clone(),
            methods: document.methods.join(", "),
            path: document.path.clone(),
            fault,
        })
    }
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}: route '{}' ({} {}): {}",
            self.location, self.name, self.methods, self.path, self.fault
        )
    }
}

impl std::error::Error for RegistrationError {}

impl fmt::Display for RegistrationFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(fault) => fault.fmt(out),
            Self::Clash { fault, other } => write!(out, "{fault}; the other is at {other}"),
            Self::MissingState { state } => write!(
                out,
                "its handler takes a State<{state}>, which the application does not have; give it \
                 one with `app.state(...)`"
            ),
            Self::Group { reason } => out.write_str(reason),
            Self::SeveralBodies => write!(
                out,
                "its handler reads the body more than once; keep one argument, and put what the \
                 others read into its type"
            ),
            Self::Count {
                source,
                argument,
                count,
                names,
            } => {
                let taker = match source {
                    ParameterSource::Path => "Path",
                    ParameterSource::Query => "Query",
                    ParameterSource::Header => "Header",
                    ParameterSource::Cookie => "Cookie",
                };
                let fix = match source {
                    ParameterSource::Path => {
                        "change the pattern, or take all of them in a tuple or a struct".to_owned()
                    }
                    _ => format!(
                        "declare it with `.{}(name, schema)`, or take a struct with `JsonSchema`",
                        taker.to_lowercase()
                    ),
                };
                let has = if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                };
                let plural = if *count == 1 { "" } else { "s" };
                write!(
                    out,
                    "its handler takes {taker}<{argument}>, which reads {count} parameter{plural} \
                     of this source, and the route has {has}; {fix}"
                )
            }
        }
    }
}
