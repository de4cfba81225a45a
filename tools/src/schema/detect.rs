//! Finds out which field plays which role: one `_field_caps`, then one sample. Asks an engine; knows no tool.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Candidate, FieldInfo, Group, Kind, Reading, Role, Schema,
    names::{candidate_names, other_form, portions, with_parents},
    sample::sample,
};
use crate::{
    dsl::{CapsReply, FieldCaps, IndexExpression, Request, ResolveIndex, ResolveReply},
    engine::{Engine, EngineError, EngineErrorKind},
    error::ToolError,
    join::join_all,
};

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
        return Err(absence(engine, expression, time_limit).await.into());
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

/// Why an expression has no index to look into: OpenSearch tells nothing of the fields of a closed one.
async fn absence(engine: &dyn Engine, expression: &IndexExpression, time_limit: Duration) -> EngineError {
    let request = Request::ResolveIndex(ResolveIndex::new(expression.clone(), false, true));
    let is_closed = engine.send(&request, time_limit).await.is_ok_and(|reply| {
        serde_json::from_slice::<ResolveReply<'_>>(&reply.body)
            .is_ok_and(|found| found.indices.iter().any(|index| index.attributes.iter().any(|attribute| &**attribute == "closed")))
    });
    let kind = if is_closed { EngineErrorKind::ClosedIndex } else { EngineErrorKind::UnknownIndex };
    EngineError::new(kind, "no index that is open").about(expression.to_string())
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

pub(super) fn bad_reply(error: &serde_json::Error) -> ToolError {
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
                    shape.push_str(if field.is_sorted_by() { field.class() } else { field.kind.word() });
                    shape.push(if field.keyword.is_some() { '+' } else { ' ' });
                }
                if !fields.is_empty() {
                    group.roles.insert(*role, fields);
                }
            }
            for name in self.names.iter().map(String::as_str) {
                if let Some(field) = self.field(name, index) {
                    shape.push_str(&field.name);
                    shape.push_str(field.class());
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
        let mut rest = name;
        while let Some((parent, _)) = rest.rsplit_once('.') {
            if of(parent).is_some_and(|(type_name, ..)| type_name == "nested") {
                return Some(FieldInfo { kind: Kind::Nested, ..field });
            }
            rest = parent;
        }
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
        Reading::Plain => !matches!(field.kind, Kind::Nested | Kind::Other) && (role != Role::Time || field.kind == Kind::Date),
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

/// Chooses one field a role, then joins groups that now agree.
fn settle(groups: Vec<Group>, names: &[String]) -> Vec<Group> {
    let mut settled: Vec<Group> = Vec::new();
    for mut group in groups {
        for (role, fields) in &mut group.roles {
            choose(*role, fields);
        }
        group.roles.retain(|_, fields| !fields.is_empty());
        group.named.retain(|name, _| names.contains(name));
        match settled.iter_mut().find(|known| known.has_time() == group.has_time() && known.agrees_with(&group)) {
            Some(known) => known.absorb(group),
            None => settled.push(group),
        }
    }
    settled.sort_by(|a, b| b.indices.len().cmp(&a.indices.len()).then_with(|| a.indices.cmp(&b.indices)));
    settled
}

/// The first candidate that has at least a tenth of the values of the best one. An APM span's and a transaction's
/// fields are a pair: a document has either. What an audit event was done to, and by whom, lies in another field for
/// each kind of action: all of them stay, the chosen one first.
fn choose(role: Role, fields: &mut Vec<FieldInfo>) {
    let filled = |field: &FieldInfo| field.filled.unwrap_or(0.0);
    let best = fields.iter().map(filled).fold(0.0, f64::max);
    let Some(winner) = fields.iter().position(|field| best == 0.0 || filled(field) * 10.0 >= best) else { return };
    let is_pair = |name: &str| name.starts_with("span.") || name.starts_with("transaction.");
    let paired =
        matches!(role, Role::SpanId | Role::SpanName | Role::Duration) && fields.get(winner).is_some_and(|field| is_pair(&field.name));
    if matches!(role, Role::User | Role::Resource | Role::Parameters) {
        fields.get_mut(..=winner).unwrap_or_default().rotate_right(1);
        return;
    }
    let mut index = 0;
    fields.retain(|field| {
        let keep = index == winner || (paired && index > winner && is_pair(&field.name) && filled(field) > 0.0);
        index += 1;
        keep
    });
}
