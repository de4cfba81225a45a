//! Settings in variables: our own, and those that users of other servers have set already. Knows names, not meanings.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// What lies below the flags.
#[derive(Debug, Default)]
pub struct Layers {
    /// The environment.
    pub variables: BTreeMap<String, String>,
}

/// Variables that users of other servers have already set. Two of one flag that differ are an error: nobody knows which was meant.
const BORROWED: [(&str, &[&str]); 13] = [
    ("es-url", &["ES_URL", "ELASTICSEARCH_URL", "ELASTICSEARCH_HOSTS", "OPENSEARCH_URL", "OPENSEARCH_HOSTS"]),
    ("es-api-key", &["ES_API_KEY", "ELASTICSEARCH_API_KEY", "OPENSEARCH_API_KEY"]),
    ("es-api-key-file", &["ES_API_KEY_FILE", "ELASTICSEARCH_API_KEY_FILE", "OPENSEARCH_API_KEY_FILE"]),
    ("es-username", &["ES_USERNAME", "ELASTICSEARCH_USERNAME", "OPENSEARCH_USERNAME"]),
    ("es-password", &["ES_PASSWORD", "ELASTICSEARCH_PASSWORD", "OPENSEARCH_PASSWORD"]),
    ("es-password-file", &["ES_PASSWORD_FILE", "ELASTICSEARCH_PASSWORD_FILE", "OPENSEARCH_PASSWORD_FILE"]),
    ("es-ca-cert", &["ES_CA_CERT", "ELASTICSEARCH_CA_CERT", "OPENSEARCH_CA_CERT", "OPENSEARCH_CA_CERT_PATH"]),
    ("es-client-cert", &["ES_CLIENT_CERT", "ELASTICSEARCH_CLIENT_CERT", "OPENSEARCH_CLIENT_CERT_PATH"]),
    ("es-client-key", &["ES_CLIENT_KEY", "ELASTICSEARCH_CLIENT_KEY", "OPENSEARCH_CLIENT_KEY_PATH"]),
    ("es-ssl-skip-verify", &["ES_SSL_SKIP_VERIFY", "ELASTICSEARCH_SSL_SKIP_VERIFY", "OPENSEARCH_SSL_SKIP_VERIFY"]),
    ("client-key", &["MCP_API_KEY"]),
    ("client-key-file", &["MCP_API_KEY_FILE"]),
    ("config", &[]),
];

/// Variables that say the opposite of a flag.
const INVERTED: [(&str, &[&str]); 1] = [("es-ssl-skip-verify", &["VERIFY_CERTS", "OPENSEARCH_SSL_VERIFY"])];

/// A value of a lower layer, in the form a flag would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) texts: Vec<String>,
    /// Where it was found, for messages.
    pub(super) origin: String,
    /// Whether that is a variable of another server.
    pub(super) is_borrowed: bool,
}

impl Layers {
    /// The process's environment.
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        }
    }

    /// A flag's variable: our own, else a borrowed one. Who sets ours has said which counts.
    pub(super) fn variable(&self, flag: &str) -> Result<Option<Value>> {
        let own = format!("ELK_MCP_{}", flag.replace('-', "_").to_uppercase());
        if let Some(text) = self.set(&own) {
            return Ok(Some(Value { texts: vec![text.to_owned()], origin: format!("the variable {own}"), is_borrowed: false }));
        }
        let names = |table: &[(&'static str, &'static [&'static str])]| {
            table.iter().find(|(name, _)| *name == flag).map_or(&[][..], |(_, names)| *names).iter().copied()
        };
        let as_they_are = names(&BORROWED).filter_map(|name| Some((name, self.set(name)?)));
        let inverted = names(&INVERTED).filter_map(|name| Some((name, opposite(self.set(name)?)?)));
        let mut found = as_they_are.chain(inverted);
        let Some((name, text)) = found.next() else { return Ok(None) };
        if let Some((other, _)) = found.find(|(_, other)| *other != text) {
            bail!("the variables {name} and {other} contradict each other: unset one, or set {own}, which counts more than both");
        }
        Ok(Some(Value { texts: vec![text.to_owned()], origin: format!("the variable {name}"), is_borrowed: true }))
    }

    fn set(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

fn opposite(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some("false"),
        "false" | "0" | "no" | "off" => Some("true"),
        _ => None,
    }
}
