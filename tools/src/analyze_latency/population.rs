//! Which documents' durations are meant: entry spans, roots, request lines, or whatever the caller's conditions name.
//! Knows no engine.

use std::sync::Arc;

use crate::{
    dsl::Scalar,
    look::{Field, Filter},
    params::Scope,
    schema::{Role, Schema},
    tool::Context,
};

/// Documents with a duration.
#[derive(Debug, Clone)]
pub(super) struct Population {
    /// What they are, for the answer.
    pub(super) words: &'static str,
    pub(super) filter: Filter,
    /// The roles as they are to be read for them.
    pub(super) schema: Arc<Schema>,
    /// They are spans: there may be traces of them.
    pub(super) are_spans: bool,
}

/// Kinds of spans in which a service takes up a request or a message: OpenTelemetry's in every spelling, and the
/// transactions of Elastic APM.
const ENTRY_KINDS: [&str; 13] = [
    "server",
    "Server",
    "SERVER",
    "SPAN_KIND_SERVER",
    "2",
    "consumer",
    "Consumer",
    "CONSUMER",
    "SPAN_KIND_CONSUMER",
    "5",
    "transaction",
    "request",
    "messaging",
];

/// What a root span may have in place of a parent.
const NO_PARENT: [&str; 2] = ["", "0000000000000000"];

/// The documents that may be meant, the likeliest first: the first of which there are any is taken. A caller who names
/// kinds or names of spans has chosen already.
pub(super) fn candidates(scope: &Scope, context: &Context) -> Vec<Population> {
    let schema = &context.schema;
    let timed = Filter::Exists(Role::Duration.into());
    let named = scope.fields(context.now);
    let chosen = [Role::SpanKind, Role::SpanName, Role::ParentSpanId].into_iter().any(|role| named.contains(&Field::Role(role)));
    let has = |role: Role| schema.has(role) && schema.is_filled(role);
    let are_spans = has(Role::SpanName) && has(Role::TraceId);
    let of_spans = || preferring(schema, "span.");
    let of_transactions = || preferring(schema, "transaction.");
    if chosen {
        let words = "documents with a duration that meet the conditions";
        let by = |schema| Population { words, filter: timed.clone(), schema, are_spans };
        return vec![by(of_transactions()), by(of_spans())];
    }
    let mut found = Vec::new();
    if are_spans {
        let is_span = Filter::Exists(Role::SpanName.into()).and(timed.clone());
        if has(Role::SpanKind) {
            let kinds = Filter::Is(Role::SpanKind.into(), ENTRY_KINDS.map(Scalar::from).to_vec());
            found.push(Population {
                words: "entry spans (server and consumer spans, transactions)",
                filter: is_span.clone().and(kinds),
                schema: of_transactions(),
                are_spans,
            });
        }
        let root = match schema.has(Role::ParentSpanId) {
            true => Filter::Or(vec![
                Filter::Exists(Role::ParentSpanId.into()).negated(),
                Filter::Is(Role::ParentSpanId.into(), NO_PARENT.map(Scalar::from).to_vec()),
            ]),
            false => Filter::All,
        };
        found.push(Population {
            words: "root spans (no kind of span is known)",
            filter: is_span.and(root),
            schema: of_transactions(),
            are_spans,
        });
    }
    let requests = [Role::Status, Role::Path].into_iter().filter(|role| schema.has(*role)).map(|role| Filter::Exists(role.into()));
    let requests: Vec<Filter> = requests.collect();
    if !requests.is_empty() {
        found.push(Population {
            words: "request lines (with a duration and a status or path)",
            filter: timed.clone().and(Filter::Or(requests)),
            schema: Arc::clone(schema),
            are_spans: false,
        });
    }
    found.push(Population { words: "documents with a duration", filter: timed, schema: Arc::clone(schema), are_spans });
    found
}

/// The roles with the fields of this name first: an APM document has either a span's or a transaction's, and only the
/// first field of a role is aggregated.
pub(super) fn preferring(schema: &Arc<Schema>, prefix: &str) -> Arc<Schema> {
    let mut changed = Schema::clone(schema);
    for group in &mut changed.groups {
        for (role, fields) in &mut group.roles {
            if matches!(role, Role::Duration | Role::SpanName | Role::SpanId) {
                fields.sort_by_key(|field| !field.name.starts_with(prefix));
            }
        }
    }
    Arc::new(changed)
}

/// The same with the fields that were looked up by their names.
pub(super) fn naming(schema: &Arc<Schema>, read: &Schema) -> Arc<Schema> {
    let mut changed = Schema::clone(schema);
    for group in &mut changed.groups {
        let first = group.indices.first();
        let same = read.groups.iter().find(|other| first.is_some_and(|first| other.indices.contains(first)));
        group.named.extend(same.into_iter().flat_map(|same| same.named.clone()));
    }
    Arc::new(changed)
}

/// Indices without a field of durations, and how many indices there are.
pub(super) fn without_durations(schema: &Schema) -> (Vec<&str>, usize) {
    let lacking = schema.groups.iter().filter(|group| group.field(&Field::Role(Role::Duration)).is_none());
    (lacking.flat_map(|group| group.indices.iter().map(String::as_str)).collect(), schema.indices.len())
}
