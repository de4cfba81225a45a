//! The tools that one request wants to see, by its headers: fewer than the server has, never more. Knows headers; knows
//! no call.

use elk_mcp_tools::catalogue;
use http::HeaderMap;

use crate::config::ToolSelection;

/// Only these tools: names or patterns with `*`, comma-separated.
const ONLY: &str = "x-mcp-tools";
/// Not these tools.
const WITHOUT: &str = "x-mcp-exclude-tools";

/// Which of the server's tools a request sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing(Option<ToolSelection>);

impl Narrowing {
    /// What the headers ask for; everything where they say nothing.
    ///
    /// # Errors
    /// When a name fits no tool that there is in any server of this version: a typing error must not hide or show tools
    /// in silence. A tool that only this server's operator left out may be named.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, String> {
        let (only, without) = (names(headers, ONLY)?, names(headers, WITHOUT)?);
        if only.is_empty() && without.is_empty() {
            return Ok(Self::default());
        }
        let selection = ToolSelection::new(only, without);
        let known: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
        match selection.misfit(&known) {
            None => Ok(Self(Some(selection))),
            Some((flag, pattern)) => {
                let header = if flag == "--tools" { "X-MCP-Tools" } else { "X-MCP-Exclude-Tools" };
                let pattern: String = pattern.chars().take(80).collect();
                Err(format!("{header} names `{pattern}`, which fits no tool; the tools are {}", known.join(", ")))
            }
        }
    }

    /// Whether a tool is seen.
    pub fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|selection| selection.has(name))
    }

    /// Whether every tool is seen.
    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }
}

/// The names in all headers of one kind. Blank ones say nothing.
fn names(headers: &HeaderMap, header: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for value in headers.get_all(header) {
        let value = value.to_str().map_err(|_| format!("{header} is not plain ASCII; it takes names of tools, separated by commas"))?;
        names.extend(value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowing(headers: &[(&'static str, &str)]) -> Result<Narrowing, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Narrowing::from_headers(&map)
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], seen: &[&str]) {
        let narrowing = narrowing(headers).unwrap();
        let shown: Vec<&str> = catalogue().iter().map(|entry| entry.name).filter(|name| narrowing.has(name)).collect();
        assert_eq!(shown, seen, "{headers:?}");
    }

    #[test]
    fn headers_name_tools_and_patterns() {
        check(&[(ONLY, "search_*, find_changes")], &["search_logs", "search_by_trace_id", "find_changes"]);
        check(&[(ONLY, "search_*"), (ONLY, "find_changes"), (WITHOUT, "*_logs")], &["search_by_trace_id", "find_changes"]);
        check(&[(WITHOUT, "*")], &[]);
    }

    #[test]
    fn headers_that_say_nothing_leave_everything() {
        for headers in [&[][..], &[(ONLY, "")], &[(ONLY, " , "), (WITHOUT, "")]] {
            assert!(narrowing(headers).unwrap().is_everything(), "{headers:?}");
        }
    }

    #[test]
    fn a_name_of_no_tool_is_told() {
        for (header, shown) in [(ONLY, "X-MCP-Tools names `serach_logs`"), (WITHOUT, "X-MCP-Exclude-Tools names `serach_logs`")] {
            let error = narrowing(&[(header, "serach_logs,find_changes")]).unwrap_err();
            assert!(error.starts_with(shown) && error.contains("search_logs, get_logs_in_window"), "{error}");
        }
    }
}
