//! One attack: what is sent, how, and what must come back.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for a reply. Only a guard: no reply is expected to take a tenth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A piece of sending.
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Bytes one at a time, with a pause before each, until the server has had enough.
    Drip(Vec<u8>, Duration),
    /// Nothing more will be sent; the reply is still read.
    HalfClose,
    /// The connection is torn down; there is no reply.
    Reset,
}

/// What must come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The problem document of this status and slug.
    Problem(u16, &'static str),
    /// A reply of this status; what was sent is large or odd, and correct.
    Status(u16),
    /// None: the connection is gone.
    Nothing,
}

pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) answer: Answer,
}

impl Attack {
    /// Sends it and returns what came back.
    pub(crate) fn carry_out(&self, address: &str) -> Answer {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        let mut reader = stream.try_clone().expect("a descriptor");
        // What was answered before all was sent must not be lost to a reset.
        let reading = std::thread::spawn(move || read_answer(&mut reader));
        for step in &self.steps {
            // The server may close at any time; the reply says why.
            let sent = match step {
                Step::Send(bytes) => stream.write_all(bytes),
                Step::Drip(bytes, pause) => bytes.iter().try_for_each(|byte| {
                    std::thread::sleep(*pause);
                    match reading.is_finished() {
                        true => Err(std::io::ErrorKind::BrokenPipe.into()),
                        false => stream.write_all(&[*byte]),
                    }
                }),
                Step::HalfClose => stream.shutdown(Shutdown::Write),
                Step::Reset => {
                    let linger = Some(Duration::ZERO);
                    socket2::SockRef::from(&stream).set_linger(linger)
                }
            };
            if sent.is_err() {
                break;
            }
        }
        if matches!(self.steps.last(), Some(Step::Reset)) {
            // The reader holds a descriptor of the same socket, which this ends.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let answer = reading.join().expect("a reader");
        drop(stream);
        answer
    }
}

/// Reads one final reply, or less if the connection ends before.
fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut block = [0; 16_384];
    loop {
        if let Some(answer) = whole(&mut bytes) {
            return answer;
        }
        match stream.read(&mut block) {
            Ok(0) => return Answer::Nothing,
            Ok(length) => bytes.extend_from_slice(&block[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("no reply in {PATIENCE:?}")
            }
            Err(_) => return Answer::Nothing,
        }
    }
}

/// The reply at the begin of `bytes`, once it is whole; interim replies are taken away.
fn whole(bytes: &mut Vec<u8>) -> Option<Answer> {
    loop {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status: u16 = head.get(9..12)?.parse().ok()?;
        if status < 200 {
            let length = head.len() + 4;
            drop(text);
            bytes.drain(..length);
            continue;
        }
        let head = head.to_lowercase();
        let (_, length) = head.split_once("content-length: ")?;
        let length: usize = length.lines().next()?.parse().ok()?;
        if body.len() < length {
            return None;
        }
        if status < 400 {
            return Some(Answer::Status(status));
        }
        assert!(head.contains("application/problem+json"), "{head}");
        let document: Value = serde_json::from_str(body).expect("a document");
        assert_eq!(document["status"], status, "{document}");
        assert!(document["detail"].is_string(), "{document}");
        assert!(length < REPLY_BYTES_MAX, "a reply of {length} bytes");
        let kind = document["type"].as_str().expect("a type").to_owned();
        let slug = kind.rsplit('/').next().expect("a slug").to_owned();
        // A test's few slugs may stay for its life.
        return Some(Answer::Problem(status, Box::leak(slug.into_boxed_str())));
    }
}

/// Longest document that may answer an attack. A row quotes what was sent up to 64 KiB.
const REPLY_BYTES_MAX: usize = 512 * 1024;
