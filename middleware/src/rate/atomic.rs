//! All that a table does to shared words: four operations, in one order that everybody sees.
//!
//! `SeqCst` throughout: that who writes first and looks then cannot miss another who does the same
//! is what the table's argument stands on, and on x86-64 it costs no more than a weaker exchange.
//! Under test a scheduler says at each operation who goes on.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

#[cfg(test)]
use super::races::step;

#[cfg(not(test))]
#[inline(always)]
fn step() {}

#[inline]
pub(super) fn load(word: &AtomicU64) -> u64 {
    step();
    word.load(SeqCst)
}

/// Puts `to` in the place of `from`; the error is what stood there instead.
#[inline]
pub(super) fn exchange(word: &AtomicU64, from: u64, to: u64) -> Result<u64, u64> {
    step();
    word.compare_exchange(from, to, SeqCst, SeqCst)
}

#[inline]
pub(super) fn raise(word: &AtomicU64, to: u64) {
    step();
    word.fetch_max(to, SeqCst);
}

/// Returns what stood there before.
#[inline]
pub(super) fn add(word: &AtomicU64, by: u64) -> u64 {
    step();
    word.fetch_add(by, SeqCst)
}
