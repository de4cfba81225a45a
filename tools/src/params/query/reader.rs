//! Reads the characters of a query: where words and phrases end, what is escaped, and where an error lies.

use super::MAX_BYTES;
use crate::error::{Code, ToolError};

/// A character of a word, with whether a backslash stood before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter {
    pub(super) char: char,
    pub(super) is_escaped: bool,
    pub(super) at: usize,
}

/// A position in the characters of a query.
pub(super) struct Reader {
    chars: Vec<char>,
    pub(super) at: usize,
}

impl Reader {
    pub(super) fn new(text: &str) -> Result<Self, ToolError> {
        if text.len() > MAX_BYTES {
            return Err(ToolError::new(
                Code::BadQuery,
                format!("`query` has {} bytes; at most {MAX_BYTES} are accepted", text.len()),
                "search for its most telling words, or use `filters` with op `one_of` for a list of values",
            ));
        }
        Ok(Self { chars: text.chars().collect(), at: 0 })
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.after_space(self.at);
    }

    pub(super) fn after_space(&self, mut at: usize) -> usize {
        while self.peek_at(at).is_some_and(char::is_whitespace) {
            at += 1;
        }
        at
    }

    /// Whether exactly this text comes next.
    pub(super) fn is_next(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, char)| self.peek_at(self.at + offset) == Some(char))
    }

    /// Takes this text if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_next = self.is_next(text);
        if is_next {
            self.at += text.chars().count();
        }
        is_next
    }

    /// Whether this word comes next, and ends there.
    pub(super) fn is_word_next(&self, word: &str) -> bool {
        self.is_next(word) && self.peek_at(self.at + word.chars().count()).is_none_or(|char| char.is_whitespace() || "()\"".contains(char))
    }

    /// The text between two positions.
    pub(super) fn between(&self, from: usize, to: usize) -> String {
        self.chars.get(from..to).unwrap_or_default().iter().collect::<String>().trim().to_owned()
    }

    /// Reads up to space, a parenthesis, a quotation mark, or one of `stops`.
    pub(super) fn word(&mut self, stops: &str) -> Result<Vec<Letter>, ToolError> {
        let mut word = Vec::new();
        while let Some(char) = self.peek() {
            if char.is_whitespace() || "()\"".contains(char) || stops.contains(char) {
                break;
            }
            let at = self.at;
            self.at += 1;
            if char != '\\' {
                word.push(Letter { char, is_escaped: false, at });
                continue;
            }
            let Some(char) = self.peek() else {
                return Err(self.fail(
                    at,
                    "a backslash at the end escapes nothing",
                    "write `\\\\` for a backslash, or put the text in quotes",
                ));
            };
            self.at += 1;
            word.push(Letter { char, is_escaped: true, at });
        }
        Ok(word)
    }

    /// Reads a phrase; the opening quotation mark comes next.
    pub(super) fn phrase(&mut self) -> Result<String, ToolError> {
        let open = self.at;
        self.at += 1;
        let mut phrase = String::new();
        loop {
            match self.peek() {
                None => {
                    return Err(self.fail(
                        open,
                        "this quotation mark is never closed",
                        "close it, or write `\\\"` for the character itself",
                    ));
                }
                Some('"') => break,
                Some('\\') => {
                    self.at += 1;
                    phrase.extend(self.peek());
                }
                Some(char) => phrase.push(char),
            }
            self.at += 1;
        }
        self.at += 1;
        if phrase.trim().is_empty() {
            return Err(self.fail(open, "this phrase is empty", "write the words to search between the quotation marks"));
        }
        Ok(phrase)
    }

    /// An error at a position: what is wrong, the query around it, and a caret under the place.
    pub(super) fn fail(&self, at: usize, what: &str, next_step: &str) -> ToolError {
        let from = at.saturating_sub(40);
        let to = (at + 40).min(self.chars.len());
        let mut line: String =
            self.chars.get(from..to).unwrap_or_default().iter().map(|char| if char.is_control() { ' ' } else { *char }).collect();
        let mut caret = at - from;
        if from > 0 {
            line.insert(0, '…');
            caret += 1;
        }
        if to < self.chars.len() {
            line.push('…');
        }
        ToolError::new(Code::BadQuery, format!("`query`: {what}\n  {line}\n  {}^", " ".repeat(caret)), next_step)
    }
}
