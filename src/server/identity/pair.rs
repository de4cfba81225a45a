//! A certificate with its key, from PEM to what TLS serves. Knows TLS; knows no file.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::Timestamp;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::facts::Facts;

/// What a certificate and a key are made from: PEM, of files or made at start.
#[derive(PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

/// A certificate that can be served.
pub(super) struct Pair {
    pub(super) config: Arc<ServerConfig>,
    pub(super) facts: Facts,
}

impl Pair {
    /// # Errors
    /// When a part is no PEM, or certificate and key do not belong together.
    pub(super) fn new(pem: &Pem) -> Result<Self> {
        let chain = certificates("--tls-cert", &pem.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|error| anyhow!("--tls-key holds no private key: {error}"))?;
        let facts = chain.first().and_then(|own| Facts::of(own)).context("--tls-cert holds what is no certificate")?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match &pem.client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates("--tls-client-ca", pem)? {
                    roots.add(authority).context("--tls-client-ca")?;
                }
                builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).context("--tls-cert and --tls-key cannot be used together")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A client that comes back is spared the signature. Tickets are kept by clients, so that they cost no memory here;
        // their keys end with this pair, so that none outlives the authorities it was checked against.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self { config: Arc::new(config), facts })
    }

    /// # Errors
    /// When the certificate does not hold at this time.
    pub(super) fn check_validity(&self, now: Timestamp) -> Result<()> {
        let Facts { begins, expires, .. } = self.facts;
        ensure!(now < expires, "the certificate expired {expires}");
        ensure!(now >= begins, "the certificate holds only from {begins} on");
        Ok(())
    }
}

fn certificates(setting: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| anyhow!("{setting} is no PEM: {error}"))?;
    ensure!(!chain.is_empty(), "{setting} holds no certificate");
    Ok(chain)
}
