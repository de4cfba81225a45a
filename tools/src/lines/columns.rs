//! The columns that show a log line, whatever its schema, and how a document fills them. Knows no paging.

use std::borrow::Cow;

use crate::{
    answer::{Cell, Name, Row},
    look::{Field, Hit},
    schema::{Role, Schema},
};

/// What is fetched of every line.
const ROLES: [Role; 6] = [Role::Level, Role::Service, Role::Host, Role::Pod, Role::Message, Role::TraceId];

/// What stands for the message of a document that has none: a request line, a span, an exception.
const SUBSTITUTES: [Role; 6] = [Role::ErrorMessage, Role::Method, Role::Path, Role::Status, Role::SpanName, Role::Duration];

/// Below this share of documents with a message, substitutes are fetched.
const MOSTLY: f64 = 0.99;

/// The columns of a table of lines.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    fetch: Vec<Field>,
    extra: Vec<Field>,
}

impl Columns {
    /// The columns that every table of lines can have, before those that the caller asks for.
    pub(crate) const NAMES: [&'static str; 10] =
        ["index", "id", "time", "level", "service", "host", "pod", "message", "trace_id", "duration_ms"];

    /// The columns for lines of these indices, and further ones.
    pub(crate) fn of(schema: &Schema, extra: impl IntoIterator<Item = Field>) -> Self {
        let extra: Vec<Field> = extra.into_iter().filter(|field| !Self::NAMES.contains(&field.name())).collect();
        let wordless = schema.groups.iter().any(|group| {
            let message = group.field(&Field::Role(Role::Message));
            message.is_none_or(|message| message.filled.is_some_and(|filled| filled < MOSTLY))
        });
        let substitutes = SUBSTITUTES.iter().filter(|_| wordless);
        let mut fetch: Vec<Field> =
            ROLES.iter().chain(substitutes).filter(|role| schema.has(**role)).map(|role| Field::Role(*role)).collect();
        fetch.extend(extra.iter().filter(|field| !fetch.contains(field)).cloned().collect::<Vec<_>>());
        Self { fetch, extra }
    }

    /// What to fetch of each document.
    pub(crate) fn fetch(&self) -> &[Field] {
        &self.fetch
    }

    /// The names of the columns. One that stays empty is not shown.
    pub(crate) fn names(&self) -> Vec<Name> {
        Self::NAMES.iter().map(Name::from).chain(self.extra.iter().map(|field| Name::from(field.name().to_owned()))).collect()
    }

    /// A document as a row. Lines repeat much of the one before them: a text that reads the same is taken from its row.
    pub(crate) fn row(&self, hit: &Hit<'_>, before: Option<&Row>) -> Row {
        let mut row = Row::with_capacity(Self::NAMES.len() + self.extra.len());
        let above = |row: &Row| before.and_then(|before| before.get(row.len()));
        let of = |role: Role| hit.values(&Field::Role(role));
        let pod = of(Role::Pod);
        row.push(Cell::repeating_text(&hit.index, above(&row)));
        row.push(Cell::from(&*hit.id));
        row.push(Cell::from(hit.time));
        // A pod tells more than the node that it happens to run on.
        let host = if pod.is_empty() { of(Role::Host) } else { &[] };
        for values in [of(Role::Level), of(Role::Service), host, pod] {
            row.push(Cell::repeating(values, above(&row)));
        }
        row.push(message(hit).map_or(Cell::Null, |message| Cell::repeating_text(&message, above(&row))));
        let duration = if hit.is_span { of(Role::Duration) } else { &[] };
        let extra = self.extra.iter().map(|field| hit.values(field));
        for values in [of(Role::TraceId), duration].into_iter().chain(extra) {
            row.push(Cell::repeating(values, above(&row)));
        }
        row
    }
}

/// What a document says: its message; without one its exception, its request line, or the name of its span.
pub(crate) fn message<'h>(hit: &'h Hit<'_>) -> Option<Cow<'h, str>> {
    if let Some(message) = hit.text(Role::Message).or_else(|| hit.text(Role::ErrorMessage)) {
        return Some(message);
    }
    let name = hit.text(Role::SpanName);
    let request: Vec<_> = [Role::Method, Role::Path, Role::Status].into_iter().filter_map(|role| hit.text(role)).collect();
    if let Some(name) = name.filter(|name| request.len() < 3 || !request.iter().any(|part| part == name)) {
        return Some(name);
    }
    (!request.is_empty()).then(|| Cow::Owned(request.join(" ")))
}
