//! Connections are used again, and one that the node has closed costs nobody an attempt.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A node that answers so many requests on each connection and then closes it without a word, and how many connections it had.
async fn node(requests_each: usize, answer: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                for _ in 0..requests_each {
                    if read_request(&mut stream).await.is_empty() {
                        return;
                    }
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, count)
}

const PLAIN: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"took\":1}";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"t\r\n7;x=y\r\nook\":1}\r\n0\r\nx: y\r\n\r\n";

#[tokio::test]
async fn one_request_after_the_other_needs_one_connection() {
    for answer in [PLAIN, CHUNKED] {
        let (address, connections) = node(usize::MAX, answer).await;
        let cluster = cluster(&[&address]);
        for _ in 0..20 {
            assert_eq!(send(&cluster).await.unwrap().body, br#"{"took":1}"#);
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn requests_at_once_have_a_connection_each_which_are_used_again() {
    let (address, connections) = node(usize::MAX, PLAIN).await;
    let cluster = cluster(&[&address]);
    for _ in 0..3 {
        let (one, other) = tokio::join!(send(&cluster), send(&cluster));
        assert!(one.is_ok() && other.is_ok());
    }
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

/// More often than retries are allowed.
#[tokio::test]
async fn a_connection_that_the_node_closed_meanwhile_is_replaced_without_a_retry() {
    let (address, connections) = node(1, PLAIN).await;
    let cluster = cluster(&[&address]);
    for _ in 0..40 {
        send(&cluster).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 40);
}
