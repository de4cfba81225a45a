//! What the server adds to a search: the release program as a process of its own, pinned to one CPU, between a client and a
//! canned upstream on loopback. Prints figures beside their goals; asserts nothing. `just bench` runs it.
//!
//! Added time is the median of a call less the median of the same reply fetched from the upstream directly. CPU time is what the
//! kernel counts for the server's threads, so that the client and the upstream cost nothing. `ELK_MCP_BENCH_PROGRAM` names
//! another build of the program to measure in its place. README.md beside this says where the time goes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a bench has nobody to report to")]

mod client;
mod process;
mod upstream;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use client::{Connection, request};
use process::Served;
use serde_json::{Value, json};
use upstream::Upstream;

const SEARCH: &str = "search_logs";
const AGGREGATION: &str = "aggregate_logs";

fn main() {
    // `cargo test --benches` and `cargo bench -- --list` ask benches what they hold: nothing that is a test.
    if std::env::args().any(|argument| matches!(argument.as_str(), "--test" | "--list")) {
        return;
    }
    // `cargo bench --bench hop -- aggregation` measures what has the word in its name.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let mut table = Table { only, rows: Vec::new() };
    let parts = [
        ("start, idle", start as fn(&mut Table)),
        ("", hop),
        ("", split),
        ("64 clients", crowd),
        ("rejected when full", shedding),
        ("TLS connection", handshakes),
    ];
    for (part, measure) in parts {
        if part.is_empty() || table.wants(part) {
            measure(&mut table);
        }
    }
    table.print();
}

fn arguments(tool: &str) -> Value {
    let window = json!({"start": "2026-03-25T14:00:00Z", "end": "2026-03-25T15:00:00Z"});
    let mut arguments = match tool {
        SEARCH => json!({"level": "error", "size": 50}),
        _ => json!({"metric": "count", "group_by": "service"}),
    };
    arguments.as_object_mut().unwrap().extend(window.as_object().unwrap().clone());
    arguments
}

/// From nothing to the first good answer, and what an idle server holds.
fn start(table: &mut Table) {
    let upstream = Upstream::start(Duration::ZERO, 200);
    let mut times: Vec<Duration> = (0..15).map(|_| Served::plain(&upstream).1).collect();
    table.row("start to first good answer", median(&mut times), "≤ 20 ms");
    let (server, _) = Served::plain(&upstream);
    table.row("resident memory, idle", Kib(server.resident_kib()), "≤ 10 MB");
}

/// One client, one call after the other.
fn hop(table: &mut Table) {
    for (name, tool, message_bytes, goals) in [
        ("search, 50 hits of 67 KB documents", SEARCH, 200, ("≤ 220 µs", "≥ 4,500")),
        ("search, 50 hits, all 67 KB asked for", SEARCH, 1_000, ("≤ 220 µs", "≥ 4,500")),
        ("aggregation", AGGREGATION, 200, ("≤ 60 µs", "≥ 18,000")),
    ] {
        if !table.wants(name) {
            continue;
        }
        let upstream = Upstream::start(Duration::ZERO, message_bytes);
        let (server, _) = Served::plain(&upstream);
        let mut direct = Connection::plain(upstream.address());
        let request = direct.request("POST", if tool == SEARCH { "/logs-a/_search" } else { "/logs-a/_search?aggs" }, &[], b"{\"aggs\":0}");
        let request = if tool == SEARCH { direct.request("POST", "/logs-a/_search", &[], b"{}") } else { request };
        let mut through = server.connect();
        let call = server.call(tool, &arguments(tool));
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..300 {
            through.good(&call);
            direct.good(&request);
        }
        for _ in 0..3_000 {
            without.push(timed(|| direct.good(&request)));
            with.push(timed(|| through.good(&call)));
        }
        let added = median(&mut with).saturating_sub(median(&mut without));
        table.row(&format!("p50 added, {name}"), added, goals.0);
        let (before, calls) = (server.cpu(), 6_000);
        (0..calls).for_each(|_| through.good(&call));
        let spent = server.cpu() - before;
        table.row(&format!("calls per CPU-second, {name}"), Rate(f64::from(calls) / spent.as_secs_f64()), goals.1);
    }
}

/// What each part of a call costs: every row does all that the row above it does, and one thing more.
fn split(table: &mut Table) {
    let upstream = Upstream::start(Duration::ZERO, 200);
    let (server, _) = Served::plain(&upstream);
    let mut connection = server.connect();
    let rows = [
        ("GET /healthz: connection, HTTP", connection.request("GET", "/healthz", &[], b"")),
        ("unknown tool: + sign-in, body, JSON-RPC", server.call("no_such_tool", &json!({}))),
        ("bad argument: + limits, arguments, log line", server.call(AGGREGATION, &json!({"metric": "count", "group": "service"}))),
        ("aggregation: + upstream request, small answer", server.call(AGGREGATION, &arguments(AGGREGATION))),
        ("search: + 50 hits", server.call(SEARCH, &arguments(SEARCH))),
    ];
    for (name, request) in rows.into_iter().filter(|(name, _)| table.wants(name)).collect::<Vec<_>>() {
        let mut calls = |count: u32| (0..count).for_each(|_| _ = connection.exchange(&request));
        calls(300);
        let before = server.cpu();
        calls(3_000);
        let spent = (server.cpu() - before) / 3_000;
        table.row(&format!("CPU of {name}"), spent, "");
    }
}

/// Sixty-four clients, an upstream that takes 50 ms. All begin at the same moment, so that the first calls only tell how long a queue of
/// sixty-four takes: they are not counted.
fn crowd(table: &mut Table) {
    const CLIENTS: usize = 64;
    const FIRST: usize = 5;
    const CALLS: usize = 60;
    let upstream = Upstream::start(Duration::from_millis(50), 200);
    let (server, _) = Served::plain(&upstream);
    let call = server.call(SEARCH, &arguments(SEARCH));
    let mut first: Vec<Duration> = Vec::new();
    let mut times: Vec<Duration> = Vec::new();
    let elapsed = thread::scope(|scope| {
        let client = || {
            let mut connection = server.connect();
            let mut calls = |count: usize| (0..count).map(|_| timed(|| connection.good(&call))).collect::<Vec<_>>();
            let first = calls(FIRST);
            let began = Instant::now();
            (first, calls(CALLS), began.elapsed())
        };
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let ended = threads.into_iter().map(|thread| {
            let (begun, counted, elapsed) = thread.join().unwrap();
            first.extend(begun);
            times.extend(counted);
            elapsed
        });
        ended.max().unwrap()
    });
    times.sort();
    first.sort();
    table.row("calls/s, 64 clients, 50 ms upstream", Rate(times.len() as f64 / elapsed.as_secs_f64()), "≥ 1,200");
    table.row("p50 of them", times[times.len() / 2], "");
    table.row("p99 of them", times[times.len() * 99 / 100], "≤ 58 ms");
    table.row("p99 of the first five of each client", first[first.len() * 99 / 100], "");
    table.row("resident memory, busy", Kib(server.resident_kib()), "≤ 32 MB");
}

/// Every place and the whole queue are taken: how long a call takes that is not made.
fn shedding(table: &mut Table) {
    const CALLERS: usize = 136;
    const REJECTED: usize = 500;
    let upstream = Upstream::start(Duration::from_secs(3), 200);
    let server = Served::start(&upstream, &["--insecure-http"]);
    let call = server.call(SEARCH, &arguments(SEARCH));
    let is_over = AtomicBool::new(false);
    let mut times = Vec::new();
    thread::scope(|scope| {
        let keep_busy = || {
            let mut connection = server.connect();
            while !is_over.load(Ordering::Relaxed) {
                if connection.exchange(&call).1.contains("rate_limited") {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        };
        (0..CALLERS).for_each(|_| _ = scope.spawn(keep_busy));
        thread::sleep(Duration::from_millis(500));
        let mut connection = server.connect();
        while times.len() < REJECTED {
            let began = Instant::now();
            // One that found a place after all tells nothing.
            if connection.exchange(&call).1.contains("rate_limited") && began.elapsed() < Duration::from_secs(1) {
                times.push(began.elapsed());
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    times.sort();
    table.row("p50 of a call rejected when full", times[times.len() / 2], "");
    table.row("p99 of a call rejected when full", times[times.len() * 99 / 100], "≤ 10 ms");
}

/// New TLS connections, each a full handshake.
fn handshakes(table: &mut Table) {
    let upstream = Upstream::start(Duration::ZERO, 200);
    let server = Served::tls(&upstream);
    (0..50).for_each(|_| drop(server.connect()));
    let (before, connections) = (server.cpu(), 1_000);
    (0..connections).for_each(|_| drop(server.connect()));
    table.row("CPU of a new TLS connection", (server.cpu() - before) / connections, "≤ 500 µs");
    let request = request("GET", "/healthz", &[], b"");
    let open = |count: usize| -> Vec<Connection> {
        (0..count)
            .map(|_| {
                let mut connection = server.connect();
                connection.good(&request);
                connection
            })
            .collect()
    };
    let (first, before) = (open(20), server.resident_kib());
    let more = open(200);
    let each = (server.resident_kib() - before) as f64 / more.len() as f64;
    drop(first);
    table.row("memory of an idle TLS connection, KiB", each, "≤ 20");
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

struct Table {
    /// Measured is what has this in its name.
    only: String,
    rows: Vec<[String; 3]>,
}

impl Table {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    fn row(&mut self, figure: &str, value: impl std::fmt::Debug, goal: &str) {
        self.rows.push([figure.to_owned(), format!("{value:.1?}"), goal.to_owned()]);
    }

    fn print(&self) {
        println!("{:<52} {:>12} {:>12}", "figure", "seen", "goal");
        self.rows.iter().for_each(|[figure, seen, goal]| println!("{figure:<52} {seen:>12} {goal:>12}"));
    }
}

struct Kib(u64);
struct Rate(f64);

impl std::fmt::Debug for Kib {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} MB", self.0 as f64 * 1.024e-3)
    }
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}
