//! How many calls each caller may make. Knows how people write a rate.

use std::time::Duration;

use crate::{cluster::InvalidSettings, server::limits::RateLimit};

/// Reads `20/s burst 100`, `600/m`, or `off`. Without a burst, it is what comes in five seconds.
pub(super) fn rate_limit(text: Option<&str>) -> Result<Option<RateLimit>, InvalidSettings> {
    let Some(text) = text.map(str::trim) else { return Ok(Some(RateLimit::DEFAULT)) };
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let limit = parse(text).ok_or_else(|| {
        InvalidSettings::new("--rate-limit", format!("is `{text}`; write calls by second or minute, such as `20/s burst 100`, or `off`"))
    })?;
    Ok(Some(limit))
}

fn parse(text: &str) -> Option<RateLimit> {
    let mut words = text.split_whitespace();
    let (calls, unit) = words.next()?.split_once('/')?;
    let calls: u32 = calls.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        _ => return None,
    };
    let burst = match (words.next(), words.next(), words.next()) {
        (None, ..) => calls.saturating_mul(5).div_ceil(seconds),
        (Some("burst"), Some(burst), None) => burst.parse().ok()?,
        _ => return None,
    };
    RateLimit::new(calls, Duration::from_secs(seconds.into()), burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<RateLimit>) {
        assert_eq!(rate_limit(Some(text)).unwrap(), expected, "{text}");
    }

    #[test]
    fn a_rate_is_written_as_people_write_it() {
        check("20/s burst 100", Some(RateLimit::DEFAULT));
        check(" 20/s ", Some(RateLimit::DEFAULT));
        check("600/m burst 7", RateLimit::new(10, Duration::from_secs(1), 7));
        check("1/m", RateLimit::new(1, Duration::from_secs(60), 1));
        assert_eq!(rate_limit(None).unwrap(), Some(RateLimit::DEFAULT));
        check("off", None);
        check("OFF", None);
    }

    #[test]
    fn what_is_no_rate_is_refused_with_one_that_is() {
        for text in ["", "20", "20/h", "-1/s", "0/s", "20/s burst", "20/s burst 0", "20/s burst 1 2", "20/s 100", "9999999999/s"] {
            let error = rate_limit(Some(text)).unwrap_err().to_string();
            assert!(error.contains("20/s burst 100"), "{text}: {error}");
        }
    }
}
