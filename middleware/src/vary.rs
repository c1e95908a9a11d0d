//! `Vary`: which request fields a reply was chosen by (RFC 9110 §12.5.5).
//!
//! Every stage that chooses says so here, so that one line names all of them once, whatever a
//! handler wrote.

use spikard_proto_http::sabotage;

use crate::reply::Reply;

/// Says that the reply depends on request fields: names with commas between them.
pub fn add(reply: &mut Reply, names: &[&str]) {
    let mut line: Vec<u8> = Vec::with_capacity(64);
    let mut lines = 0;
    for value in reply.fields.get_all(b"vary") {
        join(&mut line, value);
        lines += 1;
    }
    let before = line.len();
    if lists(&line, "*") && !sabotage::is_off("vary/star") {
        return;
    }
    for name in names {
        if !lists(&line, name) || sabotage::is_off("vary/once") {
            join(&mut line, name.as_bytes());
        }
    }
    if line.len() == before && lines == 1 {
        return;
    }
    if sabotage::is_off("vary/merge") {
        line.drain(..before);
    }
    // Made of valid values and literals; a list of fields that is full keeps what it has, and the
    // reply is then larger than any that a client takes.
    let _ = reply.fields.set(b"vary", &line);
}

fn join(line: &mut Vec<u8>, more: &[u8]) {
    if !line.is_empty() && !more.is_empty() {
        line.extend_from_slice(b", ");
    }
    line.extend_from_slice(more);
}

/// Whether a list has the name; letter case does not count.
fn lists(line: &[u8], name: &str) -> bool {
    line.split(|byte| *byte == b',')
        .any(|each| each.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varied(lines: &[&str], names: &[&str]) -> Vec<String> {
        let mut reply = Reply::new();
        for line in lines {
            reply.push(b"vary", line.as_bytes());
        }
        add(&mut reply, names);
        let values = reply.fields.get_all(b"vary");
        values
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    #[test]
    fn names_each_field_once_in_one_line() {
        assert_eq!(varied(&[], &["Origin"]), ["Origin"]);
        assert_eq!(varied(&["accept"], &["Origin"]), ["accept, Origin"]);
        assert_eq!(varied(&["a , origin"], &["Origin"]), ["a , origin"]);
        assert_eq!(varied(&["*"], &["Origin"]), ["*"]);
        assert_eq!(varied(&["a, *"], &["Origin"]), ["a, *"]);
        assert_eq!(varied(&[""], &["Origin", "A"]), ["Origin, A"]);
        assert_eq!(varied(&["x-origin"], &["Origin"]), ["x-origin, Origin"]);
    }
}
