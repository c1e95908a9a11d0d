//! Decides who the client is, where proxies stand before the server.
//!
//! Decided once: limits, logs and handlers all read the exchange's client. An address that somebody
//! claims counts only if a trusted proxy says so: entries are read from the right, each believed
//! only while the one that it came from is trusted, and a malformed one ends the walk.

use std::net::SocketAddr;

use spikard_contract::config::ForwardedHeader;
use spikard_contract::knob::Network;
use spikard_proto_http::{Head, forwarded, sabotage};

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

impl ClientAddress {
    fn client(&self, head: &Head, peer: Option<SocketAddr>) -> Option<SocketAddr> {
        let (mut client, mut hops) = (peer, self.hops);
        let name: &[u8] = match self.header {
            ForwardedHeader::XForwardedFor => b"x-forwarded-for",
            ForwardedHeader::Forwarded => b"forwarded",
        };
        let mut lines: [&[u8]; LINES_MAX] = [b""; LINES_MAX];
        let mut count = 0;
        for line in head.field_all(name) {
            // More than any proxy writes: nobody can say which are whose.
            *lines.get_mut(count)? = line;
            count += 1;
        }
        for line in lines[..count].iter().rev() {
            let (mut ours, mut theirs);
            let entries: &mut dyn Iterator<Item = Option<SocketAddr>> = match self.header {
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
                let is_proxy =
                    |it: SocketAddr| self.proxies.iter().any(|net| net.contains(it.ip()));
                let trusted = hops > 0 || client.is_some_and(is_proxy);
                let Some(address) = entry.filter(|_| trusted) else {
                    return client;
                };
                hops = hops.saturating_sub(1);
                client = Some(address);
            }
        }
        client
    }
}

impl RequestStage for ClientAddress {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        if !sabotage::is_off("client-address/proxies") {
            // Too many lines say nothing: the client is who is there.
            x.client = self.client(&x.head, x.client).or(x.client);
        }
        Flow::Next
    }
}

/// Most lines of the field that are looked at.
const LINES_MAX: usize = 16;
