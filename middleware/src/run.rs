//! The interpreter of a plan: one loop.
//!
//! It runs rows until one asks for a wait, or until the reply is complete. It never waits itself.

use spikard_contract::problem::INTERNAL_SERVER_ERROR;

use crate::{
    exchange::{Exchange, Phase},
    flow::{Flow, Pause},
    local::Local,
    plan::Plan,
    precondition,
    problem::Problem,
};

/// Runs `x` on from where it stopped. After [`Pause::Wait`], do what it says and run again; after a
/// host's answer, call [`Exchange::answered`] first.
pub fn run(plan: &Plan, x: &mut Exchange, local: &mut Local) -> Pause {
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
                match stage.run(x, local) {
                    Flow::Next => {}
                    Flow::Goto(table) => x.enter(plan, table),
                    Flow::Reply => x.phase = Phase::Reply,
                    Flow::Await(wait) => return Pause::Wait(wait),
                }
            }
            Phase::Reply => {
                let table = plan.table(x.table);
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
