//! Invariants of replies, as a client reads them.

use spikard_proto_http::h1::reply::decode_whole_reply;
use spikard_proto_http::{Method, ReplyFraming, decode_reply};

use crate::cuts;

/// The verdict does not depend on how the bytes are cut, and facts agree with each other.
pub fn fuzz_reply(data: &[u8]) {
    for method in [Method::Get, Method::Head] {
        let whole = decode_whole_reply(data, method, false);
        for length in cuts(data.len()) {
            let outcome = decode_whole_reply(&data[..length], method, false);
            if outcome != Ok(None) {
                assert_eq!(outcome, whole, "cut at {length}");
                break;
            }
        }
        if let Ok(Some((head, content, consumed))) = &whole {
            assert!(*consumed <= data.len() && content.len() <= *consumed);
            assert!((100..=999).contains(&head.status));
            match head.framing {
                ReplyFraming::None => assert!(content.is_empty()),
                ReplyFraming::Known(length) => assert_eq!(content.len() as u64, length),
                ReplyFraming::Chunked => assert!(head.fields.get(b"content-length").is_none()),
                ReplyFraming::UntilClose => panic!("only the end of the connection ends it"),
            }
        }
        let closed = decode_whole_reply(data, method, true);
        assert_ne!(
            closed,
            Ok(None),
            "a closed connection has nothing to wait for"
        );
        if let Ok(Some((head, consumed))) = decode_reply(data, method) {
            assert!(consumed <= data.len());
            assert!(head.fields.len() <= data.len());
        }
    }
}
