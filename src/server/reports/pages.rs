//! Reports as a reader asks for them: a page, JSON or text. Decides nothing.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

use super::shelf::{Entry, State};
use crate::investigate::render::{self, Line};

/// How long a reader should wait for a report that is under way, in seconds.
const SOON_S: u64 = 2;

/// The form that a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Page,
    Json,
    Text,
}

impl Form {
    /// By the ending of the name where it has one, else by what is accepted: a browser names HTML, a program JSON, curl nothing.
    pub(super) fn of(headers: &HeaderMap, suffix: &str) -> Self {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match suffix {
            "html" => Self::Page,
            "json" => Self::Json,
            "txt" => Self::Text,
            _ if accepted.contains("text/html") => Self::Page,
            _ if accepted.contains("json") => Self::Json,
            _ => Self::Text,
        }
    }
}

fn word(state: &State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::AtWork => "at work",
        State::Done(_) => "done",
        State::Failed(_) => "failed",
    }
}

/// One line: how far it is, and the result where there is one.
fn told(entry: &Entry) -> String {
    match &entry.state {
        State::Done(findings) => findings.headline.clone(),
        State::Failed(error) => format!("failed: {}: {}", error.code.as_str(), error.message),
        State::Waiting | State::AtWork => word(&entry.state).to_owned(),
    }
}

/// All reports, newest first.
pub(super) fn list(entries: &[Entry], form: Form) -> Response {
    match form {
        Form::Json => {
            let reports: Vec<Value> = entries.iter().map(summary).collect();
            Json(json!({"reports": reports})).into_response()
        }
        Form::Text => {
            let lines =
                entries.iter().map(|entry| format!("{}  {}  {}  {}\n", entry.received, entry.id, one_line(&entry.title), told(entry)));
            lines.collect::<String>().into_response()
        }
        Form::Page => {
            let lines = entries.iter().map(|entry| Line {
                href: format!("/reports/{}", entry.id),
                title: one_line(&entry.title),
                text: format!("{} · {}", entry.received, told(entry)),
            });
            Html(render::index("Reports", &lines.collect::<Vec<_>>())).into_response()
        }
    }
}

fn summary(entry: &Entry) -> Value {
    json!({"id": entry.id, "url": format!("/reports/{}", entry.id), "title": one_line(&entry.title), "received": entry.received.to_string(),
        "state": word(&entry.state), "headline": told(entry)})
}

/// One report, or how far it is.
pub(super) fn show(entry: &Entry, form: Form) -> Response {
    match &entry.state {
        State::Done(findings) => match form {
            Form::Page => Html(render::html(findings)).into_response(),
            Form::Text => render::text(findings).into_response(),
            Form::Json => Json(&**findings).into_response(),
        },
        State::Failed(error) => {
            let mut body = summary(entry);
            if let Some(body) = body.as_object_mut() {
                body.insert("error".to_owned(), serde_json::to_value(error).unwrap_or_default());
            }
            unfinished(entry, form, StatusCode::BAD_GATEWAY, &body)
        }
        State::Waiting | State::AtWork => {
            let mut response = unfinished(entry, form, StatusCode::ACCEPTED, &summary(entry));
            response.headers_mut().insert(header::RETRY_AFTER, SOON_S.into());
            if form == Form::Page {
                response.headers_mut().insert(header::REFRESH, HeaderValue::from(SOON_S));
            }
            response
        }
    }
}

fn unfinished(entry: &Entry, form: Form, status: StatusCode, body: &Value) -> Response {
    match form {
        Form::Json => (status, Json(body)).into_response(),
        Form::Text => (status, format!("{}\n", told(entry))).into_response(),
        Form::Page => {
            let line = Line { href: format!("/reports/{}", entry.id), title: one_line(&entry.title), text: told(entry) };
            (status, Html(render::index("Report", &[line]))).into_response()
        }
    }
}

/// A title from outside, on one line and clean.
fn one_line(title: &str) -> String {
    crate::investigate::tidy(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, suffix: &str, form: Form) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(Form::of(&headers, suffix), form);
    }

    #[test]
    fn the_ending_comes_before_what_is_accepted() {
        check("text/html,application/xhtml+xml,*/*;q=0.8", "", Form::Page);
        check("application/json", "", Form::Json);
        check("*/*", "", Form::Text);
        check("text/html", "json", Form::Json);
        check("application/json", "html", Form::Page);
        check("application/json", "txt", Form::Text);
    }
}
