//! An application: the routes that a binding registered, each compiled as it was added.
//!
//! Mistakes are found here, at start, and every one names its route and what to change.
//! Knows nothing of how a plan is laid out; that is `lower`.

use std::fmt;
use std::sync::Arc;

use spikard_contract::hook::HooksDocument;
use spikard_contract::route::{
    BodyDocument, BodyMedia, FileDocument, ParameterDocument, ParameterSource, RouteDocument,
};
use spikard_middleware::Problem;
use spikard_middleware::stages::route_headers::{HeaderFault, RouteHeaders};

use crate::params::extract::Extractor;
use crate::route::methods::METHODS_MAX;
use crate::route::pattern::Pattern;
use crate::route::pattern_error::PatternError;
use crate::route::tree::{Builder, InsertError, RouteIndex};
use crate::upload::intake::FormRules;
use crate::upload::rules::{FileRuleError, FileRules};
use crate::validate::form::FormReading;
use crate::validate::schema::{Schema, SchemaError};
use crate::validate::stage::{BodyRule, Rules};

/// The routes of one application.
#[derive(Debug, Default)]
pub struct App {
    pub(crate) routes: Vec<Route>,
    pub(crate) tree: Builder,
    keeps_outlines: bool,
    pub(crate) hooks: HooksDocument,
}

/// One compiled route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) document: RouteDocument,
    pub(crate) rules: Arc<RouteRules>,
    /// `None` if it adds none.
    pub(crate) headers: Option<Arc<RouteHeaders>>,
}

/// What a request of one route is judged by.
#[derive(Debug)]
pub(crate) struct RouteRules {
    pub(crate) extractor: Extractor,
    pub(crate) body: Option<BodyRule>,
}

impl Rules for Arc<RouteRules> {
    fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    fn body(&self) -> Option<&BodyRule> {
        self.body.as_ref()
    }
}

impl App {
    /// An application without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a route and adds it. Path parameters that only the pattern names are added to the
    /// document, after the others. After an error the application is as it was.
    ///
    /// # Errors
    /// [`RouteError`] with the [`RouteFault`].
    pub fn add_route(&mut self, mut document: RouteDocument) -> Result<(), Box<RouteError>> {
        match self.compile(&mut document) {
            Ok((rules, headers)) => {
                self.routes.push(Route {
                    document,
                    rules: Arc::new(rules),
                    headers,
                });
                Ok(())
            }
            Err(fault) => Err(Box::new(RouteError {
                methods: document.methods.join(", "),
                path: document.path,
                name: document.name,
                fault,
            })),
        }
    }

    /// Leaves the outlines of JSON bodies in their exchanges, for a host that reads bodies with
    /// [`json::read`](crate::validate::json::read). It concerns routes that are added after this.
    pub fn keep_outlines(&mut self) {
        self.keeps_outlines = true;
    }

    /// Says what the host is to be called for beside its handlers.
    pub fn set_hooks(&mut self, hooks: HooksDocument) {
        self.hooks = hooks;
    }

    /// The problem of a JSON body that the decoder of the host has refused, by the number of the
    /// handler it was for. `None` if the route's schema admits it, or asks for nothing.
    #[must_use]
    pub fn second_look(&self, handler: u32, body: &[u8], json_depth_max: u32) -> Option<Problem> {
        let mut routes = self.routes.iter();
        let route = routes.find(|route| route.document.handler == handler)?;
        route.rules.body.as_ref()?.second_look(body, json_depth_max)
    }

    /// The routes as compiled, in the order in which they were added.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = &RouteDocument> {
        self.routes.iter().map(|route| &route.document)
    }

    fn compile(
        &mut self,
        document: &mut RouteDocument,
    ) -> Result<(RouteRules, Option<Arc<RouteHeaders>>), RouteFault> {
        check_methods(&document.methods)?;
        let pattern = Pattern::parse(&document.path).map_err(RouteFault::Pattern)?;
        complete_parameters(&pattern, &mut document.parameters)?;
        let extractor =
            Extractor::compile(&pattern, &document.parameters).map_err(|(parameter, error)| {
                RouteFault::ParameterSchema {
                    parameter: document.parameters[parameter].name.clone(),
                    error,
                }
            })?;
        if !document.files.is_empty() {
            // Fields beside the files are nobody's affair then.
            document.body.get_or_insert(BodyDocument {
                media: BodyMedia::Form,
                schema: None,
                required: false,
                host_judges: false,
            });
        }
        let body = document
            .body
            .as_ref()
            .map(|body| compile_body(body, &document.files, self.keeps_outlines))
            .transpose()?;
        if let Some(schema) = &document.response_schema {
            // Few applications judge their replies: it is compiled where one does, when lowered.
            Schema::check(schema).map_err(RouteFault::ResponseSchema)?;
        }
        let headers = compile_headers(&document.response_headers)?;
        self.insert(document, &pattern)?;
        Ok((RouteRules { extractor, body }, headers))
    }

    /// Enters all methods of a route into the tree, or none.
    fn insert(&mut self, document: &RouteDocument, pattern: &Pattern) -> Result<(), RouteFault> {
        // Far fewer routes than 2^32 fit in memory.
        let index = self.routes.len() as RouteIndex;
        self.tree
            .insert(&document.methods, pattern, index)
            .map_err(|error| match error {
                InsertError::TooManyMethods => RouteFault::TooManyMethods,
                InsertError::Clash { method, other } => {
                    // The tree only has routes that were added before this one.
                    let other = &self.routes[other as usize].document;
                    RouteFault::Clash {
                        method: document.methods[method].clone(),
                        other_name: other.name.clone(),
                        other_path: other.path.clone(),
                    }
                }
            })
    }
}

/// A route that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteError {
    /// Its methods, separated by commas.
    pub methods: String,
    /// Its pattern as written.
    pub path: String,
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub fault: RouteFault,
}

/// What can be wrong with a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteFault {
    /// It has no method.
    NoMethods,
    /// A method that is no upper-case token, or CONNECT.
    BadMethod {
        /// The method as written.
        method: String,
    },
    /// The pattern does not parse.
    Pattern(PatternError),
    /// A path parameter that the pattern does not have.
    UnknownPathParameter {
        /// Its name on the wire.
        parameter: String,
        /// The names the pattern has, separated by commas.
        known: String,
    },
    /// Two parameters read the same value.
    RepeatedParameter {
        /// Its name on the wire.
        parameter: String,
    },
    /// A parameter's schema does not compile.
    ParameterSchema {
        /// The parameter's name.
        parameter: String,
        /// Why.
        error: SchemaError,
    },
    /// The body's schema does not compile.
    BodySchema(SchemaError),
    /// The schema of its replies does not compile.
    ResponseSchema(SchemaError),
    /// A schema for a body that is not read.
    SchemaOfBytes,
    /// Rules of files for a body that is no form.
    FilesOfOtherMedia,
    /// A rule of files is wrong.
    FileRule {
        /// The name it is for.
        name: String,
        /// What is wrong with it.
        error: FileRuleError,
    },
    /// A header field that it cannot add to its replies.
    ResponseHeader {
        /// The field's name.
        name: String,
        /// Why.
        error: HeaderFault,
    },
    /// Another route has the same shape and method.
    Clash {
        /// The method both take.
        method: String,
        /// The other route's name.
        other_name: String,
        /// The other route's pattern.
        other_path: String,
    },
    /// The application uses too many different methods.
    TooManyMethods,
}

impl fmt::Display for RouteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "route '{}' ({} {}): {}",
            self.name, self.methods, self.path, self.fault
        )
    }
}

impl fmt::Display for RouteFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMethods => write!(out, "it has no methods; give it at least one"),
            Self::BadMethod { method } => {
                write!(
                    out,
                    "'{method}' is not a method; methods are upper-case tokens like GET"
                )
            }
            Self::Pattern(error) => write!(out, "{error}"),
            Self::UnknownPathParameter { parameter, known } => write!(
                out,
                "the path parameter '{parameter}' is not in the pattern, which has {known}; \
                 rename one of them"
            ),
            Self::RepeatedParameter { parameter } => {
                write!(
                    out,
                    "two parameters read '{parameter}' from one source; remove one"
                )
            }
            Self::ParameterSchema { parameter, error } => {
                write!(out, "the parameter '{parameter}': {error}")
            }
            Self::BodySchema(error) => write!(out, "the body: {error}"),
            Self::ResponseSchema(error) => write!(out, "the response: {error}"),
            Self::SchemaOfBytes => write!(
                out,
                "a body of media 'bytes' is not read, so it cannot have a schema; use 'json'"
            ),
            Self::FilesOfOtherMedia => write!(
                out,
                "files come with a form, so its body must be of media 'form'"
            ),
            Self::FileRule { name, error } => write!(out, "the file '{name}': {error}"),
            Self::ResponseHeader { name, error } => {
                write!(out, "the response header '{name}': {error}")
            }
            Self::Clash {
                method,
                other_name,
                other_path,
            } => write!(
                out,
                "the route '{other_name}' ({other_path}) already takes {method} on this shape; \
                 change one of the two"
            ),
            Self::TooManyMethods => {
                write!(
                    out,
                    "an application uses at most {METHODS_MAX} different methods"
                )
            }
        }
    }
}

impl std::error::Error for RouteError {}

/// Methods are tokens (RFC 9110 §9.1); CONNECT never reaches an application.
fn check_methods(methods: &[String]) -> Result<(), RouteFault> {
    if methods.is_empty() {
        return Err(RouteFault::NoMethods);
    }
    let is_name =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    match methods
        .iter()
        .find(|method| method.is_empty() || !method.bytes().all(is_name) || *method == "CONNECT")
    {
        Some(method) => Err(RouteFault::BadMethod {
            method: method.clone(),
        }),
        None => Ok(()),
    }
}

/// Checks the path parameters against the pattern, and declares those that nobody declared.
fn complete_parameters(
    pattern: &Pattern,
    parameters: &mut Vec<ParameterDocument>,
) -> Result<(), RouteFault> {
    let wire = |each: &ParameterDocument| {
        let name = each.alias.as_deref().unwrap_or(&each.name);
        match each.source {
            ParameterSource::Header => name.replace('_', "-").to_lowercase(),
            _ => name.to_owned(),
        }
    };
    for (at, each) in parameters.iter().enumerate() {
        let name = wire(each);
        let twin = |other: &ParameterDocument| other.source == each.source && wire(other) == name;
        if parameters[..at].iter().any(twin) {
            return Err(RouteFault::RepeatedParameter { parameter: name });
        }
        if each.source == ParameterSource::Path && !pattern.captures().any(|(own, _)| own == name) {
            let known: Vec<&str> = pattern.captures().map(|(own, _)| own).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(RouteFault::UnknownPathParameter {
                parameter: name,
                known,
            });
        }
    }
    for (name, hint) in pattern.captures() {
        let declared =
            |each: &ParameterDocument| each.source == ParameterSource::Path && wire(each) == name;
        if !parameters.iter().any(declared) {
            parameters.push(ParameterDocument {
                name: name.to_owned(),
                source: ParameterSource::Path,
                alias: None,
                schema: hint.map(|hint| hint.schema()),
                required: true,
                default: None,
            });
        }
    }
    Ok(())
}

fn compile_headers(declared: &[(String, String)]) -> Result<Option<Arc<RouteHeaders>>, RouteFault> {
    if declared.is_empty() {
        return Ok(None);
    }
    match RouteHeaders::new(declared) {
        Ok(headers) => Ok(Some(Arc::new(headers))),
        Err((at, error)) => Err(RouteFault::ResponseHeader {
            name: declared[at].0.clone(),
            error,
        }),
    }
}

fn compile_body(
    document: &BodyDocument,
    files: &[FileDocument],
    keeps_outline: bool,
) -> Result<BodyRule, RouteFault> {
    if document.media != BodyMedia::Form && !files.is_empty() {
        return Err(RouteFault::FilesOfOtherMedia);
    }
    let files =
        FileRules::compile(files).map_err(|(name, error)| RouteFault::FileRule { name, error })?;
    if document.media == BodyMedia::Bytes && document.schema.is_some() {
        return Err(RouteFault::SchemaOfBytes);
    }
    let schema = document.schema.as_ref().map(Schema::compile).transpose();
    Ok(BodyRule {
        media: document.media,
        schema: schema.map_err(RouteFault::BodySchema)?,
        required: document.required,
        form: Arc::new(FormRules {
            reading: FormReading::compile(document.schema.as_ref()),
            files,
        }),
        keeps_outline,
        host_judges: document.host_judges && document.media == BodyMedia::Json,
    })
}
