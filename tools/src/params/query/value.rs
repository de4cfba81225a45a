//! Words, phrases and bounds: the leaves of a query, and what of them is not supported.

use super::{parser::Parser, reader::Letter};
use crate::{
    dsl::Scalar,
    error::ToolError,
    look::{Field, Filter},
    params::condition,
};

impl Parser {
    /// A bound; none when it is `*`.
    pub(super) fn bound(&mut self, stops: &str) -> Result<Option<Scalar>, ToolError> {
        if self.reader.peek() == Some('"') {
            return self.reader.phrase().map(|phrase| Some(Scalar::Text(phrase)));
        }
        let at = self.reader.at;
        let word = self.reader.word(stops)?;
        match word.as_slice() {
            [] => Err(self.reader.fail(at, "a bound is missing here", "write a number, a time or a text")),
            [Letter { char: '*', is_escaped: false, .. }] if !stops.is_empty() => Ok(None),
            _ => self.plain(&word).map(|text| Some(scalar(text))),
        }
    }

    pub(super) fn phrase(&mut self, field: Option<&Field>, text: String) -> Result<Filter, ToolError> {
        match field {
            None => Ok(Filter::AnyPhrase { text, prefix: false }),
            Some(field @ Field::Named(_)) => Ok(Filter::Phrase { field: field.clone(), text, prefix: false }),
            // Most roles are no texts: quotation marks only join what has spaces.
            Some(field) => condition::is(field, vec![Scalar::Text(text)], self.now),
        }
    }

    /// A word as the value of a field.
    pub(super) fn value(&mut self, field: Field) -> Result<Filter, ToolError> {
        let word = self.reader.word("")?;
        match word.as_slice() {
            [] => Err(self.fail("a value is missing here", "put the text in quotes to search for it as it stands")),
            [Letter { char: '*', is_escaped: false, .. }] => Ok(Filter::Exists(field)),
            [head @ .., Letter { char: '*', is_escaped: false, .. }] => {
                let text = self.plain(head)?;
                let is_text = condition::is_text(&field);
                Ok(if is_text { Filter::Phrase { field, text, prefix: true } } else { Filter::Prefix(field, text) })
            }
            word => self.plain(word).and_then(|text| condition::is(&field, vec![scalar(text)], self.now)),
        }
    }

    /// A word that names no field.
    pub(super) fn words(&mut self) -> Result<Filter, ToolError> {
        let at = self.reader.at;
        let word = self.reader.word("")?;
        let written: String = word.iter().map(|letter| letter.char).collect();
        if matches!(written.as_str(), "*" | "*:*") && !word.iter().any(|letter| letter.is_escaped) {
            return Ok(Filter::All);
        }
        if matches!(written.as_str(), "and" | "or" | "not") && self.is_condition_next() {
            let next_step = format!("write {} as an operator, or put the word in quotes", written.to_ascii_uppercase());
            return Err(self.reader.fail(at, "operators are written in capitals", &next_step));
        }
        if written.chars().all(|char| char.is_ascii_punctuation()) && !written.contains('*') {
            return Err(self.reader.fail(
                at,
                "nothing here can be searched: punctuation is no part of words",
                "leave it out, or quote it with its words",
            ));
        }
        match word.as_slice() {
            [head @ .., Letter { char: '*', is_escaped: false, .. }] => {
                self.plain(head).map(|text| Filter::AnyPhrase { text, prefix: true })
            }
            word => self.plain(word).map(Filter::AnyText),
        }
    }

    /// Whether what follows is clearly a condition, so that a small `or` before it was meant as an operator.
    pub(super) fn is_condition_next(&mut self) -> bool {
        self.reader.skip_space();
        self.reader.peek() == Some('(') || self.field_ahead().is_some()
    }

    /// The text of a word that has neither wildcard nor anything else that is not supported.
    fn plain(&self, word: &[Letter]) -> Result<String, ToolError> {
        let is_special = |letter: &Letter, chars: &str| !letter.is_escaped && chars.contains(letter.char);
        if let [first, .., last] = word
            && is_special(first, "/")
            && is_special(last, "/")
        {
            return Err(self.reader.fail(
                first.at,
                "regular expressions are not supported",
                "search for words, or for beginnings such as `time*`; put a path in quotes",
            ));
        }
        if let Some(wildcard) = word.iter().find(|letter| is_special(letter, "*?")) {
            return Err(self.reader.fail(
                wildcard.at,
                "a wildcard is only supported as the last character, and only `*`",
                "search for beginnings such as `time*`, or for whole words; `\\*` is the character itself",
            ));
        }
        // `word~`, `word~2`, `word^3`
        let digits = word.iter().rev().take_while(|letter| letter.char.is_ascii_digit() || letter.char == '.').count();
        if let Some(mark) = word.len().checked_sub(digits + 1).and_then(|at| word.get(at))
            && (is_special(mark, "~") || is_special(mark, "^"))
        {
            return Err(self.unsupported(mark.at));
        }
        Ok(word.iter().map(|letter| letter.char).collect())
    }

    pub(super) fn unsupported(&self, at: usize) -> ToolError {
        self.reader.fail(
            at,
            "fuzzy search, proximity and boosts are not supported",
            "leave it out, or write a backslash before it to search for the character",
        )
    }
}

/// A number or a boolean where the text is written as one exactly; a version such as `1.10` stays a text.
fn scalar(text: String) -> Scalar {
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
    {
        return Scalar::Int(number);
    }
    if let Ok(number) = text.parse::<u64>()
        && number.to_string() == text
    {
        return Scalar::Unsigned(number);
    }
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
        && number.to_string() == text
    {
        return Scalar::Float(number);
    }
    match text.as_str() {
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        _ => Scalar::Text(text),
    }
}
