//! `Calls`: what request objects read of calls, by their numbers.
//!
//! Nothing is converted before it is asked for. Once a call is answered there is nothing to read:
//! every method throws then, or says so.

use std::{os::fd::IntoRawFd, sync::Arc};

use napi::{
    Env, Error, JsString, Result,
    bindgen_prelude::{Array, BufferSlice, FnArgs, Function, Unknown},
};
use napi_derive::napi;
use spikard_host::{Call, Content, Token};

use crate::{
    convert::{fields, text, values},
    guest::{Guest, Inner, Told},
};

/// The calls of one worker.
#[napi]
pub struct Calls {
    pub(crate) guest: Arc<Guest>,
}

#[napi]
impl Calls {
    /// The calls of a worker that is still to be made. `log` takes a level and a message,
    /// `cancelled` a call that nobody waits for, `ended` an exchange.
    #[napi(constructor)]
    pub fn new(
        env: &Env,
        log: Function<'_, FnArgs<(u32, String)>, ()>,
        cancelled: Function<'_, f64, ()>,
        ended: Function<'_, f64, ()>,
    ) -> Result<Self> {
        let told = Told {
            log: log.create_ref()?,
            cancelled: cancelled.create_ref()?,
            ended: ended.create_ref()?,
        };
        let guest = Arc::new(Guest::new(env, told)?);
        Ok(Self { guest })
    }

    /// The functions that the numbers in documents stand for.
    #[napi]
    pub fn set_functions(
        &self,
        env: &Env,
        functions: Vec<Function<'_, Unknown<'_>, Unknown<'_>>>,
    ) -> Result<()> {
        self.inner()?.set_functions(env, &functions)
    }

    pub(crate) fn inner(&self) -> Result<&Inner> {
        let inner = self.guest.inner();
        inner.ok_or_else(|| Error::from_reason("this is another thread than the worker's"))
    }

    fn look<T>(&self, token: f64, look: impl FnOnce(Call<'_>) -> Result<T>) -> Result<T> {
        let calls = &self.inner()?.calls;
        calls
            .with(Token::from_number(token), look)
            .unwrap_or_else(|| Err(answered()))
    }

    /// A text of the call, by its number in the order of `TEXTS`.
    #[napi]
    pub fn text<'env>(&self, env: &'env Env, token: f64, which: u32) -> Result<JsString<'env>> {
        self.look(token, |call| {
            text(
                env,
                match which {
                    0 => call.method(),
                    1 => call.path(),
                    2 => call.query(),
                    3 => call.request_id().as_bytes(),
                    4 => call.route().as_bytes(),
                    5 => call.body(),
                    6 => call.claims(),
                    _ => call.target(),
                },
            )
        })
    }

    /// All header fields: name, value, name, value, divided by NUL.
    #[napi]
    pub fn fields<'env>(&self, env: &'env Env, token: f64) -> Result<JsString<'env>> {
        self.look(token, |call| fields(env, call.fields()))
    }

    /// The values of a header field, divided by NUL; null if there is none.
    #[napi]
    pub fn field<'env>(
        &self,
        env: &'env Env,
        token: f64,
        name: String,
    ) -> Result<Option<JsString<'env>>> {
        self.look(token, |call| {
            let mut found: Option<Vec<u8>> = None;
            for (_, value) in call
                .fields()
                .filter(|(of, _)| of.eq_ignore_ascii_case(name.as_bytes()))
            {
                match &mut found {
                    Some(found) => {
                        found.push(0);
                        found.extend_from_slice(value);
                    }
                    None => found = Some(value.to_vec()),
                }
            }
            found.map(|found| text(env, &found)).transpose()
        })
    }

    /// The engine's values, in the order of the route's parameters; undefined is absent.
    #[napi]
    pub fn values<'env>(&self, env: &'env Env, token: f64) -> Result<Array<'env>> {
        self.look(token, |call| values(env, &call))
    }

    /// The body; null if the request has none.
    #[napi]
    pub fn body<'env>(&self, env: &'env Env, token: f64) -> Result<Option<BufferSlice<'env>>> {
        self.look(token, |call| {
            let copy = || BufferSlice::copy_from(env, call.body());
            call.has_body().then(copy).transpose()
        })
    }

    /// Whether the request has a body.
    #[napi]
    pub fn has_body(&self, token: f64) -> Result<bool> {
        self.look(token, |call| Ok(call.has_body()))
    }

    /// HTTP minor version, scheme, the client's address and port; in process only the first two.
    #[napi]
    pub fn connection<'env>(&self, env: &'env Env, token: f64) -> Result<Array<'env>> {
        self.look(token, |call| {
            let mut facts = env.create_array(0)?;
            facts.set(0, call.version_minor())?;
            facts.set(1, call.scheme())?;
            if let Some(client) = call.client() {
                facts.set(2, client.ip().to_string())?;
                facts.set(3, u32::from(client.port()))?;
            }
            Ok(facts)
        })
    }

    /// Names the exchange to all calls of it.
    #[napi]
    pub fn exchange(&self, token: f64) -> Result<f64> {
        self.look(token, |call| Ok(call.exchange() as f64))
    }

    /// What the call is for: a number of `contract/src/status.rs`.
    #[napi]
    pub fn purpose(&self, token: f64) -> Result<u32> {
        self.look(token, |call| Ok(call.purpose().number()))
    }

    /// The reply that hooks on errors are shown: status, fields, body.
    #[napi]
    pub fn made<'env>(&self, env: &'env Env, token: f64) -> Result<Array<'env>> {
        self.look(token, |call| {
            let (made, mut parts) = (call.made(), env.create_array(0)?);
            parts.set(0, made.status)?;
            parts.set(1, fields(env, made.fields())?)?;
            parts.set(2, BufferSlice::copy_from(env, made.body)?)?;
            Ok(parts)
        })
    }

    /// The files of a form. Each is a name, filename, content type, part header, size, then either
    /// its content or, of a large one, a descriptor that all large ones share and its offset.
    #[napi]
    pub fn uploads<'env>(&self, env: &'env Env, token: f64) -> Result<Array<'env>> {
        self.look(token, |call| {
            let mut spool: Option<i32> = None;
            let mut files = env.create_array(0)?;
            for (at, upload) in call.uploads().enumerate() {
                let mut file = env.create_array(0)?;
                file.set(0, upload.name)?;
                file.set(1, upload.filename)?;
                file.set(2, upload.content_type)?;
                file.set(3, upload.headers)?;
                file.set(4, upload.size as f64)?;
                match upload.content {
                    Content::Memory(bytes) => file.set(5, BufferSlice::copy_from(env, bytes)?)?,
                    Content::Spool {
                        file: shared,
                        start,
                    } => {
                        let own = match spool {
                            Some(own) => own,
                            None => duplicate(shared)?,
                        };
                        spool = Some(own);
                        file.set(5, own)?;
                        file.set(6, start as f64)?;
                    }
                }
                files.set(at as u32, file)?;
            }
            Ok(files)
        })
    }
}

fn duplicate(spool: spikard_host::Spool<'_>) -> Result<i32> {
    let own = spool.duplicate();
    let own = own.map_err(|error| Error::from_reason(error.to_string()))?;
    Ok(own.into_raw_fd())
}

fn answered() -> Error {
    Error::from_reason(
        "the request is answered, and what was not read of it before is gone; \
         read what you need before you answer, or await it in the handler",
    )
}
