//! A structured answer, read by the names of its columns as a client would. What is absent reads as absent. Knows no tool.

use jiff::Timestamp;
use serde_json::Value;

/// One row of a table, whose columns that are equal in all rows lie apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Value,
    cells: &'a [Value],
}

/// The rows of a table; none where it is no table.
pub(crate) fn rows(table: &Value) -> impl Iterator<Item = Row<'_>> {
    let rows = table.get("rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    rows.iter().filter_map(move |cells| Some(Row { table, cells: cells.as_array()? }))
}

/// The rows of a section of an answer.
pub(crate) fn section<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = Row<'a>> + use<'a> {
    answer.get(name).into_iter().flat_map(rows)
}

/// A text at a path of keys.
pub(crate) fn text_at<'a>(answer: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(answer, path)?.as_str().filter(|text| !text.is_empty())
}

/// A number at a path of keys.
pub(crate) fn number_at(answer: &Value, path: &[&str]) -> Option<f64> {
    at(answer, path)?.as_f64()
}

/// A time at a path of keys.
pub(crate) fn time_at(answer: &Value, path: &[&str]) -> Option<Timestamp> {
    text_at(answer, path)?.parse().ok()
}

fn at<'a>(answer: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(answer, |value, key| value.get(key))
}

impl<'a> Row<'a> {
    /// The value of a column, wherever it stands; none for null.
    pub(crate) fn cell(self, column: &str) -> Option<&'a Value> {
        let position = self.table.get("columns")?.as_array()?.iter().position(|name| name.as_str() == Some(column));
        let cell = match position {
            Some(position) => self.cells.get(position),
            None => self.table.get("constants")?.get(column),
        };
        cell.filter(|cell| !cell.is_null())
    }

    /// A cell as text; a list's first value.
    pub(crate) fn text(self, column: &str) -> Option<String> {
        self.texts(column).into_iter().next()
    }

    /// A cell as a list of texts.
    pub(crate) fn texts(self, column: &str) -> Vec<String> {
        let one = |value: &Value| match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(bool) => Some(bool.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        match self.cell(column) {
            Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
            Some(value) => one(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A cell as a number.
    pub(crate) fn number(self, column: &str) -> Option<f64> {
        self.cell(column)?.as_f64()
    }

    /// A cell as a time.
    pub(crate) fn time(self, column: &str) -> Option<Timestamp> {
        self.cell(column)?.as_str()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_constant_column_reads_like_any_other_and_an_absent_one_as_absent() {
        let answer = json!({"columns": ["a", "b"], "rows": [["x", 1], [["y", "z"], null]], "constants": {"c": "2026-03-25T14:00:00Z"}});
        let rows: Vec<Row<'_>> = rows(&answer).collect();
        assert_eq!((rows[0].text("a"), rows[0].number("b")), (Some("x".to_owned()), Some(1.0)));
        assert_eq!((rows[1].texts("a"), rows[1].text("b"), rows[1].text("d")), (vec!["y".to_owned(), "z".to_owned()], None, None));
        assert_eq!(rows[1].time("c"), "2026-03-25T14:00:00Z".parse().ok());
        assert_eq!(section(&answer, "none").count(), 0);
        assert_eq!(text_at(&json!({"a": {"b": "c"}}), &["a", "b"]), Some("c"));
    }
}
