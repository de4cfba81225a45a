//! A client that costs as little as a client can: one connection, one request after the other, blocking.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection that is kept open.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn plain(address: SocketAddr) -> Self {
        Self { stream: Box::new(tcp(address)), buffer: vec![0; 1 << 20] }
    }

    /// With a full handshake, done at once.
    pub(super) fn tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let mut connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut stream = tcp(address);
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).unwrap();
        }
        Self { stream: Box::new(StreamOwned::new(connection, stream)), buffer: vec![0; 1 << 20] }
    }

    /// The bytes of a request.
    pub(super) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        request(method, path, headers, body)
    }

    /// Sends a request and reads its answer, which must be a success.
    pub(super) fn good(&mut self, request: &[u8]) {
        let (head, body) = self.exchange(request);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        assert!(!body.contains("\"isError\":true"), "{body}");
    }

    /// Sends a request and reads its answer: head and body.
    pub(super) fn exchange(&mut self, request: &[u8]) -> (&str, &str) {
        self.stream.write_all(request).unwrap();
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(read > 0, "closed after {filled} bytes");
            filled += read;
            let Some(end) = self.buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            let length: usize = length.expect("an answer with its length").parse().unwrap();
            if filled == end + 4 + length {
                return (std::str::from_utf8(&self.buffer[..end]).unwrap(), std::str::from_utf8(&self.buffer[end + 4..filled]).unwrap());
            }
        }
    }
}

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(body);
    request
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
