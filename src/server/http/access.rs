//! Which hosts a request may name, and from which origins it may come: what keeps web pages of others out, also those
//! that rebind a name of theirs to this address. Knows the request's head only.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::time::Instant;

use crate::{
    config::{
        Reach,
        hosts::{Authority, HostPattern, Origin, OriginPattern},
    },
    server::identity::Certificate,
};

use super::client_address::FromProxy;

/// So many different refused values are logged in [`TOLD_FOR`]; strangers may send any number.
const TOLD: usize = 64;
/// How long a value that was logged is not logged again.
const TOLD_FOR: Duration = Duration::from_secs(3_600);
/// As much of a refused value is logged, in characters.
const TOLD_LENGTH: usize = 100;

/// The hosts and origins that are let through.
pub(in crate::server) struct Access {
    hosts: Vec<HostPattern>,
    origins: Vec<OriginPattern>,
    /// The scheme of the server's own pages.
    scheme: &'static str,
    /// Its hosts are allowed too.
    certificate: Option<Arc<Certificate>>,
    told: Mutex<Told>,
}

struct Told {
    values: HashSet<String>,
    since: Instant,
}

/// Why a request is refused: what the client reads.
type Refusal = (StatusCode, &'static str);

const NO_HOST: Refusal = (StatusCode::BAD_REQUEST, "a request names one host, in one Host header\n");
const FOREIGN_HOST: Refusal =
    (StatusCode::FORBIDDEN, "this server does not answer to that host name; its log says which setting would allow it\n");
const FOREIGN_ORIGIN: Refusal =
    (StatusCode::FORBIDDEN, "this server does not answer to pages of that origin; its log says which setting would allow it\n");

impl Access {
    /// The names of the address itself, those of the settings, and those of the certificate.
    pub(in crate::server) fn new(address: SocketAddr, reach: &Reach, certificate: Option<Arc<Certificate>>) -> Self {
        let mut hosts: Vec<HostPattern> = ["localhost", "127.0.0.1", "::1"].into_iter().filter_map(HostPattern::parse).collect();
        if !address.ip().is_unspecified() {
            hosts.push(HostPattern::address(address.ip().to_canonical()));
        }
        hosts.extend(reach.hosts.iter().cloned());
        // A page that a proxy serves came to the browser by the proxy's TLS.
        let scheme = if certificate.is_some() || !reach.proxies.is_empty() { "https" } else { "http" };
        let told = Mutex::new(Told { values: HashSet::new(), since: Instant::now() });
        let access = Self { hosts, origins: reach.origins.clone(), scheme, certificate, told };
        if !address.ip().is_loopback() && reach.hosts.is_empty() && access.of_certificate().is_empty() {
            tracing::warn!("clients on other machines are refused until --allowed-hosts names the host they call");
        }
        access
    }

    fn of_certificate(&self) -> Arc<[HostPattern]> {
        self.certificate.as_ref().map_or_else(|| Arc::from([]), |certificate| certificate.hosts())
    }

    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let headers = request.headers();
        let host = single(headers, &header::HOST).map_err(|_| NO_HOST)?.ok_or(NO_HOST)?;
        self.check_host(host)?;
        // The target of a request as proxies get it. It counts more than the header (RFC 9112, section 3.2.2).
        if let Some(authority) = request.uri().authority() {
            self.check_host(authority.as_str())?;
        }
        if request.extensions().get::<FromProxy>().is_some() {
            for value in headers.get_all(&super::client_address::FORWARDED_HOST) {
                let first = value.to_str().map_err(|_| NO_HOST)?;
                self.check_host(first.split(',').next().unwrap_or_default().trim())?;
            }
            if headers.get(super::client_address::FORWARDED_PROTO).is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"http")) {
                self.tell_plaintext();
            }
        }
        match single(headers, &header::ORIGIN) {
            Ok(None) => Ok(()),
            Ok(Some(origin)) => self.check_origin(origin),
            Err(_) => Err(FOREIGN_ORIGIN),
        }
    }

    fn check_host(&self, text: &str) -> Result<(), Refusal> {
        let fits = |authority: &Authority<'_>, hosts: &[HostPattern]| hosts.iter().any(|host| host.fits(authority));
        match Authority::parse(text) {
            Some(authority) if fits(&authority, &self.hosts) || fits(&authority, &self.of_certificate()) => Ok(()),
            Some(_) => {
                self.tell("host", text, "--allowed-hosts");
                Err(FOREIGN_HOST)
            }
            None => Err(NO_HOST),
        }
    }

    fn check_origin(&self, text: &str) -> Result<(), Refusal> {
        let own =
            |origin: &Origin<'_>, hosts: &[HostPattern]| hosts.iter().any(|host| OriginPattern::of_host(self.scheme, host).fits(origin));
        match Origin::parse(text) {
            Some(origin)
                if self.origins.iter().any(|allowed| allowed.fits(&origin))
                    || own(&origin, &self.hosts)
                    || own(&origin, &self.of_certificate()) =>
            {
                Ok(())
            }
            Some(_) => {
                self.tell("origin", text, "--allowed-origins");
                Err(FOREIGN_ORIGIN)
            }
            None => Err(FOREIGN_ORIGIN),
        }
    }

    /// Whether something was not told yet, and how much has been told then.
    fn is_new(&self, value: String) -> Option<usize> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.since.elapsed() > TOLD_FOR {
            *told = Told { values: HashSet::new(), since: Instant::now() };
        }
        (told.values.len() < TOLD && told.values.insert(value)).then_some(told.values.len())
    }

    fn tell_plaintext(&self) {
        if self.is_new("plaintext".to_owned()).is_some() {
            tracing::warn!("a client reached the proxy without TLS (X-Forwarded-Proto): whoever listened has its key");
        }
    }

    /// Says once for each value how it could be allowed.
    fn tell(&self, what: &str, value: &str, setting: &str) {
        let value: String = value.chars().take(TOLD_LENGTH).flat_map(char::escape_default).collect();
        let Some(count) = self.is_new(format!("{what} {value}")) else { return };
        let rest = if count == TOLD { "; others are not logged for an hour" } else { "" };
        tracing::warn!("a request for the {what} {value} was refused: if it is meant for this server, add it to {setting}{rest}");
    }
}

/// The only value of a header, if it is there and is text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unclear> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Unclear);
    }
    first.to_str().map(Some).map_err(|_| Unclear)
}

/// A header that is there twice, or is no text.
struct Unclear;

/// The layer in front of every route but the probes.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            let mut response = refusal.into_response();
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}
