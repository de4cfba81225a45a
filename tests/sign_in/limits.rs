//! Limits of calls: a rate for each caller, places that are shared, fast refusals, and nobody with another's answer.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{Answers, Cluster, Served, path, run, text, told};

/// A file of so many keys, `key-0-of-a-client` of `client-0` and so on.
fn keys(count: usize) -> std::path::PathBuf {
    let file = path("keys");
    let line = |number: usize| {
        let hashed = run(&["key", "hash", &format!("client-{number}")], &key(number));
        String::from_utf8(hashed.stdout).unwrap()
    };
    fs::write(&file, (0..count).map(line).collect::<String>()).unwrap();
    file
}

fn key(number: usize) -> String {
    format!("key-{number}-of-a-client")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_has_its_own_rate_and_lists_are_free() {
    let file = keys(2);
    let server = Served::start(&["--client-keys", text(&file), "--rate-limit", "1/m burst 3"]);
    for _ in 0..3 {
        let (_, is_error) = told(server.count().bearer_auth(key(0)).send().await.unwrap()).await;
        assert!(!is_error);
    }
    let limited = server.count().bearer_auth(key(0)).send().await.unwrap();
    assert_eq!(limited.status(), 200);
    let seconds: u64 = limited.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let (text, is_error) = told(limited).await;
    assert!(is_error && text.starts_with("rate_limited: ") && text.contains(&format!("wait {seconds} s")), "{text}");
    assert!(server.logged("rate_limited").contains("caller=client-0"));

    let (_, is_error) = told(server.count().bearer_auth(key(1)).send().await.unwrap()).await;
    assert!(!is_error, "another caller's calls are its own");
    for _ in 0..10 {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let list = server.client.post(format!("{}/mcp", server.url)).header("accept", "application/json, text/event-stream").json(&list);
        let listed: Value = list.bearer_auth(key(0)).send().await.unwrap().json().await.unwrap();
        assert!(listed["result"]["tools"].is_array(), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_the_load_takes_nothing_from_what_is_answered() {
    // 64 searches at once, three seconds each: 21 a second is all there is, and ten times that is asked for.
    const DELAY: Duration = Duration::from_secs(3);
    const CLIENTS: usize = 200;
    const PAUSE: Duration = Duration::from_millis(300);
    let cluster = Cluster::start(Answers { delay: DELAY, ..Answers::default() }).await;
    let file = keys(10);
    let server = Arc::new(Served::start_over(&cluster.url, &["--client-keys", text(&file), "--rate-limit", "off", "--log", "warn"]));
    // The roles of the fields, and a connection for each client, are there before the clock starts.
    let (warm, _) = told(server.count().bearer_auth(key(0)).send().await.unwrap()).await;
    assert!(!warm.starts_with("rate_limited"), "{warm}");
    join_all((0..CLIENTS).map(|_| server.get("/healthz"))).await;

    let began = Instant::now();
    let load: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let (mut answered, mut shed) = (0usize, Vec::new());
                while began.elapsed() < 2 * DELAY {
                    let asked = Instant::now();
                    let (text, is_error) = told(server.count().bearer_auth(key(number % 10)).send().await.unwrap()).await;
                    match (is_error, text.starts_with("rate_limited")) {
                        (false, _) => answered += 1,
                        (true, true) => {
                            shed.push(asked.elapsed());
                            // A client that waits, but shorter than it is told.
                            tokio::time::sleep(PAUSE).await;
                        }
                        (true, false) => panic!("{text}"),
                    }
                }
                (answered, shed)
            })
        })
        .collect();
    let (mut answered, mut shed) = (0, Vec::new());
    for client in load {
        let (of_one, mut of_one_shed) = client.await.unwrap();
        answered += of_one;
        shed.append(&mut of_one_shed);
    }
    shed.sort();
    let (median, p99) = (shed[shed.len() / 2], shed[shed.len() * 99 / 100]);
    // Two rounds fit into the time without any pause between them.
    let possible = 2 * 64;
    println!(
        "{answered} calls answered, {possible} fit into the time; {} shed, half of them within {median:?}, 99 % within {p99:?}",
        shed.len()
    );
    assert!(shed.len() > CLIENTS, "{} were shed", shed.len());
    assert!(answered * 10 >= possible * 9, "{answered} of {possible} were answered");
    // A place in the queue is held for two seconds.
    assert!(median < Duration::from_secs(1), "half of the refusals took more than {median:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_callers_get_their_own_answers_only() {
    let file = keys(64);
    let server = Arc::new(Served::start(&["--client-keys", text(&file), "--rate-limit", "off", "--log", "warn"]));
    let callers: Vec<_> = (0..64usize)
        .map(|number| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                for _ in 0..20 {
                    let service = format!("service-{number}");
                    let arguments = json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T14:01:00Z", "metric": "count",
                        "service": service, "group_by": "service"});
                    let request = server.call("aggregate_logs", arguments).bearer_auth(key(number));
                    let body: Value = request.send().await.unwrap().json().await.unwrap();
                    let result = &body["result"];
                    if result["isError"] == true {
                        assert!(result["content"][0]["text"].as_str().unwrap().starts_with("rate_limited"), "{body}");
                        continue;
                    }
                    assert_eq!(result["structuredContent"]["totals"]["matched"], number + 1, "{body}");
                    let told = body.to_string();
                    let foreign = (0..64).filter(|other| *other != number).map(|other| format!("\"service-{other}\""));
                    assert!(foreign.into_iter().all(|name| !told.contains(&name)), "{told}");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_is_none_is_refused_at_start() {
    let output = run(&["serve", "--demo", "--listen", "127.0.0.1:0", "--rate-limit", "many"], "");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("--rate-limit is `many`") && told.contains("20/s burst 100"), "{told}");
}
