//! A running `serve`, and clients that speak bytes to it.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

/// More than any limit of the server that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// The program; killed when dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) ca: Vec<u8>,
    log: Mutex<mpsc::Receiver<String>>,
}

/// The command `serve` over a small bundle, without sign-in.
pub(crate) fn program() -> Command {
    let mut command = program_with_sign_in();
    command.arg("--no-auth");
    command
}

/// The same with a key that is made at start.
pub(crate) fn program_with_sign_in() -> Command {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    let bundle = BUNDLE.get_or_init(|| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serving-logs.ndjson");
        fs::write(&file, r#"{"@timestamp":"2026-03-25T14:00:00Z","message":"hello"}"#).unwrap();
        file
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_elk-mcp"));
    command.env_clear().env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--logs"]).arg(bundle);
    command
}

impl Served {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut command = program();
        command.args(flags);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = mpsc::channel();
        thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let mut served = Self { child, address: ([127, 0, 0, 1], 0).into(), ca: Vec::new(), log: Mutex::new(log) };
        let first = served.log_line("listening on ");
        let port = first.trim_end_matches("/mcp").rsplit(':').next().unwrap().parse().unwrap();
        served.address.set_port(port);
        served
    }

    /// A server with the certificate made at start, which clients trust.
    pub(crate) fn with_development_certificate(flags: &[&str]) -> Self {
        let mut command = program();
        command.args(flags);
        Self::spawn_with_development_certificate(command)
    }

    pub(crate) fn spawn_with_development_certificate(command: Command) -> Self {
        let mut served = Self::spawn(command);
        let line = served.log_line("clients must trust ");
        served.ca = fs::read(line.strip_prefix("clients must trust ").unwrap()).unwrap();
        served
    }

    /// The next line of standard error that has this text.
    #[track_caller]
    pub(crate) fn log_line(&self, text: &str) -> String {
        self.lines_until(text).pop().unwrap()
    }

    /// The lines up to the next one that has this text.
    #[track_caller]
    pub(crate) fn lines_until(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.log.lock().unwrap().recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line has `{text}` among {lines:#?}")));
            if lines.last().unwrap().contains(text) {
                return lines;
            }
        }
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    pub(crate) fn tls(&self) -> Tls {
        tls(self.tcp(), client_config(&self.ca, None)).unwrap()
    }

    /// Sends bytes on a connection of their own and reads until the server closes it.
    pub(crate) fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.tls();
        stream.write_all(bytes.as_ref()).unwrap();
        String::from_utf8(read_to_end(&mut stream)).unwrap()
    }

    /// The status of the answer to a POST of a list to `/mcp` with these headers, and the answer.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> (u16, String) {
        let answer = self.say(request(headers, body.as_ref()));
        (status(&answer), answer)
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A POST to `/mcp` that asks for the connection's end. Headers given replace those of the same name; an empty one is left
/// out.
pub(crate) fn request(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let usual = [("Host", "localhost"), ("Content-Type", "application/json"), ("Connection", "close"), ("Content-Length", length.as_str())];
    let kept = usual.iter().filter(|(name, _)| !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
    let mut head = "POST /mcp HTTP/1.1\r\n".to_owned();
    for (name, value) in kept.chain(headers).filter(|(_, value)| !value.is_empty()) {
        head += &format!("{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// Everything until the other side closes; it may do so without TLS's goodbye, but not by a reset.
pub(crate) fn read_to_end(stream: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&all)),
    }
    all
}

/// Reads one answer, and leaves the connection open.
pub(crate) fn read_answer(stream: &mut impl Read) -> std::io::Result<String> {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse::<usize>().unwrap()))
        .unwrap_or_else(|| panic!("no length: {head}"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(head + std::str::from_utf8(&body).unwrap())
}

/// How long it takes until the server closes the connection.
pub(crate) fn time_to_close(stream: &mut impl Read) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => panic!("still open"),
        _ => began.elapsed(),
    }
}

/// A client that trusts these authorities, and perhaps shows a certificate and its key.
pub(crate) fn client_config(ca: &[u8], identity: Option<(&[u8], &[u8])>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate).map(Result::unwrap).collect();
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key).unwrap()).unwrap()
        }
    })
}

/// A connection whose handshake is done.
pub(crate) fn tls(mut socket: TcpStream, config: Arc<ClientConfig>) -> std::io::Result<Tls> {
    let mut connection = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// How often something is done: few times in the suite, as often as the variable says elsewhere.
pub(crate) fn times(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().unwrap())
}
