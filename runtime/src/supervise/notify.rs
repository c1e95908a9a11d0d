//! What a service manager is told (`sd_notify(3)`): ready, reloading, stopping.
//!
//! A unit of `Type=notify` counts as started when every worker accepts, and `Type=notify-reload`
//! waits for a rolling restart. Without `NOTIFY_SOCKET` there is nobody to tell.
//! Knows nothing of workers; they must not see the variable, or they would speak for the server.

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The service manager's ear.
#[derive(Debug)]
pub(super) struct Notify(Option<(UnixDatagram, SocketAddr)>);

impl Notify {
    /// Looks for a service manager.
    pub(super) fn find() -> Self {
        Self(env::var_os(NOTIFY_VARIABLE).and_then(|name| reach(&name)))
    }

    /// The server accepts connections.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// A rolling restart begins; `READY` ends it.
    pub(super) fn reloading(&self) {
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: writes one value into a local.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
    }

    /// The server is on its way out.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// A manager that does not listen is its own affair.
    fn tell(&self, words: &str) {
        if let Self(Some((socket, manager))) = self {
            let _ = socket.send_to_addr(words.as_bytes(), manager);
        }
    }
}

/// A path, or with a leading `@` a name without a file.
fn reach(name: &OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let manager = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(Path::new(name)),
    };
    let socket = UnixDatagram::unbound().ok()?;
    // A full queue must not hold the parent up.
    socket.set_nonblocking(true).ok()?;
    Some((socket, manager.ok()?))
}

/// Names the service manager's socket.
pub(super) const NOTIFY_VARIABLE: &str = "NOTIFY_SOCKET";
