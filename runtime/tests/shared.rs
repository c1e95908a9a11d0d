//! Memory that processes share: what they find in it, and what is left of those that are killed.
//!
//! The last test starts this program again as processes that count in one memory, kills them at
//! random, and asserts the promise of rate limits over all that any of them allowed.

#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::collections::HashMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use spikard_middleware::rate::{Key, Memory, Pace, Table, lines_for};
use spikard_runtime::shared::{ENTRIES, SharedMemory, now_ns};

/// The same memory as another process would have it.
fn opened(descriptor: i32, pid: u32) -> SharedMemory {
    let path = format!("/proc/{pid}/fd/{descriptor}");
    let file = OpenOptions::new().read(true).write(true).open(path);
    SharedMemory::open(OwnedFd::from(file.unwrap())).unwrap()
}

#[test]
fn a_name_is_the_same_table_for_all_and_another_is_a_new_one() {
    let ours = SharedMemory::create().unwrap();
    let theirs = opened(ours.as_raw_fd(), process::id());
    assert_eq!(ours.seed(), theirs.seed());
    assert_ne!(ours.seed(), SharedMemory::create().unwrap().seed());
    let table = |memory: &SharedMemory, id: u64| {
        let lines = memory.lines(id, lines_for(100)).unwrap();
        Table::new(lines, memory.seed(), Pace::new(0.001, 2))
    };
    let allowed = |table: &Table| table.take(Key(5), now_ns()).allowed;
    let first = table(&ours, 1);
    assert!(allowed(&first) && allowed(&table(&theirs, 1)));
    drop(first);
    // Whoever comes back finds what was counted; whoever is configured anew does not.
    assert!(!allowed(&table(&ours, 1)) && !allowed(&table(&theirs, 1)));
    assert!(allowed(&table(&theirs, 2)));
    // Memory of another length is another table.
    let lines = theirs.lines(1, lines_for(1_000)).unwrap();
    assert_eq!(lines.lines().len(), lines_for(1_000));
    assert!(lines.lines().iter().all(|line| line.0[0].load(SeqCst) == 0));
}

#[test]
fn a_server_that_is_configured_for_ever_is_told_so() {
    let memory = SharedMemory::create().unwrap();
    for id in 0..ENTRIES as u64 {
        assert!(memory.lines(id + 1, 3).is_some());
    }
    assert!(memory.lines(u64::MAX, 3).is_none());
    assert!(memory.lines(1, 3).is_some());
}

#[test]
fn what_is_no_such_memory_is_refused() {
    let null = File::open("/dev/null").unwrap();
    assert!(SharedMemory::open(OwnedFd::from(null)).is_err());
    let path = folder("strange").join("zeros");
    fs::write(&path, vec![0; 100_000]).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path);
    assert!(SharedMemory::open(OwnedFd::from(file.unwrap())).is_err());
}

/// Rate and burst of the storm, and what its table is made for.
const PER_SECOND: f64 = 50.0;
const BURST: u64 = 5;
/// Every one of the clients in turn is one of so many; the first few come all the time.
const CLIENTS: u64 = 1_000_000;
const DEAR: u64 = 4;
/// Of the others, what becomes of every so manieth is written down.
const SAMPLE: u64 = 500;
const STORM: Duration = Duration::from_secs(4);

#[test]
fn killed_processes_leave_no_client_more_than_its_due() {
    // Room for all, and room for next to none: then overflows do the most.
    for clients in [65_536, 256] {
        let memory = SharedMemory::create().unwrap();
        let folder = folder(&format!("storm-{clients}"));
        let start = |number: usize| {
            let file = folder.join(format!("{number}"));
            let variable = format!("{} {} {clients}", memory.as_raw_fd(), process::id());
            Command::new(env::current_exe().unwrap())
                .args(["--exact", "one_process_gets_no_more_than_its_due"])
                .env("STORM", variable)
                .env("STORM_FILE", file)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut processes: Vec<Child> = (0..4).map(start).collect();
        let (mut started, begin) = (processes.len(), Instant::now());
        while begin.elapsed() < STORM {
            thread::sleep(Duration::from_millis(60));
            let victim = started % processes.len();
            processes[victim].kill().unwrap();
            processes[victim].wait().unwrap();
            processes[victim] = start(started);
            started += 1;
        }
        for mut process in processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let lasted = begin.elapsed().as_secs_f64();
        let mut allowed = read_all(&folder);
        let dear = (0..DEAR)
            .map(|client| allowed[&client].len())
            .max()
            .unwrap();
        assert!(allowed.len() > 20, "{} clients", allowed.len());
        // With room, whoever comes all the time gets nearly all of its due.
        let due = PER_SECOND * lasted + BURST as f64;
        assert!(
            clients < 1_000 || dear as f64 > 0.5 * due,
            "{dear} of {due}"
        );
        for (client, requests) in &mut allowed {
            let excess = excess(requests);
            assert!(excess <= 1e-3, "client {client} had {excess} too many");
        }
        println!(
            "{started} processes, {} clients, {dear} of {due:.0}",
            allowed.len()
        );
    }
}

/// By itself, and as the child of the test above, which says so in the environment.
#[test]
fn one_process_gets_no_more_than_its_due() {
    if let Ok(variable) = env::var("STORM") {
        let numbers: Vec<u64> = variable.split(' ').map(|it| it.parse().unwrap()).collect();
        let [descriptor, parent, clients] = numbers[..] else {
            panic!("{variable}: not three numbers");
        };
        let memory = opened(descriptor as i32, parent as u32);
        let file = env::var("STORM_FILE").unwrap();
        // Nobody is left behind by a test that was stopped.
        return storm(&memory, clients as usize, Path::new(&file), 3 * STORM);
    }
    let folder = folder("storm-alone");
    let memory = SharedMemory::create().unwrap();
    storm(&memory, 256, &folder.join("0"), STORM / 16);
    let mut allowed = read_all(&folder);
    assert!(allowed.len() > DEAR as usize, "{} clients", allowed.len());
    for (client, requests) in &mut allowed {
        let excess = excess(requests);
        assert!(excess <= 1e-3, "client {client} had {excess} too many");
    }
}

/// Asks for many clients as fast as it can, and writes down what some of them were allowed.
fn storm(memory: &SharedMemory, clients: usize, file: &Path, lasts: Duration) {
    let lines = memory.lines(9, lines_for(clients)).unwrap();
    let table = Table::new(lines, memory.seed(), Pace::new(PER_SECOND, BURST));
    let mut file = File::create(file).unwrap();
    let mut dice = u64::from(process::id()) * 0x9e37_79b9;
    let begin = Instant::now();
    while begin.elapsed() < lasts {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let client = if dice.is_multiple_of(8) {
            dice / 8 % DEAR
        } else {
            dice / 8 % CLIENTS
        };
        // A network each, and any address in it.
        let bits = (0x2001_0db8_u128 << 96) | (u128::from(client) << 64) | u128::from(dice);
        let key = Key::of(IpAddr::V6(Ipv6Addr::from_bits(bits)), 64);
        let from_ns = now_ns();
        if table.take(key, from_ns).allowed && (client < DEAR || client.is_multiple_of(SAMPLE)) {
            let record = [client, from_ns, now_ns()].map(u64::to_ne_bytes);
            file.write_all(record.as_flattened()).unwrap();
        }
    }
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// What all processes allowed: by client, the clock before and after.
fn read_all(folder: &Path) -> HashMap<u64, Vec<(u64, u64)>> {
    let mut allowed: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let mut bytes = Vec::new();
        let mut file = File::open(entry.unwrap().path()).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        for record in bytes.chunks_exact(24) {
            let number = |at: usize| u64::from_ne_bytes(record[at..at + 8].try_into().unwrap());
            allowed
                .entry(number(0))
                .or_default()
                .push((number(8), number(16)));
        }
    }
    allowed
}

/// Most requests over the promise, over all spans of time that hold them whole.
fn excess(requests: &mut [(u64, u64)]) -> f64 {
    requests.sort_unstable_by_key(|(from, _)| std::cmp::Reverse(*from));
    let mut ends: Vec<u64> = Vec::with_capacity(requests.len());
    let mut worst = f64::NEG_INFINITY;
    for (from, until) in requests {
        let at = ends.partition_point(|end| *end < *until);
        ends.insert(at, *until);
        for (index, end) in ends.iter().enumerate().skip(at) {
            let due = (end - *from) as f64 * PER_SECOND / 1e9 + BURST as f64;
            worst = worst.max((index + 1) as f64 - due);
        }
    }
    worst
}
