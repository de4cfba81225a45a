//! Names of indices: legal ones from whatever a file or a document says.

use std::path::Path;

/// A legal index name that is as near as possible to a text.
pub(super) fn legal(text: &str) -> String {
    let text = without_generation(text);
    let mut name = String::with_capacity(text.len().min(255));
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = if matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-') { c } else { '-' };
        if name.is_empty() && !c.is_ascii_alphanumeric() {
            continue;
        }
        if c == '.' && name.ends_with('.') {
            continue;
        }
        if name.len() == 255 {
            break;
        }
        name.push(c);
    }
    if name.is_empty() { "logs".to_owned() } else { name }
}

/// `.ds-logs-app-default-2023.01.29-000001` backs the data stream `logs-app-default`, by which it is known.
fn without_generation(text: &str) -> &str {
    let Some(rest) = text.strip_prefix(".ds-") else { return text };
    let mut parts = rest.rsplitn(3, '-');
    let (generation, date, stream) = (parts.next(), parts.next(), parts.next());
    match (stream, date, generation) {
        (Some(stream), Some(date), Some(generation))
            if generation.len() == 6
                && generation.bytes().all(|byte| byte.is_ascii_digit())
                && date.len() == 10
                && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            stream
        }
        _ => rest,
    }
}

/// The index of a file: its name without what says how it is written.
pub(super) fn of_file(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stem = name.as_str();
    while let Some((rest, extension)) = stem.rsplit_once('.') {
        if !matches!(extension.to_ascii_lowercase().as_str(), "ndjson" | "json" | "jsonl" | "log" | "txt" | "gz" | "zst") {
            break;
        }
        stem = rest;
    }
    legal(stem)
}

/// The index of a document with `data_stream` fields.
pub(super) fn of_stream(kind: Option<&str>, dataset: &str, namespace: Option<&str>) -> String {
    legal(&format!("{}-{dataset}-{}", kind.unwrap_or("logs"), namespace.unwrap_or("default")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_legal() {
        for (text, expected) in [
            ("logs-a", "logs-a"),
            ("Logs A/B", "logs-a-b"),
            ("__x", "x"),
            ("...", "logs"),
            ("a..b", "a.b"),
            (".ds-logs-app-default-2023.01.29-000001", "logs-app-default"),
            (".ds-odd", "odd"),
            (".kibana", "kibana"),
            ("größe", "gr--e"),
            ("", "logs"),
        ] {
            assert_eq!(legal(text), expected, "{text}");
            assert!(elk_mcp_tools::dsl::IndexPattern::parse(&legal(text)).is_ok(), "{text}");
        }
        assert_eq!(legal(&"x".repeat(300)).len(), 255);
    }

    #[test]
    fn a_files_index_is_its_name() {
        for (path, expected) in [
            ("/logs/tt-01.ecs-logs.ndjson.gz", "tt-01.ecs-logs"),
            ("app.log", "app"),
            ("app.log.1", "app.log.1"),
            ("Dump.JSON.zst", "dump"),
            (".ndjson", "logs"),
        ] {
            assert_eq!(of_file(Path::new(path)), expected, "{path}");
        }
    }
}
