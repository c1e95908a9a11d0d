//! What the arguments of a handler need of their route: parameters, a body, shared values.
//!
//! Collected when a route is registered, before its builder adds to it; what only makes sense
//! together with what the builder adds is checked when the application is built.
//! Knows nothing of requests.

use std::any::{TypeId, type_name};

use schemars::JsonSchema;
use serde_json::{Map, Value};
use spikard_app::route::pattern::Pattern;
use spikard_contract::route::{
    BodyDocument, BodyMedia, ParameterDocument, ParameterSource, RouteDocument,
};

use crate::derived::{self, Member, Shape};
use crate::registration::RegistrationFault;
use crate::upload::FileRule;

/// See the module's documentation. An [`crate::Extract`] of one's own says here what it needs.
pub struct Needs<'a> {
    document: &'a mut RouteDocument,
    claims: Claims,
}

/// What can only be checked once the route is complete.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) states: Vec<(TypeId, &'static str)>,
    values: Vec<Values>,
    bodies: usize,
}

/// An argument that reads a number of parameters that the route must declare.
#[derive(Debug)]
struct Values {
    source: ParameterSource,
    argument: &'static str,
    count: usize,
    is_optional: bool,
}

impl<'a> Needs<'a> {
    pub(crate) fn of(document: &'a mut RouteDocument) -> Self {
        Self {
            document,
            claims: Claims::default(),
        }
    }

    pub(crate) fn into_claims(self) -> Claims {
        self.claims
    }

    /// The route reads a body of this media; a body that was declared on the route stands.
    pub fn body(&mut self, media: BodyMedia, required: bool) {
        self.claims.bodies += 1;
        self.document.body.get_or_insert(BodyDocument {
            media,
            schema: None,
            required,
            host_judges: false,
        });
    }

    /// The route reads a JSON body that satisfies the schema of `T`.
    pub(crate) fn json<T: JsonSchema>(&mut self, required: bool) {
        self.structured::<T>(BodyMedia::Json, required);
    }

    /// The route reads a form whose fields satisfy the schema of `T`.
    pub(crate) fn form<T: JsonSchema>(&mut self, required: bool) {
        self.structured::<T>(BodyMedia::Form, required);
    }

    /// The route takes files under this rule, unless it says itself which.
    pub(crate) fn files(&mut self, rule: FileRule) {
        if self.document.files.is_empty() {
            self.document.files.push(rule.0);
        }
    }

    fn structured<T: JsonSchema>(&mut self, media: BodyMedia, required: bool) {
        self.body(media, required);
        if let Some(body) = &mut self.document.body {
            body.schema = body.schema.take().or_else(derived::body::<T>);
        }
    }

    /// The application shares an `S`.
    pub(crate) fn state<S: 'static>(&mut self) {
        let state = (TypeId::of::<S>(), type_name::<S>());
        self.claims.states.push(state);
    }

    /// The route reads the parameters that `T` has fields or elements for.
    pub(crate) fn parameters<T: JsonSchema>(&mut self, source: ParameterSource, optional: bool) {
        let schemas = match derived::shape::<T>() {
            Shape::Any => return,
            Shape::Named(members) => {
                for member in members {
                    self.member(source, member, optional);
                }
                return;
            }
            // A list may be one parameter that repeats, or all of them.
            Shape::Single(schema) if schema["type"] == "array" => return,
            Shape::Single(schema) => vec![schema],
            Shape::Ordered(schemas) => schemas,
        };
        self.claims.values.push(Values {
            source,
            argument: type_name::<T>(),
            count: schemas.len(),
            is_optional: optional,
        });
        if source == ParameterSource::Path {
            self.in_order(schemas);
        }
    }

    fn member(&mut self, source: ParameterSource, member: Member, optional: bool) {
        let parameter = ParameterDocument {
            name: member.name,
            source,
            alias: None,
            schema: Some(member.schema),
            required: member.required && !optional,
            // Where nothing was sent, an argument that may be absent is, without its defaults.
            default: member.default.filter(|_| !optional),
        };
        self.push(parameter);
    }

    /// Gives the path's parameters their schemas in order, if there are as many.
    fn in_order(&mut self, schemas: Vec<Value>) {
        // A pattern that does not parse is refused, with its own sentence, when it is compiled.
        let Ok(pattern) = Pattern::parse(&self.document.path) else {
            return;
        };
        if pattern.captures().count() != schemas.len() {
            return;
        }
        for ((name, hint), schema) in pattern.captures().zip(schemas) {
            let hint = hint.map(|hint| hint.schema());
            self.push(ParameterDocument {
                name: name.to_owned(),
                source: ParameterSource::Path,
                alias: None,
                schema: Some(refined(hint, schema)),
                required: true,
                default: None,
            });
        }
    }

    /// Two arguments may ask for the same parameter, in the same words.
    fn push(&mut self, parameter: ParameterDocument) {
        if !self.document.parameters.contains(&parameter) {
            self.document.parameters.push(parameter);
        }
    }
}

impl Claims {
    /// Those of a handler whose route is described as a document, exactly as it says.
    pub(crate) fn without_route(self) -> Self {
        Self {
            states: self.states,
            ..Self::default()
        }
    }

    /// Checks a complete route against what the handler's arguments read.
    pub(crate) fn settle(&self, document: &mut RouteDocument) -> Result<(), RegistrationFault> {
        if self.bodies > 1 {
            return Err(RegistrationFault::SeveralBodies);
        }
        for values in &self.values {
            let source = values.source;
            let is_own = |each: &ParameterDocument| each.source == source;
            let mut names: Vec<String> = match source {
                ParameterSource::Path => Pattern::parse(&document.path)
                    .iter()
                    .flat_map(|pattern| pattern.captures().map(|(name, _)| name.to_owned()))
                    .collect(),
                _ => Vec::new(),
            };
            if source != ParameterSource::Path {
                let own = document.parameters.iter().filter(|each| is_own(each));
                names.extend(own.map(|each| each.name.clone()));
            }
            if names.len() != values.count {
                return Err(RegistrationFault::Count {
                    source,
                    argument: values.argument,
                    count: values.count,
                    names,
                });
            }
            if values.is_optional {
                let own = document.parameters.iter_mut().filter(|each| is_own(each));
                own.for_each(|each| each.required = false);
            }
        }
        Ok(())
    }
}

/// The schema of a path's hint, refined by that of the handler's type where both are of one type.
fn refined(hint: Option<Value>, schema: Value) -> Value {
    let (Some(Value::Object(hint)), Value::Object(own)) = (hint, &schema) else {
        return schema;
    };
    if hint.get("type") != own.get("type") {
        return schema;
    }
    let mut both: Map<String, Value> = hint;
    both.extend(own.clone());
    both.into()
}
