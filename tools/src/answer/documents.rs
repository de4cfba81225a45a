//! A page of documents, each with the cursor that goes on right after it; near-duplicates can share a row. Knows no search.

use std::{collections::HashMap, fmt};

use crate::answer::{Cell, Lines, Name, Page, Row, TextMap, View};

/// Documents in the order in which cursors go through them.
pub struct Documents {
    columns: Vec<Name>,
    rows: Vec<Row>,
    /// Documents that match and come after the last one here.
    left: u64,
    folds: Option<Folds>,
    after: Box<CursorAfter>,
}

/// The cursor for what comes after the first so many documents.
type CursorAfter = dyn Fn(usize) -> Option<String> + Send + Sync;

/// Which documents share a row.
struct Folds {
    kept: Kept,
    /// The number of each key that occurred.
    numbers: HashMap<String, usize>,
    /// The number of each document's key; one that no other has where it has none.
    of: Vec<usize>,
    next: usize,
}

/// Which of near-duplicates has the row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    First,
    Last,
}

impl Documents {
    /// No documents yet, under these columns. `after` tells the cursor for what comes after the first so many of them, at least one.
    pub fn new<N: Into<Name>>(
        columns: impl IntoIterator<Item = N>,
        after: impl Fn(usize) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, rows: Vec::new(), left: 0, folds: None, after: Box::new(after) }
    }

    /// Gives rows a column `count`, and lets documents that share a fold key share the row of the first of them.
    #[must_use]
    pub fn folding(mut self) -> Self {
        self.folds = Some(Folds { kept: Kept::First, numbers: HashMap::new(), of: Vec::new(), next: 0 });
        self
    }

    /// Like [`Documents::folding`], but the row, and its place, is that of the last of them.
    #[must_use]
    pub fn folding_into_last(mut self) -> Self {
        self = self.folding();
        self.folds.iter_mut().for_each(|folds| folds.kept = Kept::Last);
        self
    }

    /// Makes room for so many documents.
    #[must_use]
    pub fn with_room(mut self, documents: usize) -> Self {
        self.rows.reserve(documents);
        if let Some(folds) = &mut self.folds {
            folds.numbers.reserve(documents);
            folds.of.reserve(documents);
        }
        self
    }

    /// Adds the next document: its row, and its fold key. Without a key, or where nothing folds, it has a row of its own.
    pub fn push(&mut self, mut row: Row, fold: Option<String>) {
        row.resize(self.columns.len(), Cell::Null);
        self.rows.push(row);
        if let Some(folds) = &mut self.folds {
            let number = fold.map_or(folds.next, |key| *folds.numbers.entry(key).or_insert(folds.next));
            folds.next = folds.next.max(number + 1);
            folds.of.push(number);
        }
    }

    /// The row of the document that was added last.
    pub(crate) fn last(&self) -> Option<&Row> {
        self.rows.last()
    }

    /// How many documents match and come after the last one pushed, at least.
    #[must_use]
    pub fn left(mut self, left: u64) -> Self {
        self.left = left;
        self
    }
}

impl Folds {
    /// The documents among the first so many that have a row, each with how many share it.
    fn rows(&self, documents: usize) -> Vec<(usize, u64)> {
        let mut rows: Vec<(usize, u64)> = Vec::with_capacity(documents);
        let mut row_of = vec![None; self.next];
        let mut fold = |(document, number): (usize, &usize)| {
            let Some(row) = row_of.get_mut(*number) else { return };
            match row.and_then(|row: usize| rows.get_mut(row)) {
                Some((_, count)) => *count += 1,
                None => {
                    *row = Some(rows.len());
                    rows.push((document, 1));
                }
            }
        };
        let shown = self.of.iter().enumerate().take(documents);
        match self.kept {
            Kept::First => shown.for_each(&mut fold),
            Kept::Last => shown.rev().for_each(&mut fold),
        }
        if self.kept == Kept::Last {
            rows.reverse();
        }
        rows
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Documents").field("columns", &self.columns).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Page for Documents {
    fn documents(&self) -> usize {
        self.rows.len()
    }

    fn at(&self, documents: usize) -> View<'_> {
        let shown = documents.min(self.rows.len());
        let mut lines = Lines::new(&self.columns);
        match &self.folds {
            None => self.rows.iter().take(shown).for_each(|row| lines.push(row)),
            Some(folds) => {
                let rows = folds.rows(shown);
                rows.iter().filter_map(|(document, _)| self.rows.get(*document)).for_each(|row| lines.push(row));
                lines = lines.with("count", rows.iter().map(|(_, count)| Cell::from(*count)).collect());
            }
        }
        let left = self.left + (self.rows.len() - shown) as u64;
        let cursor = if left > 0 && shown > 0 { (self.after)(shown) } else { None };
        View { lines, documents: shown as u64, left, cursor }
    }

    fn map_text(&mut self, map: &mut TextMap<'_>) {
        self.rows.iter_mut().flatten().for_each(|cell: &mut Cell| cell.map_text(map));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(folds: &[&str]) -> Documents {
        let page = Documents::new(["id"], |shown| Some(format!("after {shown}"))).folding().left(7);
        pushed(page, folds)
    }

    fn pushed(mut page: Documents, folds: &[&str]) -> Documents {
        for (at, fold) in folds.iter().enumerate() {
            page.push(vec![at.into()], (!fold.is_empty()).then(|| (*fold).to_owned()));
        }
        page
    }

    fn cells(view: &View<'_>) -> Vec<Row> {
        let lines = &view.lines;
        (0..lines.rows.len()).map(|row| (0..lines.width()).map(|column| lines.cell(row, column).clone()).collect()).collect()
    }

    fn check(folds: &[&str], documents: usize, rows: &[(i64, i64)], left: u64, cursor: Option<&str>) {
        let page = page(folds);
        let view = page.at(documents);
        assert_eq!(cells(&view), rows.iter().map(|(id, count)| vec![Cell::Int(*id), Cell::Int(*count)]).collect::<Vec<_>>());
        assert_eq!((view.documents, view.left, view.cursor.as_deref()), (documents as u64, left, cursor));
    }

    #[test]
    fn near_duplicates_share_the_row_of_the_first() {
        check(&["a", "b", "a", "", "a", ""], 6, &[(0, 3), (1, 1), (3, 1), (5, 1)], 7, Some("after 6"));
    }

    #[test]
    fn the_last_of_near_duplicates_can_have_the_row_and_its_place() {
        let page = pushed(Documents::new(["id"], |_| None).folding_into_last(), &["a", "b", "a", ""]);
        let rows = [(1, 1), (2, 2), (3, 1)].map(|(id, count)| vec![Cell::Int(id), Cell::Int(count)]);
        assert_eq!(cells(&page.at(4)), rows);
    }

    #[test]
    fn the_cursor_is_for_exactly_what_is_shown() {
        check(&["a", "b", "a"], 2, &[(0, 1), (1, 1)], 8, Some("after 2"));
        check(&["a", "b", "a"], 0, &[], 10, None);
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = page(&["a", "a"]).left(0);
        let view = page.at(2);
        assert_eq!((view.left, view.cursor), (0, None));
    }

    #[test]
    fn without_folding_each_document_has_a_row_and_no_count() {
        let page = pushed(Documents::new(["id"], |_| None), &["same", "same"]);
        assert_eq!(cells(&page.at(2)), [vec![Cell::Int(0)], vec![Cell::Int(1)]]);
    }
}
