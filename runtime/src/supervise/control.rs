//! Orders down, news up: one line of text each over a socket pair between parent and worker.
//!
//! The parent says `leave` (a successor accepts: finish what you have, then exit), `stop` (the
//! same without a successor, after `drain_delay`), `stop-now` (without that), `force` (exit now),
//! `adopt <n>` and `release <n>` (accept for worker n, and no more), `broken <bytes>` and `mended`
//! (show what is on the slate, and no more); the worker says `ready <engine>` once, and `cut <n>`
//! when it closes connections on which n requests were not answered. The end of the stream
//! means to a worker that its parent is gone. That is why `PR_SET_PDEATHSIG` is not used: it fires
//! when the *thread* that spawned dies, it is lost between fork and a parent's early death, and it
//! kills where this asks.
//! Knows nothing of who is on the other side beyond these words; it never waits unless asked to.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use socket2::SockRef;

use super::fault::speak_by;
use super::signals::{Readiness, wait};
use crate::driver::forbid_in_children;

/// What a worker has to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A successor accepts in this worker's place: accept nothing more, finish the requests in
    /// hand, keep idle clients until their next request, then exit with 0.
    Leave,
    /// Say that the worker is not ready for as long as `drain_delay`; then accept nothing more,
    /// finish the requests in hand, exit with 0.
    Stop,
    /// Accept nothing more at once, finish the requests in hand, exit with 0.
    StopNow,
    /// Accept from this worker's listener as well, whose own process is gone.
    Adopt(usize),
    /// Accept from that worker's listener no more: its own process does again.
    Release(usize),
    /// Show why the latest version of the program does not start: so many bytes are on the slate.
    Broken(usize),
    /// The latest version of the program starts again.
    Mended,
    /// Exit at once; the parent kills what is still there a moment later.
    Force,
    /// The parent is gone and nobody will order anything any more: do as for [`Order::StopNow`].
    ParentGone,
}

/// A worker's end of the control socket. An event loop watches its descriptor for readability and
/// then calls [`Control::try_read_order`] until it returns `None`; dropping it is a mistake, for
/// the parent then can only kill.
#[derive(Debug)]
pub struct Control {
    lines: Lines,
    /// The standard error that this process has once it is ready, if it has another now.
    voice: Option<OwnedFd>,
}

impl Control {
    pub(super) fn new(stream: UnixStream, voice: Option<OwnedFd>) -> Self {
        // Without a second descriptor it goes untold, as where there is no parent.
        if let Ok(words) = stream.try_clone() {
            forbid_in_children(words.as_raw_fd());
            let _ = LAST_WORDS.set(Lines::new(words));
        }
        Self {
            lines: Lines::new(stream),
            voice,
        }
    }

    /// Tells the parent that this worker accepts connections; `engine` is what moves its bytes, as
    /// the start-up line shall name it (one word, at most [`ENGINE_BYTES_MAX`] bytes).
    ///
    /// # Errors
    /// `BrokenPipe` if the parent is gone; the next order says so too.
    pub fn ready(&self, engine: &str) -> io::Result<()> {
        if let Some(voice) = &self.voice {
            speak_by(voice)?;
        }
        self.lines.send(&format!("{READY} {engine}"))
    }

    /// The next order, or `None` while there is none. Never blocks. After [`Order::ParentGone`]
    /// it returns that for ever, so stop watching the descriptor then.
    ///
    /// # Errors
    /// The kernel's reason, if the socket fails; a line that is no order is `InvalidData`.
    pub fn try_read_order(&mut self) -> io::Result<Option<Order>> {
        match self.lines.next()? {
            Incoming::Nothing => Ok(None),
            Incoming::Closed => Ok(Some(Order::ParentGone)),
            Incoming::Line(line) => order_of(&line).map(Some).ok_or_else(|| {
                let sentence = format!("the parent sent \"{line}\", which is no order");
                io::Error::new(io::ErrorKind::InvalidData, sentence)
            }),
        }
    }

    /// Blocks the calling thread until there is an order, for a worker without an event loop.
    ///
    /// # Errors
    /// As [`Control::try_read_order`].
    pub fn wait_order(&mut self) -> io::Result<Order> {
        loop {
            if let Some(order) = self.try_read_order()? {
                return Ok(order);
            }
            wait(&mut [Readiness::of(self)], None)?;
        }
    }
}

/// What a worker of this process says of its end, whoever holds its [`Control`].
static LAST_WORDS: OnceLock<Lines> = OnceLock::new();

/// Tells the parent, if there is one, that this process closes connections on which so many
/// requests were not answered yet: its end is no clean one then, though it exits with 0.
pub(crate) fn tell_parent_of_cut(requests: usize) {
    if let Some(words) = LAST_WORDS.get() {
        // A parent that is gone needs not know.
        let _ = words.send(&format!("{CUT} {requests}"));
    }
}

fn order_of(line: &str) -> Option<Order> {
    match line.split_once(' ') {
        None if line == LEAVE => Some(Order::Leave),
        None if line == STOP => Some(Order::Stop),
        None if line == STOP_NOW => Some(Order::StopNow),
        None if line == FORCE => Some(Order::Force),
        None if line == MENDED => Some(Order::Mended),
        Some((BROKEN, length)) => Some(Order::Broken(length.parse().ok()?)),
        Some((ADOPT, number)) => Some(Order::Adopt(number.parse().ok()?)),
        Some((RELEASE, number)) => Some(Order::Release(number.parse().ok()?)),
        _ => None,
    }
}

impl AsRawFd for Control {
    fn as_raw_fd(&self) -> RawFd {
        self.lines.stream.as_raw_fd()
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.stream.as_fd()
    }
}

/// One thing that a line socket had to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole line, without its end.
    Line(String),
    /// No whole line yet.
    Nothing,
    /// The other side is gone and its last line was read.
    Closed,
}

/// A non-blocking stream socket that carries short lines.
#[derive(Debug)]
pub(super) struct Lines {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Lines {
    /// `stream` must be non-blocking.
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends one line. The few dozen bytes that ever travel fit the socket's buffer at once.
    pub(super) fn send(&self, line: &str) -> io::Result<()> {
        debug_assert!(line.len() < LINE_BYTES_MAX && !line.contains('\n'));
        // Not `write`: a host that did not ignore SIGPIPE would die of a peer that left.
        let line = format!("{line}\n");
        let sent =
            SockRef::from(&self.stream).send_with_flags(line.as_bytes(), libc::MSG_NOSIGNAL)?;
        if sent == line.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }

    /// The next line, if one is there.
    ///
    /// # Errors
    /// `InvalidData` if the other side sends [`LINE_BYTES_MAX`] bytes without an end of line, or
    /// bytes that are not UTF-8.
    pub(super) fn next(&mut self) -> io::Result<Incoming> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).take(end).collect();
                return match String::from_utf8(line) {
                    Ok(line) => Ok(Incoming::Line(line)),
                    Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                };
            }
            if self.received.len() >= LINE_BYTES_MAX {
                self.received.clear();
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line without an end",
                ));
            }
            let mut block = [0; LINE_BYTES_MAX];
            match (&self.stream).read(&mut block) {
                Ok(0) => return Ok(Incoming::Closed),
                Ok(count) => self.received.extend_from_slice(&block[..count]),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(Incoming::Nothing),
                    // Unread bytes at a peer's death turn its end into a reset.
                    io::ErrorKind::ConnectionReset => return Ok(Incoming::Closed),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

impl AsFd for Lines {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Order to finish the requests in hand for a successor is there, and exit.
pub(super) const LEAVE: &str = "leave";
/// Order, followed by a number, to accept for another worker too.
pub(super) const ADOPT: &str = "adopt";
/// Order, followed by a number, to accept for that worker no more.
pub(super) const RELEASE: &str = "release";
/// Order, followed by a length, to show what is on the slate.
pub(super) const BROKEN: &str = "broken";
/// Order to show that no more.
pub(super) const MENDED: &str = "mended";
/// Order to finish the requests in hand and exit.
pub(super) const STOP: &str = "stop";
/// The same without a delay.
pub(super) const STOP_NOW: &str = "stop-now";
/// Order to exit at once.
pub(super) const FORCE: &str = "force";
/// First word of a worker's first news, followed by the name of its engine.
pub(super) const READY: &str = "ready";
/// First word of a worker's last news, followed by the number of requests that it cut off.
pub(super) const CUT: &str = "cut";

/// Longest name of an engine in the start-up line, in bytes.
pub const ENGINE_BYTES_MAX: usize = 32;

/// Longest line either side accepts, in bytes, its end included: several times the longest word of
/// the protocol, and small enough to sit on the stack.
const LINE_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pair() -> (UnixStream, Lines) {
        let (near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        (near, Lines::new(far))
    }

    #[test]
    fn reads_lines_whole_however_they_are_cut() {
        let (mut near, mut lines) = pair();
        assert_eq!(lines.next().unwrap(), Incoming::Nothing);
        for piece in [&b"st"[..], b"op"] {
            near.write_all(piece).unwrap();
            assert_eq!(lines.next().unwrap(), Incoming::Nothing);
        }
        near.write_all(b"\nforce\nrest").unwrap();
        assert_eq!(lines.next().unwrap(), Incoming::Line("stop".into()));
        assert_eq!(lines.next().unwrap(), Incoming::Line("force".into()));
        assert_eq!(lines.next().unwrap(), Incoming::Nothing);
        drop(near);
        assert_eq!(lines.next().unwrap(), Incoming::Closed);
        assert_eq!(lines.next().unwrap(), Incoming::Closed);
    }

    #[test]
    fn refuses_a_line_without_an_end() {
        let (mut near, mut lines) = pair();
        near.write_all(&[b'x'; LINE_BYTES_MAX]).unwrap();
        assert_eq!(lines.next().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(lines.next().unwrap(), Incoming::Nothing);
    }

    #[test]
    fn understands_every_order_and_the_end_of_the_parent() {
        let (near, lines) = pair();
        let (parent, mut control) = (Lines::new(near), Control { lines, voice: None });
        assert_eq!(control.try_read_order().unwrap(), None);
        parent.send(STOP).unwrap();
        parent.send(FORCE).unwrap();
        for line in [
            "adopt 12",
            "release 12",
            LEAVE,
            STOP_NOW,
            "broken 7",
            MENDED,
        ] {
            parent.send(line).unwrap();
        }
        assert_eq!(control.wait_order().unwrap(), Order::Stop);
        for order in [
            Order::Force,
            Order::Adopt(12),
            Order::Release(12),
            Order::Leave,
            Order::StopNow,
            Order::Broken(7),
            Order::Mended,
        ] {
            assert_eq!(control.try_read_order().unwrap(), Some(order));
        }
        for line in ["dance", "stop now", "adopt", "adopt x", "release -1"] {
            parent.send(line).unwrap();
            let error = control.try_read_order().unwrap_err();
            assert!(error.to_string().contains(line), "{error}");
        }
        drop(parent);
        assert_eq!(control.wait_order().unwrap(), Order::ParentGone);
        assert_eq!(
            control.ready("epoll").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
