//! Source files watched for changes, without a thread and without a look at an unchanged file.
//!
//! Editors write in many ways: in place, or a new file that is moved over the old one. So it is
//! directories that are watched, and what counts is that a file was written to its end, moved or
//! removed. Directories that hold no source (hidden ones, caches, installed packages) are passed
//! over, as are files that no program is made of: a program that writes its own data must not
//! restart itself.
//! Knows nothing of what a change means.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Watched directories and all below them.
#[derive(Debug)]
pub(super) struct Watch {
    events: File,
    directories: HashMap<i32, PathBuf>,
}

impl Watch {
    /// Begins to watch. Directories that cannot be watched are told to `refused`.
    ///
    /// # Errors
    /// The kernel's reason, if it watches nothing at all.
    pub(super) fn new(
        roots: &[PathBuf],
        mut refused: impl FnMut(&Path, io::Error),
    ) -> io::Result<Self> {
        // SAFETY: no pointers are passed; a descriptor that is returned belongs to nobody else.
        let events = unsafe {
            match libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) {
                -1 => return Err(io::Error::last_os_error()),
                descriptor => File::from_raw_fd(descriptor),
            }
        };
        let mut watch = Self {
            events,
            directories: HashMap::new(),
        };
        for root in roots {
            watch.add(root, &mut refused);
        }
        Ok(watch)
    }

    /// Takes in what happened since the last call; the first changed file, if there is one.
    pub(super) fn take_change(&mut self) -> Option<PathBuf> {
        let mut changed = None;
        let mut block = vec![0; EVENT_BYTES_MAX];
        while let Ok(length) = (&self.events).read(&mut block) {
            if length == 0 {
                break;
            }
            let mut rest = &block[..length];
            while let Some((event, name, more)) = split_event(rest) {
                rest = more;
                let path = self.note(event, name);
                changed = changed.or(path);
            }
        }
        changed
    }

    /// What one event says; new directories are watched from now on.
    fn note(&mut self, event: Event, name: &OsStr) -> Option<PathBuf> {
        if event.mask & libc::IN_Q_OVERFLOW != 0 {
            // Something was lost: it may have been anything.
            return Some(PathBuf::from("many files"));
        }
        if event.mask & libc::IN_IGNORED != 0 {
            self.directories.remove(&event.watch);
            return None;
        }
        let path = self.directories.get(&event.watch)?.join(name);
        if event.mask & libc::IN_ISDIR != 0 {
            let came = event.mask & (libc::IN_CREATE | libc::IN_MOVED_TO) != 0;
            if came && holds_source(name) {
                self.add(&path, &mut |_, _| ());
                return first_source(&path, 0);
            }
            return None;
        }
        let written =
            libc::IN_CLOSE_WRITE | libc::IN_MOVED_TO | libc::IN_MOVED_FROM | libc::IN_DELETE;
        (event.mask & written != 0 && is_source(name)).then_some(path)
    }

    fn add(&mut self, directory: &Path, refused: &mut impl FnMut(&Path, io::Error)) {
        if self.directories.len() >= DIRECTORIES_MAX {
            refused(
                directory,
                io::Error::other("there are too many directories"),
            );
            return;
        }
        match self.watch_one(directory) {
            Ok(watch) => drop(self.directories.insert(watch, directory.to_owned())),
            Err(error) => return refused(directory, error),
        }
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            // Links are not followed: they may lead in circles.
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory && holds_source(&entry.file_name()) {
                self.add(&entry.path(), refused);
            }
        }
    }

    fn watch_one(&self, directory: &Path) -> io::Result<i32> {
        let path = CString::new(directory.as_os_str().as_bytes())?;
        let mask = libc::IN_CLOSE_WRITE
            | libc::IN_MOVED_TO
            | libc::IN_MOVED_FROM
            | libc::IN_DELETE
            | libc::IN_CREATE
            | libc::IN_ONLYDIR;
        // SAFETY: the descriptor is open and the path ends with NUL.
        match unsafe { libc::inotify_add_watch(self.events.as_raw_fd(), path.as_ptr(), mask) } {
            -1 => Err(io::Error::last_os_error()),
            watch => Ok(watch),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// The fixed part of an event of inotify(7), as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Event {
    watch: i32,
    mask: u32,
}

/// The first event of a block, the name it is about, and what follows.
fn split_event(block: &[u8]) -> Option<(Event, &OsStr, &[u8])> {
    let word = |at: usize| <[u8; 4]>::try_from(block.get(at..at + 4)?).ok();
    let event = Event {
        watch: i32::from_ne_bytes(word(0)?),
        mask: u32::from_ne_bytes(word(4)?),
    };
    let length = u32::from_ne_bytes(word(12)?) as usize;
    let name = block.get(16..16 + length)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(length);
    Some((
        event,
        OsStr::from_bytes(&name[..end]),
        &block[16 + length..],
    ))
}

/// A source file that came with a directory.
fn first_source(directory: &Path, depth: usize) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().find_map(|entry| {
        let (name, path) = (entry.file_name(), entry.path());
        match entry.file_type().ok()? {
            kind if kind.is_dir() && holds_source(&name) && depth < DEPTH_MAX => {
                first_source(&path, depth + 1)
            }
            kind => (kind.is_file() && is_source(&name)).then_some(path),
        }
    })
}

fn is_source(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    let hidden = name.as_bytes().starts_with(b".") && extension.is_none();
    name == ".env" || !hidden && extension.is_some_and(|it| EXTENSIONS.contains(&it))
}

fn holds_source(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with('.') && !PASSED_OVER.contains(&&*name)
}

/// Endings of the files that programs are made of.
const EXTENSIONS: [&str; 18] = [
    "py", "pyi", "rb", "ru", "js", "cjs", "mjs", "ts", "mts", "cts", "toml", "yaml", "yml", "ini",
    "html", "jinja", "j2", "env",
];

/// Directories that hold what was made or installed, beside all hidden ones.
const PASSED_OVER: [&str; 6] = [
    "__pycache__",
    "node_modules",
    "target",
    "venv",
    "site-packages",
    "vendor",
];

/// Most directories that are watched: a whole disk by mistake must not use up the user's watches.
const DIRECTORIES_MAX: usize = 8_192;

/// Deepest look for source below a directory that was moved in.
const DEPTH_MAX: usize = 32;

/// Room for many events; one is at most 16 bytes and a name of 256.
const EVENT_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_source_from_what_programs_write() {
        for name in [
            "app.py",
            "a.b.rb",
            "index.mjs",
            "page.html",
            ".env",
            "prod.env",
        ] {
            assert!(is_source(OsStr::new(name)), "{name}");
        }
        for name in [
            "data.db",
            "app.py~",
            ".app.py.swp",
            "4913",
            "app.pyc",
            "log.txt",
            ".x",
            "py",
        ] {
            assert!(!is_source(OsStr::new(name)), "{name}");
        }
        assert!(holds_source(OsStr::new("src")));
        for name in [".git", ".venv", "__pycache__", "node_modules"] {
            assert!(!holds_source(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn sees_every_way_to_change_a_file_and_nothing_else() {
        let place = std::env::temp_dir().join(format!("spikard-watch-{}", std::process::id()));
        let deep = place.join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(place.join("__pycache__")).unwrap();
        fs::write(deep.join("app.py"), "1").unwrap();
        let roots = [place.clone()];
        let mut watch = Watch::new(&roots, |path, error| panic!("{path:?}: {error}")).unwrap();
        assert_eq!(watch.take_change(), None);
        let app = deep.join("app.py");
        fs::write(&app, "2").unwrap();
        assert_eq!(watch.take_change().as_deref(), Some(&*app));
        fs::write(deep.join("app.py~"), "3").unwrap();
        fs::write(deep.join("data.db"), "3").unwrap();
        fs::write(place.join("__pycache__/app.py"), "3").unwrap();
        assert_eq!(watch.take_change(), None);
        fs::rename(deep.join("app.py~"), &app).unwrap();
        assert_eq!(watch.take_change().as_deref(), Some(&*app));
        fs::create_dir_all(place.join(".cache")).unwrap();
        assert_eq!(watch.take_change(), None);
        fs::write(place.join(".cache/made.py"), "3").unwrap();
        fs::create_dir_all(place.join("new/er")).unwrap();
        assert_eq!(watch.take_change(), None);
        let later = place.join("new/er/late.py");
        fs::write(&later, "4").unwrap();
        assert_eq!(watch.take_change().as_deref(), Some(&*later));
        fs::remove_file(&later).unwrap();
        assert_eq!(watch.take_change().as_deref(), Some(&*later));
        fs::remove_dir_all(&place).unwrap();
        watch.take_change();
        assert_eq!(watch.take_change(), None);
        let nowhere = [place];
        let mut refused = 0;
        Watch::new(&nowhere, |_, _| refused += 1).unwrap();
        assert_eq!(refused, 1);
    }
}
