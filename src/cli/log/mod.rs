//! The log on standard error, which can wait: what `serve` says first is where it listens.

mod form;

use std::{
    io::{self, Write},
    mem,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

use self::form::Form;
use crate::config::arguments::{Arguments, Command};

/// Lines that wait; none once they need not.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Starts the log of a command. That of `serve` waits for [`release`].
pub(super) fn start(Arguments { general, command }: &Arguments) -> Result<()> {
    // What the other commands print is their answer: beside it only what a reader of it should know.
    // rmcp calls it an error when a client goes away before its answer; the line about the call says the same.
    let usual = if matches!(command, Command::Serve { .. } | Command::Stdio { .. }) { "info,rmcp=warn,rmcp::service=off" } else { "warn" };
    let text = general.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(text).with_context(|| format!("--log `{text}` is no filter; write info, or elk_mcp=debug"))?;
    if matches!(command, Command::Serve { .. }) {
        *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }
    let form = Form::new(general.log_format);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Held).event_format(form).init();
    Ok(())
}

/// Writes what waited; from now on nothing waits.
pub(super) fn release() {
    let held = mem::take(&mut *HELD.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(lines) = held {
        // Without standard error there is nobody to tell.
        let _ = io::stderr().write_all(&lines);
    }
}

struct Held;

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(lines) => lines.write(bytes),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
