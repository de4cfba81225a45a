//! Cuts an answer to a budget of tokens, the least useful first, and says each cut. Writes neither text nor JSON itself.

use crate::answer::{
    Answer, Rows,
    json::{Json, JsonText},
    scene::{Cut, Parts, Scene},
    structured::shown_name,
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
    pub structured: JsonText,
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
    parts: Parts<'a>,
}

impl<'a> Fitting<'a> {
    fn new(answer: &'a Answer, budget: usize) -> Self {
        let rows = match &answer.rows {
            Rows::Fixed(table) => table.len(),
            Rows::Paged(page) => page.documents(),
        };
        let section_rows = answer.sections.iter().map(super::Section::len).max().unwrap_or(0);
        Self { answer, budget, rows, section_rows, parts: Parts::new(answer) }
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
            if cut.clip != all && clip >= self.parts.extent() {
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

    /// The most rows that fit, `least` of them at least.
    fn grow(&mut self, cut: Cut, least: usize) -> Option<Rendered> {
        let least = least.min(self.rows);
        let mut best = self.attempt(Cut { rows: least, ..cut })?;
        let (mut fits, mut fails) = (least, self.rows.max(least) + 1);
        // Bytes beside the rows, as far as can be told from what fitted.
        let mut beside = best.structured.get().len().saturating_sub(self.least_json(Cut { rows: least, ..cut }));
        while fails - fits > 1 {
            // As many as should fit, and then one more, are two attempts; any other way, half of them.
            let (mut likely, mut unlikely) = (fits, fails);
            while unlikely - likely > 1 {
                let middle = likely + (unlikely - likely) / 2;
                if self.least_json(Cut { rows: middle, ..cut }) + beside <= self.budget { likely = middle } else { unlikely = middle }
            }
            let next = likely.max(fits + 1);
            match self.attempt(Cut { rows: next, ..cut }) {
                Some(rendered) => {
                    beside = rendered.structured.get().len().saturating_sub(self.least_json(Cut { rows: next, ..cut }));
                    (best, fits) = (rendered, next);
                }
                None => {
                    fails = next;
                    let middle = fits + (fails - fits) / 2;
                    if middle > fits {
                        match self.attempt(Cut { rows: middle, ..cut }) {
                            Some(rendered) => {
                                beside = rendered.structured.get().len().saturating_sub(self.least_json(Cut { rows: middle, ..cut }));
                                (best, fits) = (rendered, middle);
                            }
                            None => fails = middle,
                        }
                    }
                }
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
        let mut json = Json::with_capacity(summary.len() + 64);
        json.object(|json| {
            json.key("summary");
            json.string(&summary);
        });
        Rendered { text: summary, structured: json.finish() }
    }

    /// Bytes that the rows have as JSON at least, as far as the budget goes.
    fn least_json(&mut self, cut: Cut) -> usize {
        self.parts.turn(cut.rows);
        Scene::new(&self.parts, cut).least_json(self.budget)
    }

    fn attempt(&mut self, cut: Cut) -> Option<Rendered> {
        self.parts.turn(cut.rows);
        let scene = Scene::new(&self.parts, cut);
        let least = scene.least_json(self.budget);
        if least > self.budget {
            return None;
        }
        let scene = scene.with_notes(&self.parts);
        let mut json = Json::with_capacity(least + 1_024);
        scene.write_json(&mut json, self.budget);
        if json.text.len() > self.budget {
            return None;
        }
        let mut text = String::with_capacity(json.text.len());
        scene.write_text(&mut text);
        if text.len() > self.budget {
            return None;
        }
        Some(Rendered { text, structured: json.finish() })
    }
}
