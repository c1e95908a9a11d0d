/* Sizes and offsets of the structs of spikard.h on 64-bit platforms.
 * Printed from ffi/tests/layout/mod.rs by ffi/tests/header.rs. Do not edit. */
#define LAYOUT(SIZE, FIELD) \
    SIZE(spk_text, 16) \
    FIELD(spk_text, bytes, 0, 8) \
    FIELD(spk_text, length, 8, 8) \
    SIZE(spk_span, 8) \
    FIELD(spk_span, start, 0, 4) \
    FIELD(spk_span, length, 4, 4) \
    SIZE(spk_field, 16) \
    FIELD(spk_field, name, 0, 8) \
    FIELD(spk_field, value, 8, 8) \
    SIZE(spk_argument, 16) \
    FIELD(spk_argument, kind, 0, 4) \
    FIELD(spk_argument, length, 4, 4) \
    FIELD(spk_argument, bits, 8, 8) \
    SIZE(spk_call, 328) \
    FIELD(spk_call, size, 0, 4) \
    FIELD(spk_call, function, 4, 4) \
    FIELD(spk_call, placement, 8, 4) \
    FIELD(spk_call, version_minor, 12, 4) \
    FIELD(spk_call, head, 16, 16) \
    FIELD(spk_call, fields, 32, 8) \
    FIELD(spk_call, field_count, 40, 8) \
    FIELD(spk_call, method, 48, 8) \
    FIELD(spk_call, target, 56, 8) \
    FIELD(spk_call, path, 64, 8) \
    FIELD(spk_call, query, 72, 8) \
    FIELD(spk_call, arguments, 80, 8) \
    FIELD(spk_call, argument_count, 88, 8) \
    FIELD(spk_call, argument_text, 96, 16) \
    FIELD(spk_call, body, 112, 16) \
    FIELD(spk_call, request_id, 128, 16) \
    FIELD(spk_call, route, 144, 16) \
    FIELD(spk_call, client_address, 160, 16) \
    FIELD(spk_call, client_port, 176, 4) \
    FIELD(spk_call, has_body, 180, 4) \
    FIELD(spk_call, uploads, 184, 8) \
    FIELD(spk_call, upload_count, 192, 8) \
    FIELD(spk_call, upload_text, 200, 16) \
    FIELD(spk_call, upload_bytes, 216, 16) \
    FIELD(spk_call, upload_descriptor, 232, 4) \
    FIELD(spk_call, purpose, 236, 4) \
    FIELD(spk_call, exchange, 240, 8) \
    FIELD(spk_call, made, 248, 56) \
    FIELD(spk_call, claims, 304, 16) \
    FIELD(spk_call, scheme, 320, 4) \
    SIZE(spk_made, 56) \
    FIELD(spk_made, status, 0, 4) \
    FIELD(spk_made, reserved, 4, 4) \
    FIELD(spk_made, field_text, 8, 16) \
    FIELD(spk_made, fields, 24, 8) \
    FIELD(spk_made, field_count, 32, 8) \
    FIELD(spk_made, body, 40, 16) \
    SIZE(spk_edit, 40) \
    FIELD(spk_edit, kind, 0, 4) \
    FIELD(spk_edit, reserved, 4, 4) \
    FIELD(spk_edit, name, 8, 16) \
    FIELD(spk_edit, value, 24, 16) \
    SIZE(spk_answer_view, 64) \
    FIELD(spk_answer_view, size, 0, 4) \
    FIELD(spk_answer_view, kind, 4, 4) \
    FIELD(spk_answer_view, flags, 8, 4) \
    FIELD(spk_answer_view, reserved, 12, 4) \
    FIELD(spk_answer_view, reply, 16, 8) \
    FIELD(spk_answer_view, text, 24, 16) \
    FIELD(spk_answer_view, edits, 40, 8) \
    FIELD(spk_answer_view, edit_count, 48, 8) \
    FIELD(spk_answer_view, pool_run, 56, 8) \
    SIZE(spk_upload, 56) \
    FIELD(spk_upload, name, 0, 8) \
    FIELD(spk_upload, filename, 8, 8) \
    FIELD(spk_upload, content_type, 16, 8) \
    FIELD(spk_upload, headers, 24, 8) \
    FIELD(spk_upload, start, 32, 8) \
    FIELD(spk_upload, size, 40, 8) \
    FIELD(spk_upload, keeping, 48, 4) \
    FIELD(spk_upload, reserved, 52, 4) \
    SIZE(spk_host, 48) \
    FIELD(spk_host, size, 0, 4) \
    FIELD(spk_host, version, 4, 4) \
    FIELD(spk_host, kinds, 8, 8) \
    FIELD(spk_host, userdata, 16, 8) \
    FIELD(spk_host, event, 24, 8) \
    FIELD(spk_host, wake, 32, 8) \
    FIELD(spk_host, log, 40, 8) \
    SIZE(spk_pair, 32) \
    FIELD(spk_pair, name, 0, 16) \
    FIELD(spk_pair, value, 16, 16) \
    SIZE(spk_pool_run, 16) \
    FIELD(spk_pool_run, wall_ns, 0, 8) \
    FIELD(spk_pool_run, waits, 8, 8) \
    SIZE(spk_reply_view, 64) \
    FIELD(spk_reply_view, size, 0, 4) \
    FIELD(spk_reply_view, status, 4, 4) \
    FIELD(spk_reply_view, content_type, 8, 16) \
    FIELD(spk_reply_view, fields, 24, 8) \
    FIELD(spk_reply_view, field_count, 32, 8) \
    FIELD(spk_reply_view, body, 40, 16) \
    FIELD(spk_reply_view, pool_run, 56, 8) \
    SIZE(spk_stats, 24) \
    FIELD(spk_stats, connections, 0, 8) \
    FIELD(spk_stats, in_flight, 8, 8) \
    FIELD(spk_stats, orphans, 16, 8) \
    SIZE(spk_injected, 24) \
    FIELD(spk_injected, size, 0, 4) \
    FIELD(spk_injected, reserved, 4, 4) \
    FIELD(spk_injected, reply, 8, 16) \
    SIZE(spk_stall, 40) \
    FIELD(spk_stall, size, 0, 4) \
    FIELD(spk_stall, for_ms, 4, 4) \
    FIELD(spk_stall, name, 8, 16) \
    FIELD(spk_stall, route, 24, 16)
