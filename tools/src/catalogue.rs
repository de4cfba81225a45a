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
    correlate_id::CorrelateId,
    search_by_trace_id::SearchByTraceId,
    get_log_patterns::GetLogPatterns,
    aggregate_logs::AggregateLogs,
];

/// Every tool, in the order they are published.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}
