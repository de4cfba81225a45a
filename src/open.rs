//! From a source to a box of tools: the engine behind its guard, with the defaults that fit it. Knows every engine; knows
//! no transport.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use elk_mcp_embedded::{Builder, Bundle, Embedded, Mapping};
use elk_mcp_tools::{Settings, Toolbox, dsl::IndexExpression, engine::Engine, schema::Role};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cluster::Cluster,
    config::{Source, Tooling},
    guard::{AllowList, Caps, Guard},
    sample::Scenario,
};

/// The longest range of time that one search may cover, in seconds: a week.
const LONGEST_WINDOW_S: u64 = 7 * 24 * 3_600;

/// The tools over a source. A cluster is not contacted.
///
/// # Errors
/// When a setting fits nothing that there is, or a bundle cannot be read.
pub async fn toolbox(source: &Source, tooling: Tooling) -> Result<Toolbox> {
    let mut field_overrides = Vec::with_capacity(tooling.fields.len());
    for (role, field) in tooling.fields {
        let Some(known) = Role::parse(&role) else { bail!("[fields] of the --config file names `{role}`, which is no role") };
        field_overrides.push((known, field));
    }
    let (engine, everything) = engine(source).await?;
    if let (Some(asked), Some(allowed)) = (&tooling.default_index, allow_list(source))
        && let Some(outside) = asked.patterns().iter().find(|pattern| !allowed.includes(pattern))
    {
        bail!("--default-index names `{outside}`, which lies outside --allowed-indices {allowed}");
    }
    let settings = Settings {
        default_index: tooling.default_index.unwrap_or(everything),
        max_tokens: tooling.max_tokens,
        max_window_s: LONGEST_WINDOW_S,
        kibana_url: tooling.kibana_url,
        field_overrides,
    };
    let toolbox = Toolbox::new(engine, settings);
    Ok(match source {
        // The sample happened in the past: relative times refer to its end.
        Source::Sample(scenario) => toolbox.at(scenario.end_time().parse()?),
        Source::Cluster { .. } | Source::Bundle { .. } => toolbox,
    })
}

fn allow_list(source: &Source) -> Option<&AllowList> {
    match source {
        Source::Cluster { allowed, .. } => Some(allowed),
        Source::Bundle { allowed, .. } => allowed.as_ref(),
        Source::Sample(_) => None,
    }
}

/// The engine behind its guard, and the widest expression that it answers.
async fn engine(source: &Source) -> Result<(Arc<dyn Engine>, IndexExpression)> {
    Ok(match source {
        Source::Cluster { settings, credential_source, allowed, .. } => {
            let cluster = Cluster::new((**settings).clone())?.with_credential_source(credential_source.clone());
            let guard = Guard::new(cluster, allowed.clone(), Caps::default());
            (Arc::new(guard), allowed.expression().clone())
        }
        Source::Bundle { paths, allowed } => {
            let paths = paths.clone();
            let embedded = tokio::task::spawn_blocking(move || bundle(&paths)).await??;
            guarded(embedded, allowed.as_ref())?
        }
        Source::Sample(scenario) => {
            let scenario = *scenario;
            guarded(tokio::task::spawn_blocking(move || indexed_sample(scenario)).await??, None)?
        }
    })
}

fn guarded(embedded: Embedded, allowed: Option<&AllowList>) -> Result<(Arc<dyn Engine>, IndexExpression)> {
    Ok(match allowed {
        Some(allowed) => (Arc::new(Guard::new(embedded, allowed.clone(), Caps::default())), allowed.expression().clone()),
        None => (Arc::new(Guard::open(embedded, Caps::default())), IndexExpression::parse("*")?),
    })
}

/// A bundle, read with a progress bar where standard error is a terminal.
fn bundle(paths: &[PathBuf]) -> Result<Embedded> {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{wide_msg} {bytes}/{total_bytes} {bar:30} {eta}") {
        bar.set_style(style);
    }
    let read = Bundle::read(paths, &mut |progress| {
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.bytes);
        bar.set_message(progress.file.display().to_string());
    });
    bar.finish_and_clear();
    let Bundle { engine, report } = read?;
    for warning in &report.warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(files = report.files.len(), documents = report.documents, bytes = report.bytes, "bundle read");
    Ok(engine)
}

/// A sample incident, indexed.
fn indexed_sample(scenario: Scenario) -> Result<Embedded> {
    let mut builder = Builder::new();
    for index in scenario.indices() {
        builder.index(index.name, Mapping::from_json(index.body)?)?;
    }
    for (index, document) in scenario.documents() {
        builder.document(index, None, &document)?;
    }
    Ok(builder.build()?)
}
