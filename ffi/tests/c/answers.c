/* Answers that are double, stale, late, silent or refused: each call ends exactly once. */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include <pthread.h>

/* Whatever goes wrong inside, the client gets this, without a word of why. */
static void is_500(const char *reply) {
    CHECK(strstr(reply, "HTTP/1.1 500 ") == reply);
    HAS(reply, "\r\ncontent-type: application/problem+json\r\n");
}

/* The call has ended; whether its slot has been taken again is the engine's business. */
static void is_over(uint32_t status) {
    CHECK(status == SPK_STALE_CALL || status == SPK_ALREADY_ANSWERED);
}

static uint32_t answer_twice(fixture *self, uint64_t id, const spk_call *call) {
    (void)call;
    OK(reply_text(self->port, id, "hello"));
    self->status = reply_text(self->port, id, "again");
    IS(spk_fail(self->port, id, NULL, 0, NULL), SPK_ALREADY_ANSWERED);
    return SPK_OUTCOME_DONE;
}

static void check_double(fixture *self) {
    SAME(exchange(self, GET("/call")), HELLO_REPLY);
    IS(self->status, SPK_ALREADY_ANSWERED);
    is_over(reply_text(self->port, self->call, "again"));
    CHECK(self->wakes == 0);
    close_fixture(self);
}

static void double_answers(void) {
    fixture self;
    open_in_process(&self, answer_twice);
    check_double(&self);
    open_server(&self, answer_twice);
    check_double(&self);
}

static void stale_ids(void) {
    fixture self;
    open_in_process(&self, answer_hello);
    is_over(reply_text(self.port, 0, "hello"));
    IS(reply_text(self.port, UINT64_MAX, "hello"), SPK_STALE_CALL);
    IS(reply_text(self.port, UINT64_C(1) << 32, "hello"), SPK_STALE_CALL);
    exchange(&self, GET("/call"));
    uint64_t first = self.call;
    self.run = answer_later;
    send_request(&self, GET("/call"));
    turn_once(&self);
    /* The slot is taken again, by another generation. */
    CHECK(self.call != first);
    IS(reply_text(self.port, first, "for another"), SPK_STALE_CALL);
    OK(reply_text(self.port, self.call, "hello"));
    SAME(receive_reply(&self, -1), HELLO_REPLY);
    close_fixture(&self);
}

static void check_null_inside(fixture *self, spk_reply_view reply) {
    int client = send_request(self, GET("/call"));
    while (self->calls == 0) {
        turn_once(self);
    }
    self->calls = 0;
    IS(spk_reply(self->port, self->call, &reply), SPK_NULL_POINTER);
    is_500(receive_reply(self, client));
}

static void null_answers(void) {
    fixture self;
    open_in_process(&self, answer_later);
    spk_reply_view good, reply;
    memset(&good, 0, sizeof good);
    good.size = sizeof good;
    good.status = 200;
    const spk_text broken = {NULL, 1};
    spk_pair pair = {text_of("x-name"), text_of("value")};
    reply = good;
    reply.content_type = broken;
    check_null_inside(&self, reply);
    reply = good;
    reply.body = broken;
    check_null_inside(&self, reply);
    reply = good;
    reply.field_count = 1;
    check_null_inside(&self, reply);
    reply.fields = &pair;
    pair.name = broken;
    check_null_inside(&self, reply);
    pair.name = text_of("x-name");
    pair.value = broken;
    check_null_inside(&self, reply);

    send_request(&self, GET("/call"));
    turn_once(&self);
    IS(spk_reply(NULL, self.call, &good), SPK_NULL_POINTER);
    IS(spk_reply(self.port, self.call, NULL), SPK_NULL_POINTER);
    IS(spk_problem(NULL, self.call, (const uint8_t *)"{}", 2, NULL), SPK_NULL_POINTER);
    IS(spk_problem(self.port, self.call, NULL, 2, NULL), SPK_NULL_POINTER);
    IS(spk_fail(NULL, self.call, NULL, 0, NULL), SPK_NULL_POINTER);
    OK(reply_text(self.port, self.call, "hello")); /* The call is as it was. */
    SAME(receive_reply(&self, -1), HELLO_REPLY);
    close_fixture(&self);
}

/* A function that answers with `view`, which stands in for the body of the request. */
static const spk_reply_view *view_to_send;

static uint32_t answer_view(fixture *self, uint64_t id, const spk_call *call) {
    (void)call;
    self->status = spk_reply(self->port, id, view_to_send);
    return SPK_OUTCOME_DONE;
}

static void refuses(fixture *self, uint32_t status, const char *name, const char *value) {
    spk_pair pair = {text_of(name), text_of(value)};
    spk_reply_view reply;
    memset(&reply, 0, sizeof reply);
    reply.size = sizeof reply;
    reply.status = status;
    reply.fields = &pair;
    reply.field_count = 1;
    reply.body = text_of("secret");
    view_to_send = &reply;
    const char *text = exchange(self, GET("/call"));
    IS(self->status, SPK_REPLY_REFUSED);
    is_500(text);
    CHECK(strstr(text, "secret") == NULL && strstr(text, "split") == NULL);
}

/* What only shows beside the request is told to the log alone. */
static void breaks_framing(fixture *self, const char *name, const char *value) {
    spk_pair pair = {text_of(name), text_of(value)};
    spk_reply_view reply;
    memset(&reply, 0, sizeof reply);
    reply.size = sizeof reply;
    reply.status = 200;
    reply.fields = &pair;
    reply.field_count = 1;
    reply.body = text_of("secret");
    view_to_send = &reply;
    unsigned errors = self->errors;
    const char *text = exchange(self, GET("/call"));
    OK(self->status);
    is_500(text);
    CHECK(strstr(text, "secret") == NULL && self->errors == errors + 1);
}

static void refused_replies(void) {
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, answer_view, sockets, "");
        refuses(&self, 200, "x-name", "a\r\nsplit: 1");
        refuses(&self, 200, "x-name", "a\nsplit");
        refuses(&self, 200, "x name", "split");
        refuses(&self, 200, "", "split");
        refuses(&self, 99, "x-name", "split");
        refuses(&self, 101, "x-name", "split");
        refuses(&self, 600, "x-name", "split");
        refuses(&self, 65736, "x-name", "split"); /* 200, if cut to 16 bits. */
        breaks_framing(&self, "content-length", "999");
        breaks_framing(&self, "transfer-encoding", "chunked");
        breaks_framing(&self, "Connection", "close");
        close_fixture(&self);
    }
}

static const char *problem_to_send;

static uint32_t answer_problem(fixture *self, uint64_t id, const spk_call *call) {
    (void)call;
    const uint8_t *json = (const uint8_t *)problem_to_send;
    self->status = spk_problem(self->port, id, json, strlen(problem_to_send), NULL);
    return SPK_OUTCOME_DONE;
}

static void problems(void) {
    fixture self;
    open_in_process(&self, answer_problem);
    problem_to_send = "{\"status\":409,\"title\":\"Taken\",\"detail\":\"by Ada\","
                      "\"headers\":[[\"x-hint\",\"1\"]],\"extensions\":{\"id\":5}}";
    const char *reply = exchange(&self, GET("/call"));
    OK(self.status);
    CHECK(strstr(reply, "HTTP/1.1 409 Conflict\r\n") == reply);
    HAS(reply, "\r\nx-hint: 1\r\n");
    HAS(reply, "\"title\":\"Taken\"");
    HAS(reply, "\"id\":5");
    static const struct {
        const char *json;
        uint32_t status;
    } wrong[] = {
        {"", SPK_INVALID_JSON},
        {"{\"status\":", SPK_INVALID_JSON},
        {"[]", SPK_REPLY_REFUSED},
        {"{}", SPK_REPLY_REFUSED},
        {"{\"status\":99}", SPK_REPLY_REFUSED},
        {"{\"status\":65736}", SPK_REPLY_REFUSED},
        {"{\"status\":400,\"headers\":[[\"x\"]]}", SPK_REPLY_REFUSED},
        {"{\"status\":400,\"headers\":[[\"x\",\"a\\r\\nb\"]]}", SPK_REPLY_REFUSED},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        problem_to_send = wrong[i].json;
        is_500(exchange(&self, GET("/call")));
        IS(self.status, wrong[i].status);
    }
    close_fixture(&self);
}

static uint32_t outcome_to_tell;

static uint32_t tell(fixture *self, uint64_t id, const spk_call *call) {
    (void)self, (void)id, (void)call;
    return outcome_to_tell;
}

/* Nothing was answered, and nothing will be: the client must not wait. */
static void silent_outcomes(void) {
    static const uint32_t told[] = {SPK_OUTCOME_DONE, SPK_OUTCOME_FAILED, 77, UINT32_MAX,
                                    SPK_OUTCOME_CONTINUE};
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, tell, sockets, "");
        for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
            outcome_to_tell = told[i];
            is_500(exchange(&self, GET("/call")));
            is_over(reply_text(self.port, self.call, "too late"));
        }
        CHECK(self.errors == sizeof told / sizeof *told);
        close_fixture(&self);
    }
}

static uint32_t fail_aloud(fixture *self, uint64_t id, const spk_call *call) {
    (void)call;
    const spk_pool_run run = {1000, 0};
    self->status = spk_fail(self->port, id, NULL, 0, &run);
    return SPK_OUTCOME_DONE;
}

static void failed_functions(void) {
    fixture self;
    open_in_process(&self, fail_aloud);
    is_500(exchange(&self, GET("/call")));
    OK(self.status);
    close_fixture(&self);
}

static void *answer_from_thread(void *argument) {
    fixture *self = argument;
    OK(reply_text(self->port, self->call, "hello"));
    return NULL;
}

static void answer_elsewhere(fixture *self) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, answer_from_thread, self) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* The other thread answers before the event has even returned. */
static uint32_t answered_meanwhile(fixture *self, uint64_t id, const spk_call *call) {
    (void)id, (void)call;
    answer_elsewhere(self);
    return SPK_OUTCOME_LATER;
}

static void answers_from_other_threads(void) {
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, answered_meanwhile, sockets, "");
        SAME(exchange(&self, GET("/call")), HELLO_REPLY);
        self.run = answer_later;
        int client = send_request(&self, GET("/call"));
        while (self.calls < 2) {
            turn_once(&self);
        }
        self.wakes = 0;
        answer_elsewhere(&self);
        /* A descriptor tells the worker with sockets; the other has only its host. */
        CHECK(self.wakes == (sockets ? 0 : 1));
        SAME(receive_reply(&self, client), HELLO_REPLY);
        close_fixture(&self);
    }
}

/* On the worker's own thread nothing rings: the host is told to turn. */
static void answers_outside_turns_wake(void) {
    fixture self;
    open_server(&self, answer_later);
    int client = send_request(&self, GET("/call"));
    while (self.calls == 0) {
        turn_once(&self);
    }
    OK(reply_text(self.port, self.call, "hello"));
    CHECK(self.wakes == 1);
    SAME(receive_reply(&self, client), HELLO_REPLY);
    close_fixture(&self);
}

/* Never answered: the worker is freed under the call, and the port outlives it. */
static void ports_outlive_workers(void) {
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, answer_later, sockets, "");
        send_request(&self, GET("/call"));
        while (self.calls == 0) {
            turn_once(&self);
        }
        spk_stats stats;
        OK(spk_worker_stats(self.worker, &stats));
        CHECK(stats.in_flight == 1);
        OK(spk_worker_free(self.worker));
        self.wakes = 0;
        uint32_t after = reply_text(self.port, self.call, "nobody hears");
        CHECK(after == SPK_STOPPED || after == SPK_STALE_CALL);
        is_over(reply_text(self.port, 0, "nobody hears"));
        CHECK(self.wakes == 0);
        spk_port_free(self.port);
    }
}

/* The deadline answers in the host's place, and tells it; its own answer is swallowed. */
static void late_functions(void) {
    fixture self;
    for (int sockets = 0; sockets < 2; sockets++) {
        open_with(&self, answer_later, sockets, ",\"request_timeout\":0.05");
        const char *reply = exchange(&self, GET("/call"));
        CHECK(strstr(reply, "HTTP/1.1 504 ") == reply);
        CHECK(self.cancels == 1);
        OK(reply_text(self.port, self.call, "too late"));
        is_over(reply_text(self.port, self.call, "too late"));
        turn_once(&self);
        spk_stats stats;
        OK(spk_worker_stats(self.worker, &stats));
        CHECK(stats.in_flight == 0 && stats.orphans == 0);
        close_fixture(&self);
    }
}

const check_case ANSWER_CASES[] = {
    {"double_answers", double_answers},
    {"stale_ids", stale_ids},
    {"null_answers", null_answers},
    {"refused_replies", refused_replies},
    {"problems", problems},
    {"silent_outcomes", silent_outcomes},
    {"failed_functions", failed_functions},
    {"answers_from_other_threads", answers_from_other_threads},
    {"answers_outside_turns_wake", answers_outside_turns_wake},
    {"ports_outlive_workers", ports_outlive_workers},
    {"late_functions", late_functions},
    {NULL, NULL},
};
