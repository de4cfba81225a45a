//! What a client can offer while someone types: indices, services, levels and fields. Knows the tools that tell them; knows
//! no transport.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use elk_mcp_tools::{dsl::IndexExpression, params::Level, schema::Role};
use jiff::Timestamp;
use rmcp::model::{CompleteRequestParams, CompletionInfo, ErrorData, Reference};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::{Mcp, prompts, resources};
use crate::call_id::CallId;

/// How long the cluster has: someone is typing.
const LIMIT: Duration = Duration::from_secs(5);
/// How long values are offered without asking again.
const FRESH: Duration = Duration::from_secs(60);
/// Lists of values that are kept.
const CAPACITY: usize = 64;
/// Values that are asked for.
const MOST_VALUES: u32 = 100;

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Index,
    Service,
    Level,
    Field,
}

impl Kind {
    fn of(argument: &str) -> Option<Self> {
        Some(match argument {
            "index" => Self::Index,
            "service" => Self::Service,
            "level" => Self::Level,
            "field" => Self::Field,
            _ => return None,
        })
    }
}

/// Values by what they are of and the indices they lie in.
#[derive(Default)]
pub(super) struct Offered(Mutex<HashMap<(Kind, String), Values>>);

type Values = (Instant, Arc<[String]>);

impl Offered {
    fn get(&self, key: &(Kind, String)) -> Option<Arc<[String]>> {
        let offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        offered.get(key).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, values)| Arc::clone(values))
    }

    fn put(&self, key: (Kind, String), values: &Arc<[String]>) {
        let mut offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if offered.len() >= CAPACITY {
            offered.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if offered.len() < CAPACITY {
            offered.insert(key, (Instant::now(), Arc::clone(values)));
        }
    }
}

impl Mcp {
    /// Values that begin with, or else hold, what was typed. None where the cluster does not tell in time: whoever types
    /// can go on.
    ///
    /// # Errors
    /// When the prompt or the resource is unknown.
    pub(super) async fn offer(&self, request: &CompleteRequestParams, caller: &str) -> Result<CompletionInfo, ErrorData> {
        let is_known = match &request.r#ref {
            Reference::Prompt(prompt) => prompts::has(&prompt.name),
            Reference::Resource(resource) => [resources::FIELDS_OF_INDEX, resources::FIELD_OF_INDEX].contains(&resource.uri.as_str()),
            _ => false,
        };
        if !is_known {
            return Err(ErrorData::invalid_params("there is no such prompt and no such resource template", None));
        }
        let Some(kind) = Kind::of(&request.argument.name) else { return Ok(CompletionInfo::default()) };
        let index = request.context.as_ref().and_then(|context| context.get_argument("index")).map_or("", String::as_str);
        let values = match timeout(LIMIT, CallId::random().scope(self.values(kind, index, caller))).await {
            Ok(Some(values)) => values,
            Ok(None) | Err(_) => Arc::default(),
        };
        Ok(fitting(&values, &request.argument.value))
    }

    async fn values(&self, kind: Kind, index: &str, caller: &str) -> Option<Arc<[String]>> {
        // Who types an index has not chosen one yet.
        let key = (kind, if kind == Kind::Index { String::new() } else { index.to_owned() });
        if let Some(values) = self.0.offered.get(&key) {
            return Some(values);
        }
        let asked = self.0.limits.around(caller, None, Box::pin(async { Ok(self.ask(kind, index).await) }));
        let values: Arc<[String]> = asked.await.ok()??.into();
        self.0.offered.put(key, &values);
        Some(values)
    }

    async fn ask(&self, kind: Kind, index: &str) -> Option<Vec<String>> {
        match kind {
            Kind::Level => {
                Level::ALL.iter().flat_map(|level| [level.as_str().to_owned(), format!("{}+", level.as_str())]).collect::<Vec<_>>().into()
            }
            Kind::Index => self.column("list_indices", json!({"max_tokens": 20_000}), "index").await,
            Kind::Service => {
                let start = format!("now-{}s", self.0.toolbox.settings().max_window_s);
                let mut arguments =
                    json!({"metric": "count", "group_by": "service", "top": MOST_VALUES, "start": start, "max_tokens": 20_000});
                if let Some(arguments) = arguments.as_object_mut().filter(|_| !index.is_empty()) {
                    arguments.insert("index".to_owned(), index.into());
                }
                self.column("aggregate_logs", arguments, "service").await
            }
            Kind::Field => self.fields(index).await,
        }
    }

    /// Roles that are filled, and the fields that play them.
    async fn fields(&self, index: &str) -> Option<Vec<String>> {
        let default = &self.0.toolbox.settings().default_index;
        let expression = if index.is_empty() { default.clone() } else { IndexExpression::parse(index).ok()? };
        let schema = self.0.toolbox.schema(&expression, &[], LIMIT).await.ok()?;
        let roles = Role::ALL.iter().filter(|role| schema.is_filled(**role)).map(|role| role.name().to_owned());
        let named = schema.groups.iter().flat_map(|group| group.roles.values().flatten()).map(|field| field.name.to_string());
        let mut fields: Vec<String> = named.collect();
        fields.sort_unstable();
        fields.dedup();
        Some(roles.chain(fields).collect())
    }

    /// The values of one column of a tool's answer.
    async fn column(&self, tool: &str, arguments: Value, column: &str) -> Option<Vec<String>> {
        let Value::Object(arguments) = arguments else { return None };
        let rendered = self.0.toolbox.call(tool, &arguments, Timestamp::now(), LIMIT).await.ok()?;
        let answer: Map<String, Value> = serde_json::from_str(rendered.structured.get()).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let rows = answer.get("rows")?.as_array()?;
        if let Some(constant) = answer.get("constants").and_then(|constants| constants.get(column)) {
            return Some(if rows.is_empty() { Vec::new() } else { text(constant).into_iter().collect() });
        }
        let position = answer.get("columns")?.as_array()?.iter().position(|name| name == column)?;
        Some(rows.iter().filter_map(|row| text(row.get(position)?)).collect())
    }
}

/// What fits: first what begins so, then what holds it, whatever the case.
fn fitting(values: &[String], typed: &str) -> CompletionInfo {
    let typed = typed.to_lowercase();
    let (begin, other): (Vec<&String>, Vec<&String>) = values.iter().partition(|value| value.to_lowercase().starts_with(&typed));
    let hold = other.into_iter().filter(|value| value.to_lowercase().contains(&typed));
    let all: Vec<String> = begin.into_iter().chain(hold).cloned().collect();
    let (total, has_more) = (u32::try_from(all.len()).ok(), all.len() > CompletionInfo::MAX_VALUES);
    let values = all.into_iter().take(CompletionInfo::MAX_VALUES).collect();
    CompletionInfo::with_pagination(values, total, has_more).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_comes_before_what_holds_it() {
        let values: Vec<String> = ["my-cart", "Cart", "checkout", "cart-api"].map(str::to_owned).to_vec();
        let found = fitting(&values, "CART");
        assert_eq!(
            (found.values, found.total, found.has_more),
            (vec!["Cart".into(), "cart-api".into(), "my-cart".into()], Some(3), Some(false))
        );
        assert_eq!(fitting(&values, "").values.len(), 4);
        assert!(fitting(&values, "none").values.is_empty());
    }

    #[test]
    fn at_most_a_hundred_are_offered_and_how_many_there_are() {
        let values: Vec<String> = (0..250).map(|number| format!("service-{number}")).collect();
        let found = fitting(&values, "service");
        assert_eq!((found.values.len(), found.total, found.has_more), (100, Some(250), Some(true)));
    }
}
