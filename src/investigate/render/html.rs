//! Findings as one page that needs nothing else: no script, no font, no request. Decides nothing.

use std::fmt::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::svg;
use crate::investigate::findings::{Event, Evidence, Findings, Link, Suspect, Verdict};

const STYLE: &str = include_str!("page.css");

/// Widths for which the drawing is made: of a page beside others, and of a telephone.
const WIDE: f64 = 860.0;
const NARROW: f64 = 360.0;

/// A text that cannot leave its place in a page.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                _ => out.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// The content security policy of the page: its own style, and nothing else.
pub fn policy() -> String {
    format!("default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'", STANDARD.encode(Sha256::digest(STYLE)))
}

/// A line of an index.
pub struct Line {
    /// Where it leads.
    pub href: String,
    /// What it is called.
    pub title: String,
    /// What there is to say of it.
    pub text: String,
}

/// A page of links, in the same dress.
pub fn index(title: &str, lines: &[Line]) -> String {
    let mut out = String::new();
    let links = lines.iter().map(|line| {
        let (href, title, text) = (Escaped(&line.href), Escaped(&line.title), Escaped(&line.text));
        format!("<a href=\"{href}\"><strong>{title}</strong></a><br><span class=\"soft\">{text}</span>")
    });
    // Writing to a string cannot fail.
    let _ = begin(&mut out, title).and_then(|()| list(&mut out, title, links));
    if lines.is_empty() {
        out.push_str("<p class=\"soft\">There is none.</p>");
    }
    out.push_str(END);
    out
}

const END: &str = "</main></body></html>\n";

fn begin(out: &mut String, title: &str) -> fmt::Result {
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>",
        policy(),
        Escaped(title)
    )
}

/// The findings as a page.
pub fn html(findings: &Findings) -> String {
    let mut out = String::with_capacity(32 << 10);
    // Writing to a string cannot fail.
    let _ = write(&mut out, findings);
    out
}

fn write(out: &mut String, findings: &Findings) -> fmt::Result {
    begin(out, &findings.headline)?;
    head(out, findings)?;
    chain(out, &findings.chain)?;
    timeline(out, findings)?;
    let is_order = findings.verdict == Verdict::NothingSignificant;
    suspects(out, if is_order { "Order only: quiet windows differ as much" } else { "Suspects" }, &findings.suspects)?;
    let ruled_out = findings
        .ruled_out
        .iter()
        .map(|ruled| format!("{}<br><span class=\"soft\">{} {}</span>", Escaped(&ruled.what), Escaped(&ruled.why), reference(ruled.call)));
    list(out, "Ruled out", ruled_out)?;
    list(out, "Unknown", findings.unknown.iter().map(|unknown| Escaped(unknown).to_string()))?;
    let next = findings.next_steps.iter().map(|step| format!("{}<pre>{}</pre>", Escaped(&step.why), Escaped(&step.command())));
    list(out, "Next steps", next)?;
    let calls = findings.calls.iter().map(|call| {
        let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
        let refused = call.error.as_ref().map(|code| format!(" · <strong>{}</strong>", Escaped(code))).unwrap_or_default();
        format!(
            "<span id=\"call-{number}\">[{number}]</span> <strong>{tool}</strong> <span class=\"soft small\">{tokens} tokens · {ms} ms{refused}</span>\
             <br>{summary}<br><code class=\"soft\">{arguments}</code>",
            number = call.number,
            tool = Escaped(&call.tool),
            tokens = call.tokens,
            ms = call.elapsed_ms,
            summary = Escaped(&call.summary),
            arguments = Escaped(&arguments)
        )
    });
    list(out, "Calls", calls)?;
    write!(
        out,
        "<footer>{} calls · {} tokens · {} ms · written by elk-mcp {} from the answers of its tools alone, without a model</footer>{END}",
        findings.cost.calls,
        findings.cost.tokens,
        findings.cost.elapsed_ms,
        env!("CARGO_PKG_VERSION")
    )
}

fn head(out: &mut String, findings: &Findings) -> fmt::Result {
    let (class, word) = match findings.verdict {
        Verdict::CauseNamed => ("cause_named", "cause named"),
        Verdict::SuspectsOnly => ("suspects_only", "suspects only"),
        Verdict::NothingSignificant => ("nothing_significant", "nothing significant"),
    };
    write!(out, "<header><span class=\"badge {class}\">{word}</span><h1>{}</h1><dl class=\"facts\">", Escaped(&findings.headline))?;
    let fact = |out: &mut String, label: &str, text: &str| write!(out, "<dt>{label}</dt><dd>{}</dd>", Escaped(text));
    if let Some(confidence) = &findings.confidence {
        fact(out, "Confidence", &format!("{}: {}", confidence.word.word(), confidence.basis))?;
    }
    let source = findings.clue.source.as_ref().map(|source| format!(" (from {source})")).unwrap_or_default();
    fact(out, "Clue", &format!("{}{source}", findings.clue.text))?;
    if let Some(onset) = &findings.onset {
        let interval = match (onset.earliest, onset.latest) {
            (Some(earliest), Some(latest)) => format!(", between {} and {}", clock(earliest), clock(latest)),
            _ => String::new(),
        };
        fact(out, "Began", &format!("{}{interval}: {}", onset.time, onset.basis))?;
    }
    fact(out, "Looked at", &format!("{} to {}", findings.window.start, findings.window.end))?;
    fact(out, "Compared with", &findings.window.baseline)?;
    out.push_str("</dl></header>");
    Ok(())
}

fn chain(out: &mut String, chain: &[Link]) -> fmt::Result {
    if chain.is_empty() {
        return Ok(());
    }
    out.push_str("<section><h2>How it came about</h2><ol class=\"chain\">");
    for link in chain {
        let role = link.role.word();
        write!(out, "<li class=\"card {role}\"><div class=\"role\"><span>{role}</span>")?;
        if let Some(time) = link.time {
            write!(out, "<time>{}</time>", clock(time))?;
        }
        if let Some(service) = &link.service {
            write!(out, "<span class=\"name\">{}</span>", Escaped(service))?;
        }
        write!(out, "</div><div>{}</div>", Escaped(&link.text))?;
        evidence(out, link.evidence.iter(), &link.text)?;
        out.push_str("</li>");
    }
    out.push_str("</ol></section>");
    Ok(())
}

/// Sentences and where they stand; one that was said just above is told by its call alone.
fn evidence<'e>(out: &mut String, evidence: impl Iterator<Item = &'e Evidence>, said: &str) -> fmt::Result {
    out.push_str("<ul class=\"evidence\">");
    for evidence in evidence {
        let text = if said.contains(&evidence.text) { "shown by" } else { &evidence.text };
        write!(out, "<li>{} {}</li>", Escaped(text), reference(evidence.call))?;
    }
    out.push_str("</ul>");
    Ok(())
}

fn timeline(out: &mut String, findings: &Findings) -> fmt::Result {
    if findings.timeline.is_empty() {
        return Ok(());
    }
    let (wide, narrow) = (svg::timeline(findings, WIDE, "wide")?, svg::timeline(findings, NARROW, "narrow")?);
    write!(out, "<section><h2>Timeline</h2><div class=\"figure\">{wide}{narrow}</div><ol class=\"events\">")?;
    for (at, event) in findings.timeline.iter().enumerate() {
        let kind = event.kind.word();
        let text = if event.in_chain { format!("<strong>{}</strong>", Escaped(&event.text)) } else { Escaped(&event.text).to_string() };
        write!(
            out,
            "<li><span class=\"number {kind}\">{}</span><span class=\"soft\"><time>{}</time> {kind}</span><span>{text}</span></li>",
            at + 1,
            span(event)
        )?;
    }
    out.push_str("</ol></section>");
    Ok(())
}

fn suspects(out: &mut String, heading: &str, suspects: &[Suspect]) -> fmt::Result {
    let Some(most) = suspects.first().map(|suspect| suspect.score.max(0.1)) else { return Ok(()) };
    write!(out, "<section><h2>{heading}</h2><ol>")?;
    for suspect in suspects {
        let share = (100.0 * suspect.score / most).clamp(0.0, 100.0);
        write!(
            out,
            "<li class=\"card suspect\"><span class=\"number\">{}</span><div><strong>{}</strong> <span class=\"soft small\">score {:.1}, {} \
             {}</span><svg viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"rest\" width=\"100\" \
             height=\"6\"/><rect class=\"score\" width=\"{share:.0}\" height=\"6\"/></svg>",
            suspect.rank,
            Escaped(&suspect.service),
            suspect.score,
            suspect.kinds,
            if suspect.kinds == 1 { "kind of sign" } else { "kinds of signs" }
        )?;
        evidence(out, suspect.evidence.iter(), "")?;
        if let Some(trace_id) = &suspect.trace_id {
            write!(out, "<p class=\"soft small\">a request that shows it: <code>{}</code></p>", Escaped(trace_id))?;
        }
        out.push_str("</div></li>");
    }
    out.push_str("</ol></section>");
    Ok(())
}

/// A part of lines that are escaped already; nothing where there are none.
fn list(out: &mut String, title: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    write!(out, "<section><h2>{title}</h2><ul class=\"rows\">")?;
    for line in lines {
        write!(out, "<li>{line}</li>")?;
    }
    out.push_str("</ul></section>");
    Ok(())
}

fn reference(call: usize) -> String {
    format!("<a class=\"ref\" href=\"#call-{call}\">[{call}]</a>")
}

fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%SZ").to_string()
}

fn span(event: &Event) -> String {
    match event.until {
        Some(until) if clock(until) != clock(event.time) => format!("{}–{}", event.time.strftime("%H:%M:%S"), clock(until)),
        _ => clock(event.time),
    }
}
