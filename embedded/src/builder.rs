//! Building an engine from documents in memory. Knows no file.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    catalog::{Catalog, IndexData, is_hidden},
    engine::Embedded,
    ingest::{Batch, Catalogue, Column, Finished, Growing, Incoming, Worker},
    mapping::Mapping,
};

/// How many documents are taken apart before they are written.
const BATCH: usize = 256;
/// Bytes of unfinished parts.
const MEMORY: usize = 96 << 20;

/// Collects documents, then becomes an engine.
///
/// ```
/// use elk_mcp_embedded::Builder;
/// let mut builder = Builder::new();
/// builder.document("logs-a", None, r#"{"@timestamp": "2026-03-25T14:52:57Z", "message": "hello"}"#)?;
/// let engine = builder.build()?;
/// assert_eq!(engine.indices(), [("logs-a", 1)]);
/// # Ok::<(), elk_mcp_embedded::BuildError>(())
/// ```
pub struct Builder {
    catalogue: Catalogue,
    worker: Worker,
    pending: Vec<(String, Option<String>, String)>,
    aliases: BTreeMap<String, BTreeSet<String>>,
    streams: BTreeMap<String, BTreeSet<String>>,
}

/// Why a document or an index cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// It is no JSON object.
    #[error("a document for `{index}` is no JSON object: {source}")]
    Document {
        /// Its index.
        index: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The name is no index name.
    #[error("`{0}` is no index name: at most 255 of a-z, 0-9, `.`, `_`, `-`, the first of them a letter or a digit")]
    Name(String),
    /// An alias or a data stream leads to an index that is not there.
    #[error("`{name}` leads to `{index}`, which has neither a mapping nor a document")]
    Dangling {
        /// The alias or data stream.
        name: String,
        /// Where it leads.
        index: String,
    },
    /// The store failed.
    #[error("the documents could not be stored: {0}")]
    Store(#[from] tantivy::TantivyError),
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// No index yet.
    pub fn new() -> Self {
        Self {
            catalogue: Catalogue::default(),
            worker: Worker::new(MEMORY, &[]),
            pending: Vec::new(),
            aliases: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// Makes an index with a mapping. To be called before its first document; an index without this is mapped dynamically.
    ///
    /// # Errors
    /// When the name is no index name.
    pub fn index(&mut self, name: &str, mapping: Mapping) -> Result<&mut Self, BuildError> {
        check_name(name)?;
        let number = self.catalogue.number(name);
        if let Some(growing) = self.catalogue.at(number) {
            growing.mapping = mapping;
        }
        Ok(self)
    }

    /// Adds a document, a JSON object. One with the id of an earlier one replaces it; without an id it gets one.
    ///
    /// # Errors
    /// When it is no JSON object, or the index's name is none.
    pub fn document(&mut self, index: &str, id: Option<&str>, json: &str) -> Result<&mut Self, BuildError> {
        check_name(index)?;
        self.worker.check(json).map_err(|source| BuildError::Document { index: index.to_owned(), source })?;
        self.pending.push((index.to_owned(), id.map(str::to_owned), json.trim().to_owned()));
        if self.pending.len() >= BATCH {
            self.flush()?;
        }
        Ok(self)
    }

    /// Adds a document that is a value already.
    ///
    /// # Errors
    /// As [`Builder::document`].
    pub fn value(&mut self, index: &str, id: Option<&str>, document: &serde_json::Value) -> Result<&mut Self, BuildError> {
        self.document(index, id, &document.to_string())
    }

    /// Lets a name lead to indices.
    #[must_use]
    pub fn alias(mut self, name: &str, indices: &[&str]) -> Self {
        self.aliases.entry(name.to_owned()).or_default().extend(indices.iter().map(|index| (*index).to_owned()));
        self
    }

    /// Makes a data stream of indices, the last of which would be written to. Indices named `.ds-…` are hidden.
    #[must_use]
    pub fn data_stream(mut self, name: &str, indices: &[&str]) -> Self {
        self.streams.entry(name.to_owned()).or_default().extend(indices.iter().map(|index| (*index).to_owned()));
        self
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// When an alias or a data stream leads nowhere.
    pub fn build(mut self) -> Result<Embedded, BuildError> {
        self.flush()?;
        let finished = self.worker.finish()?;
        absorb(&mut self.catalogue, finished);
        let (catalog, _) = freeze(self.catalogue, self.aliases, self.streams)?;
        Ok(Embedded::new(catalog))
    }

    fn flush(&mut self) -> Result<(), BuildError> {
        let pending = std::mem::take(&mut self.pending);
        let mut batch = Batch::default();
        for (index, id, json) in &pending {
            let incoming = Incoming { index: index.into(), is_named: true, id: id.as_deref().map(Into::into), source: json };
            self.worker.take(incoming, &mut batch).map_err(|(_, source)| BuildError::Document { index: index.clone(), source })?;
        }
        self.worker.assign(&mut self.catalogue, &mut batch);
        let full = self.worker.write(&batch)?;
        absorb(&mut self.catalogue, full);
        Ok(())
    }
}

/// Takes over finished parts.
pub(crate) fn absorb(catalogue: &mut Catalogue, finished: Finished) {
    for (index, part) in finished.parts {
        if let Some(growing) = catalogue.at(index) {
            growing.parts.push(part);
        }
    }
    for (index, misfits) in finished.misfits.iter().enumerate() {
        if let Some(growing) = catalogue.at(index) {
            growing.misfits += misfits;
        }
    }
}

/// Makes what grew into what is searched; with the number of values that did not fit, by index.
pub(crate) fn freeze(
    catalogue: Catalogue,
    aliases: BTreeMap<String, BTreeSet<String>>,
    streams: BTreeMap<String, BTreeSet<String>>,
) -> Result<(Catalog, Vec<(String, u64)>), BuildError> {
    let mut growing = catalogue.into_indices();
    growing.sort_by(|a, b| a.name.cmp(&b.name));
    for (name, members) in aliases.iter().chain(&streams) {
        if let Some(index) = members.iter().find(|member| !growing.iter().any(|growing| growing.name == **member)) {
            return Err(BuildError::Dangling { name: name.clone(), index: index.clone() });
        }
    }
    let mut misfits = Vec::new();
    let mut indices = Vec::with_capacity(growing.len());
    for mut growing in growing {
        replace_earlier(&mut growing)?;
        if growing.misfits > 0 {
            misfits.push((growing.name.clone(), growing.misfits));
        }
        let mut names = vec![growing.name.clone()];
        names.extend(aliases.iter().chain(&streams).filter(|(_, members)| members.contains(&growing.name)).map(|(name, _)| name.clone()));
        indices.push(IndexData { names, mapping: growing.mapping, parts: growing.parts });
    }
    Ok((Catalog { indices, aliases, streams }, misfits))
}

/// Of several documents with one id the last stays.
fn replace_earlier(growing: &mut Growing) -> tantivy::Result<()> {
    if !growing.has_ids {
        return Ok(());
    }
    // The hash of each id, `_seq_no`, part and document.
    let mut entries: Vec<(u64, u64, usize, u32)> = Vec::new();
    for (number, part) in growing.parts.iter().enumerate() {
        if let Column::Text(ids) = &*part.given_ids()? {
            let mut hashes = Vec::with_capacity(ids.num_terms());
            let mut terms = ids.dictionary().stream()?;
            while terms.advance() {
                hashes.push(hash(terms.key()));
            }
            for document in 0..part.documents() {
                for ordinal in ids.term_ords(document) {
                    let hash = usize::try_from(ordinal).ok().and_then(|ordinal| hashes.get(ordinal)).copied().unwrap_or(0);
                    entries.push((hash, part.sequence(document)?, number, document));
                }
            }
        }
    }
    entries.sort_unstable();
    let mut replaced = Vec::new();
    for group in entries.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        // Equal hashes are almost always equal ids; the ids decide.
        let mut seen = BTreeSet::new();
        for (_, _, number, document) in group.iter().rev() {
            if let Some(part) = growing.parts.get(*number)
                && !seen.insert(part.id(*document)?)
            {
                replaced.push((*number, *document));
            }
        }
    }
    for (number, document) in replaced {
        if let Some(part) = growing.parts.get_mut(number) {
            part.replace(document);
        }
    }
    Ok(())
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn check_name(name: &str) -> Result<(), BuildError> {
    let plain = name.strip_prefix(".ds-").filter(|_| is_hidden(name)).unwrap_or(name);
    let starts_well = plain.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    let all_legal = plain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    if starts_well && all_legal && name.len() <= 255 && !name.contains("..") { Ok(()) } else { Err(BuildError::Name(name.to_owned())) }
}
