//! What an investigation found, in the form that is published. Knows no tool and no way of showing it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What was found out about one clue, from the answers of the tools alone.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Findings {
    /// The result in one line.
    pub headline: String,
    /// What the result amounts to.
    pub verdict: Verdict,
    /// How sure it is that the first of the suspects is the cause; absent where nothing is significant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// What it began with.
    pub clue: ClueTold,
    /// What was looked at.
    pub window: Window,
    /// When it began; absent where nothing tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// From the cause to its effect, in that order. Empty where no cause is named.
    pub chain: Vec<Link>,
    /// What happened, in order of time.
    pub timeline: Vec<Event>,
    /// Services by how much speaks against them, most first. Where nothing is significant it is an order and no more.
    pub suspects: Vec<Suspect>,
    /// What also stands out, and why it is not the cause.
    pub ruled_out: Vec<RuledOut>,
    /// What the answers do not tell.
    pub unknown: Vec<String>,
    /// Calls that would tell more.
    pub next_steps: Vec<NextStep>,
    /// The calls that were made; evidence refers to them by number.
    pub calls: Vec<Call>,
    /// What they cost together.
    pub cost: Cost,
}

/// What a result amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Independent signs point at one cause.
    CauseNamed,
    /// Something differs, but nothing fails because of it, or the signs do not agree.
    SuspectsOnly,
    /// Nothing differs more than it does from hour to hour.
    NothingSignificant,
}

/// How sure something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Confidence {
    /// In a word.
    pub word: Sure,
    /// What the word rests on.
    pub basis: String,
}

/// How sure, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// One sign alone.
    Low,
    /// Two independent signs agree.
    Medium,
    /// Three or more independent signs agree.
    High,
}

impl Sure {
    /// As it is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What an investigation began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClueTold {
    /// In one line.
    pub text: String,
    /// The system that raised the alert, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What was looked at. A start is included, an end is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Window {
    /// Where the incident was looked for.
    #[schemars(with = "String")]
    pub start: Timestamp,
    /// Its end.
    #[schemars(with = "String")]
    pub end: Timestamp,
    /// What it was compared with, in words.
    pub baseline: String,
}

/// When it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Onset {
    /// The best estimate.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub earliest: Option<Timestamp>,
    /// Not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub latest: Option<Timestamp>,
    /// Where it was read.
    pub basis: String,
}

/// A link of the causal chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// Its place in the chain.
    pub role: LinkRole,
    /// What happened.
    pub text: String,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub time: Option<Timestamp>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// A place in the causal chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkRole {
    /// What was done, or broke first.
    Cause,
    /// What it led to.
    Mechanism,
    /// How that shows.
    Symptom,
    /// What the clue is about.
    Effect,
}

impl LinkRole {
    /// As it is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Mechanism => "mechanism",
            Self::Symptom => "symptom",
            Self::Effect => "effect",
        }
    }
}

/// A sentence of evidence and the call that gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Number of the call.
    pub call: usize,
    /// What it says.
    pub text: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Event {
    /// When it was seen first.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// When it ended, where it lasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// What kind of thing it is.
    pub kind: EventKind,
    /// What happened.
    pub text: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether the chain goes through it.
    pub in_chain: bool,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Something was changed.
    Change,
    /// Something failed, or became slow.
    Failure,
    /// The request or message that the clue names.
    Clue,
    /// The alert.
    Alert,
}

impl EventKind {
    /// As it is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Failure => "failure",
            Self::Clue => "clue",
            Self::Alert => "alert",
        }
    }
}

/// A service, or a host where errors of several services are written, and what speaks against it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Suspect {
    /// 1 is first.
    pub rank: usize,
    /// Its name.
    pub service: String,
    /// How much speaks against it: the square root of the summed squares of the strongest sign of each kind, each on the
    /// scale of √G². For the order only.
    pub score: f64,
    /// How many kinds of signs point at it.
    pub kinds: usize,
    /// What they say, strongest first.
    pub evidence: Vec<Evidence>,
    /// A request that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// What stands out without being the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuledOut {
    /// What it is.
    pub what: String,
    /// Why it is not the cause.
    pub why: String,
    /// The call that shows it.
    pub call: usize,
}

/// A call that would tell more.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NextStep {
    /// Name of the tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What it would tell.
    pub why: String,
}

impl NextStep {
    /// As it is typed in a shell.
    pub fn command(&self) -> String {
        let arguments = serde_json::to_string(&self.arguments).unwrap_or_default();
        // A quote in an argument would end the shell's own.
        format!("elk-mcp call {} '{}'", self.tool, arguments.replace('\'', "\\u0027"))
    }
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Call {
    /// Counted from 1.
    pub number: usize,
    /// Name of the tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What it answered in one line, or why it could not.
    pub summary: String,
    /// The error's code, where it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Tokens of arguments and structured answer, estimated as bytes by three.
    pub tokens: usize,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// What the calls cost together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cost {
    /// How many calls were made.
    pub calls: usize,
    /// Their tokens.
    pub tokens: usize,
    /// From the first question to the last answer, in milliseconds. Calls run side by side.
    pub elapsed_ms: u64,
}
