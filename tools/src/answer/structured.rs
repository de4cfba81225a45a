//! A scene as JSON: the published form of an answer. Decides nothing.

use crate::answer::{
    Cell, Hint,
    cell::shorten,
    json::Json,
    scene::{Scene, ShownBody},
    sheet::Shown,
    table::Truncated,
};

impl Scene<'_> {
    /// Writes it; no further than to the row with which it has more than `limit` bytes, and is then no JSON.
    pub(super) fn write_json(&self, out: &mut Json, limit: usize) {
        out.object(|out| self.write_members(out, limit));
    }

    fn write_members(&self, out: &mut Json, limit: usize) {
        let clip = self.cut.clip;
        out.key("summary");
        out.string(&self.summary);
        if let Some(window) = &self.answer.window {
            out.key("window");
            out.object(|out| {
                out.key("start");
                out.moment(window.start());
                out.key("end");
                out.moment(window.end());
            });
        }
        if let Some(matched) = self.matched {
            out.key("totals");
            out.object(|out| {
                out.key("matched");
                out.raw(matched.value);
                out.key("relation");
                out.string(if matched.at_least { "gte" } else { "eq" });
                out.key("returned");
                out.raw(self.returned);
            });
        }
        if let Some(table) = &self.main {
            write_table(out, table, clip, self.cursor.is_some(), limit);
        }
        for section in &self.sections {
            out.key(section.name);
            out.object(|out| match &section.body {
                ShownBody::Object { pairs, truncated } => {
                    write_pairs(out, pairs, clip);
                    write_left(out, *truncated, false);
                }
                ShownBody::Table(table) => write_table(out, table, clip, false, limit),
            });
        }
        if let Some(cursor) = self.cursor {
            out.key("next_cursor");
            out.string(cursor);
        }
        if self.answer.is_partial() {
            self.write_partial(out);
        }
        self.write_hints(out);
        if !self.notes.is_empty() {
            out.key("notes");
            out.list(|out| self.notes.iter().for_each(|note| out.string(note)));
        }
        if self.cut.extras {
            self.write_fields(out);
        }
        if let Some(dsl) = self.dsl {
            out.key("dsl");
            out.raw(dsl.get());
        }
    }

    fn write_partial(&self, out: &mut Json) {
        let Scene { answer, cut, .. } = self;
        let failures = &answer.partial.failed_shards;
        out.key("partial");
        out.object(|out| {
            out.key("timed_out");
            out.raw(answer.partial.timed_out);
            out.key("failed_shards");
            out.list(|out| {
                for failure in failures.iter().take(cut.shards) {
                    out.object(|out| {
                        out.key("index");
                        out.string(&shown_name(&failure.index, cut.clip));
                        out.key("reason");
                        out.string(&shown_name(&failure.reason, cut.clip));
                    });
                }
            });
            if failures.len() > cut.shards {
                out.key("failed_shards_left");
                out.raw(failures.len() - cut.shards);
            }
        });
    }

    fn write_hints(&self, out: &mut Json) {
        if !self.hints.is_empty() {
            out.key("hints");
            out.list(|out| self.hints.iter().for_each(|hint| hint.write_json(out)));
        }
        if self.hints_left() > 0 {
            out.key("hints_left");
            out.raw(self.hints_left());
        }
    }

    fn write_fields(&self, out: &mut Json) {
        if !self.answer.fields.is_empty() {
            out.key("fields");
            out.object(|out| {
                for (role, field) in &self.answer.fields {
                    out.key(role);
                    out.string(&shorten(field, self.cut.clip));
                }
            });
        }
        if let Some(url) = &self.answer.kibana_url {
            out.key("kibana_url");
            out.string(url);
        }
    }
}

impl Hint {
    fn write_json(&self, out: &mut Json) {
        out.object(|out| {
            out.key("tool");
            out.string(self.tool);
            out.key("arguments");
            out.object(|out| {
                for (name, value) in &self.arguments {
                    out.key(name);
                    out.raw(value);
                }
            });
            out.key("why");
            out.string(&self.why);
        });
    }
}

fn write_table(out: &mut Json, table: &Shown<'_>, clip: usize, has_cursor: bool, limit: usize) {
    out.key("columns");
    out.list(|out| table.columns.iter().for_each(|(_, name)| out.string(name)));
    out.key("rows");
    out.list(|out| {
        for at in 0..table.rows {
            out.list(|out| table.row(at).for_each(|(_, cell)| cell.write_json(out, clip)));
            if out.text.len() > limit {
                break;
            }
        }
    });
    if !table.constants.is_empty() {
        out.key("constants");
        out.object(|out| write_pairs(out, &table.constants, clip));
    }
    write_left(out, table.truncated, has_cursor);
}

fn write_pairs(out: &mut Json, pairs: &[(&str, &Cell)], clip: usize) {
    for (name, cell) in pairs {
        out.key(name);
        cell.write_json(out, clip);
    }
}

fn write_left(out: &mut Json, truncated: Option<Truncated>, has_cursor: bool) {
    let Some(Truncated { left, why }) = truncated else { return };
    out.key("truncated");
    out.object(|out| {
        out.key("left");
        out.raw(left);
        out.key("why");
        out.string(why);
        out.key("how");
        out.string(Truncated::how(why, has_cursor));
    });
}

/// A name from the engine, clean and short.
pub(super) fn shown_name(name: &str, clip: usize) -> String {
    shorten(&super::clean(name).0, clip).replace(['\n', '\t'], " ")
}
