/* Arguments that are wrong: NULL, no JSON, another version, lengths that no object has. */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include <fcntl.h>
#include <unistd.h>

static const uint8_t *const JSON = (const uint8_t *)"{}";

/* What a host's decoder has refused is told in the engine's words, digit for digit. */
static void judged_by_the_host(spk_app *app) {
    static const char route[] =
        "{\"methods\":[\"POST\"],\"path\":\"/judged\",\"handler\":9,\"name\":\"judged\",\"body\":"
        "{\"media\":\"json\",\"host_judges\":true,\"schema\":{\"maximum\":5}}}";
    static const char raised[] =
        "{\"status\":422,\"type\":\"https://spikard.dev/errors/validation-error\","
        "\"title\":\"Request Validation Failed\",\"detail\":\"1 validation error in request\","
        "\"extensions\":{\"errors\":[{\"type\":\"less_than_equal\",\"loc\":[\"body\"],"
        "\"msg\":\"Input should be less than or equal to 5\","
        "\"input\":123456789012345678901234567890,\"ctx\":{\"le\":5}}]}}";
    const uint8_t *text = NULL;
    size_t length = 77;
    OK(spk_app_route(app, (const uint8_t *)route, sizeof route - 1));
    OK(spk_app_judge(app, 9, (const uint8_t *)"5", 1, &text, &length));
    CHECK(length == 0);
    const char *large = "123456789012345678901234567890";
    OK(spk_app_judge(app, 9, (const uint8_t *)large, strlen(large), &text, &length));
    CHECK(length == sizeof raised - 1 && memcmp(text, raised, length) == 0);
}

static void null_texts_and_apps(void) {
    const uint8_t *text = NULL;
    size_t length = 77, offset = 0;
    uint32_t found = 77;
    spk_text name, value;
    IS(spk_last_error(NULL, &length), SPK_NULL_POINTER);
    IS(spk_last_error(&text, NULL), SPK_NULL_POINTER);
    IS(spk_status_name(0, NULL, &length), SPK_NULL_POINTER);
    IS(spk_status_name(0, &text, NULL), SPK_NULL_POINTER);
    IS(spk_set_cookie(NULL, 2, &text, &length), SPK_NULL_POINTER);
    IS(spk_set_cookie((const uint8_t *)"{}", 2, NULL, &length), SPK_NULL_POINTER);
    IS(spk_set_cookie((const uint8_t *)"{}", 2, &text, NULL), SPK_NULL_POINTER);
    IS(spk_etag(NULL, 2, 0, &text, &length), SPK_NULL_POINTER);
    IS(spk_etag((const uint8_t *)"{}", 2, 0, NULL, &length), SPK_NULL_POINTER);
    IS(spk_etag((const uint8_t *)"{}", 2, 0, &text, NULL), SPK_NULL_POINTER);
    IS(spk_etag_of(NULL, 2, 0, &text, &length), SPK_NULL_POINTER);
    IS(spk_etag_of((const uint8_t *)"{}", 2, 0, NULL, &length), SPK_NULL_POINTER);
    IS(spk_etag_of((const uint8_t *)"{}", 2, 0, &text, NULL), SPK_NULL_POINTER);
    IS(spk_check_redirect(307, NULL, 2), SPK_NULL_POINTER);
    IS(spk_check_redirect(307, NULL, 0), SPK_INVALID_ARGUMENT);
    IS(spk_check_redirect(UINT64_MAX, (const uint8_t *)"/a", 2), SPK_INVALID_ARGUMENT);
    IS(spk_etag((const uint8_t *)"a b", 3, 1, &text, &length), SPK_INVALID_ARGUMENT);
    CHECK(text == NULL && length == 77);
    OK(spk_check_redirect(303, (const uint8_t *)"/a", 2));
    OK(spk_etag((const uint8_t *)"a", 1, 1, &text, &length));
    CHECK(length == 5 && memcmp(text, "W/\"a\"", 5) == 0);
    OK(spk_etag_of(NULL, 0, 0, &text, &length));
    CHECK(length == 34 && memcmp(text, "\"99aa06d3014798d86001c324468d497f\"", 34) == 0);
    text = NULL;
    length = 77;
    const uint8_t *cookies = (const uint8_t *)"a=b";
    IS(spk_cookie_next(NULL, 3, &offset, &name, &value, &found), SPK_NULL_POINTER);
    IS(spk_cookie_next(cookies, 3, NULL, &name, &value, &found), SPK_NULL_POINTER);
    IS(spk_cookie_next(cookies, 3, &offset, NULL, &value, &found), SPK_NULL_POINTER);
    IS(spk_cookie_next(cookies, 3, &offset, &name, NULL, &found), SPK_NULL_POINTER);
    IS(spk_cookie_next(cookies, 3, &offset, &name, &value, NULL), SPK_NULL_POINTER);
    CHECK(offset == 0 && found == 77);

    spk_app *app = make_app("");
    IS(spk_app_new(NULL), SPK_NULL_POINTER);
    IS(spk_app_configure(NULL, JSON, 2), SPK_NULL_POINTER);
    IS(spk_app_configure(app, NULL, 2), SPK_NULL_POINTER);
    IS(spk_app_configure(app, NULL, 0), SPK_INVALID_JSON);
    IS(spk_app_route(NULL, JSON, 2), SPK_NULL_POINTER);
    IS(spk_app_route(app, NULL, 2), SPK_NULL_POINTER);
    SAME(last_error(), "json is NULL");
    IS(spk_app_judge(NULL, 0, JSON, 2, &text, &length), SPK_NULL_POINTER);
    IS(spk_app_judge(app, 0, NULL, 2, &text, &length), SPK_NULL_POINTER);
    IS(spk_app_judge(app, 0, JSON, 2, NULL, &length), SPK_NULL_POINTER);
    IS(spk_app_judge(app, 0, JSON, 2, &text, NULL), SPK_NULL_POINTER);
    CHECK(text == NULL && length == 77);
    /* A route without a schema admits everything, and so does one that is not there. */
    OK(spk_app_judge(app, 0, JSON, 2, &text, &length));
    CHECK(length == 0);
    OK(spk_app_judge(app, UINT32_MAX, NULL, 0, &text, &length));
    CHECK(length == 0);
    judged_by_the_host(app);
    spk_app_free(app);
    spk_app_free(NULL);
}

static void null_workers(void) {
    fixture self;
    spk_host host = host_of(&self);
    spk_app *app = make_app("");
    spk_worker *worker = NULL;
    uint32_t number = 77;
    uint64_t ms = 77;
    int32_t fd = 77;
    spk_text text;
    spk_stats stats;
    spk_port *port = NULL;
    IS(spk_worker_new_in_process(NULL, &host, &worker), SPK_NULL_POINTER);
    IS(spk_worker_new_in_process(app, NULL, &worker), SPK_NULL_POINTER);
    IS(spk_worker_new_in_process(app, &host, NULL), SPK_NULL_POINTER);
    host.event = NULL;
    IS(spk_worker_new_in_process(app, &host, &worker), SPK_NULL_POINTER);
    IS(spk_worker_turn(NULL, &number, &ms), SPK_NULL_POINTER);
    IS(spk_worker_fd(NULL, &fd), SPK_NULL_POINTER);
    IS(spk_worker_engine(NULL, &text), SPK_NULL_POINTER);
    IS(spk_worker_run(NULL), SPK_NULL_POINTER);
    IS(spk_worker_stop(NULL, 0), SPK_NULL_POINTER);
    IS(spk_worker_port(NULL, &port), SPK_NULL_POINTER);
    IS(spk_worker_stats(NULL, &stats), SPK_NULL_POINTER);
    IS(spk_inject(NULL, 1, JSON, 2), SPK_NULL_POINTER);
    OK(spk_worker_free(NULL));
    spk_port_free(NULL);
    CHECK(worker == NULL && port == NULL && number == 77 && ms == 77 && fd == 77);
    spk_app_free(app);

    open_server(&self, answer_hello);
    IS(spk_worker_turn(self.worker, NULL, &ms), SPK_NULL_POINTER);
    IS(spk_worker_turn(self.worker, &number, NULL), SPK_NULL_POINTER);
    IS(spk_worker_fd(self.worker, NULL), SPK_NULL_POINTER);
    IS(spk_worker_engine(self.worker, NULL), SPK_NULL_POINTER);
    IS(spk_worker_port(self.worker, NULL), SPK_NULL_POINTER);
    IS(spk_worker_stats(self.worker, NULL), SPK_NULL_POINTER);
    close_fixture(&self);
    open_in_process(&self, answer_hello);
    IS(spk_inject(self.worker, 1, NULL, 2), SPK_NULL_POINTER);
    close_fixture(&self);
}

/* The listener is the worker's, also when there is none in the end. */
static void null_listeners(void) {
    fixture self;
    spk_host host = host_of(&self);
    spk_app *app = make_app("");
    spk_worker *worker = NULL;
    uint32_t port = 0;
    int32_t fd = listener(&port);
    IS(spk_worker_new(NULL, &host, fd, &worker), SPK_NULL_POINTER);
    CHECK(fcntl(fd, F_GETFD) == -1);
    fd = listener(&port);
    IS(spk_worker_new(app, NULL, fd, &worker), SPK_NULL_POINTER);
    CHECK(fcntl(fd, F_GETFD) == -1);
    fd = listener(&port);
    IS(spk_worker_new(app, &host, fd, NULL), SPK_NULL_POINTER);
    CHECK(fcntl(fd, F_GETFD) == -1);
    IS(spk_worker_new(app, &host, -1, &worker), SPK_INVALID_ARGUMENT);
    CHECK(worker == NULL);
    spk_app_free(app);
    const uint8_t *any = (const uint8_t *)"127.0.0.1";
    IS(spk_listen(NULL, 9, 0, 1, 16, &fd, &port), SPK_NULL_POINTER);
    IS(spk_listen(any, 9, 0, 1, 16, NULL, &port), SPK_NULL_POINTER);
    IS(spk_listen(any, 9, 0, 1, 16, &fd, NULL), SPK_NULL_POINTER);
    IS(spk_listen_configured(NULL, 2, 1, &fd, &port), SPK_NULL_POINTER);
    IS(spk_listen_configured(JSON, 2, 1, NULL, &port), SPK_NULL_POINTER);
    IS(spk_listen_configured(JSON, 2, 1, &fd, NULL), SPK_NULL_POINTER);
    IS(spk_listen_configured(JSON, 2, 0, &fd, &port), SPK_INVALID_ARGUMENT);
    IS(spk_listen_configured(JSON, 1, 1, &fd, &port), SPK_INVALID_JSON);
}

static void null_parents(void) {
    spk_text word = text_of("true"), broken = {NULL, 4};
    int32_t code = 77, fd = 77;
    uint32_t number = 77;
    spk_inherited *inherited = (spk_inherited *)&number;
    IS(spk_supervise(NULL, 2, &word, 1, NULL, NULL, &code), SPK_NULL_POINTER);
    IS(spk_supervise(JSON, 2, NULL, 1, NULL, NULL, &code), SPK_NULL_POINTER);
    IS(spk_supervise(JSON, 2, NULL, 0, NULL, NULL, &code), SPK_INVALID_ARGUMENT);
    IS(spk_supervise(JSON, 2, &broken, 1, NULL, NULL, &code), SPK_NULL_POINTER);
    IS(spk_supervise(JSON, 2, &word, 1, NULL, NULL, NULL), SPK_NULL_POINTER);
    IS(spk_supervise(JSON, 1, &word, 1, NULL, NULL, &code), SPK_INVALID_JSON);
    IS(spk_inherit(NULL), SPK_NULL_POINTER);
    IS(spk_inherited_place(NULL, &number, &number, &fd), SPK_NULL_POINTER);
    IS(spk_inherited_listener(NULL, &fd), SPK_NULL_POINTER);
    IS(spk_inherited_ready(NULL, JSON, 2), SPK_NULL_POINTER);
    IS(spk_inherited_obey(NULL, NULL, &number), SPK_NULL_POINTER);
    spk_inherited_free(NULL);
    CHECK(code == 77 && fd == 77 && number == 77);
    OK(spk_inherit(&inherited));
    CHECK(inherited == NULL); /* This process has no parent of that kind. */
}

static uint32_t configure(spk_app *app, const char *json) {
    return spk_app_configure(app, (const uint8_t *)json, strlen(json));
}

static uint32_t route(spk_app *app, const char *json) {
    return spk_app_route(app, (const uint8_t *)json, strlen(json));
}

static void wrong_documents(void) {
    spk_app *app = make_app("");
    IS(configure(app, "{"), SPK_INVALID_JSON);
    IS(configure(app, "[]"), SPK_CONFIG_REFUSED);
    IS(configure(app, "{\"prot\":1,\"port\":70000}"), SPK_CONFIG_REFUSED);
    HAS(last_error(), "/prot");
    HAS(last_error(), "/port");
    IS(configure(app, "{\"host\":\"\xff\"}"), SPK_INVALID_ARGUMENT);
    IS(route(app, "nonsense"), SPK_INVALID_JSON);
    IS(route(app, "{}"), SPK_ROUTE_REFUSED);
    IS(route(app, "{\"methods\":[\"GET\"],\"path\":\"/a\",\"handler\":0,\"name\":\"a\",\"x\":1}"),
       SPK_ROUTE_REFUSED);
    IS(route(app, "{\"methods\":[\"GET\"],\"path\":\"a{\",\"handler\":0,\"name\":\"a\"}"),
       SPK_ROUTE_REFUSED);
    CHECK(strlen(last_error()) > 10);
    spk_app_free(app);
}

static void wrong_versions(void) {
    CHECK(spk_abi_version() == SPK_ABI_VERSION);
    fixture self;
    spk_app *app = make_app("");
    spk_worker *worker = NULL;
    spk_host host = host_of(&self);
    host.version = SPK_ABI_VERSION + 1;
    IS(spk_worker_new_in_process(app, &host, &worker), SPK_STALE_VERSION);
    host = host_of(&self);
    host.kinds = UINT64_C(1) << SPK_EVENT_INJECTED;
    IS(spk_worker_new_in_process(app, &host, &worker), SPK_UNSUPPORTED);
    /* Of a smaller struct, not a byte behind its size is read. */
    uint32_t *stale = malloc(sizeof *stale);
    *stale = sizeof *stale;
    IS(spk_worker_new_in_process(app, (const spk_host *)(void *)stale, &worker), SPK_STALE_VERSION);
    CHECK(worker == NULL);
    spk_app_free(app);

    open_in_process(&self, answer_later);
    send_request(&self, GET("/call"));
    turn_once(&self);
    IS(spk_reply(self.port, self.call, (const spk_reply_view *)(void *)stale), SPK_STALE_VERSION);
    free(stale);
    OK(reply_text(self.port, self.call, "hello")); /* The call is as it was. */
    SAME(receive_reply(&self, -1), HELLO_REPLY);
    close_fixture(&self);
}

static void lengths_no_object_has(void) {
    spk_app *app = make_app("");
    IS(spk_app_configure(app, JSON, SIZE_MAX), SPK_INVALID_ARGUMENT);
    IS(spk_app_route(app, JSON, (size_t)PTRDIFF_MAX + 1), SPK_INVALID_ARGUMENT);
    spk_app_free(app);
    size_t offset = 0;
    spk_text name, value;
    uint32_t found;
    IS(spk_cookie_next(JSON, SIZE_MAX, &offset, &name, &value, &found), SPK_INVALID_ARGUMENT);
}

static void not_of_this_worker(void) {
    fixture self;
    int32_t fd;
    spk_text text;
    open_in_process(&self, answer_hello);
    IS(spk_worker_fd(self.worker, &fd), SPK_UNSUPPORTED);
    IS(spk_worker_engine(self.worker, &text), SPK_UNSUPPORTED);
    IS(spk_worker_run(self.worker), SPK_UNSUPPORTED);
    IS(spk_worker_stop(self.worker, 0), SPK_UNSUPPORTED);
    close_fixture(&self);
    open_server(&self, answer_hello);
    IS(spk_inject(self.worker, 1, JSON, 2), SPK_UNSUPPORTED);
    OK(spk_worker_engine(self.worker, &text));
    CHECK(text.length >= 5 && memcmp(text.bytes, "epoll", 5) == 0);
    close_fixture(&self);
}

static void addresses_that_cannot_be(void) {
    const uint8_t *any = (const uint8_t *)"127.0.0.1", *none = (const uint8_t *)"no such host";
    uint32_t port = 0, taken = 0;
    int32_t fd = 77, fds[3] = {-1, -1, -1};
    IS(spk_listen(any, 9, 65536, 1, 16, &fd, &port), SPK_INVALID_ARGUMENT);
    IS(spk_listen(any, 9, 0, 0, 16, &fd, &port), SPK_INVALID_ARGUMENT);
    IS(spk_listen(none, 12, 0, 1, 16, &fd, &port), SPK_BIND_FAILED);
    OK(spk_listen(any, 9, 0, 3, 16, fds, &taken));
    IS(spk_listen(any, 9, taken, 1, 16, &fd, &port), SPK_ADDRESS_IN_USE);
    HAS(last_error(), "127.0.0.1");
    CHECK(fd == 77 && port == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(close(fds[i]) == 0);
    }
}

static void cookies_one_by_one(void) {
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", "x=y"}, {"c", "quo ted"}, {"d", ""},
    };
    const char *text = " a=1; nothing;b=x=y; c=\"quo ted\" ;=v; d=";
    const uint8_t *header = (const uint8_t *)text;
    size_t length = strlen(text);
    size_t offset = 0;
    uint32_t found = 77;
    spk_text name, value;
    for (size_t i = 0; i < 4; i++) {
        OK(spk_cookie_next(header, length, &offset, &name, &value, &found));
        CHECK(found == 1 && name.length == strlen(expected[i][0]));
        CHECK(memcmp(name.bytes, expected[i][0], name.length) == 0);
        CHECK(value.length == strlen(expected[i][1]));
        CHECK(memcmp(value.bytes, expected[i][1], value.length) == 0);
    }
    for (int i = 0; i < 2; i++) {
        OK(spk_cookie_next(header, length, &offset, &name, &value, &found));
        CHECK(found == 0);
    }
    offset = SIZE_MAX;
    OK(spk_cookie_next(header, length, &offset, &name, &value, &found));
    CHECK(found == 0);
    offset = 0;
    OK(spk_cookie_next(NULL, 0, &offset, &name, &value, &found));
    CHECK(found == 0);
}

static void names_of_numbers(void) {
    const uint8_t *text = NULL;
    size_t length = 0;
    OK(spk_status_name(SPK_STALE_CALL, &text, &length));
    CHECK(length == 14 && memcmp(text, "SPK_STALE_CALL", 14) == 0);
    OK(spk_status_name(12345, &text, &length));
    CHECK(length == 0);
}

const check_case ARGUMENT_CASES[] = {
    {"null_texts_and_apps", null_texts_and_apps},
    {"null_workers", null_workers},
    {"null_listeners", null_listeners},
    {"null_parents", null_parents},
    {"wrong_documents", wrong_documents},
    {"wrong_versions", wrong_versions},
    {"lengths_no_object_has", lengths_no_object_has},
    {"not_of_this_worker", not_of_this_worker},
    {"addresses_that_cannot_be", addresses_that_cannot_be},
    {"cookies_one_by_one", cookies_one_by_one},
    {"names_of_numbers", names_of_numbers},
    {NULL, NULL},
};
