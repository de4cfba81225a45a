//! What must be known to reach a cluster, valid once built. Knows no file and no variable.

use std::net::IpAddr;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use elasticsearch::http::Url;
use http::HeaderValue;

use crate::secret::Secret;

/// How to reach a cluster and who to be there.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// Nodes of one cluster.
    pub nodes: Vec<NodeUrl>,
    /// Who to be; nobody on a cluster without security.
    pub credential: Option<Credential>,
    /// Authorities to trust, as PEM, in place of the system's.
    pub ca_certificate: Option<Vec<u8>>,
    /// A client certificate with its chain and key, as PEM.
    pub client_certificate: Option<Secret>,
    /// Whether to take any certificate.
    pub skip_tls_verification: bool,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting} {why}")]
pub struct InvalidSettings {
    setting: &'static str,
    why: String,
}

impl InvalidSettings {
    /// Names the setting and what is wrong with it, as one sentence.
    pub fn new(setting: &'static str, why: impl Into<String>) -> Self {
        Self { setting, why: why.into() }
    }
}

/// The address of a node: `http` or `https`, a host, maybe a port and a path, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUrl(Url);

impl NodeUrl {
    /// Checks one address.
    ///
    /// # Errors
    /// When it is no such address, when it carries credentials (which would end up in process lists and logs), or when
    /// it is a link-local one, where clouds serve their instances' credentials.
    pub fn parse(text: &str) -> Result<Self, InvalidSettings> {
        let fail = |why: String| Err(InvalidSettings::new("--es-url", why));
        let url = match Url::parse(text.trim()) {
            Ok(url) => url,
            Err(error) => return fail(format!("is no address ({error}); write it like https://es.example:9200")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return fail(
                "must not carry a user name or password: give them with --es-username and --es-password-file, or better --es-api-key-file"
                    .to_owned(),
            );
        }
        if !matches!(url.scheme(), "http" | "https") {
            return fail(format!("has the scheme `{}`; http and https are spoken", url.scheme()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return fail("must end before any `?` or `#`".to_owned());
        }
        let Some(host) = url.host_str() else { return fail("names no host".to_owned()) };
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(is_link_local) {
            return fail(format!("names the link-local address {host}, where no cluster is"));
        }
        Ok(Self(url))
    }

    /// Checks a comma-separated list of addresses.
    ///
    /// # Errors
    /// As [`Self::parse`], and when the list is empty.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, InvalidSettings> {
        text.split(',').map(Self::parse).collect()
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether what is sent can be read on the way: plain HTTP to another machine.
    pub fn is_readable_on_the_way(&self) -> bool {
        let loopback = self.0.host_str().is_some_and(|host| {
            host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        });
        !self.is_https() && !loopback
    }

    pub(super) fn into_url(self) -> Url {
        self.0
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Who to be in the cluster.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API key.
    ApiKey(ApiKey),
    /// A user.
    Basic {
        /// Name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// A token, such as a service account's.
    Bearer(Secret),
}

/// An API key as the header wants it: base64 of `id:key`.
#[derive(Debug, Clone)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// Takes `id:key` as it is, or encoded as Elasticsearch's `encoded` is.
    ///
    /// # Errors
    /// When it is neither. The value is not repeated.
    pub fn parse(text: &str) -> Result<Self, InvalidSettings> {
        let text = text.trim();
        if let Some((id, key)) = text.split_once(':') {
            if !id.is_empty() && !key.is_empty() {
                return Ok(Self(Secret::new(BASE64_STANDARD.encode(text))));
            }
        } else if BASE64_STANDARD.decode(text).is_ok_and(|decoded| decoded.contains(&b':')) {
            return Ok(Self(Secret::new(text)));
        }
        Err(InvalidSettings::new("--es-api-key", "is neither `id:key` nor its base64 form (`encoded` in the reply that made the key)"))
    }
}

impl Credential {
    pub(super) fn header(&self) -> Result<HeaderValue, InvalidSettings> {
        let text = match self {
            Self::ApiKey(ApiKey(encoded)) => format!("ApiKey {}", encoded.reveal()),
            Self::Basic { username, password } => format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()))),
            Self::Bearer(token) => format!("Bearer {}", token.reveal()),
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| InvalidSettings::new("the cluster's credential", "has characters no header can carry"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_credentials_is_refused_and_the_flags_are_named() {
        for text in ["https://elastic:changeme@es:9200", "https://elastic@es:9200"] {
            let error = NodeUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains("--es-api-key-file") && !error.contains("changeme"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_node_is_refused() {
        for text in [
            "",
            "es:9200",
            "ftp://es",
            "file:///etc/passwd",
            "http://es:9200/?q=1",
            "http://es/#x",
            "http://169.254.169.254/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://0xa9fea9fe/",
        ] {
            assert!(NodeUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn several_nodes_are_separated_by_commas() {
        assert_eq!(NodeUrl::parse_list("http://a:9200, https://b:9200/es").unwrap().len(), 2);
        assert!(NodeUrl::parse_list("http://a:9200,").is_err());
    }

    #[test]
    fn plain_http_is_readable_unless_it_stays_on_the_machine() {
        let readable = |text| NodeUrl::parse(text).unwrap().is_readable_on_the_way();
        assert!(readable("http://es:9200"));
        assert!(!readable("https://es:9200") && !readable("http://localhost:9200") && !readable("http://[::1]:9200"));
    }

    #[test]
    fn both_forms_of_an_api_key_make_the_same_header() {
        let header = |text| Credential::ApiKey(ApiKey::parse(text).unwrap()).header().unwrap();
        assert_eq!(header("id:key"), header(" aWQ6a2V5\n"));
        assert_eq!(header("id:key"), "ApiKey aWQ6a2V5");
        assert!(header("id:key").is_sensitive());
    }

    #[test]
    fn what_is_no_api_key_is_refused_without_being_repeated() {
        for text in ["", "nonsense!", ":key", "id:", "bm9uc2Vuc2U="] {
            let error = ApiKey::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text) || text == ":key" || text == "id:", "{error}");
        }
    }
}
