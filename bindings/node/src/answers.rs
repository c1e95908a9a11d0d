//! `Calls`, the other half: what JavaScript answers.
//!
//! A call is taken out before it is answered, so an answer is given once, whoever tries.

use napi::Result;
use napi_derive::napi;
use spikard_host::{Answer, Edit, Port, Reply, Token, Verdict};

use crate::calls::Calls;

/// A reply's parts as JavaScript has them.
#[napi(object)]
pub struct Parts {
    /// Its status.
    pub status: u32,
    /// Media type, unless the fields have it.
    pub content_type: Option<String>,
    /// Header fields: name, value, name, value.
    pub fields: Vec<String>,
    /// Whether a failure made it, so that hooks on errors see it.
    pub is_failure: bool,
    /// What hooks changed of the request: kind, name, value, and so on.
    pub edits: Option<Vec<String>>,
}

#[napi]
impl Calls {
    /// Answers with a JSON text, as plain results are.
    #[napi]
    pub fn json(&self, token: f64, body: String) -> Result<()> {
        self.reply_plain(token, b"application/json", body.as_bytes())
    }

    /// Answers with a text.
    #[napi]
    pub fn plain(&self, token: f64, body: String) -> Result<()> {
        self.reply_plain(token, b"text/plain; charset=utf-8", body.as_bytes())
    }

    /// Answers with bytes.
    #[napi]
    pub fn bytes(&self, token: f64, body: &[u8]) -> Result<()> {
        self.reply_plain(token, b"application/octet-stream", body)
    }

    /// Answers with a reply whose body is a text, or bytes.
    #[napi]
    pub fn reply(
        &self,
        token: f64,
        parts: Parts,
        text: Option<String>,
        bytes: Option<&[u8]>,
    ) -> Result<()> {
        let pairs = parts.fields.chunks_exact(2);
        let fields: Vec<_> = pairs
            .map(|pair| (pair[0].as_bytes(), pair[1].as_bytes()))
            .collect();
        let reply = Reply {
            status: parts.status,
            content_type: parts.content_type.as_deref().unwrap_or_default().as_bytes(),
            fields: &fields,
            body: match &text {
                Some(text) => text.as_bytes(),
                None => bytes.unwrap_or_default(),
            },
        };
        let Some((id, port)) = self.taken(token)? else {
            return Ok(());
        };
        if parts.edits.is_none() && !parts.is_failure {
            // The engine says in the log what it refused.
            let _ = port.reply(id, reply, None);
            return Ok(());
        }
        let edits = edits(parts.edits);
        self.answer(id, port, Verdict::Reply(reply), &edits, |answer| {
            answer.is_failure = parts.is_failure;
        })
    }

    /// Answers with a problem document.
    #[napi]
    pub fn problem(
        &self,
        token: f64,
        document: String,
        changed: Option<Vec<String>>,
    ) -> Result<()> {
        let Some((id, port)) = self.taken(token)? else {
            return Ok(());
        };
        let edits = edits(changed);
        self.answer(id, port, Verdict::Problem(&document), &edits, |_| {})
    }

    /// Answers 500. A trace is for development, or empty; if final, no hook sees it.
    #[napi]
    pub fn fail(
        &self,
        token: f64,
        trace: String,
        is_final: bool,
        changed: Option<Vec<String>>,
    ) -> Result<()> {
        let Some((id, port)) = self.taken(token)? else {
            return Ok(());
        };
        let edits = edits(changed);
        self.answer(id, port, Verdict::Fail(&trace), &edits, |answer| {
            answer.is_final = is_final;
        })
    }

    /// Hooks ran and gave no reply: the request goes on, or the reply that they were shown stands.
    #[napi]
    pub fn go_on(&self, token: f64, changed: Option<Vec<String>>) -> Result<()> {
        let Some((id, port)) = self.taken(token)? else {
            return Ok(());
        };
        let edits = edits(changed);
        self.answer(id, port, Verdict::Continue, &edits, |_| {})
    }

    /// The call's id, taken out; `None` if it has its answer, or the worker has ended.
    fn taken(&self, token: f64) -> Result<Option<(u64, &Port)>> {
        let inner = self.inner()?;
        let Some(id) = inner.calls.take(Token::from_number(token)) else {
            return Ok(None);
        };
        Ok(inner.port.get().map(|port| (id, port)))
    }

    fn reply_plain(&self, token: f64, content_type: &[u8], body: &[u8]) -> Result<()> {
        let Some((id, port)) = self.taken(token)? else {
            return Ok(());
        };
        let reply = Reply {
            status: 200,
            content_type,
            fields: &[],
            body,
        };
        // The engine says in the log what it refused; a late answer is nobody's fault.
        let _ = port.reply(id, reply, None);
        Ok(())
    }

    fn answer(
        &self,
        id: u64,
        port: &Port,
        verdict: Verdict<'_>,
        edits: &[Edit],
        amend: impl FnOnce(&mut Answer<'_>),
    ) -> Result<()> {
        let mut answer = Answer {
            verdict,
            is_failure: false,
            is_final: false,
            edits,
            run: None,
        };
        amend(&mut answer);
        let _ = port.answer(id, answer);
        Ok(())
    }
}

/// Changes of a request: each is a kind (`set`, `add` or `remove`), a name and a value.
fn edits(changed: Option<Vec<String>>) -> Vec<Edit> {
    let changed = changed.unwrap_or_default();
    let triples = changed.chunks_exact(3);
    triples
        .map(|triple| {
            let (name, value) = (bytes(&triple[1]), bytes(&triple[2]));
            match triple[0].as_str() {
                "set" => Edit::Set(name, value),
                "add" => Edit::Add(name, value),
                _ => Edit::Remove(name),
            }
        })
        .collect()
}

fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}
