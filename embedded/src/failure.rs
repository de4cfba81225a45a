//! Why one index could not answer its part of a request, in Elasticsearch's classes.

/// A failed shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Such as `illegal_argument_exception`.
    pub(crate) kind: &'static str,
    /// In words, with the field's name.
    pub(crate) reason: String,
}

/// What stops a request, or one index's part of it.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The request asks something of this index that its fields cannot do.
    Failed(Failure),
    /// Time is up: what is there already is a lower bound.
    TimeUp,
    /// A fault of the engine.
    Engine(tantivy::TantivyError),
}

impl Failure {
    pub(crate) fn illegal(reason: impl Into<String>) -> Self {
        Self { kind: "illegal_argument_exception", reason: reason.into() }
    }

    pub(crate) fn query(reason: impl Into<String>) -> Self {
        Self { kind: "query_shard_exception", reason: format!("failed to create query: {}", reason.into()) }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<tantivy::TantivyError> for Stop {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Engine(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Engine(error.into())
    }
}
