//! Who calls, by name. Knows no key and no header.

use std::{fmt, sync::Arc};

/// Whoever signed in. Stands in the extensions of every request that got past sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The name of the key, or of the way in where there is no key: safe to log.
    pub name: Arc<str>,
}

impl Caller {
    /// A caller by name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into() }
    }

    /// Anyone, where no key is asked for.
    pub fn anonymous() -> Self {
        Self::new("anonymous")
    }

    /// Whoever has the one key of a server that has one.
    pub fn default_key() -> Self {
        Self::new("default")
    }

    /// The program that started this one and talks over its pipes.
    pub fn stdio() -> Self {
        Self::new("stdio")
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
