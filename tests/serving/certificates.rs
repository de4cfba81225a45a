//! Certificates from files: replaced while they are served, and clients that must show theirs.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ClientConfig;

use super::served::{LIST, PATIENCE, Served, client_config, request, status, times, tls};

/// An authority and a folder for what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    fn pem(&self) -> Vec<u8> {
        self.issuer.pem().into_bytes()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate and its key, as PEM.
    fn sign(&self, hosts: &[&str], until: i32) -> (String, String) {
        let mut params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Writes a new certificate and its key, one after the other, as people do.
    fn write(&self, hosts: &[&str], until: i32) -> String {
        let (certificate, key) = self.sign(hosts, until);
        fs::write(self.file("cert.pem"), &certificate).unwrap();
        fs::write(self.file("key.pem"), &key).unwrap();
        certificate
    }

    fn serve(&self, flags: &[&str]) -> Served {
        let (certificate, key) = (self.file("cert.pem"), self.file("key.pem"));
        let files = ["--tls-cert", text(&certificate), "--tls-key", text(&key)];
        let mut served = Served::start(&[&files, flags].concat());
        served.ca = self.pem();
        served
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The certificate that a client is shown, as PEM without its frame.
fn shown(served: &Served, config: &Arc<ClientConfig>) -> std::io::Result<Vec<u8>> {
    let stream = tls(served.tcp(), Arc::clone(config))?;
    Ok(stream.conn.peer_certificates().unwrap()[0].to_vec())
}

fn der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[track_caller]
fn wait_until_shown(served: &Served, pem: &str) {
    let (began, expected) = (Instant::now(), der(pem));
    while shown(served, &client_config(&served.ca, None)).unwrap() != expected {
        assert!(began.elapsed() < PATIENCE, "the new certificate is not served");
        thread::yield_now();
    }
}

#[test]
fn certificates_change_under_load_and_no_handshake_fails() {
    let authority = Authority::new();
    authority.write(&["localhost"], 2100);
    let served = authority.serve(&[]);
    let config = client_config(&served.ca, None);
    let (handshakes, failed, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let rotations = times("ELK_MCP_TEST_ROTATIONS", 10);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if let Err(error) = shown(&served, &config) {
                        eprintln!("{error}");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    handshakes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..rotations {
            let certificate = authority.write(&["localhost"], 2100);
            served.signal("HUP");
            wait_until_shown(&served, &certificate);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(failed.load(Ordering::Relaxed), 0, "of {}", handshakes.load(Ordering::Relaxed));
    println!("{rotations} rotations, {} handshakes, none failed", handshakes.load(Ordering::Relaxed));
}

#[test]
fn a_change_of_the_files_is_seen_without_a_signal_and_a_pair_that_cannot_be_served_is_not() {
    let authority = Authority::new();
    let first = authority.write(&["localhost"], 2100);
    let served = authority.serve(&[]);
    assert!(served.log_line("certificate loaded").contains("2100-01-01"));
    wait_until_shown(&served, &first);

    // A key that is another certificate's, an expired certificate, no certificate, and no file.
    let (_, foreign) = authority.sign(&["localhost"], 2100);
    let key = fs::read(authority.file("key.pem")).unwrap();
    fs::write(authority.file("key.pem"), foreign).unwrap();
    assert!(served.log_line("the old one stays").contains("--tls-cert and --tls-key"));
    fs::write(authority.file("key.pem"), &key).unwrap();
    authority.write(&["localhost"], 1990);
    while !served.log_line("the old one stays").contains("expired") {}
    fs::write(authority.file("cert.pem"), "nothing").unwrap();
    while !served.log_line("the old one stays").contains("holds no certificate") {}
    fs::remove_file(authority.file("cert.pem")).unwrap();
    while !served.log_line("the old one stays").contains("cannot be read") {}
    wait_until_shown(&served, &first);

    let second = authority.write(&["localhost"], 2101);
    assert!(served.log_line("certificate replaced").contains("2101-01-01"));
    wait_until_shown(&served, &second);
}

#[cfg(unix)]
#[test]
fn a_link_that_is_turned_to_other_files_is_followed() {
    let authority = Authority::new();
    let turn = |folder: &str, until: i32| {
        let folder = authority.file(folder);
        fs::create_dir(&folder).unwrap();
        let (certificate, key) = authority.sign(&["localhost"], until);
        fs::write(folder.join("cert.pem"), &certificate).unwrap();
        fs::write(folder.join("key.pem"), key).unwrap();
        std::os::unix::fs::symlink(&folder, authority.file("new")).unwrap();
        fs::rename(authority.file("new"), authority.file("data")).unwrap();
        certificate
    };
    turn("first", 2100);
    for name in ["cert.pem", "key.pem"] {
        std::os::unix::fs::symlink(authority.file("data").join(name), authority.file(name)).unwrap();
    }
    let served = authority.serve(&[]);
    let second = turn("second", 2101);
    wait_until_shown(&served, &second);
}

#[test]
fn the_hosts_of_the_certificate_are_allowed_and_change_with_it() {
    let authority = Authority::new();
    authority.write(&["localhost", "mcp.example", "*.apps.example", "192.0.2.1"], 2100);
    let served = authority.serve(&[]);
    for (host, expected) in [("mcp.example", 200), ("a.apps.example:8443", 200), ("192.0.2.1", 200), ("other.example", 403)] {
        assert_eq!(served.post(&[("Host", host)], LIST).0, expected, "{host}");
        assert_eq!(served.post(&[("Origin", &format!("https://{host}"))], LIST).0, expected, "{host}");
    }
    let second = authority.write(&["localhost", "other.example"], 2100);
    wait_until_shown(&served, &second);
    assert_eq!(served.post(&[("Host", "other.example")], LIST).0, 200);
    assert_eq!(served.post(&[("Host", "mcp.example")], LIST).0, 403);
}

#[test]
fn a_client_shows_a_certificate_where_one_is_asked_for() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    authority.write(&["localhost"], 2100);
    let ca = clients.file("ca.pem");
    fs::write(&ca, clients.pem()).unwrap();
    let served = authority.serve(&["--tls-client-ca", text(&ca)]);
    let list = |identity: Option<(String, String)>| {
        let identity = identity.as_ref().map(|(certificate, key)| (certificate.as_bytes(), key.as_bytes()));
        let mut stream = tls(served.tcp(), client_config(&served.ca, identity)).ok()?;
        stream.write_all(&request(&[], LIST.as_bytes())).ok()?;
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).ok()?;
        Some(status(&String::from_utf8(answer).unwrap()))
    };
    assert_eq!(list(Some(clients.sign(&["client"], 2100))), Some(200));
    assert_eq!(list(None), None);
    assert_eq!(list(Some(strangers.sign(&["client"], 2100))), None);
    assert_eq!(list(Some(clients.sign(&["client"], 1990))), None);

    fs::write(&ca, strangers.pem()).unwrap();
    served.log_line("certificate replaced");
    assert_eq!(list(Some(strangers.sign(&["client"], 2100))), Some(200));
    assert_eq!(list(Some(clients.sign(&["client"], 2100))), None);
}

#[test]
fn files_that_cannot_be_served_are_named_at_start() {
    let authority = Authority::new();
    let (certificate, _) = authority.sign(&["localhost"], 2100);
    let (_, foreign) = authority.sign(&["localhost"], 2100);
    fs::write(authority.file("cert.pem"), certificate).unwrap();
    fs::write(authority.file("key.pem"), foreign).unwrap();
    let run = |cert: &str, key: &str| {
        let output = super::served::program()
            .args(["--tls-cert", text(&authority.file(cert)), "--tls-key", text(&authority.file(key))])
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run("cert.pem", "key.pem").contains("--tls-cert and --tls-key"));
    assert!(run("missing.pem", "key.pem").contains("missing.pem"));
    assert!(run("key.pem", "key.pem").contains("--tls-cert holds no certificate"), "{}", run("key.pem", "key.pem"));
}
