/* The C ABI of Spikard. docs: ffi/README.md
 * Printed from ffi/src and contract/src/status.rs by ffi/tests/header.rs. Do not edit. */

#ifndef SPIKARD_H
#define SPIKARD_H

#include <stddef.h>
#include <stdint.h>

/*
 * What every `spk_*` function returns. Outputs are untouched unless it is `SPK_OK`.
 */

/**
 * The call did what it says.
 */
#define SPK_OK 0

/**
 * A pointer that must not be NULL was NULL.
 */
#define SPK_NULL_POINTER 1

/**
 * An argument is out of its range, or not UTF-8 where text is asked for.
 */
#define SPK_INVALID_ARGUMENT 2

/**
 * A document is not JSON.
 */
#define SPK_INVALID_JSON 3

/**
 * The configuration has an unknown key or a value out of range; the error text names
 * every fault by JSON pointer.
 */
#define SPK_CONFIG_REFUSED 4

/**
 * A route document is wrong, or contradicts another route.
 */
#define SPK_ROUTE_REFUSED 5

/**
 * A worker was used on another thread than the one that made it.
 */
#define SPK_WRONG_THREAD 6

/**
 * A turn was asked for inside a turn.
 */
#define SPK_REENTERED 7

/**
 * The call id is not, or no longer, under way: its views are gone.
 */
#define SPK_STALE_CALL 8

/**
 * The call has its answer; the second one was dropped.
 */
#define SPK_ALREADY_ANSWERED 9

/**
 * The worker has stopped and takes nothing more.
 */
#define SPK_STOPPED 10

/**
 * The process is a fork of the one that made the worker, and cannot use it.
 */
#define SPK_FORKED 11

/**
 * The engine failed inside; the worker drains and must be replaced.
 */
#define SPK_PANICKED 12

/**
 * Another process listens on this address.
 */
#define SPK_ADDRESS_IN_USE 13

/**
 * The address cannot be listened on; the error text says why.
 */
#define SPK_BIND_FAILED 14

/**
 * The engine that the configuration insists on does not work here.
 */
#define SPK_ENGINE_UNAVAILABLE 15

/**
 * A queue or pool is full; try later.
 */
#define SPK_OVERLOADED 16

/**
 * The event kind, platform or feature is not one this build knows.
 */
#define SPK_UNSUPPORTED 17

/**
 * The reply is not one HTTP can carry (status, header name or header value); the client
 * was answered with 500.
 */
#define SPK_REPLY_REFUSED 18

/**
 * The caller was built against another version of the ABI.
 */
#define SPK_STALE_VERSION 19

/*
 * How a turn ended.
 */

/**
 * Nothing is left to do until the descriptor is readable or the deadline passes.
 */
#define SPK_TURN_IDLE 0

/**
 * The budget is spent and work is left: turn again, behind the host's own ready work.
 */
#define SPK_TURN_MORE 1

/**
 * The worker has stopped and every connection is closed: turn no more.
 */
#define SPK_TURN_DRAINED 2

/*
 * What a host is told. A kind that a host did not declare is never sent to it.
 */

/**
 * A request wants its handler or hooks.
 */
#define SPK_EVENT_CALL 1

/**
 * Bytes of a streamed request body.
 */
#define SPK_EVENT_BODY_CHUNK 2

/**
 * A streamed request body is complete.
 */
#define SPK_EVENT_BODY_END 3

/**
 * A streamed reply takes bytes again.
 */
#define SPK_EVENT_WRITABLE 4

/**
 * A WebSocket is open.
 */
#define SPK_EVENT_WS_OPEN 5

/**
 * A WebSocket message arrived whole.
 */
#define SPK_EVENT_WS_MESSAGE 6

/**
 * A WebSocket is closed.
 */
#define SPK_EVENT_WS_CLOSE 7

/**
 * The client sends no more; the reply is still written.
 */
#define SPK_EVENT_DISCONNECT 8

/**
 * Nobody waits for the answer any more: stop the work if it can be stopped.
 */
#define SPK_EVENT_CANCEL 9

/**
 * An upgraded connection is handed over.
 */
#define SPK_EVENT_UPGRADED 10

/**
 * The reply to a request that the host injected.
 */
#define SPK_EVENT_INJECTED 11

/**
 * A turn takes too long. The one event that comes from another thread, and during a turn;
 * the host must not wait for the worker's thread inside.
 */
#define SPK_EVENT_STALLED 12

/**
 * An exchange whose calls had a number has ended: nothing more will be called for it.
 */
#define SPK_EVENT_ENDED 13

/*
 * What a call is for.
 */

/**
 * The handler of a route, and the hooks around it.
 */
#define SPK_PURPOSE_HANDLER 0

/**
 * The hooks before routing: answered with a reply, or "continue".
 */
#define SPK_PURPOSE_ON_REQUEST 1

/**
 * The hooks before validation: answered with a reply, or "continue".
 */
#define SPK_PURPOSE_PRE_VALIDATION 2

/**
 * The hooks on a reply that a failure made: answered with another reply, or "continue".
 */
#define SPK_PURPOSE_ON_ERROR 3

/*
 * What a host returns from `SPK_EVENT_CALL`.
 */

/**
 * The call is answered.
 */
#define SPK_OUTCOME_DONE 0

/**
 * The answer comes later, from any thread.
 */
#define SPK_OUTCOME_LATER 1

/**
 * Hooks ran and gave no reply: the request goes on.
 */
#define SPK_OUTCOME_CONTINUE 2

/**
 * The host failed and could not answer: the reply is 500.
 */
#define SPK_OUTCOME_FAILED 3


/**
 * Version of the ABI: a host built against another one is refused.
 */
#define SPK_ABI_VERSION 1

/**
 * Not in the request, and without a default of the engine's.
 */
#define SPK_ARGUMENT_ABSENT 0

/**
 * JSON `null`.
 */
#define SPK_ARGUMENT_NULL 1

/**
 * The boolean `false`.
 */
#define SPK_ARGUMENT_FALSE 2

/**
 * The boolean `true`.
 */
#define SPK_ARGUMENT_TRUE 3

/**
 * An integer.
 */
#define SPK_ARGUMENT_INTEGER 4

/**
 * A finite number.
 */
#define SPK_ARGUMENT_FLOAT 5

/**
 * Text, in UTF-8.
 */
#define SPK_ARGUMENT_STRING 6

/**
 * A JSON document.
 */
#define SPK_ARGUMENT_JSON 7

/**
 * As many of the following arguments as its length says are its items.
 */
#define SPK_ARGUMENT_LIST 8

/**
 * Run the function now, on this thread.
 */
#define SPK_INLINE 0

/**
 * Run the function on the host's thread pool.
 */
#define SPK_POOL 1

/**
 * The client speaks HTTP without encryption.
 */
#define SPK_HTTP 0

/**
 * The client speaks HTTPS, with a proxy that is trusted.
 */
#define SPK_HTTPS 1

/**
 * Hooks ran and gave no reply: the request goes on, or the reply that they were shown stands.
 */
#define SPK_ANSWER_CONTINUE 0

/**
 * The answer is `reply`.
 */
#define SPK_ANSWER_REPLY 1

/**
 * The answer is the problem document that `problem` describes; it is a failure's.
 */
#define SPK_ANSWER_PROBLEM 2

/**
 * A function failed: 500, without a word of why; it is a failure's.
 */
#define SPK_ANSWER_FAIL 3

/**
 * No further hook sees the reply.
 */
#define SPK_ANSWER_FINAL 1

/**
 * A failure made the reply: hooks on errors see it.
 */
#define SPK_ANSWER_FAILURE 2

/**
 * One field in place of all of its name.
 */
#define SPK_EDIT_SET 0

/**
 * One more field.
 */
#define SPK_EDIT_ADD 1

/**
 * No field of this name.
 */
#define SPK_EDIT_REMOVE 2

/**
 * The order of a worker's parent: none yet.
 */
#define SPK_ORDER_NONE 0

/**
 * Drain, then exit with 0.
 */
#define SPK_ORDER_STOP 1

/**
 * Exit at once.
 */
#define SPK_ORDER_FORCE 2

/**
 * The parent is gone: drain, then exit; stop watching the control descriptor.
 */
#define SPK_ORDER_PARENT_GONE 3

/**
 * A successor is there: drain, wait for idle clients, then exit with 0.
 */
#define SPK_ORDER_LEAVE 4

/**
 * Accept for a sibling as well.
 */
#define SPK_ORDER_ADOPT 5

/**
 * Accept for that sibling no more.
 */
#define SPK_ORDER_RELEASE 6

/**
 * Show why the latest version of the program does not start.
 */
#define SPK_ORDER_BROKEN 7

/**
 * The latest version of the program starts again.
 */
#define SPK_ORDER_MENDED 8

/**
 * The content is at `start` of the call's `upload_bytes`.
 */
#define SPK_UPLOAD_MEMORY 0

/**
 * The content is at offset `start` of the file `upload_descriptor`.
 */
#define SPK_UPLOAD_SPOOL 1

/**
 * The content was not kept. No call sees this: such a request is refused.
 */
#define SPK_UPLOAD_DROPPED 2

/**
 * Told as the next deadline when there is none.
 */
#define SPK_NO_DEADLINE UINT64_MAX

/**
 * An application: its configuration and its routes. Any thread may use it, one at a time is
 * served.
 */
typedef struct spk_app spk_app;

/**
 * What a worker process got from its parent. Used on one thread; freed with `spk_inherited_free`.
 */
typedef struct spk_inherited spk_inherited;

/**
 * Where a host answers. Any thread may use it, also after its worker has ended. Freed with
 * `spk_port_free`.
 */
typedef struct spk_port spk_port;

/**
 * A worker. Made, turned and freed on one thread; `spk_worker_stop` and `spk_worker_port` may come
 * from any.
 */
typedef struct spk_worker spk_worker;

/**
 * `length` bytes at `bytes`; NULL is allowed for none. Not NUL-terminated.
 */
typedef struct spk_text {
    /**
     * The first byte.
     */
    const uint8_t *bytes;
    /**
     * How many there are.
     */
    size_t length;
} spk_text;

/**
 * One header field of a reply.
 */
typedef struct spk_pair {
    /**
     * A token (RFC 9110 §5.6.2); lower case by convention.
     */
    struct spk_text name;
    /**
     * Without CR, LF, NUL or other controls (RFC 9110 §5.5).
     */
    struct spk_text value;
} spk_pair;

/**
 * What a call on a thread pool took. It lets the engine promote functions that never wait.
 */
typedef struct spk_pool_run {
    /**
     * Wall time of the function itself, in nanoseconds.
     */
    uint64_t wall_ns;
    /**
     * Context switches of its thread meanwhile, wanted or not (`RUSAGE_THREAD`).
     */
    uint64_t waits;
} spk_pool_run;

/**
 * A reply. The engine copies what it needs before the function returns.
 */
typedef struct spk_reply_view {
    /**
     * Size of this struct, so that it can grow.
     */
    uint32_t size;
    /**
     * HTTP status, 200 to 599.
     */
    uint32_t status;
    /**
     * Media type of the body; of length 0 for none.
     */
    struct spk_text content_type;
    /**
     * Further header fields, in order. Framing is the engine's: a reply with `connection`,
     * `keep-alive` or `transfer-encoding`, or with a `content-length` that is not the body's, is
     * answered with 500. A reply to HEAD without a body may say the length that GET would have.
     */
    const struct spk_pair *fields;
    /**
     * How many fields.
     */
    size_t field_count;
    /**
     * The body, whole.
     */
    struct spk_text body;
    /**
     * What the call took on a thread pool; NULL if it ran inline.
     */
    const struct spk_pool_run *pool_run;
} spk_reply_view;

/**
 * One change of a request's header fields.
 */
typedef struct spk_edit {
    /**
     * An `SPK_EDIT_*` number.
     */
    uint32_t kind;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * A token (RFC 9110 §5.6.2), in any letter case; not one of framing, and not `host`.
     */
    struct spk_text name;
    /**
     * The value; without meaning for `SPK_EDIT_REMOVE`.
     */
    struct spk_text value;
} spk_edit;

/**
 * The answer to a call in which hooks ran.
 */
typedef struct spk_answer_view {
    /**
     * Size of this struct, so that it can grow.
     */
    uint32_t size;
    /**
     * An `SPK_ANSWER_*` number: continue, reply, problem or fail.
     */
    uint32_t kind;
    /**
     * `SPK_ANSWER_FINAL`, `SPK_ANSWER_FAILURE`, or both.
     */
    uint32_t flags;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * For `SPK_ANSWER_REPLY`; its `pool_run` is not read.
     */
    const struct spk_reply_view *reply;
    /**
     * For `SPK_ANSWER_PROBLEM`: JSON as for `spk_problem`. For `SPK_ANSWER_FAIL`: a trace as for
     * `spk_fail`, of length 0 for none.
     */
    struct spk_text text;
    /**
     * What hooks changed of the request, in order. An `x-request-id` that is sane renames it.
     */
    const struct spk_edit *edits;
    /**
     * How many changes.
     */
    size_t edit_count;
    /**
     * What the call took on a thread pool; NULL if it ran inline.
     */
    const struct spk_pool_run *pool_run;
} spk_answer_view;

/**
 * What a host gives the engine. Copied when a worker is made. `userdata` must outlive the worker,
 * and those answers by its ports that began before it was freed: `wake` is called inside them.
 */
typedef struct spk_host {
    /**
     * Size of this struct, so that it can grow.
     */
    uint32_t size;
    /**
     * `SPK_ABI_VERSION` of the header the host was built with.
     */
    uint32_t version;
    /**
     * The event kinds the host takes: bit N is kind N. `SPK_EVENT_CALL` is required.
     */
    uint64_t kinds;
    /**
     * Handed back with every event.
     */
    void *userdata;
    /**
     * Receives an event, on the thread that turns the worker (`SPK_EVENT_STALLED` on another).
     * `payload` depends on the kind: a `const spk_call *` for `SPK_EVENT_CALL`, a
     * `const spk_injected *` for `SPK_EVENT_INJECTED`, a `const spk_stall *` for
     * `SPK_EVENT_STALLED`, else NULL. Returns an outcome number for `SPK_EVENT_CALL`, which must
     * be answered exactly once: inside (`SPK_OUTCOME_DONE`) or later, by its id, from any thread
     * (`SPK_OUTCOME_LATER`). Must not unwind.
     */
    uint32_t (*event)(void *userdata, uint32_t kind, uint64_t call, const void *payload);
    /**
     * Told that a turn is wanted soon, because something was answered outside one. Called on the
     * thread that answered. May be NULL if the host turns by itself.
     */
    void (*wake)(void *userdata);
    /**
     * Receives a log line: a level (1 error, 2 warn, 3 info, 4 debug, 5 a line of the access log)
     * and UTF-8 text, on any thread. May be NULL.
     */
    void (*log)(void *userdata, uint32_t level, const uint8_t *text, size_t length);
} spk_host;

/**
 * Receives a log line of the parent: level, UTF-8 text. May be NULL.
 */
typedef void (*spk_log)(void *userdata, uint32_t level, const uint8_t *text, size_t length);

/**
 * What a worker holds at one moment.
 */
typedef struct spk_stats {
    /**
     * Open connections.
     */
    uint64_t connections;
    /**
     * Calls at the host, orphans included.
     */
    uint64_t in_flight;
    /**
     * Calls at the host whose client has gone.
     */
    uint64_t orphans;
} spk_stats;

/**
 * `length` bytes of a request head, from `start`.
 */
typedef struct spk_span {
    /**
     * Offset of the first byte in the head.
     */
    uint32_t start;
    /**
     * How many bytes.
     */
    uint32_t length;
} spk_span;

/**
 * One header field of a request head.
 */
typedef struct spk_field {
    /**
     * Its name, as sent.
     */
    struct spk_span name;
    /**
     * Its value, without the white space around it.
     */
    struct spk_span value;
} spk_field;

/**
 * One value for the host function, in the order of the route's parameters. A list is followed by
 * its items.
 */
typedef struct spk_argument {
    /**
     * An `SPK_ARGUMENT_*` number.
     */
    uint32_t kind;
    /**
     * Bytes of the text, or items of the list.
     */
    uint32_t length;
    /**
     * Offset of the text in `argument_text`, an `int64_t`, or the bits of a `double`.
     */
    uint64_t bits;
} spk_argument;

/**
 * One file of a multipart form (RFC 7578). The spans are of the call's `upload_text`.
 */
typedef struct spk_upload {
    /**
     * The name of its part.
     */
    struct spk_span name;
    /**
     * Its filename as sent, which may be any path: never open it.
     */
    struct spk_span filename;
    /**
     * Its content type as sent. Of length 0 if there is none.
     */
    struct spk_span content_type;
    /**
     * The header fields of its part, each as `name: value` and a line feed, names in lower case.
     */
    struct spk_span headers;
    /**
     * Where its content begins, in bytes.
     */
    uint64_t start;
    /**
     * How many bytes it has.
     */
    uint64_t size;
    /**
     * An `SPK_UPLOAD_*` number: what `start` is an offset in.
     */
    uint32_t keeping;
    /**
     * Always 0.
     */
    uint32_t reserved;
} spk_upload;

/**
 * The reply that hooks on errors are shown. What it points to stays as that of its call does.
 */
typedef struct spk_made {
    /**
     * HTTP status; 0 if there is no reply to show.
     */
    uint32_t status;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * The text that the spans of `fields` lie in.
     */
    struct spk_text field_text;
    /**
     * The header fields, in order: spans of `field_text`.
     */
    const struct spk_field *fields;
    /**
     * How many fields.
     */
    size_t field_count;
    /**
     * The body, whole.
     */
    struct spk_text body;
} spk_made;

/**
 * One call to a host function. Everything it points to is read-only and stays where it is until
 * the call is answered, on whatever thread; then it is gone. Copy what must live longer.
 */
typedef struct spk_call {
    /**
     * Size of this struct, so that it can grow.
     */
    uint32_t size;
    /**
     * The `handler` number of the route document.
     */
    uint32_t function;
    /**
     * `SPK_INLINE` or `SPK_POOL`: where to run it.
     */
    uint32_t placement;
    /**
     * HTTP minor version: 0 or 1.
     */
    uint32_t version_minor;
    /**
     * The request head, as received.
     */
    struct spk_text head;
    /**
     * The header fields: spans of `head`.
     */
    const struct spk_field *fields;
    /**
     * How many fields.
     */
    size_t field_count;
    /**
     * The method: a span of `head`.
     */
    struct spk_span method;
    /**
     * The request target: a span of `head`.
     */
    struct spk_span target;
    /**
     * The path, still percent-encoded: a span of `head`.
     */
    struct spk_span path;
    /**
     * The query without its `?`, still percent-encoded: a span of `head`. Of length 0 if absent.
     */
    struct spk_span query;
    /**
     * The typed values, in the order of the route's parameters.
     */
    const struct spk_argument *arguments;
    /**
     * How many entries, the items of lists included.
     */
    size_t argument_count;
    /**
     * The text of string arguments.
     */
    struct spk_text argument_text;
    /**
     * The body, whole and untouched; of a form, its fields as a JSON object. Empty if there is
     * none.
     */
    struct spk_text body;
    /**
     * The id of the exchange. Empty if ids are off.
     */
    struct spk_text request_id;
    /**
     * The pattern of the route.
     */
    struct spk_text route;
    /**
     * The client's address: 16 bytes of IPv6, or of IPv4 mapped into it. All zero in process.
     */
    uint8_t client_address[16];
    /**
     * The client's port; 0 in process.
     */
    uint32_t client_port;
    /**
     * 1 if the request declares a body other than one of length 0, or is a form without fields.
     */
    uint32_t has_body;
    /**
     * The files that came with a form.
     */
    const struct spk_upload *uploads;
    /**
     * How many files.
     */
    size_t upload_count;
    /**
     * The text that the spans of `uploads` lie in, in UTF-8.
     */
    struct spk_text upload_text;
    /**
     * The content of the files that are in memory.
     */
    struct spk_text upload_bytes;
    /**
     * The file of all content that is not in memory, readable at offsets; -1 if there is none. It
     * is closed with the answer: duplicate what must live longer.
     */
    int32_t upload_descriptor;
    /**
     * An `SPK_PURPOSE_*` number: what it is for, which says what may answer it.
     */
    uint32_t purpose;
    /**
     * Names the exchange to all calls of it, until `SPK_EVENT_ENDED` comes with this number. 0 in
     * an application without hooks.
     */
    uint64_t exchange;
    /**
     * The reply that hooks on errors are shown; of status 0 in other calls.
     */
    struct spk_made made;
    /**
     * The claims of the token that the request was let in by: a JSON object. Empty without one.
     */
    struct spk_text claims;
    /**
     * `SPK_HTTP` or `SPK_HTTPS`: how the client came, as trusted proxies say.
     */
    uint32_t scheme;
} spk_call;

/**
 * The payload of `SPK_EVENT_INJECTED`: the whole reply to an injected request, as it would be on
 * the wire. Valid during the event.
 */
typedef struct spk_injected {
    /**
     * Size of this struct, so that it can grow.
     */
    uint32_t size;
    /**
     * Always 0.
     */
    uint32_t reserved;
    /**
     * The bytes: interim replies, head and body.
     */
    struct spk_text reply;
} spk_injected;

/**
 * The payload of `SPK_EVENT_STALLED`. It lives during the event.
 */
typedef struct spk_stall {
    /**
     * Size of this struct, so that it can grow.
     */
    uint32_t size;
    /**
     * For how long the turn has lasted, in milliseconds.
     */
    uint32_t for_ms;
    /**
     * Name of the function that holds the worker; of length 0 if none of the host's does.
     */
    struct spk_text name;
    /**
     * Pattern of its route; of length 0 with `name`.
     */
    struct spk_text route;
} spk_stall;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the ABI that this library speaks. Any thread. Does not block.
 */
uint32_t spk_abi_version(void);

/**
 * Writes the function table that the application compiles to: a line for each table of rows, such
 * as `GET /users: body_limit deadline handler | request_id_echo`, in the order in which its stages
 * run. For people and for comparisons; the words are no part of the ABI's promises.
 *
 * It is not NUL-terminated, owned by the library, and valid until the next field is written on
 * this thread. Any thread. It blocks while files that the configuration names are read.
 *
 * The caller owes:
 * `app` is a live handle; `tables` and `tables_length` are valid for one write each.
 */
uint32_t spk_app_tables(const struct spk_app *app, const uint8_t **tables, size_t *tables_length);

/**
 * Makes an application without routes and with the default configuration.
 *
 * The handle is freed with `spk_app_free`. Any thread. Does not block.
 *
 * The caller owes:
 * `app` is valid for one write.
 */
uint32_t spk_app_new(struct spk_app **app);

/**
 * Frees an application. NULL is allowed. Workers made from it go on: they hold what they need. Any
 * thread. Does not block. In a forked child nothing is done.
 *
 * The caller owes:
 * `app` came from `spk_app_new`, is not freed yet, and no other call uses it.
 */
void spk_app_free(struct spk_app *app);

/**
 * Replaces the configuration by a JSON document (`docs/reference/config.md`). All faults are told
 * at once. The document is copied. Any thread. Does not block.
 *
 * The caller owes:
 * `app` is a live handle; `json` is valid for `length` bytes.
 */
uint32_t spk_app_configure(const struct spk_app *app, const uint8_t *json, size_t length);

/**
 * Adds a route, described by a JSON document, which is copied. Workers made before do not have it.
 * Any thread. Does not block.
 *
 * The caller owes:
 * As `spk_app_configure`.
 */
uint32_t spk_app_route(const struct spk_app *app, const uint8_t *json, size_t length);

/**
 * Judges the body of a route whose document says `host_judges`, once the host's decoder has
 * refused it: the same judgement as the engine's own before a call.
 *
 * The document is that of the 422 to answer with, as `spk_problem` takes it, or empty if the
 * route's schema admits the body: then the refusal is the host's alone. It is not NUL-terminated,
 * owned by the library, and valid until the next field is written on this thread. `function` is
 * the `handler` number of the route document. Any thread. Does not block.
 *
 * The caller owes:
 * `app` is a live handle; `body` is valid for `length` bytes; `document` and `document_length` for
 * one write each.
 */
uint32_t spk_app_judge(const struct spk_app *app,
                       uint32_t function,
                       const uint8_t *body,
                       size_t length,
                       const uint8_t **document,
                       size_t *document_length);

/**
 * Why the last call on this thread that failed did so.
 *
 * The text is UTF-8, not NUL-terminated, owned by the library, and valid until the next failing
 * call on this thread. Any thread, also in a forked child. Does not block.
 *
 * The caller owes:
 * `text` and `length` are valid for one write each.
 */
uint32_t spk_last_error(const uint8_t **text, size_t *length);

/**
 * The name of a status number, such as `SPK_STALE_CALL`; empty for a number this build does not
 * know. The text is static. Any thread. Does not block.
 *
 * The caller owes:
 * `text` and `length` are valid for one write each.
 */
uint32_t spk_status_name(uint32_t status, const uint8_t **text, size_t *length);

/**
 * Finds the next cookie of a `Cookie` header value (RFC 6265 §5.4), from `*offset` on, and moves
 * `*offset` behind it. `found` becomes 0 at the end, and the others stay as they are. The views
 * point into `header`, and live as long as it. Any thread. Does not block.
 *
 * The caller owes:
 * `header` is valid for `length` bytes; the other pointers are valid for reads and writes.
 */
uint32_t spk_cookie_next(const uint8_t *header,
                         size_t length,
                         size_t *offset,
                         struct spk_text *name,
                         struct spk_text *value,
                         uint32_t *found);

/**
 * Writes a cookie as the value of a `Set-Cookie` field (RFC 6265bis §4.1), or refuses one that
 * browsers would drop.
 *
 * `json` is an object with `name`, and optionally `value`, `expires` (Unix seconds), `max_age`
 * (seconds), `domain`, `path`, `secure`, `http_only`, `same_site` (`strict`, `lax`, `none`),
 * `partitioned`, and `ends`: true for a cookie that is to end. Fails with `SPK_INVALID_JSON` or
 * `SPK_INVALID_ARGUMENT`; `spk_last_error` says why in words for the application's author.
 *
 * The field is ASCII, not NUL-terminated, owned by the library, and valid until the next field is
 * written on this thread. Any thread. Does not block.
 *
 * The caller owes:
 * `json` is valid for `length` bytes; `field` and `field_length` for one write each.
 */
uint32_t spk_set_cookie(const uint8_t *json,
                        size_t length,
                        const uint8_t **field,
                        size_t *field_length);

/**
 * Writes the value of an `ETag` field (RFC 9110 §8.8.3): the text in quotes, and `W/` before it if
 * `weak` is not 0.
 *
 * The text is bare: visible ASCII without quotes. Fails with `SPK_INVALID_ARGUMENT` for any other.
 *
 * The field is ASCII, not NUL-terminated, owned by the library, and valid until the next field is
 * written on this thread. Any thread. Does not block.
 *
 * The caller owes:
 * `opaque` is valid for `length` bytes; `field` and `field_length` for one write each.
 */
uint32_t spk_etag(const uint8_t *opaque,
                  size_t length,
                  uint32_t weak,
                  const uint8_t **field,
                  size_t *field_length);

/**
 * Writes the value of an `ETag` field that names these bytes: equal bytes have equal tags, in
 * every process and on every machine. With `weak` as in `spk_etag`.
 *
 * The field is as of `spk_etag`. Any thread. Does not block.
 *
 * The caller owes:
 * `content` is valid for `length` bytes; `field` and `field_length` for one write each.
 */
uint32_t spk_etag_of(const uint8_t *content,
                     size_t length,
                     uint32_t weak,
                     const uint8_t **field,
                     size_t *field_length);

/**
 * Checks a redirect before it is a reply: a status of 301, 302, 303, 307 or 308, and a location of
 * visible ASCII that is not empty. Fails with `SPK_INVALID_ARGUMENT`; `spk_last_error` says why in
 * words for the application's author.
 *
 * Any thread. Does not block.
 *
 * The caller owes:
 * `location` is valid for `length` bytes.
 */
uint32_t spk_check_redirect(uint64_t status, const uint8_t *location, size_t length);

/**
 * Reads a whole body as a form: url-encoded or multipart, as `content_type` says, within the
 * limits of the application's configuration. An empty body is a form without fields.
 *
 * The document is a JSON object. Of a form: `fields`, an object, every value of which is text, a
 * list or an object of these; and `files`, a list of objects with `name`, `filename`,
 * `content_type` (or null), `headers` (each as `name: value` and a line feed), and `start` and
 * `size`, which say where in `body` the content is. Of a body that is to be refused: `problem`,
 * the problem document that the engine answers where a route declares a form.
 *
 * It is not NUL-terminated, owned by the library, and valid until the next field is written on
 * this thread. Any thread. Does not block.
 *
 * The caller owes:
 * `app` is a live handle; `content_type` and `body` are valid for their lengths, and
 * `content_type` is NULL if there is none; `document` and `document_length` for one write each.
 */
uint32_t spk_form_read(const struct spk_app *app,
                       const uint8_t *content_type,
                       size_t content_type_length,
                       const uint8_t *body,
                       size_t body_length,
                       const uint8_t **document,
                       size_t *document_length);

/**
 * Says which hooks an application has, by a JSON document (`contract/src/hook.rs`), which is
 * copied and replaces the last. Workers made before do not have them. A host that has hooks takes
 * `SPK_EVENT_ENDED`. Any thread. Does not block.
 *
 * The caller owes:
 * As `spk_app_configure`.
 */
uint32_t spk_app_hooks(const struct spk_app *app, const uint8_t *json, size_t length);

/**
 * Answers a call in which hooks ran.
 *
 * A change that cannot be made is a hook that failed: 500 in place of the answer, and the log says
 * why. "Continue" in answer to a call for a handler is a 500 as well. Else as `spk_reply`.
 *
 * Everything is copied: the caller keeps what it passes. Any thread. Does not block.
 *
 * The caller owes:
 * `port` is a live handle; `answer` and all it points to are valid for reads.
 */
uint32_t spk_answer(const struct spk_port *port,
                    uint64_t call,
                    const struct spk_answer_view *answer);

/**
 * Whether a text may name a request: then an `x-request-id` that a hook sets renames it. Fails
 * with `SPK_INVALID_ARGUMENT` otherwise. Any thread. Does not block.
 *
 * The caller owes:
 * `id` is valid for `length` bytes.
 */
uint32_t spk_check_request_id(const uint8_t *id, size_t length);

/**
 * Frees a port. NULL is allowed. Any thread. Does not block. In a forked child nothing is done.
 *
 * The caller owes:
 * `port` came from this library, is not freed yet, and no other call uses it.
 */
void spk_port_free(struct spk_port *port);

/**
 * Judges a whole body as JSON text, as the engine does before a call where a route declares its
 * body: syntax, UTF-8, duplicate keys, and nesting within the configuration's `max_json_depth`.
 *
 * The document is that of the 400 which the engine answers there, or empty if the text is sound.
 *
 * It is not NUL-terminated, owned by the library, and valid until the next field is written on
 * this thread. Any thread. Does not block.
 *
 * The caller owes:
 * `app` is a live handle; `body` is valid for `length` bytes; `document` and `document_length` for
 * one write each.
 */
uint32_t spk_json_check(const struct spk_app *app,
                        const uint8_t *body,
                        size_t length,
                        const uint8_t **document,
                        size_t *document_length);

/**
 * Answers a call.
 *
 * A reply that HTTP cannot carry, or with a pointer in it that is NULL, is answered with 500 in
 * its place, and told: `SPK_REPLY_REFUSED`, `SPK_NULL_POINTER`. So is, without being told, one
 * with a field of framing that is not the engine's own word. The log names what was refused, its
 * route and its request. A body that the status has no place for (204, 205, 304) is left out and
 * logged. With any other failure the call is
 * as it was. A second answer is dropped: `SPK_ALREADY_ANSWERED`, or `SPK_STALE_CALL` once the
 * engine has moved on. After it the views of the call are gone.
 *
 * Everything is copied: the caller keeps what it passes. Any thread. Does not block.
 *
 * The caller owes:
 * `port` is a live handle; `reply` and all it points to are valid for reads.
 */
uint32_t spk_reply(const struct spk_port *port, uint64_t call, const struct spk_reply_view *reply);

/**
 * Answers a call with a problem document (RFC 9457).
 *
 * `json` is an object with `status`, and optionally `title`, `detail`, `type`, `headers` (a list
 * of `[name, value]`) and `extensions` (an object). One that is not is answered with 500 in its
 * place, and told: `SPK_INVALID_JSON`, `SPK_REPLY_REFUSED`. Else as `spk_reply`.
 *
 * Everything is copied: the caller keeps what it passes. Any thread. Does not block.
 *
 * The caller owes:
 * `port` is a live handle; `json` is valid for `length` bytes; `pool_run` is NULL or valid.
 */
uint32_t spk_problem(const struct spk_port *port,
                     uint64_t call,
                     const uint8_t *json,
                     size_t length,
                     const struct spk_pool_run *pool_run);

/**
 * Answers a call whose function failed: 500, without a word of why.
 *
 * `trace` is how it failed, in lines for its author, NULL for none: the client is shown it in
 * development mode (setting: `dev`) and never else.
 *
 * Else as `spk_reply`. Any thread. Does not block. The caller keeps what it passes.
 *
 * The caller owes:
 * `port` is a live handle; `trace` is valid for `length` bytes; `pool_run` is NULL or valid.
 */
uint32_t spk_fail(const struct spk_port *port,
                  uint64_t call,
                  const uint8_t *trace,
                  size_t length,
                  const struct spk_pool_run *pool_run);

/**
 * Listens on `host:port` with `count` sockets that share the address, one per worker.
 *
 * First the address is probed, so that a taken port is `SPK_ADDRESS_IN_USE` and not a silent share
 * of its connections. `port` 0 takes any free one; `bound_port` tells which. The descriptors are
 * the caller's to close, or to give to `spk_worker_new`. Any thread. Blocks while it resolves a
 * name.
 *
 * The caller owes:
 * `host` is valid for `host_length` bytes, `fds` for `count` writes, `bound_port` for one.
 */
uint32_t spk_listen(const uint8_t *host,
                    size_t host_length,
                    uint32_t port,
                    uint32_t count,
                    uint32_t backlog,
                    int32_t *fds,
                    uint32_t *bound_port);

/**
 * Listens as configured with `count` sockets, one per worker: on `fd` or `uds` where one of them
 * is set, else on what systemd passed, else on `host` and `port`.
 *
 * `bound_port` is 0 for a unix socket, whose file stays when the server ends; the next one removes
 * it. The descriptors are the caller's, as with `spk_listen`. Any thread. Blocks while it resolves
 * a name.
 *
 * The caller owes:
 * `config` is valid for `config_length` bytes, `fds` for `count` writes, `bound_port` for one.
 */
uint32_t spk_listen_configured(const uint8_t *config,
                               size_t config_length,
                               uint32_t count,
                               int32_t *fds,
                               uint32_t *bound_port);

/**
 * Makes a worker that accepts from `listener_fd`, which it owns from now on, also on failure
 * (except in a forked child, where nothing is done).
 *
 * Any thread; it becomes the worker's, which turns it and frees it with `spk_worker_free`. Does
 * not block. `SPK_REENTERED` inside a turn of another worker with sockets. `host` is copied.
 *
 * The caller owes:
 * `app` is a live handle; `host` is valid for reads; `listener_fd` is a listening socket that
 * nothing else uses; `worker` is valid for one write.
 */
uint32_t spk_worker_new(const struct spk_app *app,
                        const struct spk_host *host,
                        int32_t listener_fd,
                        struct spk_worker **worker);

/**
 * The descriptor that becomes readable when a turn is due. It stays the worker's: watch it, do not
 * read or close it. The worker's thread, outside turns. Does not block.
 *
 * The caller owes:
 * `worker` is a live handle; `fd` is valid for one write.
 */
uint32_t spk_worker_fd(const struct spk_worker *worker, int32_t *fd);

/**
 * Which engine runs the worker, and why: `io_uring`, or `epoll (io_uring is refused here: ...)`.
 * The text is valid as long as the worker. The worker's thread, outside turns. Does not block.
 *
 * The caller owes:
 * `worker` is a live handle; `engine` is valid for one write.
 */
uint32_t spk_worker_engine(const struct spk_worker *worker, struct spk_text *engine);

/**
 * Turns until the worker is drained, and sleeps in between: for programs that give it a thread.
 * The worker's thread, outside turns. Blocks until `spk_worker_stop` comes, from another thread or
 * from inside an event.
 *
 * The caller owes:
 * `worker` is a live handle.
 */
uint32_t spk_worker_run(const struct spk_worker *worker);

/**
 * Orders a worker to drain: accept no more, finish what is in flight, close what is idle. With
 * `force` it closes everything at once. Any thread, while the worker lives; not a signal handler.
 * Does not block. If it comes on the worker's own thread, a turn must follow; else the descriptor
 * sees to that.
 *
 * The caller owes:
 * `worker` is a live handle.
 */
uint32_t spk_worker_stop(const struct spk_worker *worker, uint32_t force);

/**
 * Runs the server as its parent process: listens, starts one process of `command` per worker and
 * replaces those that die, until it is stopped by SIGINT or SIGTERM; SIGHUP restarts the workers
 * one by one, without a gap. `exit_code` is what the
 * process shall exit with: 0 drained, 1 cut short, 2 refused (port taken), 3 a worker did not
 * start, 130 or 143 forced.
 *
 * The main thread, while there is no other. Blocks for the life of the server; log lines come on
 * this thread. The caller keeps what it passes.
 *
 * The caller owes:
 * `config` is valid for `config_length` bytes; `command` for `command_length` reads, and each text
 * for its length; `log` is NULL or callable with `userdata`; `exit_code` is valid for one write.
 */
uint32_t spk_supervise(const uint8_t *config,
                       size_t config_length,
                       const struct spk_text *command,
                       size_t command_length,
                       spk_log log,
                       void *userdata,
                       int32_t *exit_code);

/**
 * Takes over what the parent left for this process, if it is a worker: `inherited` is NULL if not.
 * Call it first thing, while nothing else uses the environment; it removes its variable.
 *
 * The handle is freed with `spk_inherited_free`, and used by one thread at a time. The main
 * thread, while there is no other. Does not block.
 *
 * The caller owes:
 * `inherited` is valid for one write.
 */
uint32_t spk_inherit(struct spk_inherited **inherited_out);

/**
 * This worker's number from 0, how many there are, and the descriptor of the parent's orders,
 * which is readable when `spk_inherited_obey` has one. The descriptor stays the handle's. One
 * thread at a time. Does not block.
 *
 * The caller owes:
 * `inherited` is a live handle; the outputs are valid for one write each.
 */
uint32_t spk_inherited_place(const struct spk_inherited *inherited,
                             uint32_t *worker,
                             uint32_t *workers,
                             int32_t *control_fd);

/**
 * A descriptor of this worker's listener, which is the caller's: give it to `spk_worker_new`. One
 * thread at a time. Does not block.
 *
 * The caller owes:
 * `inherited` is a live handle; `fd` is valid for one write.
 */
uint32_t spk_inherited_listener(const struct spk_inherited *inherited, int32_t *fd);

/**
 * Tells the parent that this worker accepts connections, and on which engine. One thread at a
 * time. Does not block.
 *
 * The caller owes:
 * `inherited` is a live handle; `engine` is valid for `length` bytes.
 */
uint32_t spk_inherited_ready(const struct spk_inherited *inherited,
                             const uint8_t *engine,
                             size_t length);

/**
 * Reads the parent's next order, an `SPK_ORDER_*` number, and has `worker` follow it. Call it
 * until there is none. Any thread, one at a time. Does not block. If it comes on the worker's own
 * thread, a turn must follow.
 *
 * The caller owes:
 * `inherited` and `worker` are live handles; `order` is valid for one write.
 */
uint32_t spk_inherited_obey(const struct spk_inherited *inherited,
                            const struct spk_worker *worker,
                            uint32_t *order);

/**
 * Frees what was inherited. NULL is allowed. The parent can only kill this worker afterwards. One
 * thread at a time. Does not block. In a forked child nothing is done.
 *
 * The caller owes:
 * `inherited` came from `spk_inherit`, is not freed yet, and no other call uses it.
 */
void spk_inherited_free(struct spk_inherited *inherited);

/**
 * Makes a worker without sockets: requests come by `spk_inject`. For test clients, and for places
 * that have no sockets. The host must take `SPK_EVENT_INJECTED`.
 *
 * Any thread; it becomes the worker's, which turns it and frees it with `spk_worker_free`. Does
 * not block. `host` is copied.
 *
 * The caller owes:
 * `app` is a live handle; `host` is valid for reads; `worker` is valid for one write.
 */
uint32_t spk_worker_new_in_process(const struct spk_app *app,
                                   const struct spk_host *host,
                                   struct spk_worker **worker);

/**
 * Does all that is due: I/O, host calls (as events, inside this function), timers. Waits for
 * nothing.
 *
 * `turn` tells what is next: `SPK_TURN_IDLE` (wait for the descriptor), `SPK_TURN_MORE` (turn
 * again soon, behind other ready work), `SPK_TURN_DRAINED` (stopped, all is closed).
 * `next_deadline_ms` tells after how many milliseconds to turn although the descriptor is not
 * readable, or `SPK_NO_DEADLINE`. The worker's thread. Does not block. `SPK_REENTERED` inside a
 * turn.
 *
 * The caller owes:
 * `worker` is a live handle; the outputs are valid for one write each.
 */
uint32_t spk_worker_turn(const struct spk_worker *worker,
                         uint32_t *turn,
                         uint64_t *next_deadline_ms);

/**
 * Begins a request in process: `request` is a whole HTTP/1.1 request, and is copied. Its reply
 * comes as `SPK_EVENT_INJECTED` with `token` as the call, in a turn. The worker's thread, also
 * inside a turn. Does not block.
 *
 * The caller owes:
 * `worker` is a live handle; `request` is valid for `length` bytes.
 */
uint32_t spk_inject(const struct spk_worker *worker,
                    uint64_t token,
                    const uint8_t *request,
                    size_t length);

/**
 * The port by which calls of this worker are answered. Each call makes a new one, which is freed
 * with `spk_port_free`, before or after the worker. Any thread. Does not block.
 *
 * The caller owes:
 * `worker` is a live handle; `port` is valid for one write.
 */
uint32_t spk_worker_port(const struct spk_worker *worker, struct spk_port **port);

/**
 * What the worker holds now. The worker's thread. Does not block. With sockets, `SPK_REENTERED`
 * inside a turn.
 *
 * The caller owes:
 * `worker` is a live handle; `stats` is valid for one write.
 */
uint32_t spk_worker_stats(const struct spk_worker *worker, struct spk_stats *stats);

/**
 * Frees a worker. Connections still open are closed, calls that are not answered are forgotten.
 *
 * The worker's thread, outside its turns (and those of others, if it has sockets): elsewhere it is
 * refused and the worker lives on. NULL is allowed. Does not block.
 *
 * The caller owes:
 * `worker` came from this library, is not freed yet, and no other call uses it.
 */
uint32_t spk_worker_free(struct spk_worker *worker);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SPIKARD_H */
