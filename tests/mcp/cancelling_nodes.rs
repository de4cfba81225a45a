//! A search whose caller has gone ends in real nodes, too: their own list of tasks says so. `ELK_MCP_TEST_ENGINES` gives their
//! addresses.

use std::time::Instant;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    cancelling::{SOON, disconnects},
    wire::{Ask, LIMIT, Server},
};

/// A node looks whether a search is cancelled between two shards of it, so there are many, with little in each.
const SHARDS: usize = 96;
const DOCUMENTS: usize = 4 * SHARDS;
/// Words of a document: each phrase is looked for at each of them.
const WORDS: usize = 2_000;

/// A node with an index that is slow to search, for as long as this lives.
struct Slow {
    client: Client,
    node: String,
    index: String,
}

impl Slow {
    async fn make(node: &str) -> Self {
        let index = format!("logs-slow-{}", std::process::id());
        let slow = Self { client: Client::builder().build().unwrap(), node: node.to_owned(), index };
        let settings = json!({"number_of_shards": SHARDS, "number_of_replicas": 0, "refresh_interval": "-1"});
        let fields = json!({"@timestamp": {"type": "date"}, "message": {"type": "text"}});
        slow.ask(Method::PUT, &format!("/{}", slow.index), json!({"settings": settings, "mappings": {"properties": fields}}).to_string())
            .await;
        let words: Vec<&str> = (0..WORDS).map(|number| ["one", "two", "three", "four"][number % 4]).collect();
        let time = jiff::Timestamp::now().to_string();
        let document = json!({"@timestamp": time, "message": words.join(" ")}).to_string();
        for _ in 0..DOCUMENTS / SHARDS {
            let body = format!("{{\"create\":{{}}}}\n{document}\n").repeat(SHARDS);
            let reply = slow.ask(Method::POST, &format!("/{}/_bulk", slow.index), body).await;
            assert_eq!(reply["errors"], false, "{reply}");
        }
        slow.ask(Method::POST, &format!("/{}/_refresh", slow.index), String::new()).await;
        slow
    }

    async fn ask(&self, method: Method, path: &str, body: String) -> Value {
        let kind = if path.ends_with("_bulk") { "application/x-ndjson" } else { "application/json" };
        let sent = self.client.request(method, format!("{}{path}", self.node)).header("content-type", kind).body(body).send();
        let text = sent.await.unwrap().error_for_status().unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until the node says that searches of the index run, or that none does.
    async fn until(&self, runs: bool) -> Instant {
        let deadline = Instant::now() + LIMIT;
        loop {
            let tasks = self.ask(Method::GET, "/_tasks?actions=indices:data/read/*&detailed=true", String::new()).await;
            if tasks.to_string().contains(&self.index) == runs {
                return Instant::now();
            }
            assert!(Instant::now() < deadline, "{tasks}");
        }
    }

    /// Phrases that no document has, though each has all their words.
    fn search(&self) -> Ask {
        let words = ["one", "two", "three", "four"];
        let phrases = (0..48).map(|number| {
            let third = (number + 1 + number / 16) % 4;
            format!("\"{} {} {}\"", words[number % 4], words[number / 4 % 4], words[third])
        });
        let query = phrases
            .filter(|phrase| !"one two three four one two three".contains(phrase.trim_matches('"')))
            .collect::<Vec<_>>()
            .join(" OR ");
        Ask::modern("tools/call", json!({"name": "search_logs", "arguments": {"index": self.index, "query": query}}))
    }
}

#[tokio::test]
async fn closing_the_connection_of_a_call_ends_its_search_in_real_nodes() {
    let engines = std::env::var("ELK_MCP_TEST_ENGINES").unwrap_or_default();
    let pairs: Vec<_> = engines.split(',').filter_map(|pair| pair.split_once('=')).filter(|(_, url)| url.starts_with("http://")).collect();
    if pairs.is_empty() {
        eprintln!("skipped: ELK_MCP_TEST_ENGINES has no NAME=http://… pair");
    }
    for (name, url) in pairs {
        let slow = Slow::make(url).await;
        let server = Server::start_over(url, &["--rate-limit", "off"]);
        let ask = slow.search();
        let began = Instant::now();
        let reply = server.ask(&ask).await;
        let whole = began.elapsed();
        assert!(reply.json()["result"]["isError"] == false && whole > 3 * SOON, "{name} is too fast ({whole:?}) to tell: {}", reply.text);
        let mut took = Vec::new();
        for _ in 0..disconnects() {
            let left = tokio::select! {
                reply = server.open(&ask) => panic!("{name} is too fast: {}", reply.text().await.unwrap()),
                _ = slow.until(true) => Instant::now(),
            };
            took.push(slow.until(false).await.saturating_duration_since(left));
        }
        slow.ask(Method::DELETE, &format!("/{}", slow.index), String::new()).await;
        took.sort();
        let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
        let usual = took[(took.len() - 1) * 19 / 20];
        println!("{name}: a search takes {whole:?}; {} disconnects: median {median:?}, 95 of 100 {usual:?}, most {most:?}", took.len());
        // On a machine that is busy with something else, where the search itself takes longer, its end does too.
        assert!(median <= SOON.max(whole / 8) && most < whole, "{name}: searches ended {median:?} and at most {most:?} after their calls");
    }
}
