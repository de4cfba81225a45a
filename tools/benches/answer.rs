//! What it costs to cut an answer to its budget and to write it. The aim is well below 0.12 ms for ten lines.

use elk_mcp_tools::{
    answer::{Answer, Cell, Hint, Table},
    look::Total,
};
use jiff::Timestamp;

fn main() {
    divan::main();
}

/// Log lines of which each has about this many bytes of message.
fn answer(rows: u32, bytes: usize) -> Answer {
    let mut table = Table::new(["index", "id", "time", "level", "service", "message", "trace_id"]);
    for n in 0..rows {
        let message = format!("request {n} failed: \"{}\"", "connection reset by peer\n".repeat(bytes / 25));
        let time = Timestamp::from_millisecond(1_774_450_000_000 + i64::from(n) * 731).ok();
        table.push(vec![
            "logs-2026.03.25".into(),
            format!("id-{n}").into(),
            Cell::from(time),
            "error".into(),
            "orders".into(),
            message.into(),
            format!("{n:032x}").into(),
        ]);
    }
    Answer::new("lines that match")
        .matched(Total { value: 1234, at_least: false })
        .table(table)
        .hint(Hint::new("search_by_trace_id", "the whole trace").with("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"))
}

#[divan::bench]
fn ten_rows_that_fit(bencher: divan::Bencher) {
    let answer = answer(10, 150);
    bencher.bench_local(|| answer.fit(6000));
}

#[divan::bench]
fn fifty_rows_of_67_kb(bencher: divan::Bencher) {
    let answer = answer(50, 1250);
    bencher.bench_local(|| answer.fit(6000));
}

#[divan::bench]
fn five_hundred_rows_of_which_some_fit(bencher: divan::Bencher) {
    let answer = answer(500, 300);
    bencher.bench_local(|| answer.fit(6000));
}
