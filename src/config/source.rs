//! Where the logs are: a cluster with its credentials and allow-list, a bundle of files, or the sample.

use std::path::PathBuf;

use super::{arguments::SourceArguments, bytes, secret};
use crate::{
    cluster::{ApiKey, ClusterSettings, Credential, CredentialSource, InvalidSettings, NodeUrl},
    guard::AllowList,
    sample::Scenario,
    secret::Secret,
};

/// Where the logs are.
#[derive(Debug)]
pub enum Source {
    /// A cluster, and what of it may be read.
    Cluster {
        /// How to reach it.
        settings: Box<ClusterSettings>,
        /// Where a newer credential may be when the cluster does not take this one any more.
        credential_source: Option<CredentialSource>,
        /// What may be read.
        allowed: AllowList,
        /// Whether a credential that can write is taken.
        allows_writing: bool,
    },
    /// Files and folders, and what of them may be read: everything, unless it is said.
    Bundle {
        /// At least one.
        paths: Vec<PathBuf>,
        /// What may be read.
        allowed: Option<AllowList>,
    },
    /// A sample incident.
    Sample(Scenario),
}

impl Source {
    /// Checks the arguments and reads the files they name.
    ///
    /// # Errors
    /// When no source is named, or a part of it cannot be used.
    pub fn from_arguments(arguments: &SourceArguments) -> Result<Self, InvalidSettings> {
        let allowed = arguments
            .allowed_indices
            .as_deref()
            .map(|text| {
                AllowList::parse(text).map_err(|error| InvalidSettings::new("--allowed-indices", format!("cannot be used: {error}")))
            })
            .transpose()?;
        if arguments.scenario.is_some() && !arguments.demo {
            return Err(InvalidSettings::new("--scenario", "chooses among the samples: give --demo too"));
        }
        match (&arguments.es_url, arguments.logs.is_empty(), arguments.demo) {
            (Some(url), true, false) => {
                let allowed = allowed.ok_or_else(|| {
                    InvalidSettings::new(
                        "--allowed-indices",
                        "must be set for a cluster: the names and patterns that may be read, such as logs-*,app-*",
                    )
                })?;
                Ok(Self::Cluster {
                    settings: Box::new(cluster(url, arguments)?),
                    credential_source: credential_source(arguments),
                    allowed,
                    allows_writing: arguments.allow_writable_credential,
                })
            }
            (None, false, false) => Ok(Self::Bundle { paths: arguments.logs.clone(), allowed }),
            (None, true, true) => Ok(Self::Sample(arguments.scenario.unwrap_or_default())),
            (None, true, false) => Err(InvalidSettings::new("the source", "is missing: give --es-url URL, --logs FILE, or --demo")),
            _ => Err(InvalidSettings::new("the source", "is given more than once: give one of --es-url, --logs, --demo")),
        }
    }
}

fn cluster(url: &str, arguments: &SourceArguments) -> Result<ClusterSettings, InvalidSettings> {
    let nodes = NodeUrl::parse_list(url)?;
    let credential = credential(arguments)?;
    if credential.is_some() && nodes.iter().any(NodeUrl::is_readable_on_the_way) {
        tracing::warn!("the cluster's credential is sent over plain HTTP: anyone on the way can read it; use https:// in --es-url");
    }
    let client_certificate = match (&arguments.es_client_cert, &arguments.es_client_key) {
        (Some(certificate), Some(key)) => {
            let mut pem = bytes("--es-client-key", key)?;
            pem.push(b'\n');
            pem.extend(bytes("--es-client-cert", certificate)?);
            let pem = String::from_utf8(pem).map_err(|_| InvalidSettings::new("--es-client-cert and --es-client-key", "are not PEM"))?;
            Some(Secret::new(pem))
        }
        (None, None) => None,
        _ => return Err(InvalidSettings::new("--es-client-cert and --es-client-key", "belong together: give both")),
    };
    Ok(ClusterSettings {
        nodes,
        credential,
        ca_certificate: arguments.es_ca_cert.as_deref().map(|file| bytes("--es-ca-cert", file)).transpose()?,
        client_certificate,
        skip_tls_verification: arguments.es_ssl_skip_verify,
    })
}

/// Reads the files of the credential again, where there are files.
fn credential_source(arguments: &SourceArguments) -> Option<CredentialSource> {
    let files = SourceArguments {
        es_api_key_file: arguments.es_api_key_file.clone(),
        es_username: arguments.es_username.clone(),
        es_password_file: arguments.es_password_file.clone(),
        es_bearer_token_file: arguments.es_bearer_token_file.clone(),
        ..SourceArguments::default()
    };
    let has_file = files.es_api_key_file.is_some() || files.es_password_file.is_some() || files.es_bearer_token_file.is_some();
    has_file.then(|| CredentialSource::new(move || credential(&files)))
}

fn credential(arguments: &SourceArguments) -> Result<Option<Credential>, InvalidSettings> {
    let api_key = secret("--es-api-key", arguments.es_api_key.as_ref(), arguments.es_api_key_file.as_deref())?;
    let password = secret("--es-password", arguments.es_password.as_ref(), arguments.es_password_file.as_deref())?;
    let token = secret("--es-bearer-token", arguments.es_bearer_token.as_ref(), arguments.es_bearer_token_file.as_deref())?;
    match (api_key, token, &arguments.es_username, password) {
        (None, None, None, None) => Ok(None),
        (Some(key), None, None, None) => ApiKey::parse(key.reveal()).map(|key| Some(Credential::ApiKey(key))),
        (None, Some(token), None, None) => Ok(Some(Credential::Bearer(token))),
        (None, None, Some(username), Some(password)) => Ok(Some(Credential::Basic { username: username.clone(), password })),
        (None, None, Some(_), None) => Err(InvalidSettings::new("--es-username", "needs --es-password-file or --es-password")),
        (None, None, None, Some(_)) => Err(InvalidSettings::new("--es-password", "needs --es-username")),
        _ => Err(InvalidSettings::new(
            "the cluster's credential",
            "is given more than once: give an API key, a bearer token, or a user and password",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn arguments() -> SourceArguments {
        SourceArguments {
            es_url: Some("http://localhost:9200".to_owned()),
            allowed_indices: Some("logs-*".to_owned()),
            ..SourceArguments::default()
        }
    }

    #[track_caller]
    fn refused(arguments: &SourceArguments, names: &str) {
        let error = Source::from_arguments(arguments).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }

    fn credential_of(arguments: &SourceArguments) -> Option<Credential> {
        match Source::from_arguments(arguments).unwrap() {
            Source::Cluster { settings, .. } => settings.credential,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_source_is_named_once_and_a_cluster_says_what_may_be_read() {
        refused(&SourceArguments::default(), "--es-url URL, --logs FILE, or --demo");
        refused(&SourceArguments { demo: true, ..arguments() }, "more than once");
        refused(&SourceArguments { allowed_indices: None, ..arguments() }, "--allowed-indices must be set");
        refused(&SourceArguments { allowed_indices: Some(".security".to_owned()), ..arguments() }, "--allowed-indices");
        let sample = SourceArguments { demo: true, ..SourceArguments::default() };
        assert!(matches!(Source::from_arguments(&sample).unwrap(), Source::Sample(Scenario::BadDeploy)));
        let other = SourceArguments { scenario: Some(Scenario::Dns), ..sample };
        assert!(matches!(Source::from_arguments(&other).unwrap(), Source::Sample(Scenario::Dns)));
        refused(&SourceArguments { demo: false, ..other }, "--scenario");
    }

    #[test]
    fn a_secret_is_read_from_its_file_without_the_newline() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"pass word\n").unwrap();
        let arguments =
            SourceArguments { es_username: Some("u".to_owned()), es_password_file: Some(file.path().to_owned()), ..arguments() };
        match credential_of(&arguments) {
            Some(Credential::Basic { password, .. }) => assert_eq!(password.reveal(), "pass word"),
            other => panic!("{other:?}"),
        }
        refused(&SourceArguments { es_password: Some(Secret::new("p")), ..arguments }, "given twice");
    }

    #[test]
    fn credentials_that_make_no_sense_together_are_refused() {
        refused(&SourceArguments { es_username: Some("u".to_owned()), ..arguments() }, "--es-password-file");
        refused(&SourceArguments { es_password: Some(Secret::new("p")), ..arguments() }, "--es-username");
        refused(
            &SourceArguments { es_api_key: Some(Secret::new("a:b")), es_bearer_token: Some(Secret::new("t")), ..arguments() },
            "more than once",
        );
        refused(&SourceArguments { es_api_key_file: Some("/nonexistent/key".into()), ..arguments() }, "/nonexistent/key");
        refused(&SourceArguments { es_api_key: Some(Secret::new("")), ..arguments() }, "is empty");
    }
}
