//! How to listen and who may call. Safe by default: off loopback it needs a certificate and a key.

use std::{net::SocketAddr, path::PathBuf};

use http::HeaderName;

use super::{
    arguments::ServingArguments,
    bytes,
    limits::rate_limit,
    secret,
    sign_in::{SignIn, header_name},
};
use crate::{client_keys::SHORTEST_KEY, cluster::InvalidSettings, secret::Secret, server::limits::RateLimit};

/// How to listen and who may call.
#[derive(Debug)]
pub struct Serving {
    /// Where.
    pub listen: SocketAddr,
    /// The server's certificate.
    pub identity: Identity,
    /// Who may call.
    pub sign_in: SignIn,
    /// A header that a key may stand in beside the usual ones.
    pub key_header: Option<HeaderName>,
    /// How many calls each caller may make.
    pub rate_limit: Option<RateLimit>,
    /// Host names beside the loopback ones and the address itself that a client may call the server by.
    pub allowed_hosts: Vec<String>,
    /// Whether clients that know only HTTP with server-sent events are served.
    pub legacy_sse: bool,
    /// What senders of alerts may sign with in place of a key.
    pub hook_secret: Option<Secret>,
}

/// The server's certificate.
#[derive(Debug)]
pub enum Identity {
    /// Made at start, with an authority of its own; on loopback only.
    Development,
    /// From files, as PEM.
    Files {
        /// The certificate and its chain.
        certificate: Vec<u8>,
        /// Its key.
        key: Secret,
        /// For messages.
        certificate_file: PathBuf,
    },
}

impl Serving {
    /// Checks the arguments and reads the files they name.
    ///
    /// # Errors
    /// When a value cannot be used, or when something is missing that serving off loopback needs.
    pub fn from_arguments(arguments: &ServingArguments) -> Result<Self, InvalidSettings> {
        let listen = parse_address(&arguments.listen)?;
        let loopback = listen.ip().is_loopback();
        let identity = match (&arguments.tls_cert, &arguments.tls_key) {
            (Some(certificate), Some(key)) => Identity::Files {
                certificate: bytes("--tls-cert", certificate)?,
                key: Secret::new(String::from_utf8(bytes("--tls-key", key)?).map_err(|_| InvalidSettings::new("--tls-key", "is not PEM"))?),
                certificate_file: certificate.clone(),
            },
            (None, None) if loopback => Identity::Development,
            (None, None) => {
                return Err(InvalidSettings::new(
                    "--tls-cert and --tls-key",
                    format!("must be set to listen on {listen}, which other machines reach"),
                ));
            }
            _ => return Err(InvalidSettings::new("--tls-cert and --tls-key", "belong together: give both")),
        };
        let sign_in = SignIn::from_arguments(&arguments.sign_in, listen)?;
        let key_header = header_name(arguments.sign_in.client_key_header.as_deref())?;
        let rate_limit = rate_limit(arguments.rate_limit.as_deref())?;
        let legacy_sse = !arguments.no_legacy_sse;
        let hook_secret = hook_secret(arguments)?;
        Ok(Self {
            listen,
            identity,
            sign_in,
            key_header,
            rate_limit,
            allowed_hosts: arguments.allowed_hosts.clone(),
            legacy_sse,
            hook_secret,
        })
    }

    /// The sample's way: on loopback, with a certificate and a key made at start.
    ///
    /// # Errors
    /// When the address is none, or not of loopback.
    pub fn on_loopback(listen: &str) -> Result<Self, InvalidSettings> {
        let listen = parse_address(listen)?;
        if !listen.ip().is_loopback() {
            return Err(InvalidSettings::new("--listen", format!("is {listen}; the demo listens on loopback only")));
        }
        let (identity, sign_in, rate_limit) = (Identity::Development, SignIn::GeneratedKey, Some(RateLimit::DEFAULT));
        Ok(Self { listen, identity, sign_in, key_header: None, rate_limit, allowed_hosts: Vec::new(), legacy_sse: true, hook_secret: None })
    }
}

fn hook_secret(arguments: &ServingArguments) -> Result<Option<Secret>, InvalidSettings> {
    let secret = secret("--hook-secret-file", arguments.hook_secret.as_ref(), arguments.hook_secret_file.as_deref())?;
    if secret.as_ref().is_some_and(|secret| secret.reveal().len() < SHORTEST_KEY) {
        return Err(InvalidSettings::new(
            "--hook-secret-file",
            format!("has a secret of less than {SHORTEST_KEY} bytes, which can be guessed"),
        ));
    }
    Ok(secret)
}

fn parse_address(text: &str) -> Result<SocketAddr, InvalidSettings> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        InvalidSettings::new("--listen", format!("is `{text}`; write an address and a port, such as 127.0.0.1:8443 or [::]:8443"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::arguments::SignInArguments;

    fn arguments(listen: &str) -> ServingArguments {
        ServingArguments {
            listen: listen.to_owned(),
            tls_cert: None,
            tls_key: None,
            rate_limit: None,
            sign_in: SignInArguments::default(),
            allowed_hosts: Vec::new(),
            no_legacy_sse: false,
            hook_secret_file: None,
            hook_secret: None,
        }
    }

    #[track_caller]
    fn refused(arguments: &ServingArguments, names: &str) {
        let error = Serving::from_arguments(arguments).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }

    #[test]
    fn loopback_needs_nothing() {
        for listen in ["127.0.0.1:0", "localhost:8443", "[::1]:8443"] {
            let serving = Serving::from_arguments(&arguments(listen)).unwrap();
            assert!(matches!((serving.identity, serving.sign_in), (Identity::Development, SignIn::GeneratedKey)), "{listen}");
        }
    }

    #[test]
    fn off_loopback_nothing_starts_without_a_certificate_and_a_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = Some(file.path().to_owned());
        let with_files = ServingArguments { tls_cert: path.clone(), tls_key: path, ..arguments("0.0.0.0:8443") };
        refused(&arguments("0.0.0.0:8443"), "--tls-cert");
        refused(&arguments("[::]:8443"), "--tls-cert");
        refused(&with_files, "--client-keys");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        refused(&arguments("8443"), "--listen");
        refused(&ServingArguments { tls_cert: Some("/nonexistent".into()), ..arguments("127.0.0.1:0") }, "belong together");
    }
}
