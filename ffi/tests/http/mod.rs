//! An HTTP client of a few lines: what the tests need, over the standard library.
//!
//! Knows `content-length` and nothing else of framing.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// One connection, kept between requests.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("not zero");
        Self(stream)
    }

    pub(crate) fn send(&mut self, request: &str) {
        self.0.write_all(request.as_bytes()).expect("it takes it");
    }

    /// The next reply, head and body.
    pub(crate) fn receive(&mut self) -> String {
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n\r\n") {
            reply.push(self.byte().expect("the head of a reply"));
        }
        let head = String::from_utf8(reply).expect("our replies are UTF-8");
        let length = head.split("\r\ncontent-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.parse().expect("a number"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the whole body");
        head + &String::from_utf8(body).expect("our replies are UTF-8")
    }

    pub(crate) fn exchange(&mut self, request: &str) -> String {
        self.send(request);
        self.receive()
    }

    /// Waits for the server to close.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.byte().is_none()
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(0) => None,
            Ok(_) => Some(byte[0]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The body of a reply.
pub(crate) fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
