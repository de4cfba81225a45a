//! Configuration: flags, variables and a file become settings that are valid once built. Reads files of secrets and
//! certificates; knows no engine and no transport.
//!
//! Every setting is one field of one of the [`arguments`]: its flag `--x-y` is also the variable `ELK_MCP_X_Y` and the
//! key `x-y` of the TOML file. A flag wins over a variable, a variable over the file, the file over the default.

pub mod arguments;
pub mod hosts;
mod layers;
mod limits;
mod serving;
mod sign_in;
mod source;
mod tooling;
mod variables;

use std::{fs, path::Path};

use crate::{cluster::InvalidSettings, secret::Secret};

pub use layers::{Parsed, parse};
pub use serving::{Identity, Reach, Serving};
pub use sign_in::SignIn;
pub use source::Source;
pub use tooling::{ToolSelection, Tooling};
pub use variables::Layers;

/// A secret given by value or by file: at most one of them.
fn secret(setting: &'static str, value: Option<&Secret>, file: Option<&Path>) -> Result<Option<Secret>, InvalidSettings> {
    let text = match (value, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(InvalidSettings::new(setting, "is given twice: by value and by file; give one")),
        (Some(value), None) => value.reveal().to_owned(),
        (None, Some(file)) => fs::read_to_string(file)
            .map_err(|error| InvalidSettings::new(setting, format!("cannot be read from {}: {error}", file.display())))?,
    };
    // Editors and `kubectl create secret` leave a newline.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(InvalidSettings::new(setting, "is empty"));
    }
    Ok(Some(Secret::new(text)))
}

/// A file that a setting names, as bytes.
fn bytes(setting: &'static str, file: &Path) -> Result<Vec<u8>, InvalidSettings> {
    fs::read(file).map_err(|error| InvalidSettings::new(setting, format!("cannot be read from {}: {error}", file.display())))
}
