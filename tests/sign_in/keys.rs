//! Keys: made, shown in a header, replaced while the server runs, guessed, and seen nowhere.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use crate::world::{Answers, Cluster, Served, path, run, text};

const ALICE: &str = "elk_key-of-alice-0123456789";
const CI: &str = "elk_key-of-ci-0123456789";

fn line(name: &str, key: &str) -> String {
    let hashed = run(&["key", "hash", name], &format!("{key}\n"));
    assert!(hashed.status.success(), "{hashed:?}");
    String::from_utf8(hashed.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_is_let_in_by_its_line() {
    let made = run(&["key", "new", "alice"], "");
    let printed = String::from_utf8(made.stdout).unwrap();
    let (key, line) = printed.split_once('\n').unwrap();
    assert!(key.starts_with("elk_") && line.starts_with("alice:") && !String::from_utf8(made.stderr).unwrap().contains(key));
    let file = path("keys");
    fs::write(&file, line).unwrap();
    let server = Served::start(&["--client-keys", text(&file)]);
    assert_eq!(server.status(key).await, 200);
    assert!(server.logged("call caller=").contains("caller=alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_while_the_server_runs() {
    let file = path("keys");
    fs::write(&file, line("ci", "the old key of ci")).unwrap();
    let server = Served::start(&["--client-keys", text(&file)]);
    assert_eq!((server.status("the old key of ci").await, server.status("the new key of ci").await), (200, 401));

    fs::write(&file, line("ci", "the old key of ci") + &line("ci", "the new key of ci")).unwrap();
    server.until("the new key of ci", 200).await;
    assert_eq!(server.status("the old key of ci").await, 200);

    fs::write(&file, "the new key of ci").unwrap();
    assert!(server.logged("cannot be used").contains("line 1 has no colon"));
    assert_eq!((server.status("the old key of ci").await, server.status("the new key of ci").await), (200, 200));

    fs::write(&file, line("ci", "the new key of ci")).unwrap();
    server.until("the old key of ci", 401).await;
    assert_eq!(server.status("the new key of ci").await, 200);

    fs::write(&file, "# nobody any more\n").unwrap();
    server.until("the new key of ci", 401).await;
    assert!(server.log().iter().all(|line| !line.contains("key of ci")), "{:#?}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_in_any_of_three_headers_and_never_in_the_url() {
    let file = path("keys");
    fs::write(&file, line("alice", ALICE)).unwrap();
    let server = Served::start(&["--client-keys", text(&file), "--client-key-header", "X-Elk-Key"]);
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(server.count().bearer_auth(ALICE)).await, 200);
    assert_eq!(status(server.count().header("x-api-key", ALICE)).await, 200);
    assert_eq!(status(server.count().header("x-elk-key", format!("Bearer {ALICE}"))).await, 200);
    assert_eq!(status(server.count().header("x-other", ALICE)).await, 401);

    for query in [format!("?api_key={ALICE}"), format!("?q={ALICE}")] {
        let refused = server.client.post(format!("{}/mcp{query}", server.url)).bearer_auth(ALICE).send().await.unwrap();
        assert_eq!(refused.status(), 400);
        let told = refused.text().await.unwrap();
        assert!(told.contains("header") && !told.contains(ALICE), "{told}");
    }
    assert!(server.log().iter().all(|line| !line.contains(ALICE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_how() {
    let server = Served::start(&[]);
    let challenge = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        assert!(response.text().await.unwrap().contains("Authorization: Bearer KEY"));
        challenge
    };
    assert_eq!(challenge(server.count()).await, "Bearer");
    assert_eq!(challenge(server.count().bearer_auth("wrong")).await, "Bearer error=\"invalid_token\"");
    assert_eq!(challenge(server.count().header("x-api-key", "wrong")).await, "Bearer error=\"invalid_token\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_wrong_keys_do_not_keep_a_good_one_out() {
    let server = Served::start(&[]);
    let (mut unauthorized, mut told_to_wait) = (0, 0);
    for number in 0..1_000 {
        let response = server.count().bearer_auth(format!("elk_guess-{number}")).send().await.unwrap();
        match response.status().as_u16() {
            401 => unauthorized += 1,
            429 => {
                told_to_wait += 1;
                assert!(response.headers()[RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() >= 1);
            }
            other => panic!("{other}"),
        }
        if number % 100 == 0 {
            assert_eq!(server.status(&server.key).await, 200);
        }
    }
    // One more is let through every three seconds.
    assert!((20..60).contains(&unauthorized) && told_to_wait > 900, "{unauthorized}, {told_to_wait}");
    assert_eq!(server.status(&server.key).await, 200);
    let failures = server.log().iter().filter(|line| line.contains("none of ours")).count();
    assert!(failures <= unauthorized, "{failures} lines in the log");
    assert!(server.log().iter().all(|line| !line.contains("guess")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_key_is_seen_in_no_request_to_the_cluster_no_log_and_no_answer() {
    let cluster = Cluster::start(Answers::default()).await;
    let file = path("keys");
    fs::write(&file, line("alice", ALICE) + &line("ci", CI)).unwrap();
    let own = path("api-key");
    fs::write(&own, "id:key-of-the-cluster").unwrap();
    let flags = ["--client-keys", text(&file), "--client-key-header", "X-Elk-Key", "--log", "trace", "--es-api-key-file", text(&own)];
    let server = Served::start_over(&cluster.url, &flags);
    let mut answers = String::new();
    for request in [
        server.count().bearer_auth(ALICE),
        server.count().header("x-api-key", CI),
        server.count().header("x-elk-key", ALICE),
        server.call("aggregate_logs", serde_json::json!({"frobnicate": 1})).bearer_auth(ALICE),
        server.call("no_such_tool", serde_json::json!({})).bearer_auth(CI),
        server.count().bearer_auth(format!("{ALICE}x")),
        server.count().bearer_auth(ALICE).header("x-api-key", CI),
        server.client.get(format!("{}/mcp?key={ALICE}", server.url)),
    ] {
        answers += &request.send().await.unwrap().text().await.unwrap();
    }
    assert!(cluster.searches() > 0);
    server.logged("call caller=");
    let encoded = BASE64_STANDARD.encode("id:key-of-the-cluster");
    assert!(cluster.asked().iter().all(|asked| asked.contains(&encoded)));
    assert!(server.log().iter().all(|line| !line.contains(&encoded) && !line.contains("key-of-the-cluster")));
    for seen in cluster.asked().into_iter().chain(server.log()).chain([answers]) {
        assert!(!seen.contains(ALICE) && !seen.contains(CI), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn off_loopback_the_start_is_refused_by_the_flag_that_is_missing() {
    for (flags, named) in [
        (&["--listen", "0.0.0.0:0"][..], "--tls-cert"),
        (&["--listen", "0.0.0.0:0", "--tls-cert", file!(), "--tls-key", file!()], "--client-keys"),
        (&["--listen", "0.0.0.0:0", "--tls-cert", file!(), "--tls-key", file!(), "--no-auth"], "--no-auth is for loopback only"),
    ] {
        let output = run(&[&["serve", "--demo"], flags].concat(), "");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(named), "{told}");
    }
}
