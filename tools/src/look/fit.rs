//! Values, bounds and beginnings as the type of a field wants them. Knows no group of indices.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    dsl::{Query, Range, Scalar},
    error::{Code, ToolError},
    params::{date, shown},
    schema::{FieldInfo, Kind},
};

/// The largest number of a `half_float`.
const HALF_FLOAT: i128 = 65_504;

/// The values as the field's type wants them.
///
/// # Errors
/// `bad_argument` for a value that the type cannot hold.
pub(super) fn fit(info: &FieldInfo, values: &[Scalar]) -> Result<Vec<Scalar>, ToolError> {
    values.iter().map(|value| fit_one(info, value).ok_or_else(|| misfit(info, &value.to_string()))).collect()
}

/// The error for a value that the field's type cannot hold.
pub(super) fn misfit(info: &FieldInfo, value: &str) -> ToolError {
    if info.kind == Kind::Nested {
        return unsearchable(info);
    }
    let next_step = match info.kind {
        Kind::Ip => "write an address such as 10.0.0.1, or a network such as 10.0.0.0/8",
        Kind::Date => "write 2026-03-25T14:52:57Z, 2026-03-25, an epoch, or a bound such as `>=now-15m`",
        _ => "give a value of that type, or ask describe_fields with with_values=true for values that occur",
    };
    ToolError::new(Code::BadArgument, format!("`{}` is {}; `{}` is none", info.name, info.kind.word(), shown(value)), next_step)
}

/// The error for a field that engines search only together with the nested object it lies in.
pub(super) fn unsearchable(info: &FieldInfo) -> ToolError {
    ToolError::new(
        Code::BadArgument,
        format!("`{}` lies in nested objects, which are not searched", info.name),
        "search another field or the message; get_logs_in_window around a row shows its whole document",
    )
}

/// The error for words that are looked for in a field that has whole values.
pub(super) fn no_text(info: &FieldInfo) -> ToolError {
    ToolError::new(
        Code::BadArgument,
        format!("`{}` is {}: `contains` looks for words in text", info.name, info.kind.word()),
        "use op `is` with a whole value, or op `prefix`",
    )
}

/// The value as the field's type wants it; none when the type cannot hold it.
pub(super) fn fit_one(info: &FieldInfo, value: &Scalar) -> Option<Scalar> {
    let text = || value.to_string();
    match info.kind {
        Kind::Keyword | Kind::Text => Some(Scalar::Text(text())),
        Kind::Ip => is_network(text().trim()).then(|| Scalar::Text(text().trim().to_owned())),
        Kind::Date => date(&text()).map(Scalar::Text),
        Kind::Nested | Kind::Other => None,
        Kind::Boolean => match text().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(Scalar::Bool(true)),
            "false" | "0" | "no" => Some(Scalar::Bool(false)),
            _ => None,
        },
        Kind::Integer | Kind::Float => match value {
            Scalar::Int(_) | Scalar::Unsigned(_) => Some(value.clone()),
            Scalar::Float(number) => Some(number_of(*number)),
            Scalar::Bool(_) => None,
            Scalar::Text(text) => {
                let text = text.trim();
                let whole = text.parse::<i64>().map(Scalar::Int).or_else(|_| text.parse::<u64>().map(Scalar::Unsigned));
                whole.ok().or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(number_of))
            }
        },
    }
}

/// An address, or a network as `10.0.0.0/8`.
fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

/// A number without a fraction as an integer.
fn number_of(number: f64) -> Scalar {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    if number.fract() == 0.0 && number.abs() < 9e15 { Scalar::Int(number as i64) } else { Scalar::Float(number) }
}

/// Some value of the field is within these bounds; those of a duration are given in milliseconds.
///
/// # Errors
/// `bad_argument` for a bound that the type cannot hold.
pub(super) fn within(info: &FieldInfo, range: &Range) -> Result<Query, ToolError> {
    let bound = |bound: &Option<Scalar>| -> Result<Option<Scalar>, ToolError> {
        let Some(value) = bound else { return Ok(None) };
        if info.kind == Kind::Ip && value.to_string().contains('/') {
            return Err(misfit(info, &value.to_string()));
        }
        let value = fit_one(info, value).ok_or_else(|| misfit(info, &value.to_string()))?;
        Ok(Some(match (&value, info.to_ms) {
            (Scalar::Int(ms), Some(to_ms)) =>
            {
                #[expect(clippy::cast_precision_loss, reason = "durations")]
                number_of(*ms as f64 / to_ms)
            }
            (Scalar::Float(ms), Some(to_ms)) => number_of(ms / to_ms),
            _ => value,
        }))
    };
    let is_time = info.kind == Kind::Date;
    let mut range = Range { gt: bound(&range.gt)?, gte: bound(&range.gte)?, lt: bound(&range.lt)?, lte: bound(&range.lte)?, is_time };
    let field = info.exact().unwrap_or(&info.name).to_owned();
    // Engines refuse bounds that the field's type has no room for, though they mean everything or nothing.
    if let Some((least, most)) = limits(info) {
        let is_beyond = |bound: &Option<Scalar>, holds: &dyn Fn(i128) -> bool| bound.as_ref().and_then(whole).is_some_and(holds);
        let (above, below) = (&|number| number > most, &|number| number < least);
        if [&range.gt, &range.gte].iter().any(|low| is_beyond(low, above))
            || [&range.lt, &range.lte].iter().any(|high| is_beyond(high, below))
        {
            return Ok(Query::Nothing);
        }
        range.gt.take_if(|low| whole(low).is_some_and(below));
        range.gte.take_if(|low| whole(low).is_some_and(below));
        range.lt.take_if(|high| whole(high).is_some_and(above));
        range.lte.take_if(|high| whole(high).is_some_and(above));
        if range == Range::default() {
            return Ok(Query::Exists { field });
        }
    }
    Ok(Query::Range { field, range })
}

/// The least and the largest number that an engine lets the field be compared with.
fn limits(info: &FieldInfo) -> Option<(i128, i128)> {
    Some(match info.type_name.as_str() {
        "byte" | "short" | "integer" => (i32::MIN.into(), i32::MAX.into()),
        "long" => (i64::MIN.into(), i64::MAX.into()),
        "unsigned_long" => (0, u64::MAX.into()),
        "half_float" => (-HALF_FLOAT, HALF_FLOAT),
        _ => return None,
    })
}

/// A number without its fraction.
fn whole(value: &Scalar) -> Option<i128> {
    match value {
        Scalar::Int(number) => Some((*number).into()),
        Scalar::Unsigned(number) => Some((*number).into()),
        #[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest number")]
        Scalar::Float(number) => Some(*number as i128),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    }
}

/// The field is one of these values, which fit its type.
pub(super) fn exactly(info: &FieldInfo, values: &[Scalar], case_insensitive: bool) -> Query {
    let Some(exact) = info.exact() else {
        return Query::any_of(
            values.iter().map(|value| Query::Phrase { field: info.name.clone(), text: value.to_string(), prefix: false }).collect(),
        );
    };
    let term = |value: &Scalar| Query::Term { field: exact.to_owned(), value: value.clone(), case_insensitive };
    // Engines refuse numbers that the field's type has no room for, though they are only none of its values.
    let is_possible = |value: &Scalar| match (limits(info), whole(value)) {
        (Some((least, most)), Some(number)) => (least..=most).contains(&number),
        _ => true,
    };
    let possible: Vec<Scalar>;
    let values = if values.iter().all(is_possible) {
        values
    } else {
        possible = values.iter().filter(|value| is_possible(value)).cloned().collect();
        possible.as_slice()
    };
    match values {
        [] => Query::Nothing,
        _ if info.kind == Kind::Date => {
            // A mapping may have a form of dates of its own: only a range can say in which form its bounds are written.
            let instant = |value: &Scalar| Range { gte: Some(value.clone()), lte: Some(value.clone()), is_time: true, ..Range::default() };
            Query::any_of(values.iter().map(|value| Query::Range { field: exact.to_owned(), range: instant(value) }).collect())
        }
        [value] => term(value),
        _ if case_insensitive => Query::any_of(values.iter().map(term).collect()),
        _ => Query::Terms { field: exact.to_owned(), values: values.to_vec() },
    }
}

/// Some value of the field, as it is written in decimal digits and letters, begins with `value`.
///
/// # Errors
/// `bad_argument` where no value of the type is written so.
pub(super) fn beginning(info: &FieldInfo, value: &str) -> Result<Query, ToolError> {
    let ranges = match info.kind {
        Kind::Keyword | Kind::Text => {
            return Ok(match info.exact() {
                Some(exact) => Query::Prefix { field: exact.to_owned(), value: value.to_owned(), case_insensitive: false },
                None => Query::Phrase { field: info.name.clone(), text: value.to_owned(), prefix: true },
            });
        }
        Kind::Integer | Kind::Float => decimal_ranges(info, value),
        Kind::Ip if !value.contains(':') => address_ranges(value).collect(),
        Kind::Ip | Kind::Date | Kind::Boolean | Kind::Nested | Kind::Other => {
            return fit(info, &[Scalar::from(value)]).map(|values| exactly(info, &values, false));
        }
    };
    if ranges.is_empty() {
        return Err(misfit(info, value));
    }
    ranges.iter().map(|range| within(info, range)).collect::<Result<_, _>>().map(Query::any_of)
}

/// The numbers whose decimal form begins with these digits: `50` is 50 to 51, 500 to 510, and so on.
fn decimal_ranges(info: &FieldInfo, value: &str) -> Vec<Range> {
    let (digits, is_negative) = value.strip_prefix('-').map_or((value, false), |digits| (digits, true));
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let Some(first) = digits.parse::<i128>().ok().filter(|_| is_number) else { return Vec::new() };
    let stored = limits(info).map_or(i64::MAX.into(), |(_, most)| most);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "only the magnitude counts")]
    let largest = info.to_ms.map_or(stored, |to_ms| (stored as f64 * to_ms) as i128);
    let mut ranges = Vec::new();
    let mut scale: i128 = 1;
    while first.checked_mul(scale).is_some_and(|low| low <= largest) {
        let bound = |number: i128| i64::try_from(number).map(Scalar::Int).or_else(|_| u64::try_from(number).map(Scalar::Unsigned)).ok();
        let (low, end) = (first * scale, Some((first + 1) * scale).filter(|end| *end <= largest));
        ranges.push(if is_negative {
            Range { gt: end.and_then(|end| bound(-end)), lte: bound(-low), ..Range::default() }
        } else {
            Range { gte: bound(low), lt: end.and_then(bound), ..Range::default() }
        });
        if first == 0 {
            break;
        }
        scale *= 10;
    }
    ranges
}

/// The IPv4 addresses that begin so: `10.0.` and `10.1` (which is also 10.10 to 10.199).
fn address_ranges(value: &str) -> impl Iterator<Item = Range> {
    let octets: Vec<&str> = value.split('.').collect();
    let (last, whole) = octets.split_last().map_or(("", [].as_slice()), |(last, whole)| (*last, whole));
    let whole: Option<Vec<u8>> = whole.iter().map(|octet| octet.parse::<u8>().ok()).collect();
    let begins = |octet: &u8| octet.to_string().starts_with(last);
    let possible: Vec<u8> = (0..=u8::MAX).filter(begins).collect();
    // Neighbours are one range.
    let runs: Vec<(u8, u8)> =
        possible.chunk_by(|a, b| a.checked_add(1) == Some(*b)).filter_map(|run| Some((*run.first()?, *run.last()?))).collect();
    let whole = whole.filter(|whole| whole.len() < 4 && !(whole.is_empty() && last.is_empty()));
    whole.into_iter().flat_map(move |whole| {
        let address = move |octet: u8, fill: u8| {
            let mut bytes = [fill; 4];
            whole.iter().chain([&octet]).zip(&mut bytes).for_each(|(from, to)| *to = *from);
            Some(Scalar::from(Ipv4Addr::from(bytes).to_string()))
        };
        runs.clone().into_iter().map(move |(low, high)| Range { gte: address(low, 0), lte: address(high, 255), ..Range::default() })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{ECS, play};

    fn shown(query: &Query) -> Vec<String> {
        let bound = |bound: &Option<Scalar>| bound.as_ref().map_or(String::new(), Scalar::to_string);
        match query {
            Query::Range { range, .. } => {
                vec![format!("{}{}..{}{}", bound(&range.gte), bound(&range.gt), bound(&range.lt), bound(&range.lte))]
            }
            Query::Bool { should, .. } => should.iter().flat_map(shown).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    fn begins(type_name: &str, value: &str) -> Vec<String> {
        beginning(&FieldInfo::new("f", type_name, true), value).map_or_else(|error| vec![error.message], |query| shown(&query))
    }

    #[test]
    fn the_numbers_that_begin_with_digits_are_ranges() {
        let ranges = begins("long", "5");
        assert_eq!(ranges[..3], ["5..6", "50..60", "500..600"]);
        assert_eq!(ranges.len(), 19);
        assert_eq!(ranges[18], "5000000000000000000..6000000000000000000");
        assert_eq!(begins("short", "-12")[..2], ["-13..-12", "-130..-120"]);
        assert_eq!(begins("integer", "2")[9], "2000000000..");
        assert_eq!(begins("unsigned_long", "18")[18], "18000000000000000000..");
        assert_eq!(begins("long", "0"), ["0..1"]);
        assert_eq!(begins("long", "5x"), ["`f` is a number; `5x` is none"]);
    }

    #[test]
    fn the_addresses_that_begin_so_are_ranges() {
        assert_eq!(begins("ip", "10.0."), ["10.0.0.0..10.0.255.255"]);
        assert_eq!(begins("ip", "10.1"), ["10.1.0.0..10.1.255.255", "10.10.0.0..10.19.255.255", "10.100.0.0..10.199.255.255"]);
        assert_eq!(begins("ip", "10.0.0.25"), ["10.0.0.25..10.0.0.25", "10.0.0.250..10.0.0.255"]);
        assert_eq!(begins("ip", "10.0.0.1.2"), ["`f` is an IP address; `10.0.0.1.2` is none"]);
        assert_eq!(begins("ip", "host"), ["`f` is an IP address; `host` is none"]);
    }

    #[test]
    fn a_value_that_the_type_cannot_hold_fits_nowhere() {
        let fits = |type_name: &str, value: &str| fit_one(&FieldInfo::new("f", type_name, true), &Scalar::from(value)).is_some();
        for (type_name, good, bad) in [
            ("ip", "10.0.0.0/8", "10.0.0.0/40"),
            ("ip", "::1", "5"),
            ("date", "2026-03-25", "abc"),
            ("date_nanos", "2026-03-25T12:00:05Z", "2026-13-01"),
            ("date", "1774440005000", "5"),
            ("boolean", "true", "maybe"),
            ("long", "7", "seven"),
        ] {
            assert!(fits(type_name, good), "{type_name} {good}");
            assert!(!fits(type_name, bad), "{type_name} {bad}");
        }
    }

    #[test]
    fn bounds_that_a_type_has_no_room_for_mean_everything_or_nothing() {
        let within = |type_name: &str, low: Option<f64>, high: Option<f64>| {
            let range = Range { gte: low.map(Scalar::Float), lte: high.map(Scalar::Float), ..Range::default() };
            shown(&within(&FieldInfo::new("f", type_name, true), &range).unwrap()).join(" ")
        };
        assert_eq!(within("integer", Some(1e11), None), "Nothing");
        assert_eq!(within("integer", Some(-1e11), Some(7.0)), "..7");
        assert_eq!(within("long", None, Some(1e30)), "Exists { field: \"f\" }");
        assert_eq!(within("unsigned_long", Some(-1.0), Some(1e11)), "..100000000000");
        assert_eq!(within("double", Some(1e30), None), "1000000000000000000000000000000..");
        let integer = FieldInfo::new("f", "short", true);
        assert_eq!(exactly(&integer, &[Scalar::Int(i64::MAX)], false), Query::Nothing);
        assert_eq!(exactly(&integer, &[Scalar::Int(i64::MAX), Scalar::Int(5)], false), Query::term("f", 5_i64));
    }

    #[test]
    fn nested_objects_are_told_of_and_not_called_empty() {
        let fields = [ECS, &[("code", "nested"), ("code.k", "keyword")]].concat();
        for query in ["code.k:a", "code.k:*", "NOT code.k:a*", "code.k:>5"] {
            let played = play("search_logs", json!({"query": query}), &fields, []);
            assert_eq!(played.error().message, "`code.k` lies in nested objects, which are not searched", "{query}");
        }
        assert_eq!(play("aggregate_logs", json!({"group_by": "code.k"}), &fields, []).error().code.as_str(), "field_not_groupable");
    }

    #[test]
    fn a_date_without_a_time_is_the_whole_day() {
        let day = FieldInfo::new("f", "date", true);
        let values = fit(&day, &[Scalar::from("2026-03-25")]).unwrap();
        assert_eq!(shown(&exactly(&day, &values, false)), ["2026-03-25..2026-03-25"]);
    }
}
