//! Memory that all workers of one server share: made by the parent, inherited, and outliving them.
//!
//! A file without a name in memory (`memfd`). Its first page says what it is and where which table
//! lies; tables are added behind and never move, so what a worker has mapped stays valid, and one
//! that is started again finds what its predecessor counted. A table that nobody asks for any more
//! keeps its place: a server that is configured anew [`ENTRIES`] times in one life is full.
//!
//! ```text
//! words 0 magic | 1 form of this page | 2, 3 seed | 4 first free page | from 8: id, place, id, ...
//! ```
//!
//! Any process may be killed at any instruction. An entry is taken by one exchange (its id), and
//! its place is set by another: a place that is missing is made by whoever comes next. Pages that
//! somebody reserved and did not live to enter are lost, and nothing else.
//! Knows nothing of what stands in the tables.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, OnceLock};

use spikard_middleware::rate::{Line, Lines, Memory, Private, SEED_WORDS};

/// Memory of a server. Clones are the same memory.
#[derive(Clone)]
pub struct SharedMemory {
    file: Arc<File>,
    head: Arc<Mapping>,
}

impl SharedMemory {
    /// Makes the memory of a new server.
    ///
    /// # Errors
    /// The kernel's: it has no such files, no room, or no random bits.
    pub fn create() -> io::Result<Self> {
        // SAFETY: the name is a literal with its NUL; flags are plain numbers.
        let descriptor = unsafe {
            libc::memfd_create(
                c"spikard".as_ptr(),
                libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING,
            )
        };
        if descriptor == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and is nobody else's.
        let file = unsafe { File::from_raw_fd(descriptor) };
        reserve(&file, 0, PAGE)?;
        // Nobody can take pages away from under a mapping, which would be a SIGBUS.
        // SAFETY: `fcntl` with a plain number.
        unsafe { libc::fcntl(descriptor, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) };
        let head = Mapping::new(&file, 0, PAGE)?;
        let seed = crate::io::seed()?;
        let word = |at: usize| head.word(at);
        word(FORM).store(FORM_NUMBER, SeqCst);
        word(SEED).store(seed[0], SeqCst);
        word(SEED + 1).store(seed[1], SeqCst);
        word(FREE).store(1, SeqCst);
        word(MAGIC).store(MAGIC_NUMBER, SeqCst);
        Ok(Self {
            file: Arc::new(file),
            head: Arc::new(head),
        })
    }

    /// Takes over memory that [`SharedMemory::create`] made, maybe in another process.
    ///
    /// # Errors
    /// The kernel's, or [`io::ErrorKind::InvalidData`] if it is no such memory.
    pub fn open(descriptor: OwnedFd) -> io::Result<Self> {
        let file = File::from(descriptor);
        let strange = || io::Error::from(io::ErrorKind::InvalidData);
        if file.metadata()?.len() < PAGE as u64 {
            return Err(strange());
        }
        let head = Mapping::new(&file, 0, PAGE)?;
        let is = |at: usize, number: u64| head.word(at).load(SeqCst) == number;
        if !is(MAGIC, MAGIC_NUMBER) || !is(FORM, FORM_NUMBER) {
            return Err(strange());
        }
        Ok(Self {
            file: Arc::new(file),
            head: Arc::new(head),
        })
    }

    /// The page at which the table `id` of so many pages begins.
    fn place(&self, id: u64, pages: u64) -> Option<u64> {
        let word = |at: usize| self.head.word(at);
        let entry = (0..ENTRIES).map(|entry| ENTRIES_FROM + 2 * entry);
        let mut mine = entry.filter(|at| {
            let taken = word(*at).compare_exchange(0, id, SeqCst, SeqCst);
            taken.is_ok() || taken == Err(id)
        });
        let place = word(mine.next()? + 1);
        match place.load(SeqCst) {
            0 => {
                let first = word(FREE).fetch_add(pages, SeqCst);
                reserve(&self.file, first as usize * PAGE, pages as usize * PAGE).ok()?;
                let entered = place.compare_exchange(0, first, SeqCst, SeqCst);
                Some(entered.map_or_else(|other| other, |_| first))
            }
            first => Some(first),
        }
    }
}

impl Memory for SharedMemory {
    fn lines(&self, id: u64, count: usize) -> Option<Arc<dyn Lines>> {
        // 0 is an entry that nobody has. The length is part of the name: whatever comes of a
        // name, a mapping never reaches beyond its table.
        let id = (id ^ (count as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1);
        let bytes = count * size_of::<Line>();
        let first = self.place(id, bytes.div_ceil(PAGE) as u64)?;
        let mapping = Mapping::new(&self.file, first as usize * PAGE, bytes).ok()?;
        Some(Arc::new(mapping))
    }

    fn seed(&self) -> [u64; SEED_WORDS] {
        [SEED, SEED + 1].map(|at| self.head.word(at).load(SeqCst))
    }
}

impl AsRawFd for SharedMemory {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl std::fmt::Debug for SharedMemory {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SharedMemory({})", self.as_raw_fd())
    }
}

/// Pages of the file, as lines.
struct Mapping {
    lines: NonNull<Line>,
    count: usize,
}

// SAFETY: the pages hold atomic words only, and stay mapped until the last owner is dropped.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, offset: usize, bytes: usize) -> io::Result<Self> {
        debug_assert!(offset.is_multiple_of(PAGE) && bytes.is_multiple_of(size_of::<Line>()));
        // SAFETY: a new mapping, placed by the kernel; nothing of ours lies there.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        match NonNull::new(start.cast::<Line>()) {
            Some(lines) if start != libc::MAP_FAILED => Ok(Self {
                lines,
                count: bytes / size_of::<Line>(),
            }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.lines()[at / 8].0[at % 8]
    }
}

impl Lines for Mapping {
    fn lines(&self) -> &[Line] {
        // SAFETY: mapped for reading and writing as long as `self` lives, aligned to a page, and
        // any bits are a line. The file is sealed against shrinking, so the pages stay.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr(), self.count) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; no reference outlives `self`.
        unsafe { libc::munmap(self.lines.as_ptr().cast(), self.count * size_of::<Line>()) };
    }
}

/// Makes these bytes of the file be there, zero if they are new. It never makes a file shorter,
/// and later writes cannot fail for want of memory.
fn reserve(file: &File, offset: usize, bytes: usize) -> io::Result<()> {
    // SAFETY: plain numbers; the descriptor is open.
    let outcome = unsafe {
        libc::fallocate(
            file.as_raw_fd(),
            0,
            offset as libc::off_t,
            bytes as libc::off_t,
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The memory in which this process counts: its parent's if it is a worker, else its own.
pub fn of_process() -> Box<dyn Memory> {
    match PROCESS.get() {
        None => Box::new(Private::new()),
        Some(Some(shared)) => Box::new(shared.clone()),
        Some(None) => Box::new(Missing),
    }
}

/// Nanoseconds of the clock that all processes of the machine share, for tables that they share.
pub fn now_ns() -> u64 {
    crate::io::machine_nanos()
}

/// Says what this process, a worker, got from its parent.
pub(crate) fn set_of_process(memory: Option<SharedMemory>) {
    // A second call comes from nowhere: the variable is read once.
    let _ = PROCESS.set(memory);
}

static PROCESS: OnceLock<Option<SharedMemory>> = OnceLock::new();

/// What a worker has whose parent could give none: limits that counted per worker would be lax.
struct Missing;

impl Memory for Missing {
    fn lines(&self, _: u64, _: usize) -> Option<Arc<dyn Lines>> {
        None
    }

    fn seed(&self) -> [u64; SEED_WORDS] {
        [0; SEED_WORDS]
    }
}

/// Unit of places, in bytes. Larger pages of a machine are a multiple of it, which is not enough
/// for `mmap`; so it is the largest that Linux has on the machines it is built for.
const PAGE: usize = 65_536;
/// Tables that fit in the first page.
pub const ENTRIES: usize = 1_024;

const MAGIC: usize = 0;
const FORM: usize = 1;
const SEED: usize = 2;
const FREE: usize = 4;
const ENTRIES_FROM: usize = 8;
/// "spikard" and a NUL.
const MAGIC_NUMBER: u64 = u64::from_be_bytes(*b"spikard\0");
/// Changes with the form of the first page. The form of a table is part of its id.
const FORM_NUMBER: u64 = 1;

const _: () = assert!((ENTRIES_FROM + 2 * ENTRIES) * size_of::<u64>() <= PAGE);
