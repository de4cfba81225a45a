//! The files of a bundle, and how they are opened: plain, gzip or Zstandard, by their first bytes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{BundleError, Warning};

/// How deep folders are followed.
const DEEPEST: usize = 32;

/// A file of the bundle.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// Named by the caller, not found in a folder.
    pub(super) is_named: bool,
}

/// All files that paths lead to.
pub(super) fn find(paths: &[PathBuf]) -> Result<(Vec<LogFile>, Vec<Warning>), BundleError> {
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|source| BundleError::Unreadable { path: path.clone(), source })?;
        if metadata.is_dir() {
            walk(path, DEEPEST, &mut files, &mut warnings).map_err(|source| BundleError::Unreadable { path: path.clone(), source })?;
        } else {
            files.push(LogFile { path: path.clone(), bytes: metadata.len(), is_named: true });
        }
    }
    Ok((files, warnings))
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<LogFile>, warnings: &mut Vec<Warning>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let skip = |why: &str| Warning::Skipped { file: path.clone(), why: why.to_owned() };
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match std::fs::metadata(&path) {
            Err(error) => warnings.push(skip(&error.to_string())),
            Ok(metadata) if metadata.is_dir() && depth == 0 => warnings.push(skip("it lies too deep")),
            Ok(metadata) if metadata.is_dir() => {
                if let Err(error) = walk(&path, depth - 1, files, warnings) {
                    warnings.push(skip(&error.to_string()));
                }
            }
            Ok(metadata) if metadata.is_file() => files.push(LogFile { path, bytes: metadata.len(), is_named: false }),
            Ok(_) => warnings.push(skip("it is no file")),
        }
    }
    Ok(())
}

/// Opens a file; `counter` counts its bytes as they are on disk.
pub(super) fn open(path: &Path, counter: &Arc<AtomicU64>) -> io::Result<Box<dyn Read>> {
    let counted = Counted { inner: File::open(path)?, counter: Arc::clone(counter) };
    let mut reader = BufReader::with_capacity(256 << 10, counted);
    let start = reader.fill_buf()?;
    Ok(if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(reader))
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(zstd::Decoder::with_buffer(reader)?)
    } else {
        Box::new(reader)
    })
}

struct Counted {
    inner: File,
    counter: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.counter.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
