//! `key`: makes the keys that clients sign in with, and their lines for the file of keys. Reaches no server.

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    client_keys::{self, SHORTEST_KEY},
    config::arguments::KeyAction,
};

/// The longest key that is read, in bytes: no header could carry more.
const LONGEST_KEY: u64 = 4_096;

/// Makes a key, or reads one. What a script needs is on standard output, a line each.
pub(super) fn run(action: &KeyAction) -> Result<ExitCode> {
    let (KeyAction::New { name } | KeyAction::Hash { name }) = action;
    if let Err(why) = client_keys::check_name(name) {
        bail!("NAME {why}");
    }
    let mut out = io::stdout().lock();
    match action {
        KeyAction::New { .. } => {
            let key = client_keys::generate()?;
            writeln!(out, "{key}\n{}", client_keys::line(name, &key))?;
            eprintln!(
                "The first line is the key, which is shown this once: it is for the client. The second is for the --client-keys file."
            );
        }
        KeyAction::Hash { .. } => {
            let mut text = String::new();
            io::stdin().take(LONGEST_KEY + 1).read_to_string(&mut text).context("standard input holds no text")?;
            let key = text.trim();
            if key.len() < SHORTEST_KEY || text.len() as u64 > LONGEST_KEY {
                bail!("the key on standard input has {} bytes; {SHORTEST_KEY} to {LONGEST_KEY} are taken", key.len());
            }
            writeln!(out, "{}", client_keys::line(name, key))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
