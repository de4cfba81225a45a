//! The lines nearest to a moment as a page: some before it, some after it, all in order of time. Knows no search.
//!
//! Cursors go on with what is later, up to the end of the window, and then with what is earlier, back to its start. So that
//! a cursor forward also tells where to go back from, what is shown before the moment is cut between two milliseconds,
//! and the cursor's window begins there.

use jiff::{SignedDuration, Timestamp};

use crate::{
    answer::{Lines, Name, Page, Row, TextMap, View},
    lines::{Columns, Paging, millisecond},
    look::{Hit, Total},
    params::{Cursor, Window},
};

/// Documents on one side of the moment, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Side {
    lines: Vec<(Timestamp, Row)>,
    /// Documents there, with those that come with later pages.
    coming: u64,
}

/// A page of lines around a moment, or of those that come later or earlier.
#[derive(Debug)]
pub(super) struct Neighbours {
    pub(super) names: Vec<Name>,
    /// The whole window.
    pub(super) window: Window,
    /// What is before this moment is earlier.
    pub(super) edge: Timestamp,
    /// The search of what is earlier, and of what is later.
    pub(super) searches: (Paging, Paging),
    pub(super) earlier: Side,
    pub(super) later: Side,
    /// Documents of a page.
    pub(super) size: usize,
}

impl Side {
    /// The documents that a page's search found.
    pub(super) fn of(columns: &Columns, hits: &[Hit<'_>], paging: &Paging, total: Total) -> Self {
        let mut lines: Vec<(Timestamp, Row)> = Vec::with_capacity(hits.len());
        for hit in hits {
            let time = paging.place(hit, lines.last().map(|(time, _)| *time));
            lines.push((time, columns.row(hit, None)));
        }
        Self { lines, coming: paging.coming(total, hits.len()) }
    }

    /// Documents that were only counted.
    pub(super) fn counted(total: Total) -> Self {
        Self { lines: Vec::new(), coming: total.value }
    }

    fn times(&self, count: usize) -> Vec<Timestamp> {
        self.lines.iter().take(count).map(|(time, _)| *time).collect()
    }

    /// The most lines up to `count` after which another millisecond begins.
    fn whole(&self, count: usize) -> usize {
        let of = |at: usize| self.lines.get(at).map(|(time, _)| millisecond(*time));
        let is_all = |at: usize| at == self.lines.len() && self.coming == self.lines.len() as u64;
        (1..=count).rev().find(|at| is_all(*at) || (of(*at).is_some() && of(*at) != of(*at - 1))).unwrap_or(0)
    }
}

impl Neighbours {
    /// How many earlier and later lines are among the nearest `documents`.
    fn split(&self, documents: usize) -> (usize, usize) {
        let documents = documents.min(self.size);
        let (earlier, later) = (self.earlier.lines.len(), self.later.lines.len());
        let later_shown = later.min(documents.saturating_sub(earlier.min(documents / 2)));
        let earlier_shown = earlier.min(documents.saturating_sub(later_shown));
        // Going back, a place is told exactly; going forward, only between two milliseconds.
        (if later == 0 { earlier_shown } else { self.earlier.whole(earlier_shown) }, later_shown)
    }

    /// The times of the nearest lines, in order.
    pub(super) fn times(&self, documents: usize) -> Vec<Timestamp> {
        let (earlier, later) = self.split(documents);
        let mut times = self.earlier.times(earlier);
        times.reverse();
        times.extend(self.later.times(later));
        times
    }

    fn cursor(&self, earlier: usize, later: usize) -> Option<String> {
        let back_from =
            self.earlier.lines.get(earlier.wrapping_sub(1)).map_or(self.edge, |(time, _)| millisecond(*time).max(self.window.start()));
        let (backward, forward) = &self.searches;
        if self.later.coming > later as u64 {
            let place = forward.after(&self.later.times(later))?;
            let window = Window::new(back_from, self.window.end())?;
            return Some(forward.text(&Cursor { window, ..place }));
        }
        if self.earlier.coming <= earlier as u64 {
            return None;
        }
        let place = if later == 0 && earlier > 0 { backward.after(&self.earlier.times(earlier))? } else { before(self.window, back_from)? };
        Some(backward.text(&place))
    }
}

/// The place right before a moment, going back.
pub(super) fn before(window: Window, edge: Timestamp) -> Option<Cursor> {
    let last = edge.checked_sub(SignedDuration::from_millis(1)).ok()?;
    Some(Cursor { is_newest_first: true, window, last, given: 0 })
}

impl Page for Neighbours {
    fn documents(&self) -> usize {
        self.size.min(self.earlier.lines.len() + self.later.lines.len())
    }

    fn at(&self, documents: usize) -> View<'_> {
        let (earlier, later) = self.split(documents);
        let mut lines = Lines::new(&self.names);
        self.earlier.lines.iter().take(earlier).rev().for_each(|(_, row)| lines.push(row));
        self.later.lines.iter().take(later).for_each(|(_, row)| lines.push(row));
        let shown = (earlier + later) as u64;
        let left = (self.earlier.coming + self.later.coming).saturating_sub(shown);
        View { lines, documents: shown, left, cursor: self.cursor(earlier, later) }
    }

    fn map_text(&mut self, map: &mut TextMap<'_>) {
        let rows = self.earlier.lines.iter_mut().chain(&mut self.later.lines);
        rows.flat_map(|(_, row)| row).for_each(|cell| cell.map_text(map));
    }
}
