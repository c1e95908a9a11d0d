//! The function table an application compiles to: flat rows of stages, one table per route.
//!
//! Built once at start, shared by all workers, never changed. A stage that is not configured has
//! no row, so what is off costs nothing.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use spikard_contract::{route::Placement, status::Purpose};

use crate::{
    rank::Rank,
    stage::{DoneStage, ReplyStage, RequestStage},
};

/// Index of a [`Table`] in its [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct TableId(u32);

/// Index of a [`Segment`] in its [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SegmentId(u32);

impl SegmentId {
    /// Position in the plan, for tables kept beside it.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Host code that is entered in one crossing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The host's own number for the function.
    pub function: u32,
    /// What it is called for.
    pub purpose: Purpose,
    /// Pattern of the route, for logs and metrics.
    pub route: Box<str>,
    /// Name of the function, for logs.
    pub name: Box<str>,
    /// Where the host runs it.
    pub placement: Placement,
}

impl fmt::Display for Segment {
    /// As logs name it: the function, and its route where it has one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &*self.route {
            "" => Ok(()),
            route => write!(f, " ({route})"),
        }
    }
}

/// Hooks that are shown the replies that failures made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorHooks {
    /// The hooks.
    pub segment: SegmentId,
    /// How long they may take, in milliseconds. `None` without a limit.
    pub timeout_ms: Option<u64>,
}

/// One list of rows: a route's, or that of entry, 404, 405 or a refused message.
#[derive(Debug, Clone)]
pub struct Table {
    /// What the table is for, as in snapshots.
    pub name: Box<str>,
    /// Its rows in [`Plan::request_rows`].
    pub request: Range<u32>,
    /// Its rows in [`Plan::reply_rows`].
    pub reply: Range<u32>,
    /// The first of those that run after the request's conditions are judged.
    pub reply_rest: u32,
    /// Its rows in [`Plan::done_rows`].
    pub done: Range<u32>,
    /// The hooks that a failure's reply is shown to before its rows run.
    pub on_error: Option<ErrorHooks>,
}

/// The whole table. See the module's documentation.
pub struct Plan {
    request_rows: Box<[Arc<dyn RequestStage>]>,
    reply_rows: Box<[Arc<dyn ReplyStage>]>,
    done_rows: Box<[Arc<dyn DoneStage>]>,
    request_ranks: Box<[Rank]>,
    reply_ranks: Box<[Rank]>,
    done_ranks: Box<[Rank]>,
    tables: Box<[Table]>,
    segments: Box<[Segment]>,
    entry: TableId,
    refused: TableId,
    has_hooks: bool,
    warnings: Mutex<Vec<String>>,
}

impl Plan {
    /// Whether a request may be at the host more than once.
    pub fn has_hooks(&self) -> bool {
        self.has_hooks
    }

    /// What the log should say when the plan is first used: what works, and is weak. Said once.
    pub fn take_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut warnings)
    }

    /// Where every request begins.
    pub fn entry(&self) -> TableId {
        self.entry
    }

    /// The table for messages that never became a request; it has reply rows only.
    pub fn refused(&self) -> TableId {
        self.refused
    }

    /// One table.
    pub fn table(&self, id: TableId) -> &Table {
        // Ids are only made by the builder that made `tables`.
        &self.tables[id.0 as usize]
    }

    /// One segment.
    pub fn segment(&self, id: SegmentId) -> &Segment {
        // Ids are only made by the builder that made `segments`.
        &self.segments[id.0 as usize]
    }

    /// All segments, by [`SegmentId`].
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn request_row(&self, row: u32) -> &dyn RequestStage {
        &*self.request_rows[row as usize]
    }

    pub(crate) fn reply_rows(&self, rows: Range<u32>) -> &[Arc<dyn ReplyStage>] {
        &self.reply_rows[rows.start as usize..rows.end as usize]
    }

    pub(crate) fn done_rows(&self, table: TableId) -> &[Arc<dyn DoneStage>] {
        let rows = &self.table(table).done;
        &self.done_rows[rows.start as usize..rows.end as usize]
    }
}

/// One line per table: the form in which plans are kept as snapshots.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            write!(f, "{}:", table.name)?;
            for row in table.request.clone() {
                write!(f, " {}", self.request_ranks[row as usize].name())?;
            }
            write!(f, " |")?;
            if table.on_error.is_some() {
                write!(f, " on_error")?;
            }
            for row in table.reply.clone() {
                write!(f, " {}", self.reply_ranks[row as usize].name())?;
            }
            for (place, row) in table.done.clone().enumerate() {
                let sign = if place == 0 { " |" } else { "" };
                write!(f, "{sign} {}", self.done_ranks[row as usize].name())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan(\n{self})")
    }
}

/// Stages of one table, in any order.
#[derive(Default, Clone)]
pub struct Rows {
    request: Vec<(Rank, Arc<dyn RequestStage>)>,
    reply: Vec<(Rank, Arc<dyn ReplyStage>)>,
    done: Vec<(Rank, Arc<dyn DoneStage>)>,
    on_error: Option<ErrorHooks>,
}

impl Rows {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a request stage at its rank.
    pub fn request(&mut self, rank: Rank, stage: Arc<dyn RequestStage>) -> &mut Self {
        self.request.push((rank, stage));
        self
    }

    /// Adds a reply stage at its rank.
    pub fn reply(&mut self, rank: Rank, stage: Arc<dyn ReplyStage>) -> &mut Self {
        self.reply.push((rank, stage));
        self
    }

    /// Adds a stage behind the reply, at its rank.
    pub fn done(&mut self, rank: Rank, stage: Arc<dyn DoneStage>) -> &mut Self {
        self.done.push((rank, stage));
        self
    }

    /// Sets the hooks that replies of failures are shown to.
    pub fn on_error(&mut self, hooks: Option<ErrorHooks>) -> &mut Self {
        self.on_error = hooks;
        self
    }
}

/// Builds a [`Plan`]: tables are declared first, so that stages can name them, and filled later.
#[derive(Default)]
pub struct PlanBuilder {
    tables: Vec<(Box<str>, Rows)>,
    segments: Vec<Segment>,
    warnings: Vec<String>,
}

impl PlanBuilder {
    /// A builder without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a table and returns its id.
    pub fn declare(&mut self, name: impl Into<Box<str>>) -> TableId {
        self.tables.push((name.into(), Rows::new()));
        TableId(self.tables.len() as u32 - 1)
    }

    /// Sets the rows of a declared table.
    pub fn fill(&mut self, table: TableId, rows: Rows) {
        self.tables[table.0 as usize].1 = rows;
    }

    /// Adds a segment.
    pub fn segment(&mut self, segment: Segment) -> SegmentId {
        self.segments.push(segment);
        SegmentId(self.segments.len() as u32 - 1)
    }

    /// Adds a line that the log should have at start.
    pub fn warn(&mut self, line: String) {
        self.warnings.push(line);
    }

    /// Sorts each table by rank and lays all rows flat.
    pub fn build(self, entry: TableId, refused: TableId) -> Plan {
        let (mut request_rows, mut request_ranks) = (Vec::new(), Vec::new());
        let (mut reply_rows, mut reply_ranks) = (Vec::new(), Vec::new());
        let (mut done_rows, mut done_ranks) = (Vec::new(), Vec::new());
        let mut tables = Vec::with_capacity(self.tables.len());
        for (name, rows) in self.tables {
            let request = flatten(rows.request, &mut request_rows, &mut request_ranks);
            let reply = flatten(rows.reply, &mut reply_rows, &mut reply_ranks);
            let done = flatten(rows.done, &mut done_rows, &mut done_ranks);
            let ranks = &reply_ranks[reply.start as usize..];
            let judges = ranks.partition_point(|rank: &Rank| rank.precedes_conditions());
            tables.push(Table {
                name,
                request,
                reply_rest: reply.start + judges as u32,
                reply,
                done,
                on_error: rows.on_error,
            });
        }
        let is_hook = |segment: &Segment| segment.purpose != Purpose::Handler;
        Plan {
            has_hooks: self.segments.iter().any(is_hook),
            request_rows: request_rows.into(),
            reply_rows: reply_rows.into(),
            done_rows: done_rows.into(),
            request_ranks: request_ranks.into(),
            reply_ranks: reply_ranks.into(),
            done_ranks: done_ranks.into(),
            tables: tables.into(),
            segments: self.segments.into(),
            entry,
            refused,
            warnings: Mutex::new(self.warnings),
        }
    }
}

fn flatten<S: ?Sized>(
    mut rows: Vec<(Rank, Arc<S>)>,
    flat: &mut Vec<Arc<S>>,
    ranks: &mut Vec<Rank>,
) -> Range<u32> {
    rows.sort_by_key(|(rank, _)| *rank);
    let start = flat.len() as u32;
    for (rank, stage) in rows {
        flat.push(stage);
        ranks.push(rank);
    }
    start..flat.len() as u32
}
