//! A reply body that lies in a file, on its way to a socket: read piece by piece, written as read.
//!
//! What the kernel has in memory is read in place; what must come from a disk is read by the crew,
//! so that a slow one delays nobody else. There is one buffer, whatever the size of the file, and
//! no piece is read before the one before it was taken by the client.
//! Knows nothing of ranges; the body says which stretches it is made of.

use std::{
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use spikard_middleware::{FileBody, FilePiece, Level};

use crate::{
    connection::Connection,
    io::{Stream, read_cached},
    wheel::Waiting,
};

/// Sends a body. False if the connection is over: the client has left, or the file has become
/// shorter than was promised, which only an early end can tell.
pub(crate) async fn send(
    connection: &Connection,
    stream: &mut Stream,
    mut body: Box<FileBody>,
) -> bool {
    let mut buffer = Vec::new();
    let mut unshared = 0;
    while let Some(piece) = body.next_piece() {
        let bytes = match piece {
            FilePiece::Bytes(bytes) => bytes,
            FilePiece::Stretch(stretch) => {
                match read(connection, &body, stretch, std::mem::take(&mut buffer)).await {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        let message = format!("a file could not be read on: {error}: closing");
                        connection.core.log.log(Level::Warn, &message);
                        return false;
                    }
                }
            }
        };
        connection.wait(Waiting::Write);
        let progressed = || connection.wait(Waiting::Write);
        let (result, bytes) = stream.write_all(bytes, progressed).await;
        if result.is_err() {
            return false;
        }
        unshared += bytes.len();
        buffer = bytes;
        if unshared >= UNSHARED_BYTES_MAX {
            unshared = 0;
            connection.core.next_turn().await;
        }
    }
    true
}

/// What one download may send before everybody else has had a turn, in bytes. A client that reads
/// as fast as we write is never waited for: on epoll its writes are done at once, and nothing else
/// would ever give the thread away.
const UNSHARED_BYTES_MAX: usize = 1 << 20;

/// What a read on another thread brings: its buffer in any case.
type Landed = (io::Result<()>, Vec<u8>);

/// Reads one stretch into the memory of `buffer`.
async fn read(
    connection: &Connection,
    body: &FileBody,
    mut stretch: Range<u64>,
    mut buffer: Vec<u8>,
) -> io::Result<Vec<u8>> {
    buffer.clear();
    let got = read_cached(body.file(), stretch.clone(), &mut buffer);
    stretch.start += got as u64;
    if stretch.is_empty() {
        return Ok(buffer);
    }
    let landed: Arc<Mutex<Option<Landed>>> = Arc::default();
    let lands = landed.clone();
    let work = body.work(stretch, buffer, move |result, buffer| {
        *lands.lock().unwrap_or_else(PoisonError::into_inner) = Some((result, buffer));
    });
    if !connection.has_done(work).await {
        return Err(io::Error::other("the worker ends"));
    }
    let landed = landed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (result, buffer) = landed.ok_or_else(|| io::Error::other("no thread could read it"))?;
    result.map(|()| buffer)
}
