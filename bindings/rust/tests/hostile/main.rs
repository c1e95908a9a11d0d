//! Bad input against a whole server, on each engine: every attack is answered with its one clear
//! problem, memory stays flat, and a new connection is served at once.

#[path = "../common/mod.rs"]
mod common;

mod attack;
mod attacks;
mod bodies;
mod server;
mod uploads;

use attack::{Answer, Attack, Step};
use server::Attacked;

/// Most that one attack may make the server hold beyond what it held before, in bytes: a body of
/// 10 MiB, what its validation needs, and the buffers of the connection.
const PEAK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How often all attacks are carried out. The first rounds fill what the allocator keeps.
const ROUNDS: usize = 4;

/// Most memory that every round may add. What leaks does so each time; the allocator takes a step
/// once, in whichever round its arenas fit worst.
const GROWTH_BYTES_MAX: u64 = 512 * 1024;

/// Not a test by itself: the process that the others attack.
#[test]
fn serves_for_the_others() {
    if let Ok(engine) = std::env::var(server::ENGINE) {
        server::serve(&engine);
    }
}

fn proof_of_life() -> Attack {
    Attack {
        name: "a plain request",
        steps: vec![Step::Send(
            b"GET /users/7 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        )],
        answer: Answer::Status(200),
    }
}

/// Carries out every attack once. Returns what went otherwise than it must.
fn round(server: &Attacked) -> Vec<String> {
    let mut faults = Vec::new();
    for attack in attacks::all() {
        let (before, _) = server.memory();
        server.forget_peak();
        let answer = attack.carry_out(&server.address);
        if answer != attack.answer {
            faults.push(format!(
                "{}: {answer:?}, not {:?}",
                attack.name, attack.answer
            ));
        }
        let alive = proof_of_life().carry_out(&server.address);
        if alive != Answer::Status(200) {
            faults.push(format!("after {}: {alive:?}", attack.name));
        }
        let (_, peak) = server.memory();
        let grown = peak.saturating_sub(before);
        if grown > 8 * 1024 * 1024 {
            println!("{}: {} MiB at its peak", attack.name, grown >> 20);
        }
        if grown > PEAK_BYTES_MAX {
            faults.push(format!(
                "{}: {} MiB more at its peak",
                attack.name,
                grown >> 20
            ));
        }
    }
    faults
}

/// Most that an upload may make the server hold, in bytes, however large it is: what stays in
/// memory by default, the blocks under way to the disk, and the buffers of the connection.
const UPLOAD_BYTES_MAX: u64 = 3 * 1024 * 1024;

/// Uploads of nine times what may stay in memory, which must not.
fn keeps_files_out_of_memory(server: &Attacked, engine: &str) {
    for _ in 0..3 {
        let (before, _) = server.memory();
        server.forget_peak();
        let answer = uploads::large_file().carry_out(&server.address);
        assert_eq!(answer, Answer::Status(200), "{engine}");
        let grown = server.memory().1.saturating_sub(before);
        println!(
            "{engine}: an upload of 9 MB, {} KiB more at its peak",
            grown >> 10
        );
        assert!(grown <= UPLOAD_BYTES_MAX, "{engine}: {grown} bytes");
    }
}

fn withstands(engine: &str) {
    if !common::engines().contains(&engine) {
        // `engines` has said why, or failed.
        return;
    }
    let server = Attacked::start(engine);
    assert_eq!(
        proof_of_life().carry_out(&server.address),
        Answer::Status(200)
    );
    keeps_files_out_of_memory(&server, engine);
    let mut held = Vec::new();
    for count in 1..=ROUNDS {
        let faults = round(&server);
        assert!(
            faults.is_empty(),
            "{engine}, round {count}:\n{}",
            faults.join("\n")
        );
        held.push(server.memory().0);
    }
    let growths = held.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let least = growths.min().unwrap_or_default();
    println!(
        "{engine}: {} attacks in {ROUNDS} rounds; {held:?} bytes after each",
        attacks::all().len(),
    );
    assert!(
        least <= GROWTH_BYTES_MAX,
        "{engine}: memory grows with every round: {held:?}"
    );
}

#[test]
fn epoll_withstands_every_attack() {
    withstands("epoll");
}

#[test]
fn io_uring_withstands_every_attack() {
    withstands("io_uring");
}
