//! One field: its type, and how a value is read as that type. Knows no other field but its multi-fields.

use std::{net::IpAddr, sync::Arc};

use super::{Raw, Value};
use crate::time;

/// A field's number within its index, under which its values are stored: names can hold any character, this cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FieldId(pub(crate) u32);

/// How a date field's mapping wants its values read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DateFormat {
    /// `date_nanos`; a `date` keeps milliseconds only.
    pub(crate) nanos: bool,
    /// Numbers are seconds, not milliseconds.
    pub(crate) seconds: bool,
    /// How it is written.
    pub(crate) output: Output,
}

/// How a date is written when the request does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Output {
    /// As RFC 3339.
    #[default]
    Iso,
    /// `epoch_millis`.
    Millis,
    /// `epoch_second`.
    Seconds,
}

impl Output {
    /// Writes milliseconds since the epoch.
    pub(crate) fn write(self, millis: i64) -> String {
        match self {
            Self::Iso => time::format_millis(millis),
            Self::Millis => millis.to_string(),
            Self::Seconds => millis.div_euclid(1_000).to_string(),
        }
    }
}

/// What a field's values are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Exact strings.
    Keyword,
    /// One string in all documents, once it is known.
    Constant(Option<String>),
    /// Addresses.
    Ip,
    /// Analysed text.
    Text,
    /// `byte` to `long`.
    Integer,
    /// `unsigned_long`.
    Unsigned,
    /// `half_float` to `double`.
    Float,
    /// `scaled_float` with its factor.
    Scaled(f64),
    /// Booleans.
    Boolean,
    /// `date` and `date_nanos`: nanoseconds since the epoch.
    Date(DateFormat),
    /// A type that is kept in `_source` only.
    Opaque,
}

/// A field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Its number as a path of the columns and of the text index.
    pub(crate) key: Box<str>,
    pub(crate) name: String,
    /// Where its values are in a document: its name, or for a multi-field that of the field above.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// The type's family, as `_field_caps` names it.
    pub(crate) type_name: &'static str,
    /// Longer strings are not indexed.
    pub(crate) ignore_above: Option<usize>,
    pub(crate) searchable: bool,
    pub(crate) has_doc_values: bool,
    /// Made from a value, and so allowed to widen.
    pub(crate) is_dynamic: bool,
    pub(crate) is_key_of_flattened: bool,
    pub(crate) multi_fields: Vec<Arc<Field>>,
}

/// A value that is no value of the field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit;

impl Field {
    pub(crate) fn new(id: FieldId, name: String, kind: Kind, type_name: &'static str) -> Self {
        Self {
            key: format!("f{}", id.0).into(),
            path: name.clone(),
            name,
            kind,
            type_name,
            ignore_above: None,
            searchable: true,
            has_doc_values: true,
            is_dynamic: false,
            is_key_of_flattened: false,
            multi_fields: Vec::new(),
        }
    }

    /// Whether it can be sorted and grouped by.
    pub(crate) fn is_aggregatable(&self) -> bool {
        self.has_doc_values && !matches!(self.kind, Kind::Text | Kind::Opaque)
    }

    /// Whether its values are numbers to a metric: dates and booleans are.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Integer | Kind::Unsigned | Kind::Float | Kind::Scaled(_) | Kind::Boolean | Kind::Date(_))
    }

    /// Reads a value of a document. `None`: too long to be indexed.
    pub(crate) fn read<'a>(&self, raw: &'a Raw<'a>) -> Result<Option<Value<'a>>, Misfit> {
        match &self.kind {
            Kind::Keyword | Kind::Constant(_) => {
                let text = raw.to_text();
                let limit = self.ignore_above.unwrap_or(usize::MAX);
                // The longest term that Elasticsearch's index takes, in bytes.
                let fits = text.len() <= 32_766 && (text.len() <= limit || text.encode_utf16().count() <= limit);
                Ok(fits.then_some(Value::Text(text)))
            }
            Kind::Text => Ok(Some(Value::Text(raw.to_text()))),
            Kind::Ip => match raw {
                Raw::Text(text) => text.trim().parse::<IpAddr>().map(|ip| Some(Value::Text(canonical(ip).into()))).map_err(|_| Misfit),
                _ => Err(Misfit),
            },
            Kind::Integer => raw.to_integer().map(|value| Some(Value::Int(value))).ok_or(Misfit),
            Kind::Unsigned => raw.to_unsigned().map(|value| Some(Value::Unsigned(value))).ok_or(Misfit),
            Kind::Float => raw.to_float().map(|value| Some(Value::Float(value))).ok_or(Misfit),
            Kind::Scaled(factor) => raw.to_float().map(|value| Some(Value::Float((value * factor).round() / factor))).ok_or(Misfit),
            Kind::Boolean => match raw {
                Raw::Bool(value) => Ok(Some(Value::Bool(*value))),
                Raw::Text(text) => match text.as_ref() {
                    "true" => Ok(Some(Value::Bool(true))),
                    "false" | "" => Ok(Some(Value::Bool(false))),
                    _ => Err(Misfit),
                },
                _ => Err(Misfit),
            },
            Kind::Date(format) => read_date(raw, *format).map(|span| Some(Value::Int(span.first))).ok_or(Misfit),
            Kind::Opaque => Ok(None),
        }
    }

    /// How a date is written, in its own format or as RFC 3339 with the precision it has.
    pub(crate) fn write_date(&self, nanos: i64, as_time: bool) -> String {
        match &self.kind {
            Kind::Date(format) if !as_time && format.output != Output::Iso => format.output.write(time::to_millis(nanos)),
            Kind::Date(format) if !format.nanos => time::format_millis(time::to_millis(nanos)),
            _ => time::format_nanos(nanos),
        }
    }
}

/// Reads a date: a text, or a number since the epoch. A `date` is cut to milliseconds.
pub(crate) fn read_date(raw: &Raw<'_>, format: DateFormat) -> Option<time::Span> {
    let span = match raw {
        Raw::Text(text) => match time::parse_iso(text).or_else(|| time::parse_slashes(text)) {
            Some(span) => span,
            None => since_epoch(&Raw::number(text)?, format)?,
        },
        Raw::Bool(_) => return None,
        number => since_epoch(number, format)?,
    };
    if format.nanos {
        return Some(span);
    }
    let first = time::from_millis(time::to_millis(span.first))?;
    let last = time::from_millis(time::to_millis(span.last))?.checked_add(time::MILLI - 1)?;
    Some(time::Span { first, last })
}

fn since_epoch(number: &Raw<'_>, format: DateFormat) -> Option<time::Span> {
    let unit: i64 = if format.seconds { 1_000_000_000 } else { 1_000_000 };
    let first = match number {
        Raw::Int(value) => value.checked_mul(unit)?,
        Raw::Float(value) => {
            let (whole, fraction) = (value.floor(), value - value.floor());
            if whole.abs() > 9e15 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "both are within range: checked above, and a fraction of a unit")]
            #[expect(clippy::cast_precision_loss, reason = "a unit is exact")]
            let (whole, nanos) = (whole as i64, (fraction * unit as f64).round() as i64);
            whole.checked_mul(unit)?.checked_add(nanos)?
        }
        _ => return None,
    };
    Some(time::Span { first, last: first.checked_add(time::MILLI - 1)? })
}

/// An address in one form, so that equal addresses are equal strings.
pub(crate) fn canonical(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}
