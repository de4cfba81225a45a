//! `aggregate_logs`: a metric over groups or over time. Knows the looks; knows no engine and no protocol.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Cell, Row, Section, Table},
    dsl::{EXACT_DISTINCT, TrackTotal},
    error::{Code, ToolError},
    look::{Agg, Bucket, EXACT_CARDINALITY, Field, Filter, Found, Key, Look, Results},
    params::{OneOrMany, Scope, Text, TimeSpan, Top, Window},
    schema::Kind,
    tool::{Context, Output, Step, Tool},
};

/// Computes one metric over matching documents: a number, a table by up to three fields, or a series over time. What the
/// top rows leave out is always shown. Use it for exact counts and custom breakdowns; `get_service_overview` for health,
/// `analyze_latency` for latency.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct AggregateLogs {
    #[serde(flatten)]
    scope: Scope,
    /// rate is a minute's. Default count
    #[serde(default)]
    metric: Metric,
    /// What the metric is of: duration_ms or any field
    field: Option<Text>,
    /// Up to three roles or fields
    group_by: Option<OneOrMany<Text>>,
    /// Length of a step, like 1m: a series
    interval: Option<TimeSpan>,
    /// Groups a level
    #[serde(default)]
    top: Top,
}

/// What is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Metric {
    #[default]
    Count,
    Rate,
    #[serde(alias = "average", alias = "mean")]
    Avg,
    Sum,
    Min,
    Max,
    P50,
    P90,
    P95,
    P99,
    #[serde(alias = "distinct", alias = "unique")]
    Cardinality,
}

/// At most this many buckets in all.
const MAX_BUCKETS: u64 = 1_000;

impl Metric {
    fn percent(self) -> Option<f64> {
        match self {
            Self::P50 => Some(50.0),
            Self::P90 => Some(90.0),
            Self::P95 => Some(95.0),
            Self::P99 => Some(99.0),
            Self::Count | Self::Rate | Self::Avg | Self::Sum | Self::Min | Self::Max | Self::Cardinality => None,
        }
    }

    fn agg(self, field: Field) -> Option<Agg> {
        match self {
            Self::Count | Self::Rate => None,
            Self::Avg => Some(Agg::Avg(field)),
            Self::Sum => Some(Agg::Sum(field)),
            Self::Min => Some(Agg::Min(field)),
            Self::Max => Some(Agg::Max(field)),
            Self::Cardinality => Some(Agg::Cardinality(field)),
            Self::P50 | Self::P90 | Self::P95 | Self::P99 => self.percent().map(|percent| Agg::Percentiles(field, vec![percent])),
        }
    }
}

impl Tool for AggregateLogs {
    const NAME: &'static str = "aggregate_logs";
    const TITLE: &'static str = "Aggregate logs";
    const OUTPUT: Output = Output { columns: &["time", "value", "count"], sections: &["other"] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn fields(&self) -> Vec<Field> {
        self.groups().into_iter().chain(self.of()).collect()
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let groups = self.checked_groups(context)?;
        let metric = self.metric_agg(context)?;
        let steps = self.steps(window, groups.len())?;
        // Innermost first: the metric, inside the steps of time, inside the groups.
        let mut inner: Vec<(String, Agg)> = metric.into_iter().map(|agg| ("value".to_owned(), agg)).collect();
        if let Some(interval_ms) = steps {
            inner = vec![("by".to_owned(), Agg::TimeHistogram { interval_ms, window, inner })];
        }
        for field in groups.iter().rev() {
            let mut agg = Agg::terms(field.clone(), self.top.value());
            for (name, inside) in inner {
                agg = agg.with(name, inside);
            }
            inner = vec![("by".to_owned(), agg)];
        }
        let mut look = Look::new(self.scope.filter(context.now)?, Some(window)).total(TrackTotal::Exact);
        look.aggs = inner;
        if !groups.is_empty() {
            look = look.agg("grouped", Agg::Filter(Filter::Groupable(groups.clone()), Vec::new()));
        }
        Step::look(vec![look], move |found, context| self.answer(window, &groups, found, context))
    }
}

impl AggregateLogs {
    fn groups(&self) -> Vec<Field> {
        self.group_by.as_ref().map(|names| names.members().iter().map(|name| Field::parse(name.as_str())).collect()).unwrap_or_default()
    }

    fn of(&self) -> Option<Field> {
        self.field.as_ref().map(|name| Field::parse(name.as_str()))
    }

    fn checked_groups(&self, context: &Context) -> Result<Vec<Field>, ToolError> {
        let groups = self.groups();
        if groups.len() > 3 {
            return Err(ToolError::new(Code::BadArgument, format!("`group_by` names {} fields", groups.len()), "name at most three"));
        }
        groups.iter().try_for_each(|field| context.schema.need_groupable(field))?;
        Ok(groups)
    }

    fn metric_agg(&self, context: &Context) -> Result<Option<Agg>, ToolError> {
        match (self.metric, self.of()) {
            (Metric::Count | Metric::Rate, None) => Ok(None),
            (Metric::Count | Metric::Rate, Some(field)) => Err(ToolError::new(
                Code::BadArgument,
                format!("`count` and `rate` are of documents; `field` is `{}`", field.name()),
                "leave `field` out, or filter by it: filters=[{field, op: exists}]",
            )),
            (_, None) => Err(ToolError::new(
                Code::BadArgument,
                "this metric needs a `field`",
                "name one, such as field=duration_ms; describe_fields shows which are numbers",
            )),
            (metric, Some(field)) => {
                context.schema.need_groupable(&field)?;
                if metric != Metric::Cardinality {
                    context.schema.need_quantity(&field)?;
                }
                Ok(metric.agg(field))
            }
        }
    }

    /// The length of a step in milliseconds; refused where there would be too many buckets.
    fn steps(&self, window: Window, levels: usize) -> Result<Option<i64>, ToolError> {
        let Some(interval) = self.interval else { return Ok(None) };
        #[expect(clippy::cast_possible_truncation, reason = "a window is at most days long")]
        let interval_ms = (interval.milliseconds() as i64).max(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a window is at most days long")]
        let steps = (window.seconds() * 1_000.0 / interval_ms as f64).ceil() as u64;
        let groups = u64::from(self.top.value()).saturating_pow(u32::try_from(levels).unwrap_or(3));
        if steps.saturating_mul(groups) > MAX_BUCKETS {
            return Err(ToolError::new(
                Code::BadArgument,
                format!("{steps} steps of time for each of up to {groups} groups are more than {MAX_BUCKETS} buckets"),
                "use a longer `interval`, a shorter window, or a smaller `top`",
            ));
        }
        Ok(Some(interval_ms))
    }

    fn answer(self, window: Window, groups: &[Field], found: Vec<Found<'_>>, context: &Context) -> Result<Step, ToolError> {
        let Some(found) = found.into_iter().next() else { return Step::done(Answer::new("nothing was asked")) };
        let mut columns: Vec<String> = groups.iter().map(|field| field.name().to_owned()).collect();
        columns.extend(self.interval.map(|_| "time".to_owned()));
        columns.push("value".to_owned());
        let counted = matches!(self.metric, Metric::Count);
        if !counted {
            columns.push("count".to_owned());
        }
        let mut table = Table::new(columns);
        let step_minutes = self.interval.map_or(window.seconds() / 60.0, |interval| interval.milliseconds() / 60_000.0);
        let is_moment = self.of().is_some_and(|field| {
            context.schema.groups.iter().filter_map(|group| group.field(&field)).all(|info| info.kind == Kind::Date || info.epoch.is_some())
        });
        let mut rows = Walk {
            metric: self.metric,
            is_moment,
            minutes: step_minutes,
            counted,
            table: &mut table,
            other: 0,
            error_bound: 0,
            groups: 0,
            distinct: 0.0,
        };
        let depth = groups.len() + usize::from(self.interval.is_some());
        rows.walk(&found.results, found.total.value, &mut Vec::new(), depth);
        let (other, error_bound, left_groups, distinct) = (rows.other, rows.error_bound, rows.groups, rows.distinct);
        let summary = self.summary(groups, &found);
        let mut answer = Answer::new(summary).window(window).matched(found.total);
        if !groups.is_empty() {
            answer = answer.section(Section::object(
                "other",
                [("count", Cell::from(other)), ("error_bound", Cell::from(error_bound)), ("full_levels", Cell::from(left_groups))],
            ));
        }
        let mut answer = answer.table(table);
        if let [grouped] = found.results.buckets("grouped") {
            let without = found.total.value.saturating_sub(grouped.count);
            let names: Vec<&str> = groups.iter().map(Field::name).collect();
            if without > 0 {
                answer = answer.note(format!("{without} documents are in no group: no {} to group by", names.join(" or ")));
            }
        }
        let ungrouped = groups.iter().filter_map(|field| context.schema.lacking(field, |info| info.groupable().is_some()));
        let unmeasured = self.of().filter(|_| self.metric != Metric::Cardinality);
        let unmeasured = unmeasured.and_then(|field| context.schema.lacking(&field, |info| info.kind.is_quantity()));
        answer = ungrouped.chain(unmeasured).fold(answer, Answer::note);
        answer = self.inexact(distinct, context).into_iter().fold(answer, Answer::note);
        if found.total.value == 0 {
            return Step::empty(Self::NAME, answer, Some(window), self.scope.clauses(context.now)?);
        }
        Step::done(answer)
    }

    /// What the largest of the numbers of distinct values is not.
    fn inexact(&self, distinct: f64, context: &Context) -> Option<String> {
        let field = self.of().filter(|_| self.metric == Metric::Cardinality)?;
        let fields = context.schema.groups.iter().filter_map(|group| group.field(&field));
        let several = fields.filter(|info| info.groupable().is_some()).count() > 1;
        if several && distinct > f64::from(EXACT_CARDINALITY) {
            Some(format!(
                "numbers above {EXACT_CARDINALITY} are lower bounds: the indices name their fields in several ways, and values that both have would count twice"
            ))
        } else if distinct > f64::from(EXACT_DISTINCT) {
            Some(format!("numbers above {EXACT_DISTINCT} are the engine's estimates, mostly within a few percent"))
        } else {
            None
        }
    }

    fn summary(&self, groups: &[Field], found: &Found<'_>) -> String {
        let metric = format!("{:?}", self.metric).to_lowercase();
        let of = self.of().map_or(String::new(), |field| format!(" of {}", field.name()));
        let by = if groups.is_empty() {
            String::new()
        } else {
            format!(" by {}", groups.iter().map(Field::name).collect::<Vec<_>>().join(", "))
        };
        format!("{metric}{of}{by} over {} documents", found.total)
    }
}

/// Walks nested buckets and writes a row for each innermost one.
struct Walk<'t> {
    metric: Metric,
    /// The metric is of moments.
    is_moment: bool,
    minutes: f64,
    counted: bool,
    table: &'t mut Table,
    other: u64,
    error_bound: u64,
    groups: u64,
    /// The largest value.
    distinct: f64,
}

impl Walk<'_> {
    fn walk(&mut self, results: &Results<'_>, count: u64, path: &mut Vec<Cell>, depth: usize) {
        if depth == 0 {
            let mut row = Row::with_capacity(path.len() + 2);
            row.extend_from_slice(path);
            row.push(self.value(results, count));
            self.distinct = self.distinct.max(results.number("value").unwrap_or(0.0));
            if !self.counted {
                row.push(Cell::from(count));
            }
            self.table.push(row);
            return;
        }
        let (other, error_bound) = results.other("by");
        self.other += other;
        self.error_bound = self.error_bound.max(error_bound);
        self.groups += u64::from(other > 0);
        for Bucket { key, count, results } in results.buckets("by") {
            path.push(match key {
                Key::Time(time) => Cell::from(*time),
                Key::Int(number) => Cell::Int(*number),
                Key::Number(number) => Cell::from(*number),
                Key::Text(_) | Key::Parts(_) => Cell::from(key.text()),
            });
            self.walk(results, *count, path, depth - 1);
            path.pop();
        }
    }

    fn value(&self, results: &Results<'_>, count: u64) -> Cell {
        #[expect(clippy::cast_precision_loss, reason = "counts of documents")]
        let rate = count as f64 / self.minutes.max(f64::MIN_POSITIVE);
        match self.metric {
            Metric::Count => Cell::from(count),
            Metric::Rate => Cell::from(rate),
            metric => match metric.percent() {
                Some(percent) => results.percentile("value", percent).map_or(Cell::Null, Cell::from),
                None if self.is_moment && !matches!(metric, Metric::Cardinality | Metric::Sum) => {
                    results.time("value").map_or(Cell::Null, Cell::from)
                }
                None => results.number("value").map_or(Cell::Null, Cell::from),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{ECS, play, reply};

    fn check(arguments: Value, aggregations: Value) -> Value {
        play("aggregate_logs", arguments, ECS, [reply(10, Vec::new(), aggregations)]).structured()
    }

    #[test]
    fn a_count_needs_nothing_but_the_total() {
        let answer = check(json!({}), json!({}));
        assert_eq!(answer["rows"], json!([[10]]));
        assert_eq!(answer["totals"]["matched"], 10);
    }

    #[test]
    fn what_the_top_leaves_out_is_shown() {
        let buckets = json!({"by": {"sum_other_doc_count": 3, "doc_count_error_upper_bound": 1, "buckets": [
            {"key": "a", "doc_count": 5}, {"key": "b", "doc_count": 2}]}});
        let answer = check(json!({"group_by": "service", "top": 2}), buckets);
        assert_eq!(answer["columns"], json!(["service", "value"]));
        assert_eq!(answer["rows"], json!([["a", 5], ["b", 2]]));
        assert_eq!(answer["other"]["count"], 3);
        assert_eq!(answer["other"]["error_bound"], 1);
    }

    #[test]
    fn one_search_counts_exactly_inside_the_window() {
        let played =
            play("aggregate_logs", json!({"metric": "p95", "field": "duration_ms", "service": "pay"}), ECS, [reply(7, vec![], json!({}))]);
        insta::assert_snapshot!(played.sent[0], @r#"{"aggs":{"value":{"percentiles":{"field":"event.duration","keyed":false,"percents":[95.0],"tdigest":{"compression":1000}}}},"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","gte":"2026-03-25T14:00:00Z","lt":"2026-03-25T15:00:00Z"}}},{"term":{"service.name":{"value":"pay"}}}]}},"size":0,"track_total_hits":true}"#);
    }

    #[test]
    fn durations_are_milliseconds_whatever_is_stored() {
        let answer = check(json!({"metric": "max", "field": "duration_ms"}), json!({"value": {"value": 2_500_000.0}}));
        assert_eq!(answer["rows"], json!([[2.5, 10]]));
    }

    #[test]
    fn distinct_values_beyond_what_an_engine_counts_are_called_an_estimate() {
        let of = |value: f64| {
            check(json!({"metric": "cardinality", "field": "trace_id"}), json!({"value": {"value": value}}))["notes"].to_string()
        };
        assert!(of(3_001.0).contains("numbers above 3000 are the engine's estimates"), "{}", of(3_001.0));
        assert_eq!(of(3_000.0), "null");
    }

    #[test]
    fn a_text_field_cannot_be_grouped_by() {
        let played = play("aggregate_logs", json!({"group_by": "message"}), ECS, []);
        assert_eq!(played.error().code.as_str(), "field_not_groupable");
        assert!(played.error().next_step.contains("service"));
    }

    #[test]
    fn too_many_buckets_are_refused() {
        let played = play("aggregate_logs", json!({"group_by": ["service", "host"], "interval": "1m", "top": 10}), ECS, []);
        assert_eq!(played.error().code.as_str(), "bad_argument");
    }
}
