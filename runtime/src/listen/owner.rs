//! Who holds a port: the listening socket in `/proc/net`, then the process that has it open.
//!
//! Why: "address already in use" sends people searching; a name and a pid end the search.
//! Best effort: another user's or another container's process is not visible, and that is no
//! error. Knows nothing of binding; it only reads `/proc`, and only after a bind has failed.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its short name, as `ps` shows it.
    pub name: String,
}

/// The process that holds `address`, as far as this user may see it.
pub(super) fn owner_of(address: SocketAddr) -> Option<Owner> {
    let mut links = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        let rows = text.lines().filter_map(Row::parse);
        links.extend(rows.filter(|row| row.blocks(address)).map(|row| row.link()));
    }
    if links.is_empty() {
        return None;
    }
    let holders: Vec<u32> = pids().filter(|pid| holds(*pid, &links)).collect();
    // A server's workers hold its listeners as well: name the one that is nobody's child.
    let eldest = holders.iter().copied().find(|pid| {
        let parent = parent_of(*pid);
        !holders.iter().any(|other| Some(*other) == parent)
    })?;
    let name = fs::read_to_string(format!("/proc/{eldest}/comm")).unwrap_or_default();
    Some(Owner {
        pid: eldest,
        name: name.trim_end().to_owned(),
    })
}

/// A row of `/proc/net/tcp` or `tcp6` that is in the listening state.
struct Row<'a> {
    local: SocketAddr,
    inode: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace();
        let (address, port) = columns.nth(1)?.split_once(':')?;
        let state = columns.nth(1)?;
        // After the state: queues, timer, retransmits, uid, timeout, inode.
        let inode = columns.nth(5)?;
        let local = SocketAddr::new(parse_address(address)?, u16::from_str_radix(port, 16).ok()?);
        (state == STATE_LISTEN).then_some(Self { local, inode })
    }

    /// Whether this listener is a reason why nobody else can bind `address`.
    fn blocks(&self, address: SocketAddr) -> bool {
        let (mine, other) = (self.local.ip(), address.ip());
        let overlap = mine == other || mine.is_unspecified() || other.is_unspecified();
        overlap && self.local.port() == address.port()
    }

    /// What a descriptor of this socket links to in `/proc/<pid>/fd`.
    fn link(&self) -> String {
        format!("socket:[{}]", self.inode)
    }
}

/// An address as the kernel prints it: 32-bit words in hex, each in the machine's byte order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    if text.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0; 16];
    for at in 0..4 {
        bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
    }
    Some(Ipv6Addr::from(bytes).to_canonical())
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn holds(pid: u32, links: &[String]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and brackets: state and parent follow the last `)`.
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// `TCP_LISTEN` as `/proc/net/tcp` prints it.
const STATE_LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_listening_rows_of_both_families() {
        let row = "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                   1000        0 4711 1 0000000000000000 100 0 0 10 0";
        let row = Row::parse(row).unwrap();
        assert_eq!(
            (row.local, row.inode),
            ("127.0.0.1:8080".parse().unwrap(), "4711")
        );
        assert!(row.blocks("127.0.0.1:8080".parse().unwrap()));
        assert!(row.blocks("0.0.0.0:8080".parse().unwrap()));
        assert!(!row.blocks("127.0.0.2:8080".parse().unwrap()));
        assert!(!row.blocks("127.0.0.1:8081".parse().unwrap()));

        let row = "  1: 00000000000000000000000001000000:0050 \
                   00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 \
                   00000000     0        0 99 1 0000000000000000 100 0 0 10 0";
        assert_eq!(Row::parse(row).unwrap().local, "[::1]:80".parse().unwrap());
    }

    #[test]
    fn passes_over_headings_and_connections() {
        let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
        let connection = "  2: 0100007F:1F90 0100007F:8888 01 00000000:00000000 00:00000000 \
                          00000000  1000        0 4712 1 0000000000000000 20 4 30 10 -1";
        assert!(Row::parse(heading).is_none() && Row::parse(connection).is_none());
    }
}
