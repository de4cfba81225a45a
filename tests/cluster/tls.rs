//! TLS towards a cluster: which authority is trusted, and which failure is told.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A server with a certificate of this authority that answers every request.
    async fn serve(&self, name: &str, expired: bool) -> String {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    play(stream, json("200 OK", "{}"), Arc::default()).await;
                }
            }
        });
        format!("https://localhost:{port}")
    }
}

async fn answer(address: &str, ca: Option<Vec<u8>>, skip: bool) -> Result<Reply, EngineError> {
    let mut settings = settings(&[address]);
    (settings.ca_certificate, settings.skip_tls_verification) = (ca, skip);
    send(&Cluster::new(settings).unwrap()).await
}

#[track_caller]
fn tls_error(result: Result<Reply, EngineError>, names: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Tls, "{error}");
    assert!(error.subject.contains(names), "{error:?}");
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let authority = Authority::new();
    let address = authority.serve("localhost", false).await;
    answer(&address, Some(authority.pem()), false).await.unwrap();
    answer(&address, None, true).await.unwrap();
    tls_error(answer(&address, None, false).await, "unknown authority");
    tls_error(answer(&address, Some(Authority::new().pem()), false).await, "unknown authority");
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_told_apart() {
    let authority = Authority::new();
    tls_error(answer(&authority.serve("localhost", true).await, Some(authority.pem()), false).await, "expired");
    tls_error(answer(&authority.serve("elsewhere.example", false).await, Some(authority.pem()), false).await, "another name");
}

#[tokio::test]
async fn a_port_that_speaks_plain_http_is_a_tls_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    tls_error(answer(&format!("https://localhost:{port}"), None, false).await, "does not speak TLS");
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    let mut settings = settings(&["https://localhost:1"]);
    settings.ca_certificate = Some(b"nonsense".to_vec());
    assert!(Cluster::new(settings).unwrap_err().to_string().contains("--es-ca-cert"));
}
