//! Where a server listens, as it is configured: an address, a unix socket, or a socket that it got.
//!
//! A socket that was given, by `fd` or by a service manager (`LISTEN_FDS`), is open before the
//! server is, so it can never be refused. It and a unix socket are one queue that every worker
//! accepts from; on an address each worker has a queue of its own. A service manager may give
//! several sockets: all are served, because a unit that names them wants them served.
//! Knows nothing of workers beyond their number.

use std::{
    env,
    fmt::{self, Write as _},
    fs, io,
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
    /// Sockets beside these, each of which every worker accepts from as well.
    pub further: Vec<Further>,
    /// Removes the socket's file when it is dropped.
    file: Option<SocketFile>,
}

/// One more socket that a service manager passed.
#[derive(Debug)]
pub struct Further {
    /// Non-blocking, close-on-exec.
    pub listener: OwnedFd,
    /// Where it listens.
    pub place: Place,
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
            further: Vec::new(),
            file: None,
        })
    }

    /// Every place, for the start-up line.
    pub fn places(&self) -> String {
        let mut places = self.place.to_string();
        for further in &self.further {
            // A `String` takes all that is written.
            let _ = write!(places, " and {}", further.place);
        }
        places
    }

    /// The same where there is one socket, for who can serve no more.
    ///
    /// # Errors
    /// [`ListenError::SeveralActivated`].
    pub fn alone(self) -> Result<Self, ListenError> {
        match self.further.len() {
            0 => Ok(self),
            further => Err(ListenError::SeveralActivated { count: 1 + further }),
        }
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
    /// A unix socket that has a name and no file.
    Abstract(Vec<u8>),
}

impl Place {
    /// The port, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Address(address) => Some(address.port()),
            Self::Unix(_) | Self::Abstract(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{}", name.escape_ascii()),
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
        (Some(descriptor), None) => adopt_given(descriptor as RawFd, None, count),
        (None, Some(path)) => {
            if let Some(name) = path.strip_prefix('@') {
                return listen_abstract(name, config.backlog, count);
            }
            let file_mode = config.uds_permissions;
            listen_unix(Path::new(path), file_mode, config.backlog, count)
        }
        (None, None) => match activation() {
            Some(given) => adopt_all(given, count),
            None => {
                let bound = bind(&config.host, config.port, count, config.backlog)?;
                Ok(Opened {
                    listeners: bound.listeners.into_iter().map(OwnedFd::from).collect(),
                    place: Place::Address(bound.address),
                    is_shared: count == 1,
                    further: Vec::new(),
                    file: None,
                })
            }
        },
    }
}

/// The sockets that a service manager left for this very process, and what it calls them
/// (`sd_listen_fds(3)`); `None` if there are none.
fn activation() -> Option<Vec<(RawFd, Option<String>)>> {
    let [pid, count, names] = ACTIVATION_VARIABLES.map(|name| env::var(name).ok());
    let number = |text: Option<String>| text?.parse::<u32>().ok();
    if number(pid) != Some(std::process::id()) {
        return None;
    }
    let count = number(count).filter(|count| *count > 0)?;
    let names = names.unwrap_or_default();
    let mut names = names.split(':').filter(|name| !name.is_empty());
    // More than a process can have are refused one by one.
    let given = (0..count.min(ACTIVATED_MAX)).map(|at| {
        let name = names.next().map(str::to_owned);
        (ACTIVATION_FIRST + at as RawFd, name)
    });
    Some(given.collect())
}

/// Takes over all of them: each is served by every worker.
fn adopt_all(given: Vec<(RawFd, Option<String>)>, count: usize) -> Result<Opened, ListenError> {
    let mut given = given.into_iter();
    let (first, name) = given.next().unwrap_or((ACTIVATION_FIRST, None));
    let mut opened = adopt_given(first, name, count)?;
    for (descriptor, name) in given {
        let mut one = adopt_given(descriptor, name, 1)?;
        let place = one.place;
        let listeners = one.listeners.drain(..);
        opened.further.extend(listeners.map(|listener| Further {
            listener,
            place: place.clone(),
        }));
    }
    Ok(opened)
}

/// Takes over a socket that listens already.
fn adopt_given(
    descriptor: RawFd,
    name: Option<String>,
    count: usize,
) -> Result<Opened, ListenError> {
    let refused = |source| ListenError::Descriptor {
        descriptor,
        name: name.clone(),
        source,
    };
    let given = given(descriptor).map_err(refused)?;
    let socket = SockRef::from(&*given);
    let address = socket.local_addr().map_err(refused)?;
    if !socket.is_listener().map_err(refused)? {
        let reason = "it is a socket that does not listen";
        return Err(refused(io::Error::other(reason)));
    }
    let place = place_of(&address).ok_or_else(|| {
        let reason = "it is neither a TCP socket nor a unix socket with a name";
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
        further: Vec::new(),
        file: None,
    })
}

fn place_of(address: &SockAddr) -> Option<Place> {
    let unix = || address.as_pathname().map(|path| Place::Unix(path.into()));
    let name = || address.as_abstract_namespace();
    let named = || name().map(|name| Place::Abstract(name.to_vec()));
    address
        .as_socket()
        .map(Place::Address)
        .or_else(unix)
        .or_else(named)
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
    let opened = listen_on(socket, Place::Unix(path.to_owned()), backlog, count);
    let mut opened = opened.map_err(refused)?;
    opened.file = Some(file);
    Ok(opened)
}

/// Listens on a name without a file (`unix(7)`), which is free again when its last holder is gone.
fn listen_abstract(name: &str, backlog: u32, count: usize) -> Result<Opened, ListenError> {
    let refused = |source: io::Error| {
        let path = PathBuf::from(format!("@{name}"));
        match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::UnixInUse { path },
            _ => ListenError::Unix { path, source },
        }
    };
    if name.is_empty() {
        // The kernel would choose one that nobody knows.
        return Err(refused(io::Error::other("a name follows the @")));
    }
    let address = SockAddr::unix(format!("\0{name}")).map_err(refused)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(refused)?;
    socket.bind(&address).map_err(refused)?;
    let place = Place::Abstract(name.as_bytes().to_vec());
    listen_on(socket, place, backlog, count).map_err(refused)
}

/// Listens on a bound unix socket, which all workers share.
fn listen_on(socket: Socket, place: Place, backlog: u32, count: usize) -> io::Result<Opened> {
    socket.set_nonblocking(true)?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let socket = OwnedFd::from(socket);
    let listeners = (0..count).map(|_| socket.try_clone());
    Ok(Opened {
        listeners: listeners.collect::<io::Result<_>>()?,
        place,
        is_shared: true,
        further: Vec::new(),
        file: None,
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

/// Most sockets of a service manager that are served: units have a handful.
const ACTIVATED_MAX: u32 = 64;
