//! Why a new version of the program does not start: heard by the parent, shown by the workers.
//!
//! A process that is not ready yet speaks into a pipe (see `Ear`), so that the parent has its last
//! words, a traceback for example; what it hears it passes on at once. When the process is ready it
//! has its standard error back. The words lie in memory that every worker has inherited (`Slate`),
//! for they are longer than an order.
//! Knows nothing of HTTP.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::Stdio;

/// The parent's end of what a process that is not ready yet says.
#[derive(Debug)]
pub(super) struct Ear {
    pipe: Option<File>,
    heard: Vec<u8>,
}

impl Ear {
    /// An ear, and the standard error that speaks into it.
    pub(super) fn new() -> io::Result<(Self, Stdio)> {
        let mut ends = [-1; 2];
        // SAFETY: `ends` has room for the two descriptors, which belong to nobody else then.
        let (ours, theirs) = unsafe {
            if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) == -1 {
                return Err(io::Error::last_os_error());
            }
            (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
        };
        // Only our end: the process writes as to a terminal.
        socket2::SockRef::from(&ours).set_nonblocking(true)?;
        let ear = Self {
            pipe: Some(ours),
            heard: Vec::new(),
        };
        Ok((ear, theirs.into()))
    }

    /// What to watch, while anybody may still speak.
    pub(super) fn listening(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Takes in what was said, and passes it on to our own standard error.
    pub(super) fn listen(&mut self) {
        self.listen_for(&mut io::stderr());
    }

    fn listen_for(&mut self, other: &mut impl Write) {
        let mut block = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut block) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    // A closed terminal is no reason to stop listening.
                    let _ = other.write_all(&block[..length]);
                    self.heard.extend_from_slice(&block[..length]);
                    let surplus = self.heard.len().saturating_sub(WORDS_BYTES_MAX);
                    self.heard.drain(..surplus);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    /// The last of what was said.
    pub(super) fn words(&self) -> String {
        String::from_utf8_lossy(&self.heard).trim().to_owned()
    }
}

/// Makes a descriptor this process's standard error.
pub(super) fn speak_by(voice: &OwnedFd) -> io::Result<()> {
    // SAFETY: both are open; what standard error was is closed, which is what is wanted.
    match unsafe { libc::dup2(voice.as_raw_fd(), libc::STDERR_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Memory that the parent writes and every worker reads.
#[derive(Debug)]
pub(super) struct Slate(File);

impl Slate {
    /// An empty slate.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: the name ends with NUL; a descriptor that is returned belongs to nobody else.
        unsafe {
            match libc::memfd_create(c"spikard-fault".as_ptr(), libc::MFD_CLOEXEC) {
                -1 => Err(io::Error::last_os_error()),
                descriptor => Ok(Self(File::from_raw_fd(descriptor))),
            }
        }
    }

    /// The slate that the parent left.
    pub(super) fn inherited(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }

    /// Writes words in the place of what was there; returns their length in bytes.
    pub(super) fn write(&self, words: &str) -> io::Result<usize> {
        let words = &words.as_bytes()[..words.len().min(WORDS_BYTES_MAX)];
        self.0.write_all_at(words, 0)?;
        Ok(words.len())
    }

    /// Reads so many bytes of words.
    pub(super) fn read(&self, length: usize) -> io::Result<String> {
        let mut words = vec![0; length.min(WORDS_BYTES_MAX)];
        self.0.read_exact_at(&mut words, 0)?;
        Ok(String::from_utf8_lossy(&words).into_owned())
    }
}

impl AsFd for Slate {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Most bytes of last words that are kept: the end of a traceback is what counts.
const WORDS_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn hears_the_last_words_of_a_process() {
        let (mut ear, stderr) = Ear::new().unwrap();
        let script = "echo first >&2; echo last >&2; exit 3";
        let mut command = Command::new("sh");
        let status = command
            .args(["-c", script])
            .stderr(stderr)
            .status()
            .unwrap();
        drop(command);
        assert_eq!(status.code(), Some(3));
        while ear.listening().is_some() {
            ear.listen_for(&mut io::sink());
        }
        assert_eq!(ear.words(), "first\nlast");
    }

    #[test]
    fn keeps_the_end_of_a_flood() {
        let (mut ear, stderr) = Ear::new().unwrap();
        let script = "yes x | head -c 200000 >&2; echo last >&2";
        let mut command = Command::new("sh");
        let mut child = command.args(["-c", script]).stderr(stderr).spawn().unwrap();
        drop(command);
        while ear.listening().is_some() {
            ear.listen_for(&mut io::sink());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.wait().unwrap();
        let words = ear.words();
        assert!(words.len() <= WORDS_BYTES_MAX && words.ends_with("x\nlast"));
    }

    #[test]
    fn a_slate_is_written_anew() {
        let slate = Slate::new().unwrap();
        for words in ["a long sentence", "short", ""] {
            let length = slate.write(words).unwrap();
            assert_eq!(slate.read(length).unwrap(), words);
        }
        let flood = "x".repeat(WORDS_BYTES_MAX + 1);
        let length = slate.write(&flood).unwrap();
        assert_eq!(length, WORDS_BYTES_MAX);
        assert!(slate.read(length + 1).unwrap().len() == WORDS_BYTES_MAX);
    }
}
