//! Documents that are hard to agree on: ties, nanoseconds, missing and multiple values, huge and foreign text, fields
//! that are of one type here and of another there.

use serde_json::{Value, json};

use crate::{random::Random, world::World};

pub(super) const INDICES: [&str; 3] = ["a", "b", "c"];

pub(super) const KEYS: [&str; 9] = ["alpha", "Alpha", "beta", "BETA-2", "", "größe", "中文", "a b", "z/9"];
pub(super) const TAGS: [&str; 5] = ["red", "green", "blue", "Red", "🚀"];
pub(super) const WORDS: [&str; 24] = [
    "order",
    "Order",
    "refused",
    "timeout",
    "after",
    "30s",
    "user_id=17",
    "10.0.0.1",
    "can't",
    "e-mail",
    "GET",
    "/api/v1/orders",
    "größe",
    "GRÖSSE",
    "naïve",
    "中文日志",
    "東京",
    "🚀",
    "x.y.Z",
    "3.14",
    "foo:bar",
    "ÄÖÜ",
    "NullPointerException",
    "at",
];
pub(super) const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.0.0.2", "192.168.1.10", "2001:db8::1"];

/// How many documents each index has.
const COUNT: usize = 400;

fn mapping(time: &str, code: &str) -> Value {
    json!({"properties": {
        "@timestamp": {"type": time},
        "n": {"type": "long"},
        "k": {"type": "keyword"},
        "short": {"type": "keyword", "ignore_above": 6},
        "tags": {"type": "keyword"},
        "msg": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 256}}},
        "num": {"type": "integer"},
        "f": {"type": "double"},
        "flag": {"type": "boolean"},
        "ip": {"type": "ip"},
        "code": {"type": code},
        "o": {"properties": {"x": {"type": "keyword"}, "y": {"type": "long"}}},
        "alias": {"type": "alias", "path": "k"}
    }})
}

pub(super) fn world(random: &mut Random) -> World {
    let mut n = 0;
    let mut world = World::new("differential");
    for (index, time, code) in [("a", "date", "long"), ("b", "date_nanos", "keyword"), ("c", "date", "text")] {
        let documents = random.list(COUNT, |random| {
            n += 1;
            document(random, n, index)
        });
        world = world.index(index, Some(mapping(time, code)), documents);
    }
    world
}

fn document(random: &mut Random, n: usize, index: &str) -> Value {
    let mut document = json!({"n": n, "@timestamp": time(random, index)});
    if !random.one_in(5) {
        document["k"] = random.pick(&KEYS).into();
        document["short"] = (random.pick(&["tiny", "exact6", "far too long"])).into();
    }
    if !random.one_in(6) {
        let count = random.below(4);
        document["tags"] = random.list(count, |random| Value::from(random.pick(&TAGS))).into();
    }
    if !random.one_in(10) {
        document["msg"] = message(random).into();
    }
    match random.below(4) {
        0 => {}
        1 => document["num"] = random.list(2, |random| random.below(1_000)).into(),
        2 => document["num"] = random.below(1_000).to_string().into(),
        _ => document["num"] = random.below(1_000).into(),
    }
    if !random.one_in(4) {
        document["f"] = json!(random.below(100_000) as f64 / 64.0 - 200.0);
    }
    if !random.one_in(3) {
        document["flag"] = random.one_in(2).into();
    }
    if !random.one_in(3) {
        document["ip"] = (random.pick(&ADDRESSES)).into();
    }
    if !random.one_in(3) {
        document["code"] = random.below(20).into();
    }
    if random.one_in(2) {
        document["o"] = json!({"x": random.pick(&KEYS), "y": random.below(5)});
    } else {
        document["o.x"] = random.pick(&KEYS).into();
    }
    document
}

/// Twenty instants of one minute for most documents, so that there are ties; some with nanoseconds where these are kept.
pub(super) fn time(random: &mut Random, index: &str) -> String {
    let second = random.below(20) * 3;
    match random.below(4) {
        0 if index == "b" => format!("2026-03-25T14:00:{second:02}.{:09}Z", random.below(3) + 1),
        1 => format!("2026-03-25T14:00:{second:02}.{:03}Z", random.below(3)),
        2 => format!("2026-03-25T15:00:{second:02}+01:00"),
        _ => format!("2026-03-25T14:00:{second:02}Z"),
    }
}

pub(super) fn message(random: &mut Random) -> String {
    let count = if random.one_in(60) { 3_000 } else { random.below(8) + 1 };
    random.list(count, |random| random.pick(&WORDS)).join(if random.one_in(8) { ", " } else { " " })
}
