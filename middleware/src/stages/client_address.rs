//! Decides who the client is and by which scheme it came, where proxies stand before the server.
//!
//! Decided once: limits, logs and handlers all read the exchange's client. An address that somebody
//! claims counts only if a trusted proxy says so: entries are read from the right, each believed
//! only while the one that it came from is trusted, and a malformed one ends the walk. The scheme
//! is what the outermost of those proxies says of it.

use std::net::SocketAddr;

use spikard_contract::config::ForwardedHeader;
use spikard_contract::knob::Network;
use spikard_proto_http::forwarded::{self, Entry, Scheme};
use spikard_proto_http::{Head, sabotage};

use crate::{exchange::Exchange, flow::Flow, local::Local, stage::RequestStage};

/// Whom to trust, and where they say it.
#[derive(Debug)]
pub struct ClientAddress {
    /// Addresses of proxies.
    pub proxies: Vec<Network>,
    /// Proxies that are trusted whatever their address, counted from the server.
    pub hops: u32,
    /// The one field that they write. The other is a client's own word.
    pub header: ForwardedHeader,
}

/// What the trusted proxies say together.
#[derive(Clone, Copy)]
struct Told {
    client: Option<SocketAddr>,
    scheme: Option<Scheme>,
    /// How many of them said it: those that wrote the rightmost entries.
    proxies: usize,
}

impl ClientAddress {
    /// Walks the entries that name clients. `None` if there are more lines than any proxy writes:
    /// then nobody can say which are whose.
    fn told(&self, head: &Head, peer: Option<SocketAddr>) -> Option<Told> {
        let mut told = Told {
            client: peer,
            scheme: None,
            proxies: 0,
        };
        let mut hops = self.hops;
        let name: &[u8] = match self.header {
            ForwardedHeader::XForwardedFor => b"x-forwarded-for",
            ForwardedHeader::Forwarded => b"forwarded",
        };
        for line in Lines::of(head, name)?.backwards() {
            let (mut ours, mut theirs);
            let entries: &mut dyn Iterator<Item = Entry> = match self.header {
                ForwardedHeader::XForwardedFor => {
                    ours = forwarded::x_forwarded_for(line);
                    &mut ours
                }
                ForwardedHeader::Forwarded => {
                    theirs = forwarded::forwarded(line);
                    &mut theirs
                }
            };
            for entry in entries {
                if !self.trusts(told.client, hops) {
                    return Some(told);
                }
                told.proxies += 1;
                told.scheme = entry.scheme.or(told.scheme);
                let Some(address) = entry.address else {
                    return Some(told);
                };
                hops = hops.saturating_sub(1);
                told.client = Some(address);
            }
        }
        Some(told)
    }

    fn trusts(&self, other: Option<SocketAddr>, hops: u32) -> bool {
        let is_proxy = |it: SocketAddr| self.proxies.iter().any(|net| net.contains(it.ip()));
        hops > 0 || other.is_some_and(is_proxy) || sabotage::is_off("scheme/trust")
    }

    /// The scheme that `X-Forwarded-Proto` has from the outermost of `proxies`. One that is not
    /// told of any client still says how it was spoken to. Proxies that pass on what is there
    /// leave one entry for all of them.
    fn scheme(&self, head: &Head, peer: Option<SocketAddr>, proxies: usize) -> Option<Scheme> {
        if self.header == ForwardedHeader::Forwarded || !self.trusts(peer, self.hops) {
            return None;
        }
        let lines = Lines::of(head, b"x-forwarded-proto")?;
        let entries = lines
            .backwards()
            .flat_map(forwarded::x_forwarded_proto)
            .take(match sabotage::is_off("scheme/entry") {
                true => usize::MAX,
                false => proxies.max(1),
            });
        entries.last()?
    }
}

impl RequestStage for ClientAddress {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let told = self.told(&x.head, x.client);
        let proxies = told.map_or(0, |told| told.proxies);
        let scheme = told.and_then(|told| told.scheme);
        let scheme = scheme.or_else(|| self.scheme(&x.head, x.client, proxies));
        if !sabotage::is_off("scheme/told") {
            x.scheme = scheme.unwrap_or_default();
        }
        if !sabotage::is_off("client-address/proxies") {
            // Too many lines say nothing: the client is who is there.
            x.client = told.map_or(x.client, |told| told.client);
        }
        Flow::Next
    }
}

/// The lines of one field.
struct Lines<'h> {
    lines: [&'h [u8]; LINES_MAX],
    count: usize,
}

impl<'h> Lines<'h> {
    /// `None` if there are too many.
    fn of(head: &'h Head, name: &'h [u8]) -> Option<Self> {
        let (mut lines, mut count) = ([&b""[..]; LINES_MAX], 0);
        for line in head.field_all(name) {
            *lines.get_mut(count)? = line;
            count += 1;
        }
        Some(Self { lines, count })
    }

    fn backwards(&self) -> impl Iterator<Item = &'h [u8]> {
        self.lines[..self.count].iter().rev().copied()
    }
}

/// Most lines of a field that are looked at.
const LINES_MAX: usize = 16;
