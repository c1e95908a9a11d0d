//! Hooks in TypeScript and Ruby: a class and a module with one method per hook.
//!
//! Whatever keeps hooks takes its methods from there, so that names, order and docs are the
//! contract's. Knows nothing of how a host keeps or calls them.

use spikard_contract::hook::{HOOKS, Hook, HookKind};

use super::HOOK_SOURCE;
use super::ruby;
use super::typescript::{self, camel};

/// `hooks.ts`.
pub(super) fn typescript() -> String {
    let mut out = typescript::head(HOOK_SOURCE, "The five hooks: names, order, methods.");
    let rows = |line: fn(&Hook) -> String| HOOKS.iter().map(line).collect::<String>();
    out.push_str(&format!(
        "\n/** Their names, in the order in which a request meets them. */\n\
         export const PHASES = [\n{}] as const;\n\n\
         /** The name of a hook. */\nexport type Phase = (typeof PHASES)[number];\n\n\
         /** What the functions of a hook receive. */\n\
         export const PHASE_KINDS = {{\n{}}} as const satisfies Record<Phase, \"request\" | \
         \"reply\">;\n\n\
         /** What the engine calls each. */\n\
         export const PHASE_KEYS = {{\n{}}} as const satisfies Record<Phase, string>;\n",
        rows(|hook| format!("  \"{}\",\n", camel(hook.name))),
        rows(|hook| format!("  {}: \"{}\",\n", camel(hook.name), receives(hook))),
        rows(|hook| format!("  {}: \"{}\",\n", camel(hook.name), hook.name)),
    ));
    out.push_str(
        "\n/** Registers hooks, several per phase, in order; each may return a promise. */\n\
         export abstract class HookMethods<RequestHook, ReplyHook> {\n  \
         /** Keeps a function of a phase. */\n  \
         protected abstract hook(phase: Phase, hook: RequestHook | ReplyHook): void;\n",
    );
    for hook in &HOOKS {
        let kind = match hook.kind {
            HookKind::Request => "RequestHook",
            HookKind::Reply => "ReplyHook",
        };
        let name = camel(hook.name);
        out.push('\n');
        let doc = spelled(hook, camel, "undefined");
        out.push_str(&typescript::comment(&doc, 2));
        out.push_str(&format!(
            "  {name}(hook: {kind}): this {{\n    this.hook(\"{name}\", hook);\n    \
             return this;\n  }}\n"
        ));
    }
    out.push_str("}\n");
    out
}

/// `hooks.rb`.
pub(super) fn ruby() -> String {
    let mut out = ruby::head(HOOK_SOURCE);
    let names: Vec<&str> = HOOKS.iter().map(|hook| hook.name).collect();
    out.push_str(&format!(
        "module Spikard\n  # The hooks' names, in the order in which a request meets them.\n  \
         PHASES = %i[{}].freeze\n\n  \
         # Registers hooks, several per phase, in order: a block, or whatever has `call`.\n  \
         # Who includes it keeps the functions: `register_hook(phase, function)`.\n  \
         module HookMethods\n",
        names.join(" ")
    ));
    for (index, hook) in HOOKS.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let name = hook.name;
        out.push_str(&ruby::comment(&spelled(hook, str::to_owned, "nil"), 4));
        out.push_str(&format!(
            "    def {name}(function = nil, &block)\n      \
             register_hook(:{name}, function || block || \
             raise(ArgumentError, \"{name} wants a block\"))\n      self\n    end\n"
        ));
    }
    out.push_str("  end\nend\n");
    out
}

/// `hooks.rbs`.
pub(super) fn ruby_signatures() -> String {
    let mut out = ruby::signatures_head(HOOK_SOURCE);
    let names: Vec<String> = HOOKS.iter().map(|hook| format!(":{}", hook.name)).collect();
    out.push_str(&format!(
        "module Spikard\n  type phase = {}\n\n  PHASES: Array[phase]\n\n  \
         module HookMethods : _HookKeeper\n",
        names.join(" | ")
    ));
    for hook in &HOOKS {
        let (takes, gives) = match hook.kind {
            HookKind::Request => ("Request", "untyped"),
            HookKind::Reply => ("Response", "untyped"),
        };
        out.push_str(&format!(
            "    def {}: (?(^({takes}) -> {gives}) function) ?{{ ({takes}) -> {gives} }} -> self\n",
            hook.name
        ));
    }
    out.push_str(
        "  end\n\n  interface _HookKeeper\n    \
         def register_hook: (phase name, untyped function) -> void\n  end\nend\n",
    );
    out
}

fn receives(hook: &Hook) -> &'static str {
    match hook.kind {
        HookKind::Request => "request",
        HookKind::Reply => "reply",
    }
}

/// A hook's doc, hooks named as the language spells them.
fn spelled(hook: &Hook, spell: fn(&str) -> String, nothing: &str) -> Vec<String> {
    let takes = match hook.kind {
        HookKind::Request => format!(
            "It takes the request, and returns it, or `{nothing}`, or a response that answers."
        ),
        HookKind::Reply => {
            format!("It takes the response, and returns it, or `{nothing}`, or another one.")
        }
    };
    let mut doc = hook.doc.to_owned();
    for other in HOOKS {
        doc = doc.replace(
            &format!("`{}`", other.name),
            &format!("`{}`", spell(other.name)),
        );
    }
    vec![hook.when.to_owned(), format!("{doc} {takes}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_has_its_method() {
        let (typescript, ruby, signatures) = (typescript(), ruby(), ruby_signatures());
        for hook in HOOKS {
            let camel = camel(hook.name);
            assert!(typescript.contains(&format!("  {camel}(hook: ")), "{camel}");
            assert!(typescript.contains(&format!("  {camel}: \"{}\",\n", hook.name)));
            assert!(ruby.contains(&format!("    def {}(function = nil, &block)", hook.name)));
            assert!(signatures.contains(&format!("    def {}: ", hook.name)));
        }
        assert!(
            typescript.contains("go to `onError` instead"),
            "{typescript}"
        );
    }
}
