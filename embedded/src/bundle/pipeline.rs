//! Reads a bundle with several threads: this one reads and cuts into lines, workers parse and index. Only the meaning of
//! fields is decided one batch after the other, so that every run comes to the same.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use super::{
    BundleError, Progress, Warning,
    files::{self, LogFile},
    line::{self, Found, State},
    name,
    objects::{Cutter, LONGEST_LINE},
};
use crate::{
    builder::{BuildError, absorb, freeze},
    engine::Embedded,
    ingest::{Batch, Catalogue, Incoming, Worker},
};

/// Bytes of text handed to a worker at once.
const JOB: usize = 512 << 10;
/// Bytes of unfinished parts, of all workers together.
const MEMORY: usize = 128 << 20;
/// Paths whose values name the index of a document.
const NAMING: [&str; 4] = ["data_stream.dataset", "data_stream.type", "data_stream.namespace", "_index"];

/// What was read.
pub(super) struct Content {
    pub(super) engine: Embedded,
    pub(super) files: Vec<PathBuf>,
    pub(super) bytes: u64,
}

/// Lines of one file.
struct Job {
    number: u64,
    file: Arc<Source>,
    first_line: u64,
    text: Vec<u8>,
}

/// A file while it is read.
struct Source {
    path: PathBuf,
    index: String,
    plain: AtomicU64,
    first_plain: AtomicU64,
    unsupported: AtomicU64,
}

/// What the workers share.
struct Shared {
    turn: Mutex<Turn>,
    next: Condvar,
}

struct Turn {
    number: u64,
    catalogue: Catalogue,
    failure: Option<tantivy::TantivyError>,
}

/// Reads all files.
pub(super) fn read(
    files: &[LogFile],
    total_bytes: u64,
    warnings: &mut Vec<Warning>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Content, BundleError> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).clamp(1, 8);
    let shared = Shared { turn: Mutex::new(Turn { number: 0, catalogue: Catalogue::default(), failure: None }), next: Condvar::new() };
    let (sender, receiver) = sync_channel::<Job>(workers);
    let receiver = Mutex::new(receiver);
    let counter = Arc::new(AtomicU64::new(0));
    let mut read_files = Vec::new();
    let outcome = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&shared, &receiver, MEMORY / workers));
        }
        let mut feeder = Feeder { sender, number: 0 };
        let counter = &counter;
        let result = files.iter().try_for_each(|file| {
            let mut told = |path: &Path| progress(Progress { file: path, bytes: counter.load(Ordering::Relaxed), total_bytes });
            read_files.extend(feeder.feed(file, counter, warnings, &mut told)?);
            Ok::<(), BundleError>(())
        });
        drop(feeder);
        result
    });
    outcome?;
    for source in &read_files {
        source.warn(warnings);
    }
    let turn = shared.turn.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = turn.failure {
        return Err(BuildError::Store(failure).into());
    }
    let (catalog, misfits) = freeze(turn.catalogue, BTreeMap::new(), BTreeMap::new())?;
    warnings.extend(misfits.into_iter().map(|(index, values)| Warning::Unindexed { index, values }));
    let files = read_files.into_iter().map(|source| source.path.clone()).collect();
    Ok(Content { engine: Embedded::new(catalog), files, bytes: counter.load(Ordering::Relaxed) })
}

/// Cuts files into jobs.
struct Feeder {
    sender: SyncSender<Job>,
    number: u64,
}

impl Feeder {
    /// Reads one file; `None` when it was left out.
    fn feed(
        &mut self,
        file: &LogFile,
        counter: &Arc<AtomicU64>,
        warnings: &mut Vec<Warning>,
        told: &mut dyn FnMut(&Path),
    ) -> Result<Option<Arc<Source>>, BundleError> {
        let unreadable = |source| BundleError::Unreadable { path: file.path.clone(), source };
        let mut reader = match files::open(&file.path, counter) {
            Ok(reader) => reader,
            Err(error) if !file.is_named => {
                warnings.push(Warning::Skipped { file: file.path.clone(), why: error.to_string() });
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        let source = Arc::new(Source {
            path: file.path.clone(),
            index: name::of_file(&file.path),
            plain: AtomicU64::new(0),
            first_plain: AtomicU64::new(u64::MAX),
            unsupported: AtomicU64::new(0),
        });
        let (mut cutter, mut text, mut first_line) = (Cutter::new(), Vec::with_capacity(JOB + JOB / 4), 1);
        let (mut total, mut sent, mut too_long, mut skipping) = (0_u64, false, 0_u64, false);
        let mut piece = vec![0; 128 << 10];
        let damage = loop {
            let length = match reader.read(&mut piece) {
                Ok(0) => break None,
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => break Some(error),
            };
            let piece = piece.get(..length).unwrap_or_default();
            if total == 0 && is_binary(piece) {
                if file.is_named {
                    return Err(BundleError::Binary { path: file.path.clone() });
                }
                warnings.push(Warning::Skipped { file: file.path.clone(), why: "it is no text".to_owned() });
                return Ok(None);
            }
            total += length as u64;
            cutter.append(piece, &mut text);
            if skipping {
                skipping = !drop_line(&mut text);
            }
            if text.len() >= JOB {
                let end = end_of_job(&text);
                if end > 0 {
                    let rest = text.split_off(end);
                    sent = true;
                    first_line = self.send(&source, first_line, std::mem::replace(&mut text, rest));
                    told(&file.path);
                } else if text.len() > LONGEST_LINE {
                    too_long += 1;
                    first_line += 1;
                    text.clear();
                    skipping = true;
                }
            }
        };
        if let Some(error) = damage {
            // The line it ends in is no line.
            let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
            text.truncate(end);
            if !sent && text.trim_ascii().is_empty() {
                return if file.is_named {
                    Err(BundleError::Damaged { path: file.path.clone(), read: total, source: error })
                } else {
                    warnings.push(Warning::Skipped { file: file.path.clone(), why: format!("it is damaged: {error}") });
                    Ok(None)
                };
            }
            warnings.push(Warning::Cut { file: file.path.clone(), read: total });
        }
        if too_long > 0 {
            warnings.push(Warning::TooLong { file: file.path.clone(), lines: too_long });
        }
        if !skipping && !text.trim_ascii().is_empty() {
            self.send(&source, first_line, text);
        }
        told(&file.path);
        Ok(Some(source))
    }

    /// Hands lines over; returns the number of the line after them.
    fn send(&mut self, source: &Arc<Source>, first_line: u64, text: Vec<u8>) -> u64 {
        let lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        let job = Job { number: self.number, file: Arc::clone(source), first_line, text };
        self.number += 1;
        // It fails only when all workers are gone, which have said why.
        drop(self.sender.send(job));
        first_line + lines
    }
}

/// Text has no zero byte and few control characters.
fn is_binary(start: &[u8]) -> bool {
    let start = start.get(..start.len().min(8_192)).unwrap_or_default();
    let odd = start.iter().filter(|byte| matches!(byte, 0x01..=0x06 | 0x0e..=0x1a | 0x1c..=0x1f)).count();
    start.contains(&0) || odd * 10 > start.len()
}

/// Drops all up to the next line break; false when there is none.
fn drop_line(text: &mut Vec<u8>) -> bool {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(position) => {
            text.drain(..=position);
            true
        }
        None => {
            text.clear();
            false
        }
    }
}

/// Where a job may end: after a line that is no action of the bulk format.
fn end_of_job(text: &[u8]) -> usize {
    let mut end = text.len();
    while let Some(position) = text.get(..end).and_then(|text| text.iter().rposition(|byte| *byte == b'\n')) {
        let start = text.get(..position).and_then(|text| text.iter().rposition(|byte| *byte == b'\n')).map_or(0, |start| start + 1);
        if !line::may_be_action(text.get(start..position).unwrap_or_default()) {
            return position + 1;
        }
        end = position;
    }
    0
}

impl Source {
    fn warn(&self, warnings: &mut Vec<Warning>) {
        let lines = self.plain.load(Ordering::Relaxed);
        if lines > 0 {
            warnings.push(Warning::PlainText { file: self.path.clone(), lines, first: self.first_plain.load(Ordering::Relaxed) });
        }
        let lines = self.unsupported.load(Ordering::Relaxed);
        if lines > 0 {
            warnings.push(Warning::Unsupported { file: self.path.clone(), lines });
        }
    }
}

/// One worker's life.
fn work(shared: &Shared, jobs: &Mutex<Receiver<Job>>, memory: usize) {
    let mut worker = Worker::new(memory, &NAMING);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { break };
        if let Err(failure) = handle(&job, &mut worker, shared) {
            shared.turn.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(failure);
        }
    }
    let finished = worker.finish();
    let mut turn = shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
    match finished {
        Ok(finished) => absorb(&mut turn.catalogue, finished),
        Err(failure) => turn.failure = Some(failure),
    }
}

fn handle(job: &Job, worker: &mut Worker, shared: &Shared) -> tantivy::Result<()> {
    let pass = Pass { shared, number: job.number, taken: false };
    let mut documents = documents(job);
    let mut batch = Batch::default();
    let mut plain = Vec::new();
    for (position, (_, found)) in documents.iter().enumerate() {
        if worker.take(incoming(found, job), &mut batch).is_err() {
            plain.push(position);
        }
    }
    if !plain.is_empty() {
        // Lines that only look like JSON: now that they are known, all are taken once more, in order.
        drop(batch);
        for position in plain {
            if let Some((line, found)) = documents.get_mut(position) {
                note_plain(job, *line);
                found.json = Cow::Owned(line::message(&found.json));
            }
        }
        batch = Batch::default();
        for (_, found) in &documents {
            // A message is a document by its making.
            drop(worker.take(incoming(found, job), &mut batch));
        }
    }
    batch.name_by(|values| match values {
        [Some(dataset), kind, namespace, _] => Some(name::of_stream(*kind, dataset, *namespace)),
        [_, _, _, Some(index)] => Some(name::legal(index)),
        _ => None,
    });
    pass.take(|catalogue| worker.assign(catalogue, &mut batch));
    let full = worker.write(&batch)?;
    if !full.parts.is_empty() {
        absorb(&mut shared.turn.lock().unwrap_or_else(PoisonError::into_inner).catalogue, full);
    }
    Ok(())
}

/// A job's right to its turn. A job that ends without it gives it up, so that the others do not wait for ever.
struct Pass<'a> {
    shared: &'a Shared,
    number: u64,
    taken: bool,
}

impl Pass<'_> {
    /// Waits until all jobs before have had their turn.
    fn take(mut self, act: impl FnOnce(&mut Catalogue)) {
        self.taken = true;
        self.wait(act);
    }

    fn wait(&self, act: impl FnOnce(&mut Catalogue)) {
        let mut turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        while turn.number != self.number {
            turn = self.shared.next.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        act(&mut turn.catalogue);
        turn.number += 1;
        self.shared.next.notify_all();
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.wait(|_| {});
        }
    }
}

fn incoming<'a>(found: &'a Found<'_>, job: &'a Job) -> Incoming<'a> {
    Incoming {
        index: found.index.as_deref().map_or(Cow::Borrowed(job.file.index.as_str()), |index| name::legal(index).into()),
        is_named: found.index.is_some(),
        id: found.id.as_deref().map(Cow::Borrowed),
        source: &found.json,
    }
}

/// The documents of a job, each with the number of its line.
fn documents(job: &Job) -> Vec<(u64, Found<'_>)> {
    let mut state = State::default();
    let (mut documents, mut found) = (Vec::new(), Vec::new());
    for (number, line) in (job.first_line..).zip(job.text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match (line.first(), std::str::from_utf8(line)) {
            (Some(b'{'), Ok(line)) => state.read(line, &mut found),
            (_, text) => {
                note_plain(job, number);
                let text = text.map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
                found.push(Found { index: None, id: None, json: line::message(&text).into() });
            }
        }
        documents.extend(found.drain(..).map(|found| (number, found)));
    }
    job.file.unsupported.fetch_add(state.unsupported, Ordering::Relaxed);
    documents
}

fn note_plain(job: &Job, line: u64) {
    job.file.plain.fetch_add(1, Ordering::Relaxed);
    job.file.first_plain.fetch_min(line, Ordering::Relaxed);
}
