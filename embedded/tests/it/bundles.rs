use std::{io::Write, path::PathBuf};

use elk_mcp_embedded::{Bundle, BundleError, Warning};
use elk_mcp_tools::dsl::{FetchField, Query, Search, Sort, Source};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tempfile::TempDir;

use super::{index, search};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn read(paths: &[PathBuf]) -> Result<Bundle, BundleError> {
    Bundle::read(paths, &mut |_| {})
}

fn read_file(name: &str, bytes: &[u8]) -> Result<Bundle, BundleError> {
    let folder = folder(&[(name, bytes)]);
    read(&[folder.path().join(name)])
}

/// Index, id and source of each document in the order of index and sequence.
fn told(bundle: &Bundle) -> Vec<String> {
    let sort = vec![
        Sort { field: "_index".into(), descending: false, is_time: false },
        Sort { field: "_seq_no".into(), descending: false, is_time: false },
    ];
    let reply = search(&bundle.engine, Search::new(index("*"), Query::All).page(0, 1_000).sort(sort).source(Source::Whole));
    let hits = reply["hits"]["hits"].as_array().unwrap();
    hits.iter().map(|hit| format!("{} {} {}", hit["_index"].as_str().unwrap(), hit["_id"].as_str().unwrap(), hit["_source"])).collect()
}

#[test]
fn every_form_of_log_is_read() {
    let zstd = zstd::encode_all(b"{\"a\":1}\n".as_slice(), 1).unwrap();
    let gz = [gzip(b"{\"a\":1}\n"), gzip(b"{\"a\":2}\n")].concat();
    for (name, bytes, expected) in [
        ("app.ndjson", b"{\"a\":1}\n\n  {\"a\":2}\r\n".as_slice(), vec!["app seq-0 {\"a\":1}", "app seq-1 {\"a\":2}"]),
        ("app.ndjson", b"{\"a\":1}", vec!["app seq-0 {\"a\":1}"]),
        ("App Log.json.gz", &gz, vec!["app-log seq-0 {\"a\":1}", "app-log seq-1 {\"a\":2}"]),
        ("app.log.zst", &zstd, vec!["app seq-0 {\"a\":1}"]),
        ("dump.json", b"[{\"a\":\"x\\\"}\"},\n{\"b\":2}]", vec!["dump seq-0 {\"a\":\"x\\\"}\"}", "dump seq-1 {\"b\":2}"]),
        ("dump.json", b"{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n", vec!["dump seq-0 {\"a\":1}", "dump seq-1 {\"a\":2}"]),
        (
            "bulk.ndjson",
            b"{\"index\":{\"_index\":\"x\",\"_id\":\"1\"}}\n{\"a\":1}\n{\"create\":{}}\n{\"a\":2}\n{\"index\":{\"_index\":\"x\",\"_id\":\"1\"}}\n{\"a\":3}\n",
            vec!["bulk seq-0 {\"a\":2}", "x 1 {\"a\":3}"],
        ),
        ("hits.ndjson", b"{\"_index\":\".ds-logs-x-y-2023.01.29-000001\",\"_id\":\"q\",\"_source\":{\"a\":1}}", vec!["logs-x-y q {\"a\":1}"]),
        (
            "beat.ndjson",
            b"{\"message\":\"m\",\"data_stream\":{\"type\":\"logs\",\"dataset\":\"nginx.access\",\"namespace\":\"prod\"}}",
            vec!["logs-nginx.access-prod seq-0 {\"data_stream\":{\"dataset\":\"nginx.access\",\"namespace\":\"prod\",\"type\":\"logs\"},\"message\":\"m\"}"],
        ),
        ("beat.ndjson", b"{\"data_stream.dataset\":\"d\"}", vec!["logs-d-default seq-0 {\"data_stream.dataset\":\"d\"}"]),
        ("own.ndjson", b"{\"_index\":\"Y\",\"a\":1}", vec!["y seq-0 {\"_index\":\"Y\",\"a\":1}"]),
        ("plain.txt", b"first line\nsecond \xff line\n{broken\n", vec![
            "plain seq-0 {\"message\":\"first line\"}",
            "plain seq-1 {\"message\":\"second \u{fffd} line\"}",
            "plain seq-2 {\"message\":\"{broken\"}",
        ]),
    ] {
        assert_eq!(told(&read_file(name, bytes).unwrap()), expected, "{name} {}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn lines_that_are_no_json_are_kept_and_counted() {
    let bundle = read_file("a.log", b"{\"a\":1}\nplain\n{\"a\":2}\n{\"a\":\n").unwrap();
    assert_eq!(bundle.report.documents, 4);
    let [Warning::PlainText { lines, first, .. }] = bundle.report.warnings.as_slice() else { panic!("{:?}", bundle.report.warnings) };
    assert_eq!((*lines, *first), (2, 2));
    let actions =
        read_file("b.ndjson", b"{\"delete\":{\"_id\":\"1\"}}\n{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{\"a\":1}}\n{\"a\":1}\n").unwrap();
    assert_eq!(told(&actions), ["b seq-0 {\"a\":1}"]);
    assert!(matches!(actions.report.warnings.as_slice(), [Warning::Unsupported { lines: 2, .. }]));
    let misfits = read_file("c.ndjson", b"{\"a\":1}\n{\"a\":\"x\"}\n").unwrap();
    assert!(matches!(misfits.report.warnings.as_slice(), [Warning::Unindexed { values: 1, .. }]));
}

#[test]
fn folders_are_read_in_order_and_skip_what_is_no_log() {
    let folder = folder(&[
        ("b.ndjson", b"{\"a\":2}"),
        ("a/x.ndjson", b"{\"a\":1}"),
        ("a/y/x.ndjson", b"{\"a\":3}"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        (".hidden", b"{\"a\":9}"),
        ("empty.log", b""),
    ]);
    let bundle = read(&[folder.path().to_path_buf()]).unwrap();
    assert_eq!(told(&bundle), ["b seq-0 {\"a\":2}", "x seq-0 {\"a\":1}", "x seq-1 {\"a\":3}"]);
    let [Warning::Skipped { file, .. }] = bundle.report.warnings.as_slice() else { panic!("{:?}", bundle.report.warnings) };
    assert!(file.ends_with("picture.png"));
    assert_eq!(bundle.report.files.len(), 4);
}

#[test]
fn bad_bundles_say_what_is_wrong() {
    let whole = gzip("{\"a\":1}\n".repeat(100_000).as_bytes());
    let cut = &whole[..whole.len() / 2];
    let mut damaged = gzip(b"{\"a\":1}\n");
    damaged.truncate(12);
    let words = |result: Result<Bundle, BundleError>| result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(words(read_file("a.ndjson", b"")).contains("no log line"));
    assert!(words(read_file("a.ndjson", b" \n\n")).contains("no log line"));
    assert!(words(read(&[])).contains("no log line"));
    assert!(words(read(&[PathBuf::from("not-there.ndjson")])).contains("not-there.ndjson cannot be read"));
    assert!(words(read_file("a.bin", b"\x7fELF\0\0\0\0")).contains("binary data"));
    assert!(words(read_file("a.ndjson.gz", &gzip(b"\x7fELF\0\0\0\0"))).contains("binary data"));
    assert!(matches!(read_file("a.ndjson.gz", &damaged), Err(BundleError::Damaged { read: _, .. })));
    let bundle = read_file("a.ndjson.gz", cut).unwrap();
    let [Warning::Cut { read, .. }] = bundle.report.warnings.as_slice() else { panic!("{:?}", bundle.report.warnings) };
    assert_eq!(bundle.report.documents, *read / 8);
}

#[test]
fn the_outcome_does_not_depend_on_how_the_work_was_shared() {
    let mut text = String::new();
    for n in 0..40_000 {
        // The type of `v` is decided by the first line, whichever thread reads it.
        let value = if n == 0 { "1".to_owned() } else { format!("\"word {n}\"") };
        text.push_str(&format!("{{\"n\":{n},\"v\":{value},\"key\":\"k{}\",\"message\":\"line {n} of many\"}}\n", n % 7));
    }
    let folder = folder(&[("a.ndjson", text.as_bytes())]);
    let mut steps = Vec::new();
    let bundle = Bundle::read(&[folder.path().join("a.ndjson")], &mut |progress| steps.push(progress.bytes)).unwrap();
    assert!(steps.len() > 2 && steps.is_sorted());
    assert_eq!(*steps.last().unwrap(), text.len() as u64);
    assert_eq!(bundle.report.bytes, text.len() as u64);
    assert!(matches!(bundle.report.warnings.as_slice(), [Warning::Unindexed { values: 39_999, .. }]));
    let sort = vec![Sort { field: "_seq_no".into(), descending: false, is_time: false }];
    let fields = vec![FetchField { name: "n".into(), is_time: false }];
    let reply = search(&bundle.engine, Search::new(index("a"), Query::term("key.keyword", "k3")).page(5_000, 10).sort(sort).fields(fields));
    let found: Vec<i64> =
        reply["hits"]["hits"].as_array().unwrap().iter().map(|hit: &Value| hit["fields"]["n"][0].as_i64().unwrap()).collect();
    assert_eq!(found, (5_000..5_010).map(|place| place * 7 + 3).collect::<Vec<_>>());
    assert_eq!(reply["hits"]["total"]["value"], 5_714);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut bytes =
        b"{\"a\":[1,{\"b\":\"\\u0000\"}],\"c\":1e400,\"d\":-0.0,\"e\":\"2023-01-29T08:36:18.5Z\"}\n[1]\n\"x\"\n{\"_source\":{}}\n".to_vec();
    for position in (0..bytes.len()).step_by(2) {
        for value in [0x00, 0x22, 0x7b] {
            let kept = std::mem::replace(&mut bytes[position], value);
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
            match read_file("a.log", &bytes) {
                Ok(bundle) => assert_eq!(bundle.report.documents, lines, "{value} at {position}"),
                Err(error) => assert!(matches!(error, BundleError::Binary { .. }), "{value} at {position}: {error}"),
            }
            bytes[position] = kept;
        }
    }
}
