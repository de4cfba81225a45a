//! The open sessions: whose they are, how many there may be, and their end. Knows channels; knows no HTTP.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    client_keys,
    server::{
        mcp::{Narrowing, channel::Pending},
        sign_in::Caller,
    },
};

/// Sessions in all.
const MOST: usize = 256;
/// Sessions of one caller. Callers that nobody tells apart count as one.
const MOST_OF_CALLER: usize = 64;
/// Requests of one session that may wait for their answers.
const MOST_PENDING: usize = 32;
/// Messages on their way, in either direction.
const CAPACITY: usize = 64;

/// The open sessions.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Arc<str>, Arc<Session>>>);

/// One session.
pub(super) struct Session {
    caller: Caller,
    pub(super) narrowing: Narrowing,
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    pending: Pending,
}

/// A session that was opened: the ends of its channels, and what closes it when dropped.
pub(super) struct Opened {
    pub(super) id: Arc<str>,
    pub(super) incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    pub(super) outgoing: mpsc::Sender<ServerJsonRpcMessage>,
    pub(super) answers: mpsc::Receiver<ServerJsonRpcMessage>,
    pub(super) pending: Pending,
    pub(super) guard: Guard,
}

/// Why no session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    OfCaller,
    InAll,
}

/// The session takes no more for now.
#[derive(Debug)]
pub(super) struct Busy;

/// Closes its session when it is dropped: no message is taken any more, and calls on their way are cancelled.
pub(super) struct Guard {
    sessions: Arc<Sessions>,
    id: Arc<str>,
    pending: Pending,
    gone: CancellationToken,
    _cancels: DropGuard,
}

impl Sessions {
    /// Opens a session for a caller.
    pub(super) fn open(self: &Arc<Self>, caller: Caller, narrowing: Narrowing) -> Result<Opened, Full> {
        // Nothing that can be guessed: whoever knows the id and has the caller's key can speak in the session.
        let Ok(id) = client_keys::generate() else { return Err(Full::InAll) };
        let id: Arc<str> = id.trim_start_matches("elk_").into();
        let (messages, incoming) = mpsc::channel(CAPACITY);
        let (outgoing, answers) = mpsc::channel(CAPACITY);
        let pending = Pending::default();
        {
            let mut sessions = self.lock();
            if sessions.len() >= MOST {
                return Err(Full::InAll);
            }
            if sessions.values().filter(|session| session.caller == caller).count() >= MOST_OF_CALLER {
                return Err(Full::OfCaller);
            }
            sessions.insert(Arc::clone(&id), Arc::new(Session { caller, narrowing, messages, pending: pending.clone() }));
        }
        let gone = CancellationToken::new();
        let guard = Guard {
            sessions: Arc::clone(self),
            id: Arc::clone(&id),
            pending: pending.clone(),
            gone: gone.clone(),
            _cancels: gone.drop_guard(),
        };
        Ok(Opened { id, incoming, outgoing, answers, pending, guard })
    }

    /// The session of this id, if it is this caller's.
    pub(super) fn find(&self, id: &str, caller: &Caller) -> Option<Arc<Session>> {
        self.lock().get(id).filter(|session| session.caller == *caller).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Takes a message, unless too much waits already.
    pub(super) fn take(&self, message: ClientJsonRpcMessage) -> Result<(), Busy> {
        let is_request = matches!(message, ClientJsonRpcMessage::Request(_));
        if is_request && self.pending.count() >= MOST_PENDING {
            return Err(Busy);
        }
        let permit = self.messages.try_reserve().map_err(|_| Busy)?;
        self.pending.came(&message);
        permit.send(message);
        Ok(())
    }
}

impl Guard {
    /// Cancelled when the session is closed.
    pub(super) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }

    /// Done when the server ends and every request of the session is answered.
    pub(super) async fn finished(&self, ending: &CancellationToken) {
        ending.cancelled().await;
        self.pending.emptied().await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sessions: &Arc<Sessions>, caller: &str) -> Result<Opened, Full> {
        sessions.open(Caller::new(caller), Narrowing::default())
    }

    #[test]
    fn a_session_is_its_callers_and_ends_with_its_guard() {
        let sessions = Arc::new(Sessions::default());
        let opened = open(&sessions, "one").unwrap();
        assert!(sessions.find(&opened.id, &Caller::new("one")).is_some());
        assert!(sessions.find(&opened.id, &Caller::new("other")).is_none());
        assert_eq!(opened.id.len(), 64, "256 bits");
        let (id, gone) = (Arc::clone(&opened.id), opened.guard.gone());
        drop(opened);
        assert!(gone.is_cancelled() && sessions.find(&id, &Caller::new("one")).is_none());
    }

    #[test]
    fn sessions_are_few_for_a_caller_and_in_all() {
        let sessions = Arc::new(Sessions::default());
        let mut opened: Vec<Opened> = (0..MOST_OF_CALLER).map(|_| open(&sessions, "one").unwrap()).collect();
        assert_eq!(open(&sessions, "one").err(), Some(Full::OfCaller));
        opened.extend((MOST_OF_CALLER..MOST).map(|number| open(&sessions, &number.to_string()).unwrap()));
        assert_eq!(open(&sessions, "another").err(), Some(Full::InAll));
        opened.pop();
        assert!(open(&sessions, "another").is_ok());
    }

    #[test]
    fn a_session_takes_so_many_requests_at_once() {
        let sessions = Arc::new(Sessions::default());
        let opened = open(&sessions, "one").unwrap();
        let session = sessions.find(&opened.id, &Caller::new("one")).unwrap();
        let request = |id: usize| {
            let text = format!(r#"{{"jsonrpc": "2.0", "id": {id}, "method": "ping"}}"#);
            session.take(serde_json::from_str(&text).unwrap())
        };
        assert!((0..MOST_PENDING).all(|id| request(id).is_ok()));
        assert!(request(MOST_PENDING).is_err());
        let cancelled = r#"{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}}"#;
        assert!(session.take(serde_json::from_str(cancelled).unwrap()).is_ok() && request(MOST_PENDING).is_ok());
    }
}
