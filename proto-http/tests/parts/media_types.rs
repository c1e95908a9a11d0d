//! Media types of `Content-Type`.

use spikard_proto_http::limits::MEDIA_PARAMETERS_MAX;
use spikard_proto_http::media::{MediaError, MediaType};

#[test]
fn json_is_json_in_every_spelling() {
    for value in [
        "application/json",
        "Application/JSON",
        " application/json ; charset=utf-8",
        "application/problem+json",
        "application/vnd.api+JSON;v=1",
        "image/x+json",
    ] {
        assert!(
            MediaType::parse(value.as_bytes()).unwrap().is_json(),
            "{value}"
        );
    }
    for value in [
        "text/json",
        "application/jsonp",
        "application/+json2",
        "application/xml",
        "a/+json",
    ] {
        assert!(
            !MediaType::parse(value.as_bytes()).unwrap().is_json(),
            "{value}"
        );
    }
}

#[test]
fn parameters_are_found_and_unquoted() {
    let media =
        MediaType::parse(b"Multipart/Form-Data; ; boundary=\"a;\\\"b\\\\\" ;Charset=UTF-8;")
            .unwrap();
    assert!(media.is_multipart_form() && !media.is_form());
    assert_eq!((media.kind(), media.subtype()), ("Multipart", "Form-Data"));
    assert_eq!(media.parameter("BOUNDARY").unwrap(), &b"a;\"b\\"[..]);
    assert_eq!(media.charset().unwrap(), &b"UTF-8"[..]);
    assert_eq!(media.parameter("q"), None);
    assert!(
        MediaType::parse(b"application/x-www-form-urlencoded")
            .unwrap()
            .is_form()
    );
}

#[test]
fn malformed_types_are_refused() {
    for value in [
        "",
        "/",
        "json",
        "application/",
        "/json",
        "a b/c",
        "a/b c",
        "a/b/c",
        "a/b, c/d",
    ] {
        assert_eq!(
            MediaType::parse(value.as_bytes()).err(),
            Some(MediaError::Type),
            "{value}"
        );
    }
}

#[test]
fn malformed_parameters_are_refused() {
    for value in [
        "a/b; c",
        "a/b; c=",
        "a/b; =d",
        "a/b; c=d e",
        "a/b; c=\"d",
        "a/b; c=\"d\"e",
        "a/b; c =d",
    ] {
        let error = MediaType::parse(value.as_bytes()).err();
        assert_eq!(error, Some(MediaError::Parameter), "{value}");
    }
    let repeated = MediaType::parse(b"a/b; charset=utf-8; Charset=utf-16").err();
    assert_eq!(repeated, Some(MediaError::RepeatedParameter));
    let mut many = b"a/b".to_vec();
    for index in 0..=MEDIA_PARAMETERS_MAX {
        many.extend_from_slice(format!(";p{index}=1").as_bytes());
    }
    assert_eq!(
        MediaType::parse(&many).err(),
        Some(MediaError::TooManyParameters)
    );
}
