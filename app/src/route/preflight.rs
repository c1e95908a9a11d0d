//! The preflight row: finds the CORS policy that a preflight is about.
//!
//! A preflight asks about the request that would follow it, so it is routed by that request's
//! method. Where no policy counts it is an OPTIONS request like any other.
//! Knows nothing of what a policy says.

use std::sync::Arc;

use spikard_middleware::cors::{is_preflight, requested_method};
use spikard_middleware::{Exchange, Flow, Local, RequestStage, TableId};
use spikard_proto_http::sabotage;

use super::tree::{Found, Tree};

/// Row of the entry table: jumps to the table that answers, if one does.
#[derive(Debug)]
pub struct Preflight {
    /// The match tree.
    pub tree: Arc<Tree>,
    /// The table of each route's policy, by the route's number. Empty if none has one of its own;
    /// routes that the engine adds stand behind, and have the server's.
    pub routes: Box<[Option<TableId>]>,
    /// The table of the server's policy.
    pub server: Option<TableId>,
}

impl RequestStage for Preflight {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        if !is_preflight(&x.head) || sabotage::is_off("cors/preflight") {
            return Flow::Next;
        }
        let table = if self.routes.is_empty() || sabotage::is_off("cors/preflight-route") {
            self.server
        } else {
            match self.tree.find(requested_method(&x.head), x.head.path()) {
                Found::Route(route) | Found::Mismatch(route) => {
                    let own = self.routes.get(route as usize);
                    own.copied().unwrap_or(self.server)
                }
                _ => self.server,
            }
        };
        table.map_or(Flow::Next, Flow::Goto)
    }
}
