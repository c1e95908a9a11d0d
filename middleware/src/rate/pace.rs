//! How fast a bucket refills and how much it holds, in whole units of time that never flatter.
//!
//! Time is counted in units of a power of two of nanoseconds, chosen so that one token takes about
//! a million of them. Then a time fits in the bits that a table's word has, whatever the rate.
//!
//! **Rounding is strict.** Clocks are rounded down to units, so between two readings `u1 <= u2` a
//! true time of more than `u2 - u1 - 1` units has passed. A token takes `ceil(T) + 1` units, where
//! `T` is its exact time, unless a unit is the clock's own nanosecond. So `m` tokens beyond the
//! burst need `m * (T + 1) <= u2 - u1 < t + 1` units, that is `m * T < t + 1 - m <= t`: never more
//! than the exact rate gives. What it costs is two units per token, two millionths of the rate, or
//! one nanosecond per token where a unit is a nanosecond.

use spikard_proto_http::sabotage;

use super::word::TIME_BITS;

/// A rate and a burst, ready to be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    shift: u32,
    /// Units that one token takes.
    period: u64,
    /// The same in nanoseconds, rounded down: what clients are told by.
    period_ns: u64,
    burst: u64,
}

impl Pace {
    /// `per_second` tokens a second, at most `burst` at once. Values outside
    /// [`PER_SECOND_MIN`]..=[`PER_SECOND_MAX`] and 1..=[`BURST_MAX`] are brought within.
    pub fn new(per_second: f64, burst: u64) -> Self {
        let period_ns = 1e9 / per_second.clamp(PER_SECOND_MIN, PER_SECOND_MAX);
        // Below 2^50 by the least rate, so the shift is below 30; at least 1000 by the greatest.
        let shift = (period_ns as u64).ilog2().saturating_sub(PERIOD_BITS);
        let units = (period_ns / (1u64 << shift) as f64).ceil() as u64;
        Self {
            shift,
            period: units + u64::from(shift > 0),
            period_ns: floor(period_ns) as u64,
            burst: burst.clamp(1, BURST_MAX),
        }
    }

    /// The burst: what a client is told as its limit.
    pub fn burst(&self) -> u64 {
        self.burst
    }

    /// A reading of a nanosecond clock, in units, rounded down.
    pub(super) fn units(&self, now_ns: u64) -> u64 {
        now_ns >> self.shift
    }

    /// Units that one token takes.
    pub(super) fn period(&self) -> u64 {
        self.period
    }

    /// Units that a whole burst takes to refill.
    pub(super) fn window(&self) -> u64 {
        self.period * self.burst
    }

    /// Whole seconds for `units`, rounded up. Told in exact tokens: their strictness is left out,
    /// so that a client of one token a second reads 1 and not 2.
    pub(super) fn seconds(&self, units: u64) -> u64 {
        let ns = (u128::from(units) * u128::from(self.period_ns)).div_ceil(self.period.into());
        // A window is at most 2^41 units of less than 2^30 ns.
        if sabotage::is_off("rate-limit/ceiling") {
            return (ns / 1_000_000_000) as u64;
        }
        ns.div_ceil(1_000_000_000) as u64
    }
}

/// Rounds down, but not a whole number that lost its last bit.
fn floor(number: f64) -> f64 {
    let whole = number.round();
    if (number - whole).abs() <= whole * 4.0 * f64::EPSILON {
        whole
    } else {
        number.floor()
    }
}

/// Least rate: one token in about eleven days. Slower ones would outgrow the clock's bits.
pub const PER_SECOND_MIN: f64 = 0.000_001;
/// Greatest rate: one token a microsecond, where rounding to a nanosecond costs a thousandth.
pub const PER_SECOND_MAX: f64 = 1_000_000.0;
/// Greatest burst: with it a window is still an eighth of the time that a word can tell.
pub const BURST_MAX: u64 = 1_000_000;
/// A token takes at least 2^20 units, unless a unit is a nanosecond, and at most about 2^21.
const PERIOD_BITS: u32 = 20;

const _: () = assert!(BURST_MAX * ((1 << (PERIOD_BITS + 1)) + 2) <= 1 << (TIME_BITS - 3));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_takes_less_than_its_time_and_hardly_more() {
        for per_second in [
            1e-6, 0.001, 0.3, 1.0, 3.0, 7.7, 100.0, 476.0, 477.0, 1e3, 4321.5, 1e5, 999_999.0, 1e6,
        ] {
            let pace = Pace::new(per_second, BURST_MAX);
            let exact = 1e9 / per_second / (1u64 << pace.shift) as f64;
            let strictness = u64::from(pace.shift > 0) as f64;
            assert!(pace.period as f64 >= exact + strictness, "{per_second}");
            assert!(pace.period as f64 <= exact + 2.0, "{per_second}");
            assert!(
                pace.shift == 0 || pace.period > 1 << PERIOD_BITS,
                "{per_second}"
            );
            assert!(pace.period <= (1 << (PERIOD_BITS + 1)) + 2, "{per_second}");
            assert!(pace.window() <= 1 << (TIME_BITS - 3), "{per_second}");
        }
    }

    #[test]
    fn seconds_are_told_as_people_count_them() {
        for (per_second, tokens, seconds) in [
            (0.001, 1, 1_000),
            (0.001, 3, 3_000),
            (1.0, 1, 1),
            (3.0, 3, 1),
            (3.0, 4, 2),
            (100.0, 1, 1),
            (100.0, 200, 2),
            (1e6, 1, 1),
        ] {
            let pace = Pace::new(per_second, 10);
            assert_eq!(
                pace.seconds(tokens * pace.period),
                seconds,
                "{per_second} {tokens}"
            );
        }
        assert_eq!(Pace::new(1.0, 1).seconds(0), 0);
    }

    #[test]
    fn values_out_of_range_are_brought_within() {
        assert_eq!(Pace::new(0.0, 0), Pace::new(PER_SECOND_MIN, 1));
        assert_eq!(
            Pace::new(1e9, u64::MAX),
            Pace::new(PER_SECOND_MAX, BURST_MAX)
        );
    }
}
