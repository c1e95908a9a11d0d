//! Who accepts for a worker that has no process: a sibling, until the replacement is ready.
//!
//! The kernel shares connections out over all listeners, also over one that nobody accepts from,
//! where they would wait for as long as a program takes to start. So a death costs the connections
//! that the dead had accepted, and those that are queued for it are late by milliseconds.
//! Knows nothing of why a worker has no process.

use super::control::{ADOPT, RELEASE};
use super::parent::{Parent, Phase};

/// The process that accepts for a sibling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cover {
    worker: usize,
    pid: u32,
}

impl Parent {
    /// Sees to it that every listener is accepted from, by its own worker where that can.
    pub(super) fn cover_all(&mut self) {
        // One queue for all is never without somebody.
        if self.phase != Phase::Serving || self.opened.is_shared {
            return;
        }
        for at in 0..self.slots.len() {
            let cover = self.covers[at].filter(|cover| self.still_covers(cover));
            self.covers[at] = match (self.slots[at].accepting(), cover) {
                (Some(_), Some(cover)) => {
                    self.slots[cover.worker].order(&format!("{RELEASE} {at}"));
                    None
                }
                (Some(_), None) => None,
                (None, Some(cover)) => Some(cover),
                (None, None) => self.find_cover(at),
            };
        }
    }

    /// A process that left or died covers nobody any more, whoever has its place now.
    fn still_covers(&self, cover: &Cover) -> bool {
        self.slots[cover.worker].accepting() == Some(cover.pid)
    }

    /// Orders the next worker that accepts to do so for this one as well.
    fn find_cover(&self, at: usize) -> Option<Cover> {
        let all = self.slots.len();
        let mut others = (1..all).map(|step| (at + step) % all);
        let (worker, pid) =
            others.find_map(|worker| Some((worker, self.slots[worker].accepting()?)))?;
        let told = self.slots[worker].order(&format!("{ADOPT} {at}"));
        told.then_some(Cover { worker, pid })
    }
}
