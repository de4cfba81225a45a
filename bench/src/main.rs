//! Runs incidents whose culprit is known through the tools, and prints how often they name it and what that costs. Knows the public outside
//! of the crates only.

mod corpus;
mod run;
mod score;
mod source;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};

use corpus::{Corpus, Keys, SCHEMAS, What};
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
    /// A line for each incident
    #[arg(long)]
    each: bool,
    /// The text of each answer too
    #[arg(long)]
    show: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Command::parse().task {
        Task::Incidents(arguments) => incidents(&arguments).await,
    }
}

async fn incidents(arguments: &Incidents) -> Result<()> {
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
