//! The one wall between C and Rust: panics stop here, and failures become numbers.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr, slice,
};

use spikard_contract::status::Status;

/// Why a function failed: its number, and a sentence for [`spk_last_error`].
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// A pointer that must not be NULL was.
    pub(crate) fn null(name: &str) -> Self {
        Self::new(Status::NullPointer, format!("{name} is NULL"))
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::new(status, status.c_name())
    }
}

pub(crate) type Checked<T = ()> = Result<T, Failure>;

thread_local! {
    static LAST_ERROR: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of an exported function. A panic becomes `SPK_PANICKED`; in a forked child nothing
/// runs at all.
pub(crate) fn boundary(body: impl FnOnce() -> Checked) -> u32 {
    if is_forked() {
        return Status::Forked.number();
    }
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return Status::Ok.number(),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::new(Status::Panicked, "the engine panicked"),
    };
    // A thread that is ending has no place for the sentence any more; the number still tells.
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = failure.message);
    failure.status.number()
}

fn is_forked() -> bool {
    #[cfg(feature = "server")]
    return spikard_runtime::is_forked_child();
    #[cfg(not(feature = "server"))]
    return false;
}

/// Borrows the object behind a handle.
///
/// # Safety
/// `pointer` is NULL or a live handle of this type, not mutated elsewhere during `'a`.
pub(crate) unsafe fn object<'a, T>(pointer: *const T, name: &str) -> Checked<&'a T> {
    // SAFETY: the caller's contract, and NULL is refused.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// Borrows a struct that begins with its own size, which must be at least the size it has here:
/// of a smaller one not a byte behind the size is read.
///
/// # Safety
/// `pointer` is NULL, or begins with a `uint32_t` and is valid for reads of as many bytes as that
/// says, during `'a`.
pub(crate) unsafe fn sized<'a, T>(pointer: *const T, name: &str) -> Checked<&'a T> {
    // SAFETY: the caller's contract; `T` begins with a `u32`, which is no stricter aligned than it.
    let size = *unsafe { object(pointer.cast::<u32>(), name) }?;
    if (size as usize) < size_of::<T>() {
        let message = format!("{name} is of an older version: its size is {size}");
        return Err(Failure::new(Status::StaleVersion, message));
    }
    // SAFETY: the caller's contract, and it is whole.
    unsafe { object(pointer, name) }
}

/// Refuses an output that is NULL, before anything is done or written.
pub(crate) fn output<T>(out: *mut T, name: &str) -> Checked {
    if out.is_null() {
        return Err(Failure::null(name));
    }
    Ok(())
}

/// Writes an output.
///
/// # Safety
/// `out` is NULL or valid for one write of `T`.
pub(crate) unsafe fn write_out<T>(out: *mut T, name: &str, value: T) -> Checked {
    output(out, name)?;
    // SAFETY: the caller's contract, and NULL is refused.
    unsafe { out.write(value) };
    Ok(())
}

/// Borrows `length` bytes. NULL is allowed for none.
///
/// # Safety
/// `bytes` is NULL, or valid for reads of `length` bytes during `'a`.
pub(crate) unsafe fn bytes<'a>(bytes: *const u8, length: usize, name: &str) -> Checked<&'a [u8]> {
    // SAFETY: the caller's contract.
    unsafe { array(bytes, length, name) }
}

/// Borrows `length` things. NULL is allowed for none.
///
/// # Safety
/// `first` is NULL, or valid for reads of `length` things during `'a`.
pub(crate) unsafe fn array<'a, T>(first: *const T, length: usize, name: &str) -> Checked<&'a [T]> {
    // No object is larger: a negative number was taken for a length.
    if length > isize::MAX as usize / size_of::<T>() {
        let message = format!("{name} is longer than memory: {length}");
        return Err(Failure::new(Status::InvalidArgument, message));
    }
    match (first.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failure::null(name)),
        // SAFETY: the caller's contract; not NULL, and not longer than an object can be.
        (false, length) => Ok(unsafe { slice::from_raw_parts(first, length) }),
    }
}

/// Borrows UTF-8 text.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(pointer: *const u8, length: usize, name: &str) -> Checked<&'a str> {
    // SAFETY: the caller's contract.
    let bytes = unsafe { bytes(pointer, length, name) }?;
    std::str::from_utf8(bytes)
        .map_err(|_| Failure::new(Status::InvalidArgument, format!("{name} is not UTF-8")))
}

/// Why the last call on this thread that failed did so.
///
/// The text is UTF-8, not NUL-terminated, owned by the library, and valid until the next failing
/// call on this thread. Any thread, also in a forked child. Does not block.
///
/// # Safety
/// `text` and `length` are valid for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_last_error(text: *mut *const u8, length: *mut usize) -> u32 {
    if text.is_null() || length.is_null() {
        return Status::NullPointer.number();
    }
    let told = LAST_ERROR.try_with(|last| {
        let last = last.borrow();
        (last.as_ptr(), last.len())
    });
    // A thread that is ending has forgotten its last error.
    let (bytes, count) = told.unwrap_or((ptr::NonNull::dangling().as_ptr(), 0));
    // SAFETY: both outputs were checked; the caller's contract.
    unsafe {
        text.write(bytes);
        length.write(count);
    }
    Status::Ok.number()
}

/// The name of a status number, such as `SPK_STALE_CALL`; empty for a number this build does not
/// know. The text is static. Any thread. Does not block.
///
/// # Safety
/// `text` and `length` are valid for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_status_name(
    status: u32,
    text: *mut *const u8,
    length: *mut usize,
) -> u32 {
    boundary(|| {
        output(text, "text")?;
        let name = Status::from_number(status).map_or("", Status::c_name);
        // SAFETY: the caller's contract.
        unsafe {
            write_out(length, "length", name.len())?;
            write_out(text, "text", name.as_ptr())
        }
    })
}
