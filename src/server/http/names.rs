//! The names that clients may call the server by. Knows addresses; knows no request.

use std::net::SocketAddr;

/// The names that a client may call the server by, without ports.
pub(in crate::server) fn hosts(address: SocketAddr, configured: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    if !address.ip().is_unspecified() {
        hosts.push(address.ip().to_string());
    } else if configured.is_empty() {
        tracing::warn!("clients on other machines are refused until --allowed-hosts names the host they call");
    }
    hosts.extend(configured.iter().filter(|host| !host.is_empty()).cloned());
    hosts.dedup();
    hosts
}

/// The origins of pages that these hosts serve.
pub(super) fn origins(hosts: &[String]) -> Vec<String> {
    hosts.iter().map(|host| if host.contains(':') { format!("https://[{host}]:*") } else { format!("https://{host}:*") }).collect()
}
