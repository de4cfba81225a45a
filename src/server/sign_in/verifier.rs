//! Who a credential belongs to. Knows keys and the file they come from; knows no header and no reply.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

use super::Caller;
use crate::client_keys::ClientKeys;

/// How often the file of keys is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What judges credentials. Tokens of an issuer would be a third kind: verifying may wait for one.
pub(super) enum Verifier {
    /// Anyone is let in.
    Anyone,
    /// Whoever has one of these keys.
    Keys(Arc<Keys>),
}

impl Verifier {
    /// Who a credential belongs to; nobody is not let in.
    pub(super) async fn verify(&self, credential: &[u8]) -> Option<Caller> {
        match self {
            Self::Anyone => Some(Caller::anonymous()),
            Self::Keys(keys) => keys.current().name_of(credential).map(|name| Caller { name: Arc::clone(name) }),
        }
    }
}

/// Keys that may change while they are used.
pub(super) struct Keys {
    /// Those that came with the settings.
    fixed: ClientKeys,
    current: RwLock<Arc<ClientKeys>>,
}

impl Keys {
    /// Keys that stay, and a file of others with what it held when the settings were read. It is looked at until this value
    /// is dropped.
    pub(super) fn new(fixed: ClientKeys, file: Option<(PathBuf, ClientKeys)>) -> Arc<Self> {
        let (path, of_file) = file.map_or_else(|| (None, ClientKeys::default()), |(path, keys)| (Some(path), keys));
        let keys = Arc::new(Self { current: RwLock::new(Arc::new(fixed.clone().and(of_file))), fixed });
        if let Some(path) = path {
            tokio::spawn(watch(path, Arc::downgrade(&keys)));
        }
        keys
    }

    fn current(&self) -> Arc<ClientKeys> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, of_file: ClientKeys) -> bool {
        let all = Arc::new(self.fixed.clone().and(of_file));
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_other = **current != *all;
        *current = all;
        is_other
    }
}

/// Takes what a file holds whenever that has changed. A file that cannot be read or has a bad line changes nothing. One that
/// holds no key lets nobody in any more: who takes the last key out means it. An editor may leave a file empty for a moment, so
/// that is believed at the second look.
async fn watch(path: PathBuf, keys: Weak<Keys>) {
    let mut seen = Look::default();
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(keys) = keys.upgrade() else { return };
        let text = tokio::fs::read_to_string(&path).await.map_err(|error| error.to_string());
        seen.take(&path, text, &keys);
    }
}

/// What the last look at the file showed.
#[derive(Default)]
struct Look {
    text: Option<Result<String, String>>,
    was_empty: bool,
}

impl Look {
    fn take(&mut self, path: &Path, text: Result<String, String>, keys: &Keys) {
        if self.text.as_ref() == Some(&text) && !self.was_empty {
            return;
        }
        let parsed = text.as_deref().map_err(String::clone).and_then(|text| ClientKeys::parse(text).map_err(|error| error.to_string()));
        self.text = Some(text);
        let file = path.display();
        match parsed {
            Ok(of_file) if of_file.is_empty() && !self.was_empty => self.was_empty = true,
            Ok(of_file) => {
                self.was_empty = false;
                let count = of_file.len();
                match (keys.replace(of_file), count) {
                    (true, 0) => tracing::warn!(%file, "the file of client keys has no key any more: nobody of it is let in"),
                    (true, _) => tracing::info!(%file, keys = count, "the file of client keys was read again"),
                    (false, _) => {}
                }
            }
            Err(why) => {
                self.was_empty = false;
                tracing::warn!(%file, %why, "the file of client keys cannot be used; the keys that it held before stay");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_keys::line;

    fn is_known(keys: &Keys, key: &str) -> bool {
        keys.current().name_of(key.as_bytes()).is_some()
    }

    #[test]
    fn a_changed_file_is_taken_and_a_bad_one_changes_nothing() {
        let fixed = ClientKeys::single("default", "the key of the settings");
        let keys = Keys { current: RwLock::new(Arc::new(fixed.clone())), fixed };
        let mut look = Look::default();
        let mut take = |text: Result<&str, &str>| look.take(Path::new("k"), text.map(str::to_owned).map_err(str::to_owned), &keys);
        let (old, new) = (line("ci", "an old key of ci"), line("ci", "a new key of ci"));

        take(Ok(&old));
        assert!(is_known(&keys, "an old key of ci"));
        take(Ok(&format!("{old}\n{new}")));
        assert!(is_known(&keys, "an old key of ci") && is_known(&keys, "a new key of ci"));
        take(Ok("a new key of ci"));
        take(Err("permission denied"));
        assert!(is_known(&keys, "an old key of ci") && is_known(&keys, "a new key of ci"));
        take(Ok(&new));
        assert!(!is_known(&keys, "an old key of ci") && is_known(&keys, "a new key of ci"));

        take(Ok(""));
        assert!(is_known(&keys, "a new key of ci"), "a file that is being written may be empty for a moment");
        take(Ok(""));
        assert!(!is_known(&keys, "a new key of ci"), "one that stays empty lets nobody in");
        assert!(is_known(&keys, "the key of the settings"));
        take(Ok(&old));
        assert!(is_known(&keys, "an old key of ci"));
    }
}
