/* Hooks: what they are called for, what their answers do, and when their exchange ends. */
#include "support.h"

static const char HOOKS[] =
    "{\"on_request\":{\"function\":10,\"placement\":\"inline\"},"
    "\"pre_validation\":{\"function\":11,\"placement\":\"inline\"},"
    "\"on_error\":{\"function\":12,\"placement\":\"inline\"}}";

static uint32_t answer(fixture *self, uint64_t id, uint32_t kind, const spk_edit *edits,
                       size_t count) {
    spk_answer_view view;
    memset(&view, 0, sizeof view);
    view.size = sizeof view;
    view.kind = kind;
    view.edits = edits;
    view.edit_count = count;
    return spk_answer(self->port, id, &view);
}

/* Every purpose in its order, each of the same exchange. */
static uint32_t in_order(fixture *self, uint64_t id, const spk_call *call) {
    CHECK(call->exchange == 1 && call->made.status == 0);
    if (self->calls == 1) {
        CHECK(call->purpose == SPK_PURPOSE_ON_REQUEST && call->function == 10);
        CHECK(call->route.length == 0 && call->field_count == 2);
        spk_edit edits[] = {
            {SPK_EDIT_SET, 0, text_of("x-a"), text_of("1")},
            {SPK_EDIT_ADD, 0, text_of("x-a"), text_of("2")},
            {SPK_EDIT_REMOVE, 0, text_of("connection-x"), text_of("")},
        };
        OK(answer(self, id, SPK_ANSWER_CONTINUE, edits, 3));
        IS(answer(self, id, SPK_ANSWER_CONTINUE, NULL, 0), SPK_ALREADY_ANSWERED);
        return SPK_OUTCOME_DONE;
    }
    CHECK(call->field_count == 4 && call->route.length == 5);
    if (self->calls == 2) {
        CHECK(call->purpose == SPK_PURPOSE_PRE_VALIDATION && call->function == 11);
        /* Nothing to say: the outcome is enough. */
        return SPK_OUTCOME_CONTINUE;
    }
    CHECK(call->purpose == SPK_PURPOSE_HANDLER && self->ends == 0);
    return answer_hello(self, id, call);
}

static void hooks_in_order(void) {
    fixture self;
    open_hooked(&self, in_order, HOOKS);
    SAME(exchange(&self, GET("/call")), HELLO_REPLY);
    CHECK(self.calls == 3 && self.errors == 0);
    close_fixture(&self);
    CHECK(self.ends == 1);
}

/* The reply to a missing route is shown, and replaced. */
static uint32_t replaces(fixture *self, uint64_t id, const spk_call *call) {
    if (call->purpose == SPK_PURPOSE_ON_REQUEST) {
        return SPK_OUTCOME_CONTINUE;
    }
    CHECK(call->purpose == SPK_PURPOSE_ON_ERROR && call->made.status == 404);
    CHECK(call->made.field_count == 1 && call->made.body.length > 20);
    spk_span name = call->made.fields[0].name;
    CHECK(memcmp(call->made.field_text.bytes + name.start, "content-type", name.length) == 0);
    return answer_hello(self, id, call);
}

static void hooks_on_errors(void) {
    fixture self;
    open_hooked(&self, replaces, HOOKS);
    SAME(exchange(&self, GET("/none")), HELLO_REPLY);
    CHECK(self.calls == 2);
    close_fixture(&self);
    CHECK(self.ends == 1);
}

/* A change that cannot be made, an answer of no kind, and a handler that only goes on. */
static uint32_t misuses(fixture *self, uint64_t id, const spk_call *call) {
    spk_edit edit = {SPK_EDIT_SET, 0, text_of("content-length"), text_of("0")};
    switch (self->calls) {
    case 1:
        self->status = answer(self, id, SPK_ANSWER_CONTINUE, &edit, 1);
        return SPK_OUTCOME_DONE;
    case 2:
        edit.kind = 9;
        IS(answer(self, id, SPK_ANSWER_CONTINUE, &edit, 1), SPK_INVALID_ARGUMENT);
        return SPK_OUTCOME_CONTINUE;
    case 3:
        return SPK_OUTCOME_CONTINUE;
    case 4:
        CHECK(call->purpose == SPK_PURPOSE_HANDLER);
        OK(answer(self, id, SPK_ANSWER_CONTINUE, NULL, 0));
        return SPK_OUTCOME_DONE;
    default:
        CHECK(call->purpose == SPK_PURPOSE_ON_ERROR && call->made.status == 500);
        IS(answer(self, id, 9, NULL, 0), SPK_INVALID_ARGUMENT);
        return SPK_OUTCOME_DONE;
    }
}

static void hooks_misused(void) {
    fixture self;
    open_hooked(&self, misuses, HOOKS);
    HAS(exchange(&self, GET("/call")), "HTTP/1.1 500 ");
    OK(self.status);
    CHECK(self.calls == 1 && self.errors == 1);
    HAS(exchange(&self, GET("/call")), "HTTP/1.1 500 ");
    CHECK(self.calls == 5 && self.errors == 2);
    close_fixture(&self);
    CHECK(self.ends == 2);
    spk_app *app = make_app("");
    IS(spk_app_hooks(app, (const uint8_t *)"{", 1), SPK_INVALID_JSON);
    IS(spk_app_hooks(app, (const uint8_t *)"{\"a\":1}", 7), SPK_ROUTE_REFUSED);
    IS(spk_app_hooks(NULL, (const uint8_t *)"{}", 2), SPK_NULL_POINTER);
    spk_app_free(app);
    IS(spk_answer(NULL, 1, NULL), SPK_NULL_POINTER);
    OK(spk_check_request_id((const uint8_t *)"abc", 3));
    IS(spk_check_request_id((const uint8_t *)"a c", 3), SPK_INVALID_ARGUMENT);
}

const check_case HOOK_CASES[] = {
    {"hooks_in_order", hooks_in_order},
    {"hooks_on_errors", hooks_on_errors},
    {"hooks_misused", hooks_misused},
    {NULL, NULL},
};
