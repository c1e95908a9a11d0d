//! Invariants of field lists and written reply heads.

use spikard_proto_http::date::format_date;
use spikard_proto_http::{
    Fields, Method, ReplyHead, ReplyLength, Version, decode_reply, encode_head,
};

/// Reads `data` as a list of edits, compares the list with a naive model after each, and reads the
/// written head back.
pub fn fuzz_fields(data: &[u8]) {
    let mut fields = Fields::new();
    let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut rest = data;
    // Few edits: comparing after each is quadratic.
    for _ in 0..32 {
        let [kind, name_length, value_length, behind @ ..] = rest else {
            break;
        };
        let (name, behind) = behind.split_at(behind.len().min(*name_length as usize % 8));
        let (value, behind) = behind.split_at(behind.len().min(*value_length as usize % 24));
        edit(&mut fields, &mut model, *kind, name, value);
        compare(&fields, &model, name);
        rest = behind;
    }
    check_written(&fields, data.len());
}

fn edit(
    fields: &mut Fields,
    model: &mut Vec<(Vec<u8>, Vec<u8>)>,
    kind: u8,
    name: &[u8],
    value: &[u8],
) {
    let same = |row: &(Vec<u8>, Vec<u8>)| row.0.eq_ignore_ascii_case(name);
    let row = || (name.to_vec(), trimmed(value).to_vec());
    match kind % 4 {
        0 | 1 if fields.push(name, value).is_ok() => model.push(row()),
        2 if fields.set(name, value).is_ok() => {
            let place = model.iter().position(same).unwrap_or(model.len());
            model.retain(|row| !same(row));
            model.insert(place, row());
        }
        3 => {
            let before = model.len();
            model.retain(|row| !same(row));
            assert_eq!(fields.remove(name), model.len() != before);
        }
        _ => {}
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |at| at + 1);
    &value[start..end]
}

fn compare(fields: &Fields, model: &[(Vec<u8>, Vec<u8>)], name: &[u8]) {
    assert!(
        fields
            .iter()
            .eq(model.iter().map(|row| (&row.0[..], &row.1[..])))
    );
    let first = model.iter().find(|row| row.0.eq_ignore_ascii_case(name));
    assert_eq!(fields.get(name), first.map(|row| &row.1[..]));
    assert_eq!(fields.len(), model.len());
    for row in fields.table() {
        assert!(row.value.end() as usize <= fields.bytes().len());
    }
}

fn check_written(fields: &Fields, length: usize) {
    let date = format_date(length as u64);
    let mut out = Vec::new();
    let head = ReplyHead {
        status: 200,
        fields,
        length: ReplyLength::Known(length as u64),
        date: &date,
        keep_alive: true,
        request_version: Version::Http11,
    };
    encode_head(&mut out, &head);
    let decoded = decode_reply(&out, Method::Head).expect("own heads are strict");
    let (reply, consumed) = decoded.expect("own heads are complete");
    assert_eq!(consumed, out.len(), "a value ended the head early");
    let owned = |name: &[u8]| {
        [
            &b"content-length"[..],
            b"transfer-encoding",
            b"connection",
            b"keep-alive",
            b"date",
        ]
        .iter()
        .any(|field| name.eq_ignore_ascii_case(field))
    };
    let sent = fields.iter().filter(|row| !owned(row.0));
    assert!(reply.fields.iter().filter(|row| !owned(row.0)).eq(sent));
    assert_eq!(reply.fields.get_all(b"content-length").count(), 1);
    assert!(reply.keep_alive);
}
