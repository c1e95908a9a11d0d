//! Rules of the engine that a test build can switch off, one at a time.
//!
//! A rule that nobody misses when it is off is a rule that no fixture covers. `cargo xtask
//! sabotage` builds with the feature `sabotage`, switches off each rule of the table and wants a
//! fixture to fail. Without the feature a hook is a constant and nothing of this is in the binary.
//! Lies in the lowest crate because hooks are in all of them; knows nothing of what a rule says.

#[cfg(feature = "sabotage")]
pub use armed::{RULES, is_off, off_in, switch_off};
#[cfg(not(feature = "sabotage"))]
pub use harmless::{RULES, is_off, off_in, switch_off};

/// What is shipped: nothing can be switched off, and the optimiser sees it.
#[cfg(not(feature = "sabotage"))]
mod harmless {
    /// The rules that can be switched off: none without the feature.
    pub const RULES: &[&str] = &[];

    /// Whether the rule is switched off.
    #[inline(always)]
    #[must_use]
    pub const fn is_off(_: &str) -> bool {
        false
    }

    /// The rest of the name of the rule that is off, if it is one of this family (`keyword/`).
    #[inline(always)]
    #[must_use]
    pub const fn off_in(_: &str) -> Option<&'static str> {
        None
    }

    /// Switches off a rule, or none.
    pub const fn switch_off(_: Option<usize>) {}
}

#[cfg(feature = "sabotage")]
mod armed {
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The rule that is off, one more than its place in the table; 0 for none.
    static OFF: AtomicUsize = AtomicUsize::new(0);

    /// Whether the rule is switched off.
    ///
    /// # Panics
    /// If the table has no such rule: a hook that can never be reached proves nothing.
    #[must_use]
    pub fn is_off(rule: &str) -> bool {
        assert!(RULES.contains(&rule), "the table has no rule {rule}");
        current() == Some(rule)
    }

    /// The rest of the name of the rule that is off, if it is one of this family (`keyword/`).
    #[must_use]
    pub fn off_in(family: &str) -> Option<&'static str> {
        current().and_then(|rule| rule.strip_prefix(family))
    }

    /// Switches off a rule of the table by its place, or none, for the whole process.
    pub fn switch_off(rule: Option<usize>) {
        OFF.store(rule.map_or(0, |place| place + 1), Ordering::Relaxed);
    }

    fn current() -> Option<&'static str> {
        let place = OFF.load(Ordering::Relaxed).checked_sub(1)?;
        RULES.get(place).copied()
    }

    /// The rules that can be switched off, by family. What each hook does instead of the rule is
    /// said where the hook is.
    #[rustfmt::skip]
    pub const RULES: &[&str] = &[
        // Schema keywords: a schema is compiled without them.
        "keyword/type", "keyword/enum", "keyword/const", "keyword/multipleOf", "keyword/maximum",
        "keyword/exclusiveMaximum", "keyword/minimum", "keyword/exclusiveMinimum",
        "keyword/maxLength", "keyword/minLength", "keyword/pattern", "keyword/maxItems",
        "keyword/minItems", "keyword/uniqueItems", "keyword/contains", "keyword/maxContains",
        "keyword/minContains", "keyword/maxProperties", "keyword/minProperties",
        "keyword/required", "keyword/dependentRequired", "keyword/dependentSchemas",
        "keyword/dependencies", "keyword/propertyNames", "keyword/properties",
        "keyword/patternProperties", "keyword/additionalProperties", "keyword/items",
        "keyword/prefixItems", "keyword/additionalItems", "keyword/unevaluatedItems",
        "keyword/unevaluatedProperties",
        "keyword/allOf", "keyword/anyOf", "keyword/oneOf", "keyword/not", "keyword/if",
        "keyword/then", "keyword/else", "keyword/$ref", "keyword/format",
        // One type or format only.
        "type/integer", "type/number", "type/boolean", "type/string", "type/array", "type/object",
        "type/null",
        "format/uuid", "format/date", "format/time", "format/date-time", "format/duration",
        "format/email", "format/uri", "format/ipv4", "format/ipv6", "format/hostname",
        "format/uri-reference", "format/uri-template", "format/iri", "format/iri-reference",
        "format/json-pointer", "format/relative-json-pointer", "format/regex",
        "format/idn-email", "format/idn-hostname",
        // Sources: nothing is found there.
        "source/path", "source/query", "source/headers", "source/cookie", "source/body",
        "source/files",
        // Text to value: text stays text.
        "convert/integer", "convert/number", "convert/boolean", "convert/list",
        "convert/separator", "convert/brackets", "convert/indexes", "convert/empty-flag",
        "convert/text-format", "convert/choice", "convert/bracket-depth", "convert/flat",
        // How names and values are found.
        "parameter/alias", "parameter/hint", "parameter/header-underscore",
        "parameter/header-commas", "parameter/header-lines", "parameter/first-cookie",
        "parameter/last-value", "parameter/required", "parameter/default", "parameter/rest",
        "parameter/pairs-max", "parameter/decoding",
        // JSON text.
        "json/syntax", "json/depth", "json/duplicate-keys", "json/position", "json/empty-body",
        "json/number-range", "json/surrogates",
        // Forms.
        "form/media", "form/charset", "form/fields-max",
        "form/name-max", "form/memory-max",
        // Multipart bodies: bounds, and what parsers disagree about.
        "multipart/end", "multipart/parts-max", "multipart/header-max", "multipart/fields-max",
        "multipart/preamble-max", "multipart/boundary-max", "multipart/transfer-encoding",
        "multipart/extended-parameter", "multipart/name-once",
        // Coded bodies: `end` wants them whole, `behind` wants nothing after them. What bounds how
        // far they unfold is missing because the body's own limit stands behind it and answers the
        // same; `middleware/tests` covers it.
        "inflate/end", "inflate/behind", "inflate/known", "inflate/one",
        // Files.
        "file/required", "file/multiple", "file/types", "file/empty", "file/max-size", "file/magic",
        // Media types and charsets.
        "media/type", "media/suffix", "media/charset", "media/missing-from-browser",
        "limit/body-declared", "limit/body-received",
        // Codings of replies. `any`: `*` is no coding's name; `min-size`, `type`, `coded`,
        // `no-transform`: the rule is not asked; `vary`, `etag`, `accept-ranges`, `known-tag`,
        // `part-vary`: the field stays as it is; `file`: one that is sent in pieces does.
        "accept-encoding/any", "accept-encoding/weight", "compression/min-size",
        "compression/type", "compression/coded", "compression/no-transform", "compression/vary",
        "compression/etag", "compression/route", "compression/file", "compression/accept-ranges",
        "compression/known-tag", "compression/part-vary",
        // Routing.
        "route/literal-first", "route/typed", "route/mismatch", "route/head-from-get",
        "route/options", "route/allow", "route/decoding",
        // Conditional requests. `unreadable`: a list that cannot be read is not met; `one-date`: of
        // two dates the first counts.
        "condition/if-match", "condition/if-unmodified-since", "condition/if-none-match",
        "condition/if-modified-since", "condition/strong", "condition/weak", "condition/tags-win",
        "condition/lines", "condition/unreadable", "condition/one-date", "condition/methods",
        "condition/success",
        // Ranges. `strong`: a weak tag is as good; `most`, `overlap`: the set is served.
        "range/methods", "range/if-range", "range/strong", "range/most", "range/suffix",
        "range/overlap", "range/unsatisfiable",
        // Static files. `beneath`: a name is opened wherever it leads; `settled`: every tag is a
        // strong one; `stale`: a sibling may be older; `slash`: a folder needs none.
        "static/dots", "static/hidden", "static/encoded-slash", "static/beneath", "static/settled",
        "static/charset", "static/slash", "static/stale", "static/nosniff", "static/vary",
        "static/routes-first", "static/compression",
        // Cookies on replies, and what a handler wrote. `status`: 200 instead; `field`: a refused
        // one is left out; `framing`, `length`: it is not looked at; `content-fields`: those of a
        // body that is not sent stay.
        "cookie/set-name", "cookie/set-value", "cookie/set-length", "cookie/set-attributes",
        "cookie/set-security", "cookie/set-host-prefix", "cookie/set-negative-age",
        "reply/status", "reply/field", "reply/one-content-type", "reply/one-line", "reply/framing",
        "reply/length", "reply/head-length", "reply/body-of-204", "reply/body-of-205",
        "reply/content-fields",
        // Hooks: those of a phase are not called, their changes of the request are not made; `end`:
        // those on errors see the reply of a hook that failed.
        "hooks/on_request", "hooks/pre_validation", "hooks/pre_handler", "hooks/on_response",
        "hooks/on_error", "hooks/edits", "hooks/close",
        "hooks/framing", "hooks/rename", "hooks/end",
        // Helpers of replies: what they refuse is taken. `weak`: a weak tag is written strong;
        // `content`: every content has the same tag.
        "redirect/status", "redirect/location", "etag/syntax", "etag/weak", "etag/content",
        // The list of faults.
        "rows/all", "rows/order", "rows/once", "rows/input", "rows/ctx", "rows/loc", "rows/count",
        "rows/input-max", "rows/values-max", "rows/key-max", "rows/exact",
        // A row says another type.
        "row/missing", "row/int_parsing", "row/float_parsing", "row/bool_parsing",
        "row/string_type", "row/list_type", "row/dict_type", "row/none_required",
        "row/uuid_parsing", "row/datetime_parsing", "row/date_parsing", "row/time_parsing",
        "row/duration_parsing", "row/string_pattern_mismatch", "row/format_error",
        "row/string_too_short", "row/string_too_long", "row/greater_than",
        "row/greater_than_equal", "row/less_than_equal", "row/less_than", "row/multiple_of",
        "row/enum", "row/literal_error", "row/too_short", "row/too_long", "row/unique_items",
        "row/extra_forbidden", "row/too_few_properties", "row/too_many_properties", "row/one_of",
        "row/any_of", "row/not_allowed", "row/dependent_required", "row/conditional",
        "row/contains", "row/file_type", "row/file_empty", "row/file_too_large",
        "row/file_magic_mismatch",
        // Tokens and keys. A rule that is off accepts what it refuses. `leeway` is missing as a
        // fixture has no clock; `middleware/tests` covers it.
        "jwt/algorithm", "jwt/signature", "jwt/kid", "jwt/crit", "jwt/duplicate-keys", "jwt/exp",
        "jwt/nbf", "jwt/issuer", "jwt/audience", "jwt/require-exp",
        "jwt/required-claims", "jwt/one-field", "jwt/scheme", "jwt/cookie", "api-key/compare",
        "api-key/header", "api-key/query", "api-key/one",
        // What a route says of auth is not heard.
        "auth/protect", "auth/optional", "auth/excluded", "auth/any", "auth/jwt", "auth/api-key",
        // Who the client is: what proxies say is not heard.
        "client-address/proxies",
        // How it came. `told`: nobody says; `trust`: anybody may; `entry`: the leftmost counts.
        "scheme/told", "scheme/trust", "scheme/entry",
        // Rate limits. `count`: nobody is refused; `route`: a route has none of its own;
        // `stricter`: the last limit is told, not the one that leaves less; `ceiling`: seconds are
        // rounded down. Who is one client, a fixture's only one cannot show; `middleware/tests` do.
        "rate-limit/count", "rate-limit/route", "rate-limit/stricter", "rate-limit/fields",
        "rate-limit/retry-after", "rate-limit/ceiling",
        // Replies: not judged; judged whatever their status or media type; a route's own mode is
        // not heard.
        "response/schema", "response/status", "response/media", "response/route",
        // What a route says of a setting is not heard; its headers go on failures, too, or take the
        // place of the handler's.
        "route-setting/body-limit", "route-setting/timeout", "route-headers/success",
        "route-headers/handler-first",
        "security-headers/handler-first", "health/no-store", "health/first",
        // CORS. `preflight`, `preflight-route`: it is routed as OPTIONS, or as the server's;
        // `origins`: all are allowed; `*-case`: compared the other way; `whole-labels`: a domain's
        // ending is enough; `vary/*`: a `Vary` that is there is not looked at.
        "cors/preflight", "cors/preflight-route", "cors/lifted-preflight", "cors/origins",
        "cors/one-origin",
        "cors/origin-case", "cors/whole-labels", "cors/scheme", "cors/methods",
        "cors/method-case", "cors/headers", "cors/header-case", "cors/authorization",
        "cors/private-network", "cors/credentials", "cors/vary", "cors/handler-first",
        "route-setting/cors", "vary/star", "vary/once", "vary/merge",
        // A problem has another title. 505 is missing because a fixture has no version of HTTP to
        // give, and 503 because it has no load; `proto-http/tests` and `runtime/tests` cover them.
        "problem/bad-request", "problem/forbidden", "problem/not-found",
        "problem/method-not-allowed",
        "problem/request-timeout", "problem/precondition-failed", "problem/payload-too-large",
        "problem/uri-too-long", "problem/range-not-satisfiable",
        "problem/unsupported-media-type", "problem/unsupported-charset",
        "problem/expectation-failed", "problem/validation-error", "problem/rate-limit-exceeded",
        "problem/request-header-fields-too-large", "problem/internal-server-error",
        "problem/not-implemented", "problem/handler-timeout",
    ];
}
