//! The query language, case by case, and as a property: what is printed is parsed back.

use jiff::Timestamp;
use proptest::prelude::*;

use super::{parse, parser::any_of};
use crate::{
    dsl::{Range, Scalar},
    error::Code,
    look::{Field, Filter},
    params::Level,
    schema::Role,
};

fn now() -> Timestamp {
    "2026-03-25T14:52:57Z".parse().unwrap()
}

fn filter(text: &str) -> Filter {
    let mut filters: Vec<Filter> =
        parse(text, now()).unwrap_or_else(|error| panic!("{text}: {}", error.text())).into_iter().map(|clause| clause.filter).collect();
    if filters.len() == 1 { filters.remove(0) } else { Filter::And(filters) }
}

fn check(cases: Vec<(&str, Filter)>) {
    for (text, expected) in cases {
        assert_eq!(filter(text), expected, "{text}");
    }
}

fn word(text: &str) -> Filter {
    Filter::AnyText(text.into())
}

fn field(name: &str) -> Field {
    Field::parse(name)
}

fn is(name: &str, value: impl Into<Scalar>) -> Filter {
    Filter::Is(field(name), vec![value.into()])
}

fn range(name: &str, range: Range) -> Filter {
    Filter::Range(field(name), range)
}

#[test]
fn words_phrases_and_beginnings_search_the_texts() {
    check(vec![
        ("timeout", word("timeout")),
        ("time*", Filter::AnyPhrase { text: "time".into(), prefix: true }),
        ("\"connection refused\"", Filter::AnyPhrase { text: "connection refused".into(), prefix: false }),
        (r#""say \"no\"""#, Filter::AnyPhrase { text: "say \"no\"".into(), prefix: false }),
        ("*", Filter::All),
        ("*:*", Filter::All),
        (r"2\*3", word("2*3")),
        ("std::fmt", word("std::fmt")),
        ("https://host/path", word("https://host/path")),
        ("14:52:57", word("14:52:57")),
        ("vec<T>", word("vec<T>")),
        ("user@host", word("user@host")),
        ("/alert", word("/alert")),
        ("Zeitüberschreitung", word("Zeitüberschreitung")),
    ]);
}

#[test]
fn a_field_has_a_value() {
    check(vec![
        ("service:api", is("service", "api")),
        ("service: api", is("service", "api")),
        ("status:500", is("status", 500)),
        ("app.version:1.10", is("app.version", "1.10")),
        ("code:007", is("code", "007")),
        ("ratio:0.5", is("ratio", Scalar::Float(0.5))),
        ("ok:true", is("ok", Scalar::Bool(true))),
        ("path:/alert", is("path", "/alert")),
        ("host:10.0.0.1:80", is("host", "10.0.0.1:80")),
        ("kubernetes.labels.app_kubernetes_io/name:a", is("kubernetes.labels.app_kubernetes_io/name", "a")),
        ("service:\"my service\"", is("service", "my service")),
        ("foo:\"a b\"", Filter::Phrase { field: field("foo"), text: "a b".into(), prefix: false }),
        ("message:\"a b\"", Filter::Phrase { field: field("message"), text: "a b".into(), prefix: false }),
        ("message:timeout", Filter::Phrase { field: field("message"), text: "timeout".into(), prefix: false }),
        ("error.message:time*", Filter::Phrase { field: field("error.message"), text: "time".into(), prefix: true }),
        ("pod:api-*", Filter::Prefix(field("pod"), "api-".into())),
        ("pod:*", Filter::Exists(field("pod"))),
        ("_exists_:trace_id", Filter::Exists(field("trace_id"))),
        ("status:(500 OR 503)", Filter::Is(field("status"), vec![500.into(), 503.into()])),
        ("foo:(a b)", Filter::And(vec![is("foo", "a"), is("foo", "b")])),
        ("level:WARNING", Filter::Levels(vec![Level::Warn])),
        ("level:error+", Filter::Levels(vec![Level::Error, Level::Fatal])),
    ]);
}

#[test]
fn a_range_has_one_bound_or_two() {
    let from = Range { gte: Some(500.into()), ..Range::default() };
    let time = Range { gte: Some("2026-03-25T14:37:57Z".into()), is_time: true, ..Range::default() };
    let seconds = Range { gt: Some(Scalar::Float(2_000.0)), ..Range::default() };
    check(vec![
        ("status:>=500", range("status", from.clone())),
        ("status: >= 500", range("status", from.clone())),
        ("status >= 500", range("status", from.clone())),
        ("status>=500", range("status", from.clone())),
        ("status:[500 TO *]", range("status", from.clone())),
        ("a:[1 TO 5}", range("a", Range { gte: Some(1.into()), lt: Some(5.into()), ..Range::default() })),
        ("a:{1 TO 5]", range("a", Range { gt: Some(1.into()), lte: Some(5.into()), ..Range::default() })),
        ("a:[\"x y\" TO z]", range("a", Range { gte: Some("x y".into()), lte: Some("z".into()), ..Range::default() })),
        ("a<-5", word("a<-5")),
        ("a:<-5", range("a", Range { lt: Some((-5).into()), ..Range::default() })),
        ("a:[* TO *]", Filter::Exists(field("a"))),
        ("a:(>1 AND <5)", Filter::And(vec![filter("a:>1"), filter("a:<5")])),
        ("@timestamp:>=now-15m", range("time", time.clone())),
        ("created:>=now-15m", range("created", time)),
        ("duration_ms:>2s", range("duration_ms", seconds)),
        ("level:>=error", Filter::Levels(vec![Level::Error, Level::Fatal])),
    ]);
}

#[test]
fn operators_join_and_negate() {
    let (a, b, c) = (word("a"), word("b"), word("c"));
    check(vec![
        ("a b", Filter::And(vec![a.clone(), b.clone()])),
        ("a AND b", Filter::And(vec![a.clone(), b.clone()])),
        ("a && b", Filter::And(vec![a.clone(), b.clone()])),
        ("a OR b", Filter::Or(vec![a.clone(), b.clone()])),
        ("a || b", Filter::Or(vec![a.clone(), b.clone()])),
        ("a OR b c", Filter::Or(vec![a.clone(), Filter::And(vec![b.clone(), c.clone()])])),
        ("(a OR b) c", Filter::And(vec![Filter::Or(vec![a.clone(), b.clone()]), c])),
        ("NOT a", a.clone().negated()),
        ("-a", a.clone().negated()),
        ("!a", a.clone().negated()),
        ("NOT NOT a", a.clone()),
        ("NOT (a OR b)", Filter::Or(vec![a.clone(), b.clone()]).negated()),
        ("+a -b", Filter::And(vec![a.clone(), b.negated()])),
        ("((a))", a),
        ("read and write", Filter::And(vec![word("read"), word("and"), word("write")])),
        ("not found", Filter::And(vec![word("not"), word("found")])),
        ("AND*", Filter::AnyPhrase { text: "AND".into(), prefix: true }),
        ("ORDER", word("ORDER")),
    ]);
}

#[test]
fn each_clause_keeps_the_callers_words() {
    let written = |text: &str| parse(text, now()).unwrap().into_iter().map(|clause| clause.written).collect::<Vec<_>>();
    assert_eq!(written("a AND status:>=500 (b OR c) NOT \"d e\""), ["a", "status:>=500", "(b OR c)", "NOT \"d e\""]);
    assert_eq!(written(" a OR b "), ["a OR b"]);
}

#[test]
fn what_is_not_supported_is_refused_with_a_caret_at_the_place() {
    for (text, at) in [
        ("*foo", 0),
        ("ab *foo", 3),
        ("fo*o", 2),
        ("fo?o", 2),
        ("a:*b", 2),
        ("a**", 1),
        ("/err.*/", 0),
        ("message:/timed? out/", 14),
        ("message:/timeout/", 8),
        ("word~", 4),
        ("word~2", 4),
        ("word^3.5", 4),
        ("\"a b\"~3", 5),
        ("(a b)^2", 5),
        ("(a", 0),
        ("a)", 1),
        ("()", 1),
        ("\"a", 0),
        ("\"\"", 0),
        ("a AND", 5),
        ("a OR OR b", 5),
        ("AND a", 0),
        ("a AND OR b", 6),
        ("NOT", 3),
        ("a:", 2),
        ("a: )", 3),
        ("a:>", 3),
        (">5", 0),
        ("a:[1 5]", 5),
        ("a:[1 TO 5", 2),
        ("a:[1 TO ]", 8),
        ("a\\", 1),
        ("a => b", 2),
        ("status != 500", 7),
        ("a:'b c'", 2),
        ("status:500 or status:503", 11),
        ("status:500 and (b)", 11),
    ] {
        let error = parse(text, now()).expect_err(text);
        assert_eq!(error.code, Code::BadQuery, "{text}");
        let caret = error.message.lines().last().unwrap();
        assert_eq!(caret, format!("  {}^", " ".repeat(at)), "{text}\n{}", error.message);
        assert!(!error.next_step.is_empty());
    }
}

#[test]
fn a_long_query_shows_only_the_place_of_the_error() {
    let error = parse(&format!("{} fo*o {}", "word ".repeat(40), "word ".repeat(40)), now()).unwrap_err();
    let lines: Vec<&str> = error.message.lines().collect();
    assert!(lines[1].chars().count() < 90, "{}", lines[1]);
    assert_eq!(lines[1].chars().nth(lines[2].chars().count() - 1), Some('*'));
}

#[test]
fn hostile_sizes_are_refused() {
    for text in ["(".repeat(4_000), "a ".repeat(129), "a".repeat(4_097), format!("{}a{}", "(".repeat(21), ")".repeat(21))] {
        assert_eq!(parse(&text, now()).unwrap_err().code, Code::BadQuery);
    }
    assert_eq!(filter(&format!("{}a{}", "(".repeat(20), ")".repeat(20))), word("a"));
    assert_eq!(filter(&format!("{}a", "!".repeat(4_000))), word("a"));
    assert_eq!(parse(&"a ".repeat(128), now()).unwrap().len(), 128);
}

/// Writes a filter as a query, every character that could mean something escaped.
fn print(filter: &Filter) -> String {
    let list = |filters: &[Filter], operator: &str| {
        let parts: Vec<String> = filters.iter().map(print).collect();
        format!("({})", parts.join(operator))
    };
    match filter {
        Filter::AnyText(text) => escaped(text),
        Filter::AnyPhrase { text, prefix: false } => quoted(text),
        Filter::AnyPhrase { text, prefix: true } => format!("{}*", escaped(text)),
        Filter::Phrase { field, text, .. } => format!("{}:{}", field.name(), quoted(text)),
        Filter::Is(field, values) => {
            let values: Vec<String> = values.iter().map(|value| escaped(&value.to_string())).collect();
            format!("{}:({})", field.name(), values.join(" OR "))
        }
        Filter::Prefix(field, text) => format!("{}:{}*", field.name(), escaped(text)),
        Filter::Range(field, Range { gte: Some(from), lt: Some(to), .. }) => {
            format!("{}:[{} TO {}}}", field.name(), quoted(&from.to_string()), quoted(&to.to_string()))
        }
        Filter::Exists(field) => format!("_exists_:{}", field.name()),
        Filter::And(filters) => list(filters, " "),
        Filter::Or(filters) => list(filters, " OR "),
        Filter::Not(inner) => format!("NOT {}", print(inner)),
        other => panic!("not generated: {other:?}"),
    }
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|char| ['\\', char]).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn filters() -> impl Strategy<Value = Filter> {
    let name = prop_oneof![Just("service"), Just("pod"), Just("foo.bar"), Just("@meta_x"), Just("größe")].prop_map(Field::parse);
    let text = "[^\\pC\\s]{0,6}[a-zü]";
    let leaf = prop_oneof![
        text.prop_map(Filter::AnyText),
        text.prop_map(|text| Filter::AnyPhrase { text, prefix: true }),
        "\\PC{0,10}[a-z]".prop_map(|text| Filter::AnyPhrase { text, prefix: false }),
        ("\\PC{0,10}[a-z]").prop_map(|text| Filter::Phrase { field: Field::parse("foo"), text, prefix: false }),
        (name.clone(), prop::collection::vec("[^\\pC\\s]{0,6}~", 1..4))
            .prop_map(|(field, values)| Filter::Is(field, values.into_iter().map(Scalar::Text).collect())),
        (name.clone(), any::<i64>()).prop_map(|(field, value)| Filter::Is(field, vec![Scalar::Int(value)])),
        (name.clone(), text).prop_map(|(field, text)| Filter::Prefix(field, text)),
        (name.clone(), "~[a-z ]{0,5}", "~[a-z ]{0,5}").prop_map(|(field, from, to)| {
            Filter::Range(field, Range { gte: Some(from.into()), lt: Some(to.into()), ..Range::default() })
        }),
        name.prop_map(Filter::Exists),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(any_of),
            inner.prop_map(Filter::negated),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_back(expected in filters()) {
        let text = print(&expected);
        if let Ok(clauses) = parse(&text, now()) {
            prop_assert_eq!(clauses.len(), 1, "{}", text);
            prop_assert_eq!(&clauses[0].filter, &expected, "{}", text);
        } else {
            // Only the limits may refuse it.
            prop_assert!(text.len() > 4_096, "{}", text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", syntax in "[a:()\"\\\\*?/~^<>=\\[\\]{} TOANDR!+-]{0,60}") {
        for text in [text, syntax] {
            if let Err(error) = parse(&text, now()) {
                prop_assert!(!error.next_step.is_empty());
            }
        }
    }
}

#[test]
fn a_role_is_known_by_its_names() {
    assert_eq!(filter("endpoint:/a"), Filter::Is(Role::Path.into(), vec!["/a".into()]));
}
