//! One connection's socket: rented reads, whole writes, and deadlines that act by `shutdown(2)`.
//!
//! A read that was begun is never dropped while it may still complete: under io_uring its bytes
//! would be lost. [`Stream::arm`] keeps one read under way while something else is awaited.

use std::{
    fs::File,
    io,
    mem::{ManuallyDrop, MaybeUninit},
    net::Shutdown,
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    pin::Pin,
    task::{Context, Poll},
};

use monoio::{
    buf::{IoBuf, IoBufMut},
    io::{AsyncReadRent, AsyncWriteRent, OwnedReadHalf, OwnedWriteHalf, Splitable},
    net::{TcpStream, UnixStream},
};
use spikard_middleware::ThreadUsage;

use crate::blocks::Block;

/// A read under way that owns what it reads with.
type Armed = Pin<Box<dyn Future<Output = (OwnedReadHalf<TcpStream>, io::Result<usize>, Block)>>>;

enum Reader {
    Free(OwnedReadHalf<TcpStream>),
    Armed(Armed),
    /// The armed read is done and not yet taken.
    Landed(OwnedReadHalf<TcpStream>, io::Result<usize>, Block),
    Moving,
}

/// The socket of one connection.
pub(crate) struct Stream {
    reader: Reader,
    writer: OwnedWriteHalf<TcpStream>,
    fd: RawFd,
}

impl Drop for Stream {
    /// An armed read holds the socket open until it completes, so it is made to.
    fn drop(&mut self) {
        if self.is_armed() {
            shut(self.fd, Shutdown::Both);
        }
    }
}

impl Stream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let fd = stream.as_raw_fd();
        let (reader, writer) = stream.into_split();
        Self {
            reader: Reader::Free(reader),
            writer,
            fd,
        }
    }

    /// Reads into `block`, or drops it and takes what an armed read brought in its own block.
    pub(crate) async fn read(&mut self, block: Block) -> (io::Result<usize>, Block) {
        if let Reader::Free(reader) = &mut self.reader {
            return reader.read(block).await;
        }
        let _ = std::future::poll_fn(|cx| self.poll_landed(cx)).await;
        self.take_landed().unwrap_or((Ok(0), block))
    }

    /// Appends to `buffer` as much as fits its spare capacity.
    pub(crate) async fn read_more(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        if let Reader::Free(reader) = &mut self.reader {
            let begin = buffer.len();
            let end = buffer.capacity();
            let (result, slice) = reader.read(buffer.slice_mut(begin..end)).await;
            return (result, slice.into_inner());
        }
        let _ = std::future::poll_fn(|cx| self.poll_landed(cx)).await;
        let mut buffer = buffer;
        match self.take_landed() {
            Some((Ok(length), block)) => {
                buffer.extend_from_slice(&block[..length]);
                (Ok(length), buffer)
            }
            Some((Err(error), _)) => (Err(error), buffer),
            None => (Ok(0), buffer),
        }
    }

    /// Appends what the socket has at once, up to the spare capacity of `buffer`; only while no
    /// read is under way. The client's end and errors are left for the next read to find.
    pub(crate) fn read_ready(&self, buffer: &mut Vec<u8>) {
        debug_assert!(!self.is_armed());
        let spare = buffer.spare_capacity_mut();
        let (start, length) = (spare.as_mut_ptr().cast(), spare.len());
        // SAFETY: the spare capacity is valid for `length` bytes, and the socket is open.
        let got = unsafe { libc::recv(self.fd, start, length, libc::MSG_DONTWAIT) };
        if let Ok(got) = usize::try_from(got) {
            // SAFETY: the kernel has written that many bytes behind the buffer's length.
            unsafe { buffer.set_len(buffer.len() + got) };
        }
    }

    /// Begins a read that goes on while other things are awaited.
    pub(crate) fn arm(&mut self, block: impl FnOnce() -> Block) {
        self.reader = match std::mem::replace(&mut self.reader, Reader::Moving) {
            Reader::Free(mut reader) => {
                let block = block();
                Reader::Armed(Box::pin(async move {
                    let (result, block) = reader.read(block).await;
                    (reader, result, block)
                }))
            }
            other => other,
        };
    }

    /// Ready when the armed read has landed: with the bytes it brought, 0 at the client's end, or
    /// its error. The bytes stay until a read takes them.
    pub(crate) fn poll_landed(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, ()>> {
        if let Reader::Armed(armed) = &mut self.reader {
            let Poll::Ready((reader, result, block)) = armed.as_mut().poll(cx) else {
                return Poll::Pending;
            };
            self.reader = Reader::Landed(reader, result, block);
        }
        match &self.reader {
            Reader::Landed(_, Ok(length), _) => Poll::Ready(Ok(*length)),
            Reader::Landed(_, Err(_), _) => Poll::Ready(Err(())),
            _ => Poll::Pending,
        }
    }

    /// Whether a read is under way or has landed.
    pub(crate) fn is_armed(&self) -> bool {
        matches!(self.reader, Reader::Armed(_) | Reader::Landed(..))
    }

    /// Writes all of `bytes`; gives the buffer back. `progressed` is told after each partial write.
    pub(crate) async fn write_all(
        &mut self,
        bytes: Vec<u8>,
        progressed: impl Fn(),
    ) -> (io::Result<()>, Vec<u8>) {
        let length = bytes.len();
        let (result, bytes) = self.writer.write(bytes).await;
        match result {
            Ok(written) if written == length => (Ok(()), bytes),
            // Boxed: the rare rest must not make every idle connection's future larger.
            Ok(written) => Box::pin(self.write_rest(bytes, written, progressed)).await,
            Err(error) => (Err(error), bytes),
        }
    }

    async fn write_rest(
        &mut self,
        mut bytes: Vec<u8>,
        mut written: usize,
        progressed: impl Fn(),
    ) -> (io::Result<()>, Vec<u8>) {
        while written < bytes.len() {
            progressed();
            let (result, slice) = self.writer.write(bytes.slice(written..)).await;
            bytes = slice.into_inner();
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), bytes),
                Ok(more) => written += more,
                Err(error) => return (Err(error), bytes),
            }
        }
        (Ok(()), bytes)
    }

    fn take_landed(&mut self) -> Option<(io::Result<usize>, Block)> {
        match std::mem::replace(&mut self.reader, Reader::Moving) {
            Reader::Landed(reader, result, block) => {
                self.reader = Reader::Free(reader);
                Some((result, block))
            }
            other => {
                self.reader = other;
                None
            }
        }
    }
}

/// Appends as much of a stretch of a file as the kernel has in memory, and never waits for a disk.
/// Whatever keeps it from reading is left for a read that may wait to find. Returns the bytes read.
pub(crate) fn read_cached(file: &File, stretch: Range<u64>, into: &mut Vec<u8>) -> usize {
    let length = (stretch.end - stretch.start) as usize;
    into.reserve(length);
    let mut got = 0;
    while got < length {
        let spare = &mut into.spare_capacity_mut()[..length - got];
        let part = libc::iovec {
            iov_base: spare.as_mut_ptr().cast(),
            iov_len: spare.len(),
        };
        let at = stretch.start as i64 + got as i64;
        // SAFETY: `part` is the spare capacity of `into`, and the file is open.
        let read = unsafe { libc::preadv2(file.as_raw_fd(), &part, 1, at, libc::RWF_NOWAIT) };
        let Ok(read @ 1..) = usize::try_from(read) else {
            break;
        };
        got += read;
        // SAFETY: the kernel has written that many bytes behind the buffer's length.
        unsafe { into.set_len(into.len() + read) };
    }
    got
}

/// Shuts a socket down. The pending operations of the connection complete: reads with 0 bytes,
/// writes with an error, on both engines.
pub(crate) fn shut(fd: RawFd, how: Shutdown) {
    // SAFETY: the caller's connection record is alive, and it is closed before its socket is.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // A socket the peer has already reset answers ENOTCONN; there is nothing left to shut.
    let _ = socket2::SockRef::from(&fd).shutdown(how);
}

/// A descriptor that this process was given by number. It is never closed, also when the last copy
/// of it is: the number must not become another's, whom a second look would then take over.
///
/// # Errors
/// `EBADF` if it is not open.
pub(crate) fn given(descriptor: RawFd) -> io::Result<ManuallyDrop<OwnedFd>> {
    // SAFETY: `fcntl` with F_GETFD takes any number and changes nothing.
    match unsafe { libc::fcntl(descriptor, libc::F_GETFD) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: it is open, and whoever started us gave it to us; nobody closes it.
        _ => Ok(ManuallyDrop::new(unsafe {
            OwnedFd::from_raw_fd(descriptor)
        })),
    }
}

/// A unix socket as the one type of stream that connections have: they only read, write and shut
/// down, which is the same for both.
///
/// # Errors
/// The executor's, if it cannot watch the socket.
pub(crate) fn of_unix(stream: UnixStream) -> io::Result<TcpStream> {
    // SAFETY: `into_raw_fd` gives up the descriptor, which is open and nobody else's then.
    let socket = unsafe { OwnedFd::from_raw_fd(stream.into_raw_fd()) };
    TcpStream::from_std(socket.into())
}

/// The descriptor of a socket of the executor's, which lends none by itself.
pub(crate) fn descriptor<T: AsRawFd>(socket: &T) -> BorrowedFd<'_> {
    // SAFETY: the sockets that this is asked for own their descriptor, and are borrowed.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

/// Marks an accepted socket close-on-exec; monoio's accept on io_uring does not.
pub(crate) fn close_on_exec(stream: &TcpStream) {
    // SAFETY: `fcntl` with F_SETFD takes a plain integer; the descriptor is open.
    unsafe { libc::fcntl(stream.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// 256 random bits from the kernel.
///
/// # Errors
/// The kernel's, if it has none to give.
pub(crate) fn seed() -> io::Result<[u64; 4]> {
    let mut seed = [0u64; 4];
    let length = size_of_val(&seed);
    // SAFETY: the buffer is valid for `length` bytes.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), length, 0) };
    if got == length as isize {
        Ok(seed)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Nanoseconds of the machine's monotonic clock, which all its processes share.
pub(crate) fn machine_nanos() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the buffer is valid for one value of its type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What the calling thread has used so far.
///
/// CPU time comes from the thread's own clock: `getrusage` brings a running thread's up to date
/// only at the kernel's tick (4 ms), which would make a preempted call look busy.
pub(crate) fn thread_usage() -> ThreadUsage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let mut cpu = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both buffers are valid for one value of their type, and all zeros is one.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut cpu);
        usage.assume_init()
    };
    ThreadUsage {
        cpu_ns: cpu.tv_sec as u64 * 1_000_000_000 + cpu.tv_nsec as u64,
        waits: usage.ru_nvcsw as u64,
    }
}
