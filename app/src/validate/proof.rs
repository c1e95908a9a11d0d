//! A fast "certainly valid": the usual keywords of a schema, walked over a laid-out text directly.
//!
//! Nearly every body satisfies its schema, so saying so has to be cheap; saying what is wrong has
//! not. A proof never claims more than the validator does: what it cannot prove, be it a fault, a
//! border of floating point or a keyword it does not know, the validator decides.
//! Knows nothing of error rows.

use std::collections::HashMap;

use jsonschema::Validator;

use super::proof_rules::{Length, Members, Range};
use super::scanner::Kind;
use super::tape::{Row, Tape};
use super::tape_node::{TapeNode, Taped};

/// A schema as a graph of nodes. See the module's documentation.
#[derive(Debug)]
pub(super) struct Proof {
    nodes: Vec<Node>,
    /// Of each node the kinds, and what else it asks.
    kinds: Vec<(Kinds, More)>,
    root: NodeId,
}

/// What a node asks besides the kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    /// Nothing, as of most members.
    Nothing,
    /// What is asked of each kind by itself.
    OfKind,
    /// Also what other nodes, or the validator, say of the value.
    OfOthers,
}

/// Index of a [`Node`] in its [`Proof`].
pub(super) type NodeId = usize;

/// What one subschema asks of a value. A field that is absent asks nothing.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The kinds of value that are admitted.
    pub(super) kinds: Kinds,
    pub(super) range: Option<Range>,
    pub(super) length: Option<Length>,
    /// Every item of an array.
    pub(super) items: Option<NodeId>,
    /// How many items an array has.
    pub(super) count: Option<Length>,
    pub(super) members: Option<Box<Members>>,
    /// The strings that are admitted.
    pub(super) choices: Option<Box<[Box<str>]>>,
    /// Every one of these holds, too: `$ref` and `allOf`.
    pub(super) also: Vec<NodeId>,
    /// One of these holds, where there are any: `anyOf`.
    pub(super) any: Vec<NodeId>,
    /// Keywords that only the validator knows, and that stand for themselves.
    pub(super) rest: Option<Box<Validator<Taped>>>,
}

impl Node {
    fn asks_more(&self) -> More {
        let of_scalars = self.range.is_some() || self.length.is_some();
        let of_nested = self.items.is_some() || self.count.is_some() || self.members.is_some();
        let of_all = !self.also.is_empty() || !self.any.is_empty() || self.rest.is_some();
        if of_all || self.choices.is_some() {
            More::OfOthers
        } else if of_scalars || of_nested {
            More::OfKind
        } else {
            More::Nothing
        }
    }

    /// The node that this one only stands for, as a `$ref` without more does.
    fn stands_for(&self) -> Option<NodeId> {
        let asks_else = self.kinds != Kinds::ALL
            || self.range.is_some()
            || self.length.is_some()
            || self.items.is_some()
            || self.count.is_some()
            || self.members.is_some()
            || self.choices.is_some()
            || !self.any.is_empty()
            || self.rest.is_some();
        match self.also[..] {
            [one] if !asks_else => Some(one),
            _ => None,
        }
    }

    /// Has `leads` say where each of its references leads.
    fn redirect(&mut self, leads: impl Fn(NodeId) -> NodeId) {
        let members = self.members.as_deref_mut();
        let properties = members.map(|members| {
            let named = members.properties.iter_mut().map(|one| &mut one.node);
            named.chain(&mut members.additional)
        });
        let own = self
            .items
            .iter_mut()
            .chain(&mut self.also)
            .chain(&mut self.any);
        for node in own.chain(properties.into_iter().flatten()) {
            *node = leads(*node);
        }
    }
}

/// A set of kinds of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(u16::MAX);

    pub(super) fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |set, kind| set | 1 << *kind as u16))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Self::ALL
    }
}

impl Proof {
    /// The graph without detours: what is asked of kinds alone is asked at once, and a node that
    /// only stands for another is passed over.
    pub(super) fn new(mut nodes: Vec<Node>, root: NodeId) -> Self {
        // From the last one: a node comes before those inside it.
        for at in (0..nodes.len()).rev() {
            let kinds = |id: &NodeId| match nodes[*id].asks_more() {
                More::Nothing => Some(nodes[*id].kinds),
                _ => None,
            };
            let any = &nodes[at].any;
            let of_any = any
                .iter()
                .try_fold(Kinds::NONE, |all, one| Some(all.and(kinds(one)?)))
                .filter(|_| !any.is_empty());
            if let Some(of_any) = of_any {
                nodes[at].kinds = nodes[at].kinds.within(of_any);
                nodes[at].any.clear();
            }
        }
        let leads: Vec<NodeId> = (0..nodes.len())
            .map(|at| {
                // Those that only stand for each other in a circle stay: they prove nothing.
                let next = |node: &NodeId| nodes[*node].stands_for();
                let way = std::iter::successors(Some(at), next);
                way.take(nodes.len()).last().unwrap_or(at)
            })
            .collect();
        for node in &mut nodes {
            node.redirect(|id| leads[id]);
        }
        Self {
            kinds: nodes
                .iter()
                .map(|node| (node.kinds, node.asks_more()))
                .collect(),
            nodes,
            root: leads[root],
        }
    }

    /// Whether the text certainly satisfies the schema. False says nothing.
    pub(super) fn holds(&self, tape: Tape<'_>) -> bool {
        let mut walk = Walk {
            proof: self,
            tape,
            steps_left: STEPS_MIN + STEPS_PER_VALUE * tape.values(),
        };
        walk.proves(self.root, 0, tape.row(0), DEPTH_MAX)
    }
}

/// One proof under way.
struct Walk<'w> {
    proof: &'w Proof,
    tape: Tape<'w>,
    /// Alternatives can multiply from level to level; the validator knows how to bound that.
    steps_left: usize,
}

impl Walk<'_> {
    /// Whether the value at row `at` satisfies a node. `depth` bounds references that lead in a
    /// circle.
    #[inline]
    fn proves(&mut self, node: NodeId, at: u32, row: Row, depth: u32) -> bool {
        let (kinds, more) = self.proof.kinds[node];
        kinds.has(row.kind)
            && (more == More::Nothing
                || self.proves_of_kind(node, at, row, depth)
                    && (more == More::OfKind || self.proves_of_others(node, at, row, depth)))
    }

    /// What is asked of the value's kind by itself. Arrays and objects are calls, so that scalars
    /// cost none of what those need.
    #[inline(never)]
    fn proves_of_kind(&mut self, node: NodeId, at: u32, row: Row, depth: u32) -> bool {
        let node = &self.proof.nodes[node];
        match row.kind {
            Kind::Integer | Kind::Number => {
                let range = node.range.as_ref();
                range.is_none_or(|range| range.admits(self.tape.digits(row)))
            }
            Kind::Plain | Kind::Escaped => {
                let length = node.length.as_ref();
                length.is_none_or(|length| self.has_length(length, row))
            }
            Kind::Array => self.proves_items(node, at, row, depth),
            Kind::Object => match &node.members {
                Some(members) => self.proves_members(members, at, row, depth),
                None => true,
            },
            Kind::Null | Kind::False | Kind::True => true,
        }
    }

    /// What other nodes and the validator say, and whether it is one of the strings admitted.
    #[inline(never)]
    fn proves_of_others(&mut self, node: NodeId, at: u32, row: Row, depth: u32) -> bool {
        let node = &self.proof.nodes[node];
        if depth == 0 {
            return false;
        }
        let is =
            |id: &NodeId, walk: &mut Self| walk.takes(1) && walk.proves(*id, at, row, depth - 1);
        let is_chosen = |choices: &[Box<str>]| {
            let content = self.tape.string(row);
            content.is_some_and(|content| choices.iter().any(|choice| **choice == *content))
        };
        node.choices.as_deref().is_none_or(is_chosen)
            && node.also.iter().all(|also| is(also, self))
            && (node.any.is_empty() || node.any.iter().any(|one| is(one, self)))
            && node
                .rest
                .as_ref()
                .is_none_or(|rest| rest.is_valid(TapeNode::At(&self.tape, at)))
    }

    /// Takes so many steps of those that are left, if there are as many.
    fn takes(&mut self, steps: u32) -> bool {
        let left = self.steps_left.checked_sub(steps as usize);
        self.steps_left = left.unwrap_or(0);
        left.is_some()
    }

    #[inline]
    fn has_length(&self, length: &Length, row: Row) -> bool {
        length.admits_bytes(self.tape.bytes(row), row.kind == Kind::Escaped)
            || length.admits_text(&self.tape.string(row).unwrap_or_default())
    }

    #[inline(never)]
    fn proves_items(&mut self, node: &Node, at: u32, row: Row, depth: u32) -> bool {
        let admits = |bounds: &Length| bounds.admits(row.count().into());
        if !node.count.as_ref().is_none_or(admits) {
            return false;
        }
        let Some(items) = node.items else { return true };
        if depth == 0 || !self.takes(row.count()) {
            return false;
        }
        let mut item = at + 1;
        while item < row.next {
            let own = self.tape.row(item);
            if !self.proves(items, item, own, depth - 1) {
                return false;
            }
            item = own.next;
        }
        true
    }

    #[inline(never)]
    fn proves_members(&mut self, members: &Members, at: u32, row: Row, depth: u32) -> bool {
        let admits = |bounds: &Length| bounds.admits(row.count().into());
        let is_within = members.count.as_ref().is_none_or(admits);
        if depth == 0 || !is_within || !self.takes(row.count()) {
            return false;
        }
        let tape = self.tape;
        // Keys are unique, so counting those that are required finds whether one lacks.
        let (mut expected, mut required) = (0, 0);
        let mut key_at = at + 1;
        while key_at < row.next {
            let (key, value) = (tape.row(key_at), tape.row(key_at + 1));
            let found = match key.kind {
                Kind::Plain => members.find(tape.bytes(key), expected),
                _ => members.find(tape.string(key).unwrap_or_default().as_bytes(), expected),
            };
            let node = match found {
                Some(index) => {
                    let property = &members.properties[index];
                    expected = index + 1;
                    required += usize::from(property.required);
                    Some(property.node)
                }
                None => members.additional,
            };
            if node.is_some_and(|node| !self.proves(node, key_at + 1, value, depth - 1)) {
                return false;
            }
            key_at = value.next;
        }
        required == members.required
    }
}

/// Names to their places, for objects of more than a few properties.
pub(super) type Places = HashMap<Box<[u8]>, usize>;

/// Longest chain of nodes from the root to a value: far above any depth limit of bodies.
const DEPTH_MAX: u32 = 2048;

/// Most looks at nodes, in all and per value.
const STEPS_MIN: usize = 256;
const STEPS_PER_VALUE: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::json::lay_out;
    use super::super::proof_compile::compile;

    fn proves(schema: &serde_json::Value, text: &str) -> bool {
        let proof = compile(schema).expect("the schema is of the usual kind");
        let laid_out = lay_out(text.as_bytes(), 64).expect("the text is JSON");
        proof.holds(laid_out.tape())
    }

    #[test]
    fn proves_usual_bodies_and_only_valid_ones() {
        let schema = json!({
            "$ref": "#/$defs/Order",
            "$defs": {
                "Order": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "integer", "minimum": 1 },
                        "state": { "enum": ["open", "paid"] },
                        "note": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
                        "lines": { "type": "array", "items": { "$ref": "#/$defs/Line" } }
                    },
                    "required": ["id", "lines"],
                    "additionalProperties": false
                },
                "Line": {
                    "type": "object",
                    "properties": { "sku": { "type": "string", "pattern": "^[A-Z]+$" } },
                    "required": ["sku"]
                }
            }
        });
        let sound = [
            r#"{"id":1,"lines":[]}"#,
            r#"{"lines":[{"sku":"ABC","more":1}],"id":7,"note":null,"state":"paid"}"#,
            r#"{"id":1,"state":"\u006fpen","lines":[]}"#,
        ];
        for text in sound {
            assert!(proves(&schema, text), "{text}");
        }
        let unsound = [
            r#"{"id":0,"lines":[]}"#,
            r#"{"id":1.5,"lines":[]}"#,
            r#"{"lines":[]}"#,
            r#"{"id":1,"lines":[],"extra":1}"#,
            r#"{"id":1,"lines":[{"sku":"abc"}]}"#,
            r#"{"id":1,"lines":[],"state":"lost"}"#,
            r#"{"id":1,"lines":[],"note":4}"#,
        ];
        for text in unsound {
            assert!(!proves(&schema, text), "{text}");
        }
    }

    #[test]
    fn references_in_a_circle_and_alternatives_that_multiply_prove_nothing() {
        assert!(!proves(&json!({ "$ref": "#" }), "1"));
        let twice = json!({
            "anyOf": [
                { "type": "array", "items": { "$ref": "#" } },
                { "type": "array", "items": { "$ref": "#" } },
                { "type": "null" }
            ]
        });
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        assert!(!proves(&twice, &deep));
        assert!(proves(&twice, "[[null],[]]"));
    }

    #[test]
    fn what_is_asked_of_kinds_alone_is_asked_of_all_that_lead_there() {
        let either = json!({
            "type": ["string", "integer"], "anyOf": [{ "type": "string" }, { "type": "null" }]
        });
        assert!(proves(&either, r#""a""#));
        assert!(!proves(&either, "1"));
        assert!(!proves(&either, "null"));
        let list = json!({
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Next" } } },
                "Next": { "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] },
                "One": { "$ref": "#/$defs/Other" },
                "Other": { "$ref": "#/$defs/One" }
            }
        });
        assert!(proves(&list, r#"{"next":{"next":{"next":null}}}"#));
        assert!(!proves(&list, r#"{"next":{"next":{"next":1}}}"#));
        let mut circle = list;
        circle["$ref"] = "#/$defs/One".into();
        assert!(!proves(&circle, "{}"));
    }

    #[test]
    fn keywords_that_look_beyond_their_own_node_are_left_to_the_validator() {
        for schema in [
            json!({ "unevaluatedProperties": false }),
            json!({ "$id": "https://example.com/a", "type": "object" }),
            json!({ "oneOf": [{ "$ref": "#/$defs/a" }], "$defs": { "a": true } }),
            json!({ "patternProperties": { "^a": true }, "additionalProperties": false }),
            json!({ "some-new-keyword": 1 }),
        ] {
            assert!(compile(&schema).is_none(), "{schema}");
        }
    }
}
