//! `Request`: what a handler or hook may look at, as far as the engine knows it.
//!
//! A copy of the head, so that it may be kept after the answer. What Ruby users call is written in
//! Ruby upon this; hooks have it before all of it is known, and it grows with the calls of its
//! exchange.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use magnus::{
    DataTypeFunctions, Error, RArray, RModule, RString, Ruby, TypedData, Value, gc, method,
    prelude::*, value::Opaque,
};
use spikard_host::{Call, Owned, Purpose, cookies};

use crate::{
    convert::{binary, text, values},
    guest::Guest,
    upload::uploads,
};

/// One request.
#[derive(TypedData)]
#[magnus(class = "Spikard::Request", mark, free_immediately)]
pub(crate) struct Request {
    pub(crate) guest: Arc<Guest>,
    head: RefCell<Owned>,
    route: RefCell<Box<str>>,
    claims: RefCell<Box<[u8]>>,
    /// What runs for it: the Ruby half's object.
    function: Cell<Opaque<Value>>,
    /// The engine's values, in order; nil without any.
    values: Cell<Opaque<Value>>,
    /// nil until it is read.
    body: Cell<Opaque<Value>>,
    uploads: Cell<Opaque<Value>>,
    /// What the Ruby half keeps.
    memo: Cell<Opaque<Value>>,
}

impl DataTypeFunctions for Request {
    fn mark(&self, marker: &gc::Marker) {
        marker.mark(self.function.get());
        marker.mark(self.values.get());
        marker.mark(self.body.get());
        marker.mark(self.uploads.get());
        marker.mark(self.memo.get());
    }
}

impl Request {
    /// A copy of the call's request.
    pub(crate) fn of(
        ruby: &Ruby,
        guest: Arc<Guest>,
        call: &Call<'_>,
        function: Value,
    ) -> Result<magnus::typed_data::Obj<Self>, Error> {
        let nil = ruby.qnil().as_value();
        let request = ruby.obj_wrap(Self {
            guest,
            head: RefCell::new(call.to_owned()),
            route: RefCell::new(call.route().into()),
            claims: RefCell::new(call.claims().into()),
            function: Cell::new(function.into()),
            values: Cell::new(nil.into()),
            body: Cell::new(nil.into()),
            uploads: Cell::new(nil.into()),
            memo: Cell::new(nil.into()),
        });
        request.learn(ruby, call)?;
        Ok(request)
    }

    /// A later call of the same exchange knows more.
    pub(crate) fn refresh(
        &self,
        ruby: &Ruby,
        call: &Call<'_>,
        function: Value,
    ) -> Result<(), Error> {
        *self.head.borrow_mut() = call.to_owned();
        *self.route.borrow_mut() = call.route().into();
        if !call.claims().is_empty() {
            *self.claims.borrow_mut() = call.claims().into();
        }
        self.function.set(function.into());
        self.learn(ruby, call)
    }

    /// What the call says besides the head.
    fn learn(&self, ruby: &Ruby, call: &Call<'_>) -> Result<(), Error> {
        let purpose = call.purpose();
        if !matches!(purpose, Purpose::PreValidation | Purpose::Handler) {
            return Ok(());
        }
        if ruby.get_inner(self.body.get()).is_nil() {
            self.body.set(binary(ruby, call.body()).as_value().into());
            if let Some(files) = uploads(ruby, call)? {
                self.uploads.set(files.as_value().into());
            }
        }
        if purpose == Purpose::Handler
            && let Some(values) = values(ruby, call)?
        {
            self.values.set(values.as_value().into());
        }
        Ok(())
    }

    /// The id of the exchange; empty if ids are off.
    fn request_id(&self) -> String {
        self.head.borrow().request_id.to_string()
    }

    fn verb(ruby: &Ruby, rb_self: &Self) -> RString {
        text(ruby, rb_self.head.borrow().method())
    }

    fn path(ruby: &Ruby, rb_self: &Self) -> RString {
        text(ruby, rb_self.head.borrow().path())
    }

    fn query_string(ruby: &Ruby, rb_self: &Self) -> RString {
        text(ruby, rb_self.head.borrow().query())
    }

    fn version_minor(&self) -> u32 {
        self.head.borrow().version_minor
    }

    fn scheme(&self) -> &'static str {
        self.head.borrow().scheme
    }

    fn client(&self) -> Option<(String, u16)> {
        let client = self.head.borrow().client?;
        Some((client.ip().to_string(), client.port()))
    }

    fn route(ruby: &Ruby, rb_self: &Self) -> RString {
        ruby.str_new(&rb_self.route.borrow())
    }

    /// The first value of a name in any case, as received.
    fn field(ruby: &Ruby, rb_self: &Self, name: String) -> Option<RString> {
        let head = rb_self.head.borrow();
        let found = head
            .fields()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| text(ruby, value))
    }

    /// Every field, as received: name, value.
    fn fields(ruby: &Ruby, rb_self: &Self) -> Result<RArray, Error> {
        let head = rb_self.head.borrow();
        let all = ruby.ary_new_capa(head.fields().len());
        for (name, value) in head.fields() {
            let pair = ruby.ary_new_from_values(&[text(ruby, name), text(ruby, value)]);
            all.push(pair)?;
        }
        Ok(all)
    }

    /// The cookies of a `Cookie` value: name, value.
    fn cookie_pairs(ruby: &Ruby, _: &Self, header: String) -> Result<RArray, Error> {
        let pairs = ruby.ary_new();
        for (name, value) in cookies(header.as_bytes()) {
            pairs.push(ruby.ary_new_from_values(&[text(ruby, name), text(ruby, value)]))?;
        }
        Ok(pairs)
    }

    /// The claims of its token, as JSON; nil without one.
    fn claims_text(ruby: &Ruby, rb_self: &Self) -> Option<RString> {
        let claims = rb_self.claims.borrow();
        (!claims.is_empty()).then(|| text(ruby, &claims))
    }

    fn values(&self) -> Opaque<Value> {
        self.values.get()
    }

    fn raw_body(&self) -> Opaque<Value> {
        self.body.get()
    }

    fn raw_uploads(&self) -> Opaque<Value> {
        self.uploads.get()
    }

    fn function(&self) -> Opaque<Value> {
        self.function.get()
    }

    fn memo(&self) -> Opaque<Value> {
        self.memo.get()
    }

    fn keep(&self, memo: Value) -> Value {
        self.memo.set(memo.into());
        memo
    }
}

/// Defines the class, on which the Ruby half builds.
pub(crate) fn define(ruby: &Ruby, spikard: RModule) -> Result<(), Error> {
    let class = spikard.define_class("Request", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("method", method!(Request::verb, 0))?;
    class.define_method("path", method!(Request::path, 0))?;
    class.define_method("query_string", method!(Request::query_string, 0))?;
    class.define_method("route", method!(Request::route, 0))?;
    class.define_method("scheme", method!(Request::scheme, 0))?;
    class.define_private_method("version_minor", method!(Request::version_minor, 0))?;
    class.define_private_method("received_id", method!(Request::request_id, 0))?;
    class.define_private_method("peer", method!(Request::client, 0))?;
    class.define_private_method("cookie_pairs", method!(Request::cookie_pairs, 1))?;
    class.define_private_method("claims_text", method!(Request::claims_text, 0))?;
    class.define_private_method("values", method!(Request::values, 0))?;
    class.define_private_method("raw_body_bytes", method!(Request::raw_body, 0))?;
    class.define_private_method("raw_uploads", method!(Request::raw_uploads, 0))?;
    class.define_private_method("function", method!(Request::function, 0))?;
    class.define_private_method("memo", method!(Request::memo, 0))?;
    class.define_private_method("memo=", method!(Request::keep, 1))?;
    // For `Headers`, and for what answers: public, but not documented.
    class.define_method("__field", method!(Request::field, 1))?;
    class.define_method("__fields", method!(Request::fields, 0))?;
    class.define_method("__reply", method!(Request::reply, 2))?;
    class.define_method("__problem", method!(Request::problem, 2))?;
    class.define_method("__fail", method!(Request::fail, 2))?;
    class.define_method("__answer", method!(Request::answer, 6))?;
    Ok(())
}
