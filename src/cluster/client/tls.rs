//! TLS towards a cluster: whom to trust and who to be. Knows no address.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

use crate::cluster::{ClusterSettings, InvalidSettings, NodeUrl};

/// What handshakes are made with.
///
/// # Errors
/// When a certificate or key is not what it should be.
pub(super) fn config(settings: &ClusterSettings) -> Result<ClientConfig, InvalidSettings> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| InvalidSettings::new("TLS towards the cluster", error.to_string()))?;
    let builder = if settings.skip_tls_verification {
        tracing::warn!(
            "the cluster's certificate is NOT checked (--es-ssl-skip-verify): anyone on the way can read and change what is sent"
        );
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    } else {
        builder.with_root_certificates(roots(settings)?)
    };
    let Some(pem) = &settings.client_certificate else { return Ok(builder.with_no_client_auth()) };
    let pem = pem.reveal().as_bytes();
    let no_pair =
        |error: String| InvalidSettings::new("--es-client-cert and --es-client-key", format!("are no PEM certificate and key: {error}"));
    let chain = certificates(pem).map_err(no_pair)?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| no_pair(error.to_string()))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| no_pair(error.to_string()))
}

/// The authority that was named, or those of the system where any node needs one.
fn roots(settings: &ClusterSettings) -> Result<RootCertStore, InvalidSettings> {
    let mut roots = RootCertStore::empty();
    match &settings.ca_certificate {
        Some(pem) => {
            let invalid = |error: String| InvalidSettings::new("--es-ca-cert", format!("is no PEM certificate: {error}"));
            for certificate in certificates(pem).map_err(invalid)? {
                roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
            }
        }
        None if settings.nodes.iter().any(NodeUrl::is_https) => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        None => {}
    }
    Ok(roots)
}

/// All certificates of a text: at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if chain.is_empty() { Err("there is none in it".to_owned()) } else { Ok(chain) }
}

/// Takes any certificate of whoever has the key to it.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
