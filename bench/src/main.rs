//! Runs incidents whose culprit is known through the tools, and prints how often they name it and what that costs. Knows the public outside
//! of the crates only.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod corpus;
mod generate;
mod run;
mod score;
mod source;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use elk_mcp_tools::compare_windows::ablation::{Part, ablate};

use corpus::{Corpus, Keys, SCHEMAS, What};
use generate::{Kind, Order};
use score::Tally;

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
    /// Makes a folder of incidents of a made-up system
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
    #[arg(long, value_enum, value_delimiter = ',')]
    ablate: Vec<Lens>,
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
    /// Incidents of each kind
    #[arg(long, default_value_t = 10)]
    each: usize,
    /// The same seed makes the same files
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ten services and spans only, rather than 20 to 30 with log lines
    #[arg(long)]
    small: bool,
    /// Times the usual number of requests, about one a second
    #[arg(long, default_value_t = 1.0)]
    load: f64,
    /// Kinds of fault; all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,
}

/// A part of the method.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lens {
    Pattern,
    Latency,
    Types,
    Hub,
    #[value(name = "self")]
    SelfTime,
    Edges,
    Reached,
    Recovery,
}

impl From<Lens> for Part {
    fn from(lens: Lens) -> Self {
        match lens {
            Lens::Pattern => Self::Pattern,
            Lens::Latency => Self::Latency,
            Lens::Types => Self::Types,
            Lens::Hub => Self::Hub,
            Lens::SelfTime => Self::SelfTime,
            Lens::Edges => Self::Edges,
            Lens::Reached => Self::Reached,
            Lens::Recovery => Self::Recovery,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    match Command::parse().task {
        Task::Incidents(arguments) => incidents(&arguments).await,
        Task::Generate(Generate { folder, each, seed, small, load, kind }) => {
            let kinds = if kind.is_empty() { Kind::ALL.to_vec() } else { kind };
            let count = generate::generate(&folder, Order { each, seed, small, load }, &kinds)?;
            println!("{count} incidents in {}", folder.display());
            Ok(())
        }
    }
}

async fn incidents(arguments: &Incidents) -> Result<()> {
    ablate(&arguments.ablate.iter().copied().map(Part::from).collect::<Vec<_>>());
    let corpus = Corpus::open(&arguments.folder)?;
    let schemas: Vec<&str> = match arguments.schema.as_slice() {
        [] => SCHEMAS.into_iter().filter(|schema| corpus.has_schema(schema)).collect(),
        named => named.iter().map(String::as_str).collect(),
    };
    let mut tallies = Vec::new();
    for what in &arguments.what {
        for keys in &arguments.keys {
            for schema in &schemas {
                let mut tally = Tally::new(format!("{schema} {what} {keys}"));
                for incident in
                    corpus.incidents.iter().filter(|incident| arguments.only.is_empty() || arguments.only.contains(&incident.id))
                {
                    let Some(documents) = corpus.documents(incident, schema, *what, *keys)? else { continue };
                    let loaded = source::load(&arguments.engine, documents).await?;
                    let solved = run::solve(&loaded.toolbox, incident).await;
                    loaded.remove().await?;
                    let outcome = solved?;
                    if arguments.each {
                        println!("{} {schema} {what} {keys}: {outcome}", incident.id);
                    }
                    if arguments.show {
                        println!("{}\n", outcome.text);
                    }
                    tally.add(&incident.fault_type, outcome);
                }
                if !tally.is_empty() {
                    tallies.push(tally);
                }
            }
        }
    }
    if tallies.is_empty() {
        bail!("no incident of {} has such documents", arguments.folder.display());
    }
    print!("{}", score::table(&tallies));
    Ok(())
}
