//! Whether the first bytes of a file fit the media type that it says it is.
//!
//! Signatures tell formats, not safety: a file that fits its type may still be hostile. Formats
//! without a signature (text, CSV, JSON) fit unless the bytes are surely something else.
//! The signatures themselves are `infer`'s.

/// Bytes from the start of a file that are looked at. Office documents tell themselves from other
/// archives within their first entries.
pub const HEAD_BYTES: usize = 4096;

/// The media type that the first bytes of a file look like, if they look like any.
#[must_use]
pub fn detect(head: &[u8]) -> Option<&'static str> {
    infer::get(head).map(|kind| kind.mime_type())
}

/// Whether bytes that look like `detected` may be of the type `declared`, `type/subtype` in lower
/// case.
#[must_use]
pub fn fits(declared: &str, detected: Option<&str>) -> bool {
    let declared = canonical(declared);
    if declared == "application/octet-stream" {
        return true;
    }
    let Some(detected) = detected.map(canonical) else {
        // Nothing known: wrong only for a format that would have been known.
        return !is_known(declared);
    };
    if declared == detected {
        return true;
    }
    let is_text = |of: &str| of.starts_with("text/");
    let is_xml = |of: &str| of.ends_with("/xml") || of.ends_with("+xml");
    is_contained(declared, detected)
        || (declared == "application/zip" && is_zip(detected))
        || (is_text(declared) && is_text(detected))
        || (is_xml(declared) && is_xml(detected))
}

/// One name for each format: those before registration had an `x-`, and some have two.
fn canonical(of: &str) -> &str {
    match of {
        "image/jpg" | "image/pjpeg" => "image/jpeg",
        "image/x-icon" | "image/ico" => "image/vnd.microsoft.icon",
        "image/x-ms-bmp" | "image/x-bmp" => "image/bmp",
        "audio/mp3" => "audio/mpeg",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "audio/wav",
        "audio/x-flac" => "audio/flac",
        "audio/x-m4a" | "audio/m4a" => "audio/mp4",
        "video/x-m4v" => "video/mp4",
        "video/x-msvideo" => "video/avi",
        "application/x-zip-compressed" | "application/x-zip" => "application/zip",
        "application/x-gzip" => "application/gzip",
        "application/x-tar" => "application/tar",
        "application/x-rar-compressed" | "application/x-rar" => "application/vnd.rar",
        "application/x-pdf" => "application/pdf",
        "application/xhtml+xml" => "text/html",
        _ => of,
    }
}

fn is_known(declared: &str) -> bool {
    infer::is_mime_supported(declared)
        || matches!(
            declared,
            "image/jpeg"
                | "image/vnd.microsoft.icon"
                | "image/bmp"
                | "audio/mpeg"
                | "audio/wav"
                | "audio/flac"
                | "audio/mp4"
                | "video/mp4"
                | "video/avi"
                | "application/tar"
                | "application/vnd.rar"
        )
        || is_zip(declared)
}

/// Whether `declared` may be inside of what looks like `detected`, a format that holds others.
fn is_contained(declared: &str, detected: &str) -> bool {
    match detected {
        "application/zip" => is_zip(declared),
        "video/mp4" => matches!(declared, "audio/mp4" | "video/quicktime"),
        "audio/mp4" => declared == "video/mp4",
        "video/webm" => matches!(declared, "audio/webm" | "video/x-matroska"),
        "audio/ogg" => matches!(declared, "video/ogg" | "application/ogg" | "audio/opus"),
        _ => false,
    }
}

/// Whether files of this type are archives of ZIP's.
fn is_zip(of: &str) -> bool {
    let is_document = of.starts_with("application/vnd.openxmlformats-officedocument.")
        || of.starts_with("application/vnd.oasis.opendocument.");
    is_document
        || of.ends_with("+zip")
        || matches!(
            of,
            "application/java-archive" | "application/vnd.android.package-archive"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_told_by_its_signature() {
        assert_eq!(detect(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(detect(b"%PDF-1.7"), Some("application/pdf"));
        assert_eq!(detect(b"name,age\nAda,36\n"), None);
        assert_eq!(detect(b""), None);
    }

    #[test]
    fn aliases_containers_and_formats_without_signature_fit() {
        for (declared, head) in [
            ("image/jpg", &b"\xff\xd8\xff\xe0\0\x10JFIF"[..]),
            ("application/epub+zip", b"PK\x03\x04"),
            ("application/x-zip-compressed", b"PK\x03\x04"),
            ("application/octet-stream", b"\x7fELF\x02\x01\x01"),
            ("application/octet-stream", b"anything"),
            ("text/csv", b"name,age"),
            ("text/plain", b"<!DOCTYPE html><html>"),
            ("image/svg+xml", b"<?xml version=\"1.0\"?><svg/>"),
            ("application/vnd.own", b"anything"),
            ("audio/wave", b"RIFF\x24\0\0\0WAVEfmt "),
        ] {
            assert!(
                fits(declared, detect(head)),
                "{declared}: {:?}",
                detect(head)
            );
        }
    }

    #[test]
    fn other_content_does_not_fit() {
        for (declared, head) in [
            ("image/png", &b"GIF89a"[..]),
            ("image/png", b"not an image"),
            ("image/jpg", b""),
            ("application/epub+zip", b"%PDF-1.7"),
            ("text/plain", b"GIF89a"),
            ("application/json", b"\x89PNG\r\n\x1a\n"),
        ] {
            assert!(
                !fits(declared, detect(head)),
                "{declared}: {:?}",
                detect(head)
            );
        }
    }
}
