/* Turns at the wrong time, on the wrong thread, and in the wrong process. */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything that is forbidden inside a turn, then the answer. */
static uint32_t reenter(fixture *self, uint64_t id, const spk_call *call) {
    uint32_t turn = 77;
    uint64_t ms = 77;
    IS(spk_worker_turn(self->worker, &turn, &ms), SPK_REENTERED);
    IS(spk_worker_free(self->worker), SPK_REENTERED);
    CHECK(turn == 77 && ms == 77);
    if (self->has_sockets) {
        int32_t fd = 77;
        spk_text text;
        spk_stats stats;
        IS(spk_worker_run(self->worker), SPK_REENTERED);
        IS(spk_worker_fd(self->worker, &fd), SPK_REENTERED);
        IS(spk_worker_engine(self->worker, &text), SPK_REENTERED);
        IS(spk_worker_stats(self->worker, &stats), SPK_REENTERED);
        CHECK(fd == 77);
    } else {
        spk_stats stats;
        OK(spk_worker_stats(self->worker, &stats));
        CHECK(stats.in_flight == 1);
    }
    return answer_hello(self, id, call);
}

static void turns_in_turns(void) {
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, reenter, sockets, "");
        SAME(exchange(&self, GET("/call")), HELLO_REPLY);
        SAME(exchange(&self, GET("/call")), HELLO_REPLY);
        CHECK(self.calls == 2);
        close_fixture(&self);
    }
}

static uint32_t reenter_and_stop(fixture *self, uint64_t id, const spk_call *call) {
    OK(spk_worker_stop(self->worker, 0));
    return reenter(self, id, call);
}

/* A run is one long turn to its events. */
static void turns_in_runs(void) {
    fixture self;
    open_server(&self, reenter_and_stop);
    int client = send_request(&self, GET("/call"));
    OK(spk_worker_run(self.worker));
    CHECK(self.calls == 1);
    SAME(receive_reply(&self, client), HELLO_REPLY);
    uint32_t turn;
    uint64_t ms;
    OK(spk_worker_turn(self.worker, &turn, &ms));
    CHECK(turn == SPK_TURN_DRAINED);
    OK(spk_worker_stop(self.worker, 1));
    close_fixture(&self);
}

/* Inside a turn, with a second worker on the same thread. */
static uint32_t use_other(fixture *self, uint64_t id, const spk_call *call) {
    uint32_t turn;
    uint64_t ms;
    fixture *other = self->other;
    if (other->has_sockets) {
        IS(spk_worker_turn(other->worker, &turn, &ms), SPK_REENTERED);
        IS(spk_worker_run(other->worker), SPK_REENTERED);
        IS(spk_worker_free(other->worker), SPK_REENTERED);
        uint32_t port;
        spk_worker *third = NULL;
        spk_host host = host_of(other);
        spk_app *app = make_app("");
        IS(spk_worker_new(app, &host, listener(&port), &third), SPK_REENTERED);
        spk_app_free(app);
        CHECK(third == NULL);
    } else {
        SAME(exchange(other, GET("/call")), HELLO_REPLY);
    }
    return answer_hello(self, id, call);
}

static void workers_in_workers(void) {
    fixture outer, inner;
    for (int inner_sockets = 0; inner_sockets < 2; inner_sockets++) {
        open_server(&outer, use_other);
        open_with(&inner, answer_hello, inner_sockets, "");
        outer.other = &inner;
        SAME(exchange(&outer, GET("/call")), HELLO_REPLY);
        SAME(exchange(&inner, GET("/call")), HELLO_REPLY);
        close_fixture(&inner);
        close_fixture(&outer);
    }
}

static void *use_from_thread(void *argument) {
    fixture *self = argument;
    uint32_t turn = 77;
    uint64_t ms = 77;
    spk_stats stats;
    IS(spk_worker_turn(self->worker, &turn, &ms), SPK_WRONG_THREAD);
    IS(spk_worker_stats(self->worker, &stats), SPK_WRONG_THREAD);
    IS(spk_worker_free(self->worker), SPK_WRONG_THREAD);
    if (self->has_sockets) {
        int32_t fd = 77;
        spk_text text;
        IS(spk_worker_run(self->worker), SPK_WRONG_THREAD);
        IS(spk_worker_fd(self->worker, &fd), SPK_WRONG_THREAD);
        IS(spk_worker_engine(self->worker, &text), SPK_WRONG_THREAD);
        CHECK(fd == 77);
    } else {
        IS(spk_inject(self->worker, 1, (const uint8_t *)"", 0), SPK_WRONG_THREAD);
    }
    spk_port *port = NULL;
    OK(spk_worker_port(self->worker, &port));
    spk_port_free(port);
    CHECK(turn == 77 && ms == 77);
    HAS(last_error(), "thread");
    return NULL;
}

static void on_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void wrong_threads(void) {
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, answer_hello, sockets, "");
        on_thread(use_from_thread, &self);
        SAME(exchange(&self, GET("/call")), HELLO_REPLY);
        close_fixture(&self);
    }
}

static void *fail_at_exit_of_thread(void *argument) {
    CHECK(pthread_setspecific(*(pthread_key_t *)argument, argument) == 0);
    /* So that the library has its own values for this thread, which end before or after ours. */
    IS(spk_app_new(NULL), SPK_NULL_POINTER);
    return NULL;
}

static void fail_in_destructor(void *argument) {
    (void)argument;
    IS(spk_app_new(NULL), SPK_NULL_POINTER);
    const uint8_t *text = NULL;
    size_t length = 77;
    OK(spk_last_error(&text, &length));
    CHECK(length < 77);
}

/* Language runtimes clean up in the destructors of a thread's values. */
static void threads_that_end(void) {
    pthread_key_t key;
    CHECK(pthread_key_create(&key, fail_in_destructor) == 0);
    on_thread(fail_at_exit_of_thread, &key);
    CHECK(pthread_key_delete(key) == 0);
}

static void *stop_from_thread(void *argument) {
    fixture *self = argument;
    pause_ms(20);
    OK(spk_worker_stop(self->worker, 0));
    return NULL;
}

static void stops_from_other_threads(void) {
    fixture self;
    open_server(&self, answer_hello);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, stop_from_thread, &self) == 0);
    OK(spk_worker_run(self.worker));
    CHECK(pthread_join(thread, NULL) == 0);
    close_fixture(&self);
}

/* Every function refuses before it looks at anything. */
static void use_in_child(fixture *self, spk_app *app) {
    const uint8_t *json = (const uint8_t *)"{}", *text = NULL;
    size_t length = 77, offset = 0;
    uint32_t number = 77;
    uint64_t ms = 77;
    int32_t fd = 77;
    spk_text view = {NULL, 0};
    spk_stats stats;
    spk_app *new_app = NULL;
    spk_worker *worker = NULL;
    spk_port *port = NULL;
    spk_inherited *inherited = NULL;
    spk_host host = host_of(self);
    IS(spk_app_new(&new_app), SPK_FORKED);
    IS(spk_app_configure(app, json, 2), SPK_FORKED);
    IS(spk_app_route(app, json, 2), SPK_FORKED);
    IS(spk_worker_new(app, &host, 0, &worker), SPK_FORKED);
    IS(spk_worker_new_in_process(app, &host, &worker), SPK_FORKED);
    IS(spk_worker_turn(self->worker, &number, &ms), SPK_FORKED);
    IS(spk_worker_run(self->worker), SPK_FORKED);
    IS(spk_worker_fd(self->worker, &fd), SPK_FORKED);
    IS(spk_worker_engine(self->worker, &view), SPK_FORKED);
    IS(spk_worker_stop(self->worker, 1), SPK_FORKED);
    IS(spk_worker_port(self->worker, &port), SPK_FORKED);
    IS(spk_worker_stats(self->worker, &stats), SPK_FORKED);
    IS(spk_inject(self->worker, 1, json, 2), SPK_FORKED);
    IS(reply_text(self->port, self->call, "from the child"), SPK_FORKED);
    IS(spk_problem(self->port, self->call, json, 2, NULL), SPK_FORKED);
    IS(spk_fail(self->port, self->call, NULL, 0, NULL), SPK_FORKED);
    IS(spk_listen(json, 2, 0, 1, 16, &fd, &number), SPK_FORKED);
    IS(spk_listen_configured(json, 2, 1, &fd, &number), SPK_FORKED);
    IS(spk_cookie_next(json, 2, &offset, &view, &view, &number), SPK_FORKED);
    IS(spk_status_name(0, &text, &length), SPK_FORKED);
    IS(spk_supervise(json, 2, &view, 1, NULL, NULL, &fd), SPK_FORKED);
    IS(spk_inherit(&inherited), SPK_FORKED);
    IS(spk_inherited_place(NULL, &number, &number, &fd), SPK_FORKED);
    IS(spk_inherited_listener(NULL, &fd), SPK_FORKED);
    IS(spk_inherited_ready(NULL, json, 2), SPK_FORKED);
    IS(spk_inherited_obey(NULL, NULL, &number), SPK_FORKED);
    IS(spk_worker_free(self->worker), SPK_FORKED);
    spk_inherited_free(NULL);
    spk_port_free(self->port);
    spk_app_free(app);
    CHECK(spk_abi_version() == SPK_ABI_VERSION);
    CHECK(new_app == NULL && worker == NULL && port == NULL && inherited == NULL);
    CHECK(number == 77 && ms == 77 && fd == 77 && length == 77 && offset == 0);
}

static void forked_children(void) {
    fixture self;
    open_server(&self, answer_later);
    spk_app *app = make_app("");
    int client = send_request(&self, GET("/call"));
    while (self.calls == 0) {
        turn_once(&self);
    }
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        use_in_child(&self, app);
        _exit(0);
    }
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child);
    CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    /* The parent goes on, with the call it had and with the next one. */
    OK(reply_text(self.port, self.call, "hello"));
    SAME(receive_reply(&self, client), HELLO_REPLY);
    self.run = answer_hello;
    SAME(exchange(&self, GET("/call")), HELLO_REPLY);
    spk_app_free(app);
    close_fixture(&self);
}

const check_case TURN_CASES[] = {
    {"turns_in_turns", turns_in_turns},
    {"turns_in_runs", turns_in_runs},
    {"workers_in_workers", workers_in_workers},
    {"wrong_threads", wrong_threads},
    {"threads_that_end", threads_that_end},
    {"stops_from_other_threads", stops_from_other_threads},
    {"forked_children", forked_children},
    {NULL, NULL},
};
