//! Whose request it is, by address: the peer's own, or what a trusted proxy says. Knows `X-Forwarded` headers.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;

/// The client's address, an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) struct ClientAddress(pub(in crate::server) IpAddr);

/// Marks a request that a trusted proxy sent, as an extension.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct FromProxy;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The host that the proxy was called by.
pub(super) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The scheme that the proxy was called by.
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Puts [`ClientAddress`], and perhaps [`FromProxy`], into a request.
pub(in crate::server) fn note(extensions: &mut Extensions, headers: &HeaderMap, peer: IpAddr, proxies: &[IpNet]) {
    let mut client = peer;
    if is_proxy(peer, proxies) {
        extensions.insert(FromProxy);
        client = forwarded(headers, peer, proxies);
    }
    extensions.insert(ClientAddress(client));
}

/// Whether an address is a proxy's that is believed.
pub(in crate::server) fn is_proxy(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// Each proxy adds the address of who asked it, on the right: the first one from there that is no proxy of ours is the
/// client. What stands to the left of it is the client's own word, and what is no address ends the search.
fn forwarded(headers: &HeaderMap, peer: IpAddr, proxies: &[IpNet]) -> IpAddr {
    let mut client = peer;
    let values: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    for item in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Some(address) = address(item.trim()) else { break };
        client = address;
        if !is_proxy(address, proxies) {
            break;
        }
    }
    client
}

/// An address, which some proxies write with its port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().map(|address| address.ip()).ok());
    address.as_ref().map(IpAddr::to_canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let proxies: Vec<IpNet> = ["127.0.0.0/8", "10.0.0.0/8"].iter().map(|network| network.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        note(&mut extensions, &headers, peer.parse().unwrap(), &proxies);
        assert_eq!(extensions.get(), Some(&ClientAddress(expected.parse().unwrap())), "{peer} {forwarded:?}");
        assert_eq!(extensions.get::<FromProxy>().is_some(), is_proxy(peer.parse().unwrap(), &proxies));
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        check("192.0.2.7", &["198.51.100.1"], "192.0.2.7");
        check("127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[], "127.0.0.1");
    }

    #[test]
    fn the_client_is_the_rightmost_that_is_no_proxy() {
        check("127.0.0.1", &["203.0.113.9, 198.51.100.1, 10.1.2.3"], "198.51.100.1");
        check("127.0.0.1", &["203.0.113.9", "198.51.100.1,10.1.2.3"], "198.51.100.1");
        check("127.0.0.1", &["10.0.0.1, 10.0.0.2"], "10.0.0.1");
        check("127.0.0.1", &["198.51.100.1:5000"], "198.51.100.1");
        check("127.0.0.1", &["[2001:db8::1]:5000"], "2001:db8::1");
        check("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1");
        check("127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        check("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1");
        check("127.0.0.1", &["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2");
        check("127.0.0.1", &[""], "127.0.0.1");
    }
}
