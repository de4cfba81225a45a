//! `get_log_patterns`: what many lines say, as templates with counts. Knows the looks; knows no engine and no protocol.

mod tally;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;

use self::tally::{Line, Pattern, Slice, tally};
use crate::{
    answer::{Answer, Cell, Hint, Table},
    dsl::TrackTotal,
    error::ToolError,
    look::{Agg, Bucket, Filter, Found, Hit, Key, Look, Order, Total},
    mining::statistics::wilson_interval,
    params::{Bounded, Level, Scope, Top, Window},
    schema::Role,
    tool::{Context, Output, Step, Tool},
};

/// What many lines say: message templates, most frequent first, each with count, share, levels, services and an example.
/// Use it to survey a noisy window; `get_error_summary` for errors alone, `compare_windows` for what changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct GetLogPatterns {
    #[serde(flatten)]
    scope: Scope,
    #[serde(default)]
    top: Top,
    /// Leave out rarer patterns
    min_count: Option<Bounded<1, { u32::MAX }>>,
}

/// Lines fetched at first; most filtered calls need no more. They also tell how long the lines are.
const FIRST_LINES: u32 = 1_000;

/// Lines that templates are mined from at most: Elasticsearch's `index.max_result_window`. The 95 % interval of a share is
/// ±1 % or better with as many.
const MOST_LINES: u32 = 10_000;

/// Bytes of a reply that the lines may fill, with room under the limit of 8 MiB for lines longer than those seen.
const REPLY_BYTES: usize = 5 << 20;

/// What the reply holds of a line besides its message, about.
const BYTES_BESIDE_MESSAGE: usize = 320;

/// Equal parts of the window that the sample is taken from, so that it is not of the last minutes alone.
const SLICES: f64 = 10.0;

/// Characters of a pattern that are shown.
const SHOWN: usize = 200;

/// 95 % of a normal distribution lie within this many standard deviations.
const Z_95: f64 = 1.96;

impl Tool for GetLogPatterns {
    const NAME: &'static str = "get_log_patterns";
    const TITLE: &'static str = "Log patterns";
    const OUTPUT: Output = Output { columns: &["count", "share", "level", "service", "pattern", "example"], sections: &[] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        context.schema.need(&Role::Message.into())?;
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let filter = self.scope.filter(context.now)?.and(Filter::Exists(Role::Message.into()));
        let steps = Agg::TimeHistogram { interval_ms: step_ms(window), window, inner: Vec::new() };
        Step::look(vec![lines(filter.clone(), window, FIRST_LINES).agg("steps", steps)], move |found, context| {
            let Some(first) = found.into_iter().next() else { return Step::done(Answer::new("nothing was asked")) };
            if first.total.value == 0 {
                let answer = Answer::new("no log line matches").window(window).matched(first.total);
                return Step::empty(Self::NAME, answer, Some(window), self.scope.clauses(context.now)?);
            }
            if first.hits.len() as u64 >= first.total.value {
                return self.answer(window, &[first], context);
            }
            let most = affordable(&first.hits);
            let looks = if first.total.value <= u64::from(most) {
                vec![lines(filter, window, most)]
            } else {
                slices(window, &first, most).into_iter().map(|(slice, size)| lines(filter.clone(), slice, size)).collect()
            };
            Step::look(looks, move |found, context| self.answer(window, &found, context))
        })
    }
}

/// The newest lines of a window, counted exactly.
fn lines(filter: Filter, window: Window, size: u32) -> Look {
    Look::new(filter, Some(window)).total(TrackTotal::Exact).page(Order::Newest, 0, size).fetch([
        Role::Message,
        Role::Level,
        Role::Service,
        Role::TraceId,
    ])
}

/// How many lines as long as these fit into a reply.
fn affordable(hits: &[Hit<'_>]) -> u32 {
    let bytes: usize = hits.iter().map(|hit| hit.text(Role::Message).map_or(0, |text| text.len()) + BYTES_BESIDE_MESSAGE).sum();
    let mean = bytes / hits.len().max(1);
    u32::try_from(REPLY_BYTES / mean.max(1)).unwrap_or(MOST_LINES).clamp(FIRST_LINES, MOST_LINES)
}

/// The length of a part of a window.
#[expect(clippy::cast_possible_truncation, reason = "a window is at most days long")]
fn step_ms(window: Window) -> i64 {
    ((window.seconds() * 1_000.0 / SLICES).ceil() as i64).max(1)
}

/// The parts of a window that hold lines, each with its share of so many lines, at least one.
fn slices(window: Window, survey: &Found<'_>, most: u32) -> Vec<(Window, u32)> {
    let steps = survey.results.buckets("steps");
    let start = |bucket: &Bucket<'_>| match bucket.key {
        Key::Time(time) => Some(time.max(window.start())),
        Key::Text(_) | Key::Number(_) | Key::Int(_) | Key::Parts(_) => None,
    };
    let slice = |(at, bucket): (usize, &Bucket<'_>)| {
        let end = steps.get(at + 1).and_then(start).unwrap_or(window.end());
        let size = u64::from(most) * bucket.count / survey.total.value.max(1);
        Some((Window::new(start(bucket)?, end)?, u32::try_from(size).unwrap_or(most).clamp(1, most)))
    };
    steps.iter().enumerate().filter(|(_, bucket)| bucket.count > 0).filter_map(slice).collect()
}

impl GetLogPatterns {
    fn answer(self, window: Window, found: &[Found<'_>], context: &Context) -> Result<Step, ToolError> {
        let total = found.iter().fold(Total::default(), |sum, found| Total {
            value: sum.value + found.total.value,
            at_least: sum.at_least || found.total.at_least,
        });
        let slices: Vec<Slice<'_>> =
            found.iter().map(|found| Slice { total: found.total.value, lines: found.hits.iter().map(line).collect() }).collect();
        let sampled: usize = slices.iter().map(|slice| slice.lines.len()).sum();
        let is_sample = (sampled as u64) < total.value;
        let patterns = tally(&slices);
        let all = patterns.len();
        let least = self.min_count.map_or(0, Bounded::value);
        let kept: Vec<Pattern> = patterns.into_iter().filter(|pattern| pattern.count.round() >= f64::from(least)).collect();
        let top = self.top.value() as usize;
        #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
        let whole = total.value as f64;
        let mut table = Table::new(Self::OUTPUT.columns);
        for pattern in kept.iter().take(top) {
            table.push(row(pattern, whole));
        }
        let shown: f64 = kept.iter().take(top).map(|pattern| pattern.count).sum();
        let left = kept.len().saturating_sub(top);
        let about = if is_sample { "about " } else { "" };
        let more = if total.at_least { "at least " } else { "" };
        let mut summary = format!("{about}{all} patterns in {more}{} log lines", total.value);
        if left > 0 {
            summary.push_str(&format!("; the first {} are {:.0} % of the lines", table.len(), 100.0 * shown / whole.max(1.0)));
        }
        if kept.len() < all {
            summary.push_str(&format!("; {} rarer than {least} left out", all - kept.len()));
        }
        let mut answer = Answer::new(summary).window(window).matched(total).hint(hint(&kept, top));
        if is_sample {
            answer = answer.note(sampling(sampled, total.value));
        }
        for (role, field) in context.schema.shown(&[Role::Message, Role::Service]) {
            answer = answer.field(role, field);
        }
        Step::done(answer.table(table.truncated(left as u64, "top")))
    }
}

/// How the sample was taken, and by how much a share may be off.
#[expect(clippy::cast_precision_loss, reason = "counts of documents")]
fn sampling(sampled: usize, total: u64) -> String {
    let lines = sampled as f64;
    let (low, high) = wilson_interval(lines / 2.0, lines, Z_95);
    // The rule of three: with 95 % confidence, what n draws did not show has a share below 3 / n.
    let missing = (3.0 * total as f64 / lines.max(1.0)).ceil();
    format!(
        "counts are scaled from a sample: {sampled} of {total} lines, the newest of each tenth of the window; shares ±{:.1} % (95 %); \
         a pattern of fewer than {missing} lines may be missing",
        50.0 * (high - low)
    )
}

fn row(pattern: &Pattern, whole: f64) -> Vec<Cell> {
    let names = |names: &[(String, u64)]| Cell::List(names.iter().map(|(name, _)| Cell::from(name)).collect());
    vec![
        Cell::from(pattern.count.round()),
        Cell::from((pattern.count / whole.max(1.0) * 1e4).round() / 1e4),
        names(&pattern.levels),
        names(&pattern.services),
        Cell::from(shortened(&pattern.text)),
        Cell::from(pattern.example.as_deref()),
    ]
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

fn line<'h>(hit: &'h Hit<'_>) -> Line<'h> {
    let text = |role| hit.text(role).unwrap_or(Cow::Borrowed(""));
    Line {
        message: text(Role::Message),
        level: text(Role::Level),
        service: text(Role::Service),
        trace_id: hit.text(Role::TraceId).filter(|id| !id.is_empty()),
        hit,
    }
}

/// The next call: one request that ran into the most frequent error shown.
fn hint(patterns: &[Pattern], top: usize) -> Option<Hint> {
    let is_error =
        |pattern: &&Pattern| pattern.levels.first().and_then(|(word, _)| Level::parse(word)).is_some_and(|level| level >= Level::Error);
    let pattern = patterns.iter().take(top).find(is_error)?;
    let example = pattern.example.clone()?;
    Some(if pattern.has_trace {
        Hint::new("search_by_trace_id", "a request with the most frequent error").with("trace_id", example)
    } else {
        Hint::new("get_logs_in_window", "what surrounds the most frequent error").with("around", example)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::look::{Outcome, Results};
    use crate::testing::{ECS, hit, play, reply};

    fn lines_of(count: usize, message: impl Fn(usize) -> String) -> Vec<Value> {
        let fields =
            |n: usize| json!({"@timestamp": "2026-03-25T14:30:00Z", "message": message(n), "log.level": "INFO", "service.name": "pay"});
        (0..count).map(|n| hit(&n.to_string(), fields(n))).collect()
    }

    #[test]
    fn where_all_lines_fit_counts_are_exact_and_one_search_is_enough() {
        let hits = vec![
            hit("1", json!({"message": "took 12 ms", "log.level": "INFO", "service.name": "pay", "trace.id": "t1"})),
            hit("2", json!({"message": "took 7 ms", "log.level": "WARN", "service.name": "cart"})),
            hit("3", json!({"message": "disk full", "log.level": "ERROR", "service.name": "cart"})),
        ];
        let played = play("get_log_patterns", json!({}), ECS, [reply(3, hits, json!({}))]);
        insta::assert_snapshot!(played.sent[0], @r#"{"_source":false,"aggs":{"steps":{"date_histogram":{"extended_bounds":{"max":1774450799999,"min":1774447200000},"field":"@timestamp","fixed_interval":"360000ms","min_doc_count":0}}},"fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"},"message","log.level","service.name","trace.id"],"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"exists":{"field":"message"}}]}},"size":1000,"sort":[{"@timestamp":{"missing":"_last","numeric_type":"date_nanos","order":"desc","unmapped_type":"date_nanos"}},{"_seq_no":{"order":"desc"}}],"track_total_hits":true}"#);
        let answer = played.structured();
        assert_eq!(answer["summary"], "2 patterns in 3 log lines");
        assert_eq!(answer["rows"][0], json!([2, 0.6667, ["info", "warn"], ["cart", "pay"], "took <*> ms", "t1"]));
        assert_eq!(answer["rows"][1], json!([1, 0.3333, ["error"], ["cart"], "disk full", "logs-a/3"]));
        assert_eq!(answer["hints"][0]["arguments"], json!({"around": "logs-a/3"}));
    }

    /// The tenths of 14:00 to 15:00 that hold lines.
    fn steps(counts: &[(i64, u64)]) -> Value {
        let start: jiff::Timestamp = "2026-03-25T14:00:00Z".parse().unwrap();
        let key = |tenth: i64| start.as_millisecond() + tenth * 360_000;
        let buckets: Vec<Value> = counts.iter().map(|(tenth, count)| json!({"key": key(*tenth), "doc_count": count})).collect();
        json!({"steps": {"buckets": buckets}})
    }

    #[test]
    fn a_large_window_is_sampled_in_tenths_and_says_so() {
        let first = reply(500_000, lines_of(1_000, |n| format!("took {n} ms")), steps(&[(0, 400_000), (1, 0), (2, 100_000)]));
        let busy = reply(400_000, lines_of(80, |n| format!("took {n} ms")), json!({}));
        let calm = reply(100_000, lines_of(20, |n| if n < 5 { "disk full" } else { "cache miss" }.to_owned()), json!({}));
        let played = play("get_log_patterns", json!({}), ECS, [first, busy, calm]);
        let answer = played.structured();
        assert_eq!((&played.sent[1]["size"], &played.sent[2]["size"]), (&json!(8_000), &json!(2_000)));
        // Each tenth speaks for its own lines.
        let counts: Vec<&Value> = answer["rows"].as_array().unwrap().iter().map(|row| &row[0]).collect();
        assert_eq!(counts, [400_000, 75_000, 25_000]);
        assert!(played.text().contains("a sample: 100 of 500000 lines"), "{}", played.text());
        assert!(played.text().contains("±9.6 %"), "{}", played.text());
    }

    #[test]
    fn rare_patterns_are_left_out_and_counted() {
        let hits = lines_of(6, |n| if n == 0 { "disk full".to_owned() } else { format!("took {n} ms") });
        let answer = play("get_log_patterns", json!({"min_count": 2}), ECS, [reply(6, hits, json!({}))]).structured();
        assert_eq!(answer["summary"], "2 patterns in 6 log lines; 1 rarer than 2 left out");
        assert_eq!(answer["totals"]["returned"], 1);
    }

    #[test]
    fn what_the_top_cuts_is_told() {
        let words = ["alpha", "beta gamma", "delta epsilon zeta"];
        let hits = lines_of(3, |n| words[n].to_owned());
        let answer = play("get_log_patterns", json!({"top": 1}), ECS, [reply(3, hits, json!({}))]).structured();
        assert_eq!(answer["summary"], "3 patterns in 3 log lines; the first 1 are 33 % of the lines");
        assert_eq!(answer["truncated"]["left"], 2);
    }

    #[test]
    fn the_sample_shrinks_where_lines_are_long() {
        let first = reply(50_000, lines_of(1_000, |_| "x".repeat(4_000)), steps(&[(0, 50_000)]));
        let played = play("get_log_patterns", json!({}), ECS, [first, reply(50_000, lines_of(1, |_| "x".to_owned()), json!({}))]);
        assert_eq!(played.sent[1]["size"], 1_213);
    }

    #[test]
    fn indices_without_messages_are_told() {
        let played = play("get_log_patterns", json!({}), &[("@timestamp", "date"), ("service.name", "keyword")], []);
        assert_eq!(played.error().code.as_str(), "unknown_field");
    }

    #[test]
    fn slices_begin_where_steps_do_and_end_with_the_window() {
        let time = |text: &str| text.parse().unwrap();
        let window = Window::new(time("2026-03-25T14:00:05Z"), time("2026-03-25T15:00:00Z")).unwrap();
        let step = |start: &str, count: u64| Bucket { key: Key::Time(time(start)), count, results: Results::default() };
        let buckets = vec![step("2026-03-25T14:00:00Z", 3), step("2026-03-25T14:20:00Z", 0), step("2026-03-25T14:40:00Z", 1)];
        let steps = Outcome::Buckets { buckets, other: 0, error_bound: 0, after: None };
        let survey =
            Found { total: Total::exactly(4), results: Results([("steps".to_owned(), steps)].into_iter().collect()), ..Found::default() };
        let slices = slices(window, &survey, 100);
        let ends: Vec<String> = slices.iter().map(|(slice, size)| format!("{} {} {size}", slice.start(), slice.end())).collect();
        assert_eq!(ends, ["2026-03-25T14:00:05Z 2026-03-25T14:20:00Z 75", "2026-03-25T14:40:00Z 2026-03-25T15:00:00Z 25"]);
    }
}
