//! Runs incidents whose culprit is known through the tools, and prints how often they name it and what that costs. Knows the public outside
//! of the crates only.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod corpus;
mod generate;
mod run;
mod score;
mod source;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use elk_mcp_tools::compare_windows::ablation::{Part, ablate};

use corpus::{Corpus, Incident, Keys, SCHEMAS, What};
use generate::{Kind, Order};
use score::Tally;
use source::Loaded;

#[derive(Parser)]
#[command(name = "elk-mcp-bench", about = "Runs incidents whose culprit is known through the tools")]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Every incident of a folder with a ground_truth.json: hits, calls, tokens, seconds
    Incidents(Incidents),
    /// Makes a folder of incidents: of a made-up system, or of recorded traffic with made-up faults
    Generate(Generate),
}

#[derive(Args)]
struct Incidents {
    /// The folder: ground_truth.json beside ID.SCHEMA-logs.ndjson.gz and ID.SCHEMA-spans.ndjson.gz
    folder: PathBuf,
    /// `embedded`, or the address of a cluster without sign-in that may be written to
    #[arg(long, default_value = "embedded")]
    engine: String,
    /// Schemas to run, comma-separated; those that the folder has by default
    #[arg(long, value_delimiter = ',')]
    schema: Vec<String>,
    /// Which documents the tools get
    #[arg(long, value_enum, value_delimiter = ',', default_value = "spans+logs")]
    what: Vec<What>,
    /// What tells log lines apart: the place in the source, or, where that is taken away, their templates
    #[arg(long, value_enum, value_delimiter = ',', default_value = "lines")]
    keys: Vec<Keys>,
    /// Incidents to run, comma-separated; all by default
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Parts of the method to leave out, comma-separated
    #[arg(long, value_parser = part(), value_delimiter = ',')]
    ablate: Vec<Part>,
    /// Runs with every part, and then with each one left out
    #[arg(long, conflicts_with = "ablate")]
    ablations: bool,
    /// Incidents at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// A line for each incident
    #[arg(long)]
    each: bool,
    /// The text of each answer too
    #[arg(long)]
    show: bool,
}

#[derive(Args)]
struct Generate {
    /// Where to put it
    folder: PathBuf,
    /// A folder of real incidents, whose quiet traffic faults are put into
    #[arg(long)]
    from: Option<PathBuf>,
    /// Incidents of each kind
    #[arg(long, default_value_t = 10)]
    each: usize,
    /// The same seed makes the same files
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ten services and spans only, rather than 20 to 30 with log lines
    #[arg(long)]
    small: bool,
    /// Times the usual number of requests, about one a second, of a made-up system
    #[arg(long, default_value_t = 1.0, conflicts_with = "from")]
    load: f64,
    /// Kinds of fault; all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,
}

/// Reads the name of a part of the method.
fn part() -> impl TypedValueParser<Value = Part> {
    let named = |word: String| Part::ALL.into_iter().find(|part| part.word() == word).ok_or("no part of the method");
    PossibleValuesParser::new(Part::ALL.map(Part::word)).try_map(named)
}

#[tokio::main]
async fn main() -> Result<()> {
    match Command::parse().task {
        Task::Incidents(arguments) => incidents(&arguments).await,
        Task::Generate(Generate { folder, from, each, seed, small, load, kind }) => {
            let kinds = if kind.is_empty() { Kind::ALL.to_vec() } else { kind };
            let order = Order { each, seed, small, load };
            let count = match from {
                Some(from) => generate::replay(&from, &folder, order, &kinds)?,
                None => generate::generate(&folder, order, &kinds)?,
            };
            println!("{count} incidents in {}", folder.display());
            Ok(())
        }
    }
}

async fn incidents(arguments: &Incidents) -> Result<()> {
    let corpus = Corpus::open(&arguments.folder)?;
    let schemas: Vec<&str> = match arguments.schema.as_slice() {
        [] => SCHEMAS.into_iter().filter(|schema| corpus.has_schema(schema)).collect(),
        named => named.iter().map(String::as_str).collect(),
    };
    let wanted: Vec<&Incident> =
        corpus.incidents.iter().filter(|one| arguments.only.is_empty() || arguments.only.contains(&one.id)).collect();
    let mut tallies = Vec::new();
    for what in &arguments.what {
        for keys in &arguments.keys {
            for schema in &schemas {
                let view = View { schema, what: *what, keys: *keys };
                tallies.extend(look(arguments, &corpus, &wanted, &view).await?.into_iter().filter(|tally| !tally.is_empty()));
            }
        }
    }
    if tallies.is_empty() {
        bail!("no incident of {} has such documents", arguments.folder.display());
    }
    print!("{}", score::table(&tallies));
    Ok(())
}

/// One way to look at incidents.
struct View<'v> {
    schema: &'v str,
    what: What,
    keys: Keys,
}

/// All incidents looked at in one way, with each set of parts left out.
async fn look(arguments: &Incidents, corpus: &Corpus, wanted: &[&Incident], view: &View<'_>) -> Result<Vec<Tally>> {
    let View { schema, what, keys } = view;
    let name = format!("{schema} {what} {keys}");
    let mut left_out: Vec<Vec<Part>> = vec![arguments.ablate.clone()];
    if arguments.ablations {
        left_out.extend(Part::ALL.map(|part| vec![part]));
    }
    let tally = |parts: &Vec<Part>| {
        let words: Vec<&str> = parts.iter().map(|part| part.word()).collect();
        Tally::new(if words.is_empty() { name.clone() } else { format!("{name} without {}", words.join(",")) })
    };
    let mut tallies: Vec<Tally> = left_out.iter().map(tally).collect();
    for some in wanted.chunks(arguments.jobs.max(1)) {
        let mut loading = Vec::new();
        for incident in some {
            if let Some(documents) = corpus.documents(incident, schema, *what, *keys)? {
                let engine = arguments.engine.clone();
                loading.push(((*incident).clone(), tokio::spawn(async move { source::load(&engine, documents).await })));
            }
        }
        let mut loaded = Vec::new();
        for (incident, task) in loading {
            loaded.push((Arc::new(incident), Arc::new(task.await??)));
        }
        for (parts, tally) in left_out.iter().zip(&mut tallies) {
            ablate(parts);
            let solve = |(incident, loaded): &(Arc<Incident>, Arc<Loaded>)| {
                let (incident, loaded) = (Arc::clone(incident), Arc::clone(loaded));
                tokio::spawn(async move { (run::solve(&loaded.toolbox, &incident).await, incident) })
            };
            for task in loaded.iter().map(solve).collect::<Vec<_>>() {
                let (outcome, incident) = task.await?;
                let outcome = outcome?;
                if arguments.each {
                    println!("{} {}: {outcome}", incident.id, tally.name());
                }
                if arguments.show {
                    println!("{}\n", outcome.text);
                }
                tally.add(&incident.fault_type, outcome);
            }
        }
        for (_, loaded) in loaded {
            loaded.remove().await?;
        }
    }
    Ok(tallies)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts are left out of all comparisons of a process, so of those of another test too.
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    fn arguments(folder: &std::path::Path, more: &[&str]) -> Incidents {
        let folder = folder.to_str().unwrap();
        let words = ["elk-mcp-bench", "incidents", folder, "--schema", "ecs", "--what", "spans"];
        match Command::try_parse_from(words.iter().chain(more)).unwrap().task {
            Task::Incidents(arguments) => arguments,
            Task::Generate(_) => unreachable!("incidents were asked for"),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_left_out_counts_for_nothing_and_for_no_later_run() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let order = Order { each: 1, seed: 7, small: true, load: 1.0 };
        generate::generate(folder.path(), order, &[Kind::Cpu]).unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let wanted: Vec<&Incident> = corpus.incidents.iter().collect();
        let view = View { schema: "ecs", what: What::Spans, keys: Keys::Lines };
        let texts = async |more: &[&str]| {
            let tallies = look(&arguments(folder.path(), more), &corpus, &wanted, &view).await.unwrap();
            tallies.iter().map(|tally| (tally.name().to_owned(), tally.texts())).collect::<Vec<_>>()
        };
        let whole = texts(&[]).await;
        let without = texts(&["--ablate", "latency"]).await;
        let slower = |text: &str| text.contains("self_time") || text.contains("call_edge");
        assert!(slower(&whole[0].1), "{}", whole[0].1);
        assert!(!slower(&without[0].1), "{}", without[0].1);
        let each = texts(&["--ablations"]).await;
        assert_eq!(each.len(), Part::ALL.len() + 1);
        assert_eq!(each[0].1, whole[0].1);
        let latency = each.iter().find(|(name, _)| name.ends_with("without latency")).unwrap();
        assert_eq!(latency.1, without[0].1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_culprit_of_a_real_incident_is_first_where_lines_have_places() {
        let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/incidents"));
        let folder = &std::env::var_os("ELK_MCP_INCIDENTS").map_or_else(beside, PathBuf::from);
        if !folder.exists() {
            eprintln!("skipped: no folder {}", folder.display());
            return;
        }
        let _alone = ONE_AT_A_TIME.lock().await;
        let corpus = Corpus::open(folder).unwrap();
        let wanted: Vec<&Incident> = corpus.incidents.iter().collect();
        for what in [What::Both, What::Logs] {
            let view = View { schema: "ecs", what, keys: Keys::Lines };
            let tallies = look(&arguments(folder, &[]), &corpus, &wanted, &view).await.unwrap();
            assert_eq!(tallies[0].ranks(), vec![Some(1); wanted.len()], "{}", tallies[0].texts());
        }
    }
}
