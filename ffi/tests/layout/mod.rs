//! Sizes and offsets of all that crosses the ABI by value, as Rust lays it out.
//!
//! Printed as a table for the preprocessor, which `tests/c/abi.c` asserts in C: so both sides agree
//! or one of them does not compile. The numbers are those of 64-bit platforms.

use std::mem::offset_of;

use spikard_ffi::{
    abi::{spk_argument, spk_field, spk_span, spk_text},
    call::spk_call,
    hook::{spk_answer_view, spk_edit, spk_made},
    host::{spk_host, spk_stall},
    reply::{spk_pair, spk_pool_run, spk_reply_view},
    upload::spk_upload,
    worker::{spk_injected, spk_stats},
};

/// Size of what a field holds, told by its type alone.
fn size_of_field<S, F>(_: impl Fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! layouts {
    ($($name:ident { $($field:ident,)+ })+) => {
        /// The table, as `tests/c/layout.h` has it.
        pub(crate) fn table() -> String {
            let mut rows = Vec::new();
            $(
                rows.push(format!("SIZE({}, {})", stringify!($name), size_of::<$name>()));
                // A field that is missing in the list does not compile.
                let _ = |$name { $($field: _),+ }: $name| ();
                $(
                    rows.push(format!(
                        "FIELD({}, {}, {}, {})",
                        stringify!($name),
                        stringify!($field),
                        offset_of!($name, $field),
                        size_of_field(|whole: &$name| &whole.$field),
                    ));
                )+
            )+
            let head = "/* Sizes and offsets of the structs of spikard.h on 64-bit platforms.\n \
                * Printed from ffi/tests/layout/mod.rs by ffi/tests/header.rs. Do not edit. */\n\
                #define LAYOUT(SIZE, FIELD) \\\n    ";
            head.to_owned() + &rows.join(" \\\n    ") + "\n"
        }
    };
}

layouts! {
    spk_text { bytes, length, }
    spk_span { start, length, }
    spk_field { name, value, }
    spk_argument { kind, length, bits, }
    spk_call {
        size, function, placement, version_minor, head, fields, field_count, method, target, path,
        query, arguments, argument_count, argument_text, body, request_id, route, client_address,
        client_port, has_body, uploads, upload_count, upload_text, upload_bytes, upload_descriptor,
        purpose, exchange, made, claims, scheme,
    }
    spk_made { status, reserved, field_text, fields, field_count, body, }
    spk_edit { kind, reserved, name, value, }
    spk_answer_view {
        size, kind, flags, reserved, reply, text, edits, edit_count, pool_run,
    }
    spk_upload {
        name, filename, content_type, headers, start, size, keeping, reserved,
    }
    spk_host { size, version, kinds, userdata, event, wake, log, }
    spk_pair { name, value, }
    spk_pool_run { wall_ns, waits, }
    spk_reply_view { size, status, content_type, fields, field_count, body, pool_run, }
    spk_stats { connections, in_flight, orphans, }
    spk_injected { size, reserved, reply, }
    spk_stall { size, for_ms, name, route, }
}
