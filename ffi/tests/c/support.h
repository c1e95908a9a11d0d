/* What the C checks stand on: a worker with a scripted host, over sockets or in process.
 *
 * Knows nothing of what is checked. Every failure ends the program with its place. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spikard.h"

#define CHECK(condition) \
    ((condition) ? (void)0 : fail_at(__FILE__, __LINE__, #condition))
/* The function returned this status number. */
#define IS(call, expected) status_is(__FILE__, __LINE__, #call, (call), (expected))
#define OK(call) IS(call, SPK_OK)
/* The text has this part. */
#define HAS(text, part) text_has(__FILE__, __LINE__, (text), (part))
/* The text is this one. */
#define SAME(text, expected) text_same(__FILE__, __LINE__, (text), (expected))

enum { REPLY_BYTES_MAX = 16384, PATIENCE_MS = 30000 };

typedef struct fixture fixture;

/* A host function: what it does with a call, and the outcome it tells. */
typedef uint32_t function(fixture *self, uint64_t id, const spk_call *call);

struct fixture {
    spk_worker *worker;
    spk_port *port;
    bool has_sockets;
    uint32_t address;     /* TCP port, if it has sockets. */
    function *run;
    uint64_t call;        /* The last call. */
    unsigned calls;
    unsigned cancels;
    unsigned ends;        /* Exchanges that have ended. */
    unsigned wakes;
    unsigned errors;      /* Log lines of level 1. */
    uint32_t status;      /* What the last function of the ABI inside an event returned. */
    fixture *other;       /* Whatever a check needs. */
    char reply[REPLY_BYTES_MAX];
    size_t reply_length;
    bool replied;
};

/* One check. */
typedef struct {
    const char *name;
    void (*run)(void);
} check_case;

extern const check_case ARGUMENT_CASES[];
extern const check_case ANSWER_CASES[];
extern const check_case TURN_CASES[];
extern const check_case INJECT_CASES[];
extern const check_case HOOK_CASES[];

_Noreturn void fail_at(const char *file, int line, const char *what);
void status_is(const char *file, int line, const char *call, uint32_t status, uint32_t expected);
void text_has(const char *file, int line, const char *text, const char *part);
void text_same(const char *file, int line, const char *text, const char *expected);

spk_text text_of(const char *text);
/* What the last failure on this thread was. The same memory each time. */
const char *last_error(void);
/* An application with the routes of the checks, without request ids, on epoll. `more` is further
 * configuration, such as `,"request_timeout":1`. */
spk_app *make_app(const char *more);
/* The table of functions for `self`. */
spk_host host_of(fixture *self);
/* A listening socket on a free port. */
int32_t listener(uint32_t *port);

void open_in_process(fixture *self, function *run);
void open_server(fixture *self, function *run);
void open_with(fixture *self, function *run, bool has_sockets, const char *more);
/* In process, with the hooks of a document. */
void open_hooked(fixture *self, function *run, const char *hooks);
/* Frees worker and port. */
void close_fixture(fixture *self);

/* Sends a request without waiting for its reply. Returns the socket, or -1 in process. */
int send_request(fixture *self, const char *request);
/* Turns until the reply is whole, and returns it without its date. */
const char *receive_reply(fixture *self, int socket);
/* Both. */
const char *exchange(fixture *self, const char *request);
/* Turns once. */
void turn_once(fixture *self);
void pause_ms(long ms);

/* Answers 200 with a text; what `spk_reply` returned. */
uint32_t reply_text(const spk_port *port, uint64_t call, const char *text);
/* The function that does so and is done. */
function answer_hello;
/* The function that leaves the answer to the check. */
function answer_later;

/* A request whose connection closes after it. */
#define GET(path) "GET " path " HTTP/1.1\r\nhost: check\r\nconnection: close\r\n\r\n"
#define HELLO_REPLY \
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n" \
    "connection: close\r\n\r\nhello"

#endif
