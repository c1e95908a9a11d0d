//! The request half of a session: heads and bodies, from bytes to an exchange.
//!
//! Everything that is wrong with a message is answered here, before or instead of running its plan.

use std::io;

use spikard_contract::problem::{BAD_REQUEST, INTERNAL_SERVER_ERROR, by_status};
use spikard_proto_http::{
    BodyDecoder, BodyLength, CONTINUE_100, ChunkLimits, Method, Piece, Progress, Version,
};

use super::{DRAIN_BYTES_MAX, Need, Session, State, Station, Turnaround};
use crate::{body::Collector, exchange::Exchange, log::Level, problem::Problem};

impl Session {
    pub(super) fn read_head(&mut self, station: &Station<'_>) -> Option<Need> {
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
            return Some(Need::Idle);
        }
        let x = self.exchange.get_or_insert_default();
        match x
            .head
            .parse(&self.input[self.start..], &station.limits.head)
        {
            Ok(Progress::Partial) => Some(Need::Head),
            Ok(Progress::Complete { consumed }) => {
                self.start += consumed;
                x.begin(station.plan, self.client);
                self.turnaround = Turnaround {
                    version: x.head.version(),
                    keep_alive: x.head.keep_alive(),
                    is_head: x.head.method() == Method::Head,
                };
                self.continue_owed = x.head.expects_continue() && x.has_body();
                self.decoder = BodyDecoder::new(x.head.body_length(), station.limits.chunk);
                self.state = State::Running;
                None
            }
            Err(error) => {
                let row = by_status(error.status()).unwrap_or(&BAD_REQUEST);
                let problem = Problem::of(row).with_detail(error.detail());
                self.refuse(station, &problem);
                None
            }
        }
    }

    /// Answers a message that never became a request. Its framing is unknown, so nothing after it
    /// can be trusted: the connection ends.
    pub(super) fn refuse(&mut self, station: &Station<'_>, problem: &Problem) {
        let x = self.exchange.get_or_insert_default();
        x.begin_refused(station.plan, self.client, problem);
        self.turnaround = Turnaround {
            version: Version::Http11,
            keep_alive: false,
            is_head: false,
        };
        self.decoder = BodyDecoder::new(BodyLength::None, ChunkLimits::default());
        self.continue_owed = true;
        self.state = State::Running;
    }

    pub(super) fn read_body(&mut self, station: &Station<'_>) -> Option<Need> {
        loop {
            let Self {
                state,
                exchange,
                decoder,
                input,
                start,
                ..
            } = self;
            let (State::Body(collector), Some(x)) = (state, exchange) else {
                return None;
            };
            if let Some(sink) = &mut x.sink {
                match sink.work() {
                    Ok(None) => {}
                    Ok(Some(work)) => {
                        self.work = Some(work);
                        return Some(Need::Work);
                    }
                    Err(error) => {
                        self.fail_to_keep(station, &error);
                        return None;
                    }
                }
            }
            if collector.is_whole {
                if let Some(sink) = x.sink.take() {
                    sink.deliver(x);
                }
                self.state = State::Running;
                return None;
            }
            match decoder.decode(&input[*start..]) {
                Ok(Piece::Data { bytes, consumed }) => {
                    let pushed = take(collector, x, bytes);
                    *start += consumed;
                    self.continue_owed = false;
                    if let Err(problem) = pushed {
                        self.fail_body(&problem);
                        return None;
                    }
                }
                Ok(Piece::More { consumed }) => {
                    *start += consumed;
                    if std::mem::take(&mut self.continue_owed) && *start == input.len() {
                        self.output.extend_from_slice(CONTINUE_100);
                    }
                    return Some(Need::Body);
                }
                Ok(Piece::End { consumed }) => {
                    *start += consumed;
                    self.continue_owed = false;
                    collector.is_whole = true;
                    // As for a fault found earlier: where it shows is the decoder's affair.
                    if let Err(problem) = end(collector, x) {
                        self.fail_body(&problem);
                        return None;
                    }
                }
                Err(error) => {
                    let problem = Problem::of(&BAD_REQUEST).with_detail(error.to_string());
                    self.fail_and_close(&problem);
                    return None;
                }
            }
        }
    }

    /// Makes `problem` the reply to a body. One that its sink refused was sent soundly: what is
    /// left of it can be skipped.
    fn fail_body(&mut self, problem: &Problem) {
        let (State::Body(collector), Some(x)) = (&self.state, &mut self.exchange) else {
            return;
        };
        if !collector.is_refused {
            return self.fail_and_close(problem);
        }
        x.reply.clear();
        x.sink = None;
        x.fail(problem);
        self.state = State::Running;
    }

    /// Answers 500 to a body that the server could not keep, and says why.
    fn fail_to_keep(&mut self, station: &Station<'_>, error: &io::Error) {
        let x = self.exchange.get_or_insert_default();
        let id = String::from_utf8_lossy(x.request_id.as_bytes());
        let message = format!("a request body could not be kept: {error}: 500 [{id}]");
        station.say(x, Level::Error, &message);
        self.fail_and_close(&Problem::of(&INTERNAL_SERVER_ERROR));
    }

    /// Makes `problem` the reply to a request whose body will not be read on.
    pub(super) fn fail_and_close(&mut self, problem: &Problem) {
        let x = self.exchange.get_or_insert_default();
        x.reply.clear();
        x.reply.close = true;
        x.sink = None;
        x.fail(problem);
        self.state = State::Running;
    }

    pub(super) fn drain_body(&mut self) -> Option<Need> {
        loop {
            let State::Draining { drained } = &mut self.state else {
                return None;
            };
            match self.decoder.decode(&self.input[self.start..]) {
                Ok(Piece::Data { consumed, .. }) => {
                    self.start += consumed;
                    *drained += consumed as u64;
                    if *drained > DRAIN_BYTES_MAX {
                        self.state = State::Ended { linger: true };
                        return None;
                    }
                }
                Ok(Piece::More { consumed }) => {
                    self.start += consumed;
                    return Some(Need::Body);
                }
                Ok(Piece::End { consumed }) => {
                    self.start += consumed;
                    self.state = State::Head;
                    return None;
                }
                Err(_) => {
                    self.state = State::Ended { linger: false };
                    return None;
                }
            }
        }
    }
}

/// Gives a piece of a body to the collector, decoded if it is coded.
fn take(collector: &mut Collector, x: &mut Exchange, bytes: &[u8]) -> Result<(), Box<Problem>> {
    let Some(mut inflater) = x.inflater.take() else {
        return collector.push(x, bytes);
    };
    let pushed = inflater.push(bytes, |decoded| collector.push(x, decoded));
    x.inflater = Some(inflater);
    pushed
}

/// Ends a body. A coded one says by itself whether it is whole, and so may what a sink reads.
fn end(collector: &mut Collector, x: &mut Exchange) -> Result<(), Box<Problem>> {
    if let Some(mut inflater) = x.inflater.take() {
        inflater.finish(|decoded| collector.push(x, decoded))?;
    }
    let finished = x.sink.as_mut().map_or(Ok(()), |sink| sink.finish());
    collector.is_refused = finished.is_err();
    finished
}
