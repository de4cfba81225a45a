//! One value of an answer: how it is shortened, and how it reads as text and as JSON. Knows no table.

use std::{borrow::Cow, fmt::Write};

use jiff::Timestamp;

use crate::{
    answer::{
        clean::Clean,
        json::Json,
        moment::{Moments, push_int},
    },
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
    /// A text; the one before, where it reads the same, which then is not cleaned again.
    pub(crate) fn repeating_text(text: &str, before: Option<&Cell>) -> Self {
        match before {
            Some(Self::Text(known)) if known.is_of(text) => Self::Text(known.clone()),
            _ => Self::from(text),
        }
    }

    /// The values of a field; the text before, where they are one that reads the same.
    pub(crate) fn repeating(values: &[Value<'_>], before: Option<&Cell>) -> Self {
        match values {
            [Value::Text(text)] => Self::repeating_text(text, before),
            values => Self::from(values),
        }
    }

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
            Self::Text(text) => text.is_suspicious(),
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
    pub(super) fn write_text(&self, out: &mut String, clip: usize, moments: &mut Moments) {
        match self {
            _ if self.is_null() => out.push('-'),
            Self::Null => {}
            Self::Text(text) => {
                let (shown, missing) = head(text, clip);
                write_line(out, shown);
                missing.iter().for_each(|mark| out.push_str(mark));
            }
            Self::Int(number) => push_int(out, *number),
            Self::Float(number) => out.push_str(&number.to_string()),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Time(time) => moments.write(out, *time),
            Self::List(items) => {
                let shown = shown_items(items, clip);
                for (at, item) in items.iter().take(shown).enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write_text(out, clip, moments);
                }
                if shown < items.len() {
                    let _ = write!(out, ",…(+{})", items.len() - shown);
                }
            }
        }
    }

    /// As JSON.
    pub(super) fn write_json(&self, out: &mut Json, clip: usize) {
        match self {
            Self::Null => out.raw("null"),
            Self::Text(text) => match head(text, clip) {
                (text, None) => out.string(text),
                (head, Some(mark)) => out.string_of(&[head, &mark]),
            },
            Self::Int(number) => out.int(*number),
            #[expect(clippy::cast_possible_truncation, reason = "checked: whole and below 2^53")]
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => out.int(*number as i64),
            Self::Float(number) => out.value(number),
            Self::Bool(value) => out.raw(value),
            Self::Time(time) => out.moment(*time),
            Self::List(items) => out.list(|out| {
                let shown = shown_items(items, clip);
                items.iter().take(shown).for_each(|item| item.write_json(out, clip));
                if shown < items.len() {
                    out.string(&format!("…(+{})", items.len() - shown));
                }
            }),
        }
    }

    /// Bytes that it has as JSON at least.
    pub(super) fn least_json(&self, clip: usize) -> usize {
        match self {
            // Quotation marks; the head of a text that is cut ends up to three bytes early, before `…(+1 chars)`.
            Self::Text(text) if is_clipped(text, clip) => clip.saturating_sub(3) + 15,
            Self::Text(text) => text.len() + 2,
            Self::Null | Self::Bool(_) => 4,
            Self::Int(number) => 1 + number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize,
            Self::Float(_) => 1,
            Self::Time(_) => 22,
            Self::List(items) => 2 + items.iter().take(shown_items(items, clip)).map(|item| item.least_json(clip)).sum::<usize>(),
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
pub(super) fn write_line(out: &mut String, text: &str) {
    let mut from = 0;
    while let Some(at) = bytes::position(text.as_bytes(), from, |byte| (byte ^ b'\n').min(byte ^ b'\t')) {
        out.push_str(text.get(from..at).unwrap_or(""));
        out.push_str(if text.as_bytes().get(at) == Some(&b'\n') { "\\n" } else { "\\t" });
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or(""));
}

/// Bytes by which a text may exceed the limit before it is cut: the mark of a cut would be longer.
const SLACK: usize = 16;

fn is_clipped(text: &str, clip: usize) -> bool {
    text.len() > clip.saturating_add(SLACK)
}

/// The text; or its first `clip` bytes, and a mark of how many characters are missing.
fn head(text: &str, clip: usize) -> (&str, Option<String>) {
    if !is_clipped(text, clip) {
        return (text, None);
    }
    let boundary = (0..=clip).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (head, tail) = text.split_at_checked(boundary).unwrap_or((text, ""));
    (head, Some(format!("…(+{} chars)", tail.chars().count())))
}

/// The text, or its first `clip` bytes and how many characters are missing.
pub(super) fn shorten(text: &str, clip: usize) -> Cow<'_, str> {
    match head(text, clip) {
        (text, None) => Cow::Borrowed(text),
        (head, Some(mark)) => Cow::Owned([head, &mark].concat()),
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
        cell.write_text(&mut out, clip, &mut Moments::default());
        let mut written = Json::default();
        cell.write_json(&mut written, clip);
        assert_eq!((out.as_str(), written.text.as_str()), (text, json));
        assert!(cell.least_json(clip) <= json.len());
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
