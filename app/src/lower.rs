//! Lowering: from an application and its configuration to the function table.
//!
//! A row exists only where it has work to do; what comes before what is `Rank`'s decision.
//! Knows nothing of what the rows do when they run.

use std::path::Path;
use std::sync::Arc;

use spikard_contract::config::{ServerConfig, millis};
use spikard_contract::hook::{HookDocument, HooksDocument};
use spikard_contract::own::Own;
use spikard_contract::problem::{BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND};
use spikard_contract::route::BodyMedia;
use spikard_contract::status::Purpose;
use spikard_middleware::flow::Sink;
use spikard_middleware::plan::Rows;
use spikard_middleware::rate::{Memory, Private};
use spikard_middleware::stages::access_log::{AccessFormat, Began};
use spikard_middleware::stages::await_body::AwaitBody;
use spikard_middleware::stages::await_hooks::AwaitHooks;
use spikard_middleware::stages::await_host::AwaitHost;
use spikard_middleware::stages::body_limit::BodyLimit;
use spikard_middleware::stages::content_coding::ContentCoding;
use spikard_middleware::stages::cors::AnswerPreflight;
use spikard_middleware::stages::deadline::Deadline;
use spikard_middleware::stages::rate_limit::RateLimitFields;
use spikard_middleware::stages::request_id::{AssignRequestId, EchoRequestId};
use spikard_middleware::stages::security_headers::SecurityHeaders;
use spikard_middleware::stages::show_fault::ShowFault;
use spikard_middleware::stages::show_trace::ShowTrace;
use spikard_middleware::{
    ErrorHooks, Plan, PlanBuilder, Rank, RequestStage, Segment, SegmentId, TableId,
};
use spikard_proto_http::sabotage;

use crate::LowerError;
use crate::app::{App, Route};
use crate::auth::Guards;
use crate::cross_origin::{CrossOrigin, Policy};
use crate::files::lower::mounts;
use crate::files::mount::Mount;
use crate::files::stage::ServeFile;
use crate::health::{Health, Probe};
use crate::limits;
use crate::protect;
use crate::route::stage::{Allow, Route as RouteStage, StandingProblem, Targets};
use crate::route::tree::Tree;
use crate::upload::intake::{IntakeLimits, OpenForm};
use crate::validate::form::RequireForm;
use crate::validate::stage::{BodyLimits, BodyRule, RequireJson, Validate};

/// Methods whose requests usually have a body: a route that takes one reads the body and forgets
/// it, so that the connection can be kept.
const BODY_METHODS: [&str; 3] = ["POST", "PUT", "PATCH"];

impl App {
    /// Compiles the application to a plan. The application can be lowered again, with another
    /// configuration.
    ///
    /// # Errors
    /// See [`LowerError`].
    pub fn lower(&self, config: &ServerConfig) -> Result<Plan, LowerError> {
        self.lower_in(config, &Private::new())
    }

    /// The same, with rate limits that count in `memory`.
    ///
    /// # Errors
    /// See [`LowerError`].
    pub fn lower_in(&self, config: &ServerConfig, memory: &dyn Memory) -> Result<Plan, LowerError> {
        if let Some(path) = &config.spool_directory
            && !Path::new(path).is_dir()
        {
            return Err(LowerError::SpoolDirectory(path.clone()));
        }
        let mut tree = self.tree.clone();
        let health = Health::enter(config.health.as_ref(), &self.routes, &mut tree)?;
        let first = self.routes.len() + health.len();
        let mounts = mounts(&config.static_files, first, &mut tree)?;
        protect::check(config, &mounts)?;
        let tree = Arc::new(tree.finish());
        let mut plan = PlanBuilder::new();
        let entry = plan.declare("entry");
        let guards = Guards::of(config, &mut plan)?;
        let mut lowering = Lowering {
            config,
            hooks: &self.hooks,
            on_error: None,
            cross_origin: CrossOrigin::new(config.cors.as_ref(), &mut plan),
            memory,
            security_headers: (config.security_headers.as_ref())
                .map(|config| Arc::new(SecurityHeaders::new(config))),
            access: AccessFormat::of(config),
            guards,
            plan,
        };
        let timeout_ms = config.request_timeout.map(millis);
        lowering.on_error = lowering.error_hooks(self.hooks.on_error, "", timeout_ms);
        let routes = self.routes.iter().map(|route| lowering.route(route));
        let mut routes = routes.collect::<Result<Vec<_>, _>>()?;
        // In the order of the numbers that the tree has for them.
        let probes: Vec<TableId> = (health.into_iter())
            .map(|health| lowering.probe(health))
            .collect();
        routes.extend(&probes);
        routes.extend(mounts.into_iter().map(|mount| lowering.files(mount)));
        let targets = Targets {
            routes: routes.into(),
            not_found: lowering.unrouted("404", StandingProblem::new(&NOT_FOUND, None)),
            not_allowed: lowering.unrouted("405", Allow::refusal(&tree)),
            options: lowering.unrouted("options", Allow::answer(&tree)),
            bad_path: lowering.unrouted("400", StandingProblem::new(&BAD_REQUEST, Some(BAD_PATH))),
        };
        let refused = lowering.plan.declare("refused");
        // What was no request is no affair of hooks.
        let mut rows = lowering.rows();
        rows.on_error(None);
        lowering.plan.fill(refused, rows);
        lowering.preflights();
        lowering.entry(entry, RouteStage { tree, targets }, &probes)?;
        Ok(lowering.plan.build(entry, refused))
    }
}

const BAD_PATH: &str = "The request path is not percent-encoded UTF-8";

impl Allow {
    fn refusal(tree: &Arc<Tree>) -> Self {
        let problem = StandingProblem::new(&METHOD_NOT_ALLOWED, None);
        Self {
            tree: tree.clone(),
            problem: Some(problem),
        }
    }

    fn answer(tree: &Arc<Tree>) -> Self {
        Self {
            tree: tree.clone(),
            problem: None,
        }
    }
}

/// One lowering under way.
pub(crate) struct Lowering<'l> {
    pub(crate) config: &'l ServerConfig,
    hooks: &'l HooksDocument,
    /// The hooks on errors of tables that have none of their own.
    on_error: Option<ErrorHooks>,
    cross_origin: CrossOrigin,
    memory: &'l dyn Memory,
    security_headers: Option<Arc<SecurityHeaders>>,
    pub(crate) access: Option<Arc<AccessFormat>>,
    guards: Guards,
    plan: PlanBuilder,
}

impl Lowering<'_> {
    /// The rows of a table that no route has a say in: those on the finished reply.
    fn rows(&self) -> Rows {
        let mut rows = self.rows_as_they_are();
        self.compression_row(&mut rows);
        rows
    }

    /// The same, where nothing is compressed.
    fn rows_as_they_are(&self) -> Rows {
        let mut rows = self.rows_under(self.cross_origin.server());
        self.access_row(None, &mut rows);
        rows
    }

    /// The rows that every table has, with the CORS policy that counts for it.
    fn rows_under(&self, policy: Option<&Policy>) -> Rows {
        let mut rows = Rows::new();
        if let Some(policy) = policy {
            policy.row(&mut rows);
        }
        if let Some(headers) = &self.security_headers {
            rows.reply(Rank::SecurityHeaders, headers.clone());
        }
        if self.config.enable_request_id {
            rows.reply(Rank::RequestIdEcho, Arc::new(EchoRequestId));
        }
        if self.config.rate_limit.is_some() {
            rows.reply(Rank::RateLimitFields, Arc::new(RateLimitFields));
        }
        rows.on_error(self.on_error);
        rows
    }

    /// A segment of hooks; `route` is empty where none is known.
    fn hook_segment(&mut self, hook: HookDocument, purpose: Purpose, route: &str) -> SegmentId {
        let name = match purpose {
            Purpose::OnRequest => "on_request hooks",
            Purpose::PreValidation => "pre_validation hooks",
            Purpose::OnError | Purpose::Handler => "on_error hooks",
        };
        self.plan.segment(Segment {
            function: hook.function,
            purpose,
            route: route.into(),
            name: name.into(),
            placement: hook.placement,
        })
    }

    fn error_hooks(
        &mut self,
        hook: Option<HookDocument>,
        route: &str,
        timeout_ms: Option<u64>,
    ) -> Option<ErrorHooks> {
        let hook = hook.filter(|_| !sabotage::is_off("hooks/on_error"))?;
        Some(ErrorHooks {
            segment: self.hook_segment(hook, Purpose::OnError, route),
            timeout_ms,
        })
    }

    /// The row of hooks that see the request.
    fn hook_row(
        &mut self,
        rows: &mut Rows,
        hook: Option<HookDocument>,
        rank: Rank,
        route: &str,
        timeout_ms: Option<u64>,
    ) {
        let Some(hook) = hook else { return };
        let purpose = match rank {
            Rank::OnRequest => Purpose::OnRequest,
            _ => Purpose::PreValidation,
        };
        let stage = AwaitHooks {
            segment: self.hook_segment(hook, purpose, route),
            timeout_ms,
        };
        rows.request(rank, Arc::new(stage));
    }

    fn entry(
        &mut self,
        table: TableId,
        route: RouteStage,
        probes: &[TableId],
    ) -> Result<(), LowerError> {
        let mut rows = self.rows();
        if self.access.is_some() {
            rows.request(Rank::Began, Arc::new(Began));
        }
        if let Some(health) = &self.config.health {
            rows.request(Rank::Health, Arc::new(Probe::new(health, probes)));
        }
        if self.config.enable_request_id {
            rows.request(Rank::RequestId, Arc::new(AssignRequestId));
        }
        if self.config.reload {
            rows.request(Rank::Fault, Arc::new(ShowFault));
        }
        let hook = self
            .hooks
            .on_request
            .filter(|_| !sabotage::is_off("hooks/on_request"));
        let timeout_ms = self.config.request_timeout.map(millis);
        self.hook_row(&mut rows, hook, Rank::OnRequest, "", timeout_ms);
        if let Some(preflight) = self.cross_origin.preflight(&route.tree) {
            rows.request(Rank::Preflight, Arc::new(preflight));
        }
        limits::entry_rows(self.memory, self.config, &mut rows)?;
        rows.request(Rank::Route, Arc::new(route));
        self.plan.fill(table, rows);
        Ok(())
    }

    /// Fills the tables that answer preflights; the answer says by itself what CORS asks for.
    fn preflights(&mut self) {
        for policy in self.cross_origin.all() {
            let mut rows = self.rows_under(None);
            // A browser's question never enters the host.
            rows.on_error(None);
            let answer = AnswerPreflight(policy.rules.clone());
            rows.request(Rank::Handler, Arc::new(answer));
            self.plan.fill(policy.table, rows);
        }
    }

    /// A table that answers by itself, with these rows on its replies. It asks for auth if its path
    /// is one of those that are protected.
    fn answer(
        &mut self,
        name: impl Into<Box<str>>,
        path: Option<&str>,
        mut rows: Rows,
        stage: impl RequestStage + 'static,
    ) -> TableId {
        let table = self.plan.declare(name);
        if path.is_some_and(|path| protect::covers(self.config, path)) {
            self.guards.all(&mut rows);
        }
        rows.request(Rank::Handler, Arc::new(stage));
        self.plan.fill(table, rows);
        table
    }

    /// The table of requests that no route takes.
    fn unrouted(&mut self, name: &str, stage: impl RequestStage + 'static) -> TableId {
        let rows = self.rows();
        self.answer(name, None, rows, stage)
    }

    /// The table of a mount of static files.
    fn files(&mut self, mount: Mount) -> TableId {
        let rows = match mount.is_compressed {
            true => self.rows(),
            false => self.rows_as_they_are(),
        };
        let mount = Arc::new(mount);
        let name = format!("files {}", mount.prefix);
        let stage = ServeFile(mount.clone());
        self.answer(name, Some(&mount.prefix), rows, stage)
    }

    /// The table of a health endpoint. Its answer never enters the host.
    fn probe(&mut self, health: Health) -> TableId {
        let mut rows = self.rows();
        rows.on_error(None);
        let config = self.config.health.as_ref();
        let path = config.map_or("", |config| health.path(config));
        self.answer(health.name(), Some(path), rows, health)
    }

    fn route(&mut self, route: &Route) -> Result<TableId, LowerError> {
        let document = &route.document;
        let name = format!("{} {}", document.methods.join(","), document.path);
        let table = self.plan.declare(name.as_str());
        let cors = heard(&document.cors, "cors").or(&self.config.cors);
        let policy = self.cross_origin.route(cors, &mut self.plan);
        let mut rows = self.rows_under(policy.as_ref());
        self.guards.rows(document, &mut rows)?;
        self.limit_rows(&name, route, &mut rows)?;
        if document.compression || sabotage::is_off("compression/route") {
            self.compression_row(&mut rows);
        }
        self.access_row(Some(&document.path), &mut rows);
        self.body_rows(route, &mut rows);
        self.response_row(route, &mut rows)?;
        if self.config.dev {
            rows.reply(Rank::Trace, Arc::new(ShowTrace));
        }
        if let Some(headers) = &route.headers {
            rows.reply(Rank::RouteHeaders, headers.clone());
        }
        let timeout = heard(&document.request_timeout, "timeout");
        let timeout_ms = timeout
            .or(&self.config.request_timeout)
            .copied()
            .map(millis);
        self.hook_rows(route, &mut rows, timeout_ms);
        if let Some(after_ms) = timeout_ms {
            rows.request(Rank::Deadline, Arc::new(Deadline { after_ms }));
        }
        let segment = self.plan.segment(Segment {
            function: document.handler,
            purpose: Purpose::Handler,
            route: document.path.as_str().into(),
            name: document.name.as_str().into(),
            placement: document.placement,
        });
        rows.request(Rank::Handler, Arc::new(AwaitHost(segment)));
        self.plan.fill(table, rows);
        Ok(table)
    }

    /// The rows of hooks that know the route.
    fn hook_rows(&mut self, route: &Route, rows: &mut Rows, timeout_ms: Option<u64>) {
        let (own, path) = (&route.document.hooks, route.document.path.as_str());
        let hook = own.pre_validation.or(self.hooks.pre_validation);
        let hook = hook.filter(|_| !sabotage::is_off("hooks/pre_validation"));
        self.hook_row(rows, hook, Rank::PreValidation, path, timeout_ms);
        let hooks = self.error_hooks(own.on_error.or(self.hooks.on_error), path, timeout_ms);
        rows.on_error(hooks);
    }

    /// The rows of the route's own rate limit.
    fn limit_rows(&self, name: &str, route: &Route, rows: &mut Rows) -> Result<(), LowerError> {
        let own = route.document.rate_limit.as_ref();
        if let Some(limit) = own.filter(|_| !sabotage::is_off("rate-limit/route")) {
            let stage = limits::stage(self.memory, name, limit)?;
            rows.request(Rank::RouteRateLimit, stage);
            if self.config.rate_limit.is_none() {
                rows.reply(Rank::RateLimitFields, Arc::new(RateLimitFields));
            }
        }
        Ok(())
    }

    fn open_form(&self, rule: &BodyRule) -> OpenForm {
        let config = self.config;
        let directory = config.spool_directory.as_deref();
        OpenForm {
            rules: rule.form.clone(),
            limits: IntakeLimits {
                parts_max: config.max_form_fields as usize,
                form_bytes_max: config.max_form_memory,
                // Its range ends at 1 GiB.
                memory_bytes_max: config.spool_threshold as usize,
                directory: directory.map(|path| Path::new(path).into()),
            },
        }
    }

    /// The rows from the body's limit through validation.
    fn body_rows(&self, route: &Route, rows: &mut Rows) {
        let document = &route.document;
        let limit = heard(&document.max_body_size, "body-limit");
        if let Some(&bytes_max) = limit.or(&self.config.max_body_size) {
            rows.request(Rank::BodyLimit, Arc::new(BodyLimit { bytes_max }));
        }
        match &document.body {
            Some(body) => {
                match body.media {
                    BodyMedia::Json => {
                        rows.request(Rank::MediaType, Arc::new(RequireJson));
                    }
                    BodyMedia::Form => {
                        rows.request(Rank::MediaType, Arc::new(RequireForm));
                        if let Some(rule) = &route.rules.body {
                            rows.request(Rank::Sink, Arc::new(self.open_form(rule)));
                        }
                    }
                    BodyMedia::Bytes => {}
                }
                if self.config.decompress_requests {
                    rows.request(Rank::ContentCoding, Arc::new(ContentCoding));
                }
                rows.request(Rank::Body, Arc::new(AwaitBody(Sink::Collect)));
            }
            None => {
                let is_usual = |method: &String| BODY_METHODS.contains(&method.as_str());
                if document.methods.iter().any(is_usual) {
                    rows.request(Rank::Body, Arc::new(AwaitBody(Sink::Discard)));
                }
            }
        }
        let rule = route.rules.body.as_ref();
        let judges = rule.is_some_and(BodyRule::judges);
        if judges || !route.rules.extractor.is_empty() {
            let stage = Validate {
                rules: route.rules.clone(),
                limits: BodyLimits {
                    json_depth_max: self.config.max_json_depth,
                    form_fields_max: self.config.max_form_fields,
                },
            };
            rows.request(Rank::Validate, Arc::new(stage));
        }
    }
}

/// What a route says of a setting, unless the rule of this name is switched off.
fn heard<'o, T>(own: &'o Own<T>, rule: &str) -> &'o Own<T> {
    match sabotage::off_in("route-setting/") {
        Some(off) if off == rule => &Own::Inherit,
        _ => own,
    }
}
