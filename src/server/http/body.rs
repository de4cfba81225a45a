//! What a request's body must be before anyone reads it: JSON, of bounded size, in bounded time, understood alike by every
//! reader. Knows JSON-RPC's errors; knows no method.

use std::{borrow::Cow, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use rmcp::model::{ErrorCode, ErrorData, JsonRpcError};
use tokio::time::timeout;

use crate::server::json::{self, Kind};

/// The largest body, in bytes.
pub(super) const BODY_CAP: usize = 256 << 10;
/// How long a client may take to send it.
pub(in crate::server) const BODY_LIMIT: Duration = Duration::from_secs(10);

const NO_MESSAGE: &str =
    "the body is no message of JSON-RPC 2.0: it needs \"jsonrpc\":\"2.0\", a method, and an id that is a string or a whole number";

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the Content-Type must be application/json, in UTF-8 and not compressed")]
    MediaType,
    #[error("the body is larger than {BODY_CAP} bytes")]
    TooLarge,
    #[error("the body took longer than {} seconds", BODY_LIMIT.as_secs())]
    TooSlow,
    #[error("the body ended too early")]
    Broken,
    #[error("the body is no UTF-8")]
    Encoding,
    #[error(transparent)]
    Json(#[from] json::Fault),
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Encoding | Self::Json(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// As plain text.
    fn plain(&self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        if matches!(self, Self::MediaType | Self::TooLarge | Self::TooSlow) {
            // The rest of the body is not read, so that nothing can follow it.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn json_rpc(&self) -> Response {
        match self {
            Self::MediaType | Self::TooLarge | Self::TooSlow => self.plain(),
            Self::Broken | Self::Encoding | Self::Json(json::Fault::Malformed(_)) => {
                json_rpc_error(ErrorCode::PARSE_ERROR, self.to_string())
            }
            Self::Json(json::Fault::TooDeep | json::Fault::Twice(_)) => json_rpc_error(ErrorCode::INVALID_REQUEST, self.to_string()),
        }
    }
}

/// The layer of routes that take one JSON-RPC message.
pub(super) async fn json_rpc(request: Request, next: Next) -> Response {
    // Other methods have no message.
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    match read(request).await {
        Ok((request, Kind::Object)) => {
            let response = next.run(request).await;
            // The media type was checked above: this is how rmcp refuses an object that is no message.
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                json_rpc_error(ErrorCode::INVALID_REQUEST, NO_MESSAGE)
            } else {
                response
            }
        }
        Ok((_, Kind::List)) => json_rpc_error(ErrorCode::INVALID_REQUEST, "batches are not taken: send one request at a time"),
        Ok((_, Kind::Scalar)) => json_rpc_error(ErrorCode::INVALID_REQUEST, "the body is no object"),
        Err(fault) => fault.json_rpc(),
    }
}

/// Reads and checks the body. The request has it again, in one piece: whoever reads it next copies nothing.
async fn read(request: Request) -> Result<(Request, Kind), Fault> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        return Err(Fault::MediaType);
    }
    let bytes = timeout(BODY_LIMIT, collect(body)).await.map_err(|_| Fault::TooSlow)??;
    let kind = json::check(std::str::from_utf8(&bytes).map_err(|_| Fault::Encoding)?)?;
    Ok((Request::from_parts(parts, Body::from(bytes)), kind))
}

/// The whole body. One that says that it is too large is not read at all; one that came in one piece is not copied.
async fn collect(mut body: Body) -> Result<Bytes, Fault> {
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > BODY_CAP {
        return Err(Fault::TooLarge);
    }
    let (mut whole, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Fault::Broken)?.into_data() else { continue };
        if whole.len() + joined.len() + piece.len() > BODY_CAP {
            return Err(Fault::TooLarge);
        }
        if whole.is_empty() && joined.is_empty() {
            whole = piece;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(told.max(whole.len() + piece.len()));
            joined.extend_from_slice(&std::mem::take(&mut whole));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(media_type)), None) = (types.next().map(HeaderValue::to_str), types.next()) else { return false };
    let mut parts = media_type.split(';').map(str::trim);
    let named = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let in_utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .all(|(name, value)| !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    let plain = headers.get_all(header::CONTENT_ENCODING).iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    named && in_utf8 && plain
}

/// Which request it was cannot be told.
fn json_rpc_error(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(JsonRpcError::new(None, ErrorData::new(code, message, None)))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_body_says_that_it_is_json() {
        for good in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""] {
            assert!(is_json(&headers(header::CONTENT_TYPE, &[good])), "{good}");
        }
        for bad in [
            &[][..],
            &["text/plain"],
            &["application/jsonp"],
            &["application/json; charset=latin1"],
            &["application/json", "application/json"],
            &["application/json, text/plain"],
            &["multipart/form-data"],
            &["application/x-www-form-urlencoded"],
        ] {
            assert!(!is_json(&headers(header::CONTENT_TYPE, bad)), "{bad:?}");
        }
        let mut compressed = headers(header::CONTENT_TYPE, &["application/json"]);
        compressed.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(!is_json(&compressed));
    }
}
