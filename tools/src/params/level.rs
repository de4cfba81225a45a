//! Log levels: one scale for every spelling and number.

use serde::{Deserialize, Serialize};

/// The severity of a log line, ascending. Syslog's notice counts as info; critical, alert and emergency count as fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The finest.
    Trace,
    /// For developers.
    Debug,
    /// Normal operation.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
    /// The process cannot go on.
    Fatal,
}

impl Level {
    /// All, ascending.
    pub const ALL: [Level; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The word that answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// Every spelling that counts as this level, in lower case.
    pub fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Trace => &["trace", "verbose", "finest", "finer", "trc", "vrb", "t"],
            Self::Debug => &["debug", "fine", "dbg", "config", "d"],
            Self::Info => &["info", "information", "informational", "notice", "inf", "default", "i"],
            Self::Warn => &["warn", "warning", "wrn", "w"],
            Self::Error => &["error", "err", "severe", "failure", "e"],
            Self::Fatal => &["fatal", "critical", "crit", "alert", "emergency", "emerg", "panic", "dpanic", "ftl", "f"],
        }
    }

    /// Reads a word in any case and spelling.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim();
        Self::ALL.into_iter().find(|level| level.spellings().iter().any(|spelling| spelling.eq_ignore_ascii_case(word)))
    }

    /// This level and worse.
    pub fn and_worse(self) -> impl Iterator<Item = Level> {
        Self::ALL.into_iter().filter(move |level| *level >= self)
    }
}
