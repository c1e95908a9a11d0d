//! TCP listeners: one per worker on one address, and a plain sentence when that cannot be.
//!
//! Why: `SO_REUSEPORT` lets a second server join a port in silence and take half of its
//! connections. So the first listener is bound *without* it, which the kernel refuses when anybody
//! else listens there; only then do our own other listeners join.
//! Knows nothing of workers, processes, rings or HTTP; it never accepts a connection.

mod open;
mod owner;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::RawFd;
use std::path::PathBuf;

use socket2::{Domain, Protocol, Socket, Type};

pub(crate) use open::ACTIVATION_VARIABLES;
pub use open::{Further, Opened, Place, open};
pub use owner::Owner;
use owner::owner_of;

/// Listeners that share one address.
#[derive(Debug)]
pub struct Bound {
    /// Non-blocking, close-on-exec; sockets accepted from them inherit `TCP_NODELAY`.
    pub listeners: Vec<TcpListener>,
    /// The address in use; its port is the real one where port 0 was asked for.
    pub address: SocketAddr,
}

/// Why no listener could be had. `Display` is a sentence for the person who started the server.
#[derive(Debug)]
pub enum ListenError {
    /// The host is neither an address nor a name that resolves to one.
    Resolve {
        /// The host as configured.
        host: String,
        /// The resolver's reason.
        source: io::Error,
    },
    /// Somebody listens on this address and port.
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
        /// Who holds it; `None` where `/proc` does not show it (another user, another container).
        owner: Option<Owner>,
    },
    /// The system does not let this user bind the port.
    PermissionDenied {
        /// The address asked for.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    AddressNotAvailable {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Anything else the kernel refused, such as too many open files.
    Refused {
        /// The address asked for.
        address: SocketAddr,
        /// The kernel's reason.
        source: io::Error,
    },
    /// Somebody listens on this unix socket.
    UnixInUse {
        /// Its path.
        path: PathBuf,
    },
    /// What is at the path of the unix socket is no socket, and not ours to remove.
    NoSocket {
        /// Its path.
        path: PathBuf,
    },
    /// Anything else that was refused of a unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A descriptor that was to be served cannot be.
    Descriptor {
        /// Its number.
        descriptor: RawFd,
        /// What the service manager calls it.
        name: Option<String>,
        /// Why not.
        source: io::Error,
    },
    /// A descriptor and a unix socket are both configured.
    TwoPlaces,
    /// A service manager passed more than one socket, to a worker without a parent.
    SeveralActivated {
        /// How many.
        count: usize,
    },
}

/// Binds `count` listeners to one address and starts to listen on each.
///
/// `host` is an IPv4 or IPv6 address (brackets allowed) or a name; a name with addresses of both
/// families takes IPv4, so that `localhost` is reachable as `127.0.0.1`. `port` 0 takes any free
/// port, the same for all. `backlog` is the queue of each listener, in connections; the kernel
/// caps it at `net.core.somaxconn`. With a `count` of 1 nobody can ever join the port.
///
/// # Errors
/// [`ListenError`]; no listener stays open then.
///
/// # Panics
/// If `count` is 0: there is no such server.
pub fn bind(host: &str, port: u16, count: usize, backlog: u32) -> Result<Bound, ListenError> {
    assert!(count > 0, "a server has at least one listener");
    let mut unavailable = None;
    for address in resolve(host, port)? {
        match bind_address(address, count, backlog) {
            // A name may resolve to IPv6 on a machine without it: the next address may do. A taken
            // port ends the search, or a second start would land on the other family in silence.
            Err(error @ ListenError::AddressNotAvailable { .. }) => {
                unavailable.get_or_insert(error);
            }
            outcome => return outcome,
        }
    }
    Err(unavailable.unwrap_or_else(|| ListenError::Resolve {
        host: host.to_owned(),
        source: io::Error::new(io::ErrorKind::NotFound, "it has no address"),
    }))
}

/// The addresses of `host`, IPv4 first, without a look-up where it is an address already.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ListenError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|source| ListenError::Resolve {
            host: host.to_owned(),
            source,
        })?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

fn bind_address(address: SocketAddr, count: usize, backlog: u32) -> Result<Bound, ListenError> {
    let refused = |error| explain(address, error);
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    let first = listen(address, Joining::Alone, backlog).map_err(refused)?;
    let address = first.local_addr().map_err(refused)?;
    let mut listeners = vec![first];
    if count > 1 {
        // Linux reads the flag of the earlier socket when a later one binds, so setting it after
        // `listen` opens the port to us without a moment in which it was free for others.
        socket2::SockRef::from(&listeners[0])
            .set_reuse_port(true)
            .map_err(refused)?;
    }
    for _ in 1..count {
        listeners.push(listen(address, Joining::Shared, backlog).map_err(refused)?);
    }
    Ok(Bound { listeners, address })
}

/// Whether a socket may share its port with others that say so too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joining {
    Alone,
    Shared,
}

fn listen(address: SocketAddr, joining: Joining, backlog: i32) -> io::Result<TcpListener> {
    // `Socket::new` sets close-on-exec in the same system call.
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of an earlier server in TIME_WAIT do not keep the port; a listening socket does,
    // with or without this option.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(joining == Joining::Shared)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn explain(address: SocketAddr, error: io::Error) -> ListenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::AddressInUse {
            address,
            owner: owner_of(address),
        },
        io::ErrorKind::PermissionDenied => ListenError::PermissionDenied { address },
        io::ErrorKind::AddrNotAvailable => ListenError::AddressNotAvailable { address },
        // A kernel without IPv6 refuses the socket itself.
        _ if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
            ListenError::AddressNotAvailable { address }
        }
        _ => ListenError::Refused {
            address,
            source: error,
        },
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, source } => {
                write!(f, "cannot listen on host \"{host}\": {source}")
            }
            Self::AddressInUse {
                address,
                owner: Some(Owner { pid, name }),
            } => write!(
                f,
                "port {} on {} is in use by {name} (pid {pid}): stop it, or choose another port",
                address.port(),
                address.ip(),
            ),
            Self::AddressInUse {
                address,
                owner: None,
            } => write!(
                f,
                "port {port} on {} is in use by another program: stop it, or choose another port \
                 (as root, `ss -ltnp 'sport = :{port}'` names it)",
                address.ip(),
                port = address.port(),
            ),
            Self::PermissionDenied { address } if address.port() < PRIVILEGED_PORTS_END => write!(
                f,
                "this user may not listen on port {}: ports below {PRIVILEGED_PORTS_END} are \
                 reserved; choose a higher port, or grant CAP_NET_BIND_SERVICE",
                address.port(),
            ),
            Self::PermissionDenied { address } => write!(
                f,
                "this user may not listen on {address}: a policy of this system forbids it \
                 (SELinux, seccomp or a container profile)",
            ),
            Self::AddressNotAvailable { address } => write!(
                f,
                "this machine has no address {}: use one of its own, or 0.0.0.0 or :: for all",
                address.ip(),
            ),
            Self::Refused { address, source } => {
                write!(f, "cannot listen on {address}: {source}")
            }
            _ => self.tell_place(f),
        }
    }
}

impl ListenError {
    /// What is wrong with a place that is no address.
    fn tell_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnixInUse { path } => write!(
                f,
                "the unix socket {} is in use by another program: stop it, or choose another path",
                path.display(),
            ),
            Self::NoSocket { path } => write!(
                f,
                "{} exists and is no socket: remove it, or choose another path",
                path.display(),
            ),
            Self::Unix { path, source } => {
                write!(
                    f,
                    "cannot listen on the unix socket {}: {source}",
                    path.display()
                )
            }
            Self::Descriptor {
                descriptor,
                name: None,
                source,
            } => write!(f, "descriptor {descriptor} cannot be served: {source}"),
            Self::Descriptor {
                descriptor,
                name: Some(name),
                source,
            } => write!(
                f,
                "descriptor {descriptor} (\"{name}\" of LISTEN_FDNAMES) cannot be served: {source}"
            ),
            Self::TwoPlaces => write!(f, "a server listens in one place: set `fd` or `uds`"),
            Self::SeveralActivated { count } => write!(
                f,
                "the service manager passed {count} sockets (LISTEN_FDS), and a worker without a \
                 parent takes one: start the server from a program, or choose one by `fd`",
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { source, .. }
            | Self::Refused { source, .. }
            | Self::Unix { source, .. }
            | Self::Descriptor { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// First port that any user may bind on an unconfigured Linux (`ip_unprivileged_port_start`).
const PRIVILEGED_PORTS_END: u16 = 1024;

#[cfg(test)]
mod tests;
