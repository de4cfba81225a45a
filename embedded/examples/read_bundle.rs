//! Reads a bundle and says how fast, how large, and how long a few questions take.
//!
//! ```text
//! cargo run --release -p elk-mcp-embedded --example read_bundle -- FILE…
//! ```

use std::{
    error::Error,
    path::PathBuf,
    time::{Duration, Instant},
};

use elk_mcp_embedded::Bundle;
use elk_mcp_tools::dsl::{Aggregation, AggregationKind, FetchField, IndexExpression, Query, Request, Search, Sort, Source, TermsOrder};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let started = Instant::now();
    let bundle = Bundle::read(&paths, &mut |_| {})?;
    let took = started.elapsed();
    let report = &bundle.report;
    println!("{} documents in {took:.1?}: {:.0} a second", report.documents, report.documents as f64 / took.as_secs_f64());
    println!("{} files, {} bytes, {} warnings", report.files.len(), report.bytes, report.warnings.len());
    report.warnings.iter().for_each(|warning| println!("  {warning}"));
    print_memory();

    let everything = IndexExpression::parse("*")?;
    let newest = vec![Sort { field: "@timestamp".into(), descending: true, is_time: true }];
    let fields =
        ["@timestamp", "message", "service.name"].map(|name| FetchField { name: name.into(), is_time: name == "@timestamp" }).to_vec();
    let terms = |field: &str| {
        Aggregation::new(AggregationKind::Terms {
            field: field.into(),
            size: 10,
            shard_size: None,
            order: TermsOrder::Count,
            include: None,
        })
    };
    let per_minute =
        Aggregation::new(AggregationKind::DateHistogram { field: "@timestamp".into(), interval_ms: 60_000, offset_ms: 0, bounds_ms: None });
    let all = |query| Search::new(everything.clone(), query);
    let questions = [
        ("newest 50", all(Query::All).page(0, 50).sort(newest.clone()).fields(fields).source(Source::No)),
        ("a word, newest 50", all(Query::Match { field: "message".into(), text: "error".into() }).page(0, 50).sort(newest)),
        ("a trace id", all(Query::term("trace.id.keyword", "7bd198b614b113ceff9a95ca9dad7237")).page(0, 50)),
        ("terms", all(Query::All).aggregations(vec![("a".into(), terms("service.name.keyword"))])),
        (
            "terms by minute with a cardinality",
            all(Query::All).aggregations(vec![(
                "a".into(),
                terms("service.name.keyword")
                    .with("m", per_minute)
                    .with("c", Aggregation::new(AggregationKind::Cardinality("trace.id.keyword".into()))),
            )]),
        ),
    ];
    for (name, search) in questions {
        let request = Request::Search(search);
        bundle.engine.answer(&request, Duration::from_secs(60))?;
        let started = Instant::now();
        let reply = bundle.engine.answer(&request, Duration::from_secs(60))?;
        println!("{name}: {:.1?}, {} bytes", started.elapsed(), reply.body.len());
    }
    print_memory();
    Ok(())
}

/// What the system says about this process's memory, where it says so.
fn print_memory() {
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS")).for_each(|line| println!("{line}"));
    }
}
