//! Functions as handlers: plain and `async`, with none to six arguments.
//!
//! A plain function runs on the worker's own thread and must not block; `blocking` moves it to the
//! thread pool. The future of an `async` function stays on its worker and need not be `Send`.
//! Knows nothing of routes; it turns arguments into a reply, now or later.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use pin_project_lite::pin_project;
use spikard_middleware::{Exchange, Reply};

use crate::extract::{Call, Extract, Needs, RouteFacts, States};
use crate::failure::Failure;
use crate::reply::IntoReply;

/// What came of calling a handler.
pub enum Started {
    /// The reply is written, or will never be.
    Replied(Result<(), Failure>),
    /// The reply comes from a future.
    Suspended(Pin<Box<dyn Suspended>>),
}

/// A future that writes a reply.
pub trait Suspended {
    /// Goes on; ready once the reply is written.
    fn poll_reply(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        reply: &mut Reply,
    ) -> Poll<Result<(), Failure>>;
}

/// A function that answers requests. `M` tells the kinds of function apart and is never named.
///
/// Implemented for functions of up to six [`Extract`] arguments that return an [`IntoReply`], or a
/// future of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler takes up to six arguments that implement `Extract` and returns a value that \
            implements `IntoReply`, or a future of one"
)]
pub trait Handler<M>: Send + Sync + 'static {
    /// Its arguments.
    type Arguments: Send + 'static;

    /// Says what its arguments need of the route.
    fn declare(needs: &mut Needs<'_>);

    /// Reads its arguments.
    ///
    /// # Errors
    /// The reply in the handler's place.
    fn arguments(call: &Call<'_>) -> Result<Self::Arguments, Failure>;

    /// Calls it.
    fn start(&self, arguments: Self::Arguments, reply: &mut Reply) -> Started;
}

/// Marks functions that return their reply.
pub struct Plain;

/// Marks functions that return a future.
pub struct Later;

pin_project! {
    struct Replying<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future<Output: IntoReply>> Suspended for Replying<F> {
    fn poll_reply(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        reply: &mut Reply,
    ) -> Poll<Result<(), Failure>> {
        self.project()
            .future
            .poll(cx)
            .map(|value| value.into_reply(reply))
    }
}

macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<F, R, $($argument),*> Handler<(Plain, $($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: IntoReply,
            $($argument: Extract,)*
        {
            handlers!(@arguments $($argument)*);

            fn start(&self, ($($argument,)*): Self::Arguments, reply: &mut Reply) -> Started {
                Started::Replied(self($($argument),*).into_reply(reply))
            }
        }

        impl<F, R, $($argument),*> Handler<(Later, $($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Send + Sync + 'static,
            R: Future<Output: IntoReply> + 'static,
            $($argument: Extract,)*
        {
            handlers!(@arguments $($argument)*);

            fn start(&self, ($($argument,)*): Self::Arguments, _: &mut Reply) -> Started {
                let future = self($($argument),*);
                Started::Suspended(Box::pin(Replying { future }))
            }
        }
    };
    (@arguments $($argument:ident)*) => {
        type Arguments = ($($argument,)*);

        fn declare(_needs: &mut Needs<'_>) {
            $($argument::declare(_needs);)*
        }

        fn arguments(_call: &Call<'_>) -> Result<Self::Arguments, Failure> {
            Ok(($($argument::extract(_call)?,)*))
        }
    };
}

/// The names of type parameters serve as those of values too.
#[expect(
    non_snake_case,
    reason = "one list of names stands for types and values"
)]
mod arities {
    use super::*;

    handlers!();
    handlers!(A);
    handlers!(A B);
    handlers!(A B C);
    handlers!(A B C D);
    handlers!(A B C D E);
    handlers!(A B C D E G);
}

/// A call that a thread of the pool makes.
pub(crate) type Job = Box<dyn FnOnce(&mut Reply) -> Result<(), Failure> + Send>;

/// A handler without its types.
pub(crate) trait Endpoint: Send + Sync {
    /// Reads the arguments and calls, on this thread.
    fn start(&self, x: &mut Exchange, route: &RouteFacts, states: &States) -> Started;

    /// Reads the arguments of a call and makes it, on this thread.
    fn start_with(&self, call: &Call<'_>, reply: &mut Reply) -> Started;

    /// Reads the arguments; the job calls, on another thread.
    fn job(&self, x: &Exchange, route: &RouteFacts, states: &States) -> Result<Job, Failure>;
}

/// A handler with its types, as an [`Endpoint`].
pub(crate) struct Typed<H, M> {
    handler: Arc<H>,
    marker: PhantomData<fn(M)>,
}

impl<H, M> Typed<H, M> {
    pub(crate) fn new(handler: H) -> Self {
        Self {
            handler: Arc::new(handler),
            marker: PhantomData,
        }
    }
}

impl<M: 'static, H: Handler<M>> Endpoint for Typed<H, M> {
    fn start(&self, x: &mut Exchange, route: &RouteFacts, states: &States) -> Started {
        let call = Call {
            exchange: x,
            route,
            states,
        };
        match H::arguments(&call) {
            Ok(arguments) => self.handler.start(arguments, &mut x.reply),
            Err(failure) => Started::Replied(Err(failure)),
        }
    }

    fn start_with(&self, call: &Call<'_>, reply: &mut Reply) -> Started {
        match H::arguments(call) {
            Ok(arguments) => self.handler.start(arguments, reply),
            Err(failure) => Started::Replied(Err(failure)),
        }
    }

    fn job(&self, x: &Exchange, route: &RouteFacts, states: &States) -> Result<Job, Failure> {
        let call = Call {
            exchange: x,
            route,
            states,
        };
        let arguments = H::arguments(&call)?;
        let handler = self.handler.clone();
        Ok(Box::new(move |reply| {
            match handler.start(arguments, reply) {
                Started::Replied(result) => result,
                Started::Suspended(future) => finish_here(future, reply),
            }
        }))
    }
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread, which may block.
fn finish_here(mut future: Pin<Box<dyn Suspended>>, reply: &mut Reply) -> Result<(), Failure> {
    wait_here(|context| future.as_mut().poll_reply(context, reply))
}

/// Polls until there is a result, on this thread, which may block.
pub(crate) fn wait_here<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}
