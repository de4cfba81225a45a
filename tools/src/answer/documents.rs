//! A page of documents, each with the cursor that goes on right after it; near-duplicates can share a row. Knows no search.

use crate::answer::{Cell, Page, Row, Table, TextMap, View, table::Name};

/// Documents in the order in which cursors go through them.
#[derive(Debug)]
pub struct Documents {
    columns: Vec<Name>,
    documents: Vec<Document>,
    /// Documents that match and come after the last one here.
    left: u64,
    folds: Option<Kept>,
}

/// Which of near-duplicates has the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    First,
    Last,
}

#[derive(Debug)]
struct Document {
    row: Row,
    fold: Option<String>,
    cursor: String,
}

impl Documents {
    /// No documents yet, under these columns.
    pub fn new<N: Into<Name>>(columns: impl IntoIterator<Item = N>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), documents: Vec::new(), left: 0, folds: None }
    }

    /// Gives rows a column `count`, and lets documents that share a fold key share the row of the first of them.
    #[must_use]
    pub fn folding(mut self) -> Self {
        self.folds = Some(Kept::First);
        self
    }

    /// Like [`Documents::folding`], but the row, and its place, is that of the last of them.
    #[must_use]
    pub fn folding_into_last(mut self) -> Self {
        self.folds = Some(Kept::Last);
        self
    }

    /// Adds the next document: its row, its fold key, and the cursor for what comes after it. Without a key, or where
    /// nothing folds, it has a row of its own.
    pub fn push(&mut self, row: Row, fold: Option<String>, cursor: String) {
        self.documents.push(Document { row, fold, cursor });
    }

    /// How many documents match and come after the last one pushed, at least.
    #[must_use]
    pub fn left(mut self, left: u64) -> Self {
        self.left = left;
        self
    }
}

impl Page for Documents {
    fn documents(&self) -> usize {
        self.documents.len()
    }

    fn at(&self, documents: usize) -> View {
        let shown = self.documents.get(..documents).unwrap_or(&self.documents);
        let mut table = Table { columns: self.columns.clone(), ..Table::default() };
        let mut rows: Vec<(&Row, u64)> = Vec::new();
        let mut row_of_fold = std::collections::HashMap::new();
        let mut fold = |document| {
            let document: &Document = document;
            let fold = document.fold.as_deref().filter(|_| self.folds.is_some());
            let row = fold.map_or(rows.len(), |fold| *row_of_fold.entry(fold).or_insert(rows.len()));
            match rows.get_mut(row) {
                Some((_, count)) => *count += 1,
                None => rows.push((&document.row, 1)),
            }
        };
        if self.folds == Some(Kept::Last) {
            shown.iter().rev().for_each(&mut fold);
            rows.reverse();
        } else {
            shown.iter().for_each(&mut fold);
        }
        rows.iter().for_each(|(row, _)| table.push((*row).clone()));
        if self.folds.is_some() {
            table.columns.push("count".into());
            table.rows.iter_mut().zip(rows).for_each(|(row, (_, count))| row.push(count.into()));
        }
        let left = self.left + (self.documents.len() - shown.len()) as u64;
        let cursor = shown.last().filter(|_| left > 0).map(|last| last.cursor.clone());
        View { table, documents: shown.len() as u64, left, cursor }
    }

    fn map_text(&mut self, map: &mut TextMap<'_>) {
        self.documents.iter_mut().flat_map(|document| &mut document.row).for_each(|cell: &mut Cell| cell.map_text(map));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(folds: &[&str]) -> Documents {
        let mut page = Documents::new(["id"]).folding().left(7);
        for (at, fold) in folds.iter().enumerate() {
            page.push(vec![at.into()], (!fold.is_empty()).then(|| (*fold).to_owned()), format!("after {at}"));
        }
        page
    }

    fn check(folds: &[&str], documents: usize, rows: &[(i64, i64)], left: u64, cursor: Option<&str>) {
        let view = page(folds).at(documents);
        let found: Vec<_> = view.table.rows.iter().map(Vec::as_slice).collect();
        let expected: Vec<_> = rows.iter().map(|(id, count)| [Cell::Int(*id), Cell::Int(*count)]).collect();
        assert_eq!(found, expected.iter().map(|row| &row[..]).collect::<Vec<_>>());
        assert_eq!((view.documents, view.left, view.cursor.as_deref()), (documents as u64, left, cursor));
    }

    #[test]
    fn near_duplicates_share_the_row_of_the_first() {
        check(&["a", "b", "a", "", "a", ""], 6, &[(0, 3), (1, 1), (3, 1), (5, 1)], 7, Some("after 5"));
    }

    #[test]
    fn the_last_of_near_duplicates_can_have_the_row_and_its_place() {
        let view = Documents { folds: Some(Kept::Last), ..page(&["a", "b", "a", ""]) }.at(4);
        let rows = [(1, 1), (2, 2), (3, 1)].map(|(id, count)| vec![Cell::Int(id), Cell::Int(count)]);
        assert_eq!(view.table.rows, rows);
    }

    #[test]
    fn the_cursor_is_for_exactly_what_is_shown() {
        check(&["a", "b", "a"], 2, &[(0, 1), (1, 1)], 8, Some("after 1"));
        check(&["a", "b", "a"], 0, &[], 10, None);
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let view = Documents { left: 0, ..page(&["a", "a"]) }.at(2);
        assert_eq!((view.left, view.cursor), (0, None));
    }

    #[test]
    fn without_folding_each_document_has_a_row_and_no_count() {
        let mut page = Documents::new(["id"]);
        (0..2).for_each(|id: i64| page.push(vec![id.into()], Some("same".to_owned()), String::new()));
        assert_eq!(page.at(2).table.rows, [vec![Cell::Int(0)], vec![Cell::Int(1)]]);
    }
}
