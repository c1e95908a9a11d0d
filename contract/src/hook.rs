//! The five hooks: their names, their order, what each may do; and the document by which a binding
//! says that an application has some.
//!
//! A binding keeps the functions and fuses those that stand beside each other into one crossing, so
//! the document only has what the engine must stop for. It crosses the ABI as JSON.

use serde::{Deserialize, Serialize};

use crate::route::Placement;

/// One of the five hooks, as declared.
#[derive(Debug, Clone, Copy)]
pub struct Hook {
    /// Its name in a document and in Rust and Python.
    pub name: &'static str,
    /// What its functions receive and may return.
    pub kind: HookKind,
    /// One line: when it runs.
    pub when: &'static str,
    /// What its functions may do, as sentences.
    pub doc: &'static str,
}

/// What the functions of a hook receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookKind {
    /// The request: they may change it, or answer in the handler's place.
    Request,
    /// The reply: they may change or replace it.
    Reply,
}

/// The hooks, in the order in which one request meets them.
pub const HOOKS: [Hook; 5] = [
    Hook {
        name: "on_request",
        kind: HookKind::Request,
        when: "Before routing, on every request whose head could be read.",
        doc: "The route is not known yet and the body is not read. A changed header is what \
              routing, validation and the handler see.",
    },
    Hook {
        name: "pre_validation",
        kind: HookKind::Request,
        when: "After routing, with the body read, before parameters and body are validated.",
        doc: "A changed header is what header parameters are read from.",
    },
    Hook {
        name: "pre_handler",
        kind: HookKind::Request,
        when: "After validation, before the handler.",
        doc: "The place for authorisation: the request is valid, and what is put into its state \
              reaches the handler.",
    },
    Hook {
        name: "on_response",
        kind: HookKind::Reply,
        when: "After the handler, or a hook before it, has given a reply.",
        doc: "It may change or replace the reply, before the first byte is sent. Replies that a \
              failure made go to `on_error` instead.",
    },
    Hook {
        name: "on_error",
        kind: HookKind::Reply,
        when: "When a failure made the reply: an exception, a refused value, a deadline, no route.",
        doc: "It may change or replace the reply, and sees what went wrong.",
    },
];

/// The crossings that an application's hooks need beside those of its handlers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HooksDocument {
    /// The hooks before routing.
    #[serde(default)]
    pub on_request: Option<HookDocument>,
    /// The hooks before validation, of routes that name none of their own.
    #[serde(default)]
    pub pre_validation: Option<HookDocument>,
    /// The hooks on failures, where no route is known or it names none of its own.
    #[serde(default)]
    pub on_error: Option<HookDocument>,
}

/// All functions of one hook, entered in one crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookDocument {
    /// The host's own number for them; handed back with every call.
    pub function: u32,
    /// Where the host runs them.
    #[serde(default)]
    pub placement: Placement,
}

/// Hooks of one route in place of the application's. Which of the application's run with them is
/// the binding's to say: it keeps the functions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteHooksDocument {
    /// The hooks before validation.
    #[serde(default)]
    pub pre_validation: Option<HookDocument>,
    /// The hooks on failures.
    #[serde(default)]
    pub on_error: Option<HookDocument>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_read_and_refuse_unknown_keys() {
        let text = r#"{"on_request":{"function":3},"on_error":null}"#;
        let document: HooksDocument = serde_json::from_str(text).expect("it is one");
        let expected = HookDocument {
            function: 3,
            placement: Placement::default(),
        };
        assert_eq!(document.on_request, Some(expected));
        assert_eq!(document.on_error, None);
        assert!(serde_json::from_str::<HooksDocument>(r#"{"on_start":null}"#).is_err());
    }

    #[test]
    fn every_hook_is_described() {
        for hook in HOOKS {
            assert!(
                hook.when.ends_with('.') && hook.doc.ends_with('.'),
                "{}",
                hook.name
            );
        }
    }
}
