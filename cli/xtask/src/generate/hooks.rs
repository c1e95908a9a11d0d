//! Hooks: the decorators of Python, and the manual's page.

use spikard_contract::hook::{HOOKS, Hook, HookKind};

use super::HOOK_SOURCE;
use super::python::docstring;
use super::words::notice;

/// `_generated/hooks.py`: a class with one decorator per hook, for whatever keeps hooks.
pub(super) fn python() -> String {
    let mut out = format!(
        "# {}\n\"\"\"The decorators of the five hooks.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from collections.abc import Awaitable, Callable\n\
         from typing import TYPE_CHECKING, Any, Final, TypeVar\n\n\
         if TYPE_CHECKING:\n    from spikard import Request, Response\n\n\
         PHASES: Final = ({})\n\
         \"\"\"Their names, in the order in which a request meets them.\"\"\"\n",
        notice(HOOK_SOURCE),
        HOOKS.map(|hook| format!("\"{}\"", hook.name)).join(", ")
    );
    out.push_str(
        "\nRequestHook = TypeVar(\n    \"RequestHook\",\n    bound=\"Callable[[Request], \
         Request | Response | None | Awaitable[Request | Response | None]]\",\n)\n\
         ReplyHook = TypeVar(\n    \"ReplyHook\",\n    \
         bound=\"Callable[[Response], Response | None | Awaitable[Response | None]]\",\n)\n\n\n\
         class HookDecorators:\n    \
         \"\"\"Registers hooks: `def` or `async def`, several per phase, in order.\"\"\"\n\n    \
         __slots__ = ()\n\n    \
         def _hook(self, phase: str, function: Callable[..., Any]) -> None:\n        \
         \"\"\"Keep a function of a phase.\"\"\"\n        raise NotImplementedError\n",
    );
    for hook in HOOKS {
        push(&mut out, &hook);
    }
    out
}

fn push(out: &mut String, hook: &Hook) {
    let (variable, takes) = match hook.kind {
        HookKind::Request => (
            "RequestHook",
            "It takes the request, and returns it, or nothing, or a `Response` that answers.",
        ),
        HookKind::Reply => (
            "ReplyHook",
            "It takes the `Response`, and returns it, or nothing, or another one.",
        ),
    };
    out.push_str(&format!(
        "\n    def {}(self, hook: {variable}) -> {variable}:\n",
        hook.name
    ));
    out.push_str(&format!("        \"\"\"{}\n\n", hook.when));
    let rest = docstring(&format!("{} {takes}", words(hook.doc)), 8);
    out.push_str(&rest.replacen("\"\"\"", "", 1));
    let call = format!(
        "        self._hook(\"{}\", hook)\n        return hook\n",
        hook.name
    );
    out.push_str(&call);
}

/// `docs/reference/hooks.md`.
pub(super) fn manual() -> String {
    let mut out = format!(
        "<!-- {} -->\n\n# Hooks\n\nIn the order in which one request meets them. Several hooks of \
         a phase run in the order of registration.\n\n\
         | hook | receives | when | what it may do |\n| --- | --- | --- | --- |\n",
        notice(HOOK_SOURCE)
    );
    for hook in HOOKS {
        let receives = match hook.kind {
            HookKind::Request => "the request",
            HookKind::Reply => "the reply",
        };
        out.push_str(&format!(
            "| `{}` | {receives} | {} | {} |\n",
            hook.name,
            words(hook.when),
            words(hook.doc)
        ));
    }
    out
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
