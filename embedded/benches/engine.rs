//! How long it takes to index and to answer.

use std::time::Duration;

use elk_mcp_embedded::{Builder, Embedded};
use elk_mcp_tools::dsl::{Aggregation, AggregationKind, IndexExpression, Query, Request, Search, Sort, TermsOrder};

fn main() {
    divan::main();
}

fn lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|n| {
            format!(
                r#"{{"@timestamp":"2026-03-25T14:{:02}:{:02}.{:06}Z","message":"request {n} to /api/v1/orders/{} took {} ms","log":{{"level":"INFO"}},"service":{{"name":"service-{}"}},"trace":{{"id":"{:032x}"}}}}"#,
                n / 60 % 60,
                n % 60,
                n % 1_000_000,
                n * 7,
                n % 300,
                n % 20,
                n / 9
            )
        })
        .collect()
}

fn engine(lines: &[String]) -> Option<Embedded> {
    let mut builder = Builder::new();
    for line in lines {
        builder.document("logs", None, line).ok()?;
    }
    builder.build().ok()
}

#[divan::bench(sample_count = 10)]
fn index_10_000_lines(bencher: divan::Bencher<'_, '_>) {
    let lines = lines(10_000);
    bencher.counter(divan::counter::ItemsCount::new(lines.len())).bench_local(|| engine(&lines));
}

fn answer(bencher: divan::Bencher<'_, '_>, query: Query, change: impl Fn(Search) -> Search) {
    let (Some(engine), Ok(index)) = (engine(&lines(50_000)), IndexExpression::parse("logs")) else { return };
    let request = Request::Search(change(Search::new(index, query)));
    bencher.bench_local(|| engine.answer(&request, Duration::from_secs(60)));
}

#[divan::bench(sample_count = 50)]
fn newest_of_50_000(bencher: divan::Bencher<'_, '_>) {
    let newest = vec![Sort { field: "@timestamp".into(), descending: true, is_time: true }];
    answer(bencher, Query::All, |search| search.page(0, 50).sort(newest.clone()));
}

#[divan::bench(sample_count = 50)]
fn a_phrase_in_50_000(bencher: divan::Bencher<'_, '_>) {
    let phrase = Query::Phrase { field: "message".into(), text: "took 7 ms".into(), prefix: false };
    answer(bencher, phrase, |search| search);
}

#[divan::bench(sample_count = 50)]
fn terms_of_50_000(bencher: divan::Bencher<'_, '_>) {
    let field = "service.name.keyword".to_owned();
    let terms = AggregationKind::Terms { field, size: 10, shard_size: None, order: TermsOrder::Count, include: None };
    answer(bencher, Query::All, |search| search.aggregations(vec![("a".to_owned(), Aggregation::new(terms.clone()))]));
}
