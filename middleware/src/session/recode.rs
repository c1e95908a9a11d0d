//! The body of a reply compressed between the reply rows and the wire.
//!
//! A body that takes long is handed out as work; while it is done the exchange stays here, and a
//! work that was not done costs nothing but the compression.

use std::sync::{Arc, Mutex, PoisonError};

use spikard_contract::problem::INTERNAL_SERVER_ERROR;
use spikard_proto_http::{Fields, Version, sabotage};

use super::{Need, Session, State, Station};
use crate::{
    coded_body::{CodedBody, Seats},
    compress::Recoding,
    file_body::FileBody,
    problem::Problem,
    sink::Work,
    stages::compression::weaken_tag,
};

/// A body that is being compressed elsewhere.
#[derive(Debug)]
pub(super) struct Recode {
    recoding: Recoding,
    body: Arc<Vec<u8>>,
    coded: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Session {
    /// Compresses the reply's body if a stage chose so. True if the reply can be written now; if
    /// not, there is work to do first.
    pub(super) fn recode(&mut self, station: &Station<'_>) -> bool {
        let Some(x) = &mut self.exchange else {
            return true;
        };
        let Some(recoding) = x.reply.recoding.take() else {
            return true;
        };
        if let Some(file) = x.reply.file.take() {
            if sabotage::is_off("compression/file") {
                x.reply.file = Some(file);
                return true;
            }
            let seats = &station.local.borrow().seats;
            self.recode_file(file, recoding, seats);
            return true;
        }
        if recoding.is_quick(x.reply.body.len()) {
            let encoder = &mut station.local.borrow_mut().encoder;
            if let Some(coded) = encoder.encode(recoding, &x.reply.body)
                && settle(&mut x.reply.fields, recoding)
            {
                x.reply.body.clear();
                x.reply.body.extend_from_slice(coded);
            }
            return true;
        }
        let body = Arc::new(std::mem::take(&mut x.reply.body));
        let coded = Arc::new(Mutex::new(None));
        let work = {
            let (body, coded) = (body.clone(), coded.clone());
            let spare = station.local.borrow().spare_encoder.clone();
            move || {
                let spare = || spare.lock().unwrap_or_else(PoisonError::into_inner);
                let mut encoder = spare().take().unwrap_or_default();
                let done = encoder.encode(recoding, &body).map(<[u8]>::to_vec);
                *coded.lock().unwrap_or_else(PoisonError::into_inner) = done;
                *spare() = Some(encoder);
            }
        };
        self.work = Some(Work::new(work));
        self.state = State::Recoding(Recode {
            recoding,
            body,
            coded,
        });
        false
    }

    /// Has a file compressed as it is sent, where the client can read a body of unknown length and
    /// go on.
    fn recode_file(&mut self, file: Box<FileBody>, recoding: Recoding, seats: &Seats) {
        let Some(x) = &mut self.exchange else { return };
        let reply = &mut x.reply;
        if self.turnaround.version == Version::Http10 {
            reply.file = Some(file);
            return;
        }
        let is_head = self.turnaround.is_head;
        match CodedBody::of(file, recoding, seats) {
            Ok(coded) if self.collects && !is_head => match coded.collect() {
                Ok(body) => {
                    if settle(&mut reply.fields, recoding) {
                        reply.body = body;
                    }
                }
                Err(_) => x.fail(&Problem::of(&INTERNAL_SERVER_ERROR)),
            },
            Ok(coded) if settle(&mut reply.fields, recoding) => {
                reply.coded = Some(Box::new(coded));
            }
            Ok(coded) => reply.file = Some(coded.into_file()),
            Err(file) => reply.file = Some(file),
        }
    }

    /// Goes on when the work has been done, or dropped.
    pub(super) fn recoded(&mut self, station: &Station<'_>) -> Option<Need> {
        if self.work.is_some() {
            return Some(Need::Work);
        }
        let state = std::mem::replace(&mut self.state, State::Running);
        let (State::Recoding(recode), Some(x)) = (state, &mut self.exchange) else {
            return None;
        };
        let mut coded = recode.coded.lock().unwrap_or_else(PoisonError::into_inner);
        let coded = coded.take();
        // The work is gone, so this is the only one left.
        x.reply.body = Arc::try_unwrap(recode.body).unwrap_or_else(|body| body.to_vec());
        if let Some(coded) = coded
            && settle(&mut x.reply.fields, recode.recoding)
        {
            x.reply.body = coded;
        }
        self.finish(station);
        None
    }
}

/// Says that the body is compressed. False if there is no room to say so: then it is not.
fn settle(fields: &mut Fields, recoding: Recoding) -> bool {
    let name = recoding.coding.name();
    if fields.set(b"content-encoding", name).is_err() {
        return false;
    }
    fields.remove(b"content-length");
    // Its own digest, if it has one, is of other bytes (RFC 9530 §2).
    fields.remove(b"content-digest");
    if !sabotage::is_off("compression/accept-ranges") {
        // Ranges are of the bytes as they are; of these there are none.
        fields.remove(b"accept-ranges");
    }
    weaken_tag(fields);
    true
}
