//! A scene as text: what a model reads. One line a fact, one line a row; nothing from a document can begin a line of ours.

use std::fmt::Write;

use serde_json::Value;

use crate::answer::{
    Cell, Hint,
    cell::write_line,
    moment::Moments,
    scene::{Scene, ShownBody},
    sheet::Shown,
    structured::shown_name,
    table::Truncated,
};

/// How the lines begin that are not rows. A row that begins like one of them gets a backslash in front.
const LABELS: [&str; 10] =
    ["window ", "matched ", "all rows:", "left out: ", "incomplete: ", "note: ", "fields:", "next: ", "cursor=", "kibana: "];

impl Scene<'_> {
    /// Writes it.
    pub(super) fn write_text(&self, out: &mut String) {
        let moments = &mut Moments::default();
        write_line(out, &self.summary);
        self.write_extent(out, moments);
        if let Some(table) = &self.main {
            self.write_table(out, table, self.cursor.is_some(), moments);
        }
        for section in &self.sections {
            let _ = write!(out, "\n{}:", section.name);
            match &section.body {
                ShownBody::Table(table) => self.write_table(out, table, false, moments),
                ShownBody::Object { pairs, truncated } => {
                    self.write_pairs(out, pairs, moments);
                    write_left(out, *truncated, false);
                }
            }
        }
        self.write_missing(out);
        for note in &self.notes {
            out.push_str("\nnote: ");
            write_line(out, note);
        }
        if self.cut.extras {
            self.write_extras(out);
        }
        for hint in self.hints {
            write_hint(out, hint);
        }
        if self.hints_left() > 0 {
            let _ = write!(out, "\nleft out: {} next calls", self.hints_left());
        }
        if let Some(cursor) = self.cursor {
            out.push_str("\ncursor=");
            write_line(out, cursor);
        }
        if let Some(dsl) = self.dsl {
            out.push_str("\ndsl: ");
            write_line(out, dsl.get());
        }
    }

    fn write_extent(&self, out: &mut String, moments: &mut Moments) {
        let mut separator = "\n";
        if let Some(window) = &self.answer.window {
            out.push_str("\nwindow ");
            moments.write(out, window.start());
            out.push('/');
            moments.write(out, window.end());
            separator = "\t";
        }
        if let Some(matched) = self.matched {
            let sign = if matched.at_least { "≥" } else { "" };
            let _ = write!(out, "{separator}matched {sign}{}\treturned {}", matched.value, self.returned);
        }
    }

    fn write_table(&self, out: &mut String, table: &Shown<'_>, has_cursor: bool, moments: &mut Moments) {
        if !table.constants.is_empty() {
            out.push_str("\nall rows:");
            self.write_pairs(out, &table.constants, moments);
        }
        if table.rows > 0 {
            let shared: Vec<String> = table.columns.iter().map(|(at, _)| table.shared_time(*at)).collect();
            for (at, ((_, name), shared)) in table.columns.iter().zip(&shared).enumerate() {
                out.push(if at == 0 { '\n' } else { '\t' });
                write_line(out, name);
                if !shared.is_empty() {
                    let _ = write!(out, " ({shared}…Z)");
                }
            }
            for row in 0..table.rows {
                for (at, ((_, cell), shared)) in table.row(row).zip(&shared).enumerate() {
                    out.push(if at == 0 { '\n' } else { '\t' });
                    if at == 0 && self.reads_as_ours(cell) {
                        out.push('\\');
                    }
                    self.write_cell(out, cell, shared, moments);
                }
            }
        }
        write_left(out, table.truncated, has_cursor);
    }

    fn write_cell(&self, out: &mut String, cell: &Cell, shared: &str, moments: &mut Moments) {
        let from = out.len();
        cell.write_text(out, self.cut.clip, moments);
        let own = out.get(from..).and_then(|time| time.strip_prefix(shared)?.strip_suffix('Z')).map(str::len);
        if let (Cell::Time(_), Some(_), false) = (cell, own, shared.is_empty()) {
            out.replace_range(from..from + shared.len(), "");
            out.pop();
        }
    }

    fn reads_as_ours(&self, cell: &Cell) -> bool {
        let text = match cell {
            Cell::Text(text) => text.as_str(),
            Cell::List(items) => return items.first().is_some_and(|item| self.reads_as_ours(item)),
            Cell::Null | Cell::Int(_) | Cell::Float(_) | Cell::Bool(_) | Cell::Time(_) => return false,
        };
        // Most differ in the first byte already.
        let begins = |label: &str| label.as_bytes().first() == text.as_bytes().first() && text.starts_with(label);
        let is_label = LABELS.iter().any(|label| begins(label)) || begins("dsl: ");
        is_label || self.sections.iter().any(|section| begins(section.name) && text.as_bytes().get(section.name.len()) == Some(&b':'))
    }

    /// Pairs on the line that was begun, each after a tab.
    fn write_pairs(&self, out: &mut String, pairs: &[(&str, &Cell)], moments: &mut Moments) {
        for (name, cell) in pairs {
            out.push('\t');
            write_line(out, name);
            out.push('=');
            cell.write_text(out, self.cut.clip, moments);
        }
    }

    fn write_missing(&self, out: &mut String) {
        let partial = &self.answer.partial;
        if !partial.is_partial() {
            return;
        }
        out.push_str("\nincomplete: ");
        if partial.timed_out {
            out.push_str("the search was stopped at its time limit");
        }
        for (at, failure) in partial.failed_shards.iter().take(self.cut.shards).enumerate() {
            let separator = match (at, partial.timed_out) {
                (0, true) => "; failed shards: ",
                (0, false) => "failed shards: ",
                _ => ", ",
            };
            let (index, reason) = (shown_name(&failure.index, self.cut.clip), shown_name(&failure.reason, self.cut.clip));
            let _ = write!(out, "{separator}{index} ({reason})");
        }
        match partial.failed_shards.len().saturating_sub(self.cut.shards) {
            0 => {}
            left => {
                let _ = write!(out, " and {left} more");
            }
        }
    }

    fn write_extras(&self, out: &mut String) {
        if !self.answer.fields.is_empty() {
            out.push_str("\nfields:");
            for (role, field) in &self.answer.fields {
                out.push(' ');
                write_line(out, role);
                out.push('=');
                write_line(out, &super::cell::shorten(field, self.cut.clip));
            }
        }
        if let Some(url) = &self.answer.kibana_url {
            out.push_str("\nkibana: ");
            write_line(out, url);
        }
    }
}

fn write_left(out: &mut String, truncated: Option<Truncated>, has_cursor: bool) {
    if let Some(Truncated { left, why }) = truncated {
        let _ = write!(out, "\nleft out: {left} ({why}): {}", Truncated::how(why, has_cursor));
    }
}

fn write_hint(out: &mut String, hint: &Hint) {
    let _ = write!(out, "\nnext: {}", hint.tool);
    for (name, value) in &hint.arguments {
        let _ = write!(out, " {name}=");
        write_argument(out, value);
    }
    if hint.why.is_empty() {
        return;
    }
    out.push_str(" — ");
    write_line(out, &hint.why);
}

/// A value as it is typed: bare where it can be, in quotation marks where it has blanks, as JSON where it is nested.
fn write_argument(out: &mut String, value: &Value) {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | '[' | '{')) => {
            out.push_str(text);
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_argument(out, item);
            }
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
}
