//! Invariants of everything that decodes a piece of a head: paths, queries, media types, cookies,
//! dates.

use spikard_proto_http::cookie::Cookies;
use spikard_proto_http::date::{format_date, parse_date};
use spikard_proto_http::media::MediaType;
use spikard_proto_http::target::{TargetError, decode_segment, percent_decode_into};

/// Decoding never grows, agrees with itself, and is undone by encoding.
pub fn fuzz_target(data: &[u8]) {
    check_decoding(data);
    check_media(data);
    for (name, value) in Cookies::new(data) {
        assert!(!name.is_empty() && !name.contains(&b'=') && !name.contains(&b';'));
        assert!(!value.contains(&b';'));
    }
    if let Some(seconds) = parse_date(data) {
        assert_eq!(parse_date(&format_date(seconds)), Some(seconds));
    }
}

fn check_decoding(data: &[u8]) {
    let mut bytes = Vec::new();
    let decoded = percent_decode_into(&mut bytes, data, false);
    assert!(bytes.len() <= data.len());
    match decode_segment(data) {
        Ok(text) => assert_eq!(text.as_bytes(), bytes),
        Err(TargetError::Percent) => assert_eq!(decoded, Err(TargetError::Percent)),
        Err(TargetError::Utf8) => assert!(std::str::from_utf8(&bytes).is_err()),
    }
    let encoded: Vec<u8> = data
        .iter()
        .flat_map(|byte| format!("%{byte:02X}").into_bytes())
        .collect();
    for plus_is_space in [false, true] {
        let mut again = Vec::new();
        assert_eq!(
            percent_decode_into(&mut again, &encoded, plus_is_space),
            Ok(())
        );
        assert_eq!(again, data);
    }
}

fn check_media(data: &[u8]) {
    let Ok(media) = MediaType::parse(data) else {
        return;
    };
    let essence = format!("{}/{}", media.kind(), media.subtype());
    let again = MediaType::parse(essence.as_bytes()).expect("an essence is a media type");
    assert_eq!(again.is_json(), media.is_json());
    assert!(!(media.is_json() && media.is_form()));
    if let Some(charset) = media.charset() {
        assert!(charset.len() <= data.len());
    }
}
