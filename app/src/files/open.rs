//! Opens a regular file below a directory, and nothing else: no other place, no other kind.
//!
//! The kernel keeps a name below its root where it can (`openat2`, Linux 5.6); where a container
//! forbids that, the name is walked segment by segment with the same answers. Both follow a
//! symbolic link only if it stays below the root, and none that begins at the root of the file
//! system. A FIFO, a socket or a device is nothing.
//! Knows nothing of requests.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat, statfs,
};
use rustix::io::Errno;
use spikard_proto_http::sabotage;

/// A directory under which names are looked up.
#[derive(Debug, Clone)]
pub struct Root {
    /// The directory, absolute. It is opened anew for each name: it may have become another one.
    pub path: PathBuf,
    /// Whether symbolic links are followed.
    pub follows_links: bool,
    /// Who keeps a name below the root.
    pub resolver: Resolver,
}

/// Who keeps a name below its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// The kernel, or this process where the kernel is not allowed to.
    Kernel,
    /// This process.
    Walk,
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Only what the kernel has in memory counts; [`Found::Unknown`] if it has to look further.
    None,
    /// As long as it takes.
    Any,
}

/// What a name is.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(OpenFile),
    /// A folder.
    Folder,
    /// Nothing that can be served.
    Nothing,
    /// Whoever may wait will find out.
    Unknown,
}

/// A regular file, open for reading, and the facts of the moment in which it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// Its size in bytes.
    pub length: u64,
    /// When it was last changed: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// What tells it from other files of its file system.
    pub inode: u64,
}

impl Root {
    /// Whether names may be looked up while others wait. Where files come over a network, or from
    /// a process, even what the kernel has in memory may have to be asked for again.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let Ok(facts) = statfs(&self.path) else {
            return false;
        };
        // The magic is 32 bits wide on every architecture, whatever the field.
        !REMOTE_FILE_SYSTEMS.contains(&(facts.f_type as u32))
    }

    /// Looks a name up. It has no empty segments; links may bring in `.` and `..`.
    ///
    /// # Errors
    /// The kernel's, if it is about this process or the disk rather than about the name.
    pub fn find(&self, name: &[u8], patience: Patience) -> io::Result<Found> {
        if name.is_empty() {
            return Ok(Found::Folder);
        }
        if sabotage::is_off("static/beneath") {
            let path = [self.path.as_os_str().as_encoded_bytes(), b"/", name].concat();
            return judge(openat(CWD, path, FILE, Mode::empty()));
        }
        let walks = self.resolver == Resolver::Walk || KERNEL_REFUSES.load(Ordering::Relaxed);
        match (walks, patience) {
            (true, Patience::None) => Ok(Found::Unknown),
            (true, Patience::Any) => judge(self.walk(name)),
            (false, _) => self.ask_kernel(name, patience),
        }
    }

    fn ask_kernel(&self, name: &[u8], patience: Patience) -> io::Result<Found> {
        let cached = match patience {
            Patience::None => ResolveFlags::CACHED,
            Patience::Any => ResolveFlags::empty(),
        };
        let mut below = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | cached;
        if !self.follows_links {
            below |= ResolveFlags::NO_SYMLINKS;
        }
        let mut tries = 0;
        loop {
            let opened = openat2(CWD, &self.path, FOLDER, Mode::empty(), cached)
                .and_then(|root| openat2(&root, name, FILE, Mode::empty(), below));
            match opened {
                // Before 5.12 the kernel does not know `RESOLVE_CACHED`.
                Err(Errno::AGAIN | Errno::INVAL) if patience == Patience::None => {
                    return Ok(Found::Unknown);
                }
                // Something was renamed on the way, so that the kernel cannot say where `..` led.
                Err(Errno::AGAIN) if tries < TRIES_MAX => tries += 1,
                Err(Errno::NOSYS | Errno::PERM) => {
                    KERNEL_REFUSES.store(true, Ordering::Relaxed);
                    return self.find(name, patience);
                }
                opened => return judge(opened),
            }
        }
    }

    /// Opens a name segment by segment, never through a link that it has not read itself.
    fn walk(&self, name: &[u8]) -> rustix::io::Result<OwnedFd> {
        // The folders from the root to where the walk is.
        let mut folders = vec![openat(CWD, &self.path, FOLDER, Mode::empty())?];
        let mut ahead: VecDeque<Vec<u8>> = segments(name).collect();
        let mut links = 0;
        while let Some(segment) = ahead.pop_front() {
            let Some(folder) = folders.last() else {
                return Err(Errno::XDEV);
            };
            match &segment[..] {
                b"." => continue,
                b".." => {
                    folders.pop();
                    continue;
                }
                _ => {}
            }
            let flags = match ahead.is_empty() {
                true => FILE | OFlags::NOFOLLOW,
                false => FOLDER | OFlags::NOFOLLOW,
            };
            match openat(folder, &segment[..], flags, Mode::empty()) {
                Ok(file) if ahead.is_empty() => return Ok(file),
                Ok(folder) => folders.push(folder),
                // How a link refuses to be opened as a file, and as a folder.
                Err(error @ (Errno::LOOP | Errno::NOTDIR)) => {
                    let target = readlinkat(folder, &segment[..], Vec::new()).map_err(|_| error)?;
                    links += 1;
                    if !self.follows_links || links > LINKS_MAX {
                        return Err(Errno::LOOP);
                    }
                    let target = target.into_bytes();
                    if target.starts_with(b"/") {
                        return Err(Errno::XDEV);
                    }
                    for segment in segments(&target).rev() {
                        ahead.push_front(segment);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        folders.pop().ok_or(Errno::XDEV)
    }
}

fn segments(name: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    let pieces = name.split(|byte| *byte == b'/');
    pieces.filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec)
}

/// What was opened, or what it means that it was not.
fn judge(opened: rustix::io::Result<OwnedFd>) -> io::Result<Found> {
    let file = match opened {
        Ok(file) => file,
        // What a name cannot be: absent, below a file, too long, a circle, outside, not readable,
        // a socket, or what the file system does not take for a name.
        Err(
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::XDEV
            | Errno::ACCESS
            | Errno::NXIO
            | Errno::NODEV
            | Errno::INVAL
            | Errno::ILSEQ
            | Errno::AGAIN,
        ) => return Ok(Found::Nothing),
        Err(error) => return Err(error.into()),
    };
    let facts = fstat(&file)?;
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Ok(Found::Folder),
        _ => return Ok(Found::Nothing),
    }
    Ok(Found::File(OpenFile {
        file: file.into(),
        length: u64::try_from(facts.st_size).unwrap_or_default(),
        modified: (facts.st_mtime as i64, facts.st_mtime_nsec as u32),
        inode: facts.st_ino,
    }))
}

/// Whether the kernel has refused `openat2`, as old ones and some containers do.
static KERNEL_REFUSES: AtomicBool = AtomicBool::new(false);

/// `NONBLOCK` so that opening a FIFO does not wait for a writer.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Links that one name may lead through, as in the kernel.
const LINKS_MAX: usize = 40;

/// How often the kernel is asked again when somebody renames folders meanwhile.
const TRIES_MAX: usize = 8;

/// NFS, SMB (three), FUSE, 9P, Ceph, AFS, Coda, Lustre: their magic numbers in `statfs`.
const REMOTE_FILE_SYSTEMS: [u32; 10] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x00c3_6400,
    0x5346_414f,
    0x7375_7245,
    0x0bd0_0bd0,
];
