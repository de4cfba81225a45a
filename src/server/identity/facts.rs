//! What a certificate says of itself: for which hosts it is, and how long. Knows X.509's shape (RFC 5280, section 4.1).

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use yasna::{ASN1Result, BERReader, BERReaderSeq, Tag, models::ObjectIdentifier, parse_der, tags::TAG_UTCTIME};

use crate::config::hosts::HostPattern;

/// The extension of other names (RFC 5280, section 4.2.1.6).
const OTHER_NAMES: [u64; 4] = [2, 5, 29, 17];
/// Tags of the names that are hosts.
const DNS_NAME: u64 = 2;
const ADDRESS: u64 = 7;

/// What a certificate says of itself.
pub(super) struct Facts {
    /// The hosts that it is for.
    pub(super) hosts: Arc<[HostPattern]>,
    pub(super) begins: Timestamp,
    pub(super) expires: Timestamp,
}

impl Facts {
    /// Reads a certificate; none if it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let read = parse_der(certificate, |reader| {
            reader.read_sequence(|whole| {
                let facts = whole.next().read_sequence(signed)?;
                skip(whole, 2)?;
                Ok(facts)
            })
        });
        let ([begins, expires], hosts) = read.ok()?;
        let time = |second| Timestamp::from_second(second).ok();
        Some(Self { hosts: hosts.into(), begins: time(begins)?, expires: time(expires)? })
    }
}

/// The part that the authority signs.
fn signed(part: &mut BERReaderSeq<'_, '_>) -> ASN1Result<([i64; 2], Vec<HostPattern>)> {
    // Version; then serial number, algorithm and issuer.
    part.read_optional(|reader| reader.read_tagged(Tag::context(0), |reader| reader.read_der()))?;
    skip(part, 3)?;
    let validity = part.next().read_sequence(|times| Ok([time(times.next())?, time(times.next())?]))?;
    // Subject and key; then two forms of unique identifiers, which nobody writes any more.
    skip(part, 2)?;
    for tag in [1, 2] {
        part.read_optional(|reader| reader.read_tagged_implicit(Tag::context(tag), |reader| reader.read_bitvec_bytes()))?;
    }
    let hosts = part.read_optional(|reader| reader.read_tagged(Tag::context(3), extensions))?;
    Ok((validity, hosts.unwrap_or_default()))
}

fn skip(part: &mut BERReaderSeq<'_, '_>, count: usize) -> ASN1Result<()> {
    (0..count).try_for_each(|_| part.next().read_der().map(drop))
}

fn time(reader: BERReader<'_, '_>) -> ASN1Result<i64> {
    Ok(match reader.lookahead_tag()? {
        TAG_UTCTIME => reader.read_utctime()?.datetime().unix_timestamp(),
        _ => reader.read_generalized_time()?.datetime().unix_timestamp(),
    })
}

fn extensions(reader: BERReader<'_, '_>) -> ASN1Result<Vec<HostPattern>> {
    let other_names = ObjectIdentifier::from_slice(&OTHER_NAMES);
    let mut hosts = Vec::new();
    reader.read_sequence_of(|reader| {
        let (name, value) = reader.read_sequence(|extension| {
            let name = extension.next().read_oid()?;
            extension.read_optional(|reader| reader.read_bool())?;
            Ok((name, extension.next().read_bytes()?))
        })?;
        if name == other_names {
            let names = parse_der(&value, |reader| reader.collect_sequence_of(|reader| reader.read_tagged_der()))?;
            hosts.extend(names.iter().filter_map(|name| host(name.tag().tag_number, name.value())));
        }
        Ok(())
    })?;
    Ok(hosts)
}

fn host(tag: u64, value: &[u8]) -> Option<HostPattern> {
    match tag {
        DNS_NAME => HostPattern::parse(std::str::from_utf8(value).ok()?),
        ADDRESS => {
            let address = <[u8; 4]>::try_from(value).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from));
            address.ok().map(HostPattern::address)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn facts(names: &[&str], until: i32) -> Facts {
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.subject_alt_names.push(SanType::URI("https://uri.example".try_into().unwrap()));
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 2), date_time_ymd(until, 3, 4));
        Facts::of(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    #[test]
    fn hosts_and_times_are_those_of_the_certificate() {
        let names = ["mcp.example.com", "*.internal", "192.0.2.1", "2001:db8::1"];
        // From 2050 on, times have another form (RFC 5280, section 4.1.2.5).
        for until in [2049, 2050] {
            let facts = facts(&names, until);
            let hosts: Vec<_> = facts.hosts.iter().map(ToString::to_string).collect();
            assert_eq!(hosts, ["mcp.example.com", "*.internal", "192.0.2.1", "[2001:db8::1]"]);
            assert_eq!(facts.begins.to_string(), "2020-01-02T00:00:00Z");
            assert_eq!(facts.expires.to_string(), format!("{until}-03-04T00:00:00Z"));
        }
        assert!(facts(&[], 2049).hosts.is_empty());
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        let whole = CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
        for length in 0..whole.der().len() {
            assert!(Facts::of(&whole.der()[..length]).is_none(), "{length}");
        }
        assert!(Facts::of(&[0xff; 40]).is_none());
    }
}
