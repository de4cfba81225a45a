//! The one loop that takes a tool from step to step: sends what it asks together, hands it the replies.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use super::{Progress, empty, schemas::Schemas};
use crate::{
    answer::Answer,
    dsl::{ItemReply, MsearchReply, Request, Search, SearchReply},
    engine::{Engine, EngineError, EngineErrorKind, Reply, classify},
    error::ToolError,
    join::join_all,
    look::{Look, Lowered, Partial, lower, merge},
    schema::Schema,
    tool::{Ask, Context, Step, Told},
};

/// A tool never needs more; a loop that does is a fault.
const MAX_STEPS: usize = 12;

/// More notes on what was not searched are not told.
const MAX_NOTES: usize = 3;

/// An expression longer than this goes into the header line of an `_msearch`, not into the path.
const MAX_PATH_EXPRESSION: usize = 1_500;

/// One call under way.
pub(super) struct Drive<'e> {
    pub(super) engine: &'e dyn Engine,
    pub(super) schemas: &'e Schemas,
    pub(super) context: &'e Context,
    pub(super) started: Instant,
    pub(super) time_limit: Duration,
    /// What was sent, where the caller wants to see it.
    pub(super) explain: Option<Vec<String>>,
    /// Who hears of each step.
    pub(super) progress: Option<&'e dyn Progress>,
    /// What was not searched though it is there.
    pub(super) notes: BTreeSet<String>,
}

/// The replies to everything that a step asked.
struct Replies {
    /// To the searches; none where nothing was searched.
    searches: Option<(Joined, Result<Reply, EngineError>)>,
    /// To the other requests.
    others: Vec<Result<Reply, EngineError>>,
}

/// How searches were sent, and so what their reply looks like.
#[derive(Clone, Copy)]
enum Joined {
    /// A single one by itself.
    Alone,
    /// Several in one `_msearch`.
    Together,
}

/// What one question became.
enum Sent {
    /// Searches from this position of the joint `_msearch`.
    Look(Box<Look>, Result<(Lowered, usize), ToolError>),
    /// Another request, at this position.
    Other(Kind, usize),
    /// The answer is already there.
    Schema(Result<Arc<Schema>, ToolError>),
}

enum Kind {
    Caps,
    Resolve,
    Stats,
}

impl Drive<'_> {
    fn remaining(&self) -> Result<Duration, ToolError> {
        let left = self.time_limit.saturating_sub(self.started.elapsed());
        if left.is_zero() { Err(EngineError::new(EngineErrorKind::Timeout, "the call's own limit").into()) } else { Ok(left) }
    }

    /// Runs a tool to its answer. What any reply lacked is told in the answer.
    pub(super) async fn run(&mut self, mut step: Step) -> Result<Answer, ToolError> {
        let mut partial = Partial::default();
        // What is asked once the answer is there, and empty, takes nothing from it.
        let (mut is_whole, mut beside) = (false, Partial::default());
        for _ in 0..MAX_STEPS {
            step = match step {
                Step::Done(answer) => return Ok(self.told(*answer).partial(&partial)),
                Step::Empty(answer, clauses) => {
                    if partial.is_partial() {
                        // What is missing may be in the shards that did not answer: nothing can be concluded.
                        return Ok(self.told(*answer).partial(&partial));
                    }
                    is_whole = true;
                    empty::explain(*answer, clauses, self.context)?
                }
                Step::Ask(questions, then) => {
                    let sent = self.prepare(questions).await?;
                    let asked = sent.1.len() + sent.2.len();
                    self.tell_step(format_args!("asking {asked} questions of the cluster"));
                    let replies = self.send(sent.1, sent.2).await?;
                    self.tell_step(format_args!("{asked} questions answered"));
                    let told = self.tell(sent.0, &replies, if is_whole { &mut beside } else { &mut partial })?;
                    then(told, self.context)?
                }
            };
        }
        Err(ToolError::new(crate::error::Code::Internal, "the tool did not come to an end", "report this; it is a fault of the server"))
    }

    /// The answer with what its searches left out.
    fn told(&mut self, answer: Answer) -> Answer {
        std::mem::take(&mut self.notes).into_iter().take(MAX_NOTES).fold(answer, Answer::note)
    }

    fn tell_step(&self, doing: std::fmt::Arguments<'_>) {
        if let Some(progress) = self.progress {
            progress.step(doing);
        }
    }

    /// Turns questions into one list of searches and one of other requests.
    async fn prepare(&mut self, questions: Vec<Ask>) -> Result<(Vec<Sent>, Vec<Search>, Vec<Request>), ToolError> {
        let mut sent = Vec::with_capacity(questions.len());
        let mut searches = Vec::new();
        let mut others = Vec::new();
        for question in questions {
            let mut other = |kind, request| {
                others.push(request);
                Sent::Other(kind, others.len() - 1)
            };
            sent.push(match question {
                Ask::Look(look) => {
                    let schema = self.schema_of(&look);
                    let lowered = lower(&look, schema).map(|mut lowered| {
                        let from = searches.len();
                        searches.append(&mut lowered.searches);
                        (lowered, from)
                    });
                    if let Ok((lowered, _)) = &lowered {
                        self.notes.extend(lowered.notes.iter().cloned());
                    }
                    Sent::Look(look, lowered)
                }
                Ask::Caps(caps) => other(Kind::Caps, Request::FieldCaps(caps)),
                Ask::Resolve(resolve) => other(Kind::Resolve, Request::ResolveIndex(resolve)),
                Ask::Stats(stats) => other(Kind::Stats, Request::IndexStats(stats)),
                Ask::Schema(index, fields) => {
                    let overrides = &self.context.settings.field_overrides;
                    Sent::Schema(self.schemas.read(self.engine, &index, &fields, overrides, self.remaining()?).await)
                }
            });
        }
        Ok((sent, searches, others))
    }

    fn schema_of<'s>(&'s self, look: &'s Look) -> &'s Schema {
        look.schema.as_deref().unwrap_or(&self.context.schema)
    }

    /// Sends everything side by side: the searches in one round trip, the others beside it.
    async fn send(&mut self, mut searches: Vec<Search>, mut requests: Vec<Request>) -> Result<Replies, ToolError> {
        let limit = self.remaining()?;
        let fits_path = |search: &Search| search.index().to_string().len() <= MAX_PATH_EXPRESSION;
        let joined = match searches.as_slice() {
            [] => None,
            [search] if fits_path(search) => {
                requests.extend(searches.pop().map(Request::Search));
                Some(Joined::Alone)
            }
            _ => {
                requests.push(Request::Msearch(searches));
                Some(Joined::Together)
            }
        };
        if let Some(explain) = &mut self.explain {
            for request in &requests {
                let body = request.body().map(|body| String::from_utf8_lossy(&body).into_owned());
                explain.push(format!("{} {}", request.path(), body.unwrap_or_default()));
            }
        }
        let engine = self.engine;
        let mut replies = join_all(requests.iter().map(|request| engine.send(request, limit)).collect()).await;
        let searches = joined.and_then(|joined| Some((joined, replies.pop()?)));
        Ok(Replies { searches, others: replies })
    }

    /// Hands each question its reply.
    fn tell<'r>(&self, sent: Vec<Sent>, replies: &'r Replies, partial: &mut Partial) -> Result<Vec<Told<'r>>, ToolError> {
        let joint: Result<Vec<Unread<'r>>, EngineError> = match &replies.searches {
            None => Ok(Vec::new()),
            Some((joined, Ok(reply))) => Ok(unread(*joined, reply)?),
            Some((_, Err(error))) => Err(error.clone()),
        };
        let other = |position: usize| replies.others.get(position).ok_or_else(|| EngineError::new(EngineErrorKind::BadReply, "no reply"));
        let mut told = Vec::with_capacity(sent.len());
        for sent in sent {
            told.push(match sent {
                Sent::Schema(schema) => Told::Schema(schema),
                Sent::Look(_, Err(error)) => Told::Found(Err(error)),
                Sent::Look(look, Ok((lowered, from))) => {
                    let found = match &joint {
                        Err(error) => Err(error.clone().into()),
                        Ok(items) => {
                            let own = items.get(from..from + lowered.groups.len()).ok_or_else(|| bad_reply("fewer replies than searches"));
                            let replies = own.and_then(|own| own.iter().copied().map(Unread::read).collect());
                            replies.map(|replies| merge(&look, &lowered, self.schema_of(&look), replies))
                        }
                    };
                    if let Ok(found) = &found {
                        partial.join(&found.partial);
                    }
                    Told::Found(found)
                }
                Sent::Other(kind, position) => {
                    let reply = other(position)?.as_ref().map_err(|error| ToolError::from(error.clone()));
                    match kind {
                        Kind::Caps => Told::Caps(reply.and_then(parse)),
                        Kind::Resolve => Told::Resolved(reply.and_then(parse)),
                        Kind::Stats => Told::Stats(reply.and_then(parse)),
                    }
                }
            });
        }
        Ok(told)
    }

    /// Adds to the answer what the caller asked to see of the work.
    pub(super) fn finish(self, answer: Answer) -> Answer {
        let Some(explain) = self.explain else { return answer };
        answer.dsl(serde_json::value::to_raw_value(&explain).ok())
    }
}

fn parse<'r, T: serde::Deserialize<'r>>(reply: &'r Reply) -> Result<T, ToolError> {
    // Checked as a whole, text costs a fraction of what it costs string by string.
    let parsed = match std::str::from_utf8(&reply.body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(&reply.body),
    };
    parsed.map_err(bad_reply)
}

fn bad_reply(what: impl ToString) -> ToolError {
    EngineError::new(EngineErrorKind::BadReply, what.to_string()).into()
}

/// The reply to a search, before it is read: of many searches only those to one look are in memory as values at a time.
#[derive(Clone, Copy)]
enum Unread<'r> {
    Alone(&'r Reply),
    Item(&'r RawValue),
}

impl<'r> Unread<'r> {
    fn read(self) -> Result<SearchReply<'r>, ToolError> {
        match self {
            Self::Alone(reply) => parse(reply),
            Self::Item(item) => match ItemReply::read(item) {
                Ok(ItemReply::Answered(reply)) => Ok(reply),
                Ok(ItemReply::Failed(status, error)) => Err(classify(status, &error).into()),
                Err(error) => Err(bad_reply(error)),
            },
        }
    }
}

/// The replies to searches, in the order they were asked.
fn unread(joined: Joined, reply: &Reply) -> Result<Vec<Unread<'_>>, ToolError> {
    Ok(match joined {
        Joined::Alone => vec![Unread::Alone(reply)],
        Joined::Together => parse::<MsearchReply<'_>>(reply)?.responses.into_iter().map(Unread::Item).collect(),
    })
}
