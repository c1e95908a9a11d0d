//! A network of addresses, written as people do: `10.0.0.0/8`, `2001:db8::/32`, or one address.
//!
//! Knows nothing of what a network is for.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::Value;

use super::{Fault, Knob, Place, brief};
use crate::meta::Kind;

/// Addresses with the same leading bits. An IPv4 address is meant however it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    text: String,
    bits: u128,
    /// Of 128: an IPv4 network has 96 more than it is written with.
    prefix: u32,
}

impl Network {
    /// Reads an address, or a network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3). `None` if
    /// it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) if prefix.bytes().all(|it| it.is_ascii_digit()) => {
                (address, Some(prefix.parse::<u32>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        let network = Self {
            text: text.to_owned(),
            bits: bits_of(address),
            prefix: 128u32.checked_sub(width.checked_sub(prefix)?)?,
        };
        Some(network)
    }

    /// Whether `address` is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = bits_of(address.to_canonical()) ^ self.bits;
        differing.leading_zeros() >= self.prefix
    }
}

fn bits_of(address: IpAddr) -> u128 {
    let v6: Ipv6Addr = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    v6.to_bits()
}

impl Knob for Network {
    const KIND: Kind = Kind::Text;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let network = value.as_str().and_then(Self::parse);
        if network.is_none() {
            let words = "is no address and no network like 10.0.0.0/8";
            place.refuse(faults, format!("{} {words}", brief(value)));
        }
        network
    }

    fn json(&self) -> Value {
        Value::from(self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_of_its_prefix() {
        for (network, address, within) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("::/0", "2001:db8::1", true),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                within,
                "{address}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "a.example",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
