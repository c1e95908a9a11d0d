//! One slot of a table: a client's name and the time at which its bucket is full, in one word.
//!
//! Both stand in one word because only one word can be exchanged at once. Of the time only the low
//! bits are kept: it goes round, like a clock's hand, and what it means depends on the hour.
//!
//! ```text
//!  63                45  44  43                                  0
//! |  name, never zero  | opening |  time in units, modulo the cycle |
//! ```
//!
//! The word 0 is a slot that nobody ever had. With the opening bit the slot is taken, but nothing
//! has been counted in it: its low bits are a nonce then, not a time.

/// Bits of the time.
pub(super) const TIME_BITS: u32 = 44;
/// Units until the hand has gone round once.
pub(super) const CYCLE: u64 = 1 << TIME_BITS;
/// The longest that a full window, and a reader that lags, may lie ahead.
const AHEAD: u64 = CYCLE / 4;

const OPENING: u64 = CYCLE;
const NAME_SHIFT: u32 = TIME_BITS + 1;

/// What a slot says at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// The name that a hash gives: never 0.
    pub(super) fn name_of(hash: u64) -> u64 {
        (hash >> NAME_SHIFT).max(1)
    }

    /// A slot taken and not opened. `nonce` must not come again while somebody may remember it.
    pub(super) fn opening(name: u64, nonce: u64) -> Self {
        Self((name << NAME_SHIFT) | OPENING | (nonce % CYCLE))
    }

    /// A slot whose bucket is full at `time`.
    pub(super) fn full_at(name: u64, time: u64) -> Self {
        Self((name << NAME_SHIFT) | (time % CYCLE))
    }

    pub(super) fn name(self) -> u64 {
        self.0 >> NAME_SHIFT
    }

    pub(super) fn is_opening(self) -> bool {
        self.0 & OPENING != 0
    }

    /// When the bucket is full, read at `now`, which is at most an eighth of the cycle behind: up
    /// to a quarter of it ahead of `now`, else behind it.
    pub(super) fn time(self, now: u64) -> u64 {
        let ahead = (self.0 % CYCLE).wrapping_sub(now) % CYCLE;
        if ahead < AHEAD {
            now.saturating_add(ahead)
        } else {
            now.saturating_sub(CYCLE - ahead)
        }
    }

    /// Whether nothing is lost when somebody else takes the slot.
    pub(super) fn is_refilled(self, now: u64) -> bool {
        self.0 == 0 || (!self.is_opening() && self.time(now) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_around_the_cycle() {
        for now in [
            CYCLE,
            5 * CYCLE - 1,
            5 * CYCLE,
            5 * CYCLE + 3,
            7 * CYCLE / 2,
        ] {
            for ahead in [0, 1, 1 << 20, AHEAD - 1] {
                let word = Word::full_at(7, now + ahead);
                assert_eq!((word.name(), word.time(now)), (7, now + ahead));
                assert_eq!(word.is_refilled(now), ahead == 0);
            }
            for behind in [1, 1 << 20, CYCLE / 2, 3 * AHEAD] {
                let word = Word::full_at(7, now - behind);
                assert_eq!(word.time(now), now - behind);
                assert!(word.is_refilled(now) && !word.is_opening());
            }
        }
    }

    #[test]
    fn names_are_never_zero_and_a_slot_that_opens_holds_no_time() {
        assert_eq!(Word::name_of(0), 1);
        let name = Word::name_of(u64::MAX);
        let word = Word::opening(name, u64::MAX);
        assert_eq!((word.name(), word.is_opening()), (name, true));
        assert!(!word.is_refilled(1 << 50) && Word(0).is_refilled(9));
    }
}
