//! What many lines say, where the window holds more than can be read.

use serde_json::{Value, json};

use crate::{
    answers::text,
    world::{World, ecs},
};

const START: &str = "2026-03-25T14:00:00Z";
const END: &str = "2026-03-25T15:00:00Z";

/// 3,600 requests of two to nine lines; every tenth retries.
fn requests() -> Vec<Value> {
    let line = |n: usize, message: String, level: &str| {
        json!({
            "@timestamp": format!("2026-03-25T14:{:02}:{:02}.{:03}Z", n / 60, n % 60, message.len() % 1_000),
            "message": message, "log": {"level": level}, "service": {"name": "pay"}, "trace": {"id": format!("{:032x}", n * 7_919)},
        })
    };
    let request = |n: usize| {
        let mut lines = vec![line(n, format!("received order {n} from the shop"), "INFO"), line(n, format!("done with order {n}"), "INFO")];
        lines.extend((0..n % 8).map(|step| line(n, format!("step {step} of order {n} took {} ms", n % 97), "INFO")));
        if n.is_multiple_of(10) {
            lines.extend((0..3).map(|_| line(n, format!("card service refused order {n}: retrying"), "WARN")));
        }
        lines
    };
    (0..3_600).flat_map(request).collect()
}

#[tokio::test]
async fn a_sample_of_whole_traces_tells_counts_with_their_error() {
    let documents = requests();
    let truth = |word: &str| documents.iter().filter(|line| text(&line["message"]).contains(word)).count();
    let expected: Vec<(&str, usize)> = ["received", "done", "took", "refused"].map(|word| (word, truth(word))).to_vec();
    let all = documents.len();
    let loaded = World::new("sampled").sharded("a", 2, Some(ecs()), documents.clone()).load().await;
    for source in &loaded.sources {
        let answer = source.call("get_log_patterns", &json!({"start": START, "end": END})).await.unwrap();
        assert!(answer.text.contains("whole traces"), "{}: {}", source.name, answer.text);
        assert_eq!(answer.structured["totals"]["matched"], all, "{}", source.name);
        let rows = answer.rows();
        assert_eq!(rows.len(), 4, "{}: {}", source.name, answer.text);
        for (word, count) in &expected {
            let row = rows.iter().find(|row| text(&row["pattern"]).contains(word)).unwrap();
            let (told, margin) = (row["count"].as_f64().unwrap(), row["margin"].as_f64().unwrap());
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let off = (told - *count as f64).abs();
            // One and a half times the 95 % interval is left once in 300 cases.
            assert!(margin > 0.0 && off <= 1.5 * margin, "{}: {word} {told} ±{margin}, truly {count}", source.name);
        }
    }
}

/// 12,000 lines of which most carry the place that wrote them, and some a code.
fn keyed() -> Vec<Value> {
    (0..12_000)
        .map(|n: usize| {
            let mut line = json!({
                "@timestamp": format!("2026-03-25T14:{:02}:{:02}.{:03}Z", n / 200, n % 200 * 3 / 10, n % 1_000),
                "message": format!("order {n} was {}", ["paid", "refused", "lost"][n % 3]),
                "log": {"level": "INFO"}, "service": {"name": "pay"},
            });
            if n.is_multiple_of(4) {
                line["event"] = json!({"code": format!("PAY-{}", n % 3)});
            } else if !n.is_multiple_of(5) {
                line["log"]["logger"] = json!("shop.Pay");
                line["log"]["origin"] = json!({"file": {"line": 10 + n % 3}});
            }
            line
        })
        .collect()
}

#[tokio::test]
async fn keys_of_a_large_window_are_counted_by_the_engine() {
    let mut mapping = ecs();
    mapping["properties"]["log"]["properties"]["origin"] = json!({"properties": {"file": {"properties": {"line": {"type": "long"}}}}});
    mapping["properties"]["event"]["properties"]["code"] = json!({"type": "keyword"});
    let loaded = World::new("keyed").sharded("a", 2, Some(mapping), keyed()).load().await;
    let answer = loaded.answer("get_log_patterns", json!({"start": START, "end": END})).await;
    assert!(answer.text.contains("10200 lines are counted exactly"), "{}", answer.text);
    let rows: Vec<String> = answer.rows().iter().map(|row| ["count", "key", "pattern"].map(|name| text(&row[name])).join(" ")).collect();
    let expected = [
        "2400 shop.Pay#10 order <*> was paid",
        "2400 shop.Pay#11 order <*> was refused",
        "2400 shop.Pay#12 order <*> was lost",
        "1000 PAY-0 order <*> was paid",
        "1000 PAY-2 order <*> was lost",
        "1000 PAY-1 order <*> was refused",
    ];
    assert!(expected.iter().all(|row| rows.iter().any(|found| found == row)), "{}", answer.text);
    assert_eq!(answer.structured["totals"]["matched"], 12_000);
}
