/* See support.h. */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const check_case *const LISTS[] = {ARGUMENT_CASES, ANSWER_CASES, TURN_CASES, INJECT_CASES,
                                          HOOK_CASES};

_Noreturn void fail_at(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    /* No clean-up: a memory checker would tell of the worker first, and hide the reason. */
    _exit(1);
}

static const char *name_of(uint32_t status) {
    static char names[2][64];
    static unsigned turn;
    char *name = names[turn++ % 2];
    const uint8_t *text = NULL;
    size_t length = 0;
    spk_status_name(status, &text, &length);
    snprintf(name, sizeof names[0], "%u %.*s", (unsigned)status, (int)length, (const char *)text);
    return name;
}

void status_is(const char *file, int line, const char *call, uint32_t status, uint32_t expected) {
    if (status != expected) {
        fprintf(stderr, "%s is %s, not %s: %s\n", call, name_of(status), name_of(expected),
                last_error());
        fail_at(file, line, call);
    }
}

void text_has(const char *file, int line, const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fprintf(stderr, "this text:\n%s\nhas no part:\n%s\n", text, part);
        fail_at(file, line, part);
    }
}

void text_same(const char *file, int line, const char *text, const char *expected) {
    if (strcmp(text, expected) != 0) {
        fprintf(stderr, "this text:\n%s\nis not:\n%s\n", text, expected);
        fail_at(file, line, "the texts are the same");
    }
}

spk_text text_of(const char *text) {
    spk_text view = {(const uint8_t *)text, strlen(text)};
    return view;
}

const char *last_error(void) {
    static char copy[1024];
    const uint8_t *text = NULL;
    size_t length = 0;
    if (spk_last_error(&text, &length) != SPK_OK || length >= sizeof copy) {
        return "";
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

spk_app *make_app(const char *more) {
    static const char *const routes[] = {
        "{\"methods\":[\"GET\"],\"path\":\"/call\",\"handler\":0,\"name\":\"call\"}",
        "{\"methods\":[\"POST\"],\"path\":\"/body\",\"handler\":1,\"name\":\"body\","
        "\"body\":{\"media\":\"bytes\"}}",
        "{\"methods\":[\"GET\"],\"path\":\"/typed/{id:int}\",\"handler\":2,\"name\":\"typed\","
        "\"parameters\":["
        "{\"name\":\"id\",\"source\":\"path\",\"schema\":{\"type\":\"integer\"}},"
        "{\"name\":\"ratio\",\"source\":\"query\",\"schema\":{\"type\":\"number\"}},"
        "{\"name\":\"flag\",\"source\":\"query\",\"schema\":{\"type\":\"boolean\"}},"
        "{\"name\":\"absent\",\"source\":\"query\",\"required\":false},"
        "{\"name\":\"tags\",\"source\":\"query\","
        "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"
        "{\"name\":\"x_name\",\"source\":\"header\",\"schema\":{\"type\":\"string\"}}]}",
        "{\"methods\":[\"POST\"],\"path\":\"/files\",\"handler\":3,\"name\":\"files\","
        "\"files\":[{\"name\":\"f\",\"multiple\":true}]}",
    };
    char config[256];
    int length = snprintf(config, sizeof config,
                          "{\"engine\":\"epoll\",\"enable_request_id\":false%s}", more);
    spk_app *app = NULL;
    OK(spk_app_new(&app));
    OK(spk_app_configure(app, (const uint8_t *)config, (size_t)length));
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        OK(spk_app_route(app, (const uint8_t *)routes[i], strlen(routes[i])));
    }
    return app;
}

static uint32_t on_event(void *userdata, uint32_t kind, uint64_t call, const void *payload) {
    fixture *self = userdata;
    if (kind == SPK_EVENT_CALL) {
        const spk_call *view = payload;
        CHECK(view->size >= sizeof *view);
        self->call = call;
        self->calls++;
        return self->run(self, call, view);
    }
    if (kind == SPK_EVENT_CANCEL) {
        CHECK(payload == NULL);
        self->cancels++;
    } else if (kind == SPK_EVENT_ENDED) {
        CHECK(payload == NULL && call > 0);
        self->ends++;
    } else if (kind == SPK_EVENT_INJECTED) {
        const spk_injected *injected = payload;
        CHECK(injected->size >= sizeof *injected);
        CHECK(injected->reply.length < sizeof self->reply);
        memcpy(self->reply, injected->reply.bytes, injected->reply.length);
        self->reply_length = injected->reply.length;
        self->replied = true;
    } else {
        CHECK(kind == SPK_EVENT_DISCONNECT);
    }
    return SPK_OUTCOME_DONE;
}

static void on_wake(void *userdata) {
    fixture *self = userdata;
    self->wakes++;
}

static void on_log(void *userdata, uint32_t level, const uint8_t *text, size_t length) {
    fixture *self = userdata;
    CHECK(level >= 1 && level <= 4 && text != NULL && length > 0);
    if (level == 1) {
        self->errors++;
    }
}

spk_host host_of(fixture *self) {
    spk_host host;
    memset(&host, 0, sizeof host);
    host.size = sizeof host;
    host.version = SPK_ABI_VERSION;
    host.kinds = UINT64_C(1) << SPK_EVENT_CALL | UINT64_C(1) << SPK_EVENT_DISCONNECT
        | UINT64_C(1) << SPK_EVENT_CANCEL | UINT64_C(1) << SPK_EVENT_INJECTED
        | UINT64_C(1) << SPK_EVENT_ENDED;
    host.userdata = self;
    host.event = on_event;
    host.wake = on_wake;
    host.log = on_log;
    return host;
}

int32_t listener(uint32_t *port) {
    int32_t fd = -1;
    OK(spk_listen((const uint8_t *)"127.0.0.1", 9, 0, 1, 16, &fd, port));
    CHECK(fd >= 0 && *port > 0);
    return fd;
}

void open_with(fixture *self, function *run, bool has_sockets, const char *more) {
    memset(self, 0, sizeof *self);
    self->run = run;
    self->has_sockets = has_sockets;
    spk_app *app = make_app(more);
    spk_host host = host_of(self);
    if (has_sockets) {
        OK(spk_worker_new(app, &host, listener(&self->address), &self->worker));
    } else {
        OK(spk_worker_new_in_process(app, &host, &self->worker));
    }
    spk_app_free(app);
    OK(spk_worker_port(self->worker, &self->port));
}

void open_in_process(fixture *self, function *run) {
    open_with(self, run, false, "");
}

void open_hooked(fixture *self, function *run, const char *hooks) {
    memset(self, 0, sizeof *self);
    self->run = run;
    spk_app *app = make_app("");
    OK(spk_app_hooks(app, (const uint8_t *)hooks, strlen(hooks)));
    spk_host host = host_of(self);
    OK(spk_worker_new_in_process(app, &host, &self->worker));
    spk_app_free(app);
    OK(spk_worker_port(self->worker, &self->port));
}

void open_server(fixture *self, function *run) {
    open_with(self, run, true, "");
}

void close_fixture(fixture *self) {
    OK(spk_worker_free(self->worker));
    spk_port_free(self->port);
}

void pause_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

int send_request(fixture *self, const char *request) {
    self->replied = false;
    self->reply_length = 0;
    size_t length = strlen(request);
    if (!self->has_sockets) {
        OK(spk_inject(self->worker, 7, (const uint8_t *)request, length));
        return -1;
    }
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)self->address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(client >= 0);
    /* The kernel's queue takes it; the worker accepts in a turn. */
    CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(write(client, request, length) == (ssize_t)length);
    return client;
}

void turn_once(fixture *self) {
    uint32_t turn = 99;
    uint64_t next_deadline_ms = 0;
    OK(spk_worker_turn(self->worker, &turn, &next_deadline_ms));
    CHECK(turn == SPK_TURN_IDLE || turn == SPK_TURN_MORE || turn == SPK_TURN_DRAINED);
}

/* Takes what the socket has; the reply is whole when the worker closes. */
static void read_reply(fixture *self, int client) {
    ssize_t got;
    do {
        size_t left = sizeof self->reply - 1 - self->reply_length;
        got = recv(client, self->reply + self->reply_length, left, MSG_DONTWAIT);
        self->reply_length += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    CHECK(got == 0 || errno == EAGAIN || errno == EWOULDBLOCK);
    if (got == 0) {
        self->replied = true;
        close(client);
    }
}

static void strip_date(char *reply) {
    char *date = strstr(reply, "\r\ndate: ");
    CHECK(date != NULL);
    char *end = strstr(date + 2, "\r\n");
    memmove(date, end, strlen(end) + 1);
}

const char *receive_reply(fixture *self, int client) {
    for (int waited_ms = 0; !self->replied; waited_ms++) {
        CHECK(waited_ms < PATIENCE_MS);
        turn_once(self);
        if (client >= 0) {
            read_reply(self, client);
        }
        if (!self->replied) {
            pause_ms(1);
        }
    }
    self->reply[self->reply_length] = 0;
    strip_date(self->reply);
    return self->reply;
}

const char *exchange(fixture *self, const char *request) {
    return receive_reply(self, send_request(self, request));
}

uint32_t reply_text(const spk_port *port, uint64_t call, const char *text) {
    spk_reply_view reply;
    memset(&reply, 0, sizeof reply);
    reply.size = sizeof reply;
    reply.status = 200;
    reply.content_type = text_of("text/plain");
    reply.body = text_of(text);
    return spk_reply(port, call, &reply);
}

uint32_t answer_hello(fixture *self, uint64_t id, const spk_call *call) {
    (void)call;
    self->status = reply_text(self->port, id, "hello");
    return SPK_OUTCOME_DONE;
}

uint32_t answer_later(fixture *self, uint64_t id, const spk_call *call) {
    (void)self, (void)id, (void)call;
    return SPK_OUTCOME_LATER;
}

/* Runs each check in a child of its own, as one may crash, and tells how it ended. Under valgrind
 * this saves its long start: a child goes on with the code that its parent translated. */
static int run_all(void) {
    int failures = 0;
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        for (const check_case *one = LISTS[i]; one->name != NULL; one++) {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                one->run();
                return 0;
            }
            int ended = -1;
            CHECK(waitpid(child, &ended, 0) == child);
            bool well = WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
            failures += !well;
            printf("%s %s\n", one->name, well ? "holds" : "fails");
            fflush(stdout);
        }
    }
    return failures > 0;
}

int main(int count, char **words) {
    if (count < 2) {
        return run_all();
    }
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        for (const check_case *one = LISTS[i]; one->name != NULL; one++) {
            if (strcmp(one->name, words[1]) == 0) {
                one->run();
                return 0;
            }
        }
    }
    return 2;
}
