//! Calls that are looked at after their event: for hosts whose request objects read lazily.
//!
//! The engine keeps what a call points to until the answer, but the view itself only lives in its
//! event. Here it is copied, and found again by a number that no other call gets for a long time.
//! Knows nothing of answers: whoever answers takes the call out first.

use std::cell::{Cell, RefCell};

use spikard_ffi::call::spk_call;

use crate::call::Call;

/// Calls that are owed an answer. Used on the worker's thread.
#[derive(Default)]
pub struct Calls {
    slots: RefCell<Vec<Slot>>,
    /// Number of the first free slot, behind which the others hang; `slots.len()` if none is free.
    free: Cell<usize>,
}

struct Slot {
    /// How often it was taken: a name of before is a stale one.
    generation: u32,
    /// The free slot behind this one, while it is free.
    next: usize,
    kept: Option<Kept>,
}

struct Kept {
    id: u64,
    view: spk_call,
}

/// Names a kept call. Below 2^53, so that a float holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(u64);

impl Token {
    /// As a number for a language whose numbers are floats.
    pub fn number(self) -> f64 {
        self.0 as f64
    }

    /// The token of a number; of anything but one, a token that names no call.
    pub fn from_number(number: f64) -> Self {
        Self(number as u64)
    }

    fn of(slot: usize, generation: u32) -> Self {
        Self(u64::from(generation) << SLOT_BITS | slot as u64)
    }

    fn slot(self) -> usize {
        (self.0 & SLOT_MASK) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> SLOT_BITS) as u32
    }
}

impl Calls {
    /// Keeps a call. `None` if no more than [`CALLS_MAX`] may be kept.
    ///
    /// # Safety
    /// The call is taken out, by [`Calls::take`] or [`Calls::clear`], before it is answered and
    /// before its worker is freed.
    pub unsafe fn keep(&self, call: &Call<'_>) -> Option<Token> {
        let mut slots = self.slots.borrow_mut();
        let at = self.free.get();
        if at == slots.len() {
            if at == CALLS_MAX {
                return None;
            }
            slots.push(Slot {
                generation: 0,
                next: at + 1,
                kept: None,
            });
        }
        let slot = &mut slots[at];
        self.free.set(slot.next);
        slot.kept = Some(Kept {
            id: call.id(),
            view: *call.view(),
        });
        Some(Token::of(at, slot.generation))
    }

    /// Looks at a call; `None` once it is answered.
    pub fn with<T>(&self, token: Token, look: impl FnOnce(Call<'_>) -> T) -> Option<T> {
        let slots = self.slots.borrow();
        let slot = slots.get(token.slot())?;
        let kept = slot.kept.as_ref()?;
        (slot.generation == token.generation()).then(|| look(Call::new(kept.id, &kept.view)))
    }

    /// Takes a call out: its id, to answer it with. `None` if that was done before.
    pub fn take(&self, token: Token) -> Option<u64> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(token.slot())?;
        if slot.generation != token.generation() {
            return None;
        }
        let kept = slot.kept.take()?;
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        slot.next = self.free.replace(token.slot());
        Some(kept.id)
    }

    /// The token of a call by its id, which costs a look at all that are kept.
    pub fn find(&self, id: u64) -> Option<Token> {
        let slots = self.slots.borrow();
        let is_it = |slot: &Slot| slot.kept.as_ref().is_some_and(|kept| kept.id == id);
        let at = slots.iter().position(is_it)?;
        Some(Token::of(at, slots[at].generation))
    }

    /// Takes all calls out: the worker ends.
    pub fn clear(&self) {
        let mut slots = self.slots.borrow_mut();
        slots.clear();
        self.free.set(0);
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Calls({} slots)", self.slots.borrow().len())
    }
}

/// How many calls can be kept at once: more than a worker may have in flight.
pub const CALLS_MAX: usize = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 22;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
/// 31 bits beside the slot's number make 53.
const GENERATION_MASK: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::*;

    fn keep(calls: &Calls, id: u64) -> Token {
        // SAFETY: all zeros is a view without a request, and no test looks at what it points to.
        let view: spk_call = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: nobody answers it, and it points to nothing.
        unsafe { calls.keep(&Call::new(id, &view)) }.expect("there is room")
    }

    #[test]
    fn finds_a_call_until_it_is_taken_out() {
        let calls = Calls::default();
        let (first, second) = (keep(&calls, 7), keep(&calls, 8));
        assert_eq!(calls.with(first, |call| call.id()), Some(7));
        assert_eq!(calls.find(8), Some(second));
        assert_eq!(calls.take(first), Some(7));
        assert_eq!(calls.take(first), None);
        assert_eq!(calls.with(first, |call| call.id()), None);
        assert_eq!(calls.with(second, |call| call.id()), Some(8));
    }

    #[test]
    fn a_stale_number_names_no_later_call() {
        let calls = Calls::default();
        let stale = keep(&calls, 1);
        calls.take(stale);
        let fresh = keep(&calls, 2);
        assert_ne!(stale, fresh);
        assert_eq!(calls.take(stale), None);
        let number = Token::from_number(fresh.number());
        assert_eq!(calls.take(number), Some(2));
        for strange in [f64::NAN, -1.0, 1e300, f64::INFINITY] {
            assert_eq!(calls.take(Token::from_number(strange)), None);
        }
    }

    #[test]
    fn numbers_stay_exact_as_floats() {
        let token = Token::of(CALLS_MAX - 1, GENERATION_MASK);
        assert_eq!(Token::from_number(token.number()), token);
        assert!(token.number() < 9_007_199_254_740_992.0);
    }
}
