//! What a tool is: typed arguments, a pure request, a pure answer. Knows neither MCP nor the network.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    answer::Answer,
    dsl::{CapsReply, FieldCaps, IndexExpression, IndexStats, ResolveIndex, ResolveReply, StatsReply},
    error::ToolError,
    look::{Field, Filter, Found, Look},
    params::{Scope, Window},
    schema::Schema,
};

/// A tool: its fields are its arguments, its doc comment is what a model reads about it.
pub trait Tool: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The published name.
    const NAME: &'static str;
    /// A short title for people.
    const TITLE: &'static str;
    /// The columns that the answer's main table can have, and the sections beside it: published in the output schema.
    const OUTPUT: Output;

    /// The arguments that every tool shares; none for a tool that takes no index.
    fn scope(&self) -> &Scope;

    /// The fields that the arguments name, so that the schema knows their types before [`Tool::ask`]. The scope's own
    /// (filters, query, level) are already known.
    fn fields(&self) -> Vec<Field> {
        Vec::new()
    }

    /// Whether the roles of fields in the call's indices are read before [`Tool::ask`]. A tool that lists indices of any
    /// kind reads them itself.
    const WANTS_SCHEMA: bool = true;

    /// The shared arguments that mean nothing to this tool. They are not published, and refused rather than ignored.
    const UNUSED: &'static [&'static str] = &["cursor"];

    /// What to ask first.
    ///
    /// # Errors
    /// What the caller can mend in the arguments.
    fn ask(self, context: &Context) -> Result<Step, ToolError>;
}

/// A call with its arguments checked; the tool's type is no longer known.
pub trait Call: Send + Sync {
    /// See [`Tool::scope`].
    fn scope(&self) -> &Scope;
    /// See [`Tool::fields`].
    fn fields(&self) -> Vec<Field>;
    /// See [`Tool::WANTS_SCHEMA`].
    fn wants_schema(&self) -> bool;
    /// See [`Tool::ask`].
    ///
    /// # Errors
    /// What the caller can mend in the arguments.
    fn ask(self: Box<Self>, context: &Context) -> Result<Step, ToolError>;
}

impl<T: Tool> Call for T {
    fn scope(&self) -> &Scope {
        Tool::scope(self)
    }
    fn fields(&self) -> Vec<Field> {
        Tool::fields(self)
    }
    fn wants_schema(&self) -> bool {
        T::WANTS_SCHEMA
    }
    fn ask(self: Box<Self>, context: &Context) -> Result<Step, ToolError> {
        Tool::ask(*self, context)
    }
}

/// What an answer of a tool can hold, for its published output schema.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Columns of the main table.
    pub columns: &'static [&'static str],
    /// Sections beside the main table.
    pub sections: &'static [&'static str],
}

/// Everything a tool may know besides its arguments. Plain data.
#[derive(Debug, Clone)]
pub struct Context {
    /// The time of the call.
    pub now: Timestamp,
    /// The index expression of the call: the argument, or the default.
    pub index: IndexExpression,
    /// Which field has which role in the indices of the expression.
    pub schema: Arc<Schema>,
    /// Limits and defaults.
    pub settings: Arc<Settings>,
}

/// Limits and defaults, from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Searched when a call names no index.
    pub default_index: IndexExpression,
    /// Tokens of an answer when a call does not say.
    pub max_tokens: u32,
    /// The longest range of time that one search may cover, in seconds.
    pub max_window_s: u64,
    /// Base address of Kibana, for links.
    pub kibana_url: Option<String>,
    /// Roles that the operator fixed: role name and field name.
    pub field_overrides: Vec<(crate::schema::Role, String)>,
}

/// What a tool does next.
pub enum Step {
    /// Ask these together, then go on with the replies.
    Ask(Vec<Ask>, Then),
    /// The answer.
    Done(Box<Answer>),
    /// The answer, but nothing was found: the conditions that were asked, each as the caller wrote it, so that the one
    /// that killed the result can be told. Never used where something else than the conditions may be the reason.
    Empty(Box<Answer>, Conditions),
}

/// The conditions of a search, apart.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// The tool that asks, for the next call.
    pub tool: &'static str,
    /// When.
    pub window: Option<Window>,
    /// Each condition as the caller wrote it, and what it means.
    pub clauses: Vec<(String, Filter)>,
    /// The roles of the fields that they name, when not those of the call's own indices.
    pub schema: Option<Arc<Schema>>,
}

/// How a tool goes on with the replies to what it asked, in the order it asked.
pub type Then = Box<dyn for<'a> FnOnce(Vec<Told<'a>>, &Context) -> Result<Step, ToolError> + Send>;

/// One question.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A search. All looks of a step go in one round trip.
    Look(Box<Look>),
    /// Which fields exist.
    Caps(FieldCaps),
    /// What an expression names.
    Resolve(ResolveIndex),
    /// Documents and bytes.
    Stats(IndexStats),
    /// Roles of the fields of another expression.
    Schema(IndexExpression, Vec<Field>),
}

/// The reply to one question. A question that failed is an error in its own place, so that a tool can do without it.
pub enum Told<'a> {
    /// To [`Ask::Look`].
    Found(Result<Found<'a>, ToolError>),
    /// To [`Ask::Caps`].
    Caps(Result<CapsReply<'a>, ToolError>),
    /// To [`Ask::Resolve`].
    Resolved(Result<ResolveReply<'a>, ToolError>),
    /// To [`Ask::Stats`].
    Stats(Result<StatsReply<'a>, ToolError>),
    /// To [`Ask::Schema`].
    Schema(Result<Arc<Schema>, ToolError>),
}

impl<'a> Told<'a> {
    /// The reply to a look.
    ///
    /// # Errors
    /// When the search failed.
    pub fn found(self) -> Result<Found<'a>, ToolError> {
        match self {
            Self::Found(found) => found,
            Self::Caps(_) | Self::Resolved(_) | Self::Stats(_) | Self::Schema(_) => Err(Self::mismatch()),
        }
    }

    /// The reply to a question about fields.
    ///
    /// # Errors
    /// When it failed.
    pub fn caps(self) -> Result<CapsReply<'a>, ToolError> {
        match self {
            Self::Caps(caps) => caps,
            Self::Found(_) | Self::Resolved(_) | Self::Stats(_) | Self::Schema(_) => Err(Self::mismatch()),
        }
    }

    /// The reply to a question about names.
    ///
    /// # Errors
    /// When it failed.
    pub fn resolved(self) -> Result<ResolveReply<'a>, ToolError> {
        match self {
            Self::Resolved(resolved) => resolved,
            Self::Found(_) | Self::Caps(_) | Self::Stats(_) | Self::Schema(_) => Err(Self::mismatch()),
        }
    }

    /// The reply to a question about sizes.
    ///
    /// # Errors
    /// When it failed, often because the credential may not ask.
    pub fn stats(self) -> Result<StatsReply<'a>, ToolError> {
        match self {
            Self::Stats(stats) => stats,
            Self::Found(_) | Self::Caps(_) | Self::Resolved(_) | Self::Schema(_) => Err(Self::mismatch()),
        }
    }

    /// The reply to a question about roles.
    ///
    /// # Errors
    /// When it failed.
    pub fn schema(self) -> Result<Arc<Schema>, ToolError> {
        match self {
            Self::Schema(schema) => schema,
            Self::Found(_) | Self::Caps(_) | Self::Resolved(_) | Self::Stats(_) => Err(Self::mismatch()),
        }
    }

    fn mismatch() -> ToolError {
        ToolError::new(crate::error::Code::Internal, "a reply of another kind than asked", "report this; it is a fault of the server")
    }
}

impl Step {
    /// Asks these together, then goes on.
    pub fn ask(
        questions: Vec<Ask>,
        then: impl for<'a> FnOnce(Vec<Told<'a>>, &Context) -> Result<Step, ToolError> + Send + 'static,
    ) -> Result<Step, ToolError> {
        Ok(Step::Ask(questions, Box::new(then)))
    }

    /// Asks looks only, all of which must succeed, then goes on.
    pub fn look(
        looks: Vec<Look>,
        then: impl for<'a> FnOnce(Vec<Found<'a>>, &Context) -> Result<Step, ToolError> + Send + 'static,
    ) -> Result<Step, ToolError> {
        let questions = looks.into_iter().map(|look| Ask::Look(Box::new(look))).collect();
        Step::ask(questions, move |told, context| {
            let found = told.into_iter().map(Told::found).collect::<Result<Vec<_>, _>>()?;
            then(found, context)
        })
    }

    /// The answer to a search that found nothing.
    pub fn empty(tool: &'static str, answer: Answer, window: Option<Window>, clauses: Vec<(String, Filter)>) -> Result<Step, ToolError> {
        Ok(Step::Empty(Box::new(answer), Conditions { tool, window, clauses, schema: None }))
    }

    /// The answer.
    pub fn done(answer: Answer) -> Result<Step, ToolError> {
        Ok(Step::Done(Box::new(answer)))
    }
}
