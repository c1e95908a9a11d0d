//! Lowering of CORS: one policy and one table that answers preflights per different `CorsConfig`.
//!
//! Routes that say the same share a policy, so that a plan does not grow with its routes.
//! Knows nothing of what a policy says.

use std::sync::Arc;

use spikard_contract::config::CorsConfig;
use spikard_middleware::cors::CorsPolicy;
use spikard_middleware::stages::cors::AllowOrigin;
use spikard_middleware::{PlanBuilder, Rank, TableId, plan::Rows};

use crate::route::preflight::Preflight;
use crate::route::tree::Tree;

/// A policy and the table that answers its preflights.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) rules: Arc<CorsPolicy>,
    pub(crate) table: TableId,
}

/// The policies of one plan, the server's among them.
#[derive(Debug, Default)]
pub(crate) struct CrossOrigin {
    policies: Vec<(CorsConfig, Policy)>,
    server: Option<Policy>,
    routes: Vec<Option<TableId>>,
    differs: bool,
}

impl CrossOrigin {
    /// Declares the server's policy, which counts wherever a route does not say otherwise.
    pub(crate) fn new(server: Option<&CorsConfig>, plan: &mut PlanBuilder) -> Self {
        let mut all = Self::default();
        all.server = server.map(|config| all.policy(config, plan));
        all
    }

    /// The policy of the next route.
    pub(crate) fn route(
        &mut self,
        config: Option<&CorsConfig>,
        plan: &mut PlanBuilder,
    ) -> Option<Policy> {
        let policy = config.map(|config| self.policy(config, plan));
        let table = policy.as_ref().map(|policy| policy.table);
        self.differs |= table != self.server.as_ref().map(|policy| policy.table);
        self.routes.push(table);
        policy
    }

    /// The server's.
    pub(crate) fn server(&self) -> Option<&Policy> {
        self.server.as_ref()
    }

    /// All, for their tables to be filled.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().map(|(_, policy)| policy)
    }

    /// The row that finds the policy of a preflight; `None` without policies.
    pub(crate) fn preflight(&self, tree: &Arc<Tree>) -> Option<Preflight> {
        (!self.policies.is_empty()).then(|| Preflight {
            tree: tree.clone(),
            routes: match self.differs {
                true => self.routes.as_slice().into(),
                false => Box::default(),
            },
            server: self.server.as_ref().map(|policy| policy.table),
        })
    }

    fn policy(&mut self, config: &CorsConfig, plan: &mut PlanBuilder) -> Policy {
        if let Some((_, known)) = self.policies.iter().find(|(known, _)| known == config) {
            return known.clone();
        }
        let policy = Policy {
            rules: Arc::new(CorsPolicy::new(config)),
            table: plan.declare("preflight"),
        };
        self.policies.push((config.clone(), policy.clone()));
        policy
    }
}

impl Policy {
    /// Adds the row that says who may read a reply.
    pub(crate) fn row(&self, rows: &mut Rows) {
        rows.reply(Rank::Cors, Arc::new(AllowOrigin(self.rules.clone())));
    }
}
