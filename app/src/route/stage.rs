//! The routing rows: from the entry table to a route's own, or to an answer that needs no route.
//!
//! What the answers say is written once at start; a request only copies.
//! Knows nothing of what a route's table does.

use std::sync::Arc;

use spikard_contract::problem::ProblemType;
use spikard_middleware::problem::PROBLEM_JSON;
use spikard_middleware::{Exchange, Flow, Local, Problem, Reply, RequestStage, TableId};
use spikard_proto_http::sabotage;

use super::tree::{Found, Tree};

/// Where each answer of the tree leads.
#[derive(Debug)]
pub struct Targets {
    /// The table of each route, by its number.
    pub routes: Box<[TableId]>,
    /// 404.
    pub not_found: TableId,
    /// 405.
    pub not_allowed: TableId,
    /// OPTIONS that the engine answers.
    pub options: TableId,
    /// 400: a path that does not decode.
    pub bad_path: TableId,
}

/// Last row of the entry table: jumps to the table of the route, or of the answer.
#[derive(Debug)]
pub struct Route {
    /// The match tree.
    pub tree: Arc<Tree>,
    /// The tables.
    pub targets: Targets,
}

impl RequestStage for Route {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let targets = &self.targets;
        Flow::Goto(match self.tree.find(x.head.method_bytes(), x.head.path()) {
            // The tree yields the numbers that `lower` gave it, one per table.
            Found::Mismatch(_) if sabotage::is_off("route/mismatch") => targets.not_found,
            Found::Options(_) if sabotage::is_off("route/options") => targets.not_found,
            Found::Route(route) | Found::Mismatch(route) => targets.routes[route as usize],
            Found::Options(_) => targets.options,
            Found::MethodNotAllowed(_) => targets.not_allowed,
            Found::NotFound => targets.not_found,
            Found::BadPath => targets.bad_path,
        })
    }
}

/// A problem without facts of its own, serialised once.
#[derive(Debug)]
pub struct StandingProblem {
    status: u16,
    body: Box<[u8]>,
}

impl StandingProblem {
    /// The problem of a type, with another detail if the type's own is too general.
    #[must_use]
    pub fn new(kind: &'static ProblemType, detail: Option<&'static str>) -> Self {
        let problem = Problem::of(kind);
        let problem = match detail {
            Some(detail) => problem.with_detail(detail),
            None => problem,
        };
        let mut reply = Reply::new();
        problem.write(&mut reply);
        Self {
            status: kind.status,
            body: reply.body.into(),
        }
    }

    fn write(&self, reply: &mut Reply) {
        let close = reply.close;
        reply.start(self.status, PROBLEM_JSON);
        reply.close = close;
        reply.is_failure = true;
        reply.body.extend_from_slice(&self.body);
    }
}

impl RequestStage for StandingProblem {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        self.write(&mut x.reply);
        Flow::Reply
    }
}

/// 405 with its `Allow` (RFC 9110 §15.5.6), or 204 with it for an automatic OPTIONS (§9.3.7).
#[derive(Debug)]
pub struct Allow {
    /// The match tree, asked again: this row is off the hot path, and saves the exchange a field.
    pub tree: Arc<Tree>,
    /// The 405; `None` for OPTIONS.
    pub problem: Option<StandingProblem>,
}

impl RequestStage for Allow {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        match &self.problem {
            Some(problem) => problem.write(&mut x.reply),
            None => {
                x.reply.clear();
                x.reply.status = 204;
            }
        }
        if sabotage::is_off("route/allow") {
            return Flow::Reply;
        }
        if let Found::Options(set) | Found::MethodNotAllowed(set) =
            self.tree.find(x.head.method_bytes(), x.head.path())
        {
            // Method names are tokens, so the line is a valid field value.
            let set = x
                .reply
                .fields
                .set(b"allow", self.tree.allow_line(set).as_bytes());
            debug_assert!(set.is_ok());
        }
        Flow::Reply
    }
}
