//! The two forms of a line in the log: text for people, and ECS JSON, which their own cluster reads. Knows no event by name.
//!
//! Whatever a client or a cluster sent may stand in a line, so every value is cleaned: none can end a line, forge another or
//! move a terminal's cursor.

use std::{
    fmt::{self, Write as _},
    io::IsTerminal as _,
};

use elk_mcp_tools::answer::clean;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::config::arguments::LogFormat;

/// The version of ECS whose names are used.
const ECS_VERSION: &str = "9.2.0";
/// The longest value, in bytes: more is cut, and the cut is told.
const LONGEST_VALUE: usize = 4_096;

/// Writes events in one of the forms.
pub(super) struct Form {
    format: LogFormat,
    is_coloured: bool,
}

impl Form {
    /// A form for standard error.
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format, is_coloured: std::io::stderr().is_terminal() }
    }
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        match self.format {
            LogFormat::Json => {
                let line = ecs(Timestamp::now(), metadata.level(), metadata.target(), fields);
                writeln!(writer, "{}", Value::Object(line))
            }
            LogFormat::Text => {
                let line = text(Timestamp::now(), metadata.level(), fields, self.is_coloured);
                writeln!(writer, "{line}")
            }
        }
    }
}

/// What an event says, cleaned.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn text(&mut self, field: &Field, value: &str) {
        let value = tamed(value);
        match field.name() {
            "message" => self.message = value,
            name => self.others.push((name, value.into())),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.others.push((field.name(), u64::try_from(value).unwrap_or(u64::MAX).into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), value.into()));
    }
}

/// A value on one line, without characters that hide, reorder or forge.
fn tamed(value: &str) -> String {
    let mut end = LONGEST_VALUE.min(value.len());
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let (kept, _) = value.split_at_checked(end).unwrap_or((value, ""));
    let mut tamed = clean(kept).0.replace(['\n', '\t'], " ");
    if end < value.len() {
        let _ = write!(tamed, "… ({} bytes more)", value.len() - end);
    }
    tamed
}

/// The line as ECS has it. Names without a dot are ours, and so below `elk_mcp`.
fn ecs(time: Timestamp, level: &Level, target: &str, fields: Fields) -> Map<String, Value> {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| {
        line.insert(name.to_owned(), value);
    };
    put("@timestamp", format!("{time:.3}").into());
    put("log.level", level.as_str().to_ascii_lowercase().into());
    put("message", fields.message.into());
    put("ecs.version", ECS_VERSION.into());
    put("service.name", "elk-mcp".into());
    put("service.version", env!("CARGO_PKG_VERSION").into());
    put("log.logger", target.into());
    for (name, value) in fields.others {
        match name {
            "error" => put("error.message", value),
            _ if name.contains('.') => put(name, value),
            _ => put(&format!("elk_mcp.{name}"), value),
        }
    }
    line
}

/// The line for people: short names, and milliseconds.
fn text(time: Timestamp, level: &Level, fields: Fields, is_coloured: bool) -> String {
    let mut line = format!("{time:.3} ");
    let _ = match (is_coloured, *level) {
        (true, Level::ERROR) => write!(line, "\u{1b}[31m{level:>5}\u{1b}[0m"),
        (true, Level::WARN) => write!(line, "\u{1b}[33m{level:>5}\u{1b}[0m"),
        _ => write!(line, "{level:>5}"),
    };
    let _ = write!(line, " {}", fields.message);
    for (name, value) in fields.others {
        let short = match name {
            "user.name" => "caller",
            "event.action" => continue,
            "event.duration" => {
                let _ = write!(line, " ms={:.1}", value.as_f64().unwrap_or_default() / 1e6);
                continue;
            }
            _ => name.strip_prefix("elk_mcp.").or_else(|| name.strip_prefix("event.")).unwrap_or(name),
        };
        let _ = match &value {
            Value::String(text) if is_bare(text) => write!(line, " {short}={text}"),
            // Quotes inside a value must not look like its end.
            other => write!(line, " {short}={other}"),
        };
    }
    line
}

fn is_bare(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '"', '='])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(message: &str, others: Vec<(&'static str, Value)>) -> Fields {
        Fields { message: tamed(message), others }
    }

    fn time() -> Timestamp {
        "2026-03-25T14:52:57.123456Z".parse().unwrap()
    }

    #[test]
    fn a_call_is_one_line_of_ecs() {
        let event = vec![
            ("user.name", "ci".into()),
            ("elk_mcp.tool", "search_logs".into()),
            ("event.duration", 12_345_678u64.into()),
            ("attempt", 2u64.into()),
            ("error", "refused".into()),
        ];
        let line = Value::Object(ecs(time(), &Level::INFO, "elk_mcp::call_log", fields("call", event)));
        assert_eq!(
            line,
            json!({"@timestamp": "2026-03-25T14:52:57.123Z", "log.level": "info", "message": "call", "ecs.version": ECS_VERSION,
                "service.name": "elk-mcp", "service.version": env!("CARGO_PKG_VERSION"), "log.logger": "elk_mcp::call_log",
                "user.name": "ci", "elk_mcp.tool": "search_logs", "event.duration": 12_345_678, "elk_mcp.attempt": 2,
                "error.message": "refused"})
        );
    }

    #[test]
    fn people_get_short_names_and_milliseconds() {
        let event = vec![
            ("user.name", "ci".into()),
            ("elk_mcp.tool", "search_logs".into()),
            ("event.action", "tools/call".into()),
            ("event.duration", 12_345_678u64.into()),
            ("error", "it is \"gone\"".into()),
        ];
        let line = text(time(), &Level::INFO, fields("call", event), false);
        assert_eq!(line, r#"2026-03-25T14:52:57.123Z  INFO call caller=ci tool=search_logs ms=12.3 error="it is \"gone\"""#);
    }

    #[test]
    fn no_value_ends_a_line_or_forges_another() {
        let hostile = "x\r\n2026-03-25T14:52:57Z  INFO all is well\u{1b}[2J\u{202e}\u{9b}1m\u{2028}\u{0}\u{7}";
        let tamed = tamed(hostile);
        assert_eq!(tamed, "x 2026-03-25T14:52:57Z  INFO all is well ");
        let event = || fields(hostile, vec![("elk_mcp.tool", tamed.clone().into())]);
        for line in [text(time(), &Level::WARN, event(), false), Value::Object(ecs(time(), &Level::WARN, "t", event())).to_string()] {
            assert!(line.chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{2028}'), "{line:?}");
        }
    }

    #[test]
    fn a_long_value_is_cut_and_the_cut_is_told() {
        let tamed = tamed(&"ä".repeat(LONGEST_VALUE));
        assert!(tamed.len() < LONGEST_VALUE + 30 && tamed.ends_with("ä… (4096 bytes more)"), "{}", tamed.len());
    }
}
