//! The numbers of the C ABI: what functions return, what events a host receives, what it answers.
//!
//! Numbers are append-only: one that has been released never changes its meaning, and a number
//! taken out of use stays as a comment. The C header and each language's constants are printed
//! from `GROUPS`.
//! Knows nothing of the functions that use the numbers.

/// One closed list of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The Rust name of the enum.
    pub name: &'static str,
    /// Doc lines as written; read them through [`crate::meta::sentences`].
    pub doc: &'static [&'static str],
    /// The numbers, ascending.
    pub rows: &'static [Row],
}

/// One number.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The C name, and that of every host language.
    pub name: &'static str,
    /// The number.
    pub number: u32,
    /// Doc lines as written; read them through [`crate::meta::sentences`].
    pub doc: &'static [&'static str],
}

macro_rules! numbers {
    ($($(#[doc = $enum_doc:literal])+ pub enum $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $number:literal $text:literal,)+
    })+) => {
        $(
            $(#[doc = $enum_doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            #[repr(u32)]
            pub enum $name {
                $($(#[doc = $doc])+ $variant = $number,)+
            }

            impl $name {
                /// The list as data.
                pub const GROUP: Group = Group {
                    name: stringify!($name),
                    doc: &[$($enum_doc),+],
                    rows: &[$(Row { name: $text, number: $number, doc: &[$($doc),+] }),+],
                };

                /// The number that crosses the ABI.
                pub const fn number(self) -> u32 {
                    self as u32
                }

                /// The C name.
                pub const fn c_name(self) -> &'static str {
                    match self {
                        $(Self::$variant => $text,)+
                    }
                }

                /// The value with this number, if the list has it.
                pub const fn from_number(number: u32) -> Option<Self> {
                    match number {
                        $($number => Some(Self::$variant),)+
                        _ => None,
                    }
                }
            }
        )+

        /// Every list, in the order of declaration.
        pub const GROUPS: &[Group] = &[$($name::GROUP),+];
    };
}

numbers! {
    /// What every `spk_*` function returns. Outputs are untouched unless it is `SPK_OK`.
    pub enum Status {
        /// The call did what it says.
        Ok = 0 "SPK_OK",
        /// A pointer that must not be NULL was NULL.
        NullPointer = 1 "SPK_NULL_POINTER",
        /// An argument is out of its range, or not UTF-8 where text is asked for.
        InvalidArgument = 2 "SPK_INVALID_ARGUMENT",
        /// A document is not JSON.
        InvalidJson = 3 "SPK_INVALID_JSON",
        /// The configuration has an unknown key or a value out of range; the error text names
        /// every fault by JSON pointer.
        ConfigRefused = 4 "SPK_CONFIG_REFUSED",
        /// A route document is wrong, or contradicts another route.
        RouteRefused = 5 "SPK_ROUTE_REFUSED",
        /// A worker was used on another thread than the one that made it.
        WrongThread = 6 "SPK_WRONG_THREAD",
        /// A turn was asked for inside a turn.
        Reentered = 7 "SPK_REENTERED",
        /// The call id is not, or no longer, under way: its views are gone.
        StaleCall = 8 "SPK_STALE_CALL",
        /// The call has its answer; the second one was dropped.
        AlreadyAnswered = 9 "SPK_ALREADY_ANSWERED",
        /// The worker has stopped and takes nothing more.
        Stopped = 10 "SPK_STOPPED",
        /// The process is a fork of the one that made the worker, and cannot use it.
        Forked = 11 "SPK_FORKED",
        /// The engine failed inside; the worker drains and must be replaced.
        Panicked = 12 "SPK_PANICKED",
        /// Another process listens on this address.
        AddressInUse = 13 "SPK_ADDRESS_IN_USE",
        /// The address cannot be listened on; the error text says why.
        BindFailed = 14 "SPK_BIND_FAILED",
        /// The engine that the configuration insists on does not work here.
        EngineUnavailable = 15 "SPK_ENGINE_UNAVAILABLE",
        /// A queue or pool is full; try later.
        Overloaded = 16 "SPK_OVERLOADED",
        /// The event kind, platform or feature is not one this build knows.
        Unsupported = 17 "SPK_UNSUPPORTED",
        /// The reply is not one HTTP can carry (status, header name or header value); the client
        /// was answered with 500.
        ReplyRefused = 18 "SPK_REPLY_REFUSED",
        /// The caller was built against another version of the ABI.
        StaleVersion = 19 "SPK_STALE_VERSION",
    }

    /// How a turn ended.
    pub enum Turn {
        /// Nothing is left to do until the descriptor is readable or the deadline passes.
        Idle = 0 "SPK_TURN_IDLE",
        /// The budget is spent and work is left: turn again, behind the host's own ready work.
        More = 1 "SPK_TURN_MORE",
        /// The worker has stopped and every connection is closed: turn no more.
        Drained = 2 "SPK_TURN_DRAINED",
    }

    /// What a host is told. A kind that a host did not declare is never sent to it.
    pub enum Event {
        /// A request wants its handler or hooks.
        Call = 1 "SPK_EVENT_CALL",
        /// Bytes of a streamed request body.
        BodyChunk = 2 "SPK_EVENT_BODY_CHUNK",
        /// A streamed request body is complete.
        BodyEnd = 3 "SPK_EVENT_BODY_END",
        /// A streamed reply takes bytes again.
        Writable = 4 "SPK_EVENT_WRITABLE",
        /// A WebSocket is open.
        WsOpen = 5 "SPK_EVENT_WS_OPEN",
        /// A WebSocket message arrived whole.
        WsMessage = 6 "SPK_EVENT_WS_MESSAGE",
        /// A WebSocket is closed.
        WsClose = 7 "SPK_EVENT_WS_CLOSE",
        /// The client sends no more; the reply is still written.
        Disconnect = 8 "SPK_EVENT_DISCONNECT",
        /// Nobody waits for the answer any more: stop the work if it can be stopped.
        Cancel = 9 "SPK_EVENT_CANCEL",
        /// An upgraded connection is handed over.
        Upgraded = 10 "SPK_EVENT_UPGRADED",
        /// The reply to a request that the host injected.
        Injected = 11 "SPK_EVENT_INJECTED",
        /// A turn takes too long. The one event that comes from another thread, and during a turn;
        /// the host must not wait for the worker's thread inside.
        Stalled = 12 "SPK_EVENT_STALLED",
        /// An exchange whose calls had a number has ended: nothing more will be called for it.
        Ended = 13 "SPK_EVENT_ENDED",
    }

    /// What a call is for.
    pub enum Purpose {
        /// The handler of a route, and the hooks around it.
        Handler = 0 "SPK_PURPOSE_HANDLER",
        /// The hooks before routing: answered with a reply, or "continue".
        OnRequest = 1 "SPK_PURPOSE_ON_REQUEST",
        /// The hooks before validation: answered with a reply, or "continue".
        PreValidation = 2 "SPK_PURPOSE_PRE_VALIDATION",
        /// The hooks on a reply that a failure made: answered with another reply, or "continue".
        OnError = 3 "SPK_PURPOSE_ON_ERROR",
    }

    /// What a host returns from `SPK_EVENT_CALL`.
    pub enum Outcome {
        /// The call is answered.
        Done = 0 "SPK_OUTCOME_DONE",
        /// The answer comes later, from any thread.
        Later = 1 "SPK_OUTCOME_LATER",
        /// Hooks ran and gave no reply: the request goes on.
        Continue = 2 "SPK_OUTCOME_CONTINUE",
        /// The host failed and could not answer: the reply is 500.
        Failed = 3 "SPK_OUTCOME_FAILED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        let mut names = HashSet::new();
        for group in GROUPS {
            assert!(
                group.rows.is_sorted_by(|a, b| a.number < b.number),
                "{}",
                group.name
            );
            for row in group.rows {
                assert!(names.insert(row.name), "{} stands twice", row.name);
                assert!(row.name.starts_with("SPK_"), "{}", row.name);
                assert!(row.doc[0].len() > 10, "{} has no doc", row.name);
            }
        }
    }

    #[test]
    fn numbers_read_back() {
        for row in Status::GROUP.rows {
            let status = Status::from_number(row.number).expect("the row is of this list");
            assert_eq!((status.number(), status.c_name()), (row.number, row.name));
        }
        assert_eq!(Status::from_number(20), None);
        assert_eq!(Event::from_number(0), None);
        assert_eq!(Turn::from_number(2), Some(Turn::Drained));
        assert_eq!(Outcome::Continue.number(), 2);
    }

    #[test]
    fn released_numbers_keep_their_meaning() {
        let last = |group: Group| group.rows.last().map(|row| (row.name, row.number));
        assert_eq!(last(Status::GROUP), Some(("SPK_STALE_VERSION", 19)));
        assert_eq!(last(Turn::GROUP), Some(("SPK_TURN_DRAINED", 2)));
        assert_eq!(last(Event::GROUP), Some(("SPK_EVENT_ENDED", 13)));
        assert_eq!(last(Purpose::GROUP), Some(("SPK_PURPOSE_ON_ERROR", 3)));
        assert_eq!(last(Outcome::GROUP), Some(("SPK_OUTCOME_FAILED", 3)));
        let first: Vec<u32> = Status::GROUP.rows.iter().map(|row| row.number).collect();
        assert!(
            first.into_iter().eq(0..20),
            "a status was taken out or renumbered"
        );
    }
}
