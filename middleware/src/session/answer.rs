//! The reply half of a session: running the plan, calling the host, encoding what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use spikard_contract::{
    problem::{INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE},
    route::Placement,
    status::Purpose,
};
use spikard_proto_http::{ReplyHead, ReplyLength, encode_head};

use super::{DRAIN_BYTES_MAX, GATHER_BYTES_MAX, Need, Session, State, Station, Tail};
use crate::{
    body::Collector,
    errand::Sent,
    exchange::Exchange,
    flow::{Pause, Wait},
    host::{CallId, Outcome},
    inspection,
    log::Level,
    plan::SegmentId,
    problem::Problem,
    run::run,
    stage::Ending,
};

impl Session {
    pub(super) fn run_plan(&mut self, station: &Station<'_>) -> Option<Need> {
        let x = self.exchange.get_or_insert_default();
        // A stage that panics costs this exchange a 500 and its connection, never the worker.
        let pause = catch_unwind(AssertUnwindSafe(|| {
            run(station.plan, x, &mut station.local.borrow_mut())
        }));
        // Taken before the loop: nothing stays borrowed while host code runs, which a log may be.
        let notes = station.local.borrow_mut().take_notes();
        for (level, line) in notes {
            station.say(x, level, &line);
        }
        match pause {
            Ok(Pause::Wait(Wait::Body(sink))) => self.state = State::Body(Collector::new(sink)),
            Ok(Pause::Wait(Wait::Host(segment))) => self.state = State::Calling(segment),
            Ok(Pause::Wait(Wait::Errand)) => {
                let sent = x.errand.take().map(|errand| {
                    let (sent, work) = Sent::out(errand);
                    self.work = Some(work);
                    sent
                });
                self.state = State::Errand(sent);
                return Some(Need::Work);
            }
            Ok(Pause::Done) => {
                if self.recode(station) {
                    self.finish(station);
                }
            }
            Err(_) => {
                station.say(x, Level::Error, "a stage panicked: 500 and close");
                let request_id = x.request_id.clone();
                x.begin_refused(
                    station.plan,
                    self.client,
                    &Problem::of(&INTERNAL_SERVER_ERROR),
                );
                x.request_id = request_id;
            }
        }
        None
    }

    /// Takes an errand home. One that was lost is a 500.
    pub(super) fn fetch(&mut self, station: &Station<'_>, sent: Option<Sent>) -> Option<Need> {
        let x = self.exchange.get_or_insert_default();
        x.errand = sent.and_then(Sent::take);
        if x.errand.is_none() {
            let id = String::from_utf8_lossy(x.request_id.as_bytes());
            let message = format!("work beside the worker was not done: 500 [{id}]");
            station.say(x, Level::Error, &message);
            x.fail(&Problem::of(&INTERNAL_SERVER_ERROR));
        }
        self.state = State::Running;
        None
    }

    pub(super) fn call(&mut self, station: &Station<'_>, segment: SegmentId) -> Option<Need> {
        let calls_left = station.calls_left.get();
        if calls_left == 0 {
            return Some(Need::Turn);
        }
        let x = self.exchange.get_or_insert_default();
        // Bound before the match: a borrow in its scrutinee would last through host code.
        let opened = station.slots.borrow_mut().open();
        let purpose = station.plan.segment(segment).purpose;
        let Some(id) = opened else {
            self.state = State::Running;
            if purpose == Purpose::OnError {
                // The reply stands as it is: it is a better one than a 503.
                return None;
            }
            let problem = Problem::of(&SERVICE_UNAVAILABLE)
                .with_detail("Too many requests are in flight (setting: max_in_flight)");
            x.fail(&problem);
            push_retry_after(x);
            return None;
        };
        station.calls_left.set(calls_left - 1);
        if purpose != Purpose::OnError {
            x.reply.clear();
        }
        if station.plan.has_hooks() && x.visit.is_none() {
            x.visit = station.port.visit();
        }
        x.calling = Some(segment);
        match call_host(station, id, segment, x) {
            Outcome::Later => {
                let x = self.exchange.take()?;
                station.slots.borrow_mut().suspend(id, x);
                self.state = State::AtHost(id);
                return Some(Need::Host(id));
            }
            Outcome::Done => {
                station.slots.borrow_mut().close(id);
                self.accept_answer(station);
            }
            Outcome::Continue => {
                station.slots.borrow_mut().close(id);
                self.go_on(station);
            }
            Outcome::Failed => {
                station.slots.borrow_mut().close(id);
                x.fail(&Problem::of(&INTERNAL_SERVER_ERROR));
                self.state = State::Running;
            }
        }
        None
    }

    /// The host's hooks gave no reply.
    pub(super) fn go_on(&mut self, station: &Station<'_>) {
        let x = self.exchange.get_or_insert_default();
        x.deadline_ms = None;
        self.state = State::Running;
        let purpose = x
            .calling
            .map(|segment| station.plan.segment(segment).purpose);
        if purpose == Some(Purpose::Handler) {
            // There is nothing behind a handler to go on with: it forgot its answer.
            let line = inspection::line(station.plan, x, "nothing: 500");
            station.say(x, Level::Error, &line);
            x.fail(&Problem::of(&INTERNAL_SERVER_ERROR));
        }
    }

    pub(super) fn accept_answer(&mut self, station: &Station<'_>) {
        let x = self.exchange.get_or_insert_default();
        if let Some(fault) = inspection::fault_of(x) {
            let words = format!("what cannot be sent, 500: {fault}");
            let line = inspection::line(station.plan, x, &words);
            station.say(x, Level::Error, &line);
            x.fail(&Problem::of(&INTERNAL_SERVER_ERROR));
        } else {
            if let Some(length) = inspection::leave_out_body(&mut x.reply) {
                let status = x.reply.status;
                let words = format!("{status} with a body of {length} bytes, which is not sent");
                let line = inspection::line(station.plan, x, &words);
                station.say(x, Level::Warn, &line);
            }
            x.answered();
        }
        self.state = State::Running;
    }

    pub(super) fn finish(&mut self, station: &Station<'_>) {
        let Some(x) = &mut self.exchange else { return };
        let unread = !self.decoder.is_done();
        // A chunked body tells no length: it is drained up to the same bound, then given up.
        let drains = unread
            && !self.continue_owed
            && self
                .decoder
                .remaining_declared()
                .is_none_or(|rest| rest <= DRAIN_BYTES_MAX);
        let local = station.local.borrow();
        let keep_alive = self.turnaround.keep_alive
            && !x.reply.close
            && !local.is_draining()
            && (!unread || drains);
        // A client that was not to know may have sent its next request already: a reset for that
        // would take this reply with it.
        let surprised = local.is_draining() && self.turnaround.keep_alive;
        let reply = &mut x.reply;
        // A 205 has no body either, but says so by its length (RFC 9110 §15.3.6).
        let bare = inspection::is_bodiless(reply.status) && reply.status != 205;
        let length = match (bare, self.turnaround.is_head) {
            (true, _) => ReplyLength::None,
            // Known when it has been sent, so HEAD leaves it out (RFC 9110 §9.3.2).
            (false, true) if reply.coded.is_some() => ReplyLength::None,
            (false, false) if reply.coded.is_some() => ReplyLength::Chunked,
            (false, true) => ReplyLength::Known(inspection::length_for_head(reply)),
            (false, false) => ReplyLength::Known(reply.body_length()),
        };
        let head = ReplyHead {
            status: reply.status,
            fields: &reply.fields,
            length,
            date: local.date(),
            keep_alive,
            request_version: self.turnaround.version,
        };
        encode_head(&mut self.output, &head);
        drop(local);
        let body_bytes = match (bare, self.turnaround.is_head) {
            (false, false) => match reply.coded {
                Some(_) => None,
                None => Some(reply.body_length()),
            },
            _ => Some(0),
        };
        end(station, x, Ending::Replied { body_bytes });
        let reply = &mut x.reply;
        // Not kept by a reply without a body either: a descriptor must not outlive its request.
        let (file, coded) = (reply.file.take(), reply.coded.take());
        if !bare && !self.turnaround.is_head {
            if let Some(coded) = coded {
                self.tail = Some(Tail::Coded(coded));
            } else if let Some(file) = file {
                self.tail = Some(Tail::File(file));
            } else if reply.body.len() > GATHER_BYTES_MAX {
                self.tail = Some(Tail::Bytes(std::mem::take(&mut reply.body)));
            } else {
                self.output.extend_from_slice(&reply.body);
            }
        }
        self.state = match (keep_alive, drains) {
            (true, true) => State::Draining { drained: 0 },
            (true, false) => State::Head,
            (false, _) => State::Ended {
                linger: unread || self.continue_owed || surprised,
            },
        };
    }
}

/// Runs the rows behind the reply.
pub(super) fn end(station: &Station<'_>, x: &Exchange, ending: Ending) {
    let rows = station.plan.done_rows(x.table);
    if rows.is_empty() {
        return;
    }
    let mut local = station.local.borrow_mut();
    for stage in rows {
        stage.run(x, ending, &mut local);
    }
}

/// Calls the host, timed if the segment was promoted, and turns a panic into a failure.
fn call_host(station: &Station<'_>, id: CallId, segment: SegmentId, x: &mut Exchange) -> Outcome {
    let (placement, timed) = {
        let placements = station.placements.borrow();
        (placements.place(segment), placements.is_promoted(segment))
    };
    debug_assert!(placement != Placement::Proven);
    x.on_pool = placement == Placement::Pool;
    let mut call = || {
        catch_unwind(AssertUnwindSafe(|| {
            station
                .port
                .call(id, station.plan.segment(segment), placement, x)
        }))
    };
    let called = if timed {
        let (called, run) = station.stopwatch.time(call);
        let contended = station.slots.borrow().on_pool() > 0;
        if station
            .placements
            .borrow_mut()
            .ran_inline(segment, run, contended)
        {
            let segment = station.plan.segment(segment);
            let message = format!(
                "{} ({}) took {} us inline ({:?}) and goes back to the thread pool",
                segment.name,
                segment.route,
                run.wall_ns / 1000,
                run.spent
            );
            station.log.log(Level::Info, &message);
        }
        called
    } else {
        call()
    };
    called.unwrap_or_else(|_| {
        station.say(x, Level::Error, "a host call panicked: 500");
        Outcome::Failed
    })
}

fn push_retry_after(x: &mut Exchange) {
    // A literal field is valid.
    let pushed = x.reply.fields.push(b"retry-after", b"1");
    debug_assert!(pushed.is_ok());
}
