//! A scene as text: what a model reads. One line a fact, one line a row; nothing from a document can begin a line of ours.

use std::fmt::{self, Write};

use serde_json::Value;

use crate::answer::{
    Cell, Hint,
    cell::write_line,
    scene::{Scene, Shown, ShownBody},
    structured::shown_name,
    table::Truncated,
};

/// How the lines begin that are not rows. A row that begins like one of them gets a backslash in front.
const LABELS: [&str; 10] =
    ["window ", "matched ", "all rows:", "left out: ", "incomplete: ", "note: ", "fields:", "next: ", "cursor=", "kibana: "];

impl Scene<'_> {
    /// Writes it.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> fmt::Result {
        write_line(out, &self.summary)?;
        self.write_extent(out)?;
        if let Some(table) = &self.main {
            self.write_table(out, table, self.cursor.is_some())?;
        }
        for section in &self.sections {
            write!(out, "\n{}:", section.name)?;
            match &section.body {
                ShownBody::Table(table) => self.write_table(out, table, false)?,
                ShownBody::Object { pairs, truncated } => {
                    self.write_pairs(out, pairs)?;
                    write_left(out, *truncated, false)?;
                }
            }
        }
        self.write_missing(out)?;
        for note in &self.notes {
            out.write_str("\nnote: ")?;
            write_line(out, note)?;
        }
        if self.cut.extras {
            self.write_extras(out)?;
        }
        for hint in self.hints {
            write_hint(out, hint)?;
        }
        if self.hints_left() > 0 {
            write!(out, "\nleft out: {} next calls", self.hints_left())?;
        }
        if let Some(cursor) = self.cursor {
            out.write_str("\ncursor=")?;
            write_line(out, cursor)?;
        }
        if let Some(dsl) = self.dsl {
            out.write_str("\ndsl: ")?;
            write_line(out, dsl.get())?;
        }
        Ok(())
    }

    fn write_extent(&self, out: &mut dyn Write) -> fmt::Result {
        let mut separator = "\n";
        if let Some(window) = &self.answer.window {
            write!(out, "\nwindow {}/{}", window.start(), window.end())?;
            separator = "\t";
        }
        if let Some(matched) = self.matched {
            let sign = if matched.at_least { "≥" } else { "" };
            write!(out, "{separator}matched {sign}{}\treturned {}", matched.value, self.returned)?;
        }
        Ok(())
    }

    fn write_table(&self, out: &mut dyn Write, table: &Shown<'_>, has_cursor: bool) -> fmt::Result {
        if !table.constants.is_empty() {
            out.write_str("\nall rows:")?;
            self.write_pairs(out, &table.constants)?;
        }
        if !table.rows.is_empty() {
            let shared: Vec<String> = table.columns.iter().map(|(at, _)| table.shared_time(*at)).collect();
            for (at, ((_, name), shared)) in table.columns.iter().zip(&shared).enumerate() {
                out.write_char(if at == 0 { '\n' } else { '\t' })?;
                write_line(out, name)?;
                if !shared.is_empty() {
                    write!(out, " ({shared}…Z)")?;
                }
            }
            for row in table.rows {
                for (at, ((column, _), shared)) in table.columns.iter().zip(&shared).enumerate() {
                    out.write_char(if at == 0 { '\n' } else { '\t' })?;
                    let cell = row.get(*column).unwrap_or(&Cell::Null);
                    if at == 0 && self.reads_as_ours(cell) {
                        out.write_char('\\')?;
                    }
                    self.write_cell(out, cell, shared)?;
                }
            }
        }
        write_left(out, table.truncated, has_cursor)
    }

    fn write_cell(&self, out: &mut dyn Write, cell: &Cell, shared: &str) -> fmt::Result {
        match cell {
            Cell::Time(time) if !shared.is_empty() => {
                let time = time.to_string();
                let own = time.strip_prefix(shared).and_then(|own| own.strip_suffix('Z'));
                out.write_str(own.unwrap_or(&time))
            }
            _ => cell.write_text(out, self.cut.clip),
        }
    }

    fn reads_as_ours(&self, cell: &Cell) -> bool {
        let text = match cell {
            Cell::Text(text) => text.as_str(),
            Cell::List(items) => return items.first().is_some_and(|item| self.reads_as_ours(item)),
            Cell::Null | Cell::Int(_) | Cell::Float(_) | Cell::Bool(_) | Cell::Time(_) => return false,
        };
        let is_label = LABELS.iter().any(|label| text.starts_with(label)) || text.starts_with("dsl: ");
        is_label || self.sections.iter().any(|section| text.strip_prefix(section.name).is_some_and(|rest| rest.starts_with(':')))
    }

    /// Pairs on the line that was begun, each after a tab.
    fn write_pairs(&self, out: &mut dyn Write, pairs: &[(&str, &Cell)]) -> fmt::Result {
        for (name, cell) in pairs {
            out.write_char('\t')?;
            write_line(out, name)?;
            out.write_char('=')?;
            cell.write_text(out, self.cut.clip)?;
        }
        Ok(())
    }

    fn write_missing(&self, out: &mut dyn Write) -> fmt::Result {
        let partial = &self.answer.partial;
        if !partial.is_partial() {
            return Ok(());
        }
        out.write_str("\nincomplete: ")?;
        if partial.timed_out {
            out.write_str("the search was stopped at its time limit")?;
        }
        for (at, failure) in partial.failed_shards.iter().take(self.cut.shards).enumerate() {
            let separator = match (at, partial.timed_out) {
                (0, true) => "; failed shards: ",
                (0, false) => "failed shards: ",
                _ => ", ",
            };
            let (index, reason) = (shown_name(&failure.index, self.cut.clip), shown_name(&failure.reason, self.cut.clip));
            write!(out, "{separator}{index} ({reason})")?;
        }
        match partial.failed_shards.len().saturating_sub(self.cut.shards) {
            0 => Ok(()),
            left => write!(out, " and {left} more"),
        }
    }

    fn write_extras(&self, out: &mut dyn Write) -> fmt::Result {
        if !self.answer.fields.is_empty() {
            out.write_str("\nfields:")?;
            for (role, field) in &self.answer.fields {
                out.write_char(' ')?;
                write_line(out, role)?;
                out.write_char('=')?;
                write_line(out, &super::cell::shorten(field, self.cut.clip))?;
            }
        }
        match &self.answer.kibana_url {
            Some(url) => {
                out.write_str("\nkibana: ")?;
                write_line(out, url)
            }
            None => Ok(()),
        }
    }
}

fn write_left(out: &mut dyn Write, truncated: Option<Truncated>, has_cursor: bool) -> fmt::Result {
    match truncated {
        None => Ok(()),
        Some(Truncated { left, why }) => write!(out, "\nleft out: {left} ({why}): {}", Truncated::how(why, has_cursor)),
    }
}

fn write_hint(out: &mut dyn Write, hint: &Hint) -> fmt::Result {
    write!(out, "\nnext: {}", hint.tool)?;
    for (name, value) in &hint.arguments {
        write!(out, " {name}=")?;
        write_argument(out, value)?;
    }
    if hint.why.is_empty() {
        return Ok(());
    }
    out.write_str(" — ")?;
    write_line(out, &hint.why)
}

/// A value as it is typed: bare where it can be, in quotation marks where it has blanks, as JSON where it is nested.
fn write_argument(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | '[' | '{')) => {
            out.write_str(text)
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.write_char(',')?;
                }
                write_argument(out, item)?;
            }
            Ok(())
        }
        _ => write!(out, "{value}"),
    }
}
