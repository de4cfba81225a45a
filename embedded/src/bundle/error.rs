//! What can go wrong with a bundle, and what only needs saying.

use std::{fmt, io, path::PathBuf};

use crate::builder::BuildError;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No such file or folder, or no right to read it.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is neither text nor compressed text.
    #[error("{} is no log: it holds binary data; NDJSON, JSON and plain text are read, also as .gz and .zst", path.display())]
    Binary {
        /// Which.
        path: PathBuf,
    },
    /// A compressed file is damaged before the first document.
    #[error("{} is damaged after {read} bytes of text, before its first document ended: {source}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How far it was read, in bytes after decompression.
        read: u64,
        /// What the decompressor said.
        source: io::Error,
    },
    /// There is no document in it.
    #[error("there is no log line in {}", list(paths))]
    Empty {
        /// What was asked for.
        paths: Vec<PathBuf>,
    },
    /// The documents could not be stored.
    #[error(transparent)]
    Build(#[from] BuildError),
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What was read otherwise than one might think.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Lines that are no JSON became the `message` of a document each.
    PlainText {
        /// Where.
        file: PathBuf,
        /// How many.
        lines: u64,
        /// The first of them, from 1.
        first: u64,
    },
    /// A compressed file ends before its end: what came before is there, the line it ends in is left out.
    Cut {
        /// Which.
        file: PathBuf,
        /// How far it was read, in bytes after decompression.
        read: u64,
    },
    /// Bulk lines that delete or update a document were left out.
    Unsupported {
        /// Where.
        file: PathBuf,
        /// How many.
        lines: u64,
    },
    /// Lines too long to be documents were left out.
    TooLong {
        /// Where.
        file: PathBuf,
        /// How many.
        lines: u64,
    },
    /// A file of a folder that is no log was left out.
    Skipped {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// Values that do not fit the type of their field can be seen in `_source`, not searched.
    Unindexed {
        /// Where.
        index: String,
        /// How many.
        values: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainText { file, lines, first } => {
                write!(f, "{}: {lines} lines are no JSON, the first is line {first}; each became the message of a document", file.display())
            }
            Self::Cut { file, read } => {
                write!(f, "{}: the file ends after {read} bytes of text, in the middle; what follows is missing", file.display())
            }
            Self::Unsupported { file, lines } => {
                write!(f, "{}: {lines} bulk actions that delete or update were left out", file.display())
            }
            Self::TooLong { file, lines } => {
                write!(f, "{}: {lines} lines longer than {} MiB were left out", file.display(), super::objects::LONGEST_LINE >> 20)
            }
            Self::Skipped { file, why } => write!(f, "{}: left out: {why}", file.display()),
            Self::Unindexed { index, values } => {
                write!(f, "{index}: {values} values do not fit the type of their field; they are shown but cannot be searched")
            }
        }
    }
}
