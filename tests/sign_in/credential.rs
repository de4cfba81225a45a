//! The cluster's credential: refused where it can write, judged when the cluster comes up, read again when it is not taken any
//! more.

use std::{fs, time::Duration};

use serde_json::json;

use crate::world::{Answers, Cluster, Served, no_handler, path, run, text, told};

fn writable() -> Answers {
    let granted = json!({"has_all_requested": true, "cluster": {"manage": true}, "index": {"logs-*": {"write": true}}});
    Answers { privileges: (200, granted), ..Answers::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_can_write_is_refused_unless_it_is_allowed() {
    let cluster = Cluster::start(writable()).await;
    let flags = ["--es-url", &cluster.url, "--allowed-indices", "logs-*"];
    let call = &["call", "aggregate_logs", "metric=count"][..];
    for command in [&["serve", "--listen", "127.0.0.1:0"], &["stdio"][..], call, &["investigate"]] {
        let output = run(&[command, &flags].concat(), "");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{told}");
        assert!(told.contains("manage of the cluster, write of logs-*") && told.contains("--allow-writable-credential"), "{told}");
    }
    let server = Served::start_over(&cluster.url, &["--allow-writable-credential"]);
    server.logged("CAN WRITE");
    assert_eq!(server.status(&server.key).await, 200);
    let output = run(&[call, &flags, &["--allow-writable-credential"]].concat(), "");
    assert!(output.status.success() && String::from_utf8(output.stderr).unwrap().contains("CAN WRITE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_is_asked_its_own_way() {
    let roles = |role: &str| Answers { privileges: no_handler(), authinfo: (200, json!({"roles": [role]})), ..Answers::default() };
    let cluster = Cluster::start(roles("all_access")).await;
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--es-url", &cluster.url, "--allowed-indices", "logs-*"], "");
    assert!(String::from_utf8(output.stderr).unwrap().contains("all_access"));
    cluster.change(|answers| *answers = roles("logs_reader"));
    let server = Served::start_over(&cluster.url, &[]);
    assert_eq!(server.status(&server.key).await, 200);
    assert!(server.log().iter().all(|line| !line.contains("WARN")), "{:#?}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_security_is_served_with_a_warning() {
    let cluster = Cluster::start(Answers { privileges: no_handler(), ..Answers::default() }).await;
    let server = Served::start_over(&cluster.url, &[]);
    server.logged("no security");
    assert_eq!(server.status(&server.key).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_at_start_is_judged_when_it_is_up() {
    for (answers, is_served) in [(Answers::default(), true), (writable(), false)] {
        // Bound, and so taken, but deaf until the server has started.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = Served::start_over(&url, &[]);
        server.logged("does not answer");
        assert_eq!(server.get("/healthz").await.0, 200);
        let _cluster = Cluster::start_on(listener, answers);
        if is_served {
            server.logged("the cluster answers");
            assert_eq!(server.status(&server.key).await, 200);
        } else {
            assert!(!server.end().success());
            assert!(server.logged("can write").contains("--allow-writable-credential"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_not_taken_any_more_is_read_again() {
    let key = |name: &str| format!("id:{name}");
    let header = |name: &str| {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        Some(format!("ApiKey {}", BASE64_STANDARD.encode(key(name))))
    };
    let cluster = Cluster::start(Answers { authorization: header("old"), ..Answers::default() }).await;
    let file = path("api-key");
    fs::write(&file, key("old")).unwrap();
    let server = Served::start_over(&cluster.url, &["--es-api-key-file", text(&file)]);
    let ask = async || told(server.count().bearer_auth(&server.key).send().await.unwrap()).await;
    assert!(!ask().await.1);

    cluster.change(|answers| answers.authorization = header("new"));
    let (text, is_error) = ask().await;
    assert!(is_error && text.starts_with("upstream_unauthorized"), "{text}");
    assert_eq!(server.get("/readyz").await.0, 503);

    fs::write(&file, key("new")).unwrap();
    // A file that did not help is not read again for a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let (text, is_error) = ask().await;
    assert!(!is_error, "{text}");
    assert_eq!(server.get("/readyz").await.0, 200);
    server.logged("the cluster's credential was read again");
    assert!(server.log().iter().chain(&cluster.asked()).all(|seen| !seen.contains("id:new")));
}
