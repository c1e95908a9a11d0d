//! Development mode: while the latest version of the program does not start, pages say why.
//!
//! The version before it goes on serving. Only who asks for a page is told: whatever a page then
//! loads, and every other client, is answered as before. The page asks again by itself, so it gives
//! way to the real one when the program is mended.

use spikard_contract::problem::INTERNAL_SERVER_ERROR;

use super::show_trace::{HTML, page, prefers_html};
use crate::{exchange::Exchange, flow::Flow, local::Local, stage::RequestStage};

/// See the module's documentation.
#[derive(Debug)]
pub struct ShowFault;

impl RequestStage for ShowFault {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        let Some(words) = local.fault() else {
            return Flow::Next;
        };
        let asks = matches!(x.head.method_bytes(), b"GET" | b"HEAD");
        if !asks || !prefers_html(&x.head) {
            return Flow::Next;
        }
        x.reply.clear();
        x.reply.start(INTERNAL_SERVER_ERROR.status, HTML);
        // A literal is a valid field.
        let pushed = x.reply.fields.push(b"cache-control", b"no-store");
        debug_assert!(pushed.is_ok());
        page(TITLE, Some(SECONDS), words, &mut x.reply.body);
        Flow::Reply
    }
}

const TITLE: &str = "The program does not start";

/// When the page asks again, in seconds.
const SECONDS: u32 = 1;

#[cfg(test)]
mod tests {
    use spikard_proto_http::HeadLimits;

    use super::*;

    fn asked(head: &str, fault: Option<&str>) -> (Flow, Exchange) {
        let (mut x, mut local) = (Exchange::new(), Local::new([1; 4]));
        local.set_fault(fault.map(Into::into));
        x.head
            .parse(head.as_bytes(), &HeadLimits::default())
            .expect("a head");
        let flow = ShowFault.run(&mut x, &mut local);
        (flow, x)
    }

    const PAGE: &str = "GET / HTTP/1.1\r\nhost: x\r\naccept: text/html,*/*;q=0.8\r\n\r\n";

    #[test]
    fn pages_say_why_the_program_does_not_start() {
        let (flow, x) = asked(PAGE, Some("Error: <b> & more"));
        assert_eq!((flow, x.reply.status), (Flow::Reply, 500));
        let body = String::from_utf8_lossy(&x.reply.body).into_owned();
        assert!(body.contains("Error: &lt;b&gt; &amp; more"), "{body}");
        assert!(body.contains("<title>The program does not start</title>"));
        assert!(body.contains("http-equiv=\"refresh\" content=\"1\""));
    }

    #[test]
    fn nothing_else_is_told() {
        assert_eq!(asked(PAGE, None).0, Flow::Next);
        for head in [
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(asked(head, Some("broken")).0, Flow::Next, "{head}");
        }
    }
}
