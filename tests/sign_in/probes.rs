//! Probes: who asks them, what they cost the cluster, and the command that asks them in a container.

use std::time::{Duration, Instant};

use crate::world::{Answers, Cluster, LIMIT, Served, run};

#[tokio::test(flavor = "multi_thread")]
async fn probes_have_the_names_that_orchestrators_use_and_need_no_sign_in() {
    let server = Served::start(&[]);
    for path in ["/healthz", "/health", "/ping", "/_health/live"] {
        assert_eq!(server.get(path).await, (200, "ok\n".to_owned()), "{path}");
    }
    for path in ["/readyz", "/_health/ready"] {
        assert_eq!(server.get(path).await, (200, "ready\n".to_owned()), "{path}");
    }
    let from_elsewhere = server.client.get(format!("{}/healthz", server.url)).header("host", "10.1.2.3:8443");
    assert_eq!(from_elsewhere.send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_of_strangers_cost_the_cluster_one_request_a_second() {
    let cluster = Cluster::start(Answers::default()).await;
    let server = Served::start_over(&cluster.url, &[]);
    let began = Instant::now();
    for _ in 0..10 {
        let probes = (0..20).map(|_| server.get("/readyz"));
        assert!(futures_util::future::join_all(probes).await.into_iter().all(|(status, _)| status == 200));
    }
    let asked = cluster.asked().iter().filter(|asked| asked.starts_with("GET / ")).count();
    assert!((1..=usize::try_from(began.elapsed().as_secs()).unwrap() + 1).contains(&asked), "{asked} in {:?}", began.elapsed());
}

async fn until_ready(server: &Served, expected: u16) {
    let deadline = Instant::now() + LIMIT;
    while server.get("/readyz").await.0 != expected {
        assert!(Instant::now() < deadline, "readiness stays otherwise: {:#?}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_cluster_and_life_does_not() {
    let cluster = Cluster::start(Answers::default()).await;
    let server = Served::start_over(&cluster.url, &[]);
    until_ready(&server, 200).await;
    cluster.change(|answers| answers.name = (503, serde_json::json!({})));
    until_ready(&server, 503).await;
    assert_eq!(server.get("/readyz").await.1, "not ready\n");
    assert_eq!(server.get("/healthz").await.0, 200);
    cluster.change(|answers| answers.name = (403, serde_json::json!({})));
    until_ready(&server, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_asks_the_server_of_its_own_machine() {
    let cluster = Cluster::start(Answers::default()).await;
    let server = Served::start_over(&cluster.url, &[]);
    let code = |arguments: &[&str]| {
        let output = run(&[&["healthcheck"], arguments].concat(), "");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let address = server.url.trim_start_matches("https://localhost");
    let listen = format!("0.0.0.0{address}");
    assert_eq!(code(&["--url", &server.url]), (Some(0), String::new()));
    assert_eq!(code(&["--listen", &listen]), (Some(0), String::new()));
    assert_eq!(code(&["--listen", &listen, "--ready"]), (Some(0), String::new()));

    cluster.change(|answers| answers.name = (503, serde_json::json!({})));
    until_ready(&server, 503).await;
    assert_eq!(code(&["--listen", &listen]).0, Some(0));
    let (status, told) = code(&["--listen", &listen, "--ready"]);
    assert!(status == Some(1) && told.contains("503"), "{told}");

    drop(server);
    let (status, told) = code(&["--listen", &listen]);
    assert!(status == Some(1) && !told.is_empty(), "{told}");
    let (status, told) = code(&["--url", "ftp://x"]);
    assert!(status == Some(1) && told.contains("--url"), "{told}");
}
