//! What every tool answers with, and how it is cut to a budget of tokens and written as text and as JSON. Knows no tool.

mod cell;
mod clean;
mod documents;
mod fit;
mod json;
mod moment;
mod scene;
mod schema;
mod sheet;
mod structured;
mod suspicion;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

pub use cell::Cell;
pub use clean::{Clean, clean};
pub use documents::Documents;
pub use fit::{MIN_TOKENS, Rendered};
pub use json::{JsonText, escape};
pub use schema::output_schema;
pub use table::{Lines, Name, Page, Row, Rows, Section, Table, TextMap, Truncated, View};

use crate::{
    look::{Partial, Total},
    params::Window,
};

/// The answer of a tool. Every text in it is clean.
#[derive(Debug)]
pub struct Answer {
    summary: Clean,
    window: Option<Window>,
    matched: Option<Total>,
    rows: Rows,
    sections: Vec<Section>,
    partial: Partial,
    hints: Vec<Hint>,
    fields: BTreeMap<Clean, Clean>,
    notes: Vec<Clean>,
    kibana_url: Option<Clean>,
    dsl: Option<Box<RawValue>>,
}

impl Answer {
    /// An answer that says one thing, in one line.
    pub fn new(summary: impl Into<Clean>) -> Self {
        Self {
            summary: summary.into(),
            window: None,
            matched: None,
            rows: Rows::Fixed(Table::default()),
            sections: Vec::new(),
            partial: Partial::default(),
            hints: Vec::new(),
            fields: BTreeMap::new(),
            notes: Vec::new(),
            kibana_url: None,
            dsl: None,
        }
    }

    /// The window that it is about.
    #[must_use]
    pub fn window(mut self, window: impl Into<Option<Window>>) -> Self {
        self.window = window.into();
        self
    }

    /// How many documents match.
    #[must_use]
    pub fn matched(mut self, total: Total) -> Self {
        self.matched = Some(total);
        self
    }

    /// The main table: a ranked or complete list.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.rows = Rows::Fixed(table);
        self
    }

    /// The main table: documents that a cursor goes through.
    #[must_use]
    pub fn page(mut self, page: impl Page + 'static) -> Self {
        self.rows = Rows::Paged(Box::new(page));
        self
    }

    /// Another part. An empty one is not shown.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        if section.len() > 0 {
            self.sections.push(section);
        }
        self
    }

    /// What is missing from it. Joins what was said before.
    #[must_use]
    pub fn partial(mut self, partial: &Partial) -> Self {
        self.partial.join(partial);
        self
    }

    /// A ready next call.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<Hint>>) -> Self {
        self.hints.extend(hint.into());
        self
    }

    /// A line beside the table: a warning, a method, a size of sample.
    #[must_use]
    pub fn note(mut self, note: impl Into<Clean>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Which physical field a role stands for.
    #[must_use]
    pub fn field(mut self, role: impl Into<Clean>, field: impl Into<Clean>) -> Self {
        self.fields.insert(role.into(), field.into());
        self
    }

    /// Where a person can look at the same.
    #[must_use]
    pub fn kibana_url(mut self, url: impl Into<Option<String>>) -> Self {
        self.kibana_url = url.into().map(Clean::from);
        self
    }

    /// What was sent to the engine.
    #[must_use]
    pub fn dsl(mut self, dsl: Option<Box<RawValue>>) -> Self {
        self.dsl = dsl;
        self
    }

    /// What it says in one line, before anything about what is missing.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Whether something could not be searched.
    pub fn is_partial(&self) -> bool {
        self.partial.is_partial()
    }

    /// Shows every text that may come from a document to `map`, which may replace it: the place for redaction.
    pub fn map_text(&mut self, map: &mut TextMap<'_>) {
        let texts = std::iter::once(&mut self.summary).chain(&mut self.notes).chain(self.hints.iter_mut().map(|hint| &mut hint.why));
        for text in texts {
            if let Some(new) = map(text) {
                text.set(new);
            }
        }
        for (_, value) in self.hints.iter_mut().flat_map(|hint| &mut hint.arguments) {
            map_value(value, map);
        }
        match &mut self.rows {
            Rows::Fixed(table) => table.map_text(map),
            Rows::Paged(page) => page.map_text(map),
        }
        self.sections.iter_mut().for_each(|section| section.map_text(map));
    }
}

/// A ready next call.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    tool: &'static str,
    arguments: Vec<(&'static str, serde_json::Value)>,
    why: Clean,
}

impl Hint {
    /// A call of a tool, and what it would tell.
    pub fn new(tool: &'static str, why: impl Into<Clean>) -> Self {
        Self { tool, arguments: Vec::new(), why: why.into() }
    }

    /// With an argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        let mut value = value.into();
        map_value(&mut value, &mut |text| Some(Clean::from(text).to_string()));
        self.arguments.push((name, value));
        self
    }
}

fn map_value(value: &mut serde_json::Value, map: &mut TextMap<'_>) {
    match value {
        serde_json::Value::String(text) => {
            if let Some(new) = map(text) {
                *text = new;
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| map_value(item, map)),
        serde_json::Value::Object(pairs) => pairs.values_mut().for_each(|item| map_value(item, map)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}
