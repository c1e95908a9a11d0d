/* Requests in process, and their replies byte for byte. The same over a socket. */
#define _POSIX_C_SOURCE 200809L

#include <unistd.h>

#include "support.h"

/* Answers with the body it got. */
static uint32_t echo(fixture *self, uint64_t id, const spk_call *call) {
    CHECK(call->function == 1 && call->has_body == 1 && call->placement == SPK_INLINE);
    CHECK(call->version_minor == 1);
    spk_text head = call->head;
    CHECK(memcmp(head.bytes + call->method.start, "POST", call->method.length) == 0);
    CHECK(memcmp(head.bytes + call->path.start, "/body", call->path.length) == 0);
    CHECK(memcmp(head.bytes + call->query.start, "a=b", call->query.length) == 0);
    CHECK(call->target.length == 9 && call->field_count == 3);
    CHECK(call->route.length == 5 && memcmp(call->route.bytes, "/body", 5) == 0);
    CHECK(call->request_id.length == 0);
    CHECK((call->client_port == 0) == !self->has_sockets);
    spk_field first = call->fields[0];
    CHECK(memcmp(head.bytes + first.name.start, "Host", first.name.length) == 0);
    CHECK(memcmp(head.bytes + first.value.start, "check", first.value.length) == 0);

    spk_pair fields[] = {
        {text_of("x-first"), text_of("1")},
        {text_of("x-first"), text_of("2")},
        {text_of("content-length"), text_of("4")},
    };
    spk_reply_view reply;
    memset(&reply, 0, sizeof reply);
    reply.size = sizeof reply;
    reply.status = 201;
    reply.content_type = text_of("text/plain");
    reply.fields = fields;
    reply.field_count = 3;
    reply.body = call->body;
    self->status = spk_reply(self->port, id, &reply);
    return SPK_OUTCOME_DONE;
}

static void check_echo(fixture *self) {
    const char *reply = exchange(self, "POST /body?a=b HTTP/1.1\r\nHost:  check \r\n"
                                       "Connection: close\r\nContent-Length: 4\r\n\r\nping");
    OK(self->status);
    SAME(reply, "HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\nx-first: 1\r\nx-first: 2\r\n"
                "content-length: 4\r\nconnection: close\r\n\r\nping");
    CHECK(self->calls == 1 && self->errors == 0);
    close_fixture(self);
}

static void echo_in_process(void) {
    fixture self;
    open_in_process(&self, echo);
    check_echo(&self);
}

static void echo_over_a_socket(void) {
    fixture self;
    open_server(&self, echo);
    check_echo(&self);
}

static uint32_t typed(fixture *self, uint64_t id, const spk_call *call) {
    static const uint32_t kinds[] = {
        SPK_ARGUMENT_INTEGER, SPK_ARGUMENT_FLOAT, SPK_ARGUMENT_TRUE,    SPK_ARGUMENT_ABSENT,
        SPK_ARGUMENT_LIST,    SPK_ARGUMENT_INTEGER, SPK_ARGUMENT_INTEGER, SPK_ARGUMENT_STRING,
    };
    CHECK(call->argument_count == 8);
    const spk_argument *arguments = call->arguments;
    for (size_t i = 0; i < 8; i++) {
        CHECK(arguments[i].kind == kinds[i]);
    }
    double ratio;
    memcpy(&ratio, &arguments[1].bits, sizeof ratio);
    CHECK((int64_t)arguments[0].bits == -5 && ratio > 0.24 && ratio < 0.26);
    CHECK(arguments[4].length == 2 && arguments[5].bits == 8 && arguments[6].bits == 9);
    CHECK(arguments[7].length == 3);
    CHECK(memcmp(call->argument_text.bytes + arguments[7].bits, "Ada", 3) == 0);
    self->status = reply_text(self->port, id, "hello");
    return SPK_OUTCOME_DONE;
}

static void typed_arguments(void) {
    fixture self;
    open_in_process(&self, typed);
    const char *reply = exchange(&self, "GET /typed/-5?ratio=0.25&flag=true&tags=8&tags=9 HTTP/1.1"
                                        "\r\nhost: check\r\nx-name: Ada\r\n"
                                        "connection: close\r\n\r\n");
    SAME(reply, HELLO_REPLY);
    CHECK(strstr(exchange(&self, GET("/typed/x")), "HTTP/1.1 422 ") == self.reply);
    CHECK(strstr(exchange(&self, GET("/nowhere")), "HTTP/1.1 404 ") == self.reply);
    CHECK(self.calls == 1);
    close_fixture(&self);
}

static bool span_is(spk_text text, spk_span span, const char *expected) {
    return span.length == strlen(expected) &&
           memcmp(text.bytes + span.start, expected, span.length) == 0;
}

/* Looks at two files, wherever they are. */
static uint32_t files(fixture *self, uint64_t id, const spk_call *call) {
    static const char *const contents[] = {"first", "second one"};
    CHECK(call->upload_count == 2 && call->has_body == 1);
    CHECK(call->body.length == 2 && memcmp(call->body.bytes, "{}", 2) == 0);
    for (size_t i = 0; i < 2; i++) {
        const spk_upload *upload = &call->uploads[i];
        size_t size = strlen(contents[i]);
        CHECK(span_is(call->upload_text, upload->name, "f"));
        CHECK(span_is(call->upload_text, upload->filename, i == 0 ? "a.txt" : "b"));
        CHECK(span_is(call->upload_text, upload->content_type, i == 0 ? "text/plain" : ""));
        CHECK(upload->size == size && upload->reserved == 0);
        char content[16] = {0};
        if (upload->keeping == SPK_UPLOAD_SPOOL) {
            int fd = dup(call->upload_descriptor);
            CHECK(fd >= 0 && pread(fd, content, size, (off_t)upload->start) == (ssize_t)size);
            close(fd);
        } else {
            CHECK(upload->keeping == SPK_UPLOAD_MEMORY && i == 0);
            CHECK(upload->start + size <= call->upload_bytes.length);
            memcpy(content, call->upload_bytes.bytes + upload->start, size);
        }
        CHECK(strcmp(content, contents[i]) == 0);
    }
    self->status = reply_text(self->port, id, "hello");
    return SPK_OUTCOME_DONE;
}

#define PART(rest) "--XX\r\ncontent-disposition: form-data; name=\"f\"; " rest "\r\n"
#define FILES                                                                 \
    PART("filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\nfirst")      \
    PART("filename=\"b\"\r\n\r\nsecond one") "--XX--\r\n"

static void files_from(const char *more) {
    fixture self;
    open_with(&self, files, false, more);
    char request[1024];
    snprintf(request, sizeof request,
             "POST /files HTTP/1.1\r\nhost: check\r\nconnection: close\r\n"
             "content-type: multipart/form-data; boundary=XX\r\ncontent-length: %zu\r\n\r\n%s",
             strlen(FILES), FILES);
    SAME(exchange(&self, request), HELLO_REPLY);
    CHECK(self.calls == 1 && self.errors == 0);
    close_fixture(&self);
}

/* The first stays in memory, the second does not. */
static void files_of_a_form(void) {
    files_from(",\"spool_threshold\":8");
}

static void files_in_a_spool(void) {
    files_from(",\"spool_threshold\":0");
}

/* A request inside the event of another one. */
static uint32_t inject_again(fixture *self, uint64_t id, const spk_call *call) {
    (void)call;
    if (self->calls == 1) {
        const char *second = GET("/call");
        self->status = spk_inject(self->worker, 8, (const uint8_t *)second, strlen(second));
        return SPK_OUTCOME_LATER;
    }
    OK(reply_text(self->port, id, "hello"));
    return SPK_OUTCOME_DONE;
}

static void inject_in_an_event(void) {
    fixture self;
    open_in_process(&self, inject_again);
    SAME(exchange(&self, GET("/call")), HELLO_REPLY);
    OK(self.status);
    CHECK(self.calls == 2);
    spk_stats stats;
    OK(spk_worker_stats(self.worker, &stats));
    CHECK(stats.in_flight == 1 && stats.connections == 0);
    close_fixture(&self);
}

const check_case INJECT_CASES[] = {
    {"echo_in_process", echo_in_process},
    {"echo_over_a_socket", echo_over_a_socket},
    {"typed_arguments", typed_arguments},
    {"files_of_a_form", files_of_a_form},
    {"files_in_a_spool", files_in_a_spool},
    {"inject_in_an_event", inject_in_an_event},
    {NULL, NULL},
};
