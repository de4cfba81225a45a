//! Who may call: keys, or anyone where only this machine can call. Reads the files of keys.

use std::{fs, net::SocketAddr, path::PathBuf};

use http::{HeaderName, header};

use super::{arguments::SignInArguments, secret};
use crate::{
    client_keys::{ClientKeys, SHORTEST_KEY},
    cluster::InvalidSettings,
    secret::Secret,
};

/// Who may call.
#[derive(Debug)]
pub enum SignIn {
    /// Whoever has one of these keys.
    Keys {
        /// The one key of a server that has one.
        single: Option<Secret>,
        /// A file of keys with names, and what it held: it is read again when it changes.
        file: Option<(PathBuf, ClientKeys)>,
    },
    /// Whoever has a key that is made at start; on loopback only.
    GeneratedKey,
    /// Anyone; on loopback only.
    Nobody,
}

impl SignIn {
    /// Checks the arguments and reads the files they name.
    ///
    /// # Errors
    /// When a key cannot be used, and when there is none for an address that other machines reach.
    pub(super) fn from_arguments(arguments: &SignInArguments, listen: SocketAddr) -> Result<Self, InvalidSettings> {
        let loopback = listen.ip().is_loopback();
        let single = secret("--client-key-file", arguments.client_key.as_ref(), arguments.client_key_file.as_deref())?;
        if single.as_ref().is_some_and(|key| key.reveal().len() < SHORTEST_KEY) {
            return Err(InvalidSettings::new(
                "--client-key-file",
                format!("has a key of less than {SHORTEST_KEY} bytes, which can be guessed"),
            ));
        }
        let file = arguments.client_keys.clone().map(|path| Ok((read(&path)?, path))).transpose()?.map(|(keys, path)| (path, keys));
        match (single, file, arguments.no_auth) {
            (None, None, true) if loopback => Ok(Self::Nobody),
            (None, None, true) => Err(InvalidSettings::new(
                "--no-auth",
                format!("is for loopback only, and {listen} is reached by other machines: use --client-keys or --client-key-file"),
            )),
            (_, _, true) => Err(InvalidSettings::new("--no-auth", "and a client key contradict each other: give one")),
            (None, None, false) if loopback => Ok(Self::GeneratedKey),
            (None, None, false) => Err(InvalidSettings::new(
                "--client-keys or --client-key-file",
                format!("must be set to listen on {listen}, which other machines reach; `elk-mcp key new NAME` makes a key"),
            )),
            (single, file, false) => Ok(Self::Keys { single, file }),
        }
    }
}

/// A file without a key is refused at start: whoever names one means to let someone in.
fn read(path: &std::path::Path) -> Result<ClientKeys, InvalidSettings> {
    let invalid = |why: String| InvalidSettings::new("--client-keys", why);
    let text = fs::read_to_string(path).map_err(|error| invalid(format!("cannot be read from {}: {error}", path.display())))?;
    let keys = ClientKeys::parse(&text).map_err(|error| invalid(format!("cannot be used: {error} ({})", path.display())))?;
    match keys.is_empty() {
        true => Err(invalid(format!("names {}, which holds no key; `elk-mcp key new NAME` makes one", path.display()))),
        false => Ok(keys),
    }
}

/// The header that a key may stand in beside the usual ones.
pub(super) fn header_name(text: Option<&str>) -> Result<Option<HeaderName>, InvalidSettings> {
    let Some(text) = text else { return Ok(None) };
    let invalid = |why: &str| InvalidSettings::new("--client-key-header", format!("is `{text}`, {why}"));
    let name: HeaderName = text.trim().parse().map_err(|_| invalid("which is no name of a header; X-Elk-Key is one"))?;
    let has_meaning = [header::HOST, header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ACCEPT, header::ORIGIN, header::CONNECTION]
        .contains(&name)
        || name.as_str().starts_with("mcp-");
    if has_meaning {
        return Err(invalid("which already has a meaning; X-Elk-Key has none"));
    }
    Ok(Some(name))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::client_keys::line;

    const LOOPBACK: &str = "127.0.0.1:0";
    const OPEN: &str = "0.0.0.0:8443";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn of(arguments: &SignInArguments, listen: &str) -> Result<SignIn, String> {
        SignIn::from_arguments(arguments, listen.parse().unwrap()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(arguments: &SignInArguments, listen: &str, names: &str) {
        let error = of(arguments, listen).unwrap_err();
        assert!(error.contains(names), "{error}");
    }

    #[test]
    fn loopback_needs_no_key_and_other_addresses_do() {
        let none = SignInArguments::default();
        assert!(matches!(of(&none, LOOPBACK).unwrap(), SignIn::GeneratedKey));
        refused(&none, OPEN, "--client-keys or --client-key-file must be set to listen on 0.0.0.0:8443");
        let open = SignInArguments { no_auth: true, ..none };
        assert!(matches!(of(&open, LOOPBACK).unwrap(), SignIn::Nobody));
        refused(&open, OPEN, "--no-auth is for loopback only");
    }

    #[test]
    fn a_file_of_keys_and_the_one_key_work_together() {
        let keys = file(&line("ci", "a key of ci, long enough"));
        let arguments = SignInArguments {
            client_keys: Some(keys.path().to_owned()),
            client_key: Some(Secret::new("the only key there is")),
            ..SignInArguments::default()
        };
        match of(&arguments, OPEN).unwrap() {
            SignIn::Keys { single: Some(_), file: Some((_, keys)) } => assert_eq!(keys.len(), 1),
            other => panic!("{other:?}"),
        }
        refused(&SignInArguments { no_auth: true, ..arguments }, LOOPBACK, "contradict");
    }

    #[test]
    fn keys_that_cannot_be_used_are_refused_by_name() {
        let with = |text: &str| {
            let keys = file(text);
            let arguments = SignInArguments { client_keys: Some(keys.path().to_owned()), ..SignInArguments::default() };
            of(&arguments, LOOPBACK).unwrap_err()
        };
        assert!(with("# nobody yet\n").contains("holds no key"));
        assert!(with("# one\nci").contains("--client-keys cannot be used: line 2 has no colon"));
        let arguments = SignInArguments { client_keys: Some("/nonexistent/keys".into()), ..SignInArguments::default() };
        refused(&arguments, LOOPBACK, "/nonexistent/keys");
        refused(&SignInArguments { client_key: Some(Secret::new("short")), ..SignInArguments::default() }, LOOPBACK, "16 bytes");
    }

    #[test]
    fn a_header_for_keys_is_one_without_another_meaning() {
        assert_eq!(header_name(Some("X-Elk-Key")).unwrap().unwrap(), "x-elk-key");
        assert!(header_name(None).unwrap().is_none());
        for name in ["", "a b", "Host", "Mcp-Method", "content-type"] {
            assert!(header_name(Some(name)).is_err(), "{name}");
        }
    }
}
