//! Deciding whether a client may come: one look at a table of rate limits.

use std::hint::black_box;

use spikard_middleware::rate::{Key, Memory, Pace, Private, Table, lines_for};

use crate::Operation;

/// A client that has been here, and may come.
pub(crate) fn known_client() -> Operation {
    let table = table(1_000_000);
    let mut now_ns = BEGIN_NS;
    assert!(table.take(Key(7), now_ns).allowed);
    Box::new(move || {
        now_ns += 1_000;
        black_box(table.take(black_box(Key(7)), now_ns));
    })
}

/// A client that nobody has seen, every time another.
pub(crate) fn new_client() -> Operation {
    let table = table(1_000_000);
    let (mut now_ns, mut client) = (BEGIN_NS, 0);
    Box::new(move || {
        now_ns += 1_000;
        client += 1;
        black_box(table.take(black_box(Key(client)), now_ns));
    })
}

/// A client that has come too often.
pub(crate) fn refused_client() -> Operation {
    let table = table(1);
    assert!(table.take(Key(7), BEGIN_NS).allowed);
    assert!(!table.take(Key(7), BEGIN_NS).allowed);
    Box::new(move || {
        black_box(table.take(black_box(Key(7)), BEGIN_NS));
    })
}

fn table(burst: u64) -> Table {
    let memory = Private::new();
    let lines = memory.lines(0, lines_for(65_536));
    // Memory of one process always has room.
    let lines = lines.expect("there is memory");
    Table::new(lines, memory.seed(), Pace::new(1_000.0, burst))
}

/// A machine that has run for a while.
const BEGIN_NS: u64 = 1_000_000_000_000;
