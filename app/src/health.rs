//! The health endpoints: two routes that the engine adds, and what they answer.
//!
//! They are routes like any other to the tree, so HEAD, OPTIONS and 405 come with them, and have
//! tables of their own, so nothing that guards the application's routes guards them. A probe is
//! known before limits and hooks: an orchestrator must not kill a server that is only busy.
//! Knows nothing of how a worker is stopped; it is told.

use spikard_contract::config::HealthConfig;
use spikard_contract::problem::SERVICE_UNAVAILABLE;
use spikard_middleware::{Exchange, Flow, Local, Problem, RequestStage, TableId};
use spikard_proto_http::{Method, sabotage};

use crate::LowerError;
use crate::app::Route;
use crate::route::pattern::Pattern;
use crate::route::tree::{Builder, InsertError, RouteIndex};

/// What an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Whether the worker runs.
    Live,
    /// Whether it should get traffic.
    Ready,
}

impl Health {
    /// Enters the endpoints into the tree behind the application's routes, with the numbers that
    /// follow theirs. They are answered in the order of the result.
    pub(crate) fn enter(
        config: Option<&HealthConfig>,
        routes: &[Route],
        tree: &mut Builder,
    ) -> Result<Vec<Self>, LowerError> {
        let Some(config) = config else {
            return Ok(Vec::new());
        };
        let mut entered = Vec::with_capacity(2);
        for (health, knob, path) in [
            (Self::Live, "live_path", &config.live_path),
            (Self::Ready, "ready_path", &config.ready_path),
        ] {
            let refuse = |reason: String| LowerError::Health { knob, reason };
            let pattern = Pattern::parse(path).map_err(|error| refuse(error.to_string()))?;
            // Far fewer routes than 2^32 fit in memory.
            let index = (routes.len() + entered.len()) as RouteIndex;
            let inserted = tree.insert(&["GET".to_owned()], &pattern, index);
            inserted.map_err(|error| refuse(clash(error, path, routes)))?;
            entered.push(health);
        }
        Ok(entered)
    }

    /// Where it is.
    pub(crate) fn path(self, config: &HealthConfig) -> &str {
        match self {
            Self::Live => &config.live_path,
            Self::Ready => &config.ready_path,
        }
    }

    /// Name of its table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ready => "ready",
        }
    }
}

fn clash(error: InsertError, path: &str, routes: &[Route]) -> String {
    match error {
        InsertError::Clash { other, .. } => {
            let other = routes.get(other as usize);
            let name = other.map_or("another", |route| &route.document.name);
            format!("the route '{name}' takes GET on {path} already; change one of the two")
        }
        InsertError::TooManyMethods => "there is no room for GET among the methods".to_owned(),
    }
}

impl RequestStage for Health {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        let leaves = *self == Self::Ready && local.is_draining();
        if leaves {
            let problem = Problem::of(&SERVICE_UNAVAILABLE);
            x.fail(&problem.with_detail("The server is being stopped"));
            set(x, b"retry-after", RETRY_AFTER_S);
        } else {
            x.reply.start(200, "application/json");
            x.reply.body.extend_from_slice(br#"{"status":"ok"}"#);
        }
        if !sabotage::is_off("health/no-store") {
            // What was true a moment ago is of no use (RFC 9111 §5.2.2.5).
            set(x, b"cache-control", b"no-store");
        }
        Flow::Reply
    }
}

/// Row of the entry table: takes probes out of the way before limits and hooks could fail them.
#[derive(Debug)]
pub(crate) struct Probe {
    paths: Vec<(Box<[u8]>, TableId)>,
}

impl Probe {
    /// The tables are those of the endpoints, as entered.
    pub(crate) fn new(config: &HealthConfig, tables: &[TableId]) -> Self {
        let paths = [&config.live_path, &config.ready_path];
        let paths = paths.map(|path| path.as_bytes().into());
        Self {
            paths: paths.into_iter().zip(tables.iter().copied()).collect(),
        }
    }
}

impl RequestStage for Probe {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let reads = matches!(x.head.method(), Method::Get | Method::Head);
        let own = self.paths.iter().find(|(path, _)| **path == *x.head.path());
        match own {
            Some((_, table)) if reads && !sabotage::is_off("health/first") => Flow::Goto(*table),
            _ => Flow::Next,
        }
    }
}

/// A literal field is valid.
fn set(x: &mut Exchange, name: &[u8], value: &[u8]) {
    let set = x.reply.fields.set(name, value);
    debug_assert!(set.is_ok());
}

/// When a client may find another process at this address, in seconds.
const RETRY_AFTER_S: &[u8] = b"1";

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(health: Health, draining: bool) -> (u16, Option<Vec<u8>>) {
        let (mut x, mut local) = (Exchange::new(), Local::new([1; 4]));
        if draining {
            local.set_draining();
        }
        assert_eq!(health.run(&mut x, &mut local), Flow::Reply);
        assert_eq!(
            x.reply.fields.get(b"cache-control"),
            Some(b"no-store".as_slice())
        );
        let retry = x.reply.fields.get(b"retry-after").map(<[u8]>::to_vec);
        (x.reply.status, retry)
    }

    #[test]
    fn a_server_that_is_being_stopped_lives_and_is_not_ready() {
        assert_eq!(answered(Health::Ready, false), (200, None));
        assert_eq!(answered(Health::Live, true), (200, None));
        assert_eq!(answered(Health::Ready, true), (503, Some(b"1".to_vec())));
    }
}
