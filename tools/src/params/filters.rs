//! `filters`: conditions as field, operator and value. Knows no engine; the types of fields are found out later.

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use super::{condition, text::shown};
use crate::{
    dsl::Scalar,
    error::{Code, ToolError},
    look::{Field, Filter},
};

/// How many conditions a call may have.
const MAX_FILTERS: usize = 100;

/// How many values the conditions of a call may have in all.
const MAX_VALUES: usize = 1_000;

/// One condition.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `field`, `op` and `value`")]
pub struct FieldFilter {
    /// A role or a field.
    pub field: String,
    /// How the value is compared.
    #[serde(default)]
    pub op: Operator,
    /// What with.
    #[serde(default)]
    pub value: Option<Values>,
}

/// Reads a list of conditions: a JSON list, one condition, or the text of either, which some clients send.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<FieldFilter>>, D::Error> {
    let written = serde_json::Value::deserialize(deserializer)?;
    let written = match written {
        serde_json::Value::String(text) => serde_json::from_str(&text)
            .map_err(|_| D::Error::custom("it is a string; give a list of objects with `field`, `op` and `value`"))?,
        other => other,
    };
    let conditions = match written {
        serde_json::Value::Array(conditions) => conditions,
        condition => vec![condition],
    };
    let read = |condition: serde_json::Value| {
        if condition.as_object().is_some_and(|condition| !condition.contains_key("field")) {
            return Err(D::Error::custom("a condition has no `field`"));
        }
        FieldFilter::deserialize(condition).map_err(D::Error::custom)
    };
    conditions.into_iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The field has this value, or one of these.
    #[default]
    #[serde(alias = "eq", alias = "=", alias = "==")]
    Is,
    /// The field has none of these values.
    #[serde(alias = "ne", alias = "neq", alias = "!=", alias = "not")]
    IsNot,
    /// The field has one of these values.
    #[serde(alias = "in")]
    OneOf,
    /// The field has a value.
    Exists,
    /// The field has no value.
    #[serde(alias = "not_exists")]
    Missing,
    /// A value begins with this.
    Prefix,
    /// The text has these words, in this order.
    Contains,
    /// Greater than.
    #[serde(alias = ">")]
    Gt,
    /// Greater than or equal.
    #[serde(alias = ">=")]
    Gte,
    /// Less than.
    #[serde(alias = "<")]
    Lt,
    /// Less than or equal.
    #[serde(alias = "<=")]
    Lte,
}

impl Operator {
    const ALL: [Self; 11] = [
        Self::Is,
        Self::IsNot,
        Self::OneOf,
        Self::Exists,
        Self::Missing,
        Self::Prefix,
        Self::Contains,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
    ];

    /// The word that callers write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is_not",
            Self::OneOf => "one_of",
            Self::Exists => "exists",
            Self::Missing => "missing",
            Self::Prefix => "prefix",
            Self::Contains => "contains",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
        }
    }
}

/// One value or several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a value is a string, a number, a boolean, or a list of these")]
pub enum Values {
    /// One.
    One(Value),
    /// Several.
    Many(Vec<Value>),
}

/// A value as JSON writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a value is a string, a number or a boolean")]
pub enum Value {
    /// `true`, `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond `i64`.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
}

impl Value {
    fn scalar(&self) -> Scalar {
        match self {
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Int(value) => Scalar::Int(*value),
            Self::Unsigned(value) => Scalar::Unsigned(*value),
            Self::Float(value) => Scalar::Float(*value),
            Self::Text(value) => Scalar::Text(value.clone()),
        }
    }
}

impl Values {
    fn list(&self) -> &[Value] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Checks the number of conditions and of values.
pub(super) fn check(filters: &[FieldFilter]) -> Result<(), ToolError> {
    if filters.len() > MAX_FILTERS {
        return Err(ToolError::new(
            Code::BadArgument,
            format!("`filters` has {} conditions; at most {MAX_FILTERS} are accepted", filters.len()),
            "join values of one field in a single condition with op `one_of`",
        ));
    }
    let values: usize = filters.iter().filter_map(|filter| filter.value.as_ref()).map(|values| values.list().len()).sum();
    if values > MAX_VALUES {
        return Err(ToolError::new(
            Code::BadArgument,
            format!("`filters` has {values} values in all; at most {MAX_VALUES} are accepted"),
            "ask in several calls, or describe the values by a prefix or a range",
        ));
    }
    Ok(())
}

impl FieldFilter {
    /// The condition as one line, for the answer that says which condition left nothing.
    pub fn written(&self) -> String {
        let values = self.value.as_ref().map(Values::list).unwrap_or_default();
        let values: Vec<String> = values.iter().take(5).map(|value| shown(&value.scalar().to_string())).collect();
        let written = format!("{} {} {}", shown(&self.field), self.op.as_str(), values.join(", "));
        written.trim_end().to_owned()
    }

    /// What the condition means at the time `now`.
    ///
    /// # Errors
    /// `bad_argument` or `bad_time` when the value does not go with the operator or the field.
    pub fn filter(&self, now: Timestamp) -> Result<Filter, ToolError> {
        let name = self.field.trim();
        if name.is_empty() || name.len() > 512 {
            return Err(self.wrong("the field's name is empty or longer than 512 bytes", "describe_fields lists roles and fields"));
        }
        let field = Field::parse(name);
        let values = match &self.value {
            // The schema publishes a string, so a list may come as one.
            Some(Values::One(Value::Text(list))) if self.op == Operator::OneOf => {
                list.split(',').map(str::trim).filter(|value| !value.is_empty()).map(Scalar::from).collect()
            }
            values => values.as_ref().map(Values::list).unwrap_or_default().iter().map(Value::scalar).collect::<Vec<_>>(),
        };
        for value in &values {
            if let Scalar::Text(text) = value
                && (text.len() > 4_096
                    || (text.is_empty() && self.op != Operator::Is && self.op != Operator::IsNot && self.op != Operator::OneOf))
            {
                return Err(self.wrong("the value is empty or longer than 4,096 bytes", "give a shorter value, or leave the condition out"));
            }
        }
        match self.op {
            Operator::Exists | Operator::Missing => self.presence(field, &values),
            Operator::Is | Operator::OneOf => self.any_of(&field, values, now),
            Operator::IsNot => self.any_of(&field, values, now).map(Filter::negated),
            Operator::Prefix => self.each(values, |text| Filter::Prefix(field.clone(), text)),
            Operator::Contains => self.each(values, |text| Filter::Contains(field.clone(), text)),
            Operator::Gt => self.compare(field, condition::Comparison::Greater, &values, now),
            Operator::Gte => self.compare(field, condition::Comparison::GreaterOrEqual, &values, now),
            Operator::Lt => self.compare(field, condition::Comparison::Less, &values, now),
            Operator::Lte => self.compare(field, condition::Comparison::LessOrEqual, &values, now),
        }
    }

    fn presence(&self, field: Field, values: &[Scalar]) -> Result<Filter, ToolError> {
        let is_wanted = match values {
            [] => true,
            [Scalar::Bool(wanted)] => *wanted,
            [Scalar::Text(text)] if text.eq_ignore_ascii_case("true") => true,
            [Scalar::Text(text)] if text.eq_ignore_ascii_case("false") => false,
            _ => return Err(self.wrong("this operator takes no value", "leave `value` out, or use op `is`")),
        };
        let exists = Filter::Exists(field);
        Ok(if is_wanted == (self.op == Operator::Exists) { exists } else { exists.negated() })
    }

    fn any_of(&self, field: &Field, values: Vec<Scalar>, now: Timestamp) -> Result<Filter, ToolError> {
        if values.is_empty() {
            return Err(self.wrong("a value is missing", "give `value`, or use op `exists` or `missing`"));
        }
        condition::is(field, values, now)
    }

    fn each(&self, values: Vec<Scalar>, filter: impl Fn(String) -> Filter) -> Result<Filter, ToolError> {
        let mut filters: Vec<Filter> = values.into_iter().map(|value| filter(value.to_string())).collect();
        match filters.len() {
            0 => Err(self.wrong("a value is missing", "give `value`, or use op `exists` or `missing`")),
            1 => Ok(filters.swap_remove(0)),
            _ => Ok(Filter::Or(filters)),
        }
    }

    fn compare(&self, field: Field, comparison: condition::Comparison, values: &[Scalar], now: Timestamp) -> Result<Filter, ToolError> {
        match values {
            [value] => condition::compare(field, vec![(comparison, value.clone())], now),
            _ => Err(self.wrong("this operator takes exactly one value", "give one `value`; use two conditions for a range")),
        }
    }

    fn wrong(&self, why: &str, next_step: &str) -> ToolError {
        ToolError::new(Code::BadArgument, format!("`filters`: `{}`: {why}", self.written()), next_step)
    }
}

impl JsonSchema for FieldFilter {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "FieldFilter".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = Operator::ALL.map(Operator::as_str);
        // Published with every tool, so each byte counts: what a value may be beyond a string, serde says.
        json_schema!({
            "type": "object",
            "properties": {
                "field": { "type": "string" },
                "op": { "type": "string", "enum": words },
                "value": { "type": "string" }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{dsl::Range, params::Level, schema::Role};

    const NOW: &str = "2026-03-25T14:52:57Z";

    fn read(condition: serde_json::Value) -> Result<Filter, ToolError> {
        serde_json::from_value::<FieldFilter>(condition).unwrap().filter(NOW.parse().unwrap())
    }

    fn named(name: &str) -> Field {
        Field::Named(name.to_owned())
    }

    #[test]
    fn each_operator_has_its_filter() {
        let range = |range: Range| Filter::Range(named("code"), range);
        for (condition, filter) in [
            (json!({"field": "code", "value": 5}), Filter::Is(named("code"), vec![Scalar::Int(5)])),
            (json!({"field": "code", "op": "is", "value": "5"}), Filter::Is(named("code"), vec!["5".into()])),
            (json!({"field": "code", "op": "is", "value": ["a", true]}), Filter::Is(named("code"), vec!["a".into(), Scalar::Bool(true)])),
            (json!({"field": "code", "op": "is_not", "value": 5.5}), Filter::Is(named("code"), vec![Scalar::Float(5.5)]).negated()),
            (json!({"field": "code", "op": "one_of", "value": ["a", "b"]}), Filter::Is(named("code"), vec!["a".into(), "b".into()])),
            (json!({"field": "code", "op": "one_of", "value": "a, b"}), Filter::Is(named("code"), vec!["a".into(), "b".into()])),
            (json!({"field": "code", "op": "exists"}), Filter::Exists(named("code"))),
            (json!({"field": "code", "op": "exists", "value": false}), Filter::Exists(named("code")).negated()),
            (json!({"field": "code", "op": "missing"}), Filter::Exists(named("code")).negated()),
            (json!({"field": "code", "op": "prefix", "value": "a"}), Filter::Prefix(named("code"), "a".into())),
            (json!({"field": "code", "op": "contains", "value": "a b"}), Filter::Contains(named("code"), "a b".into())),
            (json!({"field": "code", "op": "gt", "value": 1}), range(Range { gt: Some(1.into()), ..Range::default() })),
            (json!({"field": "code", "op": "gte", "value": "1"}), range(Range { gte: Some("1".into()), ..Range::default() })),
            (json!({"field": "code", "op": "lt", "value": 1}), range(Range { lt: Some(1.into()), ..Range::default() })),
            (json!({"field": "code", "op": "lte", "value": 1}), range(Range { lte: Some(1.into()), ..Range::default() })),
        ] {
            assert_eq!(read(condition.clone()), Ok(filter), "{condition}");
        }
    }

    #[test]
    fn levels_times_and_durations_are_read_as_such() {
        let time = |range: Range| Filter::Range(Role::Time.into(), Range { is_time: true, ..range });
        for (condition, filter) in [
            (json!({"field": "level", "value": "WARNING"}), Filter::Levels(vec![Level::Warn])),
            (json!({"field": "level", "op": "gte", "value": "error"}), Filter::Levels(vec![Level::Error, Level::Fatal])),
            (
                json!({"field": "@timestamp", "op": "gte", "value": "now-15m"}),
                time(Range { gte: Some("2026-03-25T14:37:57Z".into()), ..Range::default() }),
            ),
            (
                json!({"field": "time", "op": "lt", "value": 1_774_450_377}),
                time(Range { lt: Some("2026-03-25T14:52:57Z".into()), ..Range::default() }),
            ),
            (
                json!({"field": "duration_ms", "op": "gt", "value": "2s"}),
                Filter::Range(Role::Duration.into(), Range { gt: Some(Scalar::Float(2_000.0)), ..Range::default() }),
            ),
        ] {
            assert_eq!(read(condition.clone()), Ok(filter), "{condition}");
        }
    }

    #[test]
    fn a_value_that_does_not_go_with_its_operator_is_refused() {
        for condition in [
            json!({"field": "a"}),
            json!({"field": "", "value": 1}),
            json!({"field": "a", "op": "gt", "value": [1, 2]}),
            json!({"field": "a", "op": "gt"}),
            json!({"field": "a", "op": "prefix", "value": ""}),
            json!({"field": "a", "op": "exists", "value": "b"}),
            json!({"field": "a", "op": "is", "value": []}),
            json!({"field": "a", "op": "is", "value": "x".repeat(5_000)}),
            json!({"field": "time", "op": "gt", "value": "soon"}),
            json!({"field": "level", "op": "gt", "value": "loud"}),
        ] {
            let error = read(condition.clone()).unwrap_err();
            assert!(matches!(error.code, Code::BadArgument | Code::BadTime), "{condition} {error}");
            assert!(!error.next_step.is_empty());
        }
    }

    #[test]
    fn too_many_conditions_are_refused_with_the_cap() {
        let one: FieldFilter = serde_json::from_value(json!({"field": "a", "value": 1})).unwrap();
        assert!(check(&vec![one.clone(); 100]).is_ok());
        assert!(check(&vec![one; 500]).unwrap_err().message.contains("500 conditions; at most 100"));
        let many: FieldFilter = serde_json::from_value(json!({"field": "a", "value": vec![1; 1_001]})).unwrap();
        assert!(check(&[many]).unwrap_err().message.contains("at most 1000"));
    }
}
