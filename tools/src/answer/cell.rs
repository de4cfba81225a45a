//! One value of an answer: how it is shortened, and how it reads as text and as JSON. Knows no table.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    answer::{clean::Clean, suspicion::reads_like_instructions},
    bytes,
    look::{Key, Value},
    params::Level,
};

/// A value in a table or an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    /// Nothing.
    #[default]
    Null,
    /// Text.
    Text(Clean),
    /// A whole number.
    Int(i64),
    /// Any number; what is not finite reads as nothing.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A moment.
    Time(Timestamp),
    /// Several values.
    List(Vec<Cell>),
}

impl Cell {
    /// Whether there is nothing to show.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Float(number) => !number.is_finite(),
            Self::List(items) => items.is_empty(),
            Self::Text(_) | Self::Int(_) | Self::Bool(_) | Self::Time(_) => false,
        }
    }

    /// Whether a text in it reads like instructions to a model.
    pub(super) fn is_suspicious(&self) -> bool {
        match self {
            Self::Text(text) => reads_like_instructions(text),
            Self::List(items) => items.iter().any(Self::is_suspicious),
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Time(_) => false,
        }
    }

    /// Characters removed while cleaning.
    pub(super) fn removed(&self) -> u64 {
        match self {
            Self::Text(text) => u64::from(text.removed()),
            Self::List(items) => items.iter().map(Self::removed).sum(),
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Time(_) => 0,
        }
    }

    /// Whether it would be shortened to `clip` bytes.
    pub(super) fn is_clipped(&self, clip: usize) -> bool {
        match self {
            Self::Text(text) => is_clipped(text, clip),
            Self::List(items) => shown_items(items, clip) < items.len() || items.iter().any(|item| item.is_clipped(clip)),
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Time(_) => false,
        }
    }

    /// Shows every text in it to `map`, which may replace it.
    pub(crate) fn map_text(&mut self, map: &mut dyn FnMut(&str) -> Option<String>) {
        match self {
            Self::Text(text) => {
                if let Some(new) = map(text) {
                    text.set(new);
                }
            }
            Self::List(items) => items.iter_mut().for_each(|item| item.map_text(map)),
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Time(_) => {}
        }
    }

    /// As text on one line: line feeds and tabs escaped, lists joined by commas, nothing as `-`.
    pub(super) fn write_text(&self, out: &mut dyn Write, clip: usize) -> fmt::Result {
        match self {
            _ if self.is_null() => out.write_char('-'),
            Self::Null => Ok(()),
            Self::Text(text) => write_line(out, &shorten(text, clip)),
            Self::Int(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "{number}"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Time(time) => write!(out, "{time}"),
            Self::List(items) => {
                let shown = shown_items(items, clip);
                for (at, item) in items.iter().take(shown).enumerate() {
                    if at > 0 {
                        out.write_char(',')?;
                    }
                    item.write_text(out, clip)?;
                }
                if shown < items.len() { write!(out, ",…(+{})", items.len() - shown) } else { Ok(()) }
            }
        }
    }

    /// Bytes from which a clip no longer changes it.
    pub(super) fn extent(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items.iter().map(Self::weight).sum(),
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Time(_) => 0,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 3,
            Self::List(items) => items.iter().map(Self::weight).sum(),
            Self::Time(_) => 28,
            Self::Null | Self::Int(_) | Self::Float(_) | Self::Bool(_) => 8,
        }
    }
}

/// How many items of a list are shown in about `clip` bytes: one at least.
fn shown_items(items: &[Cell], clip: usize) -> usize {
    let mut used = 0;
    items
        .iter()
        .take_while(|item| {
            let fits = used < clip;
            used += item.weight();
            fits
        })
        .count()
}

/// Writes text on one line: what would break a line or a column is escaped.
pub(super) fn write_line(out: &mut dyn Write, text: &str) -> fmt::Result {
    let mut rest = text;
    if bytes::all(text.as_bytes(), |byte| byte != b'\n' && byte != b'\t') {
        return out.write_str(text);
    }
    while let Some(at) = rest.find(['\n', '\t']) {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        out.write_str(if special.starts_with('\n') { "\\n" } else { "\\t" })?;
        rest = special.get(1..).unwrap_or("");
    }
    out.write_str(rest)
}

/// Bytes by which a text may exceed the limit before it is cut: the mark of a cut would be longer.
const SLACK: usize = 16;

fn is_clipped(text: &str, clip: usize) -> bool {
    text.len() > clip.saturating_add(SLACK)
}

/// The text, or its first `clip` bytes and how many characters are missing.
pub(super) fn shorten(text: &str, clip: usize) -> Cow<'_, str> {
    if !is_clipped(text, clip) {
        return Cow::Borrowed(text);
    }
    let boundary = (0..=clip).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (head, tail) = text.split_at_checked(boundary).unwrap_or((text, ""));
    Cow::Owned(format!("{head}…(+{} chars)", tail.chars().count()))
}

/// A cell as JSON, shortened.
pub(super) struct Clipped<'a>(pub(super) &'a Cell, pub(super) usize);

impl Serialize for Clipped<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(cell, clip) = *self;
        match cell {
            Cell::Null => out.serialize_unit(),
            Cell::Text(text) => out.serialize_str(&shorten(text, clip)),
            Cell::Int(number) => out.serialize_i64(*number),
            #[expect(clippy::cast_possible_truncation, reason = "checked: whole and below 2^53")]
            Cell::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => out.serialize_i64(*number as i64),
            Cell::Float(number) => out.serialize_f64(*number),
            Cell::Bool(value) => out.serialize_bool(*value),
            Cell::Time(time) => out.collect_str(time),
            Cell::List(items) => {
                let shown = shown_items(items, clip);
                let mut list = out.serialize_seq(None)?;
                for item in items.iter().take(shown) {
                    list.serialize_element(&Clipped(item, clip))?;
                }
                if shown < items.len() {
                    list.serialize_element(&format_args!("…(+{})", items.len() - shown))?;
                }
                list.end()
            }
        }
    }
}

/// Six significant digits, and never less than two decimals: more would be noise that a model pays for.
fn round(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let decimals = (5.0 - number.abs().log10().floor()).max(2.0);
    let scale = 10f64.powf(decimals);
    let rounded = (number * scale).round() / scale;
    if rounded.is_finite() { rounded } else { number }
}

macro_rules! cell_from {
    ($($type:ty => $convert:expr),* $(,)?) => {
        $(impl From<$type> for Cell {
            fn from(value: $type) -> Self {
                #[allow(clippy::redundant_closure_call)]
                ($convert)(value)
            }
        })*
    };
}

cell_from! {
    &str => |text| Cell::Text(Clean::from(text)),
    String => |text| Cell::Text(Clean::from(text)),
    &String => |text| Cell::Text(Clean::from(text)),
    Cow<'_, str> => |text| Cell::Text(Clean::from(text)),
    Clean => Cell::Text,
    i64 => Cell::Int,
    i32 => |number| Cell::Int(i64::from(number)),
    u32 => |number| Cell::Int(i64::from(number)),
    u16 => |number| Cell::Int(i64::from(number)),
    u64 => |number| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX)),
    usize => |number| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX)),
    f64 => |number| Cell::Float(round(number)),
    bool => Cell::Bool,
    Timestamp => Cell::Time,
    Level => |level: Level| Cell::Text(Clean::from(level.as_str())),
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Cell>> From<Vec<T>> for Cell {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl From<&Value<'_>> for Cell {
    fn from(value: &Value<'_>) -> Self {
        match value {
            Value::Text(text) => text.as_ref().into(),
            Value::Number(number) => (*number).into(),
            Value::Int(number) => (*number).into(),
            Value::Bool(value) => (*value).into(),
        }
    }
}

/// One value as itself, several as a list, none as nothing.
impl From<&[Value<'_>]> for Cell {
    fn from(values: &[Value<'_>]) -> Self {
        match values {
            [] => Self::Null,
            [value] => value.into(),
            values => Self::List(values.iter().map(Into::into).collect()),
        }
    }
}

impl From<&Key> for Cell {
    fn from(key: &Key) -> Self {
        match key {
            Key::Text(text) => text.into(),
            Key::Number(number) => (*number).into(),
            Key::Int(number) => (*number).into(),
            Key::Time(time) => (*time).into(),
            Key::Parts(parts) => Self::List(parts.iter().map(|part| part.as_deref().into()).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: impl Into<Cell>, clip: usize, text: &str, json: &str) {
        let cell = cell.into();
        let mut out = String::new();
        cell.write_text(&mut out, clip).unwrap();
        assert_eq!((out.as_str(), serde_json::to_string(&Clipped(&cell, clip)).unwrap().as_str()), (text, json));
    }

    #[test]
    fn each_kind_of_value_reads_as_itself() {
        check(Cell::Null, 99, "-", "null");
        check("a\n\tb", 99, "a\\n\\tb", r#""a\n\tb""#);
        check(-3, 99, "-3", "-3");
        check(true, 99, "true", "true");
        check(vec!["a", "b"], 99, "a,b", r#"["a","b"]"#);
        check("2026-03-25T14:52:57.25Z".parse::<Timestamp>().unwrap(), 99, "2026-03-25T14:52:57.25Z", r#""2026-03-25T14:52:57.25Z""#);
        check(f64::NAN, 99, "-", "null");
    }

    #[test]
    fn numbers_keep_six_digits_or_two_decimals() {
        check(12.345_678_9, 99, "12.3457", "12.3457");
        check(0.000_123_456_78, 99, "0.000123457", "0.000123457");
        check(123_456_789.987_6, 99, "123456789.99", "123456789.99");
        check(3.0, 99, "3", "3");
        check(1.0 / 3.0, 99, "0.333333", "0.333333");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_says_how_much_is_missing() {
        check("x".repeat(30), 10, "xxxxxxxxxx…(+20 chars)", "\"xxxxxxxxxx…(+20 chars)\"");
        check("é".repeat(20), 11, "ééééé…(+15 chars)", "\"ééééé…(+15 chars)\"");
        check("x".repeat(26), 10, &"x".repeat(26), &format!("\"{}\"", "x".repeat(26)));
    }

    #[test]
    fn a_long_list_says_how_many_items_are_missing() {
        check(vec!["aaaaa"; 9], 16, "aaaaa,aaaaa,…(+7)", r#"["aaaaa","aaaaa","…(+7)"]"#);
    }
}
