//! `describe_fields`: which field means what, and what can be done with it. Knows the looks; knows no engine.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Cell, Table},
    dsl::{Caps, FieldCaps, Text as Name},
    error::ToolError,
    look::{Agg, Field, Found, Look},
    params::{Flag, Scope, Text, Top},
    schema::{FieldInfo, Group, Kind, Role, Schema},
    tool::{Ask, Context, Output, Step, Told, Tool},
};

/// The role of each field (time, level, service, trace id, …), its type, unit, share of documents that have it, the name
/// to group by, and its top values. Use `contains` to find a field by a part of its name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct DescribeFields {
    #[serde(flatten)]
    scope: Scope,
    /// Part of a field's name
    contains: Option<Text>,
    /// Show top values
    #[serde(default)]
    with_values: Flag,
    /// Values a field
    #[serde(default)]
    top: Top,
}

/// More fields than this are not listed in one call.
const MAX_FIELDS: usize = 100;

/// Of how many fields values are counted in one call.
const MAX_VALUED: usize = 24;

impl Tool for DescribeFields {
    const NAME: &'static str = "describe_fields";
    const TITLE: &'static str = "Describe fields";
    const OUTPUT: Output = Output { columns: &["role", "field", "type", "unit", "filled", "group_by", "values", "indices"], sections: &[] };

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn ask(self, context: &Context) -> Result<Step, ToolError> {
        self.scope.check(context.now, context.settings.max_window_s)?;
        match &self.contains {
            None => {
                let rows = roles(&context.schema);
                self.with_values(rows, 0, &context.schema, context)
            }
            Some(part) => {
                let pattern = format!("*{}*", part.as_str().replace(['*', ','], ""));
                let question = Ask::Caps(FieldCaps::new(context.index.clone(), vec![pattern], true));
                Step::ask(vec![question], move |told, context| self.named(told, context))
            }
        }
    }
}

/// A field that is shown.
struct Row {
    role: Option<Role>,
    field: Field,
    info: FieldInfo,
    indices: String,
}

/// The fields behind each role; a role that lies in different fields has a row for each.
fn roles(schema: &Schema) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for role in Role::ALL {
        for group in &schema.groups {
            // A mapping may hold hundreds of fields that no document has.
            for info in group.fields(&Field::Role(*role)).iter().filter(|info| info.filled != Some(0.0)) {
                if let Some(known) = rows.iter_mut().find(|row| row.role == Some(*role) && row.info.is_like(info)) {
                    known.indices = joined(&known.indices, group);
                } else {
                    rows.push(Row { role: Some(*role), field: Field::Role(*role), info: info.clone(), indices: joined("", group) });
                }
            }
        }
    }
    if schema.groups.len() == 1 {
        rows.iter_mut().for_each(|row| row.indices.clear());
    }
    rows
}

/// The first index of each group that has a field, and how many more there are.
fn joined(known: &str, group: &Group) -> String {
    let own = shortened(group.indices.iter().map(String::as_str));
    if known.is_empty() { own } else { format!("{known}, {own}") }
}

/// The first of some indices, and how many more there are.
fn shortened<'n>(mut indices: impl Iterator<Item = &'n str>) -> String {
    let first = indices.next().unwrap_or_default();
    match indices.count() {
        0 => first.to_owned(),
        more => format!("{first} +{more}"),
    }
}

/// The indices where a field has a type; empty where that is everywhere.
fn place(types: &BTreeMap<Name<'_>, Caps<'_>>, of_kind: &Caps<'_>, indices: &[Name<'_>]) -> String {
    if let Some(own) = &of_kind.indices {
        return shortened(own.iter().map(|name| &**name));
    }
    let unmapped = types.iter().filter(|(kind, _)| &***kind == "unmapped").filter_map(|(_, caps)| caps.indices.as_ref());
    let without: BTreeSet<&str> = unmapped.flatten().map(|name| &**name).collect();
    if without.is_empty() { String::new() } else { shortened(indices.iter().map(|name| &**name).filter(|name| !without.contains(name))) }
}

impl DescribeFields {
    /// Fields whose name has a part: their types first, then what else is known of them.
    fn named(self, told: Vec<Told<'_>>, context: &Context) -> Result<Step, ToolError> {
        let mut names = Vec::new();
        let mut places: BTreeMap<(String, String), String> = BTreeMap::new();
        for told in told {
            let caps = told.caps()?;
            for (name, types) in &caps.fields {
                let is_shown = |kind: &str, caps: &Caps<'_>| !caps.metadata_field && !matches!(kind, "object" | "nested" | "unmapped");
                let shown: Vec<_> = types.iter().filter(|(kind, caps)| is_shown(kind, caps)).collect();
                if !shown.is_empty() {
                    names.push(name.to_string());
                }
                for (kind, of_kind) in shown {
                    places.insert((name.to_string(), kind.to_string()), place(types, of_kind, &caps.indices));
                }
            }
        }
        names.sort();
        let left = names.len().saturating_sub(MAX_FIELDS);
        names.truncate(MAX_FIELDS);
        let fields: Vec<Field> = names.iter().cloned().map(Field::Named).collect();
        let question = Ask::Schema(context.index.clone(), fields.clone());
        Step::ask(vec![question], move |told, context| {
            let Some(told) = told.into_iter().next() else { return Step::done(Answer::new("no field")) };
            let schema = told.schema()?;
            let mut rows = Vec::new();
            for field in &fields {
                for group in &schema.groups {
                    let Some(info) = group.field(field) else { continue };
                    if rows.iter().all(|row: &Row| row.field != *field || !row.info.is_like(info)) {
                        let role = Role::ALL
                            .iter()
                            .copied()
                            .find(|role| group.fields(&Field::Role(*role)).iter().any(|known| known.name == info.name));
                        let indices = places.get(&(info.name.clone(), info.type_name.clone())).cloned().unwrap_or_default();
                        rows.push(Row { role, field: field.clone(), info: info.clone(), indices });
                    }
                }
            }
            self.with_values(rows, left, &schema, context)
        })
    }

    /// Counts values where asked, then answers.
    fn with_values(self, rows: Vec<Row>, left: usize, schema: &Schema, context: &Context) -> Result<Step, ToolError> {
        if !self.with_values.0 {
            return Step::done(self.answer(&rows, left, None, schema));
        }
        let window = self.scope.window(context.now, context.settings.max_window_s)?;
        let mut look = Look::new(self.scope.filter(context.now)?, Some(window));
        look.schema = Some(std::sync::Arc::new(schema.clone()));
        let mut valued: Vec<&Field> = Vec::new();
        for row in rows.iter().filter(|row| row.info.groupable().is_some() && row.info.kind != Kind::Date && row.info.epoch.is_none()) {
            if valued.len() < MAX_VALUED && !valued.contains(&&row.field) {
                valued.push(&row.field);
                look = look.agg(row.field.name(), Agg::terms(row.field.clone(), self.top.value()));
            }
        }
        let schema = schema.clone();
        Step::look(vec![look], move |found, _| {
            let found = found.into_iter().next();
            let answer = self.answer(&rows, left, found.as_ref(), &schema);
            Step::done(answer.window(window).note("values are those of this window, most frequent first"))
        })
    }

    fn answer(&self, rows: &[Row], left: usize, found: Option<&Found<'_>>, schema: &Schema) -> Answer {
        let mut table =
            Table::new(["role", "field", "type", "unit", "filled", "group_by", "values", "indices"]).truncated(left as u64, "size");
        for row in rows {
            let values = found.map(|found| found.results.buckets(row.field.name())).unwrap_or_default();
            let values: Vec<Cell> = values.iter().map(|bucket| Cell::from(format!("{} ({})", bucket.key.text(), bucket.count))).collect();
            let group_by = match (row.role, row.info.groupable()) {
                (_, None) => Cell::from("no"),
                (Some(role), Some(_)) => Cell::from(role.name()),
                (None, Some(name)) => Cell::from(name),
            };
            table.push(vec![
                row.role.map_or(Cell::Null, |role| Cell::from(role.name())),
                Cell::from(row.info.name.as_str()),
                Cell::from(row.info.type_name.as_str()),
                unit(&row.info).map_or(Cell::Null, Cell::from),
                row.info.filled.map_or(Cell::Null, |filled| Cell::from((filled * 100.0).round() / 100.0)),
                group_by,
                Cell::List(values),
                if row.indices.is_empty() { Cell::Null } else { Cell::from(row.indices.as_str()) },
            ]);
        }
        let indices = schema.indices.len();
        let summary = match &self.contains {
            None => format!("{} fields with a role in {indices} indices of {}", rows.len(), schema.expression),
            Some(part) if rows.is_empty() => format!("no field of {} has `{}` in its name", schema.expression, part.as_str()),
            Some(part) => {
                format!("{} fields with `{}` in their name in {indices} indices of {}", rows.len() + left, part.as_str(), schema.expression)
            }
        };
        let mut answer = Answer::new(summary).table(table);
        if rows.iter().any(|row| row.info.groupable().is_none()) {
            answer = answer.note("`group_by: no` is analysed text: search its words, but it cannot be grouped by or sorted");
        }
        answer
    }
}

/// The unit in which numbers of the field are stored.
fn unit(info: &FieldInfo) -> Option<&'static str> {
    let duration = info.to_ms.map(|to_ms| match to_ms {
        factor if factor < 1e-5 => "ns",
        factor if factor < 1e-2 => "us",
        factor if factor < 1e2 => "ms",
        _ => "s",
    });
    duration.or_else(|| {
        info.epoch.map(|unit| match unit.per_millisecond() {
            per if per < 0.1 => "epoch s",
            per if per < 10.0 => "epoch ms",
            per if per < 1e4 => "epoch us",
            _ => "epoch ns",
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{ECS, play, reply};

    #[test]
    fn every_role_has_its_field_type_and_unit() {
        let played = play("describe_fields", json!({}), ECS, []);
        insta::assert_snapshot!(played.text(), @"
        11 fields with a role in 1 indices of logs-a
        all rows:	filled=1
        role	field	type	unit	group_by
        time	@timestamp	date	-	time
        level	log.level	keyword	-	level
        message	message	text	-	no
        service	service.name	keyword	-	service
        host	host.name	keyword	-	host
        pod	kubernetes.pod.name	keyword	-	pod
        trace_id	trace.id	keyword	-	trace_id
        span_id	span.id	keyword	-	span_id
        path	url.path	keyword	-	path
        status	http.response.status_code	long	-	status
        duration_ms	event.duration	long	ns	duration_ms
        note: `group_by: no` is analysed text: search its words, but it cannot be grouped by or sorted
        ");
    }

    #[test]
    fn values_come_with_their_counts() {
        let values = reply(10, vec![], json!({"service": {"buckets": [{"key": "pay", "doc_count": 7}]}}));
        let played = play("describe_fields", json!({"with_values": true}), ECS, [values]);
        assert!(played.text().contains("pay (7)"), "{}", played.text());
    }

    #[test]
    fn a_part_of_a_name_finds_fields_of_any_role() {
        let played = play("describe_fields", json!({"contains": "status"}), ECS, []);
        assert_eq!(played.structured()["rows"].as_array().unwrap().len(), 1);
        let played = play("describe_fields", json!({"contains": "nothing_like_it"}), ECS, []);
        assert!(played.text().starts_with("no field of"), "{}", played.text());
    }
}
