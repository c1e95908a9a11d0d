//! A worker as a guest of libuv: its descriptor, its deadlines and its turns on Node's own loop.
//!
//! Why by hand: a thread-safe function wakes the loop once per call and opens a scope for each.
//! Here one wake-up is one turn, all calls of a turn share one handle scope and one callback scope,
//! and what promises answer when that closes is sent by a second turn at once. Answers from
//! elsewhere wait until just before the loop would sleep.
//! Knows nothing of requests or replies.

use std::{
    cell::{Cell, RefCell},
    ffi::{c_int, c_void},
    os::fd::RawFd,
    ptr::{self, null_mut},
    rc::Rc,
    time::{Duration, Instant},
};

use napi::{Env, Error, JsValue, Result, bindgen_prelude::Object, sys};

/// What is pumped: a worker. Called on the loop's thread, never inside itself.
pub(crate) trait Work {
    /// Makes one turn.
    fn turn(&self) -> Turned;
    /// The control descriptor is readable. Returns whether it is to be watched on.
    fn obey(&self) -> bool;
}

/// How a turn ended.
pub(crate) struct Turned {
    /// Whether there is more to do at once.
    pub(crate) more: bool,
    /// When to turn although nothing happened.
    pub(crate) next: Option<Duration>,
}

/// One worker's handles on the loop.
pub(crate) struct Pump {
    env: sys::napi_env,
    work: RefCell<Option<Rc<dyn Work>>>,
    handles: RefCell<Vec<Handle>>,
    prepare: Handle,
    idle: Handle,
    timer: Handle,
    scope: RefCell<Option<Scope>>,
    /// The `async_hooks` identity of all turns: what start-up had in its contexts, they have.
    context: sys::napi_async_context,
    resource: sys::napi_ref,
    armed: Cell<Option<Instant>>,
    /// Whether something was answered since the turn began.
    is_due: Cell<bool>,
    is_pumping: Cell<bool>,
    /// How many injected requests keep the process alive.
    held: Cell<usize>,
    /// Whether the environment has ended before it.
    is_orphan: Cell<bool>,
}

impl Drop for Pump {
    fn drop(&mut self) {
        if !self.is_orphan.get() {
            // SAFETY: both are of this environment, whose thread this is.
            unsafe {
                sys::napi_async_destroy(self.env, self.context);
                sys::napi_delete_reference(self.env, self.resource);
            }
        }
    }
}

/// An open handle scope and the callback scope in it.
struct Scope {
    handles: sys::napi_handle_scope,
    callback: sys::napi_callback_scope,
}

type Handle = *mut c_void;

impl Pump {
    /// Handles on the loop of `env`. Nothing happens before [`Pump::start`].
    pub(crate) fn new(env: &Env) -> Result<Rc<Self>> {
        let uv = env.get_uv_event_loop()?;
        let resource = Object::new(env)?;
        let name = env.create_string("SPIKARD")?;
        let (mut context, mut reference) = (null_mut(), null_mut());
        // SAFETY: all values are of this environment and of the scope that called; the outputs are
        // valid for a write.
        unsafe {
            ok(sys::napi_create_reference(
                env.raw(),
                resource.raw(),
                1,
                &mut reference,
            ))?;
            ok(sys::napi_async_init(
                env.raw(),
                resource.raw(),
                name.raw(),
                &mut context,
            ))?;
        }
        // SAFETY: each handle is as large as its kind needs, and lives until libuv has closed it.
        let (prepare, idle, timer) = unsafe {
            let (prepare, idle, timer) = (handle(UV_PREPARE), handle(UV_IDLE), handle(UV_TIMER));
            uv_prepare_init(uv, prepare);
            uv_idle_init(uv, idle);
            uv_timer_init(uv, timer);
            uv_unref(prepare);
            uv_unref(timer);
            (prepare, idle, timer)
        };
        let pump = Rc::new(Self {
            env: env.raw(),
            work: RefCell::default(),
            handles: RefCell::new(vec![prepare, idle, timer]),
            prepare,
            idle,
            timer,
            scope: RefCell::default(),
            context,
            resource: reference,
            armed: Cell::new(None),
            is_due: Cell::new(false),
            is_pumping: Cell::new(false),
            held: Cell::new(0),
            is_orphan: Cell::new(false),
        });
        for handle in [prepare, idle, timer] {
            pump.lend_to(handle);
        }
        let this = Rc::as_ptr(&pump).cast_mut().cast();
        // SAFETY: the hook is removed when the pump is closed, and its handles hold it until then.
        unsafe {
            ok(sys::napi_add_env_cleanup_hook(
                env.raw(),
                Some(on_cleanup),
                this,
            ))?
        };
        Ok(pump)
    }

    /// Has a handle hold this pump; [`on_closed`] gives it back.
    fn lend_to(self: &Rc<Self>, handle: Handle) {
        // SAFETY: the handle is live, and nobody else uses its data.
        unsafe { uv_handle_set_data(handle, Rc::into_raw(self.clone()).cast_mut().cast()) };
    }

    /// Begins to turn `work`: for a worker with sockets, whenever `fd` is readable.
    pub(crate) fn start(self: &Rc<Self>, work: Rc<dyn Work>, fd: Option<RawFd>) -> Result<()> {
        *self.work.borrow_mut() = Some(work);
        // SAFETY: the handle is live and of this kind.
        unsafe { uv_prepare_start(self.prepare, on_loop) };
        if let Some(fd) = fd {
            self.watch(fd, on_readable)?;
        }
        self.wake();
        Ok(())
    }

    /// Takes the parent's orders from `fd`.
    pub(crate) fn follow(self: &Rc<Self>, fd: RawFd) -> Result<()> {
        self.watch(fd, on_order)
    }

    fn watch(self: &Rc<Self>, fd: RawFd, act: PollCallback) -> Result<()> {
        let uv = Env::from_raw(self.env).get_uv_event_loop()?;
        // SAFETY: the handle is as large as its kind needs, and lives until libuv has closed it.
        let (poll, failed) = unsafe {
            let poll = handle(UV_POLL);
            (poll, uv_poll_init(uv, poll, fd))
        };
        if failed != 0 {
            // SAFETY: libuv has not taken it.
            unsafe { free(poll) };
            return Err(Error::from_reason(format!(
                "libuv cannot watch descriptor {fd}"
            )));
        }
        self.lend_to(poll);
        self.handles.borrow_mut().push(poll);
        // SAFETY: the handle is live and of this kind.
        unsafe { uv_poll_start(poll, UV_READABLE, act) };
        Ok(())
    }

    /// Something is to be done in a turn: one is made before the loop sleeps.
    pub(crate) fn wake(&self) {
        if !self.is_due.replace(true) && !self.is_pumping.get() && !self.is_closed() {
            // SAFETY: the handle is live and of this kind. It keeps the loop from sleeping.
            unsafe { uv_idle_start(self.idle, on_idle) };
        }
    }

    /// An injected request keeps the process alive until its reply.
    pub(crate) fn hold(&self) {
        self.held.set(self.held.get() + 1);
        // SAFETY: the handle is live.
        unsafe { uv_ref(self.timer) };
    }

    /// The reply is there.
    pub(crate) fn release(&self) {
        self.held.set(self.held.get().saturating_sub(1));
        if self.held.get() == 0 && !self.is_closed() {
            // SAFETY: the handle is live.
            unsafe { uv_unref(self.timer) };
        }
    }

    fn is_closed(&self) -> bool {
        self.handles.borrow().is_empty()
    }

    /// Makes turns until nothing is due, or the loop's other work must get its own.
    fn turn(&self) {
        let work = self.work.borrow().clone();
        let Some(work) = work else { return };
        if self.is_pumping.replace(true) {
            return;
        }
        let mut turned = None;
        for _ in 0..TURNS_MAX {
            self.is_due.set(false);
            turned = Some(work.turn());
            // Here ticks and promises run, which may answer.
            self.leave();
            if !self.is_due.get() {
                break;
            }
        }
        // The worker may have been closed meanwhile, and ends here then: outside of its turn, but
        // with scopes, as its end is told.
        drop(work);
        self.leave();
        self.is_pumping.set(false);
        if let Some(turned) = turned
            && !self.is_closed()
        {
            self.schedule(&turned);
        }
    }

    /// Does what the parent orders. Returns whether more may come.
    fn obey(&self) -> bool {
        let work = self.work.borrow().clone();
        self.is_pumping.set(true);
        let may_come = work.is_some_and(|work| work.obey());
        self.leave();
        self.is_pumping.set(false);
        may_come
    }

    fn schedule(&self, turned: &Turned) {
        let is_due = turned.more || self.is_due.get();
        self.is_due.set(is_due);
        // SAFETY: the handles are live and of these kinds.
        unsafe {
            if is_due {
                uv_idle_start(self.idle, on_idle);
            } else {
                uv_idle_stop(self.idle);
            }
        }
        let Some(next) = turned.next else { return };
        let now = Instant::now();
        // An early turn does no harm: it arms the timer again.
        if self
            .armed
            .get()
            .is_some_and(|armed| armed > now && armed <= now + next)
        {
            return;
        }
        self.armed.set(Some(now + next));
        // SAFETY: the handle is live and of this kind.
        unsafe { uv_timer_start(self.timer, on_loop_always, next.as_millis() as u64, 0) };
    }

    /// Opens the scopes of this turn, unless they are or JavaScript itself has called.
    pub(crate) fn enter(&self) {
        let mut scope = self.scope.borrow_mut();
        if scope.is_some() || !self.is_pumping.get() {
            return;
        }
        let (mut handles, mut callback, mut resource) = (null_mut(), null_mut(), null_mut());
        // SAFETY: this is the environment's thread, outside of any scope; the outputs are valid.
        unsafe {
            sys::napi_open_handle_scope(self.env, &mut handles);
            sys::napi_get_reference_value(self.env, self.resource, &mut resource);
            sys::napi_open_callback_scope(self.env, resource, self.context, &mut callback);
        }
        *scope = Some(Scope { handles, callback });
    }

    /// Closes the scopes of this turn: Node runs ticks and promise jobs.
    fn leave(&self) {
        let Some(scope) = self.scope.borrow_mut().take() else {
            return;
        };
        // SAFETY: both were opened by `enter`, in this order, on this thread.
        unsafe {
            if !scope.callback.is_null() {
                sys::napi_close_callback_scope(self.env, scope.callback);
            }
            sys::napi_close_handle_scope(self.env, scope.handles);
        }
    }

    /// Ends it: the worker is freed, once it is outside of a turn, and the handles are closed.
    pub(crate) fn close(&self) {
        let handles = self.handles.take();
        if handles.is_empty() {
            return;
        }
        let this = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: added by `new` with these arguments; each handle is live, and freed by its
        // callback.
        unsafe {
            sys::napi_remove_env_cleanup_hook(self.env, Some(on_cleanup), this);
            for handle in handles {
                uv_close(handle, on_closed);
            }
        }
        let work = self.work.borrow_mut().take();
        drop(work);
    }

    /// Whether the environment ends, so that JavaScript cannot be called any more.
    pub(crate) fn is_orphan(&self) -> bool {
        self.is_orphan.get()
    }

    /// The environment.
    pub(crate) fn env(&self) -> Env {
        Env::from_raw(self.env)
    }
}

/// # Safety
/// `data` is a pump whose handles are not closed.
unsafe extern "C" fn on_cleanup(data: *mut c_void) {
    // SAFETY: the caller's contract.
    let pump = unsafe { &*data.cast::<Pump>() };
    pump.is_orphan.set(true);
    pump.close();
}

/// The pump that a handle holds, held for the length of a callback.
///
/// # Safety
/// `handle` is live and was lent a pump.
unsafe fn pump_of(handle: Handle) -> Rc<Pump> {
    // SAFETY: the caller's contract; the handle's own count stays.
    unsafe {
        let pump = uv_handle_get_data(handle).cast::<Pump>().cast_const();
        Rc::increment_strong_count(pump);
        Rc::from_raw(pump)
    }
}

extern "C" fn on_readable(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls with the handle that was lent a pump.
    let pump = unsafe { pump_of(handle) };
    // A turn that is due is made before the loop sleeps. Two ways into one pass of the loop would
    // be two turns a pass, each of which brings another.
    if !pump.is_due.get() {
        pump.turn();
    }
}

extern "C" fn on_order(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls with the handle that was lent a pump.
    let pump = unsafe { pump_of(handle) };
    if !pump.obey() && !pump.is_closed() {
        // SAFETY: the handle is live and of this kind.
        unsafe { uv_poll_stop(handle) };
    }
    pump.turn();
}

extern "C" fn on_loop(handle: Handle) {
    // SAFETY: libuv calls with the handle that was lent a pump.
    let pump = unsafe { pump_of(handle) };
    if pump.is_due.get() {
        pump.turn();
    }
}

extern "C" fn on_loop_always(handle: Handle) {
    // SAFETY: libuv calls with the handle that was lent a pump.
    let pump = unsafe { pump_of(handle) };
    pump.armed.set(None);
    pump.turn();
}

extern "C" fn on_idle(_: Handle) {}

extern "C" fn on_closed(handle: Handle) {
    // SAFETY: libuv is done with the handle, which holds one count of its pump.
    unsafe {
        drop(Rc::from_raw(
            uv_handle_get_data(handle).cast::<Pump>().cast_const(),
        ));
        free(handle);
    }
}

/// The status of a call of Node's as a result.
pub(crate) fn ok(status: sys::napi_status) -> Result<()> {
    match status {
        sys::Status::napi_ok => Ok(()),
        status => Err(Error::from_reason(format!(
            "Node-API refused: status {status}"
        ))),
    }
}

/// Memory for a handle of a kind.
///
/// # Safety
/// It is initialised before it is used.
unsafe fn handle(kind: c_int) -> Handle {
    // SAFETY: libuv knows the size; zeroed memory asks nothing of anybody.
    unsafe { calloc(1, uv_handle_size(kind)) }
}

type PollCallback = extern "C" fn(Handle, c_int, c_int);
type Callback = extern "C" fn(Handle);

/// Turns per wake-up before the loop's other work gets its own: one, and one for what it brought.
const TURNS_MAX: usize = 4;
const UV_IDLE: c_int = 6;
const UV_POLL: c_int = 8;
const UV_PREPARE: c_int = 9;
const UV_TIMER: c_int = 13;
const UV_READABLE: c_int = 1;

// The node executable exports libuv, so these are found when it loads the addon.
unsafe extern "C" {
    fn uv_handle_size(kind: c_int) -> usize;
    fn uv_handle_set_data(handle: Handle, data: *mut c_void);
    fn uv_handle_get_data(handle: Handle) -> *mut c_void;
    fn uv_poll_init(uv: *mut sys::uv_loop_s, handle: Handle, fd: c_int) -> c_int;
    fn uv_poll_start(handle: Handle, events: c_int, act: PollCallback) -> c_int;
    fn uv_poll_stop(handle: Handle) -> c_int;
    fn uv_prepare_init(uv: *mut sys::uv_loop_s, handle: Handle) -> c_int;
    fn uv_prepare_start(handle: Handle, act: Callback) -> c_int;
    fn uv_idle_init(uv: *mut sys::uv_loop_s, handle: Handle) -> c_int;
    fn uv_idle_start(handle: Handle, act: Callback) -> c_int;
    fn uv_idle_stop(handle: Handle) -> c_int;
    fn uv_timer_init(uv: *mut sys::uv_loop_s, handle: Handle) -> c_int;
    fn uv_timer_start(handle: Handle, act: Callback, after_ms: u64, repeat_ms: u64) -> c_int;
    fn uv_ref(handle: Handle);
    fn uv_unref(handle: Handle);
    fn uv_close(handle: Handle, act: Callback);
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}
