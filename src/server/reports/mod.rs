//! Alerts in, reports out: a monitoring system posts an alert, an investigation runs, its report is kept in memory. Knows HTTP; knows
//! no payload and no tool.

mod asking;
mod pages;
mod shelf;
mod signature;

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use tokio::sync::Semaphore;

use self::{
    asking::AsCaller,
    pages::Form,
    shelf::{Added, Shelf, State as ReportState},
    signature::Secret,
};
use super::{
    http::ClientAddress,
    mcp::{Mcp, Narrowing},
    sign_in::{self, Caller, Gate},
};
use crate::{
    call_id::CallId,
    investigate::{
        self, Tools as _,
        alert::{self, Alert},
    },
};

/// The largest alert, in bytes: a group of Alertmanager's with a hundred alerts has some 150 KiB.
const BODY_CAP: usize = 256 << 10;
/// Investigations at once. Each asks up to four questions side by side.
const AT_WORK: usize = 2;
/// How long a sender should wait when the queue is full, in seconds.
const RETRY_AFTER_S: u64 = 30;
/// Whoever signs with the secret of hooks, in the log and before the limits.
const SIGNER: &str = "hook";

struct Reports {
    mcp: Mcp,
    shelf: Shelf,
    at_work: Semaphore,
}

/// The routes, behind sign-in. An alert may be signed with the secret of hooks instead of a key.
pub(super) fn routes(mcp: Mcp, gate: Gate, hook_secret: Option<&crate::secret::Secret>) -> Router {
    let reports = Arc::new(Reports { mcp, shelf: Shelf::default(), at_work: Semaphore::new(AT_WORK) });
    let secret = hook_secret.map(|secret| Arc::new(Secret::new(secret.reveal())));
    let read = Router::new()
        .route("/reports", get(list))
        .route("/reports/{id}", get(show))
        .route_layer(middleware::from_fn_with_state(gate.clone(), sign_in::require_page));
    Router::new()
        .route("/hooks/alerts", post(take))
        .route_layer(middleware::from_fn_with_state((gate, secret), key_or_signature))
        .merge(read)
        .layer(DefaultBodyLimit::max(BODY_CAP))
        .layer(middleware::map_response(protected))
        .with_state(reports)
}

/// A signed request passes by its signature, any other by its key.
async fn key_or_signature(State((gate, secret)): State<(Gate, Option<Arc<Secret>>)>, request: Request, next: Next) -> Response {
    let Some(secret) = secret.filter(|_| signature::is_signed(request.headers())) else {
        return sign_in::require(State(gate), request, next).await;
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_CAP).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, &format!("an alert has at most {BODY_CAP} bytes"));
    };
    match secret.verify(&parts.headers, &body, jiff::Timestamp::now()) {
        Ok(()) => {
            let mut request = Request::from_parts(parts, body.into());
            request.extensions_mut().insert(Caller::new(SIGNER));
            next.run(request).await
        }
        Err(why) => {
            if let Some(too_often) = gate.failed(&parts.extensions) {
                return too_often;
            }
            tracing::warn!(event.action = "sign-in", event.outcome = "failure", %why, "an alert's signature is not ours");
            refusal(StatusCode::UNAUTHORIZED, &why.to_string())
        }
    }
}

/// Nothing of a report is kept by a cache, guessed at, or shown inside another page.
async fn protected(mut response: Response) -> Response {
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = format!("{}; frame-ancestors 'none'", investigate::render::policy());
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn take(
    State(reports): State<Arc<Reports>>,
    Extension(caller): Extension<Caller>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let narrowing = match Narrowing::from_headers(&headers) {
        Ok(narrowing) => narrowing,
        Err(why) => return refusal(StatusCode::BAD_REQUEST, &why),
    };
    let client = client.map(|Extension(ClientAddress(address))| address);
    let asking = Arc::new(AsCaller { mcp: reports.mcp.clone(), caller, client, narrowing });
    if !investigate::ASKED.iter().any(|tool| asking.has(tool)) {
        let why = format!("this caller has none of the tools that an investigation asks: {}", investigate::ASKED.join(", "));
        return refusal(StatusCode::FORBIDDEN, &why);
    }
    let alerts = match alert::parse(&body) {
        Ok(alerts) => alerts,
        Err(why) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, &format!("the alert {why}")),
    };
    if alerts.is_empty() {
        return Json(json!({"reports": [], "ignored": "everything that it tells of is over"})).into_response();
    }
    let Some(added) = reports.shelf.add(&alerts) else {
        let mut full = refusal(StatusCode::SERVICE_UNAVAILABLE, "as many alerts wait as can: send it again later");
        full.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        return full;
    };
    let is_new = added.iter().any(|added| added.is_new);
    let told: Vec<_> = added.iter().map(|added| json!({"id": added.id, "url": format!("/reports/{}", added.id)})).collect();
    for (alert, Added { id, .. }) in alerts.into_iter().zip(added).filter(|(_, added)| added.is_new) {
        tokio::spawn(work(Arc::clone(&reports), Arc::clone(&asking), id, alert));
    }
    let status = if is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    (status, Json(json!({"reports": told}))).into_response()
}

/// One investigation, when it is its turn.
async fn work(reports: Arc<Reports>, asking: Arc<AsCaller>, id: String, alert: Alert) {
    let Ok(_turn) = reports.at_work.acquire().await else { return };
    reports.shelf.set(&id, ReportState::AtWork);
    let call = CallId::random();
    let state = match call.scope(investigate::run(&*asking, &alert.clue, asking.mcp.call_timeout())).await {
        Ok(findings) => {
            let (calls, elapsed_ms) = (findings.cost.calls, findings.cost.elapsed_ms);
            tracing::info!(%call, report = %short(&id), verdict = ?findings.verdict, calls, elapsed_ms, "alert investigated");
            ReportState::Done(Arc::new(findings))
        }
        Err(error) => {
            tracing::warn!(%call, report = %short(&id), code = error.code.as_str(), detail = %error.detail, "alert not investigated");
            ReportState::Failed(error)
        }
    };
    reports.shelf.set(&id, state);
}

/// Enough of an id to find it, too little to open it.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

async fn list(State(reports): State<Arc<Reports>>, headers: HeaderMap) -> Response {
    pages::list(&reports.shelf.list(), Form::of(&headers, ""))
}

async fn show(State(reports): State<Arc<Reports>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (id, suffix) = name.split_once('.').unwrap_or((&name, ""));
    match reports.shelf.get(id) {
        Some(entry) => pages::show(&entry, Form::of(&headers, suffix)),
        None => refusal(StatusCode::NOT_FOUND, "there is no such report: the last hundred are kept until the server ends"),
    }
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}
