//! Values from the engine to JavaScript and back, and the one call per request.
//!
//! What is called for every request is written by hand here: the calls of Node-API, and no more.
//! Texts are made straight from the engine's memory, without a copy of their own.

use std::{
    ffi::{c_char, c_int},
    mem::ManuallyDrop,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    ptr::null_mut,
    thread::{self, ThreadId},
};

use napi::{
    Env, JsString, JsValue, Result,
    bindgen_prelude::{Array, Function, Object, ToNapiValue, Unknown},
    sys,
};
use spikard_host::{Argument, Call, Calls, Token};

use crate::pump::ok;

/// A text of the engine's as a string: UTF-8, or where it is none, each byte a character.
pub(crate) fn text<'env>(env: &'env Env, bytes: &[u8]) -> Result<JsString<'env>> {
    // One byte per character is copied, not decoded.
    if bytes.is_ascii() {
        return env.create_string_latin1(bytes);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => env.create_string(text),
        Err(_) => env.create_string_latin1(bytes),
    }
}

/// Header fields as one string: name, value, name, value, divided by NUL, which neither may have.
/// One string that JavaScript divides costs far less than two per field.
pub(crate) fn fields<'env, 'a>(
    env: &'env Env,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<JsString<'env>> {
    let mut joined: Vec<u8> = Vec::with_capacity(512);
    for (name, value) in fields {
        for part in [name, value] {
            if !joined.is_empty() {
                joined.push(0);
            }
            match std::str::from_utf8(part) {
                Ok(_) => joined.extend_from_slice(part),
                Err(_) => {
                    let text: String = part.iter().map(|byte| char::from(*byte)).collect();
                    joined.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
    text(env, &joined)
}

/// The engine's values for a call, in the order of the route's parameters; undefined is absent.
pub(crate) fn values<'env>(env: &'env Env, call: &Call<'_>) -> Result<Array<'env>> {
    let mut arguments = call.arguments();
    let mut values = env.create_array(0)?;
    let mut at = 0;
    while let Some(argument) = arguments.next() {
        values.set(at, value(env, argument, &mut arguments)?)?;
        at += 1;
    }
    Ok(values)
}

fn value<'env, 'a>(
    env: &'env Env,
    argument: Argument<'a>,
    following: &mut dyn Iterator<Item = Argument<'a>>,
) -> Result<Unknown<'env>> {
    Ok(match argument {
        Argument::Absent => ().into_unknown(env)?,
        Argument::Null => napi::bindgen_prelude::Null.into_unknown(env)?,
        Argument::Bool(value) => value.into_unknown(env)?,
        // One type of number: beyond 2^53 the nearest there is, as with JSON.
        Argument::Integer(value) => (value as f64).into_unknown(env)?,
        Argument::Float(value) => value.into_unknown(env)?,
        Argument::String(value) => text(env, value.as_bytes())?.into_unknown(env)?,
        Argument::Json(document) => {
            // The package parses it, which knows `JSON.parse`.
            let mut boxed = Object::new(env)?;
            boxed.set("json", text(env, document.as_bytes())?)?;
            boxed.into_unknown(env)?
        }
        Argument::List(length) => {
            let mut list = env.create_array(0)?;
            for at in 0..length {
                if let Some(item) = following.next() {
                    list.set(at, value(env, item, following)?)?;
                }
            }
            list.into_unknown(env)?
        }
    })
}

/// A JavaScript function that is called once per request. Lives and ends on its thread.
pub(crate) struct Callee {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Callee {
    /// Keeps a function.
    pub(crate) fn of(env: &Env, function: &Function<'_, Unknown<'_>, Unknown<'_>>) -> Result<Self> {
        let mut reference = null_mut();
        // SAFETY: the function is of this environment and scope; the output is valid.
        unsafe {
            ok(sys::napi_create_reference(
                env.raw(),
                function.raw(),
                1,
                &mut reference,
            ))?
        };
        let env = env.raw();
        Ok(Self { env, reference })
    }

    /// Calls it with a number, inside of a scope. A text that it returns is put into `text`.
    pub(crate) fn call(&self, number: f64, text: &mut Vec<u8>) -> Said {
        let (mut function, mut this, mut argument, mut result) =
            (null_mut(), null_mut(), null_mut(), null_mut());
        // SAFETY: this is the environment's thread, inside of a scope; all outputs are valid.
        unsafe {
            sys::napi_get_reference_value(self.env, self.reference, &mut function);
            sys::napi_get_undefined(self.env, &mut this);
            sys::napi_create_double(self.env, number, &mut argument);
            let called =
                sys::napi_call_function(self.env, this, function, 1, &argument, &mut result);
            if called != sys::Status::napi_ok {
                return Said::Failed(self.exception());
            }
        }
        if let Some(length) = self.read(result, text) {
            return Said::Text(length);
        }
        let mut kind = 0;
        // SAFETY: the value is of this scope; the output is valid.
        unsafe { sys::napi_typeof(self.env, result, &mut kind) };
        match kind {
            sys::ValueType::napi_boolean => Said::Done,
            sys::ValueType::napi_null => Said::Continue,
            _ => Said::Later,
        }
    }

    /// Reads a string as UTF-8, into the front of `text`, which grows if it must. Returns its
    /// length; `None` if the value is no string.
    fn read(&self, value: sys::napi_value, text: &mut Vec<u8>) -> Option<usize> {
        let mut length = 0;
        loop {
            let room = text.len();
            let buffer = text.as_mut_ptr().cast::<c_char>();
            // SAFETY: the buffer is valid for `room` writes; the value is of this scope.
            let read = unsafe {
                sys::napi_get_value_string_utf8(self.env, value, buffer, room, &mut length)
            };
            if read != sys::Status::napi_ok {
                return None;
            }
            // A whole character may have been left out, besides the NUL.
            if length + 4 < room {
                return Some(length);
            }
            // SAFETY: without a buffer the length alone is told.
            unsafe {
                sys::napi_get_value_string_utf8(self.env, value, null_mut(), 0, &mut length);
            }
            text.resize(length + 8, 0);
        }
    }

    fn exception(&self) -> String {
        let (mut exception, mut message) = (null_mut(), null_mut());
        let mut text = vec![0; 1024];
        // SAFETY: this is the environment's thread, inside of a scope; the outputs are valid.
        unsafe {
            sys::napi_get_and_clear_last_exception(self.env, &mut exception);
            sys::napi_coerce_to_string(self.env, exception, &mut message);
        }
        match self.read(message, &mut text) {
            Some(length) => String::from_utf8_lossy(&text[..length]).into_owned(),
            None => "JavaScript could not run".to_owned(),
        }
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        // SAFETY: the reference is of this environment, whose thread this is.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// What a function said to a call.
pub(crate) enum Said {
    /// A JSON text of this length, which is the reply.
    Text(usize),
    /// The call is answered.
    Done,
    /// Hooks ran and nothing follows from it.
    Continue,
    /// It will be answered.
    Later,
    /// It could not be called, and why.
    Failed(String),
}

/// Keeps a call for as long as its function may look at it: whoever answers takes it out.
pub(crate) fn keep(calls: &Calls, call: &Call<'_>) -> Option<Token> {
    // SAFETY: all answers go through `Guest`, which takes the call out first, and a worker's end
    // clears what is left before the worker is freed.
    unsafe { calls.keep(call) }
}

/// Takes ownership of a descriptor that the JavaScript half hands over: it came from `listen` or
/// from the parent, and is not used there again.
pub(crate) fn take_descriptor(fd: RawFd) -> OwnedFd {
    // SAFETY: the package calls this once per descriptor that the native side gave it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Lets the processes that are started have this one's standard streams: Node has marked them to be
/// closed, and opens them for those that it starts itself.
pub(crate) fn pass_streams_on() {
    for fd in 0..=2 {
        // SAFETY: it changes a flag of a descriptor, or fails where there is none.
        unsafe { fcntl(fd, F_SETFD, 0) };
    }
}

const F_SETFD: c_int = 2;

unsafe extern "C" {
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}

/// A value of one thread, in a type that others may hold. On another thread it is out of reach, and
/// if it ends there, it is leaked.
pub(crate) struct Confined<T> {
    owner: ThreadId,
    value: ManuallyDrop<T>,
}

// SAFETY: the value is only reached, and only dropped, on the thread that made it.
unsafe impl<T> Send for Confined<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Confined<T> {}

impl<T> Confined<T> {
    /// Confines a value to the calling thread.
    pub(crate) fn new(value: T) -> Self {
        Self {
            owner: thread::current().id(),
            value: ManuallyDrop::new(value),
        }
    }

    /// The value, on its own thread.
    pub(crate) fn get(&self) -> Option<&T> {
        (thread::current().id() == self.owner).then_some(&*self.value)
    }
}

impl<T> Drop for Confined<T> {
    fn drop(&mut self) {
        if thread::current().id() == self.owner {
            // SAFETY: it is dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
