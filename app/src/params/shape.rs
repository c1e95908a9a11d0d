//! What a parameter's schema asks of its text: which conversions to try, and what to judge after.
//!
//! Read once at start. Most schemas only name a type or a format; those are decided by conversion
//! alone and need no validator at run time.
//! Knows nothing of names, sources' syntax or requests.

use std::borrow::Cow;

use serde_json::Value;
use spikard_middleware::Arguments;
use spikard_proto_http::sabotage;

use super::brackets;
use super::coerce::Coercion;
use super::convert::{Kind, Scalar, deliver_json};
use super::reading::Reading;
use crate::validate::fault::{Fault, Faults, Source};
use crate::validate::rows::Place;
use crate::validate::schema::{Schema, SchemaError};
use crate::validate::sentences::{format_sentence, type_sentence_of};

/// A compiled parameter schema.
#[derive(Debug)]
pub struct Shape {
    form: Form,
    /// Conversions of one text, in the order in which they are tried.
    kinds: Box<[Kind]>,
    /// Whether it is one text that has several conversions, of which the schema may refuse some.
    may_choose: bool,
    /// What conversion does not decide.
    schema: Option<Schema>,
}

/// How what was sent becomes a value.
#[derive(Debug)]
enum Form {
    /// One text is one value.
    Scalar,
    /// Each text is an item, or several with this between them.
    List { separator: Option<Box<str>> },
    /// Names with brackets spell an object, or a list of such.
    Tree(Coercion),
}

/// Where a parameter's faults are reported.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'s> {
    /// Its source.
    pub source: Source,
    /// Its name on the wire, as the one element that `loc` has after the source.
    pub name: &'s [String],
}

impl Shape {
    /// Compiles a schema; without one, a value is text.
    ///
    /// # Errors
    /// [`SchemaError`] when the schema does not compile.
    pub fn compile(document: Option<&Value>) -> Result<Self, SchemaError> {
        let Some(document) = document else {
            let kinds = [Kind::Text(None)].into();
            return Ok(Self {
                form: Form::Scalar,
                kinds,
                may_choose: false,
                schema: None,
            });
        };
        let schema = Schema::compile(document)?;
        let reading = Reading::of(document, document);
        let separator = document.get("separator").and_then(Value::as_str);
        let form = match (reading.nested, reading.list) {
            (true, _) => Form::Tree(Coercion::compile(document)),
            (false, true) if sabotage::is_off("convert/list") => Form::Scalar,
            (false, true) => Form::List {
                separator: separator
                    .filter(|text| !text.is_empty() && !sabotage::is_off("convert/separator"))
                    .map(Box::from),
            },
            (false, false) => Form::Scalar,
        };
        let schema = if reading.plain { None } else { Some(schema) };
        let may_choose = matches!(form, Form::Scalar)
            && reading.kinds.len() > 1
            && !sabotage::is_off("convert/choice");
        Ok(Self {
            form,
            may_choose,
            kinds: reading.kinds.into(),
            schema,
        })
    }

    /// Whether names with brackets spell a value of this shape.
    #[must_use]
    pub fn takes_brackets(&self) -> bool {
        !matches!(self.form, Form::Scalar)
    }

    /// Reads the texts of a tree, each with its keys, at least one.
    pub fn read_tree(
        &self,
        branches: Vec<(Vec<String>, String)>,
        spot: Spot<'_>,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) {
        let Form::Tree(coercion) = &self.form else {
            let texts = match brackets::flat(branches) {
                Ok(texts) => texts,
                Err(tree) => return self.refuse_tree(&tree, spot, faults),
            };
            let texts: Vec<_> = texts.into_iter().map(Cow::Owned).collect();
            return self.read(&texts, spot, arguments, faults);
        };
        let sent = brackets::tree(branches);
        let value = coercion.apply(&sent);
        if self.judge(spot, || value.clone(), || sent, faults) {
            deliver_json(&value, arguments);
        }
    }

    /// Adds the faults of what is no flat list, where one is asked for.
    fn refuse_tree(&self, sent: &Value, spot: Spot<'_>, faults: &mut Faults) {
        let Value::Array(items) = sent else {
            let (kind, message, _) = type_sentence_of("array");
            let fault = Fault::new(spot.source, spot.name.to_vec(), kind, message);
            return faults.push(fault, sent);
        };
        for (index, item) in items
            .iter()
            .enumerate()
            .filter(|(_, item)| !item.is_string())
        {
            let path = [spot.name, &[index.to_string()]].concat();
            faults.push(self.refusal(spot, path), item);
        }
    }

    /// Whether repeated values become a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.form, Form::List { .. })
    }

    /// Converts and judges what was sent, at least one text, and delivers it. Nothing is delivered
    /// when a fault is added; the caller answers with the faults then.
    pub fn read(
        &self,
        texts: &[Cow<'_, str>],
        spot: Spot<'_>,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) {
        match &self.form {
            Form::Scalar => {}
            Form::List { separator: None } => {
                return self.read_list(texts, spot, arguments, faults);
            }
            Form::List {
                separator: Some(separator),
            } => {
                let parts: Vec<Cow<'_, str>> = texts
                    .iter()
                    .flat_map(|text| text.split(&**separator).map(Cow::Borrowed))
                    .collect();
                return self.read_list(&parts, spot, arguments, faults);
            }
            Form::Tree(_) => {
                let branches = texts
                    .iter()
                    .map(|text| (Vec::new(), text.as_ref().to_owned()));
                return self.read_tree(branches.collect(), spot, arguments, faults);
            }
        }
        // The last value wins, as it does for form fields in most frameworks.
        let text = if sabotage::is_off("parameter/last-value") {
            texts.first()
        } else {
            texts.last()
        };
        let Some(text) = text else { return };
        let Some(scalar) = self.convert(text, spot.source) else {
            let fault = self.refusal(spot, spot.name.to_vec());
            return faults.push(fault, &Value::from(text.as_ref()));
        };
        if self.judge(spot, || scalar.to_json(), || text.as_ref().into(), faults) {
            scalar.deliver(arguments);
        }
    }

    fn read_list(
        &self,
        texts: &[Cow<'_, str>],
        spot: Spot<'_>,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) {
        let mut scalars = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match self.convert(text, spot.source) {
                Some(scalar) => scalars.push(scalar),
                None => {
                    let path = [spot.name, &[index.to_string()]].concat();
                    faults.push(self.refusal(spot, path), &Value::from(text.as_ref()));
                }
            }
        }
        let json = || scalars.iter().map(|scalar| scalar.to_json()).collect();
        let sent = || {
            texts
                .iter()
                .map(|text| Value::from(text.as_ref()))
                .collect()
        };
        if scalars.len() < texts.len() || !self.judge(spot, json, sent, faults) {
            return;
        }
        let mark = arguments.begin_list();
        for scalar in &scalars {
            scalar.deliver(arguments);
        }
        // Bounded by the head's size.
        arguments.end_list(mark, scalars.len() as u32);
    }

    /// The first conversion that succeeds and satisfies the schema, else the first that succeeds:
    /// of a number below its minimum, the schema may still admit the text.
    fn convert<'t>(&self, text: &'t str, source: Source) -> Option<Scalar<'t>> {
        let flag = text.is_empty() && source == Source::Query;
        let flag = flag && !sabotage::is_off("convert/empty-flag");
        let mut found = self.kinds.iter().filter_map(|kind| match kind {
            Kind::Boolean if flag => Some(Scalar::Boolean(false)),
            kind => kind.convert(text),
        });
        let first = found.next()?;
        let Some(schema) = self.schema.as_ref().filter(|_| self.may_choose) else {
            return Some(first);
        };
        let mut all = std::iter::once(first).chain(found);
        let admitted = all.find(|scalar| schema.admits(&scalar.to_json()));
        Some(admitted.unwrap_or(first))
    }

    /// Judges a converted value by what conversion did not decide.
    fn judge(
        &self,
        spot: Spot<'_>,
        value: impl FnOnce() -> Value,
        sent: impl FnOnce() -> Value,
        faults: &mut Faults,
    ) -> bool {
        let Some(schema) = &self.schema else {
            return true;
        };
        let before = faults.rows().len();
        let sent = sent();
        let place = Place {
            source: spot.source,
            path: spot.name,
            input: Some(&sent),
        };
        schema.judge(&value(), &place, faults);
        faults.rows().len() == before
    }

    /// The row for a text that is of none of the kinds: it names the first.
    fn refusal(&self, spot: Spot<'_>, path: Vec<String>) -> Fault {
        let (kind, message, context) = match self.kinds.first() {
            Some(Kind::Integer) => type_sentence_of("integer"),
            Some(Kind::Number) => type_sentence_of("number"),
            Some(Kind::Boolean) => type_sentence_of("boolean"),
            Some(Kind::Text(Some((format, _)))) => format_sentence(format),
            Some(Kind::Text(None)) | None => type_sentence_of("string"),
        };
        Fault {
            source: spot.source,
            path,
            kind,
            message,
            input: None,
            exact: None,
            context,
        }
    }
}
