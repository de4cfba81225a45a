//! What expressions lead to: resolved, checked against the allow-list, and remembered for a while. Knows no transport.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use elk_mcp_tools::{
    dsl::{IndexExpression, IndexPattern, ResolveReply, ResolvedAlias, ResolvedStream},
    engine::{EngineError, EngineErrorKind, Reply},
};
use serde::Serialize;
use tokio::{sync::OnceCell, time::Instant};

use super::AllowList;

/// How long a resolution is trusted.
const FRESH: Duration = Duration::from_secs(30);
/// How many are remembered.
const MOST: usize = 512;
/// The longest list of names that fits a request line of 4 KB beside the rest of it, in bytes.
const LINE: usize = 3_000;

/// Narrowed expressions by the expression asked. One that is being resolved is waited for, not resolved twice.
#[derive(Debug, Default)]
pub(super) struct Resolutions(Mutex<HashMap<IndexExpression, Resolution>>);

#[derive(Debug, Clone)]
struct Resolution {
    since: Instant,
    narrowed: Arc<OnceCell<IndexExpression>>,
}

impl Resolutions {
    /// The expression itself when all it leads to is allowed; otherwise the members of it that are.
    ///
    /// # Errors
    /// `NotAllowed` when a name that was given leads elsewhere, or when nothing allowed is left; whatever `resolve`
    /// fails with.
    pub(super) async fn narrow<F, R>(
        &self,
        expression: &IndexExpression,
        allowed: &AllowList,
        resolve: F,
    ) -> Result<IndexExpression, EngineError>
    where
        F: Fn(IndexExpression) -> R,
        R: Future<Output = Result<Reply, EngineError>>,
    {
        let cell = self.cell(expression);
        cell.get_or_try_init(|| async {
            let mut narrowed = Vec::new();
            for part in parts(expression) {
                let reply = resolve(part.clone()).await?;
                narrowed.extend(narrowed_part(&part, &reply, allowed)?);
            }
            let narrowed = IndexExpression::of(narrowed).ok_or_else(|| allowed.refusal(&expression.to_string()))?;
            // A list of names grows with the cluster; what does not fit a request line cannot be sent.
            if narrowed != *expression && narrowed.to_string().len() > LINE {
                tracing::warn!(%expression, "an alias inside the expression leads outside the allow-list, and too many names are left to list them");
                return Err(allowed.refusal(&expression.to_string()));
            }
            Ok(narrowed)
        })
        .await
        .cloned()
    }

    fn cell(&self, expression: &IndexExpression) -> Arc<OnceCell<IndexExpression>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resolution) = known.get(expression).filter(|resolution| resolution.since.elapsed() < FRESH) {
            return Arc::clone(&resolution.narrowed);
        }
        if known.len() >= MOST {
            known.retain(|_, resolution| resolution.since.elapsed() < FRESH);
            if known.len() >= MOST {
                known.clear();
            }
        }
        let fresh = Resolution { since: Instant::now(), narrowed: Arc::default() };
        known.insert(expression.clone(), fresh.clone());
        fresh.narrowed
    }
}

/// The expression in pieces that fit a request line.
fn parts(expression: &IndexExpression) -> Vec<IndexExpression> {
    let mut parts = Vec::new();
    let mut part: Vec<IndexPattern> = Vec::new();
    let mut length = 0;
    for pattern in expression.patterns() {
        if length + pattern.as_str().len() > LINE {
            parts.extend(IndexExpression::of(std::mem::take(&mut part)));
            length = 0;
        }
        length += pattern.as_str().len() + 1;
        part.push(pattern.clone());
    }
    parts.extend(IndexExpression::of(part));
    parts
}

/// The members of a resolved part that may be asked.
fn narrowed_part(part: &IndexExpression, reply: &Reply, allowed: &AllowList) -> Result<Vec<IndexPattern>, EngineError> {
    let resolved = parse(reply)?;
    let foreign: Vec<&str> = resolved
        .aliases
        .iter()
        .filter(|alias| !alias_is_allowed(alias, allowed))
        .map(|alias| &*alias.name)
        .chain(resolved.data_streams.iter().filter(|stream| !stream_is_allowed(stream, allowed)).map(|stream| &*stream.name))
        .chain(resolved.indices.iter().filter(|index| !allowed.covers_concrete(&index.name)).map(|index| &*index.name))
        .collect();
    if foreign.is_empty() {
        return Ok(part.patterns().to_vec());
    }
    if let Some(named) = part.patterns().iter().find(|pattern| foreign.contains(&pattern.as_str())) {
        return Err(allowed.refusal(named.as_str()));
    }
    tracing::warn!(names = ?foreign, "left out: they lead outside the allow-list");
    let mut names = Vec::new();
    for pattern in part.patterns() {
        if !foreign.iter().any(|name| pattern.matches(name)) {
            names.push(pattern.clone());
            continue;
        }
        let members = resolved
            .indices
            .iter()
            .map(|index| &*index.name)
            .chain(resolved.aliases.iter().map(|alias| &*alias.name))
            .chain(resolved.data_streams.iter().map(|stream| &*stream.name));
        names.extend(
            members.filter(|name| pattern.matches(name) && !foreign.contains(name)).filter_map(|name| IndexPattern::parse(name).ok()),
        );
    }
    Ok(names)
}

/// An alias leads to what it names, so all of that must be allowed: indices, and data streams' names or indices.
fn alias_is_allowed(alias: &ResolvedAlias<'_>, allowed: &AllowList) -> bool {
    allowed.covers(&alias.name) && alias.indices.iter().all(|target| allowed.covers_concrete(target))
}

fn stream_is_allowed(stream: &ResolvedStream<'_>, allowed: &AllowList) -> bool {
    allowed.covers(&stream.name) && stream.backing_indices.iter().all(|index| allowed.covers_concrete(index))
}

fn parse(reply: &Reply) -> Result<ResolveReply<'_>, EngineError> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| EngineError::new(EngineErrorKind::BadReply, format!("a resolution is not what it should be: {error}")))
}

/// A resolution for the caller's own eyes, without the names that lead outside the allow-list.
pub(super) fn without_foreign(reply: Reply, allowed: &AllowList) -> Result<Reply, EngineError> {
    let resolved = parse(&reply)?;
    let all_allowed = resolved.indices.iter().all(|index| allowed.covers_concrete(&index.name))
        && resolved.aliases.iter().all(|alias| alias_is_allowed(alias, allowed))
        && resolved.data_streams.iter().all(|stream| stream_is_allowed(stream, allowed));
    if all_allowed {
        return Ok(reply);
    }
    let filtered = Filtered {
        indices: resolved
            .indices
            .iter()
            .filter(|index| allowed.covers_concrete(&index.name))
            .map(|index| FilteredIndex {
                name: &index.name,
                aliases: index.aliases.iter().map(|alias| &**alias).filter(|alias| allowed.covers(alias)).collect(),
                attributes: index.attributes.iter().map(|attribute| &**attribute).collect(),
                data_stream: index.data_stream.as_deref().filter(|stream| allowed.covers(stream)),
            })
            .collect(),
        aliases: resolved
            .aliases
            .iter()
            .filter(|alias| alias_is_allowed(alias, allowed))
            .map(|alias| FilteredAlias { name: &alias.name, indices: alias.indices.iter().map(|index| &**index).collect() })
            .collect(),
        data_streams: resolved
            .data_streams
            .iter()
            .filter(|stream| stream_is_allowed(stream, allowed))
            .map(|stream| FilteredStream {
                name: &stream.name,
                backing_indices: stream.backing_indices.iter().map(|index| &**index).collect(),
                timestamp_field: stream.timestamp_field.as_deref(),
            })
            .collect(),
    };
    let body = serde_json::to_vec(&filtered)
        .map_err(|error| EngineError::new(EngineErrorKind::BadReply, format!("a resolution could not be rewritten: {error}")))?;
    Ok(Reply { body })
}

#[derive(Serialize)]
struct Filtered<'a> {
    indices: Vec<FilteredIndex<'a>>,
    aliases: Vec<FilteredAlias<'a>>,
    data_streams: Vec<FilteredStream<'a>>,
}

#[derive(Serialize)]
struct FilteredIndex<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'a str>,
    attributes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_stream: Option<&'a str>,
}

#[derive(Serialize)]
struct FilteredAlias<'a> {
    name: &'a str,
    indices: Vec<&'a str>,
}

#[derive(Serialize)]
struct FilteredStream<'a> {
    name: &'a str,
    backing_indices: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_field: Option<&'a str>,
}
