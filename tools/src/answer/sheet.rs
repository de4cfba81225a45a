//! Rows with what is known of their columns, so that a cut is decided without looking at every cell again. Writes nothing.

use jiff::Timestamp;

use crate::answer::{Cell, Lines, Table, Truncated};

/// Rows that can be shown in part.
#[derive(Debug, Default)]
pub(super) struct Sheet<'a> {
    pub(super) lines: Lines<'a>,
    /// What the tool itself left out.
    truncated: Option<Truncated>,
    columns: Vec<Column>,
    /// The rows that read like instructions to a model, counted from 0.
    pub(super) suspicious: Vec<usize>,
    /// Characters removed while cleaning.
    pub(super) removed: u64,
    /// Bytes of its longest cell.
    pub(super) extent: usize,
}

/// From which row on a column says something, and something else than in the first row.
#[derive(Debug, Clone, Copy)]
struct Column {
    said: usize,
    varied: usize,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(lines: Lines<'a>) -> Self {
        let never = Column { said: usize::MAX, varied: usize::MAX };
        let mut sheet = Self { columns: vec![never; lines.width()], lines, ..Self::default() };
        for at in 0..sheet.lines.rows.len() {
            let mut is_suspicious = false;
            for (number, column) in sheet.columns.iter_mut().enumerate() {
                let cell = sheet.lines.cell(at, number);
                if column.said == usize::MAX && !cell.is_null() {
                    column.said = at;
                }
                if column.varied == usize::MAX && at > 0 && cell != sheet.lines.cell(0, number) {
                    column.varied = at;
                }
                is_suspicious |= cell.is_suspicious();
                sheet.removed += cell.removed();
                sheet.extent = sheet.extent.max(cell.extent());
            }
            if is_suspicious {
                sheet.suspicious.push(at);
            }
        }
        sheet
    }

    pub(super) fn of(table: &'a Table) -> Self {
        let mut lines = Lines::new(&table.columns);
        table.rows.iter().for_each(|row| lines.push(row));
        Self { truncated: table.truncated, ..Self::new(lines) }
    }

    /// The first `rows` rows, under at most so many columns.
    pub(super) fn shown(&self, rows: usize, columns: usize) -> Shown<'_> {
        let rows = rows.min(self.lines.rows.len());
        let mut constants: Vec<(usize, &str, &Cell)> = Vec::new();
        let mut varying = Vec::with_capacity(self.columns.len().min(columns));
        let mut said = 0;
        for (at, (name, column)) in self.lines.names().zip(&self.columns).enumerate() {
            if rows == 0 {
                if at < columns {
                    varying.push((at, name));
                }
                continue;
            }
            if column.said >= rows {
                continue;
            }
            said += 1;
            if said > columns {
                continue;
            }
            if rows > 1 && column.varied >= rows {
                constants.push((at, name, self.lines.cell(0, at)));
            } else {
                varying.push((at, name));
            }
        }
        // Rows without a single column would not read as rows.
        if varying.is_empty() && !constants.is_empty() {
            let (at, name, _) = constants.remove(0);
            varying.push((at, name));
        }
        Shown {
            lines: &self.lines,
            columns: varying,
            constants: constants.into_iter().map(|(_, name, cell)| (name, cell)).collect(),
            rows,
            truncated: joined(self.lines.rows.len() - rows, self.truncated),
            columns_left: said.saturating_sub(columns),
        }
    }
}

/// Rows cut for the budget, and what the tool itself left out.
pub(super) fn joined(cut: usize, own: Option<Truncated>) -> Option<Truncated> {
    match (cut as u64, own) {
        (0, own) => own,
        (cut, own) => Some(Truncated { left: cut + own.map_or(0, |own| own.left), why: "max_tokens" }),
    }
}

/// A table as shown: columns that say nothing are gone, those that say one thing are constants.
pub(super) struct Shown<'a> {
    lines: &'a Lines<'a>,
    /// Index and name of each column that is left.
    pub(super) columns: Vec<(usize, &'a str)>,
    pub(super) constants: Vec<(&'a str, &'a Cell)>,
    /// How many rows.
    pub(super) rows: usize,
    pub(super) truncated: Option<Truncated>,
    /// Columns that were cut.
    pub(super) columns_left: usize,
}

impl<'a> Shown<'a> {
    /// The cells of a row under the columns that are left.
    pub(super) fn row(&self, at: usize) -> impl Iterator<Item = (usize, &'a Cell)> + '_ {
        self.columns.iter().map(move |(column, _)| (*column, self.lines.cell(at, *column)))
    }

    /// The part that all times of a column share, up to a whole hour or minute; empty when there is too little of it.
    pub(super) fn shared_time(&self, column: usize) -> String {
        let cells = || (0..self.rows).map(|at| self.lines.cell(at, column));
        let moments = || {
            cells().filter_map(|cell| match cell {
                Cell::Time(time) => Some(*time),
                _ => None,
            })
        };
        let (Some(first), Some(last)): (Option<Timestamp>, Option<Timestamp>) = (moments().min(), moments().max()) else {
            return String::new();
        };
        let found = moments().count();
        if found < 2 || found != cells().filter(|cell| !cell.is_null()).count() {
            return String::new();
        }
        let (first, last) = (first.to_string(), last.to_string());
        // 2026-03-25T14:52:57Z: whole are the day (11 bytes), the hour (14), the minute (17).
        let shared = [17, 14, 11].into_iter().find_map(|end| {
            let head = first.get(..end).filter(|head| head.get(10..11) == Some("T"))?;
            last.starts_with(head).then(|| head.to_owned())
        });
        shared.unwrap_or_default()
    }

    /// How many cells are shortened to `clip` bytes.
    pub(super) fn clips(&self, clip: usize) -> usize {
        let cells = (0..self.rows).flat_map(|at| self.row(at)).map(|(_, cell)| cell);
        cells.chain(self.constants.iter().map(|(_, cell)| *cell)).filter(|cell| cell.is_clipped(clip)).count()
    }

    /// Bytes that its rows have as JSON at least. Looks no further than to the row with which they are more than `limit`.
    pub(super) fn least_json(&self, clip: usize, limit: usize) -> usize {
        let mut bytes = 0;
        for at in 0..self.rows {
            // Brackets and commas, of the row and between its cells.
            bytes += self.columns.len() + 2;
            bytes += self.row(at).map(|(_, cell)| cell.least_json(clip)).sum::<usize>();
            if bytes > limit {
                break;
            }
        }
        bytes
    }
}
