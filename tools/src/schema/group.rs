//! A group of indices whose fields have the same names and types wherever it matters.

use std::{collections::BTreeMap, sync::LazyLock};

use super::{FieldInfo, Kind, Role};
use crate::look::Field;

/// The concrete index of a document: a field of every group.
static INDEX: LazyLock<FieldInfo> = LazyLock::new(|| FieldInfo::new("_index", "keyword", true));

/// Indices that name their fields alike.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The concrete indices, sorted.
    pub indices: Vec<String>,
    /// The fields behind each role. The first is searched and grouped by; a role that lies in either of two fields (an
    /// APM span's and a transaction's id) has the second one too, and values are read from whichever has one.
    pub roles: BTreeMap<Role, Vec<FieldInfo>>,
    /// Fields looked up by their own name.
    pub named: BTreeMap<String, FieldInfo>,
}

impl Group {
    /// The field to search and group by.
    pub fn field(&self, field: &Field) -> Option<&FieldInfo> {
        self.fields(field).first()
    }

    /// All fields in which a value may lie.
    pub fn fields(&self, field: &Field) -> &[FieldInfo] {
        match field {
            Field::Role(role) => self.roles.get(role).map_or(&[], Vec::as_slice),
            Field::Named(name) if name == INDEX.name.as_str() => std::slice::from_ref(&INDEX),
            Field::Named(name) => self.named.get(name).map_or(&[], std::slice::from_ref),
        }
    }

    /// Whether the documents are spans rather than log lines.
    pub fn is_spans(&self) -> bool {
        let filled = |role: Role| self.roles.get(&role).is_some_and(|fields| fields.iter().any(|field| field.filled.unwrap_or(1.0) > 0.0));
        let messages = self.roles.get(&Role::Message).and_then(|fields| fields.first()).map_or(0.0, |field| field.filled.unwrap_or(1.0));
        filled(Role::SpanName) && filled(Role::Duration) && filled(Role::TraceId) && messages < 0.5
    }

    /// The family of schemas it belongs to: `ecs`, `otel`, `ss4o`, `data-prepper`, `jaeger`, or `flat`.
    pub fn schema_name(&self) -> &'static str {
        let name = |role: Role| self.roles.get(&role).and_then(|fields| fields.first()).map_or("", |field| field.name.as_str());
        let service = name(Role::Service);
        if service.starts_with("process.serviceName") {
            "jaeger"
        } else if service.contains('@') || service == "serviceName" {
            "data-prepper"
        } else if service.starts_with("resource.attributes")
            || name(Role::Message).starts_with("body.")
            || name(Role::Level) == "severity_text"
        {
            "otel"
        } else if name(Role::Level).starts_with("severity.text") {
            "ss4o"
        } else if service == "service.name"
            || name(Role::Level) == "log.level"
            || name(Role::TraceId) == "trace.id"
            || name(Role::Action) == "event.action"
        {
            "ecs"
        } else {
            "flat"
        }
    }

    /// Whether a search over both groups can be one search. Roles and names that only one of them has are no obstacle.
    pub(super) fn agrees_with(&self, other: &Group) -> bool {
        let roles = self.roles.iter().all(|(role, fields)| {
            other.roles.get(role).is_none_or(|others| fields.len() == others.len() && fields.iter().zip(others).all(|(a, b)| a.is_like(b)))
        });
        roles
            && self
                .named
                .iter()
                .all(|(name, field)| other.named.get(name).is_none_or(|theirs| field.is_like(theirs) && field.class() == theirs.class()))
    }

    /// Takes in the indices and fields of a group that agrees.
    pub(super) fn absorb(&mut self, other: Group) {
        let (own, theirs) = (self.indices.len(), other.indices.len());
        // Indices without a field were sampled too: none of their documents has it.
        let nothing =
            |fields: &[FieldInfo]| fields.iter().map(|field| FieldInfo { filled: field.filled.map(|_| 0.0), ..field.clone() }).collect();
        for (role, fields) in &other.roles {
            self.roles.entry(*role).or_insert_with(|| nothing(fields));
        }
        for (role, fields) in &mut self.roles {
            let missing: Vec<FieldInfo> = nothing(fields);
            let others = other.roles.get(role).unwrap_or(&missing);
            for (mine, other) in fields.iter_mut().zip(others) {
                mine.filled = match (mine.filled, other.filled) {
                    (Some(a), Some(b)) => Some(weighted(a, own, b, theirs)),
                    (a, b) => a.or(b),
                };
            }
        }
        for (name, field) in other.named {
            self.named.entry(name).or_insert(field);
        }
        self.indices.extend(other.indices);
        self.indices.sort();
    }

    /// Whether it has a field of moments.
    pub fn has_time(&self) -> bool {
        self.roles.get(&Role::Time).and_then(|fields| fields.first()).is_some_and(|field| field.kind == Kind::Date || field.epoch.is_some())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of indices")]
fn weighted(a: f64, of_a: usize, b: f64, of_b: usize) -> f64 {
    let total = (of_a + of_b).max(1) as f64;
    (a * of_a as f64 + b * of_b as f64) / total
}
