//! Where a blocking host function runs: proven-fast promotion.
//!
//! A function that may block starts on the host's thread pool. Once it has shown, many times in a
//! row, that it neither takes long nor waits for anything, it is called inline on the ring's
//! thread, which saves two thread hops. "Fast" alone would not do: a function that waits for a fast
//! peer is fast until the peer is slow, so a single context switch keeps it on the pool.

use spikard_contract::route::Placement;

use crate::{
    plan::{Plan, SegmentId},
    stopwatch::{InlineRun, Spent},
};

/// Calls in a row, each short and without waiting, that prove a function fast.
pub const PROOF_CALLS: u32 = 64;
/// Longest call that counts as short, in nanoseconds.
pub const SHORT_NS: u64 = 200_000;
/// One inline call longer than this demotes at once, in nanoseconds.
pub const DEMOTE_NS: u64 = 2_000_000;
/// An inline average above this many times [`SHORT_NS`] demotes: a clear rise without one long
/// call.
pub const RISE_FACTOR: u64 = 2;
/// While other functions run on the pool, a wait may be for the host's own lock (Python's, Ruby's).
/// Such a call is only a strike, which this many short calls make good.
pub const STRIKE_CALLS: u32 = 16;
/// Strikes that demote, in short calls still to be made good.
pub const STRIKES_MAX: u32 = 4 * STRIKE_CALLS;
/// A wait longer than this demotes at once whoever else runs, in nanoseconds.
pub const WAIT_NS_MAX: u64 = 50_000_000;
/// Each demotion doubles the proof that is asked for next time, up to this many doublings.
pub const BACKOFF_DOUBLINGS_MAX: u32 = 10;

/// What one call on the pool took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct PoolRun {
    /// Wall time of the function itself, in nanoseconds.
    pub wall_ns: u64,
    /// Context switches of its thread meanwhile, wanted or not (`RUSAGE_THREAD`): on one core with
    /// its peer a thread is preempted where it would else wait.
    pub waits: u64,
}

/// What is known about one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The route fixed its placement.
    Fixed(Placement),
    /// On the pool, with this many good calls in a row.
    Proving { good: u32 },
    /// Inline, with a moving average of its wall time, and what strikes are still to be made good.
    Promoted { average_ns: u64, strikes: u32 },
}

#[derive(Debug)]
struct Record {
    standing: Standing,
    demotions: u32,
}

/// The placements of all segments, as one worker sees them.
#[derive(Debug)]
pub struct Placements {
    records: Box<[Record]>,
}

impl Placements {
    /// Nothing is proven yet.
    pub fn new(plan: &Plan) -> Self {
        let records = plan.segments().iter().map(|segment| Record {
            standing: match segment.placement {
                Placement::Proven => Standing::Proving { good: 0 },
                fixed => Standing::Fixed(fixed),
            },
            demotions: 0,
        });
        Self {
            records: records.collect(),
        }
    }

    /// Where the next call of `segment` runs: `Inline` or `Pool`.
    pub fn place(&self, segment: SegmentId) -> Placement {
        match self.records[segment.index()].standing {
            Standing::Fixed(placement) => placement,
            Standing::Proving { .. } => Placement::Pool,
            Standing::Promoted { .. } => Placement::Inline,
        }
    }

    /// Whether inline calls of `segment` must be timed.
    pub fn is_promoted(&self, segment: SegmentId) -> bool {
        matches!(
            self.records[segment.index()].standing,
            Standing::Promoted { .. }
        )
    }

    /// How often `segment` was demoted.
    pub fn demotions(&self, segment: SegmentId) -> u32 {
        self.records[segment.index()].demotions
    }

    /// Learns from a call on the pool. Returns true when it promotes the segment.
    pub fn ran_on_pool(&mut self, segment: SegmentId, run: PoolRun) -> bool {
        let record = &mut self.records[segment.index()];
        let Standing::Proving { good } = &mut record.standing else {
            return false;
        };
        let proof = PROOF_CALLS << record.demotions.min(BACKOFF_DOUBLINGS_MAX);
        *good = if run.wall_ns < SHORT_NS && run.waits == 0 {
            *good + 1
        } else {
            0
        };
        let promoted = *good >= proof;
        if promoted {
            record.standing = Standing::Promoted {
                average_ns: run.wall_ns,
                strikes: 0,
            };
        }
        promoted
    }

    /// Learns from an inline call; `contended` says that other functions ran on the pool meanwhile.
    /// Returns true when it demotes the segment.
    pub fn ran_inline(&mut self, segment: SegmentId, run: InlineRun, contended: bool) -> bool {
        let record = &mut self.records[segment.index()];
        let Standing::Promoted {
            average_ns,
            strikes,
        } = &mut record.standing
        else {
            return false;
        };
        let demoted = match run.spent {
            Spent::Preempted => false,
            Spent::Working => true,
            Spent::Waiting if contended && run.wall_ns <= WAIT_NS_MAX => {
                *strikes += STRIKE_CALLS;
                *strikes >= STRIKES_MAX
            }
            Spent::Waiting => true,
            Spent::Short => {
                *strikes = strikes.saturating_sub(1);
                *average_ns = (*average_ns * 7 + run.wall_ns) / 8;
                *average_ns > RISE_FACTOR * SHORT_NS
            }
        };
        if demoted {
            record.standing = Standing::Proving { good: 0 };
            record.demotions += 1;
        }
        demoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlanBuilder, Segment};

    const SHORT: PoolRun = PoolRun {
        wall_ns: 10_000,
        waits: 0,
    };

    fn long(spent: Spent) -> InlineRun {
        InlineRun {
            wall_ns: DEMOTE_NS + 1,
            spent,
        }
    }

    fn placements(placement: Placement) -> (Placements, SegmentId) {
        let mut builder = PlanBuilder::new();
        let entry = builder.declare("entry");
        let id = builder.segment(Segment {
            function: 0,
            purpose: spikard_contract::status::Purpose::Handler,
            route: "/".into(),
            name: "f".into(),
            placement,
        });
        (Placements::new(&builder.build(entry, entry)), id)
    }

    fn prove(placements: &mut Placements, id: SegmentId) -> u32 {
        (1..).find(|_| placements.ran_on_pool(id, SHORT)).unwrap()
    }

    #[test]
    fn promotes_after_the_proof_and_not_before() {
        let (mut placements, id) = placements(Placement::Proven);
        assert_eq!(placements.place(id), Placement::Pool);
        assert_eq!(prove(&mut placements, id), PROOF_CALLS);
        assert_eq!(placements.place(id), Placement::Inline);
    }

    #[test]
    fn one_wait_starts_the_proof_anew() {
        let (mut placements, id) = placements(Placement::Proven);
        for _ in 0..1000 {
            for _ in 1..PROOF_CALLS {
                assert!(!placements.ran_on_pool(id, SHORT));
            }
            assert!(!placements.ran_on_pool(id, PoolRun { waits: 1, ..SHORT }));
        }
    }

    #[test]
    fn a_long_call_demotes_and_doubles_the_next_proof() {
        let (mut placements, id) = placements(Placement::Proven);
        prove(&mut placements, id);
        assert!(placements.ran_inline(id, long(Spent::Working), false));
        assert_eq!(placements.place(id), Placement::Pool);
        assert_eq!(prove(&mut placements, id), 2 * PROOF_CALLS);
    }

    #[test]
    fn a_clear_rise_demotes_without_one_long_call() {
        let (mut placements, id) = placements(Placement::Proven);
        prove(&mut placements, id);
        let slow = InlineRun {
            wall_ns: DEMOTE_NS / 2,
            spent: Spent::Short,
        };
        assert!((0..64).any(|_| placements.ran_inline(id, slow, false)));
    }

    #[test]
    fn a_call_that_lost_its_core_is_no_reason() {
        let (mut placements, id) = placements(Placement::Proven);
        prove(&mut placements, id);
        assert!((0..1000).all(|_| !placements.ran_inline(id, long(Spent::Preempted), false)));
    }

    #[test]
    fn a_wait_demotes_at_once_when_nobody_else_runs() {
        let (mut placements, id) = placements(Placement::Proven);
        prove(&mut placements, id);
        assert!(placements.ran_inline(id, long(Spent::Waiting), false));
    }

    #[test]
    fn waits_beside_others_demote_only_in_a_cluster() {
        let (mut placements, id) = placements(Placement::Proven);
        prove(&mut placements, id);
        let short = InlineRun {
            wall_ns: 1000,
            spent: Spent::Short,
        };
        for _ in 0..100 {
            assert!(!placements.ran_inline(id, long(Spent::Waiting), true));
            assert!((0..STRIKE_CALLS).all(|_| !placements.ran_inline(id, short, true)));
        }
        assert!((0..4).any(|_| placements.ran_inline(id, long(Spent::Waiting), true)));
    }

    #[test]
    fn a_very_long_wait_demotes_whoever_runs() {
        let (mut placements, id) = placements(Placement::Proven);
        prove(&mut placements, id);
        let run = InlineRun {
            wall_ns: WAIT_NS_MAX + 1,
            spent: Spent::Waiting,
        };
        assert!(placements.ran_inline(id, run, true));
    }

    #[test]
    fn a_fixed_placement_never_moves() {
        let (mut placements, id) = placements(Placement::Pool);
        for _ in 0..1000 {
            assert!(!placements.ran_on_pool(id, SHORT));
        }
        assert_eq!(placements.place(id), Placement::Pool);
    }
}
