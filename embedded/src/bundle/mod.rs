//! Log bundles: files and folders of logs, read into an engine. Knows no request.

mod error;
mod files;
mod line;
mod name;
mod objects;
mod pipeline;

use std::path::{Path, PathBuf};

pub use error::{BundleError, Warning};

use crate::engine::Embedded;

/// A bundle that was read.
#[derive(Debug)]
pub struct Bundle {
    /// Answers requests about it.
    pub engine: Embedded,
    /// What was read.
    pub report: Report,
}

/// What reading a bundle came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Files that were read, in order.
    pub files: Vec<PathBuf>,
    /// Documents that can be found.
    pub documents: u64,
    /// Bytes of the files, as they are on disk.
    pub bytes: u64,
    /// What a reader of the answers should know.
    pub warnings: Vec<Warning>,
}

/// How far the reading is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The file that is being read.
    pub file: &'a Path,
    /// Bytes read of all files, as they are on disk.
    pub bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
}

impl Bundle {
    /// Reads files, and all files in folders and below in the order of their names, hidden ones excepted.
    ///
    /// A line is a document, a pair of lines of the bulk format, an exported hit with `_index` and `_source`, or plain text,
    /// which becomes the `message` of a document. A JSON array and indented JSON are lists of documents. Gzip and Zstandard
    /// are told by their first bytes. The index is that of the bulk line or the hit, that of `data_stream.*`, or the file's
    /// name. Threads share the work, and the outcome does not depend on their number.
    ///
    /// # Errors
    /// When a path is missing or cannot be read, when a file is no text, when a compressed file is damaged before its first
    /// document, and when nothing at all was found. In a folder, a file that is no text is left out with a warning.
    pub fn read(paths: &[PathBuf], progress: &mut dyn FnMut(Progress<'_>)) -> Result<Self, BundleError> {
        let (files, mut warnings) = files::find(paths)?;
        let total_bytes = files.iter().map(|file| file.bytes).sum();
        let read = pipeline::read(&files, total_bytes, &mut warnings, progress)?;
        let documents = read.engine.indices().iter().map(|(_, documents)| documents).sum();
        if documents == 0 {
            return Err(BundleError::Empty { paths: paths.to_vec() });
        }
        let files = read.files;
        Ok(Self { engine: read.engine, report: Report { files, documents, bytes: read.bytes, warnings } })
    }
}
