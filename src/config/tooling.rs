//! How tools answer: which there are, where they look by default, how much they may say and how long they may take.

use std::{collections::BTreeMap, time::Duration};

use elk_mcp_tools::dsl::IndexExpression;

use super::arguments::{Selection, ToolingArguments};
use crate::cluster::InvalidSettings;

/// The longest time limit of a call that can be set.
const LONGEST_CALL: Duration = Duration::from_secs(120);
/// The shortest: a search gets two seconds less than its call.
const SHORTEST_CALL: Duration = Duration::from_secs(3);

/// How tools answer.
#[derive(Debug, Clone)]
pub struct Tooling {
    /// Searched when a call names no index; the allow-list when none is set.
    pub default_index: Option<IndexExpression>,
    /// Size of an answer in estimated tokens, when a call names none.
    pub max_tokens: u32,
    /// How long a whole call may take.
    pub call_timeout: Duration,
    /// Kibana's address, without a slash at its end.
    pub kibana_url: Option<String>,
    /// Field roles that the user names: role → field.
    pub fields: BTreeMap<String, String>,
    /// Which tools there are.
    pub selection: ToolSelection,
}

impl Tooling {
    /// Checks the arguments.
    ///
    /// # Errors
    /// When a value is not what its setting takes.
    pub fn from_arguments(arguments: &ToolingArguments, fields: BTreeMap<String, String>) -> Result<Self, InvalidSettings> {
        let default_index = arguments
            .default_index
            .as_deref()
            .map(|text| {
                IndexExpression::parse(text).map_err(|error| InvalidSettings::new("--default-index", format!("cannot be used: {error}")))
            })
            .transpose()?;
        if let Some(url) = arguments.kibana_url.as_deref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
            return Err(InvalidSettings::new("--kibana-url", format!("is `{url}`; write it like https://kibana.example")));
        }
        Ok(Self {
            default_index,
            max_tokens: arguments.max_tokens,
            call_timeout: call_timeout(&arguments.call_timeout)?,
            kibana_url: arguments.kibana_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            fields,
            selection: ToolSelection::from(&arguments.selection),
        })
    }
}

fn call_timeout(text: &str) -> Result<Duration, InvalidSettings> {
    let fail = |why: &str| InvalidSettings::new("--call-timeout", format!("is `{text}`; {why}"));
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| fail("write it like 25s or 1m"))?;
    Duration::try_from(parsed)
        .ok()
        .filter(|limit| (SHORTEST_CALL..=LONGEST_CALL).contains(limit))
        .ok_or_else(|| fail("it must be between 3s and 2m"))
}

/// Which of the tools there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolSelection {
    only: Vec<String>,
    without: Vec<String>,
}

impl From<&Selection> for ToolSelection {
    fn from(arguments: &Selection) -> Self {
        Self { only: arguments.tools.clone(), without: arguments.disable_tools.clone() }
    }
}

impl ToolSelection {
    /// Only these, and not those: names or patterns with `*`. None at all in `only` means every tool.
    pub fn new(only: Vec<String>, without: Vec<String>) -> Self {
        Self { only, without }
    }

    /// The first pattern that fits none of the names, with the flag it was given by: a typing error must not hide or show
    /// tools in silence.
    pub fn misfit<'a>(&'a self, names: &[&str]) -> Option<(&'static str, &'a str)> {
        let fits_none = |pattern: &&String| !names.iter().any(|name| fits(pattern, name));
        let only = self.only.iter().find(fits_none).map(|pattern| ("--tools", pattern.as_str()));
        only.or_else(|| self.without.iter().find(fits_none).map(|pattern| ("--disable-tools", pattern.as_str())))
    }

    /// Whether a tool is there.
    pub fn has(&self, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|pattern| fits(pattern, name)))
            && !self.without.iter().any(|pattern| fits(pattern, name))
    }
}

/// Whether a name fits a pattern in which `*` stands for any run of characters. Takes time in proportion to both: what
/// stands between two stars is looked for from the left, once.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = name.strip_prefix(start).and_then(|name| name.strip_suffix(end)) else { return false };
    middle.split('*').all(|part| match left.split_once(part) {
        Some((_, after)) => {
            left = after;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(only: &[&str], without: &[&str]) -> ToolSelection {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ToolSelection::new(owned(only), owned(without))
    }

    #[test]
    fn tools_are_chosen_by_name_and_by_pattern() {
        assert!(selection(&[], &[]).has("search_logs"));
        assert!(selection(&["search_*"], &[]).has("search_logs") && !selection(&["search_*"], &[]).has("find_changes"));
        assert!(!selection(&["search_*"], &["*_logs"]).has("search_logs"));
        for pattern in ["*e*c*", "*", "s*s", "search_logs*", "*search_logs", "se*_*gs", "**logs", "search_**"] {
            assert!(selection(&[pattern], &[]).has("search_logs"), "{pattern}");
        }
        for pattern in ["*x*", "s*h", "search_logs*s", "*c*e*c*", "", "*l*l*", "search_logs_*"] {
            assert!(!selection(&[pattern], &[]).has("search_logs"), "{pattern}");
        }
        assert!(!selection(&["search"], &[]).has("search_logs"));
    }

    #[test]
    fn a_name_that_fits_no_tool_is_found() {
        let names = ["search_logs", "find_changes"];
        assert_eq!(selection(&["search_*"], &["nope"]).misfit(&names), Some(("--disable-tools", "nope")));
        assert_eq!(selection(&["find_changes"], &[]).misfit(&names), None);
    }

    #[test]
    fn a_call_takes_between_three_seconds_and_two_minutes() {
        assert_eq!(call_timeout("1m30s").unwrap(), Duration::from_secs(90));
        for text in ["2s", "3m", "-25s", "25", "soon", ""] {
            assert!(call_timeout(text).is_err(), "{text}");
        }
    }
}
