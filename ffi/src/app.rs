//! `spk_app_*`: building an application. Control plane: documents cross once, as JSON.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use spikard_app::App;
use spikard_contract::{
    config::ServerConfig, hook::HooksDocument, route::RouteDocument, status::Status,
};
use spikard_middleware::Plan;
use spikard_middleware::rate::{Memory, Private};

use crate::boundary::{Checked, Failure, boundary, bytes, object, text, write_out};
use crate::field::write_field;

/// An application: its configuration and its routes. Any thread may use it, one at a time is
/// served.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
pub struct spk_app {
    state: Mutex<AppState>,
}

struct AppState {
    app: App,
    config: ServerConfig,
}

impl spk_app {
    fn lock(&self) -> MutexGuard<'_, AppState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> ServerConfig {
        self.lock().config.clone()
    }

    pub(crate) fn set_hooks(&self, hooks: HooksDocument) {
        self.lock().app.set_hooks(hooks);
    }

    /// The application as it stands, compiled; its rate limits count in `memory`.
    pub(crate) fn plan(&self, memory: &dyn Memory) -> Checked<Plan> {
        let state = self.lock();
        let plan = state.app.lower_in(&state.config, memory);
        plan.map_err(|error| Failure::new(Status::ConfigRefused, error.to_string()))
    }
}

/// Writes the function table that the application compiles to: a line for each table of rows, such
/// as `GET /users: body_limit deadline handler | request_id_echo`, in the order in which its stages
/// run. For people and for comparisons; the words are no part of the ABI's promises.
///
/// It is not NUL-terminated, owned by the library, and valid until the next field is written on
/// this thread. Any thread. It blocks while files that the configuration names are read.
///
/// # Safety
/// `app` is a live handle; `tables` and `tables_length` are valid for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_tables(
    app: *const spk_app,
    tables: *mut *const u8,
    tables_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let app = unsafe { object(app, "app")? };
        app.plan(&Private::new()).map(|plan| plan.to_string())
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(tables, tables_length, write) }
}

/// Makes an application without routes and with the default configuration.
///
/// The handle is freed with `spk_app_free`. Any thread. Does not block.
///
/// # Safety
/// `app` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_new(app: *mut *mut spk_app) -> u32 {
    boundary(|| {
        let state = AppState {
            app: App::new(),
            config: ServerConfig::default(),
        };
        let handle = Box::into_raw(Box::new(spk_app {
            state: Mutex::new(state),
        }));
        // SAFETY: the caller's contract.
        unsafe { write_out(app, "app", handle) }.inspect_err(|_| {
            // SAFETY: the handle was made above and given to nobody.
            drop(unsafe { Box::from_raw(handle) });
        })
    })
}

/// Frees an application. NULL is allowed. Workers made from it go on: they hold what they need. Any
/// thread. Does not block. In a forked child nothing is done.
///
/// # Safety
/// `app` came from `spk_app_new`, is not freed yet, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_free(app: *mut spk_app) {
    boundary(|| {
        if !app.is_null() {
            // SAFETY: the caller's contract.
            drop(unsafe { Box::from_raw(app) });
        }
        Ok(())
    });
}

/// Replaces the configuration by a JSON document (`docs/reference/config.md`). All faults are told
/// at once. The document is copied. Any thread. Does not block.
///
/// # Safety
/// `app` is a live handle; `json` is valid for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_configure(
    app: *const spk_app,
    json: *const u8,
    length: usize,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (app, json) = unsafe { (object(app, "app")?, text(json, length, "json")?) };
        app.lock().config = read_config(json)?;
        Ok(())
    })
}

/// Reads a configuration document, and tells one that is no JSON from one that is wrong.
pub(crate) fn read_config(json: &str) -> Checked<ServerConfig> {
    ServerConfig::from_json(json).map_err(|error| {
        let status = match serde_json::from_str::<IgnoredAny>(json) {
            Ok(_) => Status::ConfigRefused,
            Err(_) => Status::InvalidJson,
        };
        Failure::new(status, error.to_string())
    })
}

/// Adds a route, described by a JSON document, which is copied. Workers made before do not have it.
/// Any thread. Does not block.
///
/// # Safety
/// As `spk_app_configure`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_route(app: *const spk_app, json: *const u8, length: usize) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (app, json) = unsafe { (object(app, "app")?, text(json, length, "json")?) };
        let document: RouteDocument = read_document(json, "the route document")?;
        let added = app.lock().app.add_route(document);
        added.map_err(|error| Failure::new(Status::RouteRefused, error.to_string()))
    })
}

/// Judges the body of a route whose document says `host_judges`, once the host's decoder has
/// refused it: the same judgement as the engine's own before a call.
///
/// The document is that of the 422 to answer with, as `spk_problem` takes it, or empty if the
/// route's schema admits the body: then the refusal is the host's alone. It is not NUL-terminated,
/// owned by the library, and valid until the next field is written on this thread. `function` is
/// the `handler` number of the route document. Any thread. Does not block.
///
/// # Safety
/// `app` is a live handle; `body` is valid for `length` bytes; `document` and `document_length` for
/// one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_judge(
    app: *const spk_app,
    function: u32,
    body: *const u8,
    length: usize,
    document: *mut *const u8,
    document_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let (app, body) = unsafe { (object(app, "app")?, bytes(body, length, "body")?) };
        let state = app.lock();
        let problem = state
            .app
            .second_look(function, body, state.config.max_json_depth);
        Ok(problem.map_or_else(String::new, |problem| problem.to_raised()))
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(document, document_length, write) }
}

/// Reads a document about routes, and tells one that is no JSON from one that is wrong.
pub(crate) fn read_document<T: DeserializeOwned>(json: &str, what: &str) -> Checked<T> {
    serde_json::from_str(json).map_err(|error| {
        let status = match error.classify() {
            Category::Data => Status::RouteRefused,
            Category::Io | Category::Syntax | Category::Eof => Status::InvalidJson,
        };
        Failure::new(status, format!("{what}: {error}"))
    })
}
