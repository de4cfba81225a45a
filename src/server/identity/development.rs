//! A certificate made at start, for this machine, with an authority of its own. Knows the user's folder of state.

use std::{
    env, fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};

/// How long a development certificate holds, in days: longer than any run, too short to be installed for good.
const DEVELOPMENT_DAYS: i32 = 30;

/// A certificate and its key, as PEM, and where its authority's certificate was written.
pub(super) struct Made {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) ca_file: PathBuf,
}

/// A certificate for this machine, signed by an authority whose key is forgotten at once: who trusts it trusts nothing
/// but this run.
pub(super) fn make(address: SocketAddr) -> Result<Made> {
    let authority = {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, format!("elk-mcp development authority of port {}", address.port()));
        set_validity(&mut params);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?)?
    };
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    let addresses = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), address.ip()];
    for (position, ip) in addresses.iter().enumerate() {
        if !addresses.iter().take(position).any(|earlier| earlier == ip) {
            params.subject_alt_names.push(SanType::IpAddress(*ip));
        }
    }
    params.distinguished_name.push(DnType::CommonName, "elk-mcp");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    let ca_file = write_ca(&state_folder(), address.port(), &authority.pem())?;
    Ok(Made { certificate: certificate.pem().into_bytes(), key: key.serialize_pem().into_bytes(), ca_file })
}

fn set_validity(params: &mut CertificateParams) {
    let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
    let day = |days: i32| {
        let date = today.saturating_add(jiff::Span::new().days(days));
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    // A day earlier, for clients whose clock is behind.
    (params.not_before, params.not_after) = (day(-1), day(DEVELOPMENT_DAYS));
}

/// Where this user's programs keep what is not worth keeping.
fn state_folder() -> PathBuf {
    let from_variable =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from).filter(|path| path.is_absolute());
    from_variable("XDG_STATE_HOME")
        .or_else(|| from_variable("HOME").map(|home| home.join(".local/state")))
        .or_else(|| from_variable("LOCALAPPDATA"))
        .unwrap_or_else(env::temp_dir)
        .join("elk-mcp")
}

/// One file a port, so that servers side by side do not overwrite each other's.
fn write_ca(folder: &Path, port: u16, pem: &str) -> Result<PathBuf> {
    let file = folder.join(format!("ca-{port}.pem"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, pem))
        .with_context(|| format!("the development authority's certificate cannot be written to {}", file.display()))?;
    Ok(file)
}
