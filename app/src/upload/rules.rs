//! What a route asks of the files it takes, and the rows of those that do not satisfy it.
//!
//! Size is enforced while bytes arrive, by `intake`; here every rule is judged, once all parts are
//! known. A row quotes the filename, never content.

use std::fmt;

use serde_json::Value;
use spikard_contract::route::{ANY_FILE, FileDocument};
use spikard_middleware::{Keeping, Upload, Uploads};
use spikard_proto_http::media::MediaType;
use spikard_proto_http::sabotage;

use super::magic;
use crate::validate::fault::{Fault, Faults, Source};

/// The type of a part that does not say one (RFC 7578 §4.4).
const DEFAULT_TYPE: &str = "text/plain";

/// The rules of one route's files.
#[derive(Debug, Default)]
pub struct FileRules {
    rules: Vec<FileDocument>,
}

/// What can be wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRuleError {
    /// It has no name.
    NoName,
    /// Another rule has the same name.
    Repeated,
    /// The rule of all other names asks for one file, which it cannot name.
    RequiresAny,
    /// A media type is not `type/subtype`, `type/*` or `*/*`.
    Type(String),
}

impl fmt::Display for FileRuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => write!(out, "it has no name; give it the name of its part"),
            Self::Repeated => write!(out, "there are two rules of this name; remove one"),
            Self::RequiresAny => write!(
                out,
                "the rule of all other names cannot be required; name the file that is"
            ),
            Self::Type(media) => write!(
                out,
                "'{media}' is no media type; write 'image/png', 'image/*' or '*/*'"
            ),
        }
    }
}

impl std::error::Error for FileRuleError {}

impl FileRules {
    /// Reads rules.
    ///
    /// # Errors
    /// The name of the rule that is wrong, and why.
    pub fn compile(documents: &[FileDocument]) -> Result<Self, (String, FileRuleError)> {
        let mut rules: Vec<FileDocument> = Vec::with_capacity(documents.len());
        for document in documents {
            let mut rule = document.clone();
            let refuse = |error| Err((document.name.clone(), error));
            if rule.name.is_empty() {
                return refuse(FileRuleError::NoName);
            }
            if rules.iter().any(|other| other.name == rule.name) {
                return refuse(FileRuleError::Repeated);
            }
            if rule.name == ANY_FILE && rule.required {
                return refuse(FileRuleError::RequiresAny);
            }
            for media in &mut rule.types {
                *media = media.trim().to_ascii_lowercase();
                // The star is a token character.
                let known = MediaType::parse(media.as_bytes());
                if !known.is_ok_and(|known| is_range(&known) && !media.contains(';')) {
                    return refuse(FileRuleError::Type(media.clone()));
                }
            }
            rules.push(rule);
        }
        Ok(Self { rules })
    }

    /// Whether the route takes no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule of a part's name.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&FileDocument> {
        let named = |wanted: &str| self.rules.iter().find(|rule| rule.name == wanted);
        named(name).or_else(|| named(ANY_FILE))
    }

    /// Finds every fault of the files of a request.
    pub fn judge(&self, uploads: &Uploads, faults: &mut Faults) {
        if sabotage::is_off("source/files") {
            return;
        }
        for rule in self.rules.iter().filter(|rule| rule.name != ANY_FILE) {
            let mut count = 0;
            for upload in uploads.table() {
                count += usize::from(uploads.text(upload.name) == rule.name);
            }
            if count == 0 && rule.required && !sabotage::is_off("file/required") {
                let fault = file_fault(&rule.name, "missing", "Field required");
                faults.push(fault, &Value::Null);
            }
            if count > 1 && !rule.multiple && !sabotage::is_off("file/multiple") {
                let message = "List should have at most 1 item after validation";
                let fault = file_fault(&rule.name, "too_long", message).with("max_length", 1);
                faults.push(fault, &Value::from(count));
            }
        }
        for (upload, detected) in uploads.iter() {
            if let Some(rule) = self.of(uploads.text(upload.name)) {
                judge_one(rule, uploads, upload, detected, faults);
            }
        }
    }
}

fn judge_one(
    rule: &FileDocument,
    uploads: &Uploads,
    upload: &Upload,
    detected: Option<&'static str>,
    faults: &mut Faults,
) {
    let filename = Value::from(uploads.text(upload.filename));
    let name = uploads.text(upload.name);
    let mut refuse = |kind: &'static str, message: String| {
        faults.push(file_fault(name, kind, message), &filename);
    };
    let media = essence(uploads.text(upload.content_type));
    let is_allowed = rule.types.iter().any(|range| range_has(range, &media));
    if !rule.types.is_empty() && !is_allowed && !sabotage::is_off("file/types") {
        let expected = listed(&rule.types);
        refuse(
            "file_type",
            format!("File should be of type {expected}, not {media}"),
        );
    }
    if upload.size == 0 {
        if !rule.allow_empty && !sabotage::is_off("file/empty") {
            refuse("file_empty", "File should not be empty".to_owned());
        }
        return;
    }
    if let Some(most) = rule.max_size
        && upload.keeping == Keeping::Dropped as u32
    {
        let unit = if most == 1 { "byte" } else { "bytes" };
        refuse(
            "file_too_large",
            format!("File should have at most {most} {unit}"),
        );
    }
    if rule.check_magic && !magic::fits(&media, detected) && !sabotage::is_off("file/magic") {
        let found = match detected {
            Some(detected) => format!("its content looks like {detected}"),
            None => "its content does not look like it".to_owned(),
        };
        refuse(
            "file_magic_mismatch",
            format!("File says that it is {media}, but {found}"),
        );
    }
}

fn file_fault(
    name: &str,
    kind: &'static str,
    message: impl Into<std::borrow::Cow<'static, str>>,
) -> Fault {
    Fault::new(Source::Files, vec![name.to_owned()], kind, message)
}

/// `type/subtype` of a content type, in lower case.
fn essence(content_type: &str) -> String {
    let end = content_type.find(';').unwrap_or(content_type.len());
    match content_type[..end].trim() {
        "" => DEFAULT_TYPE.to_owned(),
        essence => essence.to_ascii_lowercase(),
    }
}

/// Whether a star stands for a whole type only.
fn is_range(media: &MediaType<'_>) -> bool {
    match (media.kind(), media.subtype()) {
        ("*", subtype) => subtype == "*",
        (kind, subtype) => !kind.contains('*') && (subtype == "*" || !subtype.contains('*')),
    }
}

fn range_has(range: &str, media: &str) -> bool {
    match range.strip_suffix('*') {
        Some("*/") => true,
        Some(kind) => media.starts_with(kind),
        None => range == media,
    }
}

/// `a`, `a or b`, `a, b or c`.
fn listed(names: &[String]) -> String {
    match names {
        [rest @ .., before, last] => {
            let mut text = rest.join(", ");
            if !rest.is_empty() {
                text.push_str(", ");
            }
            text + before + " or " + last
        }
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(more: Value) -> FileDocument {
        let mut document = serde_json::json!({"name": "f"});
        let members = document.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn mistakes_in_rules_are_found_at_start() {
        use serde_json::json;
        for (more, error) in [
            (json!({"name": ""}), FileRuleError::NoName),
            (json!({"name": "*"}), FileRuleError::RequiresAny),
            (json!({"types": ["png"]}), FileRuleError::Type("png".into())),
            (
                json!({"types": ["*/png"]}),
                FileRuleError::Type("*/png".into()),
            ),
            (
                json!({"types": ["text/plain; a=b"]}),
                FileRuleError::Type("text/plain; a=b".into()),
            ),
        ] {
            let compiled = FileRules::compile(&[rule(more)]);
            assert_eq!(compiled.unwrap_err().1, error);
        }
        let twice = [rule(json!({})), rule(json!({"required": false}))];
        assert_eq!(
            FileRules::compile(&twice).unwrap_err().1,
            FileRuleError::Repeated
        );
    }

    #[test]
    fn ranges_cover_types() {
        assert!(range_has("*/*", "a/b"));
        assert!(range_has("image/*", "image/png"));
        assert!(!range_has("image/*", "imagery/png"));
        assert!(!range_has("image/png", "image/pngx"));
        assert_eq!(essence(""), "text/plain");
        assert_eq!(essence("Image/PNG; q=1"), "image/png");
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&names), "a, b or c");
        assert_eq!(listed(&names[..2]), "a or b");
        assert_eq!(listed(&names[..1]), "a");
    }
}
