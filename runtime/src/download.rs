//! A reply body that lies in a file, on its way to a socket: read piece by piece, written as read.
//!
//! What the kernel has in memory is read in place; what must come from a disk is read by the crew,
//! so that a slow one delays nobody else. There is one buffer, whatever the size of the file, and
//! no piece is read before the one before it was taken by the client. One that is compressed
//! meanwhile is read by the crew, which compresses what it reads.
//! Knows nothing of ranges; the body says which stretches it is made of.

use std::{
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use spikard_middleware::{CodedBody, FileBody, FilePiece, Level, Work};

use crate::{
    connection::{Connection, write},
    io::{Stream, read_cached},
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
                    Err(error) => return give_up(connection, &error),
                }
            }
        };
        let (taken, bytes) = write(connection, stream, bytes).await;
        if !taken {
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

/// Sends a body that is compressed meanwhile, which the crew does step by step. False if the
/// connection is over: then no last chunk was sent.
pub(crate) async fn send_coded(
    connection: &Connection,
    stream: &mut Stream,
    mut body: Box<CodedBody>,
) -> bool {
    let mut buffer = Vec::new();
    loop {
        let step;
        (step, body, buffer) = match step_coded(connection, body, buffer).await {
            Ok(landed) => landed,
            Err(error) => return give_up(connection, &error),
        };
        let goes_on = match step {
            Ok(goes_on) => goes_on,
            Err(error) => return give_up(connection, &error),
        };
        if !buffer.is_empty() {
            let taken;
            (taken, buffer) = write(connection, stream, buffer).await;
            if !taken {
                return false;
            }
            buffer.clear();
        }
        if !goes_on {
            return true;
        }
    }
}

/// Says why a body ends early. Its client sees that it does by the connection's end.
fn give_up(connection: &Connection, error: &io::Error) -> bool {
    let message = format!("a file could not be read on: {error}: closing");
    connection.core.log.log(Level::Warn, &message);
    false
}

/// What a step on another thread brings.
type Stepped = (io::Result<bool>, Box<CodedBody>, Vec<u8>);

/// Has the crew make a step.
async fn step_coded(
    connection: &Connection,
    body: Box<CodedBody>,
    buffer: Vec<u8>,
) -> io::Result<Stepped> {
    let landed: Arc<Mutex<Option<Stepped>>> = Arc::default();
    let lands = landed.clone();
    let work = body.work(buffer, move |step, body, buffer| {
        *lands.lock().unwrap_or_else(PoisonError::into_inner) = Some((step, body, buffer));
    });
    await_landed(connection, work, &landed).await
}

/// Waits for what work on another thread brings.
async fn await_landed<T>(
    connection: &Connection,
    work: Work,
    landed: &Mutex<Option<T>>,
) -> io::Result<T> {
    if !connection.has_done(work).await {
        return Err(io::Error::other("the worker ends"));
    }
    let landed = landed.lock().unwrap_or_else(PoisonError::into_inner).take();
    landed.ok_or_else(|| io::Error::other("no thread could read it"))
}

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
    let (result, buffer) = await_landed(connection, work, &landed).await?;
    result.map(|()| buffer)
}
