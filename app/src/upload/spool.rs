//! The temporary file of one request's uploads, written in blocks by whoever may wait for a disk.
//!
//! It is made when the first block is written and has no name in the file system, so nothing is
//! left behind, however the process ends.
//! Knows nothing of what the bytes are.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use spikard_middleware::Work;

/// Bytes that are written at once: enough that the hand-over to a thread costs little beside it.
const BLOCK_BYTES: usize = 256 * 1024;

/// See the module's documentation.
#[derive(Debug)]
pub struct Spool {
    directory: Option<Arc<Path>>,
    pending: Vec<u8>,
    /// Bytes taken so far.
    length: u64,
    is_ended: bool,
    is_writing: bool,
    shared: Arc<Mutex<Shared>>,
}

/// What the writing thread and the sink share; they take turns.
#[derive(Debug, Default)]
struct Shared {
    file: Option<Arc<File>>,
    block: Vec<u8>,
    written: Option<io::Result<()>>,
}

impl Spool {
    /// A spool in this directory, or in the system's.
    #[must_use]
    pub fn new(directory: Option<Arc<Path>>) -> Self {
        Self {
            directory,
            pending: Vec::new(),
            length: 0,
            is_ended: false,
            is_writing: false,
            shared: Arc::default(),
        }
    }

    /// How many bytes it has taken, which is where the next ones will stand.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.pending.extend_from_slice(bytes);
    }

    /// Takes the end of `memory`, from `start` on, without a second copy of it where that can be.
    pub fn take(&mut self, memory: &mut Vec<u8>, start: usize) {
        self.length += (memory.len() - start) as u64;
        if start == 0 && self.pending.is_empty() {
            self.pending = std::mem::take(memory);
        } else {
            self.pending.extend_from_slice(&memory[start..]);
            memory.truncate(start);
            memory.shrink_to_fit();
        }
    }

    /// No bytes will follow: what is pending is written, too.
    pub fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next block to write, if one is full.
    ///
    /// # Errors
    /// Why the last block was not written.
    pub fn work(&mut self) -> io::Result<Option<Work>> {
        if std::mem::take(&mut self.is_writing) {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared
                .written
                .take()
                .unwrap_or_else(|| Err(io::Error::other("the write was given up")))?;
        }
        let is_due = self.pending.len() >= BLOCK_BYTES || self.is_ended;
        if self.pending.is_empty() || !is_due {
            return Ok(None);
        }
        self.is_writing = true;
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // The block that was written gives its memory to the next.
        std::mem::swap(&mut shared.block, &mut self.pending);
        self.pending.clear();
        let (shared, directory) = (self.shared.clone(), self.directory.clone());
        Ok(Some(Work::new(move || {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let written = shared.write(directory.as_deref());
            shared.written = Some(written);
        })))
    }

    /// The file, if anything was written.
    #[must_use]
    pub fn into_file(self) -> Option<Arc<File>> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.file.take()
    }
}

impl Shared {
    fn write(&mut self, directory: Option<&Path>) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => Arc::new(match directory {
                Some(directory) => tempfile::tempfile_in(directory)?,
                None => tempfile::tempfile()?,
            }),
        };
        (&*file).write_all(&self.block)?;
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn blocks_are_written_when_full_and_the_rest_at_the_end() {
        let mut spool = Spool::new(None);
        let block: Vec<u8> = (0..BLOCK_BYTES).map(|at| at as u8).collect();
        spool.push(&block[..BLOCK_BYTES - 1]);
        assert!(spool.work().unwrap().is_none(), "a block that is not full");
        spool.push(b"xyz");
        spool.work().unwrap().unwrap().run();
        assert!(spool.work().unwrap().is_none());
        spool.push(b"end");
        spool.end();
        spool.work().unwrap().unwrap().run();
        assert!(spool.work().unwrap().is_none());
        assert_eq!(spool.length(), BLOCK_BYTES as u64 + 5);
        let file = spool.into_file().unwrap();
        assert_eq!(file.metadata().unwrap().len(), BLOCK_BYTES as u64 + 5);
        let mut tail = [0; 6];
        file.read_exact_at(&mut tail, BLOCK_BYTES as u64 - 1)
            .unwrap();
        assert_eq!(&tail, b"xyzend");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_and_so_is_work_not_done() {
        let mut spool = Spool::new(Some(Path::new("/nonexistent/spool").into()));
        spool.push(b"x");
        spool.end();
        spool.work().unwrap().unwrap().run();
        assert_eq!(spool.work().unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut spool = Spool::new(None);
        spool.push(b"x");
        spool.end();
        drop(spool.work().unwrap());
        assert!(spool.work().is_err());
    }
}
