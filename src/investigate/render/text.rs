//! Findings as a short text for a terminal. Decides nothing.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

use crate::investigate::findings::{Event, Findings, Suspect, Verdict};

/// Columns of a terminal that is not wide.
const WIDTH: usize = 118;
/// Below the label of a part.
const INDENT: usize = 13;

/// The findings in some thirty lines.
pub fn text(findings: &Findings) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, findings);
    out
}

fn write(out: &mut String, findings: &Findings) -> fmt::Result {
    paragraph(out, "", &findings.headline)?;
    if let Some(confidence) = &findings.confidence {
        paragraph(out, "Confidence", &format!("{}: {}", confidence.word.word(), confidence.basis))?;
    }
    paragraph(out, "Clue", &findings.clue.text)?;
    paragraph(out, "Looked at", &format!("{} to {}", findings.window.start, findings.window.end))?;
    if let Some(onset) = &findings.onset {
        paragraph(out, "Began", &format!("{} ({})", onset.time.strftime("%H:%M:%SZ"), onset.basis))?;
    }
    part(
        out,
        "Chain",
        findings.chain.iter().map(|link| {
            let mut calls: Vec<String> = link.evidence.iter().map(|evidence| format!("[{}]", evidence.call)).collect();
            calls.dedup();
            format!("{:<9}  {} {}", link.role.word(), link.text, calls.join(""))
        }),
    )?;
    part(
        out,
        "Timeline",
        findings.timeline.iter().map(|event| {
            let mark = if event.in_chain { '●' } else { ' ' };
            format!("{} {mark} {:<7} {}", moment(event), event.kind.word(), event.text)
        }),
    )?;
    let label = if findings.verdict == Verdict::NothingSignificant { "Order only" } else { "Suspects" };
    part(out, label, findings.suspects.iter().take(4).map(suspect))?;
    part(out, "Ruled out", findings.ruled_out.iter().map(|ruled| format!("{}: {} [{}]", ruled.what, ruled.why, ruled.call)))?;
    part(out, "Unknown", findings.unknown.iter().cloned())?;
    for (at, step) in findings.next_steps.iter().enumerate() {
        if at == 0 {
            writeln!(out)?;
        }
        paragraph(out, if at == 0 { "Next" } else { "" }, &step.why)?;
        // Whole, however long: it is there to be pasted.
        writeln!(out, "{:INDENT$}{}", "", step.command())?;
    }
    let calls = findings.calls.iter().map(|call| {
        let refused = call.error.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        format!("[{}] {}{refused}, {} tokens, {} ms", call.number, call.tool, call.tokens, call.elapsed_ms)
    });
    part(out, "Calls", calls)?;
    let cost = findings.cost;
    writeln!(out, "\n{} calls · {} tokens · {} ms", cost.calls, cost.tokens, cost.elapsed_ms)
}

fn suspect(suspect: &Suspect) -> String {
    let what = suspect.evidence.first().map(|evidence| evidence.text.as_str()).unwrap_or_default();
    format!("{}  {}  {:.1}  {what}", suspect.rank, suspect.service, suspect.score)
}

fn moment(event: &Event) -> String {
    let clock = |time: Timestamp| time.strftime("%H:%M:%S").to_string();
    match event.until {
        Some(until) if clock(until) != clock(event.time) => format!("{}–{}", clock(event.time), clock(until)),
        _ => format!("{:<17}", clock(event.time)),
    }
}

/// A labelled part of lines; nothing where there are none.
fn part(out: &mut String, label: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(out)?;
    }
    for (at, line) in lines.enumerate() {
        paragraph(out, if at == 0 { label } else { "" }, &line)?;
    }
    Ok(())
}

/// A text broken at words, so that it stands beside its label; a line of no label begins at the left when it is the first.
fn paragraph(out: &mut String, label: &str, text: &str) -> fmt::Result {
    let indent = if out.is_empty() { 0 } else { INDENT };
    let mut column = WIDTH;
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if at == 0 {
            write!(out, "{label:<indent$}")?;
            column = indent;
        } else if column + 1 + length > WIDTH && length < WIDTH {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    writeln!(out)
}
