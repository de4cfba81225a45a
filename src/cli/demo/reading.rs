//! A structured answer, read by the names of its columns as a client would. Knows no tool.

use serde_json::Value;

/// The structured content of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading(pub(super) Value);

/// One row of a table, whose columns that are equal in all rows lie apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Value,
    cells: Option<&'a Value>,
}

impl Reading {
    /// The one-line finding.
    pub(super) fn summary(&self) -> &str {
        self.0.get("summary").and_then(Value::as_str).unwrap_or_default()
    }

    /// The rows of the main table.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        rows(&self.0)
    }
}

fn rows(table: &Value) -> Vec<Row<'_>> {
    let rows = table.get("rows").and_then(Value::as_array);
    rows.map(|rows| rows.iter().map(|cells| Row { table, cells: Some(cells) }).collect()).unwrap_or_default()
}

impl<'a> Row<'a> {
    fn cell(self, column: &str) -> Option<&'a Value> {
        let position = self.table.get("columns")?.as_array()?.iter().position(|name| name.as_str() == Some(column));
        match position {
            Some(position) => self.cells?.get(position).filter(|cell| !cell.is_null()),
            None => self.table.get("constants")?.get(column),
        }
    }

    /// A cell as text; a list's first value; nothing where there is none.
    pub(super) fn text(self, column: &str) -> String {
        match self.cell(column) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(list)) => list.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// A cell as a number; 0 where there is none.
    pub(super) fn number(self, column: &str) -> f64 {
        self.cell(column).and_then(Value::as_f64).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_constant_column_reads_like_any_other() {
        let reading = Reading(json!({"columns": ["a", "b"], "rows": [["x", 1], [["y", "z"], null]], "constants": {"c": "same"}}));
        let rows = reading.rows();
        assert_eq!((rows[0].text("a"), rows[0].number("b"), rows[0].text("c")), ("x".to_owned(), 1.0, "same".to_owned()));
        assert_eq!((rows[1].text("a"), rows[1].text("b"), rows[1].text("d")), ("y".to_owned(), String::new(), String::new()));
    }
}
