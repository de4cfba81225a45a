//! Conclusions from answers written down: what is named, what is not, and what a hostile line can do to a page.

use elk_mcp_tools::error::{Code, ToolError};
use serde_json::{Map, Value, json};

use super::{
    Clue,
    answers::{Answers, Made, Purpose},
    conclude::conclude,
    findings::{Findings, LinkRole, Sure, Verdict},
    onset::onset,
    render,
};

const HOUR: [&str; 2] = ["2026-03-25T14:00:00Z", "2026-03-25T15:00:00Z"];

fn made(purpose: Purpose, tool: &'static str, result: Value) -> Made {
    Made { purpose, tool, arguments: Map::new(), result: Ok(result), tokens: 100, elapsed_ms: 1 }
}

/// Findings from answers about one hour.
fn findings(clue: &Clue, made: Vec<Made>) -> Findings {
    let mut answers = Answers::new(HOUR[1].parse().unwrap(), clue);
    (answers.start, answers.end) = (HOUR[0].parse().unwrap(), HOUR[1].parse().unwrap());
    answers.made = made;
    answers.onset = onset(&answers);
    conclude(clue, &answers)
}

fn health(rows: Value, failing_paths: Value) -> Made {
    let columns = [
        "service",
        "finding",
        "count",
        "error_rate",
        "client_error_rate",
        "status",
        "baseline_rate_per_min",
        "baseline_error_rate",
        "baseline_client_error_rate",
    ];
    let paths = ["path", "service", "finding", "count", "status", "first_seen"];
    let answer = json!({"summary": "health", "columns": columns, "rows": rows, "failing_paths": {"columns": paths, "rows": failing_paths}});
    made(Purpose::Health, "get_service_overview", answer)
}

fn compare(word: &str, rows: Value) -> Made {
    let columns = ["rank", "service", "score", "class", "evidence", "baseline", "window", "trace_id"];
    let answer = json!({"summary": "compared", "strength": {"value": 1.0, "word": word, "spans": 21_000}, "suspects": {"columns": columns, "rows": rows}});
    made(Purpose::Compare, "compare_windows", answer)
}

fn changes(rows: Value) -> Made {
    let answer = json!({"summary": "changes", "columns": ["time", "kind", "change", "value", "field", "evidence"], "rows": rows});
    made(Purpose::Changes, "find_changes", answer)
}

fn errors(rows: Value) -> Made {
    let columns = ["pattern", "count", "baseline_rate_per_min", "is_new", "first_seen", "service", "trace_id", "level"];
    made(Purpose::Errors, "get_error_summary", json!({"summary": "errors", "columns": columns, "rows": rows}))
}

const ROLLOUT: [&str; 6] =
    ["2026-03-25T14:38:09Z", "deployment", "replaced", "router", "pod", "14:38:09–14:40:57Z: 3 pods gone, 3 new, image v1 → v2"];
const PUSH: [&str; 6] = ["2026-03-25T14:36:12Z", "cloudtrail", "event", "PutImage", "event.action", "router:v2 by ci"];
const OTHER: [&str; 6] = ["2026-03-25T13:20:00Z", "deployment", "replaced", "catalog", "pod", "13:20:00–13:21:00Z: 2 pods gone, 2 new"];

fn usual() -> Value {
    json!([
        ["catalog", "ok", 900, 0.0, 0.0, null, 15.0, 0.0, 0.0],
        ["orders", "failing as before", 1100, 0.045, 0.0, "503", 18.0, 0.048, 0.0],
        ["mailer", "failing as before", 400, 0.025, 0.0, null, 7.0, 0.025, 0.0]
    ])
}

fn bad_deploy() -> Vec<Made> {
    let mut rows = usual();
    rows.as_array_mut().unwrap().push(json!(["router", "worse", 1660, 0.0, 0.057, "404", 27.0, 0.0, 0.0]));
    vec![
        changes(json!([OTHER, PUSH, ROLLOUT])),
        health(rows, json!([["/alert", ["router"], "never succeeded", 94, "404", "2026-03-25T14:41:11Z"]])),
        compare(
            "significant",
            json!([
                [1, "router", 21.2, "pattern", "NEW POST /alert", "0 of 2160", "94 of 217", "t1"],
                [2, "notify", 12.4, "pattern", "DOWN POST /notify", "857 of 2160", "1 of 217", "t1"]
            ]),
        ),
    ]
}

#[test]
fn an_image_a_rollout_and_an_endpoint_that_never_succeeds_make_a_chain() {
    let found = findings(&Clue::default(), bad_deploy());
    assert_eq!((found.verdict, found.confidence.as_ref().map(|confidence| confidence.word)), (Verdict::CauseNamed, Some(Sure::High)));
    let roles: Vec<LinkRole> = found.chain.iter().map(|link| link.role).collect();
    assert_eq!(roles[..3], [LinkRole::Cause, LinkRole::Mechanism, LinkRole::Symptom]);
    let headline = found.headline.as_str();
    assert!(headline.starts_with("router: PutImage router:v2 by ci at 14:36:12Z → rolling deployment of router"), "{headline}");
    assert!(headline.contains("/alert: never succeeded since 14:41:11Z, 94 of 94 calls (404)"), "{headline}");
    assert_eq!(found.onset.unwrap().time, "2026-03-25T14:41:11Z".parse().unwrap());
    assert_eq!(found.suspects[0].service, "router");
    let ruled_out: Vec<&str> = found.ruled_out.iter().map(|ruled| ruled.what.as_str()).collect();
    assert!(ruled_out[0].starts_with("rolling deployment of catalog"), "{ruled_out:?}");
    assert!(ruled_out.iter().any(|what| what.starts_with("orders: 4.5 % failed (503)")), "{ruled_out:?}");
    assert!(ruled_out.contains(&"mailer: 2.5 % failed"), "{ruled_out:?}");
}

#[test]
fn a_next_step_is_told_once() {
    let hint = |id: &str| json!({"tool": "search_by_trace_id", "arguments": {"trace_id": id}, "why": "an example"});
    let answer = json!({"summary": "compared", "hints": [hint("a"), hint("b")]});
    assert_eq!(findings(&Clue::default(), vec![made(Purpose::Compare, "compare_windows", answer)]).next_steps.len(), 1);
}

#[test]
fn a_usual_hour_names_no_cause_whatever_was_deployed_in_it() {
    let quiet = |word: &str| {
        vec![
            changes(json!([OTHER, PUSH, ROLLOUT])),
            health(usual(), json!([["/wp-admin", ["catalog"], "never succeeded", 3, "404", "2026-03-25T14:20:00Z"]])),
            errors(json!([
                ["pool empty", 25, 0.43, false, "2026-03-25T14:01:00Z", "orders", "t2"],
                ["fraud check did not answer", 2, 0.0, true, "2026-03-25T14:50:00Z", "catalog", "t3"]
            ])),
            compare(word, json!([[1, "orders", 2.9, "pattern", "UP POST /orders/status", "469 of 2362", "80 of 359", "t4"]])),
        ]
    };
    // What quiet windows show as well is an order and told as such; what is weak is told as weak, and no cause either.
    for (word, verdict, headline, told) in [
        ("none", Verdict::NothingSignificant, "nothing significant", "(no more than between quiet windows)"),
        ("weak", Verdict::NothingSignificant, "nothing significant; weak, as one quiet window in five: first orders", "80 of 359"),
    ] {
        let found = findings(&Clue::default(), quiet(word));
        assert_eq!((found.verdict, found.suspects.len(), found.chain.len()), (verdict, 1, 0), "{}", found.headline);
        assert!(found.headline.starts_with(headline), "{}", found.headline);
        assert!(found.suspects[0].evidence[0].text.ends_with(told), "{:?}", found.suspects);
        assert!(found.confidence.is_none_or(|confidence| confidence.word == Sure::Low));
    }
}

#[test]
fn a_window_without_documents_is_not_called_quiet() {
    let mut nothing = health(json!([]), json!([]));
    nothing.result = Ok(json!({"summary": "no document", "totals": {"matched": 0, "relation": "eq"}, "columns": [], "rows": []}));
    let found = findings(&Clue::default(), vec![nothing]);
    assert!(found.headline.starts_with("nothing to look at: no document from 2026-03-25T14:00:00Z"), "{}", found.headline);
}

#[test]
fn counts_of_lines_that_whole_requests_do_not_bear_out_are_no_signs() {
    let rows = json!([["cancel", "gone", 0, 0.0, 0.0, null, 2.0, 0.0, 0.0], ["orders", "ok", 900, 0.0, 0.0, null, 15.0, 0.0, 0.0]]);
    let noisy = || vec![health(rows.clone(), json!([])), errors(json!([["no seat left", 90, 0.4, false, null, "orders", "t1"]]))];
    assert_eq!(findings(&Clue::default(), noisy()).suspects.len(), 2);
    let mut compared = noisy();
    compared.push(compare("none", json!([[1, "travel", 2.4, "pattern", "GONE distance", "44 of 60", "2 of 12", "t1"]])));
    let found = findings(&Clue::default(), compared);
    let suspects: Vec<&str> = found.suspects.iter().map(|suspect| suspect.service.as_str()).collect();
    assert_eq!((suspects, found.verdict), (vec!["travel"], Verdict::NothingSignificant), "{}", found.headline);
}

#[test]
fn slower_services_that_spans_do_not_blame_rank_below_the_one_that_they_blame() {
    let columns =
        ["service", "finding", "count", "error_rate", "p95_ms", "baseline_rate_per_min", "baseline_error_rate", "baseline_p95_ms"];
    let rows = json!([["front", "slower", 700, 0.0, 900.0, 11.0, 0.0, 90.0], ["rates", "ok", 700, 0.0, 9.0, 11.0, 0.0, 8.0]]);
    let health = made(Purpose::Health, "get_service_overview", json!({"summary": "health", "columns": columns, "rows": rows}));
    let spans = |word: &str| compare(word, json!([[1, "rates", 9.0, "call_edge", "front → rates", "3 ms", "800 ms", "t1"]]));
    let found = findings(&Clue::default(), vec![health.clone(), spans("significant")]);
    assert_eq!((found.suspects[0].service.as_str(), found.verdict), ("rates", Verdict::CauseNamed), "{:#?}", found.suspects);
    assert!(found.confidence.unwrap().basis.contains("requests of others became slower"));
    let found = findings(&Clue::default(), vec![health, spans("none")]);
    assert_eq!((found.suspects[0].service.as_str(), found.verdict), ("rates", Verdict::NothingSignificant), "{:#?}", found.suspects);
}

#[test]
fn a_difference_without_a_failure_names_suspects_only() {
    let found = findings(
        &Clue::default(),
        vec![
            changes(json!([])),
            health(usual(), json!([])),
            compare("significant", json!([[1, "orders", 9.0, "pattern", "UP POST /orders/status", "469 of 2362", "80 of 359", "t4"]])),
        ],
    );
    assert_eq!((found.verdict, found.chain.len()), (Verdict::SuspectsOnly, 0));
    assert!(found.headline.contains("most likely orders"), "{}", found.headline);
}

#[test]
fn the_service_that_all_errors_name_is_the_cause_and_its_callers_are_effects() {
    let mut rows = usual();
    rows.as_array_mut().unwrap().push(json!(["checkout", "worse", 900, 0.2, 0.0, "500", 15.0, 0.0, 0.0]));
    rows.as_array_mut().unwrap().push(json!(["auth-service", "ok", 90, 0.0, 0.0, null, 12.0, 0.0, 0.0]));
    let found = findings(
        &Clue::default(),
        vec![
            changes(json!([])),
            health(rows, json!([])),
            errors(json!([["lookup auth-service.shop.svc: no such host", 180, 0.0, true, "2026-03-25T14:19:30Z", "checkout", "t5"]])),
            compare(
                "significant",
                json!([
                    [1, "checkout", 14.0, "pattern", "NEW lookup auth-service.shop.svc: no such host", "0 of 9", "9 of 9", "t5"],
                    [2, "auth-service", 13.0, "pattern", "DOWN POST /token", "9 of 9", "0 of 9", "t5"]
                ]),
            ),
        ],
    );
    assert_eq!(found.suspects[0].service, "auth-service", "{:#?}", found.suspects);
    assert_eq!(found.verdict, Verdict::CauseNamed);
    assert!(found.headline.contains("no such host"), "{}", found.headline);
    assert!(found.unknown.iter().any(|unknown| unknown.starts_with("what set it off")), "{:?}", found.unknown);
}

#[test]
fn less_of_something_is_an_effect_only_beyond_chance() {
    let effects = |score: f64| {
        let less = json!([[1, "mail", score, "pattern", "DOWN retrying", "19 of 1213", "1 of 135", null]]);
        let found = findings(&Clue::default(), bad_deploy().into_iter().chain([compare("significant", less)]).collect());
        let told = found.chain.iter().any(|link| link.role == LinkRole::Effect && link.text.contains("retrying"));
        (told, found.ruled_out.iter().any(|told| told.what.contains("retrying")))
    };
    assert_eq!(effects(8.0), (true, false));
    assert_eq!(effects(0.8), (false, false));
}

#[test]
fn what_could_not_be_read_is_unknown_and_the_rest_still_counts() {
    let mut made = bad_deploy();
    made[0].result = Err(ToolError::new(Code::QueryTimeout, "the search took longer than allowed", "narrow the window"));
    let found = findings(&Clue::default(), made);
    assert_eq!(found.suspects[0].service, "router");
    assert!(found.unknown[0].starts_with("find_changes could not be read: query_timeout"), "{:?}", found.unknown);
    assert_eq!(found.calls[0].error.as_deref(), Some("query_timeout"));
}

#[test]
fn answers_of_another_shape_conclude_nothing() {
    for answer in [json!(null), json!({}), json!({"rows": 7, "columns": "x"}), json!({"rows": [[1, 2]], "columns": []})] {
        let shapes = [Purpose::Changes, Purpose::Health, Purpose::Errors, Purpose::Compare, Purpose::Trace, Purpose::Locate];
        let found = findings(&Clue::default(), shapes.map(|purpose| made(purpose, "search_logs", answer.clone())).into());
        assert_eq!(found.verdict, Verdict::NothingSignificant);
    }
}

#[test]
fn a_page_is_whole_without_script_and_nothing_in_it_escapes() {
    let hostile = "</title><script>alert(1)</script>\"'&<img src=x onerror=y>";
    let clue = Clue { title: Some(hostile.to_owned()), time: Some("2026-03-25T14:52:57Z".parse().unwrap()), ..Clue::default() };
    let mut made = bad_deploy();
    made.push(errors(json!([[hostile, 500, 0.0, true, "2026-03-25T14:45:00Z", hostile, hostile]])));
    made[1].arguments.insert("query".to_owned(), json!(hostile));
    let page = render::html(&findings(&clue, made));
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("style=\""), "escaped");
    assert!(page.contains("&lt;/title&gt;&lt;script&gt;"));
    for part in ["<svg class=\"wide\"", "<svg class=\"narrow\"", "default-src 'none'; style-src 'sha256-", "prefers-color-scheme"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.len() < 300_000, "{}", page.len());
}

#[test]
fn the_text_stays_within_a_terminal() {
    let text = render::text(&findings(&Clue::default(), bad_deploy()));
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 118, "{longest}\n{text}");
    for part in ["Confidence   high", "\nChain        cause", "\nRuled out", "\nSuspects     1  router"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_next_step_can_be_pasted_into_a_shell() {
    let mut made = bad_deploy();
    let hint = json!({"tool": "search_logs", "arguments": {"query": "it's $(gone) `now`"}, "why": "read them"});
    made[0].result.as_mut().unwrap()["hints"] = json!([hint]);
    let text = render::text(&findings(&Clue::default(), made));
    let pasted = text.lines().find(|line| line.contains("elk-mcp call")).unwrap().trim();
    assert_eq!(pasted, r#"elk-mcp call search_logs '{"query":"it\u0027s $(gone) `now`"}'"#);
}

#[test]
fn the_published_schema_is_the_one_in_the_docs_and_holds() {
    let published: Value = serde_json::from_str(include_str!("../../docs/findings.schema.json")).unwrap();
    assert!(published == super::schema(), "write it anew: elk-mcp investigate --schema > docs/findings.schema.json");
    let found: Value = serde_json::from_str(&render::json(&findings(&Clue::default(), bad_deploy())).unwrap()).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&published).unwrap().iter_errors(&found).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn a_caller_that_waits_is_not_blamed_for_whom_it_waits_for() {
    let columns = ["service", "finding", "count", "p95_ms", "baseline_p95_ms"];
    let rows =
        json!([["orders", "slower", 1782, 1378.8, 161.8], ["payment", "slower", 902, 1160.7, 114.0], ["stock", "ok", 1126, 28.8, 28.9]]);
    let found = findings(
        &Clue::default(),
        vec![
            changes(json!([])),
            made(Purpose::Health, "get_service_overview", json!({"summary": "health", "columns": columns, "rows": rows})),
            compare(
                "significant",
                json!([
                    [1, "stock", 31.5, "log_gap", "stock: POST /reserve → orders: POST /orders", "84 ms", "786 ms", "t1"],
                    [2, "orders", 23.9, "log_gap", "stock: POST /reserve → orders: POST /orders", "84 ms", "786 ms", "t1"],
                    [3, "payment", 12.1, "pattern", "UP rule matched <*> rows", "1 of 970", "47 of 229", "t2"]
                ]),
            ),
        ],
    );
    assert_eq!(found.suspects[0].service, "payment", "{:#?}", found.suspects);
    assert_eq!((found.verdict, found.suspects.len()), (Verdict::CauseNamed, 2), "{}", found.headline);
}

#[test]
fn errors_of_several_services_on_one_host_are_the_hosts() {
    let full = |service: &str| {
        let (text, time) = (format!("cannot write /var/lib/{service}: No space left on device"), 10 + service.len());
        json!([text, 48, 0.0, true, format!("2026-03-25T14:17:{time}Z"), service, "t1"])
    };
    let by_host = json!({"summary": "by host", "columns": ["host", "count", "baseline_rate_per_min"],
        "rows": [["node-3", 172, 0.16], ["node-1", 20, 0.3], ["node-2", 14, 0.2]]});
    let found = findings(
        &Clue::default(),
        vec![
            changes(json!([])),
            health(usual(), json!([])),
            // A request's own line says that it failed, not why.
            errors(json!([
                ["POST /carts 500 3 ms", 60, 0.0, true, "2026-03-25T14:17:14Z", "cart", "t1", "warn"],
                full("orders"),
                full("cart"),
                full("catalog")
            ])),
            made(Purpose::Hosts, "get_error_summary", by_host),
        ],
    );
    assert_eq!(found.suspects[0].service, "node-3", "{:#?}", found.suspects);
    assert!(found.headline.starts_with("node-3: cart: “cannot write /var/lib/cart: No space left on device”"), "{}", found.headline);
}

#[test]
fn what_broke_slowly_is_told_from_its_first_new_line_on() {
    let mut rows = usual();
    rows.as_array_mut().unwrap().push(json!(["router", "worse", 1417, 0.037, 0.0, "503", 27.0, 0.0, 0.0]));
    let found = findings(
        &Clue::default(),
        vec![
            changes(json!([])),
            health(rows, json!([])),
            errors(json!([
                ["Container router was terminated: reason OOMKilled", 15, 0.0, true, "2026-03-25T14:06:18Z", "router", null],
                ["memory is nearly exhausted", 24, 0.0, true, "2026-03-25T14:02:21Z", "router", null]
            ])),
        ],
    );
    assert_eq!(found.onset.as_ref().unwrap().time, "2026-03-25T14:02:21Z".parse().unwrap());
    let told: Vec<(LinkRole, bool)> = found.chain.iter().map(|link| (link.role, link.text.contains("OOMKilled"))).collect();
    assert_eq!(told, [(LinkRole::Cause, false), (LinkRole::Mechanism, true), (LinkRole::Symptom, false)]);
}

#[test]
fn warnings_alone_and_lines_that_come_with_the_data_name_no_cause() {
    let columns = ["pattern", "count", "baseline_rate_per_min", "is_new", "first_seen", "service", "level"];
    let lines = |count: u32, level: &str| {
        let rows = json!([["stock is below its minimum", count, 0.0, true, "2026-03-25T14:30:00Z", "catalog", level]]);
        made(Purpose::Errors, "get_error_summary", json!({"summary": "errors", "columns": columns, "rows": rows}))
    };
    let verdict = |lines: Made, health: Made| findings(&Clue::default(), vec![changes(json!([])), health, lines]).verdict;
    assert_eq!(verdict(lines(30, "warn"), health(usual(), json!([]))), Verdict::NothingSignificant);
    assert_eq!(verdict(lines(30, "error"), health(usual(), json!([]))), Verdict::SuspectsOnly);
    // The data begins a tenth of the time before the window: thirty lines to at most three are no news.
    let begins = json!([["catalog", "ok", 900, 0.0, 0.0, null, 0.5, 0.0, 0.0]]);
    assert_eq!(verdict(lines(30, "error"), health(begins, json!([]))), Verdict::NothingSignificant);
}

#[test]
fn what_kubernetes_did_to_the_first_suspect_is_told_beside_its_lines_and_of_others_not() {
    let event = |time: &str, reason: &str, evidence: &str| json!([time, "kubernetes_event", "event", reason, "reason", evidence]);
    let mut made = bad_deploy();
    made[0] = changes(json!([
        PUSH,
        ROLLOUT,
        event("2026-03-25T14:38:30Z", "Killing", "Pod/router-1: Stopping container"),
        event("2026-03-25T14:44:00Z", "OOMKilling", "Pod/router-2: Memory cgroup out of memory; 3 times"),
        event("2026-03-25T14:45:00Z", "BackOff", "Pod/router-2: Back-off restarting failed container"),
        event("2026-03-25T14:46:00Z", "NodeNotReady", "Node/n-1: status is now: NodeNotReady"),
        event("2026-03-25T14:47:00Z", "Unhealthy", "Pod/catalog-1: Readiness probe failed"),
    ]));
    made.push(errors(json!([["Back-off restarting failed container", 30, 0.0, true, "2026-03-25T14:45:00Z", "router", null]])));
    let found = findings(&Clue::default(), made);
    let told: Vec<&str> = found.timeline.iter().map(|event| event.text.as_str()).filter(|text| text.starts_with("Kubernetes")).collect();
    let expected = [
        "Kubernetes OOMKilling of Pod/router-2: Memory cgroup out of memory; 3 times",
        "Kubernetes NodeNotReady of Node/n-1: status is now: NodeNotReady",
    ];
    assert_eq!(told, expected, "a part of the rollout, a line of its own, and another service are not");
    assert!(found.headline.starts_with("router: PutImage"), "{}", found.headline);
}
