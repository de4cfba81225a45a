//! The closed list of requests, and their form on the wire.

use super::{HasPrivileges, IndexExpression, Search};

/// Everything that can be asked of an engine.
#[expect(clippy::large_enum_variant, reason = "requests are few and short-lived")]
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `POST /{index}/_search`.
    Search(Search),
    /// `POST /_msearch`: independent searches in one round trip. The reply holds one item a search, in order.
    Msearch(Vec<Search>),
    /// `POST /{index}/_field_caps`.
    FieldCaps(FieldCaps),
    /// `GET /_resolve/index/{index}`.
    ResolveIndex(ResolveIndex),
    /// `GET /{index}/_stats/docs,store`.
    IndexStats(IndexStats),
    /// `GET /`: name and version. May be refused; a hint, never a precondition.
    Ping,
    /// `GET /_cluster/health`.
    Health(Health),
    /// `GET /_security/user/_has_privileges`, with a body: Elasticsearch's word on what the credential may do.
    HasPrivileges(HasPrivileges),
    /// `GET /_plugins/_security/authinfo`: OpenSearch's word on who the credential is.
    AuthInfo,
}

/// Which of these fields exist, with which types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldCaps {
    index: IndexExpression,
    fields: Vec<String>,
    include_unmapped: bool,
}

/// Which indices, aliases and data streams an expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveIndex {
    index: IndexExpression,
    hidden: bool,
    closed: bool,
}

/// Documents and bytes of each index. Needs the `monitor` index privilege, so it may be forbidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStats {
    index: IndexExpression,
}

/// The cluster's health. Needs a cluster privilege, so it may be forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health;

/// The verbs that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`, with a body that only reads.
    Post,
}

impl FieldCaps {
    /// Asks for `fields` (names or patterns with `*`) of `index`. With `include_unmapped`, a field that some of the
    /// indices lack says which.
    pub fn new(index: IndexExpression, fields: Vec<String>, include_unmapped: bool) -> Self {
        Self { index, fields, include_unmapped }
    }

    /// Where.
    pub fn index(&self) -> &IndexExpression {
        &self.index
    }

    /// Names or patterns.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Whether indices that lack a field are told.
    pub fn include_unmapped(&self) -> bool {
        self.include_unmapped
    }

    /// The same question, asked elsewhere.
    #[must_use]
    pub fn with_index(mut self, index: IndexExpression) -> Self {
        self.index = index;
        self
    }
}

impl ResolveIndex {
    /// Resolves an expression; wildcards expand to open indices, and to hidden and closed ones where asked.
    pub fn new(index: IndexExpression, hidden: bool, closed: bool) -> Self {
        Self { index, hidden, closed }
    }

    /// What to resolve.
    pub fn index(&self) -> &IndexExpression {
        &self.index
    }

    /// Whether wildcards match hidden names too.
    pub fn hidden(&self) -> bool {
        self.hidden
    }

    /// Whether wildcards match closed indices too.
    pub fn closed(&self) -> bool {
        self.closed
    }
}

impl IndexStats {
    /// Statistics of these indices.
    pub fn new(index: IndexExpression) -> Self {
        Self { index }
    }

    /// Where.
    pub fn index(&self) -> &IndexExpression {
        &self.index
    }

    /// The same question, asked elsewhere.
    #[must_use]
    pub fn with_index(mut self, index: IndexExpression) -> Self {
        self.index = index;
        self
    }
}

/// The constant that keeps pages of one search on the same copies of the shards.
const PREFERENCE: &str = "elk-mcp";

impl Request {
    /// The verb.
    pub fn method(&self) -> Method {
        match self {
            Self::Search(_) | Self::Msearch(_) | Self::FieldCaps(_) => Method::Post,
            Self::ResolveIndex(_) | Self::IndexStats(_) | Self::Ping | Self::Health(_) | Self::HasPrivileges(_) | Self::AuthInfo => {
                Method::Get
            }
        }
    }

    /// Path and query string. Made of constants and of index expressions, whose grammar needs no escaping.
    pub fn path(&self) -> String {
        match self {
            Self::Search(search) => format!(
                "/{}/_search?allow_no_indices=true&expand_wildcards=open&pre_filter_shard_size=1&preference={PREFERENCE}",
                search.index()
            ),
            Self::Msearch(searches) => {
                format!("/_msearch?pre_filter_shard_size=1&max_concurrent_searches={}", searches.len().clamp(1, 8))
            }
            Self::FieldCaps(caps) => format!(
                "/{}/_field_caps?allow_no_indices=true&expand_wildcards=open&include_unmapped={}&fields={}",
                caps.index(),
                caps.include_unmapped,
                escape(&caps.fields.join(","))
            ),
            Self::ResolveIndex(resolve) => {
                let hidden = if resolve.hidden { ",hidden" } else { "" };
                let closed = if resolve.closed { ",closed" } else { "" };
                format!("/_resolve/index/{}?expand_wildcards=open{closed}{hidden}", resolve.index())
            }
            Self::IndexStats(stats) => format!("/{}/_stats/docs,store?expand_wildcards=open&forbid_closed_indices=false", stats.index()),
            Self::Ping => "/".to_owned(),
            Self::Health(_) => "/_cluster/health?timeout=1s".to_owned(),
            Self::HasPrivileges(_) => "/_security/user/_has_privileges".to_owned(),
            Self::AuthInfo => "/_plugins/_security/authinfo".to_owned(),
        }
    }

    /// The body, written straight to bytes. `None` for requests without one.
    pub fn body(&self) -> Option<Vec<u8>> {
        match self {
            Self::Search(search) => {
                let mut bytes = Vec::with_capacity(1_024);
                write_json(&mut bytes, search);
                Some(bytes)
            }
            Self::Msearch(searches) => {
                let mut bytes = Vec::with_capacity(1_024 * searches.len());
                for search in searches {
                    write_json(
                        &mut bytes,
                        &Header { index: search.index(), preference: PREFERENCE, allow_no_indices: true, expand_wildcards: "open" },
                    );
                    bytes.push(b'\n');
                    write_json(&mut bytes, search);
                    bytes.push(b'\n');
                }
                Some(bytes)
            }
            Self::HasPrivileges(question) => {
                let mut bytes = Vec::with_capacity(512);
                write_json(&mut bytes, &question.body());
                Some(bytes)
            }
            Self::FieldCaps(_) | Self::ResolveIndex(_) | Self::IndexStats(_) | Self::Ping | Self::Health(_) | Self::AuthInfo => None,
        }
    }
}

#[derive(serde::Serialize)]
struct Header<'a> {
    index: &'a IndexExpression,
    preference: &'a str,
    allow_no_indices: bool,
    expand_wildcards: &'a str,
}

/// Serialises values that cannot fail: string keys, finite numbers, a writer that only grows.
fn write_json<T: serde::Serialize>(bytes: &mut Vec<u8>, value: &T) {
    let start = bytes.len();
    if serde_json::to_writer(&mut *bytes, value).is_err() {
        debug_assert!(false, "a request did not serialise");
        bytes.truncate(start);
        bytes.extend_from_slice(b"{\"query\":{\"match_none\":{}}}");
    }
}

/// Percent-encodes all but unreserved characters, `,` and `*`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b',' | b'*') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
