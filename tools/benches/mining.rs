//! What it costs to find the templates of 100,000 lines. The aim is below a second on one core.

use elk_mcp_tools::mining::{Templates, fold_key};

fn main() {
    divan::main();
}

/// Lines of forty kinds with values that differ, as services write them.
fn lines(count: u64) -> Vec<String> {
    const VERBS: [&str; 8] = ["accepted", "rejected", "delivered", "queued", "retried", "expired", "routed", "stored"];
    const PARTS: [&str; 5] = ["message", "order", "session", "payment", "shipment"];
    let pick =
        |list: &'static [&'static str], at: u64| usize::try_from(at).ok().and_then(|at| list.get(at % list.len())).copied().unwrap_or("");
    (0..count)
        .map(|n| {
            let (verb, part) = (pick(&VERBS, n), pick(&PARTS, n / 8));
            let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!(
                "{verb} {part} {noise:016x} for customer {} from 10.0.{}.{}:8080 in {}ms path=/api/{part}/{}",
                n % 977,
                n % 251,
                n % 13,
                n % 499,
                n % 7919
            )
        })
        .collect()
}

/// Lines of which each has its own words: the worst case for a tree of templates.
fn prose(count: u64) -> Vec<String> {
    (0..count)
        .map(|n| format!("note {} of {} by {}", letters(n), letters(n.wrapping_mul(0x9e37_79b9)), letters(n.wrapping_mul(0x85eb_ca6b))))
        .collect()
}

/// A number as a word without a digit.
fn letters(mut number: u64) -> String {
    let mut word = String::new();
    while number > 0 {
        word.push(char::from(b'g' + u8::try_from(number % 19).unwrap_or(0)));
        number /= 19;
    }
    word
}

#[divan::bench(sample_count = 5)]
fn templates_of_100_000_lines(bencher: divan::Bencher) {
    let lines = lines(100_000);
    bencher.bench_local(|| Templates::mine(lines.iter().map(String::as_str)).len());
}

#[divan::bench(sample_count = 5)]
fn templates_of_100_000_lines_of_prose(bencher: divan::Bencher) {
    let lines = prose(100_000);
    bencher.bench_local(|| Templates::mine(lines.iter().map(String::as_str)).len());
}

/// As prose, but no two lines share a word: no line joins another while there is room.
fn strangers(count: u64) -> Vec<String> {
    prose(count)
        .into_iter()
        .enumerate()
        .map(|(n, line)| line.split(' ').map(|word| format!("{word}{} ", letters(n as u64))).collect())
        .collect()
}

#[divan::bench(sample_count = 5)]
fn templates_of_100_000_lines_without_a_word_in_common(bencher: divan::Bencher) {
    let lines = strangers(100_000);
    bencher.bench_local(|| Templates::mine(lines.iter().map(String::as_str)).len());
}

#[divan::bench(sample_count = 5)]
fn fold_keys_of_100_000_lines(bencher: divan::Bencher) {
    let lines = lines(100_000);
    bencher.bench_local(|| lines.iter().map(|line| fold_key(line).len()).sum::<usize>());
}
