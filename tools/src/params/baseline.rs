//! What a window is compared with.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Moment, TimeSpan, Window, text::shown};
use crate::error::{Code, ToolError};

/// The window that another is compared with; the one before it unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Baseline {
    /// As long, and ending where the window starts.
    #[default]
    Previous,
    /// The same time of day, this much earlier.
    Earlier(TimeSpan),
    /// From here to there.
    Between {
        /// Its first moment.
        start: Moment,
        /// The first moment after it.
        end: Moment,
    },
    /// Nothing to compare with.
    Absent,
}

impl Baseline {
    /// The window to compare `window` with; none when no comparison is wanted.
    ///
    /// # Errors
    /// `bad_time` when a time cannot be read, the start is not before the end, or it leaves the calendar;
    /// `window_too_large` above `max_window_s` seconds.
    pub fn of(&self, window: Window, now: Timestamp, max_window_s: u64) -> Result<Option<Window>, ToolError> {
        let back = match self {
            Self::Absent => return Ok(None),
            Self::Between { start, end } => {
                let (start, end) = (start.resolve("baseline.start", now)?, end.resolve("baseline.end", now)?);
                return Window::checked("baseline.", start, end, max_window_s).map(Some);
            }
            Self::Previous => window.end().duration_since(window.start()),
            Self::Earlier(span) => span.duration(),
        };
        shifted(window, back).map(Some).ok_or_else(|| {
            ToolError::new(Code::BadTime, "`baseline` begins before the calendar does", "give a later window, or baseline `none`")
        })
    }
}

fn shifted(window: Window, back: SignedDuration) -> Option<Window> {
    Window::new(window.start().checked_sub(back).ok()?, window.end().checked_sub(back).ok()?)
}

impl<'de> Deserialize<'de> for Baseline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Baseline;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`previous`, `1d`, `7d`, `none`, or an object with `start` and `end`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Baseline, E> {
                match text.trim().to_ascii_lowercase().as_str() {
                    "previous" => Ok(Baseline::Previous),
                    "none" => Ok(Baseline::Absent),
                    // Some clients send an object as the text of its JSON.
                    object if object.starts_with('{') => {
                        serde_json::from_str::<Between>(text.trim()).map(Baseline::from).map_err(E::custom)
                    }
                    span => TimeSpan::parse(span)
                        .map(Baseline::Earlier)
                        .ok_or_else(|| E::custom(format_args!("`{}` is none of previous, 1d, 7d, none, {{start, end}}", shown(text)))),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Baseline, A::Error> {
                Between::deserialize(MapAccessDeserializer::new(map))
                    .map(Baseline::from)
                    .map_err(|error| A::Error::custom(format_args!("a range has `start` and `end`: {error}")))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    start: Moment,
    end: Moment,
}

impl From<Between> for Baseline {
    fn from(Between { start, end }: Between) -> Self {
        Self::Between { start, end }
    }
}

impl JsonSchema for Baseline {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Baseline".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            // Published with several tools, so each byte counts: that both are needed, and nothing else, the error says.
            { "type": "object", "properties": { "start": { "type": "string" }, "end": { "type": "string" } } }
        ] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn check(baseline: Value, expected: Result<Option<&str>, Code>) {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = Window::new(time("2026-03-25T13:00:00Z"), time("2026-03-25T14:00:00Z")).unwrap();
        let of = from_value::<Baseline>(baseline.clone()).unwrap().of(window, time("2026-03-25T15:00:00Z"), 7 * 86_400);
        let of = of.map(|of| of.map(|of| format!("{} {}", of.start(), of.end()))).map_err(|error| error.code);
        assert_eq!(of, expected.map(|of| of.map(str::to_owned)), "{baseline}");
    }

    #[test]
    fn a_baseline_is_a_window_as_it_was_asked_for() {
        check(json!("previous"), Ok(Some("2026-03-25T12:00:00Z 2026-03-25T13:00:00Z")));
        check(json!("1d"), Ok(Some("2026-03-24T13:00:00Z 2026-03-24T14:00:00Z")));
        check(json!("7d"), Ok(Some("2026-03-18T13:00:00Z 2026-03-18T14:00:00Z")));
        check(json!("none"), Ok(None));
        check(json!({"start": "2026-03-25", "end": "now-14h"}), Ok(Some("2026-03-25T00:00:00Z 2026-03-25T01:00:00Z")));
        check(json!("{\"start\": \"2026-03-25\", \"end\": \"now-14h\"}"), Ok(Some("2026-03-25T00:00:00Z 2026-03-25T01:00:00Z")));
        assert_eq!(Baseline::default(), Baseline::Previous);
    }

    #[test]
    fn a_baseline_that_is_no_window_is_refused() {
        check(json!({"start": "now", "end": "now-1h"}), Err(Code::BadTime));
        check(json!({"start": "soon", "end": "now"}), Err(Code::BadTime));
        check(json!({"start": "now-30d", "end": "now"}), Err(Code::WindowTooLarge));
        for baseline in [json!("before"), json!({"start": "now"}), json!({"start": "now", "end": "now", "to": 1}), json!([]), json!(5)] {
            assert!(from_value::<Baseline>(baseline.clone()).is_err(), "{baseline}");
        }
    }
}
