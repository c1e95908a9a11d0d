//! Where a server listens, as it is configured: an address, a unix socket, or a socket that it got.
//!
//! A socket that was given, by `fd` or by a service manager (`LISTEN_FDS`), is open before the
//! server is, so it can never be refused. It and a unix socket are one queue that every worker
//! accepts from; on an address each worker has a queue of its own.
//! Knows nothing of workers beyond their number.

use std::{
    env, fmt, fs, io,
    net::SocketAddr,
    os::{
        fd::{OwnedFd, RawFd},
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use spikard_contract::config::ServerConfig;

use super::{ListenError, bind};
use crate::io::given;

/// Listeners of one server.
#[derive(Debug)]
pub struct Opened {
    /// Non-blocking, close-on-exec; one for each worker.
    pub listeners: Vec<OwnedFd>,
    /// Where they listen.
    pub place: Place,
    /// Whether all are one socket, with one queue.
    pub is_shared: bool,
    /// Removes the socket's file when it is dropped.
    file: Option<SocketFile>,
}

impl Opened {
    /// One listener that is open already, as it is.
    ///
    /// # Errors
    /// The kernel's, if it has no address; `Unsupported` if that is of another kind.
    pub fn of(listener: impl Into<OwnedFd>) -> io::Result<Self> {
        let listener = listener.into();
        let address = SockRef::from(&listener).local_addr()?;
        Ok(Self {
            place: place_of(&address).ok_or(io::ErrorKind::Unsupported)?,
            listeners: vec![listener],
            is_shared: true,
            file: None,
        })
    }

    /// Leaves a unix socket's file in place when this is dropped.
    pub fn keep_file(mut self) -> Self {
        if let Some(file) = self.file.take() {
            std::mem::forget(file);
        }
        self
    }
}

/// Where a server listens. `Display` is for the start-up line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address; the port is the real one.
    Address(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl Place {
    /// The port, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Address(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Opens `count` listeners as configured: `fd` or `uds` where one of them is set, else what a
/// service manager left, else `host` and `port`.
///
/// # Errors
/// [`ListenError`]; no listener stays open then, except one that was given.
///
/// # Panics
/// If `count` is 0: there is no such server.
pub fn open(config: &ServerConfig, count: usize) -> Result<Opened, ListenError> {
    assert!(count > 0, "a server has at least one listener");
    match (config.fd, &config.uds) {
        (Some(_), Some(_)) => Err(ListenError::TwoPlaces),
        (Some(descriptor), None) => adopt_given(descriptor as RawFd, count),
        (None, Some(path)) => {
            let file_mode = config.uds_permissions;
            listen_unix(Path::new(path), file_mode, config.backlog, count)
        }
        (None, None) => match activation()? {
            Some(descriptor) => adopt_given(descriptor, count),
            None => {
                let bound = bind(&config.host, config.port, count, config.backlog)?;
                Ok(Opened {
                    listeners: bound.listeners.into_iter().map(OwnedFd::from).collect(),
                    place: Place::Address(bound.address),
                    is_shared: count == 1,
                    file: None,
                })
            }
        },
    }
}

/// The socket that a service manager left for this very process (`sd_listen_fds(3)`).
fn activation() -> Result<Option<RawFd>, ListenError> {
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    if number(ACTIVATION_VARIABLES[0]) != Some(std::process::id()) {
        return Ok(None);
    }
    match number(ACTIVATION_VARIABLES[1]) {
        None | Some(0) => Ok(None),
        Some(1) => Ok(Some(ACTIVATION_FIRST)),
        Some(count) => Err(ListenError::SeveralActivated { count }),
    }
}

/// Takes over a socket that listens already.
fn adopt_given(descriptor: RawFd, count: usize) -> Result<Opened, ListenError> {
    let refused = |source| ListenError::Descriptor { descriptor, source };
    let given = given(descriptor).map_err(refused)?;
    let socket = SockRef::from(&*given);
    let address = socket.local_addr().map_err(refused)?;
    if !socket.is_listener().map_err(refused)? {
        let reason = "it is a socket that does not listen";
        return Err(refused(io::Error::other(reason)));
    }
    let place = place_of(&address).ok_or_else(|| {
        let reason = "it is neither a TCP socket nor a unix socket with a path";
        refused(io::Error::other(reason))
    })?;
    socket.set_cloexec(true).map_err(refused)?;
    socket.set_nonblocking(true).map_err(refused)?;
    if let Place::Address(_) = place {
        socket.set_tcp_nodelay(true).map_err(refused)?;
    }
    let listeners = (0..count).map(|_| given.try_clone());
    Ok(Opened {
        listeners: listeners.collect::<io::Result<_>>().map_err(refused)?,
        place,
        is_shared: true,
        file: None,
    })
}

fn place_of(address: &SockAddr) -> Option<Place> {
    let unix = || address.as_pathname().map(|path| Place::Unix(path.into()));
    address.as_socket().map(Place::Address).or_else(unix)
}

/// Listens on a path. A file that a server left behind is removed, one that is served is not.
fn listen_unix(
    path: &Path,
    file_mode: Option<u32>,
    backlog: u32,
    count: usize,
) -> Result<Opened, ListenError> {
    let refused = |source| ListenError::Unix {
        path: path.to_owned(),
        source,
    };
    let address = SockAddr::unix(path).map_err(refused)?;
    clear(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(refused)?;
    socket.bind(&address).map_err(refused)?;
    let file = SocketFile::at(path).map_err(refused)?;
    if let Some(bits) = file_mode {
        // Before it listens, so nobody connects by other rules.
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).map_err(refused)?;
    }
    socket.set_nonblocking(true).map_err(refused)?;
    socket
        .listen(i32::try_from(backlog).unwrap_or(i32::MAX))
        .map_err(refused)?;
    let socket = OwnedFd::from(socket);
    let listeners = (0..count).map(|_| socket.try_clone());
    Ok(Opened {
        listeners: listeners.collect::<io::Result<_>>().map_err(refused)?,
        place: Place::Unix(path.to_owned()),
        is_shared: true,
        file: Some(file),
    })
}

/// Makes room at a path: nothing is there, or a socket that nobody listens on.
fn clear(path: &Path, address: &SockAddr) -> Result<(), ListenError> {
    let refused = |source| ListenError::Unix {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NoSocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(refused)?;
    // A queue that is full must not make us wait.
    probe.set_nonblocking(true).map_err(refused)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(refused)
        }
        // A connection, a full queue, or a file that is not ours to judge.
        Ok(()) => Err(ListenError::UnixInUse {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(ListenError::UnixInUse {
            path: path.to_owned(),
        }),
        Err(error) => Err(refused(error)),
    }
}

/// A socket's file, removed at the end unless another has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        // A path that is relative would lead elsewhere after a change of directory.
        let path = std::path::absolute(path)?;
        let identity = identity_of(&path)?;
        Ok(Self { path, identity })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity_of(&self.path).is_ok_and(|identity| identity == self.identity) {
            // One that cannot be removed is found stale by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// What a service manager sets: for whom, how many, and their names. Workers must not see them.
pub(crate) const ACTIVATION_VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The first descriptor that a service manager passes.
const ACTIVATION_FIRST: RawFd = 3;
