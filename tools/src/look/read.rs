//! One document of a reply, read in terms of roles.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Field, Hit, Value, moments::Moments};
use crate::{
    bytes,
    dsl::{HitReply, Text},
    params::Level,
    schema::{FieldInfo, Group, Role},
};

/// How the documents of a group are read.
pub(super) struct Reading<'g> {
    time: Option<&'g FieldInfo>,
    /// Each wanted field, and the places where it may lie.
    wanted: Vec<(&'g Field, &'g [FieldInfo])>,
    span_names: &'g [FieldInfo],
    durations: &'g [FieldInfo],
    messages: &'g [FieldInfo],
    moments: Moments,
}

impl<'g> Reading<'g> {
    /// Reads these fields.
    pub(super) fn new(wanted: &'g [Field], group: &'g Group) -> Self {
        let of = |role: Role| group.fields(&Field::Role(role));
        Self {
            time: of(Role::Time).first(),
            wanted: wanted.iter().map(|field| (field, group.fields(field))).collect(),
            span_names: of(Role::SpanName),
            durations: of(Role::Duration),
            messages: of(Role::Message),
            moments: Moments::default(),
        }
    }

    /// Reads a hit: the wanted fields, in that order, each from the first place that has a value.
    pub(super) fn hit<'a>(&self, reply: &HitReply<'a>) -> Hit<'a> {
        let time = self.time.and_then(|field| {
            let raw = reply.fields.get(&field.name)?;
            match (field.epoch, single_plain(raw.get())) {
                (None, Some(text)) => self.moments.read(text),
                _ => time(raw, field),
            }
        });
        let mut values = Vec::with_capacity(self.wanted.len().min(reply.fields.0.len()));
        for (field, places) in &self.wanted {
            let found = places.iter().find_map(|info| {
                let read = read(reply.fields.get(&info.name)?, info);
                (!read.is_empty()).then_some(read)
            });
            if let Some(mut found) = found {
                if **field == Field::Role(Role::Level) {
                    found.iter_mut().for_each(|value| *value = as_level(std::mem::replace(value, Value::Bool(false))));
                }
                values.push(((*field).clone(), found));
            }
        }
        let has = |places: &[FieldInfo]| places.iter().any(|info| reply.fields.get(&info.name).is_some());
        let is_span = has(self.span_names) && has(self.durations) && !has(self.messages);
        Hit { index: reply.index.0.clone(), id: reply.id.0.clone(), time, values, source: reply.source, is_span }
    }
}

/// A level as answers write it.
fn as_level(stored: Value<'_>) -> Value<'_> {
    match Level::parse(&stored.text()) {
        Some(level) => Value::Text(Cow::Borrowed(level.as_str())),
        None => match stored {
            Value::Text(text) => Value::Text(text),
            Value::Number(_) | Value::Int(_) | Value::Bool(_) => Value::Text(Cow::Owned(stored.text().into_owned())),
        },
    }
}

/// The first value of a field that holds moments.
pub(super) fn time(raw: &RawValue, field: &FieldInfo) -> Option<Timestamp> {
    if field.epoch.is_none()
        && let Some(text) = single_plain(raw.get())
    {
        return text.parse().ok();
    }
    let first = first(raw)?;
    match field.epoch {
        None => match value(first) {
            Value::Text(text) => text.parse().ok(),
            Value::Int(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
            Value::Number(_) | Value::Bool(_) => None,
        },
        Some(unit) => match value(first) {
            Value::Int(number) => unit.read_int(number),
            Value::Number(number) => unit.read(number),
            Value::Text(text) => text.parse().ok().and_then(|number| unit.read(number)),
            Value::Bool(_) => None,
        },
    }
}

fn first(raw: &RawValue) -> Option<&RawValue> {
    match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
        Ok(list) => list.into_iter().next(),
        Err(_) => Some(raw),
    }
}

/// All values of a field. `null` is no value.
fn read<'a>(raw: &'a RawValue, info: &FieldInfo) -> Vec<Value<'a>> {
    if let Some(text) = single_plain(raw.get()) {
        return vec![adapt(Value::Text(Cow::Borrowed(text)), info)];
    }
    let list = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_else(|_| vec![raw]);
    list.into_iter().filter(|raw| raw.get() != "null").map(|raw| adapt(value(raw), info)).collect()
}

/// The text of a list of one string without escapes: what nearly every field of a hit is.
fn single_plain(list: &str) -> Option<&str> {
    let text = list.strip_prefix("[\"")?.strip_suffix("\"]")?;
    (!bytes::any(text.as_bytes(), |byte| (byte ^ b'"').min(byte ^ b'\\'))).then_some(text)
}

/// A value in the unit and spelling that answers use.
fn adapt<'a>(value: Value<'a>, info: &FieldInfo) -> Value<'a> {
    if let Some(to_ms) = info.to_ms
        && let Some(number) = value.number()
    {
        return Value::Number(number * to_ms);
    }
    if let (Some(scale), Value::Int(number)) = (info.level_scale, &value)
        && let Some(level) = scale.level(*number)
    {
        return Value::Text(Cow::Borrowed(level.as_str()));
    }
    value
}

/// Reads one JSON value; an object or a list stays JSON text.
fn value(raw: &RawValue) -> Value<'_> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<Text<'_>>(text) {
            Ok(Text(text)) => Value::Text(text),
            Err(_) => Value::Text(Cow::Borrowed(text)),
        },
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'-' | b'0'..=b'9') => match text.parse::<i64>() {
            Ok(number) => Value::Int(number),
            Err(_) => match text.parse::<f64>() {
                // A whole number beyond i64 is an id: its digits count.
                Ok(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => Value::Text(Cow::Borrowed(text)),
                Ok(number) => Value::Number(number),
                Err(_) => Value::Text(Cow::Borrowed(text)),
            },
        },
        _ => Value::Text(Cow::Borrowed(text)),
    }
}

/// A level as answers write it: the known word for every spelling, anything else as stored.
pub(super) fn level_word(stored: &str) -> String {
    Level::parse(stored).map_or_else(|| stored.to_owned(), |level| level.as_str().to_owned())
}
