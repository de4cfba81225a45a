//! The transport before Streamable HTTP, for clients that know no other: a stream of events at `/sse`, messages to
//! `/messages`. Knows HTTP and sessions; knows no tool.

mod sessions;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use rmcp::{
    ServerHandler,
    model::{ErrorData, JsonRpcError, ServerJsonRpcMessage},
    service::serve_server_with_ct,
};
use tokio_util::sync::CancellationToken;

use super::{
    mcp::{
        Narrowing,
        channel::{self, Channel},
    },
    sign_in::Caller,
};
use sessions::{Full, Opened, Sessions};

/// A comment is sent after so long a silence: proxies close streams that are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The routes over one MCP handler. `ending` ends the streams once what is on its way is answered.
pub(super) fn routes<H>(handler: H, ending: CancellationToken) -> Router
where
    H: ServerHandler + Clone,
{
    let sessions = Arc::new(Sessions::default());
    let open = {
        let sessions = Arc::clone(&sessions);
        move |Extension(caller): Extension<Caller>, headers: HeaderMap| {
            let stream = open(&sessions, handler.clone(), caller, &headers, ending.clone());
            async move { stream }
        }
    };
    Router::new().route("/sse", get(open)).route("/messages", post(take).with_state(sessions))
}

/// Opens a session: its first event says where messages go.
fn open<H>(sessions: &Arc<Sessions>, handler: H, caller: Caller, headers: &HeaderMap, ending: CancellationToken) -> Response
where
    H: ServerHandler,
{
    let narrowing = match Narrowing::from_headers(headers) {
        Ok(narrowing) => narrowing,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    if ending.is_cancelled() {
        return busy(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
    }
    let opened = match sessions.open(caller, narrowing) {
        Ok(opened) => opened,
        Err(Full::OfCaller) => return busy(StatusCode::TOO_MANY_REQUESTS, "you have as many sessions open as one caller may"),
        Err(Full::InAll) => return busy(StatusCode::SERVICE_UNAVAILABLE, "as many sessions are open as the server takes"),
    };
    let Opened { id, incoming, outgoing, answers, pending, guard } = opened;
    let gone = guard.gone();
    tokio::spawn(async move {
        let channel = Channel::new(incoming, outgoing, pending);
        // It ends when the stream does: the guard in the stream cancels this token.
        if let Ok(running) = serve_server_with_ct(handler, channel, gone).await {
            let _ = running.waiting().await;
        }
    });
    let place = Event::default().event("endpoint").data(format!("/messages?sessionId={id}"));
    let events = stream::unfold((Some(place), answers, guard, ending), |(place, mut answers, guard, ending)| async move {
        if let Some(place) = place {
            return Some((Ok::<_, Infallible>(place), (None, answers, guard, ending)));
        }
        let message = tokio::select! {
            biased;
            message = answers.recv() => message?,
            () = guard.finished(&ending) => return None,
        };
        let event = event(&message)?;
        Some((Ok(event), (None, answers, guard, ending)))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive")).into_response();
    // Otherwise some proxies hold events back until there are many.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn event(message: &ServerJsonRpcMessage) -> Option<Event> {
    match serde_json::to_string(message) {
        Ok(text) => Some(Event::default().event("message").data(text)),
        Err(error) => {
            tracing::error!(%error, "a message could not be written");
            None
        }
    }
}

/// The session that an address names. Ids need no decoding.
fn session_id(parts: &Parts) -> Option<&str> {
    parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("sessionId="))
}

/// Takes one message into its session; the answer comes as an event.
async fn take(State(sessions): State<Arc<Sessions>>, Extension(caller): Extension<Caller>, parts: Parts, body: Bytes) -> Response {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !essence.eq_ignore_ascii_case(b"application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "a message is application/json\n").into_response();
    }
    let Some(id) = session_id(&parts) else {
        return (StatusCode::BAD_REQUEST, "messages go to the address that the first event of /sse names\n").into_response();
    };
    // Another caller's session is told apart from none in no way.
    let Some(session) = sessions.find(id, &caller) else {
        return (StatusCode::NOT_FOUND, "no such session: open one with GET /sse\n").into_response();
    };
    let mut message = match channel::parse(&body) {
        Ok(message) => message,
        Err(error) => return (StatusCode::BAD_REQUEST, axum::Json(error)).into_response(),
    };
    message.insert_extension(session.narrowing.clone());
    message.insert_extension(parts);
    match session.take(message) {
        Ok(()) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Err(_) => busy(StatusCode::TOO_MANY_REQUESTS, "the session has as many requests without an answer as it may"),
    }
}

fn busy(status: StatusCode, why: &'static str) -> Response {
    let error = JsonRpcError::new(None, ErrorData::invalid_request(why, None));
    (status, [(header::RETRY_AFTER, "2")], axum::Json(error)).into_response()
}
