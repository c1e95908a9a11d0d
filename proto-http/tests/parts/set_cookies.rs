//! `Set-Cookie` values: what is written, and what is refused.

use spikard_proto_http::{CookieError, SameSite, SetCookie};

fn cookie(edit: impl FnOnce(&mut SetCookie)) -> Result<String, CookieError> {
    let mut cookie = SetCookie::new("a", "1");
    edit(&mut cookie);
    cookie.to_field()
}

#[test]
fn writes_every_attribute() {
    let all = SetCookie {
        expires: Some(784_111_777),
        max_age: Some(60),
        domain: Some("example.org".into()),
        path: Some("/p".into()),
        secure: true,
        http_only: true,
        same_site: Some(SameSite::None),
        partitioned: true,
        ..SetCookie::new("id", "x=y")
    };
    assert_eq!(
        all.to_field().unwrap(),
        "id=x=y; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60; Domain=example.org; Path=/p; \
         Secure; HttpOnly; Partitioned; SameSite=None"
    );
    assert_eq!(cookie(|_| ()).unwrap(), "a=1");
    assert_eq!(cookie(|c| c.value.clear()).unwrap(), "a=");
    assert_eq!(cookie(|c| c.max_age = Some(-5)).unwrap(), "a=1; Max-Age=0");
}

#[test]
fn ends_cookies_so_that_browsers_accept_it() {
    assert_eq!(
        SetCookie::ending("a").to_field().unwrap(),
        "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"
    );
    assert!(SetCookie::ending("__Host-a").to_field().is_ok());
    assert!(SetCookie::ending("__secure-a").to_field().is_ok());
}

#[test]
fn refuses_what_would_become_another_cookie() {
    for name in ["", "a b", "a=b", "a;", "a\r\nb", "\0", "é", "\"a\""] {
        assert_eq!(
            cookie(|c| c.name = name.into()),
            Err(CookieError::Name),
            "{name:?}"
        );
    }
    for value in [
        "a b", "a;b", "a,b", "\"a\"", "a\\b", "a\r\nb", "\0", "é", "\x7f",
    ] {
        assert_eq!(
            cookie(|c| c.value = value.into()),
            Err(CookieError::Value),
            "{value:?}"
        );
    }
    for path in ["", "a", "/a;b", "/a\nb", "/é"] {
        let refused = cookie(|c| c.path = Some(path.into()));
        assert_eq!(refused, Err(CookieError::Attribute("Path")), "{path:?}");
    }
    for domain in ["", "a b", "a;b", "a\r\nb"] {
        let refused = cookie(|c| c.domain = Some(domain.into()));
        assert_eq!(refused, Err(CookieError::Attribute("Domain")), "{domain:?}");
    }
    assert!(cookie(|c| c.value = "x".repeat(4095)).is_ok());
    assert_eq!(
        cookie(|c| c.value = "x".repeat(4096)),
        Err(CookieError::Long)
    );
}

#[test]
fn refuses_what_browsers_drop() {
    let unsafe_edits: [fn(&mut SetCookie); 4] = [
        |c| c.same_site = Some(SameSite::None),
        |c| c.partitioned = true,
        |c| c.name = "__Secure-a".into(),
        |c| c.name = "__HOST-a".into(),
    ];
    for edit in unsafe_edits {
        assert!(matches!(cookie(edit), Err(CookieError::NeedsSecure(_))));
    }
    let host = |path: Option<&str>, domain: Option<&str>| {
        cookie(|c| {
            c.name = "__Host-a".into();
            c.secure = true;
            c.path = path.map(Into::into);
            c.domain = domain.map(Into::into);
        })
    };
    assert_eq!(host(None, None), Err(CookieError::HostPrefix));
    assert_eq!(host(Some("/a"), None), Err(CookieError::HostPrefix));
    assert_eq!(host(Some("/"), Some("a.org")), Err(CookieError::HostPrefix));
    assert!(host(Some("/"), None).is_ok());
}
