//! Errors, comparisons of windows, and latency.

use serde_json::{Value, json};

use crate::{
    answers::text,
    world::{World, ecs},
};

const START: &str = "2026-03-25T14:00:00Z";
const END: &str = "2026-03-25T15:00:00Z";

/// Two hours of requests, one every twenty seconds, each with the line of its arrival. From 14:00 the card service refuses
/// every third.
fn lines() -> Vec<Value> {
    let arrival = |request: &Value| {
        json!({"@timestamp": request["@timestamp"], "trace": request["trace"], "message": "POST /orders received",
            "log": {"level": "INFO"}, "service": {"name": "gateway"}})
    };
    requests().into_iter().flat_map(|request| [arrival(&request), request]).collect()
}

fn requests() -> Vec<Value> {
    (0..360)
        .map(|n: usize| {
            let (hour, minute, second) = (13 + n / 180, n % 180 / 3, n % 3 * 20);
            let is_refused = n >= 180 && n.is_multiple_of(3);
            let message = match (is_refused, n % 60) {
                (true, _) => format!("card {n} refused by card-service: expired"),
                (false, 7) => format!("cache miss for key-{n}"),
                _ => format!("order {n} done"),
            };
            json!({
                "@timestamp": format!("2026-03-25T{hour}:{minute:02}:{second:02}.{:03}Z", n % 1_000),
                "message": message,
                "log": {"level": if is_refused || n % 60 == 7 { "ERROR" } else { "INFO" }},
                "service": {"name": if n.is_multiple_of(2) { "pay" } else { "cart" }},
                "trace": {"id": format!("{n:032x}")},
                "url": {"path": "/orders"},
                "http": {"response": {"status_code": if is_refused { 502 } else { 200 }}},
                "event": {"duration": (100 + n % 100 + if is_refused { 900 } else { 0 }) * 1_000_000},
            })
        })
        .collect()
}

#[tokio::test]
async fn errors_are_counted_by_pattern_and_what_is_new_is_said_to_be() {
    let loaded = World::new("errors").index("a", Some(ecs()), lines()).load().await;
    let arguments = json!({"start": START, "end": END, "baseline": "previous"});
    let answer = loaded.answer("get_error_summary", arguments).await;
    let of = |word: &str| {
        answer.rows().into_iter().find(|row| text(&row["pattern"]).contains(word)).unwrap_or_else(|| panic!("{word}: {}", answer.text))
    };
    let (refused, missed) = (of("refused"), of("cache"));
    assert_eq!((text(&refused["count"]), text(&refused["is_new"])), ("60".to_owned(), "true".to_owned()), "{}", answer.text);
    assert_eq!((text(&missed["count"]), text(&missed["is_new"])), ("3".to_owned(), "false".to_owned()), "{}", answer.text);
    let by_service =
        loaded.answer("get_error_summary", json!({"start": START, "end": END, "group_by": "service", "baseline": "none"})).await;
    let counts: u64 = by_service.rows().iter().map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!(counts, 63, "{}", by_service.text);
}

/// An hour of two endpoints, one always slow, of which one request in 64 takes longer; the orders of one customer in forty do where they are
/// planted.
fn orders_of_customers(is_planted: bool) -> Vec<Value> {
    let request = |n: usize| {
        let customer = n * 7 % 40;
        let (path, usual) = if n.is_multiple_of(5) { ("/export", 2_000) } else { ("/orders", 100) };
        let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let is_slow = noise.is_multiple_of(64) || (is_planted && customer == 9);
        let ms = if is_slow { usual * 2 + noise % usual } else { usual };
        json!({
            "@timestamp": format!("2026-03-25T14:{:02}:{:02}.{:03}Z", n / 40, n % 40 * 3 / 2, n % 1_000),
            "message": "done", "log": {"level": "INFO"}, "service": {"name": "shop"}, "url": {"path": path}, "trace": {"id": format!("{n:032x}")},
            "event": {"duration": ms * 1_000_000}, "customer": {"id": format!("c{customer:02}")},
        })
    };
    (0..2_400).map(request).collect()
}

#[tokio::test]
async fn what_slow_requests_share_is_told_in_any_field_and_not_where_an_endpoint_is_always_slow() {
    for (name, is_planted) in [("customers", true), ("customers-alike", false)] {
        let loaded = World::new(name).index("a", Some(ecs()), orders_of_customers(is_planted)).load().await;
        let answer = loaded.answer("analyze_latency", json!({"start": START, "end": END})).await;
        let shared = answer.section("shared");
        if is_planted {
            let told: Vec<[String; 4]> = shared.iter().map(|row| ["field", "value", "slow", "all"].map(|name| text(&row[name]))).collect();
            assert_eq!(told.first().unwrap(), &["customer.id", "c09", "60", "60"], "{}", answer.text);
        } else {
            assert_eq!(shared.len(), 0, "{}", answer.text);
            assert!(answer.text.contains("shared: nothing stands out"), "{}", answer.text);
        }
    }
}

/// Two hours of a busy service that takes a second at times, and of a rare one that takes 20 ms, from 14:20 on 60.
fn rare_and_slower() -> Vec<Value> {
    let request = |second: usize, service: &str, path: &str, ms: usize| {
        json!({
            "@timestamp": format!("2026-03-25T{}:{:02}:{:02}Z", 13 + second / 3_600, second / 60 % 60, second % 60),
            "message": "done", "log": {"level": "INFO"}, "service": {"name": service}, "url": {"path": path},
            "event": {"duration": ms * 1_000_000},
        })
    };
    let busy = (0..3_600).map(|n| request(n * 2, "web", "/orders", if n.is_multiple_of(8) { 1_000 } else { 200 + n % 100 }));
    let rare = (0..360).map(|n| request(n * 20, "stock", "/stock", if n >= 240 { 60 } else { 20 } + n % 5));
    busy.chain(rare).collect()
}

#[tokio::test]
async fn the_onset_of_slowness_is_that_of_the_service_that_became_slow() {
    let loaded = World::new("slower").index("a", Some(ecs()), rare_and_slower()).load().await;
    let answer = loaded.answer("find_changes", json!({"start": START, "end": END})).await;
    let onset = &answer.structured["onset"];
    assert_eq!(onset["of"], "requests of stock slower than 30 ms", "{}", answer.text);
    assert_eq!(onset["services"], json!(["stock"]), "{}", answer.text);
    let (earliest, latest) = (text(&onset["earliest"]), text(&onset["latest"]));
    assert!(earliest.as_str() <= "2026-03-25T14:20:00Z" && latest.as_str() >= "2026-03-25T14:20:00Z", "{}", answer.text);
}

#[tokio::test]
async fn windows_that_differ_are_told_apart_and_equal_ones_are_not() {
    let loaded = World::new("compared").index("a", Some(ecs()), lines()).load().await;
    let changed = json!({"start": START, "end": END, "baseline": {"start": "2026-03-25T13:00:00Z", "end": START}});
    let quiet = json!({"start": "2026-03-25T13:30:00Z", "end": START, "baseline": {"start": "2026-03-25T13:00:00Z", "end": "2026-03-25T13:30:00Z"}});
    for source in &loaded.sources {
        let answer = source.call("compare_windows", &changed).await.unwrap();
        let patterns = answer.section("patterns");
        assert!(
            patterns.iter().any(|row| row.values().any(|cell| text(cell).contains("refused")) && row.values().any(|cell| cell == "NEW")),
            "{}: {}",
            source.name,
            answer.text
        );
        assert_ne!(answer.structured["strength"]["word"], "none", "{}: {}", source.name, answer.text);
        let answer = source.call("compare_windows", &quiet).await.unwrap();
        assert_ne!(answer.structured["strength"]["word"], "significant", "{}: {}", source.name, answer.text);
    }
}

#[tokio::test]
async fn latency_is_told_by_group_with_percentiles_near_the_truth() {
    let loaded = World::new("latency").index("a", Some(ecs()), lines()).load().await;
    let mut durations: Vec<f64> = requests()[180..].iter().map(|request| request["event"]["duration"].as_f64().unwrap() / 1e6).collect();
    durations.sort_by(f64::total_cmp);
    let exact = |share: f64| durations[((durations.len() - 1) as f64 * share).round() as usize];
    for source in &loaded.sources {
        let answer = source.call("analyze_latency", &json!({"start": START, "end": END, "group_by": "path"})).await.unwrap();
        let row = answer.row("path", "/orders");
        assert_eq!(row["count"], 180, "{}: {}", source.name, answer.text);
        for (column, share) in [("p50_ms", 0.5), ("p95_ms", 0.95), ("max_ms", 1.0)] {
            let (found, exact) = (row[column].as_f64().unwrap(), exact(share));
            assert!((found - exact).abs() <= 0.02 * exact, "{}: {column} {found} instead of {exact}", source.name);
        }
    }
}

/// Whether a time lies in so many seconds around another one.
fn near(time: &Value, other: &str, seconds: i64) -> bool {
    let read = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    read(time.as_str().unwrap()).duration_since(read(other)).abs().as_secs() <= seconds
}

#[tokio::test]
async fn the_onset_of_errors_is_dated_with_an_interval() {
    let loaded = World::new("onset").index("a", Some(ecs()), lines()).load().await;
    for source in &loaded.sources {
        let answer = source.call("find_changes", &json!({"start": "2026-03-25T13:40:00Z", "end": END})).await.unwrap();
        let onset = &answer.structured["onset"];
        assert!(near(&onset["time"], START, 120), "{}: {}", source.name, answer.text);
        let (earliest, latest) = (onset["earliest"].as_str().unwrap(), onset["latest"].as_str().unwrap());
        assert!(earliest <= START && START <= latest, "{}: {}", source.name, answer.text);
    }
}

#[tokio::test]
async fn a_failed_trace_is_held_against_a_healthy_one() {
    let loaded = World::new("healthy").index("a", Some(ecs()), lines()).load().await;
    for source in &loaded.sources {
        let arguments = json!({"trace_id": format!("{:032x}", 180), "compare": true});
        let answer = source.call("search_by_trace_id", &arguments).await.unwrap();
        assert!(answer.structured["healthy"]["trace_id"].is_string(), "{}: {}", source.name, answer.text);
        let told: Vec<(String, String)> =
            answer.section("differences").iter().map(|row| (text(&row["change"]), text(&row["message"]))).collect();
        let has = |change: &str, word: &str| told.iter().any(|(told, message)| told == change && message.contains(word));
        assert!(has("new", "refused") && has("missing", "done"), "{}: {}", source.name, answer.text);
    }
}

#[tokio::test]
async fn latency_that_moves_is_dated_and_gaps_are_read_from_lines() {
    let loaded = World::new("moved").index("a", Some(ecs()), lines()).load().await;
    for source in &loaded.sources {
        let answer = source.call("analyze_latency", &json!({"start": "2026-03-25T13:00:00Z", "end": END})).await.unwrap();
        let change = &answer.structured["change_point"];
        assert!(near(&change["time"], START, 600), "{}: {}", source.name, answer.text);
        assert!(change["earliest"].as_str() <= change["time"].as_str(), "{}: {}", source.name, answer.text);
        assert!(answer.section("edges").iter().any(|row| row["caller"] == "gateway"), "{}: {}", source.name, answer.text);
        assert!(answer.section("shared").iter().any(|row| text(&row["value"]) == "502"), "{}: {}", source.name, answer.text);
    }
}

#[tokio::test]
async fn durations_of_transactions_and_of_spans_are_computed_together() {
    let document = |n: i64| {
        let (kind, ms) = if n % 4 == 0 { ("transaction", n) } else { ("span", 1_000 + n) };
        json!({
            "@timestamp": format!("2026-03-25T14:{:02}:00.000Z", n % 60), "processor": {"event": kind}, "trace": {"id": format!("{n:032x}")},
            "service": {"name": "shop"}, kind: {"id": format!("{n:016x}"), "name": "GET /", "duration": {"us": ms * 1_000}},
        })
    };
    let loaded = World::new("apm").index("a", None, (1..=100).map(document).collect::<Vec<_>>()).load().await;
    for source in &loaded.sources {
        let call = async |metric: &str| {
            let arguments = json!({"start": START, "end": END, "metric": metric, "field": "duration_ms", "group_by": "service"});
            let answer = source.call("aggregate_logs", &arguments).await.unwrap();
            answer.row("service", "shop")["value"].as_f64().unwrap_or_else(|| panic!("{}: {}", source.name, answer.text))
        };
        // 25 transactions of 4 to 100 ms, 75 spans of 1,001 to 1,099 ms.
        assert!((call("sum").await - 80_050.0).abs() < 1e-6, "{}", source.name);
        assert_eq!((call("min").await, call("max").await), (4.0, 1_099.0), "{}", source.name);
        let p50 = call("p50").await;
        assert!((1_030.0..=1_036.0).contains(&p50), "{}: {p50}", source.name);
    }
}
