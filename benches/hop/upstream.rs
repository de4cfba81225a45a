//! A cluster that always gives the same answers, after the same time: what it costs itself is as little as can be.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use serde_json::{Map, Value, json};

/// Hits of a search.
const HITS: usize = 50;

const COLOURS: [&str; 10] = ["red", "blue", "green", "black", "white", "amber", "teal", "pink", "grey", "lime"];

/// It answers until the process ends.
pub(super) struct Upstream(SocketAddr);

struct Canned {
    caps: Vec<u8>,
    resolved: Vec<u8>,
    hits: Vec<u8>,
    computed: Vec<u8>,
    delay: Duration,
}

impl Upstream {
    /// Answers searches after `delay` with documents whose messages have this many bytes.
    pub(super) fn start(delay: Duration, message_bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let canned = Arc::new(Canned::new(delay, message_bytes));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let canned = Arc::clone(&canned);
                thread::spawn(move || canned.answer(&stream.unwrap()));
            }
        });
        Self(address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0
    }
}

impl Canned {
    fn new(delay: Duration, message_bytes: usize) -> Self {
        let fields = [
            ("@timestamp", "date"),
            ("message", "text"),
            ("log.level", "keyword"),
            ("service.name", "keyword"),
            ("trace.id", "keyword"),
            ("kubernetes.pod.name", "keyword"),
        ];
        let caps: Map<String, Value> = fields
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), json!({*kind: {"type": kind, "searchable": true, "aggregatable": *kind != "text"}})))
            .collect();
        let hits: Vec<Value> = (0..HITS)
            .map(|n| {
                // Two words of its own, so that no hit is a near-duplicate of another.
                let (verb, noun) = (["read", "write", "open", "close", "list"][n / 10 % 5], COLOURS[n % 10]);
                let message = format!("{verb} of {noun} failed: {}", "connection reset by peer ".repeat(message_bytes / 25));
                json!({"_index": "logs-a", "_id": format!("8NxZqZIBx{n:011}"), "_score": null, "fields": {
                    "@timestamp": [format!("2026-03-25T14:{:02}:{:02}.123456Z", 59 - n / 60, 59 - n % 60)], "message": [message],
                    "log.level": ["ERROR"], "service.name": ["orders"], "trace.id": [format!("{n:032x}")],
                    "kubernetes.pod.name": ["orders-5b9f4d7c66-nmkl2"]}, "sort": [1_774_450_000_000_000_000_i64 - n as i64, n]})
            })
            .collect();
        let buckets: Vec<Value> = (0..10).map(|n| json!({"key": format!("service-{n}"), "doc_count": 1_000 - n})).collect();
        let reply = |hits: Vec<Value>, more: Value| {
            let mut reply = json!({"took": 1, "timed_out": false, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
                "hits": {"total": {"value": 10_000, "relation": "gte"}, "max_score": null, "hits": hits}});
            reply.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            reply.to_string().into_bytes()
        };
        let groups = json!({"sum_other_doc_count": 0, "doc_count_error_upper_bound": 0, "buckets": buckets});
        Self {
            caps: json!({"indices": ["logs-a"], "fields": caps}).to_string().into_bytes(),
            resolved: json!({"indices": [{"name": "logs-a", "attributes": ["open"]}], "aliases": [], "data_streams": []})
                .to_string()
                .into_bytes(),
            hits: reply(hits, json!({})),
            computed: reply(Vec::new(), json!({"aggregations": {"by": groups}})),
            delay,
        }
    }

    fn answer(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        let (mut input, mut output) = (BufReader::new(stream), stream);
        let (mut line, mut body) = (String::new(), Vec::new());
        loop {
            line.clear();
            if input.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let path = line.split(' ').nth(1).unwrap_or("").to_owned();
            let mut length = 0;
            while line.trim_end() != "" {
                line.clear();
                input.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            body.resize(length, 0);
            input.read_exact(&mut body).unwrap();
            let together = path.contains("_msearch");
            let searches = together || path.contains("_search");
            let computes = body.windows(6).any(|window| window == b"\"aggs\"");
            let reply: &[u8] = match () {
                () if path.contains("_field_caps") => &self.caps,
                () if path.contains("_resolve") => &self.resolved,
                () if path.contains("_has_privileges") => br#"{"username":"reader","has_all_requested":false,"cluster":{},"index":{}}"#,
                () if searches && computes => &self.computed,
                () => &self.hits,
            };
            if searches {
                thread::sleep(self.delay);
            }
            let joint;
            let reply = if together {
                let searched = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() / 2;
                let items = vec![String::from_utf8_lossy(reply); searched];
                joint = format!("{{\"responses\":[{}]}}", items.join(",")).into_bytes();
                &joint
            } else {
                reply
            };
            let mut answer =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", reply.len()).into_bytes();
            answer.extend_from_slice(reply);
            if output.write_all(&answer).is_err() {
                return;
            }
        }
    }
}
