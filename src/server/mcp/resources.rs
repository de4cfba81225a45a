//! What a client can read without calling a tool: fields, indices, limits and the query language. Knows the tools by their
//! arguments; knows no transport.

use std::{borrow::Cow, fmt::Write as _};

use elk_mcp_tools::{Settings, answer::MIN_TOKENS, catalogue};
use percent_encoding::percent_decode_str;
use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::{Map, Value, json};

use super::{Call, Mcp, Refused, catalogue as lists, request::Origin};

/// The query language, as the documentation tells it.
const QUERY_HELP: &str = include_str!("../../../docs/query-language.md");
/// How long what the cluster told may be kept, in milliseconds.
const FRESH_MS: u64 = 30_000;

/// Fields of the indices that a template names.
pub(super) const FIELDS_OF_INDEX: &str = "elk://fields/{index}";
/// One field of them.
pub(super) const FIELD_OF_INDEX: &str = "elk://fields/{index}/{field}";

/// What a URI names.
#[derive(Debug, PartialEq)]
enum Place {
    /// The answer of a tool.
    Answer(&'static str, Map<String, Value>),
    Limits,
    QueryHelp,
}

impl Place {
    fn of(uri: &str) -> Option<Self> {
        let mut parts = uri.strip_prefix("elk://")?.splitn(3, '/');
        let (first, index, field) = (parts.next()?, parts.next(), parts.next());
        let text = |part: &str| -> Option<Value> {
            let text = percent_decode_str(part).decode_utf8().ok().filter(|text| !text.is_empty())?;
            Some(Value::String(text.into_owned()))
        };
        let answer = |tool, arguments: Vec<(&str, Value)>| {
            Self::Answer(tool, arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        Some(match (first, index, field) {
            ("indices", None, None) => answer("list_indices", Vec::new()),
            ("fields", None, None) => answer("describe_fields", Vec::new()),
            ("fields", Some(index), None) => answer("describe_fields", vec![("index", text(index)?)]),
            ("fields", Some(index), Some(field)) => {
                answer("describe_fields", vec![("index", text(index)?), ("contains", text(field)?), ("with_values", true.into())])
            }
            ("limits", None, None) => Self::Limits,
            ("query-help", None, None) => Self::QueryHelp,
            _ => return None,
        })
    }
}

/// The answer to `resources/list`, and which tool answers each: a resource is there where its tool is.
pub(super) fn list(shows: impl Fn(&str) -> bool) -> ListResourcesResult {
    let described = [
        ("elk://indices", "indices", "Indices", "What can be searched, and how fresh it is"),
        ("elk://fields", "fields", "Fields", "Which field plays which role in the indices searched by default"),
        ("elk://limits", "limits", "Limits", "How much a call may ask and answer"),
        ("elk://query-help", "query-help", "Query language", "What `query` understands, with examples"),
    ];
    let resources = described.into_iter().filter(|(uri, ..)| is_there(uri, &shows)).map(|(uri, name, title, description)| {
        Resource::new(uri, name).with_title(title).with_description(description).with_mime_type(mime_type(uri))
    });
    let mut list = ListResourcesResult::with_all_items(resources.collect());
    (list.ttl_ms, list.cache_scope) = (Some(lists::TTL_MS), Some(lists::SCOPE));
    list
}

/// The answer to `resources/templates/list`.
pub(super) fn templates(shows: impl Fn(&str) -> bool) -> ListResourceTemplatesResult {
    let described = [
        (FIELDS_OF_INDEX, "fields-of-index", "Fields of an index", "Which field plays which role in indices by name or pattern"),
        (FIELD_OF_INDEX, "field-of-index", "A field of an index", "Fields by a part of their name: type, fill rate, top values"),
    ];
    let templates = described.into_iter().filter(|(uri, ..)| is_there(uri, &shows)).map(|(uri, name, title, description)| {
        ResourceTemplate::new(uri, name).with_title(title).with_description(description).with_mime_type(mime_type(uri))
    });
    let mut list = ListResourceTemplatesResult::with_all_items(templates.collect());
    (list.ttl_ms, list.cache_scope) = (Some(lists::TTL_MS), Some(lists::SCOPE));
    list
}

fn is_there(uri: &str, shows: impl Fn(&str) -> bool) -> bool {
    match Place::of(uri) {
        Some(Place::Answer(tool, _)) => shows(tool),
        Some(Place::Limits | Place::QueryHelp) => true,
        None => false,
    }
}

fn mime_type(uri: &str) -> &'static str {
    if uri == "elk://query-help" { "text/markdown" } else { "text/plain" }
}

impl Mcp {
    /// Reads a resource.
    ///
    /// # Errors
    /// When there is none of this URI, or the cluster does not tell.
    pub(super) async fn read(&self, uri: &str, origin: &Origin) -> Result<ReadResourceResult, ErrorData> {
        let unknown = || {
            let told: String = uri.chars().take(200).collect();
            let known = "elk://indices, elk://fields, elk://fields/{index}, elk://fields/{index}/{field}, elk://limits, elk://query-help";
            ErrorData::resource_not_found(format!("there is no resource `{told}`; there are {known}"), Some(json!({"uri": told})))
        };
        let (text, ttl_ms) = match Place::of(uri).ok_or_else(unknown)? {
            Place::QueryHelp => (Cow::Borrowed(QUERY_HELP), lists::TTL_MS),
            Place::Limits => (Cow::Owned(self.limits()), lists::TTL_MS),
            Place::Answer(tool, arguments) => {
                let call = Call {
                    tool,
                    arguments: &arguments,
                    caller: origin.caller(),
                    client: origin.client,
                    narrowing: &origin.narrowing,
                    trace: origin.trace.as_ref(),
                    progress: None,
                    retry_after: origin.retry_after.as_ref(),
                };
                let rendered = self.call(call).await.map_err(|refused| match refused {
                    Refused::UnknownTool(_) => unknown(),
                    Refused::Tool(error) => ErrorData::internal_error(error.text(), None),
                })?;
                (Cow::Owned(rendered.text), FRESH_MS)
            }
        };
        let contents = ResourceContents::TextResourceContents {
            uri: uri.to_owned(),
            mime_type: Some(mime_type(uri).to_owned()),
            text: text.into_owned(),
            meta: None,
        };
        let mut result = ReadResourceResult::new(vec![contents]);
        (result.ttl_ms, result.cache_scope) = (Some(ttl_ms), Some(lists::SCOPE));
        Ok(result)
    }

    /// How much a call may ask and answer, one limit a line.
    fn limits(&self) -> String {
        let Settings { default_index, max_tokens, max_window_s, .. } = self.0.toolbox.settings();
        let call_s = self.0.call_timeout.as_secs();
        let mut text = format!(
            "answer: {max_tokens} tokens unless max_tokens says otherwise (at least {MIN_TOKENS}); a token counts as 3 bytes\n\
             call: {call_s} s in all\n\
             time: the last hour without start, at most {} h from start to end\n\
             index: {default_index} where a call names none\n",
            max_window_s / 3_600,
        );
        for entry in catalogue() {
            let properties = entry.input_schema.get("properties").and_then(Value::as_object);
            for (name, schema) in properties.into_iter().flatten() {
                if let (Some(least), Some(most)) = (schema.get("minimum"), schema.get("maximum")) {
                    let default = schema.get("default").map(|default| format!(", {default} by default")).unwrap_or_default();
                    let _ = writeln!(text, "{} {name}: {least} to {most}{default}", entry.name);
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[track_caller]
    fn check(uri: &str, tool: &str, arguments: Value) {
        let Some(Place::Answer(found, given)) = Place::of(uri) else { panic!("{uri}") };
        assert_eq!((found, Value::Object(given)), (tool, arguments), "{uri}");
    }

    #[test]
    fn a_uri_is_a_call_of_a_tool() {
        check("elk://indices", "list_indices", json!({}));
        check("elk://fields", "describe_fields", json!({}));
        check("elk://fields/logs-%2A%2Capp", "describe_fields", json!({"index": "logs-*,app"}));
        check(
            "elk://fields/logs-*/http.status",
            "describe_fields",
            json!({"index": "logs-*", "contains": "http.status", "with_values": true}),
        );
    }

    #[test]
    fn any_other_uri_names_nothing() {
        for uri in
            ["", "elk://", "elk://nothing", "elk://fields/", "elk://fields//", "elk://limits/x", "file:///etc/passwd", "elk://fields/%ff"]
        {
            assert_eq!(Place::of(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_resource_is_there_where_its_tool_is() {
        let names = |shows: fn(&str) -> bool| list(shows).resources.into_iter().map(|resource| resource.name).collect::<Vec<_>>();
        assert_eq!(names(|_| true), ["indices", "fields", "limits", "query-help"]);
        assert_eq!(names(|tool| tool != "list_indices"), ["fields", "limits", "query-help"]);
        assert!(templates(|_| false).resource_templates.is_empty());
    }
}
