//! Who is counted: a client's address, as far as it tells one client from another.
//!
//! A household has a whole IPv6 network, so only its prefix counts. The slot of a key is chosen by
//! a keyed hash (SipHash-1-3, Aumasson and Bernstein 2012), so nobody can aim at another's.

use std::net::{IpAddr, Ipv6Addr};

use super::memory::SEED_WORDS;

/// Who is counted, in 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub u128);

impl Key {
    /// Everybody: a limit that does not tell clients apart. Also clients without an address, such
    /// as those of a local socket. It is a multicast address, which no client has.
    pub const EVERYBODY: Self = Self(u128::MAX);

    /// The client at `address`, of which the first `ipv6_prefix` bits count if it is IPv6. An IPv4
    /// address counts whole, however it is written (RFC 4291 §2.5.5.2).
    pub fn of(address: IpAddr, ipv6_prefix: u32) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().to_bits()),
            IpAddr::V6(v6) => Self(network(v6, ipv6_prefix)),
        }
    }
}

fn network(address: Ipv6Addr, prefix: u32) -> u128 {
    let host_bits = 128u32.saturating_sub(prefix);
    u128::MAX.checked_shl(host_bits).unwrap_or(0) & address.to_bits()
}

/// SipHash-1-3 of the key's 16 bytes in little endian.
pub fn hash(seed: [u64; SEED_WORDS], key: Key) -> u64 {
    let [k0, k1] = seed;
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    // The last block holds the length, 16 bytes, in its highest byte.
    for block in [key.0 as u64, (key.0 >> 64) as u64, 16 << 56] {
        state[3] ^= block;
        round(&mut state);
        state[0] ^= block;
    }
    state[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hasher};

    fn key(text: &str, prefix: u32) -> Key {
        Key::of(text.parse().unwrap(), prefix)
    }

    #[test]
    fn hashes_as_the_standard_library_does_without_a_key() {
        for key in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            let mut theirs = DefaultHasher::new();
            theirs.write(&key.to_le_bytes());
            assert_eq!(hash([0, 0], Key(key)), theirs.finish());
        }
        assert_ne!(hash([0, 0], Key(1)), hash([0, 1], Key(1)));
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_an_ipv4_address_another() {
        assert_eq!(key("2001:db8::1", 64), key("2001:db8::ffff:2", 64));
        assert_ne!(key("2001:db8::1", 64), key("2001:db8:0:1::1", 64));
        assert_eq!(key("2001:db8:0:1::1", 48), key("2001:db8::1", 48));
        assert_ne!(key("2001:db8::1", 128), key("2001:db8::2", 128));
        assert_eq!(key("2001:db8::1", 0), key("::", 0));
    }

    #[test]
    fn an_ipv4_address_is_one_client_however_written() {
        assert_eq!(key("192.0.2.1", 64), key("::ffff:192.0.2.1", 64));
        assert_ne!(key("192.0.2.1", 0), key("192.0.2.2", 0));
        assert_ne!(key("192.0.2.1", 64), key("::192.0.2.1", 64));
    }
}
