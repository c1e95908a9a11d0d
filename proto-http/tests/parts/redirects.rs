//! Redirects: statuses that redirect, and locations that end no line.

use spikard_proto_http::redirect::{RedirectError, check_redirect};

#[test]
fn takes_the_five_statuses_and_visible_locations() {
    for status in 0..1000 {
        let wanted = [301, 302, 303, 307, 308].contains(&status);
        assert_eq!(check_redirect(status, b"/a").is_ok(), wanted, "{status}");
    }
    for location in ["/", "?a=b", "//b/c", "https://a.example/%C3%A9?q='(x)'#f"] {
        assert_eq!(check_redirect(307, location.as_bytes()), Ok(()));
    }
}

#[test]
fn refuses_what_could_end_the_line() {
    assert_eq!(check_redirect(307, b""), Err(RedirectError::Empty));
    for byte in (0..=b' ').chain(0x7f..=0xff) {
        let refused = check_redirect(307, &[b'/', byte, b'\n']);
        assert_eq!(refused, Err(RedirectError::Byte { position: 1 }));
    }
}
