//! Sign-in: whoever shows a key is let through under its name, everyone else is told how. Knows HTTP; knows no tool.

mod basic;
mod caller;
mod credential;
mod failures;
mod verifier;

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::Result;
use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;

pub use caller::Caller;

use self::{
    credential::{Credential, Headers},
    failures::Failures,
    verifier::{Keys, Verifier},
};
use crate::{
    client_keys::{self, ClientKeys},
    config::SignIn,
    server::{http::ClientAddress, limits},
};

/// What stands before everything that needs sign-in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Gate(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    headers: Headers,
    failures: Failures,
    /// What a client without a key is told.
    advice: String,
}

/// Why a request is not let through.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// A key stands where others can read it.
    InUrl,
    /// There is no key.
    Missing,
    /// There is one, which is none of ours.
    Wrong,
    /// The same, too often.
    TooOften(Duration),
}

impl Gate {
    /// What the settings ask for, and the key that was made, where they ask for one.
    ///
    /// # Errors
    /// When the system gives no random numbers to make a key of.
    pub(super) fn new(sign_in: SignIn, header: Option<HeaderName>) -> Result<(Self, Option<String>)> {
        let (verifier, generated) = match sign_in {
            SignIn::Keys { single, file } => {
                let fixed = single.map_or_else(ClientKeys::default, |key| ClientKeys::single(&Caller::default_key().name, key.reveal()));
                (Verifier::Keys(Keys::new(fixed, file)), None)
            }
            SignIn::GeneratedKey => {
                let key = client_keys::generate()?;
                (Verifier::Keys(Keys::new(ClientKeys::single(&Caller::default_key().name, &key), None)), Some(key))
            }
            SignIn::Nobody => {
                tracing::warn!("anyone on this machine can call the tools (--no-auth)");
                (Verifier::Anyone, None)
            }
        };
        let chosen = header.as_ref().map(|name| format!(" or `{name}: KEY`")).unwrap_or_default();
        let advice = format!("sign in with a key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`{chosen}\n");
        Ok((Self(Arc::new(Inner { verifier, headers: Headers::new(header), failures: Failures::default(), advice })), generated))
    }

    async fn judge(&self, uri: &Uri, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Caller, Refusal> {
        let inner = &*self.0;
        if credential::is_in_url(uri) {
            return Err(Refusal::InUrl);
        }
        if matches!(inner.verifier, Verifier::Anyone) {
            return Ok(Caller::anonymous());
        }
        let key = match inner.headers.credential(headers) {
            Credential::Missing => return Err(Refusal::Missing),
            Credential::Unclear => None,
            Credential::Key(key) => Some(key),
        };
        // Good keys first: no number of failures keeps one out.
        if let Some(key) = key
            && let Some(caller) = inner.verifier.verify(key).await
        {
            return Ok(caller);
        }
        match address.map_or(Ok(()), |address| inner.failures.count(address, Instant::now())) {
            Ok(()) => {
                let client = address.map(tracing::field::display);
                tracing::warn!(
                    client.address = client,
                    event.action = "sign-in",
                    event.outcome = "failure",
                    "a client's key is none of ours"
                );
                Err(Refusal::Wrong)
            }
            Err(wait) => Err(Refusal::TooOften(wait)),
        }
    }

    /// Counts a failure to sign in by another way than a key. What to answer, where there were too many from an address.
    pub(super) fn failed(&self, extensions: &Extensions) -> Option<Response> {
        let wait = self.0.failures.count(address(extensions)?, Instant::now()).err()?;
        Some(self.refuse(&Refusal::TooOften(wait)))
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let (status, text) = match refusal {
            Refusal::InUrl => (
                StatusCode::BAD_REQUEST,
                "a key must not stand in the URL, which proxies and browsers log: send it as a header, and replace this one\n",
            ),
            Refusal::Missing | Refusal::Wrong => (StatusCode::UNAUTHORIZED, self.0.advice.as_str()),
            Refusal::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "too many wrong keys from this address; a good one still works\n"),
        };
        let mut response = (status, text.to_owned()).into_response();
        let headers = response.headers_mut();
        match refusal {
            Refusal::Missing => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Refusal::Wrong => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
            }
            Refusal::TooOften(wait) => {
                headers.insert(header::RETRY_AFTER, wait.as_secs().saturating_add(1).into());
            }
            Refusal::InUrl => {}
        }
        response
    }
}

/// The layer in front of everything that needs sign-in: puts the [`Caller`] into the request and takes the credential out.
pub(super) async fn require(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let (uri, address) = (request.uri().clone(), address(request.extensions()));
    let headers = std::mem::take(request.headers_mut());
    let judged = gate.judge(&uri, &headers, address).await;
    *request.headers_mut() = headers;
    match judged {
        Ok(caller) => {
            gate.0.headers.remove(request.headers_mut());
            request.extensions_mut().insert(caller);
            limits::tell(request, next).await
        }
        Err(refusal) => gate.refuse(&refusal),
    }
}

/// The same in front of pages that people open: the key may be the password that a browser asks for, which no other route takes.
pub(super) async fn require_page(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let asks = basic::wants_page(request.headers());
    basic::to_bearer(request.headers_mut());
    let mut response = require(State(gate), request, next).await;
    if asks && response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().append(header::WWW_AUTHENTICATE, basic::CHALLENGE);
    }
    response
}

/// The client's address.
fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| *address)
}
