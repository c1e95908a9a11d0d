/* A server in C, through the ABI alone: the proof that any language can bind to the engine.
 *
 *     serve run  PORT [auto|io_uring|epoll]     the engine owns this thread
 *     serve poll PORT [auto|io_uring|epoll]     this program owns its loop; the engine is a guest
 *
 *     cargo build --release -p spikard-ffi
 *     cc -std=c11 -Iffi/include ffi/examples/serve.c -o serve \
 *        -Ltarget/release -Wl,-rpath,target/release -lspikard_ffi -lpthread
 *
 * It answers GET /hello, GET /users/{id:int} with the typed id, and GET /later from another thread.
 * SIGINT and SIGTERM drain it; a second one closes everything at once. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "spikard.h"

/* The numbers by which this host knows its functions: `handler` in the route documents below. */
enum { HELLO, USER, LATER };

/* All that the callbacks need. The engine hands its address back with every event. */
typedef struct {
    spk_worker *worker;
    spk_port *port;
    /* Ids of calls that the other thread shall answer. */
    int later_in;
    int later_out;
    /* The worker is drained: signals mean nothing any more. */
    atomic_bool drained;
} server;

/* Ends the program with the engine's own words, if a function failed. */
static void check(uint32_t status, const char *what) {
    if (status == SPK_OK) {
        return;
    }
    const uint8_t *text = NULL;
    size_t length = 0;
    spk_last_error(&text, &length);
    fprintf(stderr, "%s: %.*s\n", what, (int)length, (const char *)text);
    exit(1);
}

static spk_text text_of(const char *text) {
    spk_text view = {(const uint8_t *)text, strlen(text)};
    return view;
}

/* Answers a call. Any thread may; the engine copies everything before it returns. */
static uint32_t reply_json(const spk_port *port, uint64_t call, const char *json) {
    spk_reply_view reply;
    memset(&reply, 0, sizeof reply);
    reply.size = sizeof reply;
    reply.status = 200;
    reply.content_type = text_of("application/json");
    reply.body = text_of(json);
    return spk_reply(port, call, &reply);
}

/* One request. It runs on the worker's thread, inside a turn, so it must not wait for anything.
 * What would wait goes to another thread, with the id of the call. */
static uint32_t answer(server *self, uint64_t id, const spk_call *call) {
    char json[64];
    switch (call->function) {
    case HELLO:
        reply_json(self->port, id, "{\"message\":\"Hello, World!\"}");
        return SPK_OUTCOME_DONE;
    case USER:
        /* The engine has checked and converted the value: what is no integer never comes here. */
        snprintf(json, sizeof json, "{\"id\":%" PRId64 "}", (int64_t)call->arguments[0].bits);
        reply_json(self->port, id, json);
        return SPK_OUTCOME_DONE;
    case LATER:
        /* Never blocks: the engine has at most 4096 calls (`max_in_flight`) out at a time, and the
         * pipe holds 8192 ids. */
        if (write(self->later_in, &id, sizeof id) != (ssize_t)sizeof id) {
            return SPK_OUTCOME_FAILED;
        }
        return SPK_OUTCOME_LATER;
    default:
        return SPK_OUTCOME_FAILED;
    }
}

/* All events come here. Kinds that `spk_host.kinds` does not name are never sent. */
static uint32_t on_event(void *userdata, uint32_t kind, uint64_t call, const void *payload) {
    return kind == SPK_EVENT_CALL ? answer(userdata, call, payload) : SPK_OUTCOME_FAILED;
}

static void on_log(void *userdata, uint32_t level, const uint8_t *text, size_t length) {
    (void)userdata;
    fprintf(stderr, "[%u] %.*s\n", (unsigned)level, (int)length, (const char *)text);
}

/* The other thread: takes ids from the pipe, one after the other, until the pipe is closed. */
static void *answer_later(void *argument) {
    server *self = argument;
    uint64_t id;
    while (read(self->later_out, &id, sizeof id) == (ssize_t)sizeof id) {
        struct timespec pause = {0, 100 * 1000 * 1000};
        nanosleep(&pause, NULL);
        /* Not checked: where a client has left, the answer is useless, and no error. */
        reply_json(self->port, id, "{\"late\":true}");
    }
    return NULL;
}

/* Waits for signals, as a signal handler may not call the library. The first one drains. */
static void *stop_on_signal(void *argument) {
    server *self = argument;
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    uint32_t force = 0;
    int number;
    while (sigwait(&stops, &number) == 0 && !atomic_load(&self->drained)) {
        spk_worker_stop(self->worker, force);
        force = 1;
    }
    return NULL;
}

/* What every host language does with its own event loop: watch one descriptor, keep one timer. */
static void poll_until_drained(const spk_worker *worker) {
    struct pollfd watched = {-1, POLLIN, 0};
    check(spk_worker_fd(worker, &watched.fd), "descriptor");
    for (;;) {
        uint32_t turn;
        uint64_t next_deadline_ms;
        check(spk_worker_turn(worker, &turn, &next_deadline_ms), "turn");
        if (turn == SPK_TURN_DRAINED) {
            return;
        }
        int timeout_ms = -1;
        if (turn == SPK_TURN_MORE) {
            /* Work is left: a loop with work of its own would do that first, then turn again. */
            timeout_ms = 0;
        } else if (next_deadline_ms != SPK_NO_DEADLINE) {
            timeout_ms = next_deadline_ms > 60000 ? 60000 : (int)next_deadline_ms;
        }
        /* An interruption is no failure: the turn after it finds nothing to do. */
        poll(&watched, 1, timeout_ms);
    }
}

/* The application: JSON documents, once at the start. */
static spk_app *make_app(const char *engine) {
    static const char *const routes[] = {
        "{\"methods\":[\"GET\"],\"path\":\"/hello\",\"handler\":0,\"name\":\"hello\"}",
        "{\"methods\":[\"GET\"],\"path\":\"/users/{id:int}\",\"handler\":1,\"name\":\"user\","
        "\"parameters\":[{\"name\":\"id\",\"source\":\"path\",\"schema\":{\"type\":\"integer\"}}]}",
        "{\"methods\":[\"GET\"],\"path\":\"/later\",\"handler\":2,\"name\":\"later\"}",
    };
    char config[64];
    int length = snprintf(config, sizeof config, "{\"engine\":\"%s\"}", engine);
    if (length < 0 || (size_t)length >= sizeof config) {
        length = 0; /* No JSON: refused below. */
    }
    spk_app *app = NULL;
    check(spk_app_new(&app), "app");
    check(spk_app_configure(app, (const uint8_t *)config, (size_t)length), "configuration");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        spk_text route = text_of(routes[i]);
        check(spk_app_route(app, route.bytes, route.length), "route");
    }
    return app;
}

static void start(server *self, const char *engine, uint32_t port) {
    spk_host host;
    memset(&host, 0, sizeof host);
    host.size = sizeof host;
    host.version = SPK_ABI_VERSION;
    host.kinds = UINT64_C(1) << SPK_EVENT_CALL;
    host.userdata = self;
    host.event = on_event;
    host.log = on_log;
    /* `wake` stays NULL: nothing is answered on this thread outside a turn. */

    spk_app *app = make_app(engine);
    int32_t listener = -1;
    uint32_t bound = 0;
    check(spk_listen((const uint8_t *)"127.0.0.1", 9, port, 1, 1024, &listener, &bound), "listen");
    check(spk_worker_new(app, &host, listener, &self->worker), "worker");
    spk_app_free(app); /* The worker holds what it needs. */
    check(spk_worker_port(self->worker, &self->port), "port");
    spk_text running;
    check(spk_worker_engine(self->worker, &running), "engine");
    printf("listening on 127.0.0.1:%u with %.*s\n", (unsigned)bound, (int)running.length,
           (const char *)running.bytes);
    fflush(stdout);
}

int main(int count, char **words) {
    int owned = count > 1 && strcmp(words[1], "run") == 0;
    if (count < 3 || (!owned && strcmp(words[1], "poll") != 0)) {
        fprintf(stderr, "usage: serve run|poll PORT [auto|io_uring|epoll]\n");
        return 2;
    }
    /* Blocked before any thread is made, so that `sigwait` alone takes them. */
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);

    server self;
    memset(&self, 0, sizeof self);
    int ends[2];
    if (pipe(ends) != 0) {
        perror("pipe");
        return 1;
    }
    self.later_out = ends[0];
    self.later_in = ends[1];
    start(&self, count > 3 ? words[3] : "auto", (uint32_t)strtoul(words[2], NULL, 10));
    pthread_t later, stopper;
    if (pthread_create(&later, NULL, answer_later, &self) != 0
        || pthread_create(&stopper, NULL, stop_on_signal, &self) != 0) {
        fprintf(stderr, "no threads\n");
        return 1;
    }

    if (owned) {
        check(spk_worker_run(self.worker), "run");
    } else {
        poll_until_drained(self.worker);
    }

    /* Nobody may use the worker any more when it is freed; the port may outlive it. */
    atomic_store(&self.drained, true);
    pthread_kill(stopper, SIGTERM);
    pthread_join(stopper, NULL);
    check(spk_worker_free(self.worker), "free");
    close(self.later_in);
    pthread_join(later, NULL);
    close(self.later_out);
    spk_port_free(self.port);
    puts("drained");
    return 0;
}
