//! A transport over a pair of channels, for what rmcp has no transport for. It ends when nothing more comes in and every
//! request is answered. Knows messages; knows neither bytes nor sockets.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer,
    model::{ClientJsonRpcMessage, ClientNotification, ErrorCode, JsonRpcError, JsonRpcMessage, RequestId, ServerJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::{mpsc, watch};

use crate::server::json;

/// Requests that have no answer yet.
#[derive(Clone)]
pub(crate) struct Pending {
    ids: Arc<Mutex<HashSet<RequestId>>>,
    count: watch::Sender<usize>,
}

impl Default for Pending {
    fn default() -> Self {
        Self { ids: Arc::default(), count: watch::Sender::new(0) }
    }
}

impl Pending {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Done when there are none.
    pub(crate) async fn emptied(&self) {
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn change(&self, change: impl FnOnce(&mut HashSet<RequestId>)) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut ids);
        self.count.send_replace(ids.len());
    }

    /// Takes note of what came in: a request waits for its answer, one that is cancelled no longer does.
    pub(crate) fn came(&self, message: &ClientJsonRpcMessage) {
        match message {
            JsonRpcMessage::Request(request) => self.change(|ids| {
                ids.insert(request.id.clone());
            }),
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.change(|ids| {
                        ids.remove(id);
                    });
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    fn went(&self, message: &ServerJsonRpcMessage) {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        if let Some(id) = id {
            self.change(|ids| {
                ids.remove(id);
            });
        }
    }
}

/// The server's end of the channels. Whoever feeds `incoming` tells `pending` of each message first.
pub(crate) struct Channel {
    incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    outgoing: mpsc::Sender<ServerJsonRpcMessage>,
    pending: Pending,
    has_begun: bool,
}

impl Channel {
    /// Over these channels.
    pub(crate) fn new(
        incoming: mpsc::Receiver<ClientJsonRpcMessage>,
        outgoing: mpsc::Sender<ServerJsonRpcMessage>,
        pending: Pending,
    ) -> Self {
        Self { incoming, outgoing, pending, has_begun: false }
    }
}

/// Nobody takes messages any more.
#[derive(Debug, thiserror::Error)]
#[error("the client has gone")]
pub(crate) struct Gone;

impl Transport<RoleServer> for Channel {
    type Error = Gone;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = Result<(), Gone>> + Send + 'static {
        let (outgoing, pending) = (self.outgoing.clone(), self.pending.clone());
        async move {
            let permit = outgoing.reserve().await.map_err(|_| Gone)?;
            pending.went(&message);
            permit.send(message);
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            match self.incoming.recv().await {
                // rmcp takes anything but a request for a failed handshake; a stray notification is none.
                Some(message) if !self.has_begun && !matches!(message, JsonRpcMessage::Request(_)) => {}
                Some(message) => {
                    self.has_begun = true;
                    return Some(message);
                }
                None => {
                    self.pending.emptied().await;
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Gone> {
        self.incoming.close();
        Ok(())
    }
}

/// Reads one message.
///
/// # Errors
/// The answer to what is no message: `-32700` where it is no JSON, `-32600` where it is JSON of another form, too deep, or such that
/// readers may understand it differently.
pub(crate) fn parse(bytes: &[u8]) -> Result<ClientJsonRpcMessage, JsonRpcError> {
    use json::{Fault, Kind};

    let refused = |code, told: String, id| JsonRpcError::new(id, ErrorData::new(code, told, None));
    let no_json = |why: String| refused(ErrorCode::PARSE_ERROR, why, None);
    let text = std::str::from_utf8(bytes).map_err(|_| no_json("the message is no UTF-8".to_owned()))?;
    let told = match json::check(text) {
        Ok(Kind::Object) => match serde_json::from_str(text) {
            Ok(message) => return Ok(message),
            Err(_) => "no message of JSON-RPC 2.0".to_owned(),
        },
        Ok(Kind::List) => "a batch, which no revision that is served here knows".to_owned(),
        Ok(Kind::Scalar) => "no message of JSON-RPC 2.0".to_owned(),
        Err(fault @ Fault::Malformed(_)) => return Err(no_json(fault.to_string())),
        Err(fault @ (Fault::TooDeep | Fault::Twice(_))) => fault.to_string(),
    };
    // Whoever reads pipes finds its request by the id alone. One that is there twice is none.
    let id = serde_json::from_str::<Id>(text).ok().and_then(|Id { id }| id);
    Err(refused(ErrorCode::INVALID_REQUEST, told, id))
}

/// The id of what may be a message otherwise.
#[derive(serde::Deserialize)]
struct Id {
    #[serde(default)]
    id: Option<RequestId>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn refused(text: &str, code: i32, id: Value) {
        let error = serde_json::to_value(parse(text.as_bytes()).unwrap_err()).unwrap();
        assert_eq!((&error["error"]["code"], &error["id"]), (&json!(code), &id), "{text}");
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        for text in ["", "{", "nonsense", "{\"id\": 1,}", "\u{0}"] {
            refused(text, -32700, Value::Null);
        }
        refused("[]", -32600, Value::Null);
        refused(r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#, -32600, Value::Null);
        refused("{}", -32600, Value::Null);
        refused("7", -32600, Value::Null);
        refused(r#"{"jsonrpc": "1.0", "id": 7, "method": "ping"}"#, -32600, json!(7));
        assert!(parse(br#"{"jsonrpc": "2.0", "id": 1, "method": "ping"}"#).is_ok());
        refused("\u{feff}{}", -32700, Value::Null);
    }

    #[test]
    fn what_readers_may_understand_differently_is_refused_under_its_id() {
        let deep = |depth: usize| {
            let lists = "[".repeat(depth) + &"]".repeat(depth);
            format!(r#"{{"jsonrpc": "2.0", "id": "x", "method": "ping", "params": {{"a": {lists}}}}}"#)
        };
        assert!(parse(deep(62).as_bytes()).is_ok());
        for depth in [63, 100] {
            refused(&deep(depth), -32600, json!("x"));
        }
        refused(r#"{"jsonrpc": "2.0", "id": 7, "method": "ping", "method": "tools/list"}"#, -32600, json!(7));
        refused(r#"{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"a": 1, "\u0061": 2}}"#, -32600, json!(7));
        refused(r#"{"jsonrpc": "2.0", "id": 7, "id": 8, "method": "ping"}"#, -32600, Value::Null);
    }

    #[tokio::test]
    async fn it_ends_only_when_every_request_is_answered() {
        let (incoming, received) = mpsc::channel(4);
        let (outgoing, mut sent) = mpsc::channel(4);
        let pending = Pending::default();
        let mut channel = Channel::new(received, outgoing, pending.clone());
        for text in [r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#, r#"{"jsonrpc": "2.0", "id": 1, "method": "ping"}"#] {
            let message = parse(text.as_bytes()).unwrap();
            pending.came(&message);
            incoming.send(message).await.unwrap();
        }
        drop(incoming);
        assert!(matches!(channel.receive().await, Some(JsonRpcMessage::Request(_))), "a notification before anything else is no handshake");
        let answer = ServerJsonRpcMessage::response(rmcp::model::ServerResult::empty(()), RequestId::Number(1));
        let answered = channel.send(answer);
        let (none, answered) = tokio::join!(channel.receive(), answered);
        assert!(none.is_none() && answered.is_ok() && sent.recv().await.is_some());
        assert_eq!(pending.count(), 0);
    }
}
