//! The interpreter of a plan: one loop.
//!
//! It runs rows until one asks for a wait, or until the reply is complete. It never waits itself.

use spikard_contract::problem::INTERNAL_SERVER_ERROR;

use crate::{
    exchange::{Exchange, Phase},
    flow::{Flow, Pause, Wait},
    local::Local,
    plan::Plan,
    precondition,
    problem::Problem,
};

/// Runs `x` on from where it stopped. After [`Pause::Wait`], do what it says and run again; after a
/// host's answer, call [`Exchange::answered`] first.
pub fn run(plan: &Plan, x: &mut Exchange, local: &mut Local) -> Pause {
    if let Some(errand) = x.errand.take() {
        let flow = errand.deliver(x, local);
        if let Some(wait) = follow(plan, x, flow) {
            return Pause::Wait(wait);
        }
    }
    loop {
        match x.phase {
            Phase::Request => {
                if x.row == plan.table(x.table).request.end {
                    // Only a table without a handler row runs dry, and lowering makes none.
                    debug_assert!(
                        false,
                        "table {} ends without a reply",
                        plan.table(x.table).name
                    );
                    x.fail(&Problem::of(&INTERNAL_SERVER_ERROR));
                    continue;
                }
                let stage = plan.request_row(x.row);
                x.row += 1;
                let flow = stage.run(x, local);
                if let Some(wait) = follow(plan, x, flow) {
                    return Pause::Wait(wait);
                }
            }
            Phase::Reply => {
                let table = plan.table(x.table);
                if x.reply.is_failure
                    && let Some(hooks) = table.on_error
                    && !std::mem::replace(&mut x.hooks_ended, true)
                {
                    let due_ms = |timeout_ms| local.now_ms + timeout_ms;
                    x.deadline_ms = hooks.timeout_ms.map(due_ms);
                    return Pause::Wait(Wait::Host(hooks.segment));
                }
                for stage in plan.reply_rows(table.reply.start..table.reply_rest) {
                    stage.run(x, local);
                }
                precondition::apply(x);
                x.phase = Phase::Done;
                for stage in plan.reply_rows(table.reply_rest..table.reply.end) {
                    stage.run(x, local);
                }
            }
            Phase::Done => return Pause::Done,
        }
    }
}

/// Does what a stage says, or names what is to be waited for.
#[inline]
fn follow(plan: &Plan, x: &mut Exchange, flow: Flow) -> Option<Wait> {
    match flow {
        Flow::Next => {}
        Flow::Goto(table) => x.enter(plan, table),
        Flow::Reply => x.phase = Phase::Reply,
        Flow::Await(wait) => return Some(wait),
    }
    None
}
