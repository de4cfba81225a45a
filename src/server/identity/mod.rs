//! The server's certificate: from files that may change, or made at start. Knows TLS and the file system; knows no
//! connection.

mod development;
mod facts;
mod pair;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Result};
use jiff::{Timestamp, ToSpan as _};
use rustls::ServerConfig;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Identity, hosts::HostPattern};
use pair::{Pair, Pem};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A certificate that expires in less is worth a warning, in days.
const SOON_DAYS: i64 = 14;

/// The certificate in use. It changes under connections that come; those that are there keep theirs.
pub(super) struct Certificate {
    source: Source,
    client_ca_file: Option<PathBuf>,
    current: RwLock<Pair>,
    seen: Mutex<Seen>,
    ca_file: Option<PathBuf>,
}

enum Source {
    Files { certificate: PathBuf, key: PathBuf },
    Made { certificate: Vec<u8>, key: Vec<u8> },
}

/// What the files held.
struct Seen {
    served: Pem,
    /// What was refused last: it is told once.
    refused: Option<Result<Pem, String>>,
}

impl Certificate {
    /// Loads or makes the certificate; none for plain HTTP.
    ///
    /// # Errors
    /// When a file cannot be read, or what it holds cannot be served.
    pub(super) fn load(identity: Identity, client_ca_file: Option<PathBuf>, address: SocketAddr) -> Result<Option<Arc<Self>>> {
        let (source, ca_file) = match identity {
            Identity::PlainHttp => return Ok(None),
            Identity::Files { certificate_file, key_file } => (Source::Files { certificate: certificate_file, key: key_file }, None),
            Identity::Development => {
                let made = development::make(address)?;
                (Source::Made { certificate: made.certificate, key: made.key }, Some(made.ca_file))
            }
        };
        let pem = read(&source, client_ca_file.as_deref())?;
        let pair = Pair::new(&pem)?;
        if matches!(source, Source::Files { .. }) {
            tell(&pair, "certificate loaded");
        }
        let seen = Mutex::new(Seen { served: pem, refused: None });
        Ok(Some(Arc::new(Self { source, client_ca_file, current: RwLock::new(pair), seen, ca_file })))
    }

    fn may_change(&self) -> bool {
        matches!(self.source, Source::Files { .. }) || self.client_ca_file.is_some()
    }

    /// What the next connection is served with.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// The hosts that the certificate is for.
    pub(super) fn hosts(&self) -> Arc<[HostPattern]> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).facts.hosts)
    }

    /// The development authority's certificate, for clients to trust.
    pub(super) fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Takes what the files hold now, if it is new and can be served. Otherwise the old certificate stays, and the log says
    /// why, once.
    fn refresh(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&self.source, self.client_ca_file.as_deref()).map_err(|error| format!("{error:#}"));
        if read.as_ref().is_ok_and(|pem| *pem == seen.served) {
            seen.refused = None;
            return;
        }
        if seen.refused.as_ref() == Some(&read) {
            return;
        }
        let usable = |pem: &Pem| {
            let pair = Pair::new(pem)?;
            pair.check_validity(Timestamp::now())?;
            Ok(pair)
        };
        let replacement =
            read.as_ref().map_err(Clone::clone).and_then(|pem| usable(pem).map_err(|error: anyhow::Error| format!("{error:#}")));
        match (replacement, read) {
            (Ok(pair), Ok(pem)) => {
                tell(&pair, "certificate replaced");
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = pair;
                *seen = Seen { served: pem, refused: None };
            }
            (Err(error), read) => {
                tracing::warn!(error, "the new certificate cannot be served; the old one stays");
                seen.refused = Some(read);
            }
            (Ok(_), Err(_)) => {}
        }
    }
}

/// Looks at the files again and again, and when the process is asked to reload. Their content counts, not their times: those
/// of a replaced link or of a quick second change tell nothing. Never done.
pub(super) async fn watch(certificate: Option<Arc<Certificate>>, mut hangups: Hangups) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Without a certificate that may change the signal is heard all the same: it must not end the process.
    let certificate = certificate.filter(|certificate| certificate.may_change());
    loop {
        tokio::select! {
            _ = looks.tick(), if certificate.is_some() => {}
            () = hangups.next() => tracing::info!("asked to reload"),
        }
        if let Some(certificate) = &certificate {
            certificate.refresh();
        }
    }
}

/// The signal by which people ask for a reload. It is heard from the moment that this is made: before, it ends the process.
pub(super) struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
                .inspect_err(|error| tracing::warn!(%error, "the signal to reload cannot be heard"))
                .ok(),
        }
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

fn read(source: &Source, client_ca_file: Option<&Path>) -> Result<Pem> {
    let read = |setting: &str, file: &Path| fs::read(file).with_context(|| format!("{setting} cannot be read from {}", file.display()));
    let (certificate, key) = match source {
        Source::Files { certificate, key } => (read("--tls-cert", certificate)?, read("--tls-key", key)?),
        Source::Made { certificate, key } => (certificate.clone(), key.clone()),
    };
    let client_ca = client_ca_file.map(|file| read("--tls-client-ca", file)).transpose()?;
    Ok(Pem { certificate, key, client_ca })
}

fn tell(pair: &Pair, what: &str) {
    let hosts: Vec<String> = pair.facts.hosts.iter().map(ToString::to_string).collect();
    tracing::info!(expires = %pair.facts.expires, hosts = hosts.join(","), "{what}");
    let now = Timestamp::now();
    if let Err(error) = pair.check_validity(now) {
        tracing::warn!("clients will refuse the certificate: {error}");
    } else if pair.facts.expires < now + (SOON_DAYS * 24).hours() {
        tracing::warn!(expires = %pair.facts.expires, "the certificate expires soon");
    }
}
