//! Rows under named columns, ordered pairs, and pages of rows whose cut decides where the next call goes on.

use std::{borrow::Cow, fmt::Debug};

use crate::answer::{Cell, cell::shorten, clean::Clean};

/// Bytes of a name from outside.
const LONGEST_NAME: usize = 128;

/// The name of a column or of a pair. Names of ours, or of fields and groups that the caller asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub(super) Cow<'static, str>);

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

impl From<&&'static str> for Name {
    fn from(name: &&'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

/// A name from outside is cleaned, shortened, and kept on one line.
impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Cow::Owned(shorten(&Clean::from(name), LONGEST_NAME).replace(['\n', '\t'], " ")))
    }
}

/// A row: a cell for each column.
pub type Row = Vec<Cell>;

/// Rows under named columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub(super) columns: Vec<Name>,
    pub(super) rows: Vec<Row>,
    pub(super) truncated: Option<Truncated>,
}

impl Table {
    /// An empty table.
    pub fn new<N: Into<Name>>(columns: impl IntoIterator<Item = N>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new(), truncated: None }
    }

    /// Adds a row. What it lacks is filled with nothing; what it has too much is dropped.
    pub fn push(&mut self, mut row: Row) {
        row.resize(self.columns.len(), Cell::Null);
        self.rows.push(row);
    }

    /// Rows in it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Says that there were more rows than the table holds.
    #[must_use]
    pub fn truncated(mut self, left: u64, why: &'static str) -> Self {
        self.truncated = (left > 0).then_some(Truncated { left, why });
        self
    }

    pub(super) fn map_text(&mut self, map: &mut TextMap<'_>) {
        for name in &mut self.columns {
            if let Cow::Owned(text) = &name.0
                && let Some(new) = map(text)
            {
                *name = Name::from(new);
            }
        }
        self.rows.iter_mut().flatten().for_each(|cell| cell.map_text(map));
    }
}

/// What was left out for a reason, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// How many rows or documents.
    pub left: u64,
    /// A word: `max_tokens`, `size`, `top`, …
    pub why: &'static str,
}

impl Truncated {
    /// How to get what was left out.
    pub(super) fn how(why: &str, has_cursor: bool) -> &'static str {
        match why {
            _ if has_cursor => "pass next_cursor as `cursor` for more",
            "max_tokens" => "raise max_tokens, or narrow the call",
            "size" => "raise `size`, or narrow the call",
            "top" => "raise `top`, or filter",
            _ => "narrow the call",
        }
    }
}

/// A part of an answer beside its main table.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub(super) name: &'static str,
    pub(super) body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Table(Table),
    Object(Vec<(Name, Cell)>),
}

impl Section {
    /// A table under a name.
    pub fn table(name: &'static str, table: Table) -> Self {
        Self { name, body: Body::Table(table) }
    }

    /// Ordered pairs under a name.
    pub fn object<N: Into<Name>>(name: &'static str, pairs: impl IntoIterator<Item = (N, Cell)>) -> Self {
        Self { name, body: Body::Object(pairs.into_iter().map(|(name, cell)| (name.into(), cell)).collect()) }
    }

    pub(super) fn map_text(&mut self, map: &mut TextMap<'_>) {
        match &mut self.body {
            Body::Table(table) => table.map_text(map),
            Body::Object(pairs) => pairs.iter_mut().for_each(|(_, cell)| cell.map_text(map)),
        }
    }

    /// Rows or pairs.
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Table(table) => table.len(),
            Body::Object(pairs) => pairs.len(),
        }
    }
}

/// Looks at a text and may return another one for it.
pub type TextMap<'m> = dyn FnMut(&str) -> Option<String> + 'm;

/// The main table of an answer.
#[derive(Debug)]
pub enum Rows {
    /// A ranked or complete list: what does not fit is cut from its end.
    Fixed(Table),
    /// Documents that a cursor goes through: what does not fit comes with the next page.
    Paged(Box<dyn Page>),
}

/// A page of documents that can be shown in part.
pub trait Page: Debug + Send + Sync {
    /// Documents that can be shown at most.
    fn documents(&self) -> usize;

    /// The rows for the first `documents` of them, and the cursor that goes on right after those.
    fn at(&self, documents: usize) -> View<'_>;

    /// Shows every text from a document to `map`, which may replace it. What the cursor is made of stays as it is.
    fn map_text(&mut self, map: &mut TextMap<'_>);
}

/// The first documents of a page.
#[derive(Debug, Clone, Default)]
pub struct View<'a> {
    /// Their rows; fewer than documents where some were folded.
    pub lines: Lines<'a>,
    /// Documents behind the rows.
    pub documents: u64,
    /// Documents that match and come later, as far as is known.
    pub left: u64,
    /// Where the next page begins; none at the end.
    pub cursor: Option<String>,
}

/// Rows of an answer, borrowed.
#[derive(Debug, Clone, Default)]
pub struct Lines<'a> {
    names: &'a [Name],
    pub(super) rows: Vec<&'a [Cell]>,
    /// One further column: its name, and a cell for each row.
    further: Option<(&'static str, Vec<Cell>)>,
}

impl<'a> Lines<'a> {
    /// No rows yet, under these columns.
    pub fn new(names: &'a [Name]) -> Self {
        Self { names, rows: Vec::new(), further: None }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &'a [Cell]) {
        self.rows.push(row);
    }

    /// With one further column: its name, and a cell for each row.
    #[must_use]
    pub fn with(mut self, name: &'static str, cells: Vec<Cell>) -> Self {
        self.further = Some((name, cells));
        self
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let further = self.further.iter().map(|(name, _)| *name);
        self.names.iter().map(|name| name.0.as_ref()).chain(further)
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.names.len() + usize::from(self.further.is_some())
    }

    /// A cell; nothing where there is none.
    pub(super) fn cell(&self, row: usize, column: usize) -> &Cell {
        let further = || self.further.as_ref().filter(|_| column == self.names.len()).and_then(|(_, cells)| cells.get(row));
        let own = self.rows.get(row).and_then(|cells| cells.get(column));
        own.or_else(further).unwrap_or(&Cell::Null)
    }
}
