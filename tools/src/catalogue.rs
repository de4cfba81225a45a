//! The list of tools: one line each. Name, description, schemas and dispatch come from the tool's type.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::{
    answer::output_schema,
    error::ToolError,
    params::{check_keys, from_arguments, input_schema},
    tool::{Call, Tool},
};

/// A tool as it is published.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// A short title for people.
    pub title: &'static str,
    /// What a model reads to choose it.
    pub description: String,
    /// The schema of its arguments.
    pub input_schema: Map<String, Value>,
    /// The schema of its structured answer.
    pub output_schema: Map<String, Value>,
    read: Reader,
}

/// Turns arguments into a call of one tool.
type Reader = fn(&Map<String, Value>) -> Result<Box<dyn Call>, ToolError>;

impl Entry {
    fn of<T: Tool>() -> Self {
        let mut input_schema = input_schema::<T>();
        if let Some(Value::Object(properties)) = input_schema.get_mut("properties") {
            properties.retain(|name, _| !T::UNUSED.contains(&name.as_str()));
        }
        let description = match input_schema.remove("description") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        Self {
            name: T::NAME,
            title: T::TITLE,
            description,
            input_schema,
            output_schema: output_schema(T::OUTPUT.columns, T::OUTPUT.sections),
            read: |arguments| Ok(Box::new(from_arguments::<T>(arguments)?)),
        }
    }

    /// Checks a call's arguments.
    ///
    /// # Errors
    /// `bad_argument` naming what is wrong and what is valid.
    pub fn parse(&self, arguments: &Map<String, Value>) -> Result<Box<dyn Call>, ToolError> {
        check_keys(arguments, &self.input_schema)?;
        (self.read)(arguments)
    }
}

macro_rules! tools {
    ($($module:ident::$tool:ident),+ $(,)?) => {
        static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| vec![$(Entry::of::<crate::$module::$tool>()),+]);
    };
}

tools![
    list_indices::ListIndices,
    describe_fields::DescribeFields,
    get_service_overview::GetServiceOverview,
    search_logs::SearchLogs,
    get_logs_in_window::GetLogsInWindow,
    correlate_id::CorrelateId,
    search_by_trace_id::SearchByTraceId,
    get_error_summary::GetErrorSummary,
    get_log_patterns::GetLogPatterns,
    compare_windows::CompareWindows,
    find_changes::FindChanges,
    analyze_latency::AnalyzeLatency,
    aggregate_logs::AggregateLogs,
];

/// Every tool, in the order they are published.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Entry, catalogue};

    fn takes(tool: &str, argument: &str) -> bool {
        let entry: &Entry = catalogue().iter().find(|entry| entry.name == tool).unwrap();
        let published = entry.input_schema["properties"].get(argument).is_some();
        let refusal = entry.parse(&Map::from_iter([(argument.to_owned(), json!("now"))])).err();
        assert_eq!(published, !refusal.is_some_and(|error| error.message.starts_with("unknown argument")), "{tool} {argument}");
        published
    }

    #[test]
    fn a_shared_argument_that_means_nothing_to_a_tool_is_refused() {
        assert!(takes("search_logs", "cursor") && !takes("aggregate_logs", "cursor"));
        assert!(takes("aggregate_logs", "query") && !takes("list_indices", "query"));
    }
}
