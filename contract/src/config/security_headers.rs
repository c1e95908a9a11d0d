//! The knobs of the fields that tell browsers what to keep a site's pages from.
//!
//! Switched on with no more than `{}` they are what suits an API and most sites; what can break
//! pages that work (a content security policy, HSTS) is off until it is written down.
//! Knows nothing of replies.

use crate::{choice, config};

choice! {
    /// Who may show the site's pages in a frame.
    pub enum FrameOptions {
        /// Nobody.
        Deny = "deny",
        /// Pages of the same origin.
        SameOrigin = "sameorigin",
    }
}

choice! {
    /// Which windows of other origins keep a handle on the site's.
    pub enum OpenerPolicy {
        /// None.
        SameOrigin = "same-origin",
        /// Those that the page opens itself.
        SameOriginAllowPopups = "same-origin-allow-popups",
        /// None but openers, whatever their own policy.
        NoopenerAllowPopups = "noopener-allow-popups",
        /// All, as without the field.
        UnsafeNone = "unsafe-none",
    }
}

choice! {
    /// What a page may embed of other origins.
    pub enum EmbedderPolicy {
        /// What says that it may be embedded.
        RequireCorp = "require-corp",
        /// Anything, but without credentials where it does not say so.
        Credentialless = "credentialless",
        /// Anything, as without the field.
        UnsafeNone = "unsafe-none",
    }
}

choice! {
    /// Whose pages may embed the replies.
    pub enum ResourcePolicy {
        /// Those of the same origin.
        SameOrigin = "same-origin",
        /// Those of the same site, subdomains included.
        SameSite = "same-site",
        /// Anybody's.
        CrossOrigin = "cross-origin",
    }
}

config! {
    /// `Strict-Transport-Security` (RFC 6797): browsers that have once come over TLS never come
    /// otherwise. For servers behind a proxy that ends TLS for all their names.
    pub struct HstsConfig checked by may_be_preloaded {
        /// For how long after each reply. 0 takes it back.
        max_age: u32 = 31_536_000, in 0..=157_680_000, unit "seconds";
        /// Whether it holds for all subdomains.
        include_subdomains: bool = false;
        /// Whether browsers may ship the name in their list. Needs `include_subdomains` and a year.
        preload: bool = false;
    }
}

config! {
    /// Header fields of every reply by which browsers protect a site's visitors. What a handler
    /// sets itself stands.
    pub struct SecurityHeadersConfig checked by are_values {
        /// `X-Content-Type-Options: nosniff`: content is what its media type says.
        nosniff: bool = true;
        /// `X-Frame-Options`: who may show pages in a frame. `null` leaves the field out.
        frame_options: Option<FrameOptions> = Some(FrameOptions::Deny);
        /// `Referrer-Policy`: what other sites learn of where their visitors come from. `null`
        /// leaves the field out.
        referrer_policy: Option<String> = Some("strict-origin-when-cross-origin".to_owned()),
            in 1..=200, unit "characters";
        /// `Strict-Transport-Security`. `null` leaves the field out.
        hsts: Option<HstsConfig> = None;
        /// `Content-Security-Policy`: what pages may load and run. `null` leaves the field out.
        content_security_policy: Option<String> = None, in 1..=8_192, unit "characters";
        /// `Permissions-Policy`: which features of the browser pages may use. `null` leaves the
        /// field out.
        permissions_policy: Option<String> = None, in 1..=8_192, unit "characters";
        /// `Cross-Origin-Opener-Policy`. `null` leaves the field out.
        cross_origin_opener_policy: Option<OpenerPolicy> = Some(OpenerPolicy::SameOrigin);
        /// `Cross-Origin-Embedder-Policy`. `null` leaves the field out.
        cross_origin_embedder_policy: Option<EmbedderPolicy> = None;
        /// `Cross-Origin-Resource-Policy`: whose pages may embed replies without asking by CORS.
        /// `null` leaves the field out.
        cross_origin_resource_policy: Option<ResourcePolicy> = Some(ResourcePolicy::SameOrigin);
    }
}

impl HstsConfig {
    /// The field's value.
    pub fn value(&self) -> String {
        let mut value = format!("max-age={}", self.max_age);
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

impl SecurityHeadersConfig {
    /// The fields, by name and value.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let text = |text: &str| text.to_owned();
        let nosniff = self.nosniff.then(|| text("nosniff"));
        let frames = self.frame_options.map(|who| who.as_str().to_uppercase());
        let opener = self.cross_origin_opener_policy.map(OpenerPolicy::as_str);
        let embedder = self
            .cross_origin_embedder_policy
            .map(EmbedderPolicy::as_str);
        let resource = self
            .cross_origin_resource_policy
            .map(ResourcePolicy::as_str);
        let fields = [
            ("x-content-type-options", nosniff),
            ("x-frame-options", frames),
            ("referrer-policy", self.referrer_policy.clone()),
            (
                "strict-transport-security",
                self.hsts.as_ref().map(HstsConfig::value),
            ),
            (
                "content-security-policy",
                self.content_security_policy.clone(),
            ),
            ("permissions-policy", self.permissions_policy.clone()),
            ("cross-origin-opener-policy", opener.map(text)),
            ("cross-origin-embedder-policy", embedder.map(text)),
            ("cross-origin-resource-policy", resource.map(text)),
        ];
        let set = fields.into_iter();
        set.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// What the list of browsers asks for; a name that is on it without this is taken off.
fn may_be_preloaded(config: &HstsConfig) -> Vec<(&'static str, String)> {
    let fits = config.include_subdomains && config.max_age >= 31_536_000;
    if !config.preload || fits {
        return Vec::new();
    }
    let message = "browsers list only names with include_subdomains and a max_age of a year, \
                   31536000";
    vec![("preload", message.to_owned())]
}

/// Policies are written into fields as they are.
fn are_values(config: &SecurityHeadersConfig) -> Vec<(&'static str, String)> {
    let is_value = |text: &str| {
        text.trim() == text
            && text
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    [
        ("referrer_policy", &config.referrer_policy),
        ("content_security_policy", &config.content_security_policy),
        ("permissions_policy", &config.permissions_policy),
    ]
    .into_iter()
    .filter(|(_, policy)| policy.as_deref().is_some_and(|policy| !is_value(policy)))
    .map(|(knob, _)| {
        (
            knob,
            "it is no value of a header field: visible ASCII".to_owned(),
        )
    })
    .collect()
}
