//! The validating rows of a route's table: media type, then parameters and body together.
//!
//! They find every fault of a request before they answer, except faults that make the rest
//! unreadable: those answer 415 or 400 at once.

use std::sync::Arc;

use serde_json::Value;
use spikard_contract::problem::BAD_REQUEST;
use spikard_contract::route::BodyMedia;
use spikard_middleware::{Exchange, Flow, Local, Problem, RequestStage};
use spikard_proto_http::sabotage;

use super::fault::{Fault, Faults, Source};
use super::form::{self, FormKind};
use super::json::{self, JsonFault};
use super::media::refuse_as_json;
use super::rows::Place;
use super::schema::Schema;
use crate::params::extract::Extractor;
use crate::upload::intake::FormRules;
use crate::upload::rules::FileRules;

/// Refuses a body of a media type that the route does not read, before the body is asked for.
#[derive(Debug)]
pub struct RequireJson;

impl RequestStage for RequireJson {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        match if x.has_body() {
            refuse_as_json(&x.head)
        } else {
            None
        } {
            None => Flow::Next,
            Some(problem) => {
                x.fail(&problem);
                Flow::Reply
            }
        }
    }
}

/// What a route asks of its body.
#[derive(Debug)]
pub struct BodyRule {
    /// How its bytes are read.
    pub media: BodyMedia,
    /// What it must satisfy.
    pub schema: Option<Schema>,
    /// Whether an empty body is a fault.
    pub required: bool,
    /// What is made of a form.
    pub form: Arc<FormRules>,
    /// Whether the outline of a JSON body is left in the exchange, for [`json::read`].
    pub keeps_outline: bool,
    /// Whether the host's decoder finds what the schema would: see
    /// [`BodyDocument::host_judges`](spikard_contract::route::BodyDocument::host_judges).
    pub host_judges: bool,
}

/// What a body's reading is bounded by.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Deepest nesting of a JSON body.
    pub json_depth_max: u32,
    /// Most fields of a form.
    pub form_fields_max: u32,
}

impl BodyRule {
    /// Whether this row has anything to do.
    #[must_use]
    pub fn judges(&self) -> bool {
        self.required || self.media != BodyMedia::Bytes
    }

    /// The problem of a JSON body that the host's decoder has refused, as it stands after
    /// [`Validate`]. `None` if the schema admits it.
    #[must_use]
    pub fn second_look(&self, body: &[u8], depth_max: u32) -> Option<Problem> {
        let mut faults = Faults::new();
        if let Err(fault) = self.judge_by_schema(body, depth_max, &mut faults) {
            return Some(json_problem(&fault));
        }
        (!faults.is_empty()).then(|| faults.into_problem())
    }

    /// Judges a JSON body whoever else would.
    fn judge_by_schema(
        &self,
        body: &[u8],
        depth_max: u32,
        faults: &mut Faults,
    ) -> Result<(), JsonFault> {
        if let Some(schema) = &self.schema {
            schema.judge_body(&json::lay_out(body, depth_max)?.tape(), faults);
        }
        Ok(())
    }

    fn judge(
        &self,
        x: &mut Exchange,
        limits: BodyLimits,
        faults: &mut Faults,
    ) -> Result<(), Box<Problem>> {
        if sabotage::is_off("source/body") {
            return Ok(());
        }
        // A form may have no fields at all.
        let kind = match self.media {
            BodyMedia::Form => form::kind(&x.head),
            BodyMedia::Json | BodyMedia::Bytes => None,
        };
        if x.body.is_empty() && kind != Some(FormKind::UrlEncoded) {
            if self.required && !sabotage::is_off("json/empty-body") {
                let fault = Fault::new(Source::Body, Vec::new(), "missing", "Field required");
                faults.push(fault, &Value::Null);
            }
            return Ok(());
        }
        match (self.media, &self.schema) {
            (BodyMedia::Bytes, _) => Ok(()),
            (BodyMedia::Json, schema) => self
                .judge_json(x, schema.as_ref(), limits.json_depth_max, faults)
                .map_err(|fault| Box::new(json_problem(&fault))),
            (BodyMedia::Form, schema) => {
                let fields = match kind {
                    // The intake wrote it, so it is JSON.
                    Some(FormKind::Multipart) => serde_json::from_slice(&x.body)
                        .map_err(|_| Box::new(Problem::of(&BAD_REQUEST)))?,
                    _ => self.form.reading.read(&x.body, limits.form_fields_max)?,
                };
                if let Some(schema) = schema {
                    schema.judge(&fields, &WHOLE_BODY, faults);
                }
                // The host reads the fields as one JSON object, like any other body.
                x.body = fields.to_string().into_bytes();
                Ok(())
            }
        }
    }

    fn judge_json(
        &self,
        x: &mut Exchange,
        schema: Option<&Schema>,
        depth_max: u32,
        faults: &mut Faults,
    ) -> Result<(), JsonFault> {
        if (schema.is_none() || self.host_judges) && !self.keeps_outline {
            return json::check(&x.body, depth_max);
        }
        let laid_out = json::lay_out(&x.body, depth_max)?;
        if let Some(schema) = schema {
            schema.judge_body(&laid_out.tape(), faults);
        }
        if self.keeps_outline {
            laid_out.keep(&mut x.outline);
        }
        Ok(())
    }
}

const WHOLE_BODY: Place<'static> = Place {
    source: Source::Body,
    path: &[],
    input: None,
};

/// Extracts all parameters, judges the body, and answers 422 with every fault found.
#[derive(Debug)]
pub struct Validate<R> {
    /// The route's compiled parameters and body rule.
    pub rules: R,
    /// What bounds the body.
    pub limits: BodyLimits,
}

/// What [`Validate`] works with; the application shares it between the plans it lowers to.
pub trait Rules: Send + Sync {
    /// The parameters.
    fn extractor(&self) -> &Extractor;
    /// The body, if the route takes one.
    fn body(&self) -> Option<&BodyRule>;
    /// The files, if its body is a form.
    fn files(&self) -> Option<&FileRules> {
        self.body().map(|rule| &rule.form.files)
    }
}

impl<R: Rules> Validate<R> {
    fn problem(&self, x: &mut Exchange) -> Option<Problem> {
        let mut faults = Faults::new();
        let body = self.rules.body();
        let judged = body.map_or(Ok(()), |rule| rule.judge(x, self.limits, &mut faults));
        if let Err(problem) = judged
            && !sabotage::is_off("json/syntax")
        {
            return Some(*problem);
        }
        if let Some(files) = self.rules.files() {
            files.judge(&x.uploads, &mut faults);
        }
        let extracted = self
            .rules
            .extractor()
            .extract(&x.head, &mut x.arguments, &mut faults);
        if let Err(fault) = extracted {
            return Some(Problem::of(&BAD_REQUEST).with_detail(fault.to_string()));
        }
        if faults.is_empty() {
            return None;
        }
        // Every fault stands in one answer: those that were left to the host as well.
        if let Some(body) = body.filter(|body| body.host_judges && !x.body.is_empty()) {
            // Its syntax was checked above.
            let _ = body.judge_by_schema(&x.body, self.limits.json_depth_max, &mut faults);
        }
        Some(faults.into_problem())
    }
}

impl<R: Rules> RequestStage for Validate<R> {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        match self.problem(x) {
            None => Flow::Next,
            Some(problem) => {
                x.fail(&problem);
                Flow::Reply
            }
        }
    }
}

/// The 400 of a body that is no sound JSON text, for hosts that read one which nobody declared.
/// `None` if it is sound.
#[must_use]
pub fn unsound_json(body: &[u8], depth_max: u32) -> Option<Problem> {
    let fault = json::check(body, depth_max).err()?;
    Some(json_problem(&fault))
}

/// The 400 of a malformed body, with the place where it is malformed.
fn json_problem(fault: &JsonFault) -> Problem {
    Problem::of(&BAD_REQUEST)
        .with_detail(fault.kind.to_string())
        .with(
            "position",
            fault.position + usize::from(sabotage::is_off("json/position")),
        )
}
