//! A reply body that lies in a file and is compressed as it is sent, in chunks (RFC 9112 §7.1).
//!
//! Its length is known when it has been sent, so it goes in chunks. A step reads one piece of the
//! file, compresses it and frames what came of it: it may wait for a disk and takes milliseconds,
//! so a driver has it done where nobody waits. No step is made before what the one before it
//! brought was taken by the client, so memory stays flat, whatever the size of the file.
//! Knows nothing of sockets, or of who chose the coding.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    compress::{
        Recoding,
        stream::{Flush, StreamEncoder},
    },
    file_body::{FileBody, FilePiece, read_stretch},
    sink::Work,
};

/// A file's body that is compressed as it is sent. See the module's documentation.
pub struct CodedBody {
    file: Box<FileBody>,
    recoding: Recoding,
    /// Made with the first step: a reply to HEAD never needs it.
    encoder: Option<StreamEncoder>,
    read: Vec<u8>,
    coded: Vec<u8>,
    _seat: Seat,
}

impl CodedBody {
    /// The body of `file` in a coding.
    ///
    /// # Errors
    /// The file, to be sent as it is, if so many are under way that their memory is too much.
    pub(crate) fn of(
        file: Box<FileBody>,
        recoding: Recoding,
        seats: &Seats,
    ) -> Result<Self, Box<FileBody>> {
        match seats.take(recoding.stream_bytes()) {
            None => Err(file),
            Some(seat) => Ok(Self {
                file,
                recoding,
                encoder: None,
                read: Vec::new(),
                coded: Vec::new(),
                _seat: seat,
            }),
        }
    }

    /// The file as it is, of which nothing was sent.
    pub(crate) fn into_file(self) -> Box<FileBody> {
        self.file
    }

    /// Appends what comes of the next piece, which may be nothing, as a chunk. False if that was
    /// the last. It waits for the disk, and for the encoder.
    ///
    /// # Errors
    /// As [`read_stretch`]; the body cannot be completed then.
    pub fn step(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.coded.clear();
        let goes_on = self.encode()?;
        push_chunk(out, &self.coded);
        if !goes_on {
            out.extend_from_slice(LAST_CHUNK);
        }
        Ok(goes_on)
    }

    /// All of the body, without framing.
    pub(crate) fn collect(mut self) -> io::Result<Vec<u8>> {
        while self.encode()? {}
        Ok(self.coded)
    }

    fn encode(&mut self) -> io::Result<bool> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => StreamEncoder::new(self.recoding),
        };
        self.read.clear();
        match self.file.next_piece() {
            None => {
                encoder.finish(&mut self.coded)?;
                return Ok(false);
            }
            Some(FilePiece::Bytes(bytes)) => self.read = bytes,
            Some(FilePiece::Stretch(stretch)) => {
                read_stretch(self.file.file(), stretch, &mut self.read)?;
            }
        }
        encoder.push(&self.read, Flush::Later, &mut self.coded)?;
        self.encoder = Some(encoder);
        Ok(true)
    }

    /// Work that makes one step into a buffer, and gives all back through `deliver`.
    pub fn work(
        mut self: Box<Self>,
        mut buffer: Vec<u8>,
        deliver: impl FnOnce(io::Result<bool>, Box<Self>, Vec<u8>) + Send + 'static,
    ) -> Work {
        Work::new(move || {
            let stepped = self.step(&mut buffer);
            deliver(stepped, self, buffer);
        })
    }
}

impl fmt::Debug for CodedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodedBody")
            .field("file", &self.file)
            .field("recoding", &self.recoding)
            .finish_non_exhaustive()
    }
}

/// Appends a chunk; none where there is nothing to say, as an empty one would be the last.
fn push_chunk(out: &mut Vec<u8>, content: &[u8]) {
    if content.is_empty() {
        return;
    }
    out.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The memory of a worker's encoders that are under way, counted.
#[derive(Debug, Default)]
pub(crate) struct Seats(Arc<AtomicU64>);

#[derive(Debug)]
struct Seat {
    taken: Arc<AtomicU64>,
    bytes: u64,
}

impl Seats {
    /// Takes so many bytes until the seat is dropped, if they are there. One worker takes; its
    /// helpers only give back.
    fn take(&self, bytes: u64) -> Option<Seat> {
        if self.0.load(Ordering::Relaxed) + bytes > CODED_BODIES_BYTES_MAX {
            return None;
        }
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Some(Seat {
            taken: self.0.clone(),
            bytes,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Most memory of one worker's encoders of files, in bytes: clients that take their time hold one
/// each. Beyond it files are sent as they are, which costs nothing but bandwidth.
pub const CODED_BODIES_BYTES_MAX: u64 = 128 << 20;

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write},
    };

    use flate2::read::GzDecoder;

    use super::*;
    use crate::inflate::Coding;

    const RECODING: Recoding = Recoding {
        coding: Coding::Gzip,
        quality: 6,
    };

    fn file(name: &str, length: usize) -> (std::path::PathBuf, Box<FileBody>) {
        let path =
            std::env::temp_dir().join(format!("spikard-coded-{name}-{}", std::process::id()));
        let words = (0..).flat_map(|number: u32| format!("{number},").into_bytes());
        let content: Vec<u8> = words.take(length).collect();
        File::create(&path).unwrap().write_all(&content).unwrap();
        let body = FileBody::new(Arc::new(File::open(&path).unwrap()));
        (path, Box::new(body.stretch(0..length as u64)))
    }

    #[test]
    fn steps_bring_the_whole_body_in_chunks() {
        let (path, body) = file("whole", 1_000_000);
        let seats = Seats::default();
        let mut coded = CodedBody::of(body, RECODING, &seats).unwrap();
        let mut framed = Vec::new();
        while coded.step(&mut framed).unwrap() {}
        assert!(framed.ends_with(b"\r\n0\r\n\r\n"));
        let mut content = Vec::new();
        let mut rest = &framed[..];
        while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            content.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 2 + size + 2..];
        }
        let mut whole = Vec::new();
        GzDecoder::new(&content[..])
            .read_to_end(&mut whole)
            .unwrap();
        assert!(whole == std::fs::read(&path).unwrap());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_becomes_shorter_has_no_last_chunk() {
        let (path, body) = file("shorter", 300_000);
        let mut coded = CodedBody::of(body, RECODING, &Seats::default()).unwrap();
        let mut framed = Vec::new();
        assert!(coded.step(&mut framed).unwrap());
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(200_000)
            .unwrap();
        let error = coded.step(&mut framed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(!framed.ends_with(LAST_CHUNK));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn encoders_have_so_much_memory_together_and_give_it_back() {
        let (path, body) = file("seats", 100);
        let seats = Seats::default();
        let most = CODED_BODIES_BYTES_MAX / RECODING.stream_bytes();
        let under_way: Vec<_> = (0..most)
            .map(|_| CodedBody::of(body.clone(), RECODING, &seats).unwrap())
            .collect();
        let refused = CodedBody::of(body.clone(), RECODING, &seats).unwrap_err();
        assert_eq!(refused.length(), 100);
        drop(under_way);
        assert!(CodedBody::of(body, RECODING, &seats).is_ok());
        std::fs::remove_file(path).unwrap();
    }
}
