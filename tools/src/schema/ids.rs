//! Trace and span ids in all the forms they are written in.

/// Every form in which a trace id may be stored, the given one first.
///
/// Knows W3C `traceparent` (`00-<32 hex>-<16 hex>-01`), X-Ray (`1-<8 hex>-<24 hex>`, also as `Root=…`), UUIDs with
/// dashes, 64-bit ids padded to 128 bits or not, and Datadog's decimal form of the low 64 bits.
pub fn trace_forms(given: &str) -> Vec<String> {
    let given = given.trim().trim_matches(['"', '\'']);
    let mut forms = vec![given.to_owned()];
    let core = core_of(given);
    let hex: String = core.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    let is_hex = !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_decimal = hex.bytes().all(|byte| byte.is_ascii_digit());
    if is_hex && (hex.len() == 32 || hex.len() == 16) {
        forms.push(hex.clone());
        forms.push(hex.to_ascii_uppercase());
        let low = if hex.len() == 32 { hex.get(16..) } else { Some(hex.as_str()) };
        if let Some(low) = low {
            if let Ok(number) = u64::from_str_radix(low, 16) {
                forms.push(number.to_string());
            }
            if hex.len() == 16 {
                forms.push(format!("{low:0>32}"));
            } else if hex.starts_with("0000000000000000") {
                forms.push(low.to_owned());
            }
        }
        if hex.len() == 32
            && let (Some(time), Some(rest)) = (hex.get(..8), hex.get(8..))
        {
            forms.push(format!("1-{time}-{rest}"));
        }
        if hex.len() == 32
            && let (Some(a), Some(b), Some(c), Some(d), Some(e)) =
                (hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..))
        {
            forms.push(format!("{a}-{b}-{c}-{d}-{e}"));
        }
    }
    if is_decimal && let Ok(number) = core.parse::<u64>() {
        forms.push(format!("{number:016x}"));
        forms.push(format!("{number:032x}"));
    }
    dedup(forms)
}

/// Every form in which a span id may be stored: hexadecimal in either case, and decimal.
pub fn span_forms(given: &str) -> Vec<String> {
    let given = given.trim().trim_matches(['"', '\'']);
    let mut forms = vec![given.to_owned(), given.to_ascii_lowercase()];
    if given.len() == 16
        && let Ok(number) = u64::from_str_radix(given, 16)
    {
        forms.push(number.to_string());
    }
    if let Ok(number) = given.parse::<u64>() {
        forms.push(format!("{number:016x}"));
    }
    dedup(forms)
}

/// The trace id inside a header's value.
fn core_of(given: &str) -> &str {
    let root = given.split([';', ',']).map(str::trim).find_map(|part| part.strip_prefix("Root=").or_else(|| part.strip_prefix("Self=")));
    let core = root.unwrap_or(given);
    let parts: Vec<&str> = core.split('-').collect();
    match parts.as_slice() {
        [version, trace, span, _flags, ..] if version.len() == 2 && trace.len() == 32 && span.len() == 16 => trace,
        ["1", time, rest] if time.len() == 8 && rest.len() == 24 => core.get(2..).unwrap_or(core),
        _ => core,
    }
}

fn dedup(forms: Vec<String>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::with_capacity(forms.len());
    for form in forms {
        if !form.is_empty() && !unique.contains(&form) {
            unique.push(form);
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, form: &str) {
        assert!(trace_forms(given).iter().any(|known| known == form), "{given} as {form}: {:?}", trace_forms(given));
    }

    #[test]
    fn every_notation_leads_to_the_plain_id() {
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736");
        check("1-5759e988-bd862e3fe1be46a994272793", "5759e988bd862e3fe1be46a994272793");
        check("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8", "5759e988bd862e3fe1be46a994272793");
        check("4BF92F3577B34DA6A3CE929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e4736");
        check("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn the_plain_id_leads_to_every_notation() {
        check("5759e988bd862e3fe1be46a994272793", "1-5759e988-bd862e3fe1be46a994272793");
        check("a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736");
        check("0000000000000000a3ce929d0e0e4736", "a3ce929d0e0e4736");
        check("4bf92f3577b34da6a3ce929d0e0e4736", "11803532876627986230");
        check("11803532876627986230", "a3ce929d0e0e4736");
    }

    #[test]
    fn what_is_no_id_stays_as_it_is() {
        assert_eq!(trace_forms("order 17"), ["order 17"]);
    }
}
