//! Whatever a tool is asked: an answer within its budget, or an error that says what would work.

use elk_mcp_tools::{catalogue, error::Code};
use serde_json::{Map, Value, json};

use crate::{
    random::Random,
    world::{World, ecs},
};

const SEED: u64 = 14_745_257;
/// Calls of each tool.
const CALLS: usize = 120;

fn documents(random: &mut Random) -> Vec<Value> {
    let traces = ["4bf92f3577b34da6a3ce929d0e0e4736", "7bd198b614b113ceff9a95ca9dad7237", "1"];
    random.list(600, |random| {
        let message = match random.below(8) {
            0 => "x".repeat(20_000),
            1 => format!("{}\u{202e}\u{1b}[31m\u{0}", "中文🚀 ".repeat(50)),
            2 => format!(
                "java.lang.NullPointerException: order {}\n{}",
                random.below(99),
                "\tat com.example.Pay.charge(Pay.java:17)\n".repeat(40)
            ),
            _ => format!("order {} refused for user-{} after {} ms", random.below(500), random.below(20), random.below(3_000)),
        };
        let (hour, minute, second) = (12 + random.below(3), random.below(60), random.below(60));
        let mut document = json!({
            "@timestamp": format!("2026-03-25T{hour}:{minute:02}:{second:02}.{:03}Z", random.below(1_000)),
            "message": message,
            "log": {"level": random.pick(&["INFO", "WARN", "ERROR", "debug", "loud"])},
            "service": {"name": format!("service-{}", random.below(40))},
            "kubernetes": {"pod": {"name": format!("pod-{}", random.below(90))}},
            "url": {"path": format!("/orders/{}", random.below(300))},
            "http": {"response": {"status_code": random.pick(&[200, 200, 404, 500])}},
            "event": {"duration": random.below(1_000_000_000)},
        });
        if random.one_in(2) {
            document["trace"] = json!({"id": random.pick(&traces)});
        }
        if random.one_in(3) {
            document["span"] = json!({"id": format!("{:016x}", random.below(50))});
        }
        document
    })
}

#[tokio::test]
async fn no_call_panics_or_exceeds_its_budget_and_every_refusal_helps() {
    let mut random = Random::new(SEED);
    let documents = documents(&mut random);
    let loaded = World::new("budget").index("a", Some(ecs()), documents).embedded_only().load().await;
    let index = loaded.index("a");
    let mut answered = 0;
    for entry in catalogue() {
        for _ in 0..CALLS {
            let arguments = arguments(&mut random, &entry.input_schema, &index);
            // Budget, published form and next step are checked by the call itself.
            match loaded.sources[0].call(entry.name, &arguments).await {
                Ok(_) => answered += 1,
                Err(error) => assert!(
                    !matches!(error.code, Code::Internal | Code::BadUpstreamResponse | Code::QueryTimeout),
                    "{} {arguments}: {} [{}]",
                    entry.name,
                    error.text(),
                    error.detail
                ),
            }
        }
    }
    // Otherwise the calls would show nothing about answers.
    assert!(answered > CALLS * catalogue().len() / 4, "{answered} answers");
}

fn arguments(random: &mut Random, schema: &Map<String, Value>, index: &str) -> Value {
    let properties = schema["properties"].as_object().unwrap();
    let required: Vec<&str> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    // Few arguments at a time, and few of them wrong, or nothing would be answered.
    let (rarity, is_hostile) = (random.pick(&[2, 6, 12]), random.one_in(4));
    let mut arguments = Map::new();
    for (name, schema) in properties {
        let is_wanted = required.contains(&name.as_str()) || matches!(name.as_str(), "start" | "max_tokens") || random.one_in(rarity);
        if is_wanted && name != "cluster" {
            let value = if is_hostile && random.one_in(4) { garbage(random) } else { value(random, name, schema, index) };
            arguments.insert(name.clone(), value);
        }
    }
    if arguments.contains_key("around") {
        arguments.remove("start");
        arguments.remove("end");
    }
    arguments.into()
}

fn value(random: &mut Random, name: &str, schema: &Value, index: &str) -> Value {
    let field = |random: &mut Random| {
        random.pick(&["service", "level", "path", "status", "pod", "message", "trace_id", "service.name", "nowhere", "url.path"])
    };
    match name {
        "index" | "pattern" => index.into(),
        "start" => random.pick(&["2026-03-25T12:00:00Z", "now-2h", "now-1d", "2026-03-25T14:30:00Z", "1774447200"]).into(),
        "end" => random.pick(&["2026-03-25T15:00:00Z", "now", "2026-03-25T14:59:59.999999999Z"]).into(),
        "around" => random.pick(&["2026-03-25T14:00:00Z", "now-30m"]).into(),
        "window" | "before" | "after" | "interval" => random.pick(&["1s", "5m", "1h", "2h", "1ms"]).into(),
        "max_tokens" => {
            if random.one_in(5) {
                "2000".into()
            } else {
                random.pick(&[500, 600, 1_000, 6_000]).into()
            }
        }
        "level" => random.pick(&["error", "warn+", "INFO", "trace"]).into(),
        "query" => random
            .pick(&["refused", "\"order 17\"", "status:>=500", "user-3 OR NOT refused", "service:service-1*", "中文", "-", "order*"])
            .into(),
        "service" => format!("service-{}", random.below(45)).into(),
        "filters" => {
            json!([{"field": field(random), "op": random.pick(&["is", "is_not", "exists", "missing", "prefix", "contains", "gte"]), "value": random.pick(&["500", "service-1", "or"])}])
        }
        "baseline" => random.pick(&["previous", "1d", "none"]).into(),
        "trace_id" => {
            random.pick(&["4bf92f3577b34da6a3ce929d0e0e4736", "1", "00-7bd198b614b113ceff9a95ca9dad7237-00f067aa0ba902b7-01"]).into()
        }
        "id" => random.pick(&["user-3", "17", "4bf92f3577b34da6a3ce929d0e0e4736", "pod-7", "4BF9"]).into(),
        "group_by" => {
            let count = random.below(3) + 1;
            random.list(count, |random| Value::from(field(random))).into()
        }
        "field" | "fields" | "contains" => field(random).into(),
        "cursor" => "AAAA".into(),
        _ => by_schema(random, schema),
    }
}

fn by_schema(random: &mut Random, schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words[random.below(words.len())].clone();
    }
    match schema["type"].as_str() {
        Some("boolean") => random.one_in(2).into(),
        Some("integer" | "number") => random.pick(&[1, 3, 10, 100, 500]).into(),
        Some("array") => json!([by_schema(random, &schema["items"])]),
        Some("string") => random.pick(&["service-1", "5", "x"]).into(),
        _ => match schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            Some(alternatives) => {
                let chosen = random.below(alternatives.len());
                by_schema(random, &alternatives[chosen])
            }
            None => random.pick(&[1, 10, 50]).into(),
        },
    }
}

fn garbage(random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => json!({}),
        2 => json!([]),
        3 => (-1).into(),
        4 => json!(1e300),
        5 => u64::MAX.into(),
        6 => "".into(),
        7 => "\u{0}\u{202e}🚀".into(),
        8 => "x".repeat(5_000).into(),
        9 => json!([[1], {"a": null}]),
        10 => true.into(),
        _ => "*:* OR (\"".into(),
    }
}
