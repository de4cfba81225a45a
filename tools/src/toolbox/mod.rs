//! The box of tools in front of an engine: checks a call's arguments, learns the fields, drives the tool's steps, and
//! cuts the answer to its budget. Knows neither MCP nor the network.

mod drive;
mod empty;
mod kibana;
mod schemas;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    answer::Rendered,
    catalogue::catalogue,
    dsl::IndexExpression,
    engine::Engine,
    error::{Code, ToolError},
    look::Field,
    schema::Schema,
    tool::{Call, Context, Settings},
};
use drive::Drive;
use schemas::Schemas;

/// Hears how far a call has come.
pub trait Progress: Send + Sync {
    /// The call has come one step further; `doing` is what it does now. Must not block.
    fn step(&self, doing: std::fmt::Arguments<'_>);
}

/// The tools over one engine. Holds no state of any caller.
pub struct Toolbox {
    engine: Arc<dyn Engine>,
    settings: Arc<Settings>,
    schemas: Schemas,
    fixed_now: Option<Timestamp>,
}

impl Toolbox {
    /// The tools over an engine.
    pub fn new(engine: Arc<dyn Engine>, settings: Settings) -> Self {
        Self { engine, settings: Arc::new(settings), schemas: Schemas::default(), fixed_now: None }
    }

    /// The same tools for data of the past: relative times of every call refer to this moment.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.fixed_now = Some(now);
        self
    }

    /// What relative times of a call refer to that is made at `clock`.
    pub fn now(&self, clock: Timestamp) -> Timestamp {
        self.fixed_now.unwrap_or(clock)
    }

    /// Limits and defaults.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The engine that answers.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Calls a tool. `now` is what relative times refer to; `time_limit` holds for the whole call.
    ///
    /// # Errors
    /// What the caller can mend, or what is wrong with the cluster. Dropping the future cancels the searches.
    pub async fn call(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        now: Timestamp,
        time_limit: Duration,
    ) -> Result<Rendered, ToolError> {
        self.call_telling(name, arguments, now, time_limit, None).await
    }

    /// The same as [`Toolbox::call`], telling each step where someone listens.
    ///
    /// # Errors
    /// As [`Toolbox::call`].
    pub async fn call_telling(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        now: Timestamp,
        time_limit: Duration,
        progress: Option<&dyn Progress>,
    ) -> Result<Rendered, ToolError> {
        let (started, now) = (Instant::now(), self.fixed_now.unwrap_or(now));
        let entry = catalogue().iter().find(|entry| entry.name == name).ok_or_else(|| unknown_tool(name))?;
        let call = entry.parse(arguments)?;
        let scope = call.scope().clone();
        scope.check_cluster(&["default"])?;
        let max_tokens = scope.max_tokens(self.settings.max_tokens);
        let index = scope.index()?.unwrap_or_else(|| self.settings.default_index.clone());
        let schema = if call.wants_schema() {
            if let Some(progress) = progress {
                progress.step(format_args!("reading which fields there are"));
            }
            self.schema_for(&*call, &index, now, time_limit).await?
        } else {
            Arc::new(Schema::unread(index.clone()))
        };
        let context = Context { now, index, schema, settings: Arc::clone(&self.settings) };
        let step = call.ask(&context)?;
        let mut drive = Drive {
            engine: &*self.engine,
            schemas: &self.schemas,
            context: &context,
            started,
            time_limit,
            explain: scope.explain.0.then(Vec::new),
            progress,
            notes: BTreeSet::new(),
        };
        let answer = drive.run(step).await?;
        let mut answer = drive.finish(answer);
        if let Some(base) = &self.settings.kibana_url
            && let Ok(window) = scope.window(now, self.settings.max_window_s)
        {
            answer = answer.kibana_url(kibana::discover(base, &context.index, window));
        }
        for note in &context.schema.notes {
            answer = answer.note(note.as_str());
        }
        Ok(answer.fit(max_tokens))
    }

    /// Which field plays which role in the indices of an expression, from the cache where it is fresh.
    ///
    /// # Errors
    /// As [`Toolbox::call`].
    pub async fn schema(&self, index: &IndexExpression, fields: &[Field], time_limit: Duration) -> Result<Arc<Schema>, ToolError> {
        self.schemas.read(&*self.engine, index, fields, &self.settings.field_overrides, time_limit).await
    }

    async fn schema_for(
        &self,
        call: &dyn Call,
        index: &IndexExpression,
        now: Timestamp,
        time_limit: Duration,
    ) -> Result<Arc<Schema>, ToolError> {
        let mut fields = call.scope().fields(now);
        fields.extend(call.fields());
        self.schema(index, &fields, time_limit).await
    }
}

fn unknown_tool(name: &str) -> ToolError {
    let names: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
    ToolError::new(
        Code::BadArgument,
        format!("there is no tool `{}`", name.chars().take(80).collect::<String>()),
        format!("the tools are {}", names.join(", ")),
    )
}
