//! Cuts an answer to a budget of tokens, the least useful first, and says each cut. Writes neither text nor JSON itself.

use std::{fmt, io};

use serde_json::value::RawValue;

use crate::answer::{
    Answer, Rows,
    scene::{Cut, Scene, Suspicious},
    structured::shown_name,
    table::View,
};

/// The smallest budget. A smaller one counts as this.
pub const MIN_TOKENS: u32 = 500;

/// Bytes that count as one token.
const BYTES_PER_TOKEN: usize = 3;

/// Bytes to which long cells are shortened before rows are cut.
const CLIPS: [usize; 5] = [2048, 1024, 512, 256, 120];

/// Bytes to which cells are shortened when not even one row fits.
const NARROW_CLIPS: [usize; 4] = [60, 30, 12, 4];

/// An answer as it is sent: each form within the budget by itself.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What a model reads.
    pub text: String,
    /// The same as JSON, as published in the output schema.
    pub structured: Box<RawValue>,
}

impl Rendered {
    /// Tokens of the text, estimated as bytes by three, rounded up.
    pub fn tokens(&self) -> usize {
        self.text.len().div_ceil(BYTES_PER_TOKEN)
    }
}

impl Answer {
    /// Cuts the answer until its text and its JSON each have at most `max_tokens` tokens.
    ///
    /// Long cells are shortened first, then rows of the main table go, then rows of the sections, the longest first; next calls, notes
    /// and the summary last. Each cut is said. An answer with a row keeps one, however short.
    pub fn fit(&self, max_tokens: u32) -> Rendered {
        let budget = usize::try_from(max_tokens.max(MIN_TOKENS)).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
        Fitting::new(self, budget).run()
    }
}

struct Fitting<'a> {
    answer: &'a Answer,
    budget: usize,
    rows: usize,
    section_rows: usize,
    view: Option<(usize, View)>,
    suspicious: Suspicious,
}

impl<'a> Fitting<'a> {
    fn new(answer: &'a Answer, budget: usize) -> Self {
        let rows = match &answer.rows {
            Rows::Fixed(table) => table.len(),
            Rows::Paged(page) => page.documents(),
        };
        let section_rows = answer.sections.iter().map(super::Section::len).max().unwrap_or(0);
        let suspicious = Suspicious {
            rows: match &answer.rows {
                Rows::Fixed(table) => table.suspicious(),
                Rows::Paged(_) => Vec::new(),
            },
            elsewhere: answer.sections.iter().map(super::Section::suspicious).sum(),
        };
        Self { answer, budget, rows, section_rows, view: None, suspicious }
    }

    fn run(mut self) -> Rendered {
        let all = usize::MAX;
        let mut cut = Cut {
            clip: all,
            rows: self.rows,
            section_rows: self.section_rows,
            pairs: all,
            columns: all,
            hints: all,
            notes: all,
            shards: 20,
            extras: true,
            dsl: true,
            prose: 1024,
        };
        // A description of the search must not push out what was found.
        if self.answer.dsl.as_deref().is_some_and(|dsl| dsl.get().len() > self.budget / 2) {
            cut.dsl = false;
        }
        for clip in CLIPS {
            // A clip that no cell is longer than changes nothing that did not fit before.
            if cut.clip != all && clip >= self.extent() {
                continue;
            }
            cut.clip = clip;
            if let Some(rendered) = self.attempt(cut) {
                return rendered;
            }
        }
        if let Some(rendered) = self.grow(cut, 1) {
            return rendered;
        }
        let few = self.rows.min(3);
        let (mut least, mut most, mut best) = (0, self.section_rows, None);
        while least <= most {
            let middle = least + (most - least) / 2;
            if self.attempt(Cut { section_rows: middle, rows: few, ..cut }).is_some() {
                best = Some(middle);
                least = middle + 1;
            } else if middle == 0 {
                break;
            } else {
                most = middle - 1;
            }
        }
        if let Some(rendered) = best.and_then(|section_rows| self.grow(Cut { section_rows, ..cut }, few)) {
            return rendered;
        }
        self.squeeze(Cut { section_rows: 0, dsl: false, ..cut })
    }

    /// Bytes of the longest text that a clip can shorten in what was attempted last.
    fn extent(&self) -> usize {
        let rows = match &self.answer.rows {
            Rows::Fixed(table) => table.extent(),
            Rows::Paged(_) => self.view.as_ref().map_or(0, |(_, view)| view.table.extent()),
        };
        let sections = self.answer.sections.iter().map(super::Section::extent);
        let fields = self.answer.fields.values().map(|field| field.len());
        let shards = self.answer.partial.failed_shards.iter().map(|failure| failure.index.len().max(failure.reason.len()));
        sections.chain(fields).chain(shards).fold(rows, usize::max)
    }

    /// The most rows that fit, `least` of them at least.
    fn grow(&mut self, cut: Cut, least: usize) -> Option<Rendered> {
        let least = least.min(self.rows);
        let mut best = self.attempt(Cut { rows: least, ..cut })?;
        let (mut fits, mut fails) = (least, self.rows.max(least) + 1);
        while fails - fits > 1 {
            let middle = fits + (fails - fits) / 2;
            match self.attempt(Cut { rows: middle, ..cut }) {
                Some(rendered) => (best, fits) = (rendered, middle),
                None => fails = middle,
            }
        }
        Some(best)
    }

    /// One row with less and less around it.
    fn squeeze(&mut self, cut: Cut) -> Rendered {
        let mut steps = vec![
            Cut { extras: false, shards: 1, ..cut },
            Cut { extras: false, shards: 1, hints: 1, notes: 3, prose: 300, ..cut },
            Cut { extras: false, shards: 1, hints: 0, notes: 1, prose: 120, pairs: 8, ..cut },
        ];
        steps.extend(NARROW_CLIPS.map(|clip| Cut { extras: false, shards: 1, hints: 0, notes: 1, prose: 120, pairs: 4, clip, ..cut }));
        let last = Cut { extras: false, shards: 0, hints: 0, notes: 1, prose: 60, pairs: 0, clip: 12, ..cut };
        steps.extend([16, 8, 4, 2, 1].map(|columns| Cut { columns, ..last }));
        for step in steps {
            if let Some(rendered) = self.grow(step, 1) {
                return rendered;
            }
        }
        self.bare()
    }

    /// What is left when even a single cell is too much, for example because of an endless cursor.
    fn bare(&self) -> Rendered {
        let prefix = if self.answer.is_partial() { "INCOMPLETE: totals are lower bounds; " } else { "" };
        let summary =
            format!("{prefix}{}; left out: everything else (max_tokens): raise max_tokens", shown_name(&self.answer.summary, 200));
        let structured = serde_json::value::to_raw_value(&std::collections::BTreeMap::from([("summary", &summary)])).unwrap_or_default();
        Rendered { text: summary, structured }
    }

    fn attempt(&mut self, cut: Cut) -> Option<Rendered> {
        if let Rows::Paged(page) = &self.answer.rows
            && self.view.as_ref().is_none_or(|(documents, _)| *documents != cut.rows)
        {
            let view = page.at(cut.rows);
            self.suspicious.rows = view.table.suspicious();
            self.view = Some((cut.rows, view));
        }
        let scene = Scene::new(self.answer, self.view.as_ref().map(|(_, view)| view), &self.suspicious, cut);
        let mut json = Capped::new(self.budget);
        serde_json::to_writer(&mut json, &scene).ok()?;
        let mut text = Capped::new(self.budget);
        scene.write_text(&mut text).ok()?;
        let structured = RawValue::from_string(String::from_utf8(json.bytes).ok()?).ok()?;
        Some(Rendered { text: String::from_utf8(text.bytes).ok()?, structured })
    }
}

/// A buffer that refuses to grow past its limit, so that an attempt that fails costs no more than the budget.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
}

impl Capped {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    fn push(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.limit - self.bytes.len();
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.push(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::FileTooLarge.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Capped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.push(text.as_bytes()) { Ok(()) } else { Err(fmt::Error) }
    }
}
