//! Who the server is to the cluster: a header, made again from its files when the cluster does not take it any more. Knows no
//! request.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use http::HeaderValue;
use tokio::time::Instant;

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
        let current = self.header();
        if current.as_ref() != refused {
            return current;
        }
        let source = self.source.clone().filter(|_| self.may_read())?;
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

    fn may_read(&self) -> bool {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let may_read = read_at.is_none_or(|read_at| read_at.elapsed() >= READ_PAUSE);
        if may_read {
            *read_at = Some(Instant::now());
        }
        may_read
    }
}
