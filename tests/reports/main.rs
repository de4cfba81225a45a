//! Alerts in and reports out, as a monitoring system and a browser see them: over HTTPS, against a server in a process of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod served;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Method, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use served::{Server, bundle, secret_file};

const SECRET: &str = "a secret that senders share";

fn incident(id: &str) -> Value {
    json!({"eventType": "incident", "incidentId": id, "action": "created", "priority": "HIGH", "title": "checkout <b>fails</b>",
        "timestamp": "2026-03-25T14:30:00Z", "service": "checkout"})
}

/// The ids of the reports that an answer names.
fn ids(answer: &Value) -> Vec<String> {
    answer["reports"].as_array().unwrap().iter().map(|report| report["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_alert_becomes_a_report_in_three_forms() {
    let server = Server::over_bundle(&[]);
    let group = json!({"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "elk", "alerts": [
        {"status": "firing", "labels": {"alertname": "Errors", "service": "checkout"}, "annotations": {"summary": "checkout <b>fails</b>"},
            "startsAt": "2026-03-25T14:30:00Z", "fingerprint": "f1"},
        {"status": "resolved", "labels": {"alertname": "Errors", "service": "cart"}, "annotations": {}, "startsAt": "2026-03-25T14:30:00Z",
            "fingerprint": "f2"}]});
    let taken = server.post(&group).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.text);
    let ids = ids(&taken.json());
    let [id] = ids.as_slice() else { panic!("{ids:?}") };

    let findings = server.finished(id).await;
    assert_eq!(findings["clue"]["source"], "alertmanager");
    let schema: Value = serde_json::from_str(include_str!("../../docs/findings.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &findings), "{findings}");

    let page = server.get(&format!("/reports/{id}"), Some("text/html,*/*;q=0.8")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.starts_with("<!doctype html>") && page.text.contains("checkout &lt;b&gt;fails"), "{}", page.text);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for (name, part) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; style-src 'sha256-"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert!(page.header(name).contains(part), "{name}: {}", page.header(name));
    }
    let text = server.get(&format!("/reports/{id}.txt"), Some("text/html")).await;
    assert!(text.text.contains("\nClue         alert “checkout <b>fails</b>”"), "{}", text.text);

    let list = server.get("/reports", Some("application/json")).await.json();
    assert_eq!((list["reports"][0]["id"].as_str(), list["reports"][0]["state"].as_str()), (Some(id.as_str()), Some("done")));
    let index = server.get("/reports", Some("text/html")).await.text;
    assert!(index.contains(&format!("href=\"/reports/{id}\"")) && index.contains("checkout &lt;b&gt;fails"), "{index}");
}

#[tokio::test]
async fn the_same_alert_has_one_report_and_what_is_over_has_none() {
    let server = Server::over_bundle(&[]);
    let first = server.post(&incident("i-1")).await;
    let again = server.post(&incident("i-1")).await;
    let other = server.post(&incident("i-2")).await;
    assert_eq!((first.status, again.status, other.status), (StatusCode::ACCEPTED, StatusCode::OK, StatusCode::ACCEPTED));
    assert_eq!(ids(&first.json()), ids(&again.json()));
    assert_ne!(ids(&first.json()), ids(&other.json()));
    let mut over = incident("i-3");
    over["action"] = json!("resolved");
    let over = server.post(&over).await;
    assert_eq!((over.status, ids(&over.json()).len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn what_names_nothing_to_look_for_is_refused_with_what_would_work() {
    let server = Server::over_bundle(&[]);
    for body in ["", "no JSON", "[]", r#"{"title": "it is slow"}"#] {
        let refused = server.post_raw(body, &[]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let error = refused.json()["error"].to_string();
        assert!(error.contains("Alertmanager") && error.contains("PagerDuty") && error.contains("trace_id"), "{error}");
    }
    let large = server.post_raw(&format!("{{\"service\": \"{}\"}}", "x".repeat(300 << 10)), &[]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    for name in ["0123456789abcdef0123456789abcdef", "x.json", "%2e%2e"] {
        assert_eq!(server.get(&format!("/reports/{name}"), None).await.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert_eq!(server.get("/hooks/alerts", None).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

fn signed(secret: &str, time: &str, body: &str) -> Vec<(&'static str, String)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{time}:{body}").as_bytes()));
    vec![("x-amzn-event-timestamp", time.to_owned()), ("x-amzn-event-signature", signature)]
}

#[tokio::test]
async fn an_alert_needs_a_key_or_a_signature_and_a_report_needs_a_key() {
    let server = Server::over_bundle(&["--hook-secret-file", secret_file(SECRET)]);
    let body = incident("i-1").to_string();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let send = async |headers: Vec<(&'static str, String)>| server.send(Method::POST, "/hooks/alerts", &body, &headers, false).await;

    assert_eq!(send(Vec::new()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(signed(SECRET, &now, &body)).await.status, StatusCode::ACCEPTED);
    assert_eq!(send(signed("another secret of theirs", &now, &body)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(signed(SECRET, &now, "{}")).await.status, StatusCode::UNAUTHORIZED);
    let stale = send(signed(SECRET, "2026-03-25T14:30:00.000Z", &body)).await;
    assert!(stale.status == StatusCode::UNAUTHORIZED && stale.text.contains("five minutes"), "{}", stale.text);

    let mut failed = Vec::new();
    for _ in 0..25 {
        failed.push(send(signed("another secret of theirs", &now, &body)).await.status);
    }
    assert!(failed.contains(&StatusCode::TOO_MANY_REQUESTS), "{failed:?}");
    assert_eq!(send(signed(SECRET, &now, &body)).await.status, StatusCode::OK, "sent again, it has its report");

    for path in ["/reports", "/reports/x"] {
        let headers = signed(SECRET, &now, "");
        assert_eq!(server.send(Method::GET, path, "", &headers, false).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_browser_is_asked_for_the_key_and_sends_it_as_a_password_to_pages_alone() {
    let server = Server::over_bundle(&["--hook-secret-file", secret_file(SECRET)]);
    let id = ids(&server.post(&incident("i-1")).await.json()).remove(0);
    server.finished(&id).await;
    let html = || ("accept", "text/html,*/*;q=0.8".to_owned());
    let password = |key: &str| ("authorization", format!("Basic {}", STANDARD.encode(format!("anyone:{key}"))));
    let get = async |path: &str, headers: Vec<(&'static str, String)>| server.send(Method::GET, path, "", &headers, false).await;

    for path in ["/reports".to_owned(), format!("/reports/{id}")] {
        let asked = get(&path, vec![html()]).await;
        assert_eq!((asked.status, asked.all("www-authenticate").len()), (StatusCode::UNAUTHORIZED, 2), "{path}");
        assert!(asked.all("www-authenticate")[0].starts_with("Bearer") && asked.all("www-authenticate")[1].starts_with("Basic realm="));
        assert!(asked.header("cache-control").contains("no-store"));
        assert_eq!(get(&path, Vec::new()).await.all("www-authenticate"), ["Bearer"], "{path}: a program");

        let shown = get(&path, vec![html(), password(server.key())]).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.text);
        assert!(shown.text.starts_with("<!doctype html>") && !shown.text.contains(server.key()));
        assert_eq!(get(&path, vec![html(), password("elk_wrong")]).await.status, StatusCode::UNAUTHORIZED);
        let both = vec![password(server.key()), ("x-api-key", server.key().to_owned())];
        assert_eq!(get(&path, both).await.status, StatusCode::UNAUTHORIZED, "two keys are none");
    }
    assert_eq!(get(&format!("/reports?key={}", server.key()), vec![html()]).await.status, StatusCode::BAD_REQUEST, "a key in the URL");

    // Elsewhere a browser that any page may drive must not sign in by itself.
    let body = incident("i-2").to_string();
    for path in ["/hooks/alerts", "/mcp"] {
        let headers = vec![html(), ("content-type", "application/json".to_owned()), password(server.key())];
        let refused = server.send(Method::POST, path, &body, &headers, false).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(refused.all("www-authenticate").iter().all(|challenge| !challenge.starts_with("Basic")), "{path}");
    }
    let mut failed = Vec::new();
    for _ in 0..25 {
        failed.push(get("/reports", vec![html(), password("elk_wrong")]).await.status);
    }
    assert!(failed.contains(&StatusCode::TOO_MANY_REQUESTS), "{failed:?}");
    assert_eq!(get("/reports", vec![html(), password(server.key())]).await.status, StatusCode::OK, "a good key always works");
}

#[tokio::test]
async fn an_alert_is_investigated_with_the_tools_that_its_sender_has() {
    let tools_of = |findings: &Value| -> Vec<String> {
        let answered = findings["calls"].as_array().unwrap().iter().filter(|call| call["error"].is_null());
        let mut tools: Vec<String> = answered.map(|call| call["tool"].as_str().unwrap().to_owned()).collect();
        tools.sort();
        tools.dedup();
        tools
    };
    let server = Server::over_bundle(&["--disable-tools", "find_changes"]);
    let id = ids(&server.post(&incident("i-1")).await.json()).remove(0);
    let findings = server.finished(&id).await;
    assert!(!tools_of(&findings).contains(&"find_changes".to_owned()), "{findings}");
    let unknown = findings["unknown"].to_string();
    assert!(unknown.contains("find_changes could not be read: bad_argument: this tool is not offered here"), "{unknown}");

    let narrowed = |tools: &str| vec![("x-mcp-tools", tools.to_owned())];
    let id = ids(&server.post_raw(&incident("i-2").to_string(), &narrowed("get_service_overview")).await.json()).remove(0);
    assert_eq!(tools_of(&server.finished(&id).await), ["get_service_overview"]);
    let none = server.post_raw(&incident("i-3").to_string(), &narrowed("search_logs")).await;
    assert!(none.status == StatusCode::FORBIDDEN && none.text.contains("compare_windows"), "{}", none.text);
    let wrong = server.post_raw(&incident("i-3").to_string(), &narrowed("serach_logs")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.text);
}

#[tokio::test]
async fn an_investigation_keeps_to_its_senders_rate() {
    let server = Server::over_bundle(&["--rate-limit", "2/s burst 1"]);
    let began = std::time::Instant::now();
    let id = ids(&server.post(&incident("i-1")).await.json()).remove(0);
    let findings = server.finished(&id).await;
    let calls = findings["calls"].as_array().unwrap();
    assert!(calls.iter().all(|call| call["error"].is_null()), "{findings}");
    let least = (calls.len() - 1) as f64 / 2.0;
    assert!(began.elapsed().as_secs_f64() >= least, "{} calls in {:?}", calls.len(), began.elapsed());
}

#[tokio::test]
async fn without_a_secret_a_signature_opens_nothing() {
    let server = Server::over_bundle(&[]);
    let (body, now) = (incident("i-1").to_string(), jiff::Timestamp::now().to_string());
    let refused = server.send(Method::POST, "/hooks/alerts", &body, &signed("", &now, &body), false).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    // A cluster that takes connections and never answers keeps every investigation under way.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            connections.push(connection);
        }
    });
    let server = Server::over_cluster(&address);
    let mut first = None;
    for number in 0..18 {
        let taken = server.post(&incident(&number.to_string())).await;
        assert_eq!(taken.status, StatusCode::ACCEPTED, "{number}: {}", taken.text);
        first.get_or_insert(ids(&taken.json()).remove(0));
    }
    let full = server.post(&incident("one more")).await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE, "{}", full.text);
    assert!(full.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(server.post(&incident("0")).await.status, StatusCode::OK, "what is known needs no room");
    let under_way = server.get(&format!("/reports/{}", first.unwrap()), Some("application/json")).await;
    assert_eq!(under_way.status, StatusCode::ACCEPTED, "{}", under_way.text);
    assert!(!under_way.header("retry-after").is_empty());
    held.abort();
}

#[test]
fn the_fixture_holds_an_hour_of_two_services() {
    let lines = std::fs::read_to_string(bundle()).unwrap();
    assert_eq!(lines.lines().count(), 240);
}
