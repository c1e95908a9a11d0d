//! A reply body that lies in a file: which stretches of it are sent, and what stands between them.
//!
//! The file is open, so what is promised is what is sent, also when its name has meanwhile become
//! another file's. It is never read whole: a driver asks for one piece after the other. Whoever
//! makes one has seen that the file is a regular one.
//! Knows nothing of who reads, or of ranges as they stand in a request.

use std::{collections::VecDeque, fs::File, io, ops::Range, sync::Arc};

use crate::sink::Work;

/// What a driver does next.
#[derive(Debug, PartialEq, Eq)]
pub enum FilePiece {
    /// Send these bytes.
    Bytes(Vec<u8>),
    /// Send this stretch of the file: at most [`FILE_PIECE_BYTES_MAX`] and never empty.
    Stretch(Range<u64>),
}

/// A body of stretches of one file. See the module's documentation.
#[derive(Debug, Clone)]
pub struct FileBody {
    file: Arc<File>,
    parts: VecDeque<Part>,
    length: u64,
}

#[derive(Debug, Clone)]
enum Part {
    Bytes(Vec<u8>),
    Stretch(Range<u64>),
}

impl FileBody {
    /// A body without a byte, of this file.
    pub fn new(file: Arc<File>) -> Self {
        Self {
            file,
            parts: VecDeque::new(),
            length: 0,
        }
    }

    /// Adds a stretch of the file.
    #[must_use]
    pub fn stretch(mut self, stretch: Range<u64>) -> Self {
        self.length += stretch.end - stretch.start;
        self.parts.push_back(Part::Stretch(stretch));
        self
    }

    /// Adds bytes that are not in the file.
    #[must_use]
    pub fn bytes(mut self, bytes: Vec<u8>) -> Self {
        self.length += bytes.len() as u64;
        self.parts.push_back(Part::Bytes(bytes));
        self
    }

    /// Bytes of the body that are still to be sent.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The next piece; `None` when all was given out.
    pub fn next_piece(&mut self) -> Option<FilePiece> {
        loop {
            match self.parts.front_mut()? {
                Part::Bytes(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.parts.pop_front();
                    if !bytes.is_empty() {
                        self.length -= bytes.len() as u64;
                        return Some(FilePiece::Bytes(bytes));
                    }
                }
                Part::Stretch(stretch) if stretch.is_empty() => {
                    self.parts.pop_front();
                }
                Part::Stretch(stretch) => {
                    let end = stretch.end.min(stretch.start + FILE_PIECE_BYTES_MAX as u64);
                    let piece = stretch.start..end;
                    stretch.start = end;
                    self.length -= piece.end - piece.start;
                    return Some(FilePiece::Stretch(piece));
                }
            }
        }
    }

    /// Appends the rest of the body, whatever its size. It may block, and is for those who have
    /// nobody else to serve.
    ///
    /// # Errors
    /// As [`read_stretch`]; what was read is there.
    pub fn read_rest(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        while let Some(piece) = self.next_piece() {
            match piece {
                FilePiece::Bytes(bytes) => into.extend_from_slice(&bytes),
                FilePiece::Stretch(stretch) => read_stretch(&self.file, stretch, into)?,
            }
        }
        Ok(())
    }

    /// Work that reads a stretch into a buffer and gives both back through `deliver`.
    pub fn work(
        &self,
        stretch: Range<u64>,
        mut buffer: Vec<u8>,
        deliver: impl FnOnce(io::Result<()>, Vec<u8>) + Send + 'static,
    ) -> Work {
        let file = self.file.clone();
        Work::new(move || {
            let read = read_stretch(&file, stretch, &mut buffer);
            deliver(read, buffer);
        })
    }
}

/// Appends a stretch of a file, and waits for the disk.
///
/// # Errors
/// The kernel's; [`io::ErrorKind::UnexpectedEof`] if the file has become shorter.
pub fn read_stretch(file: &File, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
    let begin = into.len();
    // Pieces are small, so this fits.
    into.resize(begin + (stretch.end - stretch.start) as usize, 0);
    let read = read_exact_at(file, &mut into[begin..], stretch.start);
    if read.is_err() {
        into.truncate(begin);
    }
    read
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, start)
}

#[cfg(not(unix))]
fn read_exact_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Most bytes of a file that one connection holds in memory: enough that the calls for each cost
/// little beside the copying, and 1,000 downloads cost 128 MiB.
pub const FILE_PIECE_BYTES_MAX: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> Arc<File> {
        let path = std::env::temp_dir().join(format!("spikard-body-{:p}", content));
        let mut file = File::create_new(&path).unwrap();
        file.write_all(content).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        Arc::new(file)
    }

    #[test]
    fn pieces_come_in_order_and_none_is_large() {
        let content = vec![7; FILE_PIECE_BYTES_MAX + 3];
        let mut body = FileBody::new(file(&content))
            .bytes(b"head".to_vec())
            .stretch(0..content.len() as u64)
            .stretch(5..5)
            .bytes(Vec::new())
            .bytes(b"tail".to_vec());
        assert_eq!(body.length(), content.len() as u64 + 8);
        let most = FILE_PIECE_BYTES_MAX as u64;
        let mut whole = Vec::new();
        body.clone().read_rest(&mut whole).unwrap();
        assert_eq!(whole, [b"head", &content[..], b"tail"].concat());
        let wanted = [
            FilePiece::Bytes(b"head".to_vec()),
            FilePiece::Stretch(0..most),
            FilePiece::Stretch(most..most + 3),
            FilePiece::Bytes(b"tail".to_vec()),
        ];
        for piece in wanted {
            assert_eq!(body.next_piece(), Some(piece));
        }
        assert_eq!((body.next_piece(), body.length()), (None, 0));
    }

    #[test]
    fn a_file_that_has_become_shorter_is_an_error() {
        let mut whole = b"kept".to_vec();
        let mut body = FileBody::new(file(b"12345678")).stretch(0..9);
        let error = body.read_rest(&mut whole).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(whole, b"kept");
    }
}
