//! The id of the call being served, carried by the task, so that an engine can tag its requests without every layer
//! passing it on. Knows neither MCP nor the engine.

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
};

/// The id of one call: 16 hexadecimal digits, random enough to find one call in two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId(u64);

tokio::task_local! {
    static CURRENT: CallId;
}

impl CallId {
    /// A new id.
    pub fn random() -> Self {
        Self(random())
    }

    /// The id of the call that the current task serves, or a new one outside any.
    pub fn current() -> Self {
        CURRENT.try_with(|id| *id).unwrap_or_else(|_| Self::random())
    }

    /// Runs a future as part of this call.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A number nobody depends on: the standard library's own hash seed. Not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_keeps_its_id_for_all_it_awaits() {
        let id = CallId::random();
        assert_eq!(id.scope(async { CallId::current() }).await, id);
    }

    #[tokio::test]
    async fn outside_a_call_every_id_is_new() {
        assert_ne!(CallId::current(), CallId::current());
    }
}
