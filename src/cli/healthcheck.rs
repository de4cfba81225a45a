//! `healthcheck`: asks a running server's probe, for containers whose images have nothing else that could. Knows the probes'
//! paths; sends no key.

use std::{
    error::Error as _,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use reqwest::{Certificate, Client, Url};

use crate::config::arguments::HealthcheckArguments;

/// How long the server may take. The probe of readiness takes up to two seconds itself.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// Asks, and says on standard error what is wrong.
pub(super) async fn run(arguments: &HealthcheckArguments) -> Result<ExitCode> {
    let base = base(arguments)?;
    let url = base.join(if arguments.ready { "/readyz" } else { "/healthz" })?;
    let client = client(&base, arguments)?;
    match client.get(url.clone()).send().await {
        Ok(response) if response.status().is_success() => Ok(ExitCode::SUCCESS),
        Ok(response) => bail!("{url} answered {}", response.status()),
        // It speaks TLS and wants a client certificate: it is alive, and the cluster's health is not for strangers.
        Err(error) if !arguments.ready && format!("{error:?}").contains("CertificateRequired") => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let cause = std::iter::successors(error.source(), |&cause| cause.source()).last();
            bail!("{url} does not answer: {}", cause.map_or_else(|| error.to_string(), ToString::to_string))
        }
    }
}

fn base(arguments: &HealthcheckArguments) -> Result<Url> {
    if let Some(text) = &arguments.url {
        let url: Url = text.parse().with_context(|| format!("--url is `{text}`, which is no address"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("--url has the scheme `{}`; http and https are spoken", url.scheme());
        }
        return Ok(url);
    }
    let text = arguments.listen.replace("localhost:", "127.0.0.1:");
    let mut listen: SocketAddr = text.parse().with_context(|| format!("--listen is `{text}`, which is no address and port"))?;
    if listen.port() == 0 {
        bail!("--listen has port 0, which does not say where the server is: give --url");
    }
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if arguments.insecure_http { "http" } else { "https" };
    Ok(format!("{scheme}://{listen}").parse()?)
}

/// On a loopback address any certificate is taken: it is for the name that clients use, or was made at start. Nobody but this
/// machine answers there, and the question holds no secret.
fn client(base: &Url, arguments: &HealthcheckArguments) -> Result<Client> {
    let mut builder = Client::builder()
        .timeout(TIME_LIMIT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_built_in_root_certs(false)
        .danger_accept_invalid_certs(arguments.ca_file.is_none() && is_loopback(base));
    match &arguments.ca_file {
        Some(file) => {
            let pem = fs::read(file).with_context(|| format!("--ca-file {} cannot be read", file.display()))?;
            let chain = Certificate::from_pem_bundle(&pem).with_context(|| format!("--ca-file {} is no PEM", file.display()))?;
            for certificate in chain {
                builder = builder.add_root_certificate(certificate);
            }
        }
        None if !is_loopback(base) => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                if let Ok(certificate) = Certificate::from_der(&certificate) {
                    builder = builder.add_root_certificate(certificate);
                }
            }
        }
        None => {}
    }
    Ok(builder.build()?)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, insecure_http: bool, expected: &str) {
        let arguments = HealthcheckArguments { url: None, ready: false, ca_file: None, listen: listen.to_owned(), insecure_http };
        assert_eq!(base(&arguments).unwrap().as_str(), expected);
    }

    #[test]
    fn the_server_is_where_it_listens_seen_from_this_machine() {
        check("0.0.0.0:8443", false, "https://127.0.0.1:8443/");
        check("[::]:8443", false, "https://[::1]:8443/");
        check("localhost:8080", true, "http://127.0.0.1:8080/");
        check("192.0.2.1:443", false, "https://192.0.2.1/");
    }

    #[test]
    fn any_certificate_is_taken_on_loopback_only() {
        for (url, expected) in [
            ("https://localhost:1", true),
            ("https://127.0.0.2:1", true),
            ("https://[::1]:1", true),
            ("https://localhost.example", false),
            ("https://192.0.2.1", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
