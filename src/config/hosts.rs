//! Hosts and origins as settings and requests write them: one strict spelling each, compared without copying. Knows no
//! request.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// The longest name that DNS knows, in bytes (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;

/// A host and perhaps a port, as a `Host` header gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    host: Host<&'a str>,
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host<N> {
    Name(N),
    Address(IpAddr),
}

impl<'a> Authority<'a> {
    /// Reads `name`, `name:port`, `192.0.2.1:port` or `[2001:db8::1]:port`. Anything else is none: user information, paths,
    /// lists, a final dot, percent signs, zones, and addresses in other than the usual form.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                (Host::Address(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)), after)
            }
            None => {
                let (name, after) = text.split_at(text.find(':').unwrap_or(text.len()));
                (Host::named(name)?, after)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
            None if port.is_empty() => None,
            None => return None,
        };
        Some(Self { host, port })
    }

    fn port_or(&self, default: Option<u16>) -> Option<u16> {
        self.port.or(default)
    }
}

impl<'a> Host<&'a str> {
    fn named(name: &'a str) -> Option<Self> {
        let numeric = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if numeric {
            return name.parse().ok().map(Self::Address);
        }
        let label = |label: &str| {
            !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        (name.len() <= LONGEST_NAME && name.split('.').all(label)).then_some(Self::Name(name))
    }
}

/// A host that clients may call the server by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: Host<String>,
    /// Whether one label before the name is free, as in `*.example.com`.
    any_label: bool,
    /// None: any.
    port: Option<u16>,
}

impl HostPattern {
    /// Reads `name`, `*.name` or an address, each perhaps with a port; an IPv6 address also without its brackets.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Self::address(address.into()));
        }
        let (any_label, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let Authority { host, port } = Authority::parse(rest)?;
        match host {
            Host::Name(name) => Some(Self { host: Host::Name(name.to_ascii_lowercase()), any_label, port }),
            Host::Address(address) => (!any_label).then_some(Self { host: Host::Address(address), any_label, port }),
        }
    }

    /// An address, on any port.
    pub fn address(address: IpAddr) -> Self {
        Self { host: Host::Address(address), any_label: false, port: None }
    }

    /// The same host, whatever the port.
    pub fn on_any_port(self) -> Self {
        Self { port: None, ..self }
    }

    /// Whether a request that names this host is for us.
    pub fn fits(&self, authority: &Authority<'_>) -> bool {
        self.fits_host(&authority.host) && self.port.is_none_or(|port| authority.port == Some(port))
    }

    fn fits_host(&self, host: &Host<&str>) -> bool {
        match (&self.host, host) {
            (Host::Address(own), Host::Address(given)) => own == given,
            (Host::Name(own), Host::Name(given)) if self.any_label => {
                given.split_once('.').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(own))
            }
            (Host::Name(own), Host::Name(given)) => given.eq_ignore_ascii_case(own),
            _ => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(out, "{}{name}", if self.any_label { "*." } else { "" })?,
            Host::Address(IpAddr::V6(address)) => write!(out, "[{address}]")?,
            Host::Address(address) => write!(out, "{address}")?,
        }
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

/// An origin as browsers send it: scheme, host, port (RFC 6454, section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    /// Reads `scheme://host` or `scheme://host:port`. `null`, and anything after the port, is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        (scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(scheme_byte)).then_some(())?;
        Some(Self { scheme, authority: Authority::parse(authority)? })
    }

    fn port(&self) -> Option<u16> {
        self.authority.port_or(default_port(self.scheme))
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else {
        None
    }
}

/// An origin whose pages may call the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    host: HostPattern,
    any_port: bool,
}

impl OriginPattern {
    /// Reads `scheme://host`, `scheme://host:port`, or `scheme://host:*` for any port.
    pub fn parse(text: &str) -> Option<Self> {
        let (exact, any_port) = match text.strip_suffix(":*") {
            Some(exact) => (exact, true),
            None => (text, false),
        };
        let origin = Origin::parse(exact)?;
        if any_port && origin.authority.port.is_some() {
            return None;
        }
        let mut host = HostPattern::parse(exact.split_once("://")?.1)?;
        host.port = None;
        // The port that is compared is the one that counts, written or not.
        let port = if any_port { None } else { origin.port() };
        Some(Self { scheme: origin.scheme.to_ascii_lowercase(), host: HostPattern { port, ..host }, any_port })
    }

    /// The pages that a host serves itself, on any port.
    pub fn of_host(scheme: &str, host: &HostPattern) -> Self {
        Self { scheme: scheme.to_owned(), host: HostPattern { port: None, ..host.clone() }, any_port: true }
    }

    /// Whether a page of this origin may call.
    pub fn fits(&self, origin: &Origin<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(origin.scheme)
            && self.host.fits_host(&origin.authority.host)
            && (self.any_port || self.host.port == origin.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_host(pattern: &str, fits: &[&str], others: &[&str]) {
        let pattern = HostPattern::parse(pattern).unwrap();
        let fitting = |text: &str| Authority::parse(text).is_some_and(|authority| pattern.fits(&authority));
        assert_eq!(fits.iter().filter(|text| !fitting(text)).collect::<Vec<_>>(), Vec::<&&str>::new());
        assert_eq!(others.iter().filter(|text| fitting(text)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn a_host_fits_in_its_own_spelling_only() {
        check_host(
            "localhost",
            &["localhost", "LOCALHOST", "localhost:1", "localhost:65535"],
            &[
                "localhost.",
                "localhost:",
                "localhost:65536",
                "localhost:0x50",
                "localhost:+1",
                "u@localhost",
                "localhost@evil",
                "localhost/",
                "localhost,evil",
                "localhost evil",
                " localhost",
                "localhost\t",
                "evil",
                "localhost.evil",
                "xlocalhost",
                "",
                ":80",
                "local%68ost",
            ],
        );
        check_host("127.0.0.1", &["127.0.0.1", "127.0.0.1:8443"], &["127.1", "0x7f.1", "2130706433", "127.0.0.01", "[::ffff:127.0.0.1]"]);
        check_host("::1", &["[::1]", "[::1]:8443", "[0:0:0:0:0:0:0:1]"], &["::1", "[::1", "[::1]x", "[::1%lo]", "[::1]:", "[::]"]);
        check_host("mcp.example.com:8443", &["mcp.example.com:8443"], &["mcp.example.com", "mcp.example.com:443"]);
        check_host(
            "*.example.com",
            &["a.example.com", "A.Example.com:1"],
            &["example.com", "a.b.example.com", ".example.com", "a.example.com.x"],
        );
    }

    #[test]
    fn a_host_pattern_that_is_no_host_is_none_and_others_print_as_written() {
        for text in ["", "*", "*.", "https://a", "a/b", "a:b", "*.127.0.0.1", "a..b", "a b"] {
            assert_eq!(HostPattern::parse(text), None, "{text}");
        }
        for text in ["a.example", "*.a.example", "a.example:1", "192.0.2.1", "[2001:db8::1]:1"] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), text);
        }
    }

    #[track_caller]
    fn check_origin(pattern: &str, fits: &[&str], others: &[&str]) {
        let pattern = OriginPattern::parse(pattern).unwrap();
        let fitting = |text: &str| Origin::parse(text).is_some_and(|origin| pattern.fits(&origin));
        assert_eq!(fits.iter().filter(|text| !fitting(text)).collect::<Vec<_>>(), Vec::<&&str>::new());
        assert_eq!(others.iter().filter(|text| fitting(text)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        check_origin(
            "https://app.example",
            &["https://app.example", "https://app.example:443", "HTTPS://APP.EXAMPLE"],
            &[
                "http://app.example",
                "https://app.example:8443",
                "https://app.example/",
                "https://x@app.example",
                "null",
                "",
                "app.example",
                "https:app.example",
            ],
        );
        check_origin(
            "https://app.example:*",
            &["https://app.example", "https://app.example:1"],
            &["http://app.example", "https://app.example:*"],
        );
        check_origin("vscode-file://vscode-app", &["vscode-file://vscode-app"], &["vscode-file://other"]);
        assert_eq!(OriginPattern::parse("app.example"), None);
        assert_eq!(OriginPattern::parse("null"), None);
        assert_eq!(OriginPattern::parse("https://a:1:*"), None);
    }
}
