//! One part of an index: documents in the order they came, written once, then only read. Exact values are columns, text
//! is an inverted index with positions, the document itself is compressed. Knows no mapping beyond the ids of fields.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use tantivy::{
    DocId, Index, IndexBuilder, IndexSettings, SegmentReader, SingleSegmentIndexWriter, TantivyDocument,
    columnar::{Column as Numbers, DynamicColumn, StrColumn},
    directory::RamDirectory,
    schema::{
        Field, IndexRecordOption, JsonObjectOptions, STORED, Schema, TextFieldIndexing, Value as TantivyValue,
        document::{ReferenceValue, ReferenceValueLeaf},
    },
    store::{Compressor, StoreReader, ZstdCompressor},
    tokenizer::{TextAnalyzer, TokenizerManager},
};

use crate::{analysis, bits::Bits, mapping::Value};

/// The column of `_seq_no`.
const SEQUENCE: &str = "seq";
/// The column of ids that were given; others are derived from `_seq_no`.
const ID: &str = "id";

/// The same three fields in every part of every index; those of the documents lie below the first two.
pub(crate) struct Layout {
    pub(crate) schema: Schema,
    values: Field,
    pub(crate) text: Field,
    source: Field,
    tokenizers: TokenizerManager,
}

/// The layout that all parts share.
pub(crate) fn layout() -> &'static Layout {
    static LAYOUT: OnceLock<Layout> = OnceLock::new();
    LAYOUT.get_or_init(|| {
        let mut schema = Schema::builder();
        let values = schema.add_json_field("values", JsonObjectOptions::default().set_fast("raw"));
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(analysis::NAME)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(false);
        let text = schema.add_json_field("text", JsonObjectOptions::default().set_indexing_options(indexing));
        let source = schema.add_bytes_field("source", STORED);
        let tokenizers = TokenizerManager::default();
        tokenizers.register(analysis::NAME, TextAnalyzer::from(analysis::Standard::default()));
        Layout { schema: schema.build(), values, text, source, tokenizers }
    })
}

/// Writes one part.
pub(crate) struct PartWriter {
    writer: SingleSegmentIndexWriter,
    directory: RamDirectory,
    documents: u32,
}

/// The keyed values of one document.
pub(crate) type Entries<'a> = Vec<(&'a str, Value<'a>)>;

impl PartWriter {
    pub(crate) fn new() -> tantivy::Result<Self> {
        let layout = layout();
        let settings = IndexSettings {
            docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
            docstore_compress_dedicated_thread: false,
            docstore_blocksize: 32_768,
            ..IndexSettings::default()
        };
        let directory = RamDirectory::create();
        let writer = IndexBuilder::new()
            .schema(layout.schema.clone())
            .settings(settings)
            .tokenizers(layout.tokenizers.clone())
            .single_segment_index_writer(directory.clone(), 15_000_000)?;
        Ok(Self { writer, directory, documents: 0 })
    }

    /// Adds a document. `values` go into columns, `texts` are analysed.
    pub(crate) fn add<'a>(
        &mut self,
        sequence: u64,
        id: Option<&'a str>,
        values: &mut Entries<'a>,
        texts: &Entries<'a>,
        source: &[u8],
    ) -> tantivy::Result<()> {
        let layout = layout();
        values.push((SEQUENCE, Value::Unsigned(sequence)));
        if let Some(id) = id {
            values.push((ID, Value::Text(id.into())));
        }
        let mut document = TantivyDocument::new();
        document.add_field_value(layout.values, Node::Object(values));
        if !texts.is_empty() {
            document.add_field_value(layout.text, Node::Object(texts));
        }
        document.add_bytes(layout.source, source);
        self.documents += 1;
        self.writer.add_document(document)
    }

    /// Bytes held in memory.
    pub(crate) fn memory(&self) -> usize {
        self.writer.mem_usage()
    }

    /// Documents so far.
    pub(crate) fn documents(&self) -> u32 {
        self.documents
    }

    /// Ends the part.
    pub(crate) fn finish(self) -> tantivy::Result<Part> {
        let index = self.writer.finalize()?;
        Part::open(&index, &self.directory)
    }
}

/// A column of exact values.
#[derive(Clone)]
pub(crate) enum Column {
    /// No document has a value.
    Absent,
    /// Strings.
    Text(StrColumn),
    /// Integers and dates.
    Int(Numbers<i64>),
    /// Integers beyond 63 bits.
    Unsigned(Numbers<u64>),
    /// Fractions.
    Float(Numbers<f64>),
    /// Booleans; for a text field: which documents have it.
    Bool(Numbers<bool>),
}

/// A part that can be read.
pub(crate) struct Part {
    reader: SegmentReader,
    columns: RwLock<HashMap<Box<str>, Arc<Column>>>,
    bytes: u64,
    /// Documents that a later one with the same id replaced.
    replaced: Option<Bits>,
}

impl Part {
    fn open(index: &Index, directory: &RamDirectory) -> tantivy::Result<Self> {
        let segment = index
            .searchable_segments()?
            .pop()
            .ok_or_else(|| tantivy::TantivyError::InternalError("a part was written without a segment".to_owned()))?;
        let reader = SegmentReader::open(&segment)?;
        Ok(Self { reader, columns: RwLock::default(), bytes: directory.total_mem_usage() as u64, replaced: None })
    }

    /// How many documents it holds, replaced ones included.
    pub(crate) fn documents(&self) -> u32 {
        self.reader.max_doc()
    }

    /// How many of its documents can be found.
    pub(crate) fn live_documents(&self) -> u64 {
        u64::from(self.documents()) - self.replaced.as_ref().map_or(0, Bits::count)
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What lies below.
    pub(crate) fn reader(&self) -> &SegmentReader {
        &self.reader
    }

    /// Takes a document out of every later search.
    pub(crate) fn replace(&mut self, document: DocId) {
        let documents = self.documents();
        self.replaced.get_or_insert_with(|| Bits::none(documents)).set(document);
    }

    /// Leaves only what can be found.
    pub(crate) fn live(&self, mut found: Bits) -> Bits {
        if let Some(replaced) = &self.replaced {
            found.subtract(replaced);
        }
        found
    }

    /// The values of a field, by its key.
    pub(crate) fn column(&self, key: &str) -> tantivy::Result<Arc<Column>> {
        if let Some(column) = self.columns.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(Arc::clone(column));
        }
        let handles = self.reader.fast_fields().dynamic_column_handles(&format!("values.{key}"))?;
        let column = match handles.first() {
            None => Column::Absent,
            Some(handle) => match handle.open()? {
                DynamicColumn::Str(column) => Column::Text(column),
                DynamicColumn::I64(column) => Column::Int(column),
                DynamicColumn::U64(column) => Column::Unsigned(column),
                DynamicColumn::F64(column) => Column::Float(column),
                DynamicColumn::Bool(column) => Column::Bool(column),
                DynamicColumn::IpAddr(_) | DynamicColumn::DateTime(_) | DynamicColumn::Bytes(_) => Column::Absent,
            },
        };
        let column = Arc::new(column);
        self.columns.write().unwrap_or_else(PoisonError::into_inner).insert(key.into(), Arc::clone(&column));
        Ok(column)
    }

    /// `_seq_no` of each document; grows with the document's number.
    pub(crate) fn sequence(&self, document: DocId) -> tantivy::Result<u64> {
        Ok(match &*self.column(SEQUENCE)? {
            Column::Int(column) => column.first(document).and_then(|value| u64::try_from(value).ok()).unwrap_or(0),
            Column::Unsigned(column) => column.first(document).unwrap_or(0),
            _ => 0,
        })
    }

    /// Ids that were given.
    pub(crate) fn given_ids(&self) -> tantivy::Result<Arc<Column>> {
        self.column(ID)
    }

    /// `_id` of a document.
    pub(crate) fn id(&self, document: DocId) -> tantivy::Result<String> {
        if let Column::Text(ids) = &*self.given_ids()?
            && let Some(ordinal) = ids.ords().first(document)
        {
            let mut id = String::new();
            ids.ord_to_str(ordinal, &mut id)?;
            return Ok(id);
        }
        Ok(derived_id(self.sequence(document)?))
    }

    /// Reads stored documents.
    pub(crate) fn store(&self) -> tantivy::Result<StoreReader> {
        Ok(self.reader.get_store_reader(4)?)
    }
}

/// `_source` of a document.
pub(crate) fn source(store: &StoreReader, document: DocId) -> tantivy::Result<Vec<u8>> {
    let stored: TantivyDocument = store.get(document)?;
    Ok(stored.get_first(layout().source).and_then(|value| value.as_bytes().map(<[u8]>::to_vec)).unwrap_or_else(|| b"{}".to_vec()))
}

/// The id of a document that came without one.
pub(crate) fn derived_id(sequence: u64) -> String {
    format!("seq-{sequence}")
}

/// The inverse of [`derived_id`].
pub(crate) fn sequence_of(id: &str) -> Option<u64> {
    let digits = id.strip_prefix("seq-")?;
    (digits == "0" || digits.bytes().next().is_some_and(|first| first != b'0' && first.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// Entries as tantivy reads a document.
#[derive(Debug, Clone, Copy)]
enum Node<'a> {
    Object(&'a [(&'a str, Value<'a>)]),
    Leaf(&'a Value<'a>),
}

impl<'a> TantivyValue<'a> for Node<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = NodeEntries<'a>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        match self {
            Self::Object(entries) => ReferenceValue::Object(NodeEntries(entries.iter())),
            Self::Leaf(value) => ReferenceValue::Leaf(match value {
                Value::Text(text) => ReferenceValueLeaf::Str(text),
                Value::Int(value) => ReferenceValueLeaf::I64(*value),
                Value::Unsigned(value) => ReferenceValueLeaf::U64(*value),
                Value::Float(value) => ReferenceValueLeaf::F64(*value),
                Value::Bool(value) => ReferenceValueLeaf::Bool(*value),
            }),
        }
    }
}

struct NodeEntries<'a>(std::slice::Iter<'a, (&'a str, Value<'a>)>);

impl<'a> Iterator for NodeEntries<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (*key, Node::Leaf(value)))
    }
}
