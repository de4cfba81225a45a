//! The payloads that are known by their shape. Each is told apart by what only it has.

use jiff::Timestamp;
use serde_json::Value;

use super::{Alert, scan};
use crate::investigate::clue::Clue;

/// Labels that name a service, the most telling first.
const SERVICE_LABELS: [&str; 8] =
    ["service", "service_name", "app", "app_kubernetes_io_name", "application", "deployment", "container", "job"];

/// Alertmanager's webhook, version 4: a group of alerts, of which those that are resolved are over.
pub(super) fn alertmanager(payload: &Value) -> Option<Vec<Alert>> {
    let alerts = payload.get("alerts")?.as_array()?;
    payload.get("groupKey").or_else(|| payload.get("receiver"))?;
    let one = |alert: &Value| {
        let of = |section: &str, name: &str| text(alert.get(section)?.get(name)?);
        let title = of("annotations", "summary").or_else(|| of("labels", "alertname"));
        let said = [of("annotations", "description"), of("annotations", "message")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let service = SERVICE_LABELS.iter().find_map(|name| of("labels", name));
        let id = alert.get("fingerprint").and_then(text).unwrap_or_else(|| alert.get("labels").map(Value::to_string).unwrap_or_default());
        let labelled = |names: &[&str]| names.iter().find_map(|name| of("labels", name).or_else(|| of("annotations", name)));
        let clue = Clue {
            id: labelled(&["message_id", "request_id", "correlation_id", "order_id"]),
            trace_id: labelled(&["trace_id", "traceID", "traceId"]),
            ..clue("alertmanager", title, time(alert.get("startsAt")), service)
        };
        named("alertmanager", &id, scan::with_ids(clue, &said))
    };
    Some(alerts.iter().filter(|alert| alert.get("status").and_then(Value::as_str) != Some("resolved")).map(one).collect())
}

/// PagerDuty's webhook, v3. An incident that somebody takes or closes needs no second look.
pub(super) fn pager_duty(payload: &Value) -> Option<Vec<Alert>> {
    let event = payload.get("event")?;
    let (kind, data) = (event.get("event_type")?.as_str()?, event.get("data")?);
    if !matches!(kind, "incident.triggered" | "incident.reopened") {
        return Some(Vec::new());
    }
    let occurred = time(event.get("occurred_at"));
    let title = data.get("title").and_then(text);
    let service = data.get("service").and_then(|service| text(service.get("summary").or_else(|| service.get("name"))?));
    let id = data.get("id").or_else(|| event.get("id")).and_then(text).unwrap_or_default();
    let said = title.clone().unwrap_or_default();
    let mut alert = named("pagerduty", &id, scan::with_ids(clue("pagerduty", title, occurred, service), &said));
    // An incident that is opened again is looked at again; the beginning of a new one is when it was made.
    if let Some(created) = time(data.get("created_at")).filter(|_| kind == "incident.triggered") {
        alert.clue.time = Some(created);
    }
    Some(vec![alert])
}

/// The incident shape of AWS DevOps Agent's generic webhook, which the Datadog template that this project ships has too.
pub(super) fn incident(payload: &Value) -> Option<Vec<Alert>> {
    if payload.get("eventType")?.as_str()? != "incident" {
        return None;
    }
    let id = payload.get("incidentId").and_then(text)?;
    let metadata = payload.pointer("/data/metadata");
    let transition = metadata.and_then(|metadata| text(metadata.get("transition")?));
    let is_over = matches!(payload.get("action").and_then(Value::as_str), Some("closed" | "resolved"))
        || transition.is_some_and(|transition| transition.eq_ignore_ascii_case("recovered"));
    if is_over {
        return Some(Vec::new());
    }
    let source = if metadata.is_some_and(|metadata| metadata.get("monitor").is_some()) { "datadog" } else { "aws-devops-agent" };
    let of = |name: &str| payload.get(name).and_then(text);
    let clue = clue(source, of("title"), time(payload.get("timestamp")), of("service"));
    let said = [of("title"), of("description")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let clue = match payload.get("data") {
        Some(data) => scan::with_named(clue, data),
        None => clue,
    };
    Some(vec![named(source, &id, scan::with_ids(clue, &said))])
}

fn clue(source: &str, title: Option<String>, time: Option<Timestamp>, service: Option<String>) -> Clue {
    Clue { title, source: Some(source.to_owned()), time, service, ..Clue::default() }
}

/// An alert by its system, its id there, and its time.
pub(super) fn named(source: &str, id: &str, clue: Clue) -> Alert {
    let time = clue.time.map(|time| time.to_string()).unwrap_or_default();
    Alert { key: format!("{source}\n{id}\n{time}"), clue }
}

/// A text that says something; a variable that was not filled in (`$TAGS[service]`) does not.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty() && !text.starts_with('$'))
}

/// A time as RFC 3339, or as an epoch in seconds or milliseconds. Alertmanager writes year 1 for none.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    let text = text(value?)?;
    let time = match text.parse::<i64>() {
        Ok(epoch @ 1_000_000_000..100_000_000_000) => Timestamp::from_second(epoch).ok()?,
        Ok(epoch @ 100_000_000_000..100_000_000_000_000) => Timestamp::from_millisecond(epoch).ok()?,
        Ok(_) => return None,
        Err(_) => text.parse().ok()?,
    };
    (time.as_second() > 1_000_000_000).then_some(time)
}
