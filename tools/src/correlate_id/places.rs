//! Where an id can lie: fields that identify something, and texts. Knows no reply to a search.

use super::id::Id;
use crate::{
    dsl::CapsReply,
    look::{Field, Filter},
    schema::{Kind, Role, Schema},
};

/// Fields that are searched at most: what is left out is told.
const MAX_FIELDS: usize = 100;

/// Names that identify something by how they end.
const PATTERNS: [&str; 5] = ["*id", "*Id", "*ID", "*_key", "*_reference"];

/// Fields that carry the id of a message, a request or an order, best known first.
const KNOWN: [&str; 14] = [
    "message_id",
    "messageId",
    "correlation_id",
    "correlationId",
    "request_id",
    "requestId",
    "http.request.id",
    "x_request_id",
    "reqId",
    "transaction.id",
    "attributes.messaging.message.id",
    "messaging.message.id",
    "event.id",
    "order_id",
];

/// Roles whose fields identify something.
const ROLES: [Role; 5] = [Role::TraceId, Role::SpanId, Role::ParentSpanId, Role::Pod, Role::Container];

/// Roles whose texts may mention an id.
const TEXTS: [Role; 3] = [Role::Message, Role::ErrorMessage, Role::Stack];

/// Ends of names that number what runs, not what is told: their small numbers would match anything.
const RUNNING: [&str; 6] = ["pid", "tid", "gid", "thread.id", "thread_id", "threadid"];

/// A place where an id can lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// A field of its own.
    Field(Field),
    /// A text that mentions it.
    Text(Role),
}

/// Names and patterns to ask for.
pub(super) fn wanted(schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = KNOWN.iter().map(|name| (*name).to_owned()).collect();
    for role in ROLES {
        names.extend(schema.groups.iter().flat_map(|group| group.fields(&Field::Role(role))).map(|info| info.name.clone()));
    }
    names.sort();
    names.dedup();
    PATTERNS.iter().map(|pattern| (*pattern).to_owned()).chain(names).collect()
}

/// The fields that can hold an id, best known first, and how many more there are.
pub(super) fn identifying(caps: &CapsReply<'_>) -> (Vec<Field>, usize) {
    let can_hold = |kind: &str| matches!(Kind::of(kind), Kind::Keyword | Kind::Text | Kind::Integer);
    let mut names: Vec<&str> = caps
        .fields
        .iter()
        .filter(|(_, types)| types.iter().any(|(kind, caps)| caps.searchable && !caps.metadata_field && can_hold(kind)))
        .map(|(name, _)| &**name)
        .filter(|name| !name.starts_with('_') && !is_running(name))
        .collect();
    let rank = |name: &str| (KNOWN.iter().position(|known| *known == name).unwrap_or(KNOWN.len()), name.matches('.').count(), name.len());
    names.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    let left = names.len().saturating_sub(MAX_FIELDS);
    (names.into_iter().take(MAX_FIELDS).map(|name| Field::Named(name.to_owned())).collect(), left)
}

fn is_running(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RUNNING.iter().any(|end| name.strip_suffix(end).is_some_and(|head| head.is_empty() || head.ends_with(['.', '_', 'p']))) || name == "uid"
}

/// Whether a field holds ids of traces or spans.
fn is_of_traces(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["trace", "span", "parent", "transaction", "@tr", "@sp"].iter().any(|part| name.contains(part))
}

/// Where an id can lie in these indices.
pub(super) fn places(fields: Vec<Field>, schema: &Schema) -> Vec<Place> {
    let texts = TEXTS.iter().filter(|role| schema.has(**role)).map(|role| Place::Text(*role));
    fields.into_iter().filter(|field| schema.has(field.clone())).map(Place::Field).chain(texts).collect()
}

impl Place {
    /// The documents that have the id here.
    pub(super) fn exactly(&self, id: &Id) -> Filter {
        match self {
            Self::Field(field) => {
                let forms = if is_of_traces(field.name()) { &id.trace_forms } else { &id.forms };
                Filter::Id(field.clone(), forms.clone())
            }
            Self::Text(role) => {
                any(id.phrases.iter().map(|text| Filter::Phrase { field: (*role).into(), text: text.clone(), prefix: false }))
            }
        }
    }

    /// The documents that have an id here which begins with the id; none where the type has no beginnings.
    pub(super) fn beginning(&self, id: &Id, schema: &Schema) -> Option<Filter> {
        match self {
            Self::Field(field) => {
                let is_words = schema.groups.iter().filter_map(|group| group.field(field)).all(|info| info.kind.is_words());
                is_words.then(|| any(id.beginnings().into_iter().map(|text| Filter::Prefix(field.clone(), text))))
            }
            Self::Text(role) => Some(Filter::Phrase { field: (*role).into(), text: id.plain.clone(), prefix: true }),
        }
    }

    /// The name of the field in an index.
    pub(super) fn name<'s>(&'s self, index: &str, schema: &'s Schema) -> &'s str {
        match self {
            Self::Field(field) => field.name(),
            Self::Text(role) => {
                let of = schema.groups.iter().find(|group| group.indices.iter().any(|name| name == index));
                of.and_then(|group| group.field(&Field::Role(*role))).map_or(role.name(), |info| info.name.as_str())
            }
        }
    }
}

fn any(filters: impl Iterator<Item = Filter>) -> Filter {
    let mut filters: Vec<Filter> = filters.collect();
    if filters.len() == 1 { filters.swap_remove(0) } else { Filter::Or(filters) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numbers_processes_and_threads_identifies_nothing() {
        for name in ["pid", "process.pid", "process.parent.pid", "ppid", "thread.id", "process.thread.id", "thread_id", "uid"] {
            assert!(is_running(name), "{name}");
        }
        for name in ["order_id", "trace.id", "kubernetes.pod.uid", "message_id", "valid", "cart_gridid"] {
            assert!(!is_running(name), "{name}");
        }
    }

    #[test]
    fn the_best_known_fields_come_first_and_the_rest_is_counted() {
        let mut fields: Vec<String> =
            (0..120).map(|n| format!(r#""x.f{n}_id":{{"keyword":{{"searchable":true,"aggregatable":true}}}}"#)).collect();
        fields.push(r#""order_id":{"long":{"searchable":true,"aggregatable":true}}"#.to_owned());
        fields.push(r#""valid":{"boolean":{"searchable":true}}"#.to_owned());
        fields.push(r#""_id":{"_id":{"searchable":true,"metadata_field":true}}"#.to_owned());
        let reply = format!(r#"{{"indices":["a"],"fields":{{{}}}}}"#, fields.join(","));
        let (fields, left) = identifying(&serde_json::from_str(&reply).unwrap());
        assert_eq!(fields[0], Field::Named("order_id".to_owned()));
        assert_eq!((fields.len(), left), (MAX_FIELDS, 21));
    }
}
