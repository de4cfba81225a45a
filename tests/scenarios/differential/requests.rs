//! Searches of every kind that the DSL can express, over the documents beside.

use elk_mcp_tools::dsl::{
    Aggregation, AggregationKind, FetchField, Include, IndexExpression, Query, Range, Scalar, Search, Sort, Source, TermsOrder, TrackTotal,
};

use super::documents::{ADDRESSES, INDICES, KEYS, TAGS, WORDS, message, time};
use crate::{random::Random, world::full};

const KEYWORDS: [&str; 7] = ["k", "tags", "short", "o.x", "alias", "msg.raw", "nowhere"];
const NUMBERS: [&str; 4] = ["n", "num", "f", "o.y"];
const ANY: [&str; 13] = ["k", "tags", "short", "o.x", "alias", "msg", "num", "f", "flag", "ip", "@timestamp", "o", "nowhere"];

/// Levels of aggregations below the first.
const OUTERMOST: usize = 2;

pub(super) fn search(random: &mut Random) -> Search {
    if random.one_in(20) {
        return percentiles(random);
    }
    let depth = random.below(3);
    let mut search = Search::new(index(random), query(random, depth)).track_total(match random.below(3) {
        0 => TrackTotal::No,
        1 => TrackTotal::UpTo(10_000),
        _ => TrackTotal::Exact,
    });
    if random.one_in(2) {
        let size = random.pick(&[1, 5, 20, 200]);
        let from = if random.one_in(3) { random.below(40) as u32 } else { 0 };
        search = search.page(from, size).sort(sort(random)).fields(fields(random));
        if random.one_in(3) {
            search = search.source(Source::Whole);
        }
    }
    if random.one_in(2) {
        search = search.aggregations(vec![("x".to_owned(), aggregation(random, OUTERMOST)), ("y".to_owned(), aggregation(random, 1))]);
    }
    search
}

/// Over all documents: of few values each engine makes other percentiles, since it interpolates in its own way.
fn percentiles(random: &mut Random) -> Search {
    let kind = AggregationKind::Percentiles { field: random.pick(&NUMBERS).to_owned(), percents: vec![25.0, 50.0, 95.0] };
    Search::new(index(random), Query::All).aggregations(vec![("x".to_owned(), Aggregation::new(kind))])
}

fn index(random: &mut Random) -> IndexExpression {
    let name = match random.below(4) {
        0 => full("differential", "*"),
        1 => format!("{},{}", full("differential", "a"), full("differential", "b")),
        _ => full("differential", random.pick(&INDICES)),
    };
    IndexExpression::parse(&name).unwrap()
}

/// Ends with a key that is different for each document: engines break ties as they like.
fn sort(random: &mut Random) -> Vec<Sort> {
    let mut keys = Vec::new();
    if random.one_in(2) {
        keys.push(Sort { field: "@timestamp".to_owned(), descending: random.one_in(2), is_time: true });
    }
    if random.one_in(3) {
        let field = random.pick(&["k", "num", "f", "o.y", "flag", "nowhere"]);
        keys.push(Sort { field: field.to_owned(), descending: random.one_in(2), is_time: false });
    }
    keys.push(Sort { field: "n".to_owned(), descending: random.one_in(2), is_time: false });
    keys
}

fn fields(random: &mut Random) -> Vec<FetchField> {
    let mut fields = vec![FetchField { name: "@timestamp".to_owned(), is_time: true }, FetchField { name: "n".to_owned(), is_time: false }];
    for name in ["k", "alias", "tags", "msg", "num", "f", "flag", "ip", "code", "o.*", "short", "msg.raw", "nowhere"] {
        if random.one_in(3) {
            fields.push(FetchField { name: name.to_owned(), is_time: false });
        }
    }
    fields
}

fn query(random: &mut Random, depth: usize) -> Query {
    if depth > 0 {
        let filters = random.below(3);
        let shoulds = random.below(3);
        let nots = random.below(2);
        return Query::Bool {
            filter: random.list(filters, |random| query(random, depth - 1)),
            should: random.list(shoulds, |random| query(random, depth - 1)),
            must_not: random.list(nots, |random| query(random, depth - 1)),
        };
    }
    let owned = |name: &str| name.to_owned();
    match random.below(15) {
        0 => Query::All,
        1 => Query::Nothing,
        2 => Query::Exists { field: owned(random.pick(&ANY)) },
        3 => Query::Ids(random.list(3, |random| random.below(500).to_string())),
        4 => Query::Match { field: owned(random.pick(&["msg", "k", "nowhere"])), text: words(random) },
        5 | 6 => Query::Phrase { field: owned("msg"), text: words(random), prefix: random.one_in(2) },
        7 => Query::Prefix {
            field: owned(random.pick(&["k", "tags", "alias"])),
            value: prefix(random, &KEYS),
            case_insensitive: random.one_in(2),
        },
        8 => Query::Prefix { field: owned("msg"), value: prefix(random, &WORDS).to_lowercase(), case_insensitive: random.one_in(2) },
        9 => Query::Range { field: owned("@timestamp"), range: times(random) },
        10 => Query::Range { field: owned(random.pick(&NUMBERS)), range: numbers(random) },
        11 => Query::Terms { field: owned(random.pick(&["k", "tags", "o.x"])), values: random.list(3, |random| random.pick(&KEYS).into()) },
        12 => Query::Terms {
            field: owned(random.pick(&["num", "n", "code"])),
            values: random.list(3, |random| Scalar::Int(random.below(30) as i64)),
        },
        13 => {
            let value = random.pick(&KEYS);
            // Elasticsearch 7 and OpenSearch 2 do not find the empty string when case is ignored.
            let case_insensitive = !value.is_empty() && random.one_in(2);
            Query::Term { field: owned(random.pick(&["k", "tags", "alias"])), value: value.into(), case_insensitive }
        }
        _ => term(random),
    }
}

fn term(random: &mut Random) -> Query {
    match random.below(8) {
        0 => Query::term("flag", Scalar::Bool(random.one_in(2))),
        1 => Query::term("flag", random.pick(&["true", "false"])),
        2 => Query::term("ip", random.pick(&ADDRESSES)),
        3 => Query::term("ip", "10.0.0.0/24"),
        4 => Query::term("@timestamp", time(random, "b")),
        5 => Query::term("tags", random.pick(&TAGS)),
        6 => Query::term("code", random.below(20).to_string()),
        _ => Query::term("num", random.below(1_000).to_string()),
    }
}

fn words(random: &mut Random) -> String {
    if random.one_in(3) {
        return message(random).chars().take(80).collect();
    }
    let count = random.below(3) + 1;
    random.list(count, |random| random.pick(&WORDS)).join(" ")
}

fn prefix(random: &mut Random, of: &[&str]) -> String {
    let word = random.pick(of);
    let length = random.below(word.chars().count() + 1).max(1);
    let prefix: String = word.chars().take(length).collect();
    if prefix.is_empty() { "a".to_owned() } else { prefix }
}

fn times(random: &mut Random) -> Range {
    let (low, high) = (time(random, "b"), time(random, "b"));
    let (low, high) = (Some(Scalar::from(low)), Some(Scalar::from(high)));
    let mut range = Range { is_time: true, ..Range::default() };
    if random.one_in(2) {
        range.gte = low
    } else {
        range.gt = low
    }
    match random.below(3) {
        0 => range.lt = high,
        1 => range.lte = high,
        _ => {}
    }
    range
}

fn numbers(random: &mut Random) -> Range {
    let low = random.below(800) as i64;
    let high = low + random.below(400) as i64;
    let (low, high) = if random.one_in(4) {
        (Scalar::Float(low as f64 + 0.5), Scalar::Float(high as f64 + 0.25))
    } else {
        (Scalar::Int(low), Scalar::Int(high))
    };
    match random.below(3) {
        0 => Range { gte: Some(low), lt: Some(high), ..Range::default() },
        1 => Range { gt: Some(low), ..Range::default() },
        _ => Range { gt: Some(low), lte: Some(high), ..Range::default() },
    }
}

fn aggregation(random: &mut Random, depth: usize) -> Aggregation {
    let owned = |name: &str| name.to_owned();
    let number = owned(random.pick(&NUMBERS));
    let keyword = owned(random.pick(&KEYWORDS));
    let kind = match random.below(if depth > 0 { 13 } else { 7 }) {
        0 => AggregationKind::Min(number),
        1 => AggregationKind::Max(number),
        2 => AggregationKind::Sum(number),
        3 => AggregationKind::Avg(number),
        4 => AggregationKind::ValueCount(keyword),
        5 => AggregationKind::Cardinality(if random.one_in(2) { number } else { keyword }),
        6 => AggregationKind::TopHits {
            size: 3,
            sort: vec![Sort { field: owned("n"), descending: random.one_in(2), is_time: false }],
            fields: fields(random),
        },
        7 => {
            let bounds_ms = random.one_in(3).then_some((1_774_447_190_000, 1_774_447_270_000));
            // OpenSearch places the empty buckets of an inner histogram by the offset of the outer one.
            let has_offset = (depth == OUTERMOST || bounds_ms.is_none()) && random.one_in(2);
            let interval_ms = random.pick(&[1_000, 7_000, 60_000]);
            AggregationKind::DateHistogram {
                field: owned("@timestamp"),
                interval_ms,
                offset_ms: if has_offset { 500 } else { 0 },
                bounds_ms,
            }
        }
        8 => AggregationKind::Histogram {
            field: number,
            interval: 50.0,
            offset: random.pick(&[0.0, 7.0]),
            bounds: random.one_in(3).then_some((0.0, 500.0)),
        },
        9 => AggregationKind::Filter(query(random, 1)),
        10 => AggregationKind::Filters(vec![(owned("one"), query(random, 0)), (owned("two"), query(random, 1))]),
        // No engine takes one inside of another aggregation.
        11 if depth == OUTERMOST => composite(random),
        _ => return terms(random, depth),
    };
    let is_metric = matches!(
        kind,
        AggregationKind::Min(_)
            | AggregationKind::Max(_)
            | AggregationKind::Sum(_)
            | AggregationKind::Avg(_)
            | AggregationKind::ValueCount(_)
            | AggregationKind::Cardinality(_)
            | AggregationKind::TopHits { .. }
    );
    let aggregation = Aggregation::new(kind);
    if is_metric || depth == 0 || random.one_in(2) { aggregation } else { aggregation.with("in", self::aggregation(random, depth - 1)) }
}

fn terms(random: &mut Random, depth: usize) -> Aggregation {
    let field = random.pick(&["k", "tags", "short", "o.x", "alias", "num", "flag", "ip", "o.y", "nowhere"]);
    let is_keyword = matches!(field, "k" | "tags" | "o.x" | "alias");
    let include = (is_keyword && random.one_in(5)).then(|| Include::Values(random.list(3, |random| (random.pick(&KEYS)).to_owned())));
    let by_metric = depth > 0 && random.one_in(4);
    // Large enough that each shard offers all it has: what is left out is then the same everywhere.
    let order = if by_metric {
        TermsOrder::Metric { name: "m".to_owned(), descending: random.one_in(2) }
    } else if random.one_in(3) {
        TermsOrder::Key
    } else {
        TermsOrder::Count
    };
    let kind = AggregationKind::Terms { field: field.to_owned(), size: random.pick(&[2, 5, 100]), shard_size: Some(2_000), order, include };
    let aggregation = Aggregation::new(kind);
    if by_metric {
        return aggregation.with("m", Aggregation::new(AggregationKind::Max("n".to_owned())));
    }
    if depth > 0 && random.one_in(2) { aggregation.with("in", self::aggregation(random, depth - 1)) } else { aggregation }
}

fn composite(random: &mut Random) -> AggregationKind {
    let sources = vec![("first".to_owned(), "k".to_owned()), ("second".to_owned(), (random.pick(&["tags", "o.x"])).to_owned())];
    let after = random.one_in(2).then(|| vec![random.one_in(2).then(|| Scalar::from(random.pick(&KEYS))), Some(Scalar::from("green"))]);
    AggregationKind::Composite { sources, size: random.pick(&[3, 50]), after }
}
