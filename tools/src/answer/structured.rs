//! A scene as JSON: the published form of an answer. Decides nothing.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use crate::answer::{
    Cell, Hint,
    cell::{Clipped, shorten},
    scene::{Scene, Shown, ShownBody},
    table::Truncated,
};

impl Serialize for Scene<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let clip = self.cut.clip;
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("summary", &self.summary)?;
        if let Some(window) = &self.answer.window {
            map.serialize_entry("window", window)?;
        }
        if let Some(matched) = self.matched {
            let relation = if matched.at_least { "gte" } else { "eq" };
            map.serialize_entry("totals", &Totals { matched: matched.value, relation, returned: self.returned })?;
        }
        if let Some(table) = &self.main {
            write_table(&mut map, table, clip, self.cursor.is_some())?;
        }
        for section in &self.sections {
            map.serialize_entry(section.name, &Sectioned(&section.body, clip))?;
        }
        if let Some(cursor) = self.cursor {
            map.serialize_entry("next_cursor", cursor)?;
        }
        if self.answer.is_partial() {
            map.serialize_entry("partial", &Missing(self))?;
        }
        if !self.hints.is_empty() {
            map.serialize_entry("hints", &Hints(self.hints))?;
        }
        if self.hints_left() > 0 {
            map.serialize_entry("hints_left", &self.hints_left())?;
        }
        if !self.notes.is_empty() {
            map.serialize_entry("notes", &self.notes)?;
        }
        if self.cut.extras {
            if !self.answer.fields.is_empty() {
                map.serialize_entry("fields", &Fields(self))?;
            }
            if let Some(url) = &self.answer.kibana_url {
                map.serialize_entry("kibana_url", url.as_str())?;
            }
        }
        if let Some(dsl) = self.dsl {
            map.serialize_entry("dsl", dsl)?;
        }
        map.end()
    }
}

fn write_table<M: SerializeMap>(map: &mut M, table: &Shown<'_>, clip: usize, has_cursor: bool) -> Result<(), M::Error> {
    map.serialize_entry("columns", &Columns(table))?;
    map.serialize_entry("rows", &Body(table, clip))?;
    if !table.constants.is_empty() {
        map.serialize_entry("constants", &Pairs(&table.constants, clip, None))?;
    }
    if let Some(truncated) = table.truncated {
        map.serialize_entry("truncated", &Left(truncated, has_cursor))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Totals {
    matched: u64,
    relation: &'static str,
    returned: u64,
}

struct Columns<'a, 's>(&'s Shown<'a>);

impl Serialize for Columns<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.0.columns.iter().map(|(_, name)| name))
    }
}

struct Body<'a, 's>(&'s Shown<'a>, usize);

impl Serialize for Body<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut rows = out.serialize_seq(None)?;
        for row in self.0.rows {
            rows.serialize_element(&Columned(row, &self.0.columns, self.1))?;
        }
        rows.end()
    }
}

struct Columned<'a>(&'a [Cell], &'a [(usize, &'a str)], usize);

impl Serialize for Columned<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.1.iter().map(|(at, _)| Clipped(self.0.get(*at).unwrap_or(&Cell::Null), self.2)))
    }
}

struct Pairs<'a>(&'a [(&'a str, &'a Cell)], usize, Option<Truncated>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        for (name, cell) in self.0 {
            map.serialize_entry(name, &Clipped(cell, self.1))?;
        }
        if let Some(truncated) = self.2 {
            map.serialize_entry("truncated", &Left(truncated, false))?;
        }
        map.end()
    }
}

struct Sectioned<'a, 's>(&'s ShownBody<'a>, usize);

impl Serialize for Sectioned<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ShownBody::Object { pairs, truncated } => Pairs(pairs, self.1, *truncated).serialize(out),
            ShownBody::Table(table) => {
                let mut map = out.serialize_map(None)?;
                write_table(&mut map, table, self.1, false)?;
                map.end()
            }
        }
    }
}

struct Left(Truncated, bool);

impl Serialize for Left {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(3))?;
        map.serialize_entry("left", &self.0.left)?;
        map.serialize_entry("why", self.0.why)?;
        map.serialize_entry("how", Truncated::how(self.0.why, self.1))?;
        map.end()
    }
}

struct Missing<'a, 's>(&'s Scene<'a>);

impl Serialize for Missing<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Failure<'a> {
            index: &'a str,
            reason: &'a str,
        }
        let Scene { answer, cut, .. } = self.0;
        let failures = &answer.partial.failed_shards;
        let shown: Vec<_> = failures
            .iter()
            .take(cut.shards)
            .map(|failure| (shown_name(&failure.index, cut.clip), shown_name(&failure.reason, cut.clip)))
            .collect();
        let shown: Vec<_> = shown.iter().map(|(index, reason)| Failure { index, reason }).collect();
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("timed_out", &answer.partial.timed_out)?;
        map.serialize_entry("failed_shards", &shown)?;
        if failures.len() > shown.len() {
            map.serialize_entry("failed_shards_left", &(failures.len() - shown.len()))?;
        }
        map.end()
    }
}

/// A name from the engine, clean and short.
pub(super) fn shown_name(name: &str, clip: usize) -> String {
    shorten(&super::clean(name).0, clip).replace(['\n', '\t'], " ")
}

struct Hints<'a>(&'a [Hint]);

impl Serialize for Hints<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.0)
    }
}

impl Serialize for Hint {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        struct Arguments<'a>(&'a Hint);
        impl Serialize for Arguments<'_> {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_map(self.0.arguments.iter().map(|(name, value)| (name, value)))
            }
        }
        let mut map = out.serialize_map(Some(3))?;
        map.serialize_entry("tool", self.tool)?;
        map.serialize_entry("arguments", &Arguments(self))?;
        map.serialize_entry("why", self.why.as_str())?;
        map.end()
    }
}

struct Fields<'a, 's>(&'s Scene<'a>);

impl Serialize for Fields<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.answer.fields.iter().map(|(role, field)| (role.as_str(), shorten(field, self.0.cut.clip))))
    }
}
