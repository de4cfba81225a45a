//! Sizes, flags and budgets: valid once built, whether written as numbers or as strings of digits. Never clamps.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use super::text::{Text, shown};

/// From 1 to `MAX`; `DEFAULT` when absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounded<const DEFAULT: u32, const MAX: u32>(u32);

/// How many groups or patterns: 10 by default, at most 100.
pub type Top = Bounded<10, 100>;

/// How many rows: 50 by default, at most 500.
pub type Size = Bounded<50, 500>;

impl<const DEFAULT: u32, const MAX: u32> Bounded<DEFAULT, MAX> {
    /// The number.
    pub fn value(self) -> u32 {
        self.0
    }
}

impl<const DEFAULT: u32, const MAX: u32> Default for Bounded<DEFAULT, MAX> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de, const DEFAULT: u32, const MAX: u32> Deserialize<'de> for Bounded<DEFAULT, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(&Text::deserialize(deserializer)?, 1, MAX).map(Self).map_err(D::Error::custom)
    }
}

/// Reads a whole number from `min` to `max`.
fn whole(text: &Text, min: u32, max: u32) -> Result<u32, String> {
    let written = text.as_str();
    let number: f64 = written.parse().map_err(|_| format!("`{}` is no whole number", shown(written)))?;
    if number.fract() != 0.0 || !number.is_finite() {
        return Err(format!("`{}` is no whole number", shown(written)));
    }
    if number < f64::from(min) {
        return Err(format!("{} is below the least, {min}", shown(written)));
    }
    if number > f64::from(max) {
        return Err(format!("{} is above the cap, {max}", shown(written)));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and within the bounds of u32")]
    Ok(number as u32)
}

impl<const DEFAULT: u32, const MAX: u32> JsonSchema for Bounded<DEFAULT, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Bounded{DEFAULT}To{MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        if MAX == u32::MAX {
            // No cap, only the end of the type.
            return json_schema!({ "type": "integer", "minimum": 1, "default": DEFAULT });
        }
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX, "default": DEFAULT })
    }
}

/// How many tokens an answer may have: at least 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenBudget(u32);

impl TokenBudget {
    /// The smallest budget.
    pub const LEAST: u32 = 500;

    /// The number of tokens.
    pub fn value(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for TokenBudget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(&Text::deserialize(deserializer)?, Self::LEAST, u32::MAX).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for TokenBudget {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "TokenBudget".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Published with every tool, so each byte counts: the error names the least.
        json_schema!({ "type": "integer" })
    }
}

/// Yes or no; no when absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        match text.as_str().to_ascii_lowercase().as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(D::Error::custom(format_args!("`{}` is neither true nor false", shown(text.as_str())))),
        }
    }
}

impl JsonSchema for Flag {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Flag".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn top(value: Value) -> Result<u32, String> {
        from_value::<Top>(value).map(Top::value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_size_is_a_number_or_digits_within_its_bounds() {
        for (written, size) in [(json!(1), 1), (json!(100), 100), (json!("25"), 25), (json!(5.0), 5)] {
            assert_eq!(top(written), Ok(size));
        }
        assert_eq!(Top::default().value(), 10);
    }

    #[test]
    fn a_size_outside_its_bounds_is_refused_not_clamped() {
        for (written, why) in [
            (json!(0), "0 is below the least, 1"),
            (json!(-1), "-1 is below the least, 1"),
            (json!(101), "101 is above the cap, 100"),
            (json!(1_000_000_000), "1000000000 is above the cap, 100"),
            (json!("1e9"), "1e9 is above the cap, 100"),
            (json!(2.5), "`2.5` is no whole number"),
            (json!("NaN"), "`NaN` is no whole number"),
            (json!("ten"), "`ten` is no whole number"),
        ] {
            assert_eq!(top(written).unwrap_err(), why);
        }
        assert!(top(json!([])).is_err());
    }

    #[test]
    fn a_flag_is_a_boolean_or_its_word() {
        for (written, flag) in [(json!(true), true), (json!("false"), false), (json!("TRUE"), true)] {
            assert_eq!(from_value::<Flag>(written).unwrap().0, flag);
        }
        assert!(from_value::<Flag>(json!("yes")).is_err());
    }

    #[test]
    fn a_budget_below_500_tokens_is_refused() {
        assert_eq!(from_value::<TokenBudget>(json!("500")).unwrap().value(), 500);
        assert!(from_value::<TokenBudget>(json!(499)).unwrap_err().to_string().contains("the least, 500"));
    }
}
