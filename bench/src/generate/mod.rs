//! Incidents of a made-up system of services, or of recorded traffic with made-up faults, in the shape of a folder of real ones: what the
//! method is judged on beside those. Knows nothing of the tools.
//!
//! Each incident of a made-up system has one of its own: a gateway, services that call each other, requests whose way depends on what they are about. Beside
//! the fault there is what makes real ones hard: few requests, errors that come and go by themselves, attributes of requests that change
//! together, services that become slower for a while, pauses, clocks that differ, more requests of one kind than before.

mod fault;
mod inject;
mod random;
mod replay;
mod system;
mod trace;
mod traffic;
mod write;

use std::path::Path;

use anyhow::Result;

use fault::Fault;
pub(crate) use fault::Kind;
use random::Random;
pub(crate) use replay::replay;
use system::{Shape, System};
use traffic::Run;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    /// How many incidents of each kind of fault.
    pub(crate) each: usize,
    /// The same seed makes the same files.
    pub(crate) seed: u64,
    /// Ten services behind a web front, spans without log lines.
    pub(crate) small: bool,
    /// How many times the usual number of requests.
    pub(crate) load: f64,
}

/// Writes a folder of incidents: `ground_truth.json` and compressed documents.
pub(crate) fn generate(folder: &Path, order: Order, kinds: &[Kind]) -> Result<usize> {
    std::fs::create_dir_all(folder)?;
    let mut truths = Vec::new();
    for kind in kinds {
        for number in 0..order.each {
            let mut random = Random::of(order.seed, *kind as u64, number as u64);
            let shape = if order.small { Shape::Small } else { Shape::Large };
            let system = System::draw(&mut random, shape);
            let run = Run::draw(&mut random, &system, order.load);
            let fault = Fault::draw(&mut random, *kind, &system, &run);
            let documents = run.play(&mut random, &system, fault.as_ref());
            let id = format!("{}-{number:03}", kind.word());
            let culprit = fault.as_ref().map_or("", |fault| system.service(fault.service()));
            truths.push(write::incident(folder, &id, *kind, culprit, &run, &system, documents)?);
        }
    }
    let count = truths.len();
    std::fs::write(folder.join("ground_truth.json"), serde_json::to_string_pretty(&truths)?)?;
    Ok(count)
}
