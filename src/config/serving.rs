//! How to listen and who may call. Safe by default: off loopback it needs a certificate and a key.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use http::HeaderName;
use ipnet::IpNet;

use super::{
    arguments::ServingArguments,
    hosts::{HostPattern, OriginPattern},
    limits::rate_limit,
    secret,
    sign_in::{SignIn, header_name},
};
use crate::{client_keys::SHORTEST_KEY, cluster::InvalidSettings, secret::Secret, server::limits::RateLimit};

/// Who is believed where `--behind-proxy` names nobody.
const PROXIES_ON_LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];

/// How to listen and who may call.
#[derive(Debug)]
pub struct Serving {
    /// Where.
    pub listen: SocketAddr,
    /// The server's certificate.
    pub identity: Identity,
    /// Authorities that sign clients' certificates, as PEM: every client must show one.
    pub client_ca_file: Option<PathBuf>,
    /// Who may call.
    pub sign_in: SignIn,
    /// A header that a key may stand in beside the usual ones.
    pub key_header: Option<HeaderName>,
    /// How many calls each caller may make.
    pub rate_limit: Option<RateLimit>,
    /// By which names the server is called, and from where.
    pub reach: Reach,
    /// Whether clients that know only HTTP with server-sent events are served.
    pub legacy_sse: bool,
    /// What senders of alerts may sign with in place of a key.
    pub hook_secret: Option<Secret>,
}

/// The server's certificate.
#[derive(Debug)]
pub enum Identity {
    /// Made at start, with an authority of its own; on loopback only.
    Development,
    /// From files, as PEM; read again when they change.
    Files {
        /// The certificate and its chain.
        certificate_file: PathBuf,
        /// Its key.
        key_file: PathBuf,
    },
    /// None: plain HTTP, on loopback or behind a proxy only.
    PlainHttp,
}

/// By which names the server is called, and from where.
#[derive(Debug, Default)]
pub struct Reach {
    /// Hosts beside the loopback ones, the address itself and those of the certificate.
    pub hosts: Vec<HostPattern>,
    /// Origins beside the server's own.
    pub origins: Vec<OriginPattern>,
    /// The address that clients know.
    pub public_url: Option<String>,
    /// The proxies whose `X-Forwarded` headers are believed.
    pub proxies: Vec<IpNet>,
}

impl Serving {
    /// Checks the arguments and reads the files they name.
    ///
    /// # Errors
    /// When a value cannot be used, or when something is missing that serving off loopback needs.
    pub fn from_arguments(arguments: &ServingArguments) -> Result<Self, InvalidSettings> {
        let listen = parse_address(&arguments.listen)?;
        let loopback = listen.ip().is_loopback();
        let reach = Reach::from_arguments(arguments)?;
        let identity = match (&arguments.tls_cert, &arguments.tls_key) {
            (None, None) if arguments.insecure_http => {
                if !loopback && reach.proxies.is_empty() {
                    return Err(InvalidSettings::new(
                        "--insecure-http",
                        format!("is for loopback only, and {listen} is reached by other machines: use --tls-cert, or --behind-proxy"),
                    ));
                }
                Identity::PlainHttp
            }
            _ if arguments.insecure_http => {
                return Err(InvalidSettings::new("--insecure-http", "and --tls-cert contradict each other: give one"));
            }
            (Some(certificate), Some(key)) => Identity::Files { certificate_file: certificate.clone(), key_file: key.clone() },
            (None, None) if loopback => Identity::Development,
            (None, None) => {
                return Err(InvalidSettings::new(
                    "--tls-cert and --tls-key",
                    format!("must be set to listen on {listen}, which other machines reach"),
                ));
            }
            _ => return Err(InvalidSettings::new("--tls-cert and --tls-key", "belong together: give both")),
        };
        let client_ca_file = arguments.tls_client_ca.clone();
        if client_ca_file.is_some() && matches!(identity, Identity::PlainHttp) {
            return Err(InvalidSettings::new("--tls-client-ca", "and --insecure-http contradict each other: give one"));
        }
        let sign_in = SignIn::from_arguments(&arguments.sign_in, listen)?;
        if matches!(sign_in, SignIn::Nobody) && !reach.proxies.is_empty() {
            return Err(InvalidSettings::new("--no-auth", "is for loopback only, and a proxy brings other machines: use --client-keys"));
        }
        let key_header = header_name(arguments.sign_in.client_key_header.as_deref())?;
        let rate_limit = rate_limit(arguments.rate_limit.as_deref())?;
        let legacy_sse = !arguments.no_legacy_sse;
        let hook_secret = hook_secret(arguments)?;
        Ok(Self { listen, identity, client_ca_file, sign_in, key_header, rate_limit, reach, legacy_sse, hook_secret })
    }

    /// The sample's way: on loopback, with a certificate and a key made at start.
    ///
    /// # Errors
    /// When the address is none, or not of loopback.
    pub fn on_loopback(listen: &str) -> Result<Self, InvalidSettings> {
        let listen = parse_address(listen)?;
        if !listen.ip().is_loopback() {
            return Err(InvalidSettings::new("--listen", format!("is {listen}; the demo listens on loopback only")));
        }
        let (identity, sign_in, rate_limit) = (Identity::Development, SignIn::GeneratedKey, Some(RateLimit::DEFAULT));
        let reach = Reach::default();
        Ok(Self {
            listen,
            identity,
            client_ca_file: None,
            sign_in,
            key_header: None,
            rate_limit,
            reach,
            legacy_sse: true,
            hook_secret: None,
        })
    }
}

impl Reach {
    fn from_arguments(arguments: &ServingArguments) -> Result<Self, InvalidSettings> {
        let mut hosts =
            each("--allowed-hosts", &arguments.allowed_hosts, "a host, such as mcp.example.com or *.internal", HostPattern::parse)?;
        let mut origins =
            each("--allowed-origins", &arguments.allowed_origins, "an origin, such as https://app.example.com", OriginPattern::parse)?;
        if let Some(url) = &arguments.public_url {
            let (host, origin) = public(url, arguments.insecure_http)?;
            hosts.push(host);
            origins.push(origin);
        }
        let proxies = match arguments.behind_proxy.as_slice() {
            [only] if only == "false" => Vec::new(),
            [only] if only == "true" => PROXIES_ON_LOOPBACK.iter().filter_map(|network| network_of(network)).collect(),
            named => each("--behind-proxy", named, "an address or a network, such as 10.0.0.0/8", network_of)?,
        };
        Ok(Self { hosts, origins, public_url: arguments.public_url.clone(), proxies })
    }
}

/// Reads each item of a list; empty ones are none.
fn each<T>(setting: &'static str, items: &[String], expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, InvalidSettings> {
    let items = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
    items.map(|item| parse(item).ok_or_else(|| InvalidSettings::new(setting, format!("has `{item}`, which is not {expected}")))).collect()
}

fn network_of(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
}

/// The host and the origin of the address that clients know.
fn public(url: &str, insecure_http: bool) -> Result<(HostPattern, OriginPattern), InvalidSettings> {
    let refused = || {
        let expected = if insecure_http { "an address such as" } else { "an https address such as" };
        InvalidSettings::new("--public-url", format!("is `{url}`; write {expected} https://mcp.example.com/mcp"))
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let origin = OriginPattern::parse(&format!("{scheme}://{authority}")).ok_or_else(refused)?;
    let host = HostPattern::parse(authority).ok_or_else(refused)?;
    match scheme {
        "https" => Ok((host.on_any_port(), origin)),
        "http" if insecure_http => Ok((host.on_any_port(), origin)),
        _ => Err(refused()),
    }
}

fn hook_secret(arguments: &ServingArguments) -> Result<Option<Secret>, InvalidSettings> {
    let secret = secret("--hook-secret-file", arguments.hook_secret.as_ref(), arguments.hook_secret_file.as_deref())?;
    if secret.as_ref().is_some_and(|secret| secret.reveal().len() < SHORTEST_KEY) {
        return Err(InvalidSettings::new(
            "--hook-secret-file",
            format!("has a secret of less than {SHORTEST_KEY} bytes, which can be guessed"),
        ));
    }
    Ok(secret)
}

fn parse_address(text: &str) -> Result<SocketAddr, InvalidSettings> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        InvalidSettings::new("--listen", format!("is `{text}`; write an address and a port, such as 127.0.0.1:8443 or [::]:8443"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        arguments::SignInArguments,
        hosts::{Authority, Origin},
    };

    fn arguments(listen: &str) -> ServingArguments {
        ServingArguments { listen: listen.to_owned(), ..ServingArguments::default() }
    }

    #[track_caller]
    fn refused(arguments: &ServingArguments, names: &str) {
        let error = Serving::from_arguments(arguments).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }

    #[test]
    fn loopback_needs_nothing() {
        for listen in ["127.0.0.1:0", "localhost:8443", "[::1]:8443"] {
            let serving = Serving::from_arguments(&arguments(listen)).unwrap();
            assert!(matches!((serving.identity, serving.sign_in), (Identity::Development, SignIn::GeneratedKey)), "{listen}");
        }
    }

    #[test]
    fn off_loopback_nothing_starts_without_a_certificate_and_a_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = Some(file.path().to_owned());
        let with_files = ServingArguments { tls_cert: path.clone(), tls_key: path, ..arguments("0.0.0.0:8443") };
        refused(&arguments("0.0.0.0:8443"), "--tls-cert");
        refused(&arguments("[::]:8443"), "--tls-cert");
        refused(&with_files, "--client-keys");
    }

    #[test]
    fn plain_http_is_for_loopback_or_behind_a_proxy() {
        let plain = |listen: &str| ServingArguments { insecure_http: true, ..arguments(listen) };
        let with = |arguments: ServingArguments, proxies: &str| ServingArguments { behind_proxy: vec![proxies.to_owned()], ..arguments };
        assert!(matches!(Serving::from_arguments(&plain("127.0.0.1:0")).unwrap().identity, Identity::PlainHttp));
        refused(&plain("0.0.0.0:0"), "--behind-proxy");
        refused(&with(plain("0.0.0.0:0"), "false"), "--behind-proxy");
        // Behind a proxy a key is needed all the same.
        refused(&with(plain("0.0.0.0:0"), "true"), "--client-keys");
        refused(&ServingArguments { tls_cert: Some("a".into()), tls_key: Some("b".into()), ..plain("127.0.0.1:0") }, "contradict");
        let open = SignInArguments { no_auth: true, ..SignInArguments::default() };
        refused(&with(ServingArguments { sign_in: open, ..plain("127.0.0.1:0") }, "true"), "--no-auth");
        refused(&ServingArguments { tls_client_ca: Some("a".into()), ..plain("127.0.0.1:0") }, "--tls-client-ca");
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let proxies = |text: &str| {
            let arguments = ServingArguments { behind_proxy: text.split(',').map(str::to_owned).collect(), ..arguments("127.0.0.1:0") };
            Serving::from_arguments(&arguments).map(|serving| serving.reach.proxies.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(proxies("true").unwrap(), ["127.0.0.0/8", "::1/128"]);
        assert_eq!(proxies("10.0.0.0/8, 192.0.2.1,2001:db8::/32").unwrap(), ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
        assert!(proxies("false").unwrap().is_empty());
        assert!(proxies("proxy.internal").unwrap_err().to_string().contains("--behind-proxy has `proxy.internal`"));
    }

    #[test]
    fn the_public_address_allows_its_host_and_its_origin() {
        let serving = Serving::from_arguments(&ServingArguments {
            public_url: Some("https://mcp.example:8443/mcp".to_owned()),
            ..arguments("127.0.0.1:0")
        })
        .unwrap();
        assert!(serving.reach.hosts.iter().any(|host| host.fits(&Authority::parse("mcp.example").unwrap())));
        assert!(serving.reach.origins.iter().any(|origin| origin.fits(&Origin::parse("https://mcp.example:8443").unwrap())));
        for url in ["mcp.example", "http://mcp.example", "https://user@mcp.example", "https://", "ftp://mcp.example"] {
            refused(&ServingArguments { public_url: Some(url.to_owned()), ..arguments("127.0.0.1:0") }, "--public-url");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        refused(&arguments("8443"), "--listen");
        refused(&ServingArguments { tls_cert: Some("/nonexistent".into()), ..arguments("127.0.0.1:0") }, "belong together");
        refused(&ServingArguments { allowed_hosts: vec!["https://a".to_owned()], ..arguments("127.0.0.1:0") }, "--allowed-hosts");
        refused(&ServingArguments { allowed_origins: vec!["a.example".to_owned()], ..arguments("127.0.0.1:0") }, "--allowed-origins");
    }
}
