//! `list_indices`: what can be searched, and how fresh it is. Knows the looks; knows no engine and no protocol.

mod entry;

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use self::entry::{Entry, entries};
use crate::{
    answer::{Answer, Cell, Hint, Table},
    dsl::{IndexExpression, IndexStats, ResolveIndex, StatsReply, TrackTotal},
    error::{Code, ToolError},
    look::{Agg, Filter, Found, Look, Partial, ShardFailure},
    params::{Flag, OneOrMany, Scope, Text},
    schema::{Role, Schema},
    tool::{Ask, Context, Output, Step, Told, Tool},
};

/// What can be searched and is it fresh: data streams, aliases and indices (dated ones collapsed), with documents, size,
/// oldest and newest event, lag and detected schema. The first call where you don't know the indices.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct ListIndices {
    #[serde(flatten)]
    scope: Scope,
    /// Names, wildcards. Default all
    pattern: Option<OneOrMany<Text>>,
    #[serde(default)]
    include_hidden: Flag,
}

/// More entries than this are not counted in one call.
const MAX_ENTRIES: usize = 100;

impl Tool for ListIndices {
    const NAME: &'static str = "list_indices";
    const TITLE: &'static str = "List indices";
    const WANTS_SCHEMA: bool = false;
    const UNUSED: &'static [&'static str] = &["around", "window", "service", "level", "query", "filters", "cursor"];
    const OUTPUT: Output =
        Output { columns: &["index", "kind", "members", "docs", "size_bytes", "oldest", "newest", "lag_s", "schema"], sections: &[] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        self.scope.check(context.now, context.settings.max_window_s)?;
        let index = match &self.pattern {
            None => context.index.clone(),
            Some(pattern) => {
                let names: Vec<&str> = pattern.members().iter().map(Text::as_str).collect();
                IndexExpression::parse(&names.join(",")).map_err(|invalid| {
                    ToolError::new(
                        Code::IndexNotAllowed,
                        format!("`pattern`: {invalid}"),
                        "leave `pattern` out to see all that may be searched",
                    )
                })?
            }
        };
        let questions = vec![
            Ask::Resolve(ResolveIndex::new(index.clone(), self.include_hidden.0, true)),
            Ask::Schema(index.clone(), Vec::new()),
            Ask::Stats(IndexStats::new(index.clone())),
        ];
        let is_timed = self.scope.start.is_some() || self.scope.end.is_some();
        Step::ask(questions, move |told, _| survey(&index, is_timed, told))
    }
}

/// Asks for the documents of each entry, once the names are known.
fn survey(index: &IndexExpression, is_timed: bool, told: Vec<Told<'_>>) -> Result<Step, ToolError> {
    let mut told = told.into_iter();
    let mut next =
        || told.next().ok_or_else(|| ToolError::new(Code::Internal, "a reply is missing", "report this; it is a fault of the server"));
    let entries = entries(&next()?.resolved()?);
    let schema = next()?.schema();
    let stats = next()?.stats();
    if entries.is_empty() {
        return Err(ToolError::new(
            Code::UnknownIndex,
            format!("no index, alias or data stream matches `{index}`"),
            "leave `pattern` out to see all that may be searched",
        ));
    }
    // Indices that cannot be read as logs are still listed.
    let (schema, trouble) = match schema {
        Ok(schema) => (schema, None),
        Err(error) => (Arc::new(Schema::unread(index.clone())), Some(error)),
    };
    let sizes = stats.as_ref().ok().map(sizes);
    let left = entries.len().saturating_sub(MAX_ENTRIES);
    let entries: Vec<Entry> = entries.into_iter().take(MAX_ENTRIES).collect();
    // Without the schema there is nothing to look by.
    let counted = if trouble.is_none() { entries.as_slice() } else { &[] };
    let looks: Vec<Ask> = counted.iter().filter_map(|entry| Some(Ask::Look(Box::new(look(entry.target()?, &schema))))).collect();
    let known = Survey { entries, schema, sizes, trouble, left, is_timed };
    Step::ask(looks, move |told, context| known.answer(told, context))
}

fn look(target: IndexExpression, schema: &Arc<Schema>) -> Look {
    let mut look = Look::new(Filter::All, None)
        .total(TrackTotal::Exact)
        .agg("oldest", Agg::Min(Role::Time.into()))
        .agg("newest", Agg::Max(Role::Time.into()));
    look.index = Some(target);
    look.schema = Some(Arc::clone(schema));
    look
}

fn sizes(stats: &StatsReply<'_>) -> BTreeMap<String, u64> {
    let size =
        |name: &str| stats.indices.get(&crate::dsl::Text(name.into())).and_then(|index| index.primaries.store.as_ref()?.size_in_bytes);
    stats.indices.keys().filter_map(|name| Some((name.to_string(), size(name)?))).collect()
}

/// What is known before the documents are counted.
struct Survey {
    entries: Vec<Entry>,
    schema: Arc<Schema>,
    /// Bytes by concrete index; none where statistics may not be read.
    sizes: Option<BTreeMap<String, u64>>,
    /// Why no roles are known, and nothing could be counted.
    trouble: Option<ToolError>,
    left: usize,
    /// A window was given.
    is_timed: bool,
}

impl Survey {
    fn answer(self, told: Vec<Told<'_>>, context: &Context) -> Result<Step, ToolError> {
        let mut told = told.into_iter();
        let mut rows: Vec<(Option<jiff::Timestamp>, Vec<Cell>)> = Vec::with_capacity(self.entries.len());
        let (mut documents, mut uncounted) = (0, Partial::default());
        if let Some(trouble) = &self.trouble {
            uncounted
                .failed_shards
                .push(ShardFailure { index: self.schema.expression.to_string(), reason: trouble.code.as_str().to_owned() });
        }
        for entry in &self.entries {
            let found = entry.target().and_then(|_| told.next()).map(Told::found);
            let found: Option<Found<'_>> = match found {
                Some(Ok(found)) => Some(found),
                Some(Err(error)) => {
                    uncounted.failed_shards.push(ShardFailure { index: entry.name.clone(), reason: error.code.as_str().to_owned() });
                    None
                }
                None => None,
            };
            let newest = found.as_ref().and_then(|found| found.results.time("newest"));
            let oldest = found.as_ref().and_then(|found| found.results.time("oldest"));
            if entry.kind != "alias" {
                documents += found.as_ref().map_or(0, |found| found.total.value);
            }
            let lag = newest.map(|newest| context.now.duration_since(newest).as_secs().max(0));
            rows.push((
                newest,
                vec![
                    Cell::from(entry.name.as_str()),
                    Cell::from(entry.kind_word()),
                    Cell::from(entry.members_text()),
                    found.map_or(Cell::Null, |found| Cell::from(found.total.value)),
                    self.size(entry).map_or(Cell::Null, Cell::from),
                    oldest.map_or(Cell::Null, Cell::from),
                    newest.map_or(Cell::Null, Cell::from),
                    lag.map_or(Cell::Null, Cell::from),
                    Cell::from(self.schema_of(entry)),
                ],
            ));
        }
        rows.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
        let freshest = rows.first().and_then(|(newest, _)| *newest);
        let mut table = Table::new(Self::columns()).truncated(self.left as u64, "size");
        let count = rows.len();
        rows.into_iter().for_each(|(_, row)| table.push(row));
        let is_counted = !uncounted.is_partial();
        let counted = match documents {
            0 if !is_counted => "documents not counted".to_owned(),
            _ => format!("{}{documents} documents", if is_counted { "" } else { "at least " }),
        };
        let newest = match freshest {
            Some(newest) => format!(", newest event {newest}"),
            None if is_counted => ", no event has a time".to_owned(),
            None => String::new(),
        };
        let mut answer = Answer::new(format!("{count} entries, {counted}{newest}")).table(table).partial(&uncounted);
        if self.is_timed {
            answer = answer.note("`start` and `end` do not apply: each entry is counted and dated as a whole");
        }
        if self.sizes.is_none() {
            answer =
                answer.note("sizes are left out: the server's credential may not read index statistics; documents are counted by search");
        }
        if let Some(trouble) = &self.trouble {
            answer = answer.note(format!("{}; {}", trouble.message, trouble.next_step));
        }
        if let Some(newest) = freshest {
            let start = newest.saturating_sub(jiff::SignedDuration::from_hours(1)).unwrap_or(newest);
            let end = newest.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(newest);
            answer = answer.hint(
                Hint::new("get_service_overview", "the last hour that has events")
                    .with("start", start.to_string())
                    .with("end", end.to_string()),
            );
        }
        Step::done(answer)
    }

    fn columns() -> [&'static str; 9] {
        ["index", "kind", "members", "docs", "size_bytes", "oldest", "newest", "lag_s", "schema"]
    }

    fn size(&self, entry: &Entry) -> Option<u64> {
        let sizes = self.sizes.as_ref()?;
        let known: Vec<u64> = entry.indices.iter().filter_map(|name| sizes.get(name).copied()).collect();
        (!known.is_empty()).then(|| known.into_iter().sum())
    }

    fn schema_of(&self, entry: &Entry) -> String {
        let mut names: Vec<String> = self
            .schema
            .groups
            .iter()
            .filter(|group| entry.indices.iter().any(|name| group.indices.binary_search(name).is_ok()))
            .map(|group| format!("{}{}", group.schema_name(), if group.is_spans() { " spans" } else { "" }))
            .collect();
        names.dedup();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{ECS, play, reply};

    #[test]
    fn documents_and_times_come_from_metadata() {
        let found = reply(12, vec![], json!({"oldest": {"value": 1_774_440_000_000.0_f64}, "newest": {"value": 1_774_447_200_000.0_f64}}));
        let played = play("list_indices", json!({}), ECS, [found]);
        insta::assert_snapshot!(played.sent[0], @r#"{"aggs":{"newest":{"max":{"field":"@timestamp"}},"oldest":{"min":{"field":"@timestamp"}}},"query":{"match_all":{}},"size":0,"track_total_hits":true}"#);
        insta::assert_snapshot!(played.text(), @"
        1 entries, 12 documents, newest event 2026-03-25T14:00:00Z
        index	kind	members	docs	size_bytes	oldest	newest	lag_s	schema
        logs-a	index	1	12	1000	2026-03-25T12:00:00Z	2026-03-25T14:00:00Z	3600	ecs
        next: get_service_overview start=2026-03-25T13:00:00Z end=2026-03-25T14:00:01Z — the last hour that has events
        ");
    }

    #[test]
    fn what_could_not_be_counted_is_not_called_empty() {
        let played = play("list_indices", json!({}), ECS, [json!({"status": 429, "error": {"type": "es_rejected_execution_exception"}})]);
        insta::assert_snapshot!(played.text(), @"
        INCOMPLETE: totals are lower bounds; 1 entries, documents not counted
        index	kind	members	size_bytes	schema
        logs-a	index	1	1000	ecs
        incomplete: failed shards: logs-a (cluster_busy)
        ");
    }

    #[test]
    fn a_window_is_told_not_to_apply() {
        let played = play("list_indices", json!({"start": "now-1d"}), ECS, [reply(0, vec![], json!({}))]);
        assert!(played.text().contains("`start` and `end` do not apply"), "{}", played.text());
    }

    #[test]
    fn a_pattern_outside_the_grammar_is_refused() {
        let played = play("list_indices", json!({"pattern": "-logs"}), ECS, []);
        assert_eq!(played.error().code.as_str(), "index_not_allowed");
    }
}
