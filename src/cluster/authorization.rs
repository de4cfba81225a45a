//! Who the server is to the cluster: a header, made again from its files when the cluster does not take it any more. Knows no
//! request.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::HeaderValue;
use tokio::{sync::Mutex, time::Instant};

use super::{Credential, InvalidSettings};

/// A credential that did not help is not read again for so long: a cluster that refuses it may be asked often.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// Reads a credential from where it is kept.
#[derive(Clone)]
pub struct CredentialSource(Arc<dyn Fn() -> Result<Option<Credential>, InvalidSettings> + Send + Sync>);

impl CredentialSource {
    /// From whatever this function reads. It may block.
    pub fn new(read: impl Fn() -> Result<Option<Credential>, InvalidSettings> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialSource")
    }
}

/// The header of now.
#[derive(Debug)]
pub(super) struct Authorization {
    header: RwLock<Option<HeaderValue>>,
    source: Option<CredentialSource>,
    /// When it was read last. Locked while it is read: whoever is refused meanwhile waits for what comes of it.
    read_at: Mutex<Option<Instant>>,
}

impl Authorization {
    pub(super) fn new(credential: Option<&Credential>) -> Result<Self, InvalidSettings> {
        let header = credential.map(Credential::header).transpose()?;
        Ok(Self { header: RwLock::new(header), source: None, read_at: Mutex::new(None) })
    }

    pub(super) fn read_from(&mut self, source: Option<CredentialSource>) {
        self.source = source;
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        self.header.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The header in place of one that was refused, if there is another by now.
    pub(super) async fn in_place_of(&self, refused: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut read_at = self.read_at.lock().await;
        let current = self.header();
        if current.as_ref() != refused {
            return current;
        }
        let source = self.source.clone()?;
        if read_at.is_some_and(|read_at| read_at.elapsed() < READ_PAUSE) {
            return None;
        }
        *read_at = Some(Instant::now());
        let read = tokio::task::spawn_blocking(move || (source.0)()?.as_ref().map(Credential::header).transpose()).await.ok()?;
        match read {
            Ok(header) if header.as_ref() == refused => None,
            Ok(header) => {
                tracing::info!("the cluster's credential was read again, since the cluster did not take it any more");
                *self.header.write().unwrap_or_else(PoisonError::into_inner) = header.clone();
                header
            }
            Err(error) => {
                tracing::warn!(%error, "the cluster does not take the credential any more, and it cannot be read again");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::secret::Secret;

    fn token(text: &str) -> Credential {
        Credential::Bearer(Secret::new(text))
    }

    /// An authorization whose source holds `newer` and counts how often it is read.
    fn of(newer: &'static str) -> (Authorization, Arc<AtomicUsize>) {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let mut authorization = Authorization::new(Some(&token("old"))).unwrap();
        authorization.read_from(Some(CredentialSource::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Some(token(newer)))
        })));
        (authorization, reads)
    }

    #[tokio::test]
    async fn all_who_are_refused_share_one_reading() {
        let (authorization, reads) = of("new");
        let refused = authorization.header();
        let renewed = join_all((0..50).map(|_| authorization.in_place_of(refused.as_ref()))).await;
        assert!(renewed.iter().all(|header| header.as_ref().is_some_and(|header| header == "Bearer new")));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_did_not_help_is_not_read_again_at_once() {
        let (authorization, reads) = of("old");
        let refused = authorization.header();
        for _ in 0..50 {
            assert!(authorization.in_place_of(refused.as_ref()).await.is_none());
        }
        assert_eq!(reads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn without_files_there_is_nothing_to_read() {
        let authorization = Authorization::new(Some(&token("old"))).unwrap();
        assert!(authorization.in_place_of(authorization.header().as_ref()).await.is_none());
    }
}
