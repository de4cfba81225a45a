//! The examples in `docs/` do what the text beside them says: every line of a fenced block is read by the code it is about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use elk_mcp_tools::{
    error::Code,
    params::{Moment, Text, TimeSpan, query},
};
use jiff::Timestamp;

const ARGUMENTS: &str = include_str!("../../docs/arguments.md");
const QUERY_LANGUAGE: &str = include_str!("../../docs/query-language.md");

/// The lines of all blocks of a page that are fenced with this word.
fn examples<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let opening = format!("```{fence}");
    let mut lines = page.lines();
    let mut found = Vec::new();
    while lines.by_ref().any(|line| line == opening) {
        found.extend(lines.by_ref().take_while(|line| *line != "```"));
    }
    assert!(found.len() >= 4, "only {} examples between ```{fence} and ```", found.len());
    found
}

fn now() -> Timestamp {
    "2026-03-25T14:52:57Z".parse().unwrap()
}

fn moment(text: &str) -> Result<Timestamp, Code> {
    Moment::from(Text::new(text).unwrap()).resolve("start", now()).map_err(|error| error.code)
}

#[test]
fn every_query_shown_is_understood() {
    for example in examples(QUERY_LANGUAGE, "query") {
        query::parse(example, now()).unwrap_or_else(|error| panic!("{example}: {}", error.text()));
    }
}

#[test]
fn every_query_shown_as_refused_is_refused() {
    for example in examples(QUERY_LANGUAGE, "refused") {
        let error = query::parse(example, now()).expect_err(example);
        assert_eq!(error.code, Code::BadQuery, "{example}");
    }
}

#[test]
fn every_time_shown_is_a_time() {
    for example in examples(ARGUMENTS, "time") {
        moment(example).unwrap_or_else(|code| panic!("{example}: {code:?}"));
    }
}

#[test]
fn every_time_shown_as_refused_is_refused() {
    for example in examples(ARGUMENTS, "no-time") {
        assert_eq!(moment(example), Err(Code::BadTime), "{example}");
    }
}

#[test]
fn every_length_shown_is_a_length() {
    for example in examples(ARGUMENTS, "length") {
        assert!(TimeSpan::parse(example).is_some(), "{example}");
    }
}
