//! Finds out which field plays which role: one `_field_caps`, then one sample. Asks an engine; knows no tool.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Candidate, EpochUnit, FieldInfo, Group, Kind, Reading, Role, Schema,
    names::{candidate_names, other_form, portions, with_parents},
};
use crate::{
    dsl::{
        Aggregation, AggregationKind, CapsReply, FieldCaps, IndexExpression, Inner, ItemReply, MsearchReply, Query, Request, Scalar,
        Search, TrackTotal,
    },
    engine::{Engine, EngineError, EngineErrorKind},
    error::ToolError,
    join::join_all,
    params::Level,
};

/// More kinds of indices than this are not sampled one by one: the rest go by the order of candidates alone.
const MAX_SAMPLED: usize = 24;

/// Documents that a shard looks at for a sample.
const SAMPLE_DOCUMENTS: u32 = 2_000;

/// Of a large group, this many of its last indices (by name: the newest of dated families) are sampled.
const SAMPLED_INDICES: usize = 4;

/// The types of one field: type name, whether it has doc values, and where (everywhere when none).
type Types = Vec<(String, bool, Option<BTreeSet<String>>)>;

/// Detects the roles of the fields of `expression`; `names` are fields that a caller named besides.
///
/// # Errors
/// `unknown_index` when the expression names nothing, and whatever the engine fails with.
pub async fn detect(
    engine: &dyn Engine,
    expression: &IndexExpression,
    names: &[String],
    overrides: &[(Role, String)],
    time_limit: Duration,
) -> Result<Schema, ToolError> {
    let mut wanted = candidate_names(overrides);
    names.iter().for_each(|name| with_parents(name, &mut wanted));
    wanted.sort();
    wanted.dedup();
    let (indices, mut types) = ask_types(engine, expression, &wanted, false, time_limit).await?;
    if indices.is_empty() {
        return Err(EngineError::new(EngineErrorKind::UnknownIndex, "no index").about(expression.to_string()).into());
    }
    let mut further: Vec<String> = Vec::new();
    for (name, found) in &types {
        further.extend(found.iter().filter_map(|(type_name, ..)| other_form(name, Kind::of(type_name))));
    }
    if indices.len() > 1 {
        // Which of several candidates an index has is only told with `include_unmapped`.
        for role in Role::ALL {
            let there: Vec<&str> =
                role.candidates().iter().map(|candidate| candidate.name).filter(|name| types.contains_key(*name)).collect();
            if there.len() > 1 {
                further.extend(there.into_iter().map(str::to_owned));
            }
        }
    }
    further.sort();
    further.dedup();
    if !further.is_empty() {
        let (_, more) = ask_types(engine, expression, &further, indices.len() > 1, time_limit).await?;
        types.extend(more);
    }
    let known = Known { types, names, overrides };
    let mut groups = known.groups(&indices);
    sample(engine, expression, &mut groups, indices.len(), time_limit).await?;
    let groups = settle(groups, names);
    let mut notes = Vec::new();
    let timeless: Vec<&str> =
        groups.iter().filter(|group| !group.has_time()).flat_map(|group| group.indices.iter().map(String::as_str)).collect();
    if !timeless.is_empty() && timeless.len() < indices.len() {
        let shown: Vec<&str> = timeless.iter().copied().take(3).collect();
        notes.push(format!(
            "left out, because they have no field of time: {} of {} indices ({}…)",
            timeless.len(),
            indices.len(),
            shown.join(", ")
        ));
    }
    Ok(Schema { expression: expression.clone(), indices, groups, notes, looked_up: names.to_vec() })
}

/// Asks for the types of fields, in as many portions as the request line needs, side by side.
async fn ask_types(
    engine: &dyn Engine,
    expression: &IndexExpression,
    names: &[String],
    include_unmapped: bool,
    time_limit: Duration,
) -> Result<(Vec<String>, BTreeMap<String, Types>), ToolError> {
    let requests: Vec<Request> = portions(names)
        .into_iter()
        .map(|portion| Request::FieldCaps(FieldCaps::new(expression.clone(), portion, include_unmapped)))
        .collect();
    let replies = join_all(requests.iter().map(|request| engine.send(request, time_limit)).collect()).await;
    let mut indices = BTreeSet::new();
    let mut types: BTreeMap<String, Types> = BTreeMap::new();
    for reply in replies {
        let reply = reply?;
        let caps: CapsReply<'_> = serde_json::from_slice(&reply.body).map_err(|error| bad_reply(&error))?;
        indices.extend(caps.indices.iter().map(|name| name.to_string()));
        for (name, by_type) in &caps.fields {
            let unmapped: BTreeSet<&str> = by_type
                .iter()
                .filter(|(kind, _)| &***kind == "unmapped")
                .flat_map(|(_, caps)| caps.indices.iter().flatten())
                .map(|name| &**name)
                .collect();
            let mut found = Types::new();
            for (type_name, caps) in by_type.iter().filter(|(kind, caps)| &***kind != "unmapped" && !caps.metadata_field) {
                let place = match &caps.indices {
                    Some(list) => Some(list.iter().map(|name| name.to_string()).collect()),
                    None if unmapped.is_empty() => None,
                    None => Some(caps_places(&caps_names(&indices), &unmapped)),
                };
                found.push((type_name.to_string(), caps.aggregatable, place));
            }
            if !found.is_empty() {
                types.insert(name.to_string(), found);
            }
        }
    }
    Ok((indices.into_iter().collect(), types))
}

fn caps_names(indices: &BTreeSet<String>) -> Vec<&str> {
    indices.iter().map(String::as_str).collect()
}

fn caps_places(indices: &[&str], unmapped: &BTreeSet<&str>) -> BTreeSet<String> {
    indices.iter().filter(|name| !unmapped.contains(**name)).map(|name| (*name).to_owned()).collect()
}

fn bad_reply(error: &serde_json::Error) -> ToolError {
    EngineError::new(EngineErrorKind::BadReply, error.to_string()).into()
}

/// What `_field_caps` told.
struct Known<'a> {
    types: BTreeMap<String, Types>,
    names: &'a [String],
    overrides: &'a [(Role, String)],
}

impl Known<'_> {
    /// One group for each distinct set of candidates that an index has; every candidate still in it.
    fn groups(&self, indices: &[String]) -> Vec<Group> {
        let mut by_shape: BTreeMap<String, Group> = BTreeMap::new();
        for index in indices {
            let mut group = Group { indices: vec![index.clone()], ..Group::default() };
            let mut shape = String::new();
            for role in Role::ALL {
                let fields = self.fields_of(*role, index);
                for field in &fields {
                    shape.push_str(&field.name);
                    shape.push(':');
                    shape.push_str(field.kind.word());
                    shape.push(if field.keyword.is_some() { '+' } else { ' ' });
                }
                if !fields.is_empty() {
                    group.roles.insert(*role, fields);
                }
            }
            for name in self.names.iter().map(String::as_str).chain(["ecs.version"]) {
                if let Some(field) = self.field(name, index) {
                    shape.push_str(&field.name);
                    shape.push_str(field.kind.word());
                    group.named.insert(name.to_owned(), field);
                }
            }
            match by_shape.get_mut(&shape) {
                Some(known) => known.indices.push(index.clone()),
                None => {
                    by_shape.insert(shape, group);
                }
            }
        }
        let mut groups: Vec<Group> = by_shape.into_values().collect();
        groups.sort_by(|a, b| b.indices.len().cmp(&a.indices.len()).then_with(|| a.indices.cmp(&b.indices)));
        groups
    }

    fn fields_of(&self, role: Role, index: &str) -> Vec<FieldInfo> {
        if let Some((_, name)) = self.overrides.iter().find(|(fixed, _)| *fixed == role)
            && let Some(mut field) = self.field(name, index)
        {
            let reading =
                role.candidates().iter().find(|candidate| candidate.name == name).map_or(Reading::Plain, |candidate| candidate.reading);
            read_as(role, reading, &mut field);
            return vec![field];
        }
        role.candidates()
            .iter()
            .filter_map(|Candidate { name, reading }| {
                let mut field = self.field(name, index)?;
                read_as(role, *reading, &mut field).then_some(field)
            })
            .collect()
    }

    /// A field of one index, with its other form.
    fn field(&self, name: &str, index: &str) -> Option<FieldInfo> {
        let of = |name: &str| self.types.get(name)?.iter().find(|(_, _, place)| place.as_ref().is_none_or(|place| place.contains(index)));
        let Some((type_name, aggregatable, _)) = of(name) else {
            // A key of a `flattened` field has no entry of its own.
            let mut rest = name;
            while let Some((parent, _)) = rest.rsplit_once('.') {
                if let Some((type_name, ..)) = of(parent)
                    && matches!(type_name.as_str(), "flattened" | "flat_object")
                {
                    return Some(FieldInfo::new(name, type_name.clone(), true));
                }
                rest = parent;
            }
            return None;
        };
        let mut field = FieldInfo::new(name, type_name.clone(), *aggregatable);
        if let Some(other) = other_form(name, field.kind)
            && let Some((other_type, aggregatable, _)) = of(&other)
        {
            match Kind::of(other_type) {
                Kind::Keyword if *aggregatable => field.keyword = Some(other),
                Kind::Text => field.text = Some(other),
                _ => {}
            }
        }
        Some(field)
    }
}

/// Applies a candidate's reading; false when the field's type does not fit the role.
fn read_as(role: Role, reading: Reading, field: &mut FieldInfo) -> bool {
    match reading {
        Reading::Plain => field.kind != Kind::Other && (role != Role::Time || field.kind == Kind::Date),
        Reading::Words => field.kind.is_words(),
        Reading::Numeric => field.kind.is_number(),
        Reading::Duration(to_ms) => {
            field.to_ms = Some(to_ms);
            field.kind.is_number()
        }
        Reading::DurationByFamily => {
            field.to_ms = Some(0.0);
            field.kind.is_number()
        }
        Reading::Epoch(unit) => {
            if field.kind.is_number() {
                field.epoch = Some(unit);
            }
            field.kind == Kind::Date || field.kind.is_number()
        }
        Reading::Severity(scale) => {
            if field.kind.is_number() {
                field.level_scale = Some(scale);
            }
            field.kind.is_words() || field.kind.is_number()
        }
    }
}

/// Looks at documents of each group: which candidates have values, and how large numbers are.
async fn sample(
    engine: &dyn Engine,
    expression: &IndexExpression,
    groups: &mut [Group],
    index_count: usize,
    time_limit: Duration,
) -> Result<(), ToolError> {
    let searches: Vec<Search> = groups.iter().take(MAX_SAMPLED).map(|group| sample_search(expression, group, index_count)).collect();
    let request = Request::Msearch(searches);
    let reply = engine.send(&request, time_limit).await?;
    let reply: MsearchReply<'_> = serde_json::from_slice(&reply.body).map_err(|error| bad_reply(&error))?;
    for (group, item) in groups.iter_mut().zip(&reply.responses) {
        // A group whose sample fails goes by the order of its candidates.
        let ItemReply::Answered(found) = item else { continue };
        let total = found.hits.total.as_ref().map_or(0, |total| total.value);
        for fields in group.roles.values_mut() {
            for field in fields {
                apply_sample(field, &found.aggregations, total);
            }
        }
        let unreliable = |field: &FieldInfo| {
            field.name == "status"
                && found.aggregations.get(&key("words")).is_some_and(|words| {
                    !words.buckets.iter().any(|bucket| matches!(&bucket.key, crate::dsl::Key::Text(text) if Level::parse(text).is_some()))
                })
        };
        if let Some(levels) = group.roles.get_mut(&Role::Level) {
            levels.retain(|field| !unreliable(field));
        }
    }
    Ok(())
}

fn key(name: &str) -> crate::dsl::Text<'_> {
    crate::dsl::Text(std::borrow::Cow::Borrowed(name))
}

fn sample_search(expression: &IndexExpression, group: &Group, index_count: usize) -> Search {
    let last = group.indices.iter().rev().take(SAMPLED_INDICES);
    let query = if index_count == 1 {
        Query::All
    } else {
        Query::Terms { field: "_index".to_owned(), values: last.map(|name| Scalar::from(name.as_str())).collect() }
    };
    let mut exists: Vec<(String, Query)> = Vec::new();
    let mut search = Vec::new();
    for field in group.roles.values().flatten() {
        if exists.iter().all(|(name, _)| *name != field.name) {
            exists.push((field.name.clone(), Query::Exists { field: field.name.clone() }));
        }
        if field.epoch == Some(EpochUnit::Auto) || field.to_ms == Some(0.0) {
            search.push((format!("max {}", field.name), Aggregation::new(AggregationKind::Max(field.name.clone()))));
        }
        if field.name == "status"
            && let Some(name) = field.groupable()
            && field.kind.is_words()
        {
            let terms = AggregationKind::Terms {
                field: name.to_owned(),
                size: 5,
                shard_size: None,
                order: crate::dsl::TermsOrder::Count,
                include: None,
            };
            search.push(("words".to_owned(), Aggregation::new(terms)));
        }
    }
    search.push(("filled".to_owned(), Aggregation::new(AggregationKind::Filters(exists))));
    Search::new(expression.clone(), query).terminate_after(SAMPLE_DOCUMENTS).track_total(TrackTotal::Exact).aggregations(search)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a small sample")]
fn apply_sample(field: &mut FieldInfo, found: &Inner<'_>, total: u64) {
    let bucket = found.get(&key("filled")).and_then(|filled| {
        filled.buckets.iter().find(|bucket| matches!(&bucket.key, crate::dsl::Key::Text(name) if **name == *field.name))
    });
    field.filled = bucket.filter(|_| total > 0).map(|bucket| bucket.doc_count as f64 / total as f64);
    let max = found.get(&key(&format!("max {}", field.name))).and_then(|max| max.value);
    if field.epoch == Some(EpochUnit::Auto) {
        field.epoch = Some(max.map_or(EpochUnit::Millis, EpochUnit::of));
    }
    if field.to_ms == Some(0.0) {
        field.to_ms = Some(duration_unit(field, max, found));
    }
}

/// The unit of a field called just `duration`: nanoseconds beside OpenTelemetry's span fields, microseconds beside
/// Jaeger's, seconds where it has fractions, otherwise milliseconds unless the values are far too large for that.
fn duration_unit(field: &FieldInfo, max: Option<f64>, found: &Inner<'_>) -> f64 {
    let has = |name: &str| {
        found.get(&key("filled")).is_some_and(|filled| {
            filled
                .buckets
                .iter()
                .any(|bucket| bucket.doc_count > 0 && matches!(&bucket.key, crate::dsl::Key::Text(text) if **text == *name))
        })
    };
    if has("span_id") || has("parent_span_id") || has("resource.attributes.service.name") {
        1e-6
    } else if has("spanID") || has("traceID") {
        1e-3
    } else if field.kind == Kind::Float {
        1e3
    } else if max.is_some_and(|max| max > 1e9) {
        1e-6
    } else {
        1.0
    }
}

/// Chooses one field a role, then joins groups that now agree.
fn settle(groups: Vec<Group>, names: &[String]) -> Vec<Group> {
    let mut settled: Vec<Group> = Vec::new();
    for mut group in groups {
        for (role, fields) in &mut group.roles {
            choose(*role, fields);
        }
        group.roles.retain(|_, fields| !fields.is_empty());
        group.named.retain(|name, _| name == "ecs.version" || names.contains(name));
        match settled.iter_mut().find(|known| known.has_time() == group.has_time() && known.agrees_with(&group)) {
            Some(known) => known.absorb(group),
            None => settled.push(group),
        }
    }
    settled.sort_by(|a, b| b.indices.len().cmp(&a.indices.len()).then_with(|| a.indices.cmp(&b.indices)));
    settled
}

/// The first candidate that has at least a tenth of the values of the best one. An APM span's and a transaction's
/// fields are a pair: a document has either.
fn choose(role: Role, fields: &mut Vec<FieldInfo>) {
    let filled = |field: &FieldInfo| field.filled.unwrap_or(0.0);
    let best = fields.iter().map(filled).fold(0.0, f64::max);
    let Some(winner) = fields.iter().position(|field| best == 0.0 || filled(field) * 10.0 >= best) else { return };
    let is_pair = |name: &str| name.starts_with("span.") || name.starts_with("transaction.");
    let paired =
        matches!(role, Role::SpanId | Role::SpanName | Role::Duration) && fields.get(winner).is_some_and(|field| is_pair(&field.name));
    let mut index = 0;
    fields.retain(|field| {
        let keep = index == winner || (paired && index > winner && is_pair(&field.name) && filled(field) > 0.0);
        index += 1;
        keep
    });
}
