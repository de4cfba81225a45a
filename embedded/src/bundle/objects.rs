//! Cuts a stream of bytes into lines of one document each: at line breaks, or for a JSON array and indented JSON at the end
//! of each object. Knows no file.

/// A longer line is left out.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// How a file's documents are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Not known yet.
    Unknown,
    /// By line breaks.
    Lines,
    /// By braces.
    Objects,
}

/// Turns what is read into lines.
#[derive(Debug)]
pub(super) struct Cutter {
    form: Form,
    depth: u32,
    in_string: bool,
    escaped: bool,
    started: bool,
}

impl Cutter {
    pub(super) fn new() -> Self {
        Self { form: Form::Unknown, depth: 0, in_string: false, escaped: false, started: false }
    }

    /// Appends a piece of a file to `lines`, in which every document ends with a line break.
    pub(super) fn append(&mut self, piece: &[u8], lines: &mut Vec<u8>) {
        let mut piece = piece;
        if !self.started && !piece.is_empty() {
            self.started = true;
            piece = piece.strip_prefix(b"\xef\xbb\xbf").unwrap_or(piece);
        }
        if self.form == Form::Unknown {
            let text = piece.trim_ascii_start();
            self.form = match text {
                [] => return,
                [b'[', rest @ ..] if matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b']')) => Form::Objects,
                // An opening brace alone on its line.
                [b'{', rest @ ..] if rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).is_none_or(|byte| *byte == b'\n') => {
                    Form::Objects
                }
                _ => Form::Lines,
            };
        }
        if self.form == Form::Lines {
            lines.extend_from_slice(piece);
            return;
        }
        for &byte in piece {
            self.object_byte(byte, lines);
        }
    }

    fn object_byte(&mut self, byte: u8, lines: &mut Vec<u8>) {
        if self.depth == 0 {
            if byte == b'{' {
                self.depth = 1;
                lines.push(byte);
            }
            // Commas, brackets and blanks between objects; anything else there is no document.
            return;
        }
        lines.push(if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.depth += 1,
            b'}' => {
                self.depth -= 1;
                if self.depth == 0 {
                    lines.push(b'\n');
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, piece: usize) -> Vec<String> {
        let mut cutter = Cutter::new();
        let mut lines = Vec::new();
        text.as_bytes().chunks(piece).for_each(|piece| cutter.append(piece, &mut lines));
        String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn documents_are_told_apart() {
        for (text, expected) in [
            ("{\"a\":1}\n{\"a\":2}", vec!["{\"a\":1}", "{\"a\":2}"]),
            ("[{\"a\":\"}\\\"{\"},\n {\"b\":{}}]", vec!["{\"a\":\"}\\\"{\"}", "{\"b\":{}}"]),
            ("{\n\"a\":\n1\n}\n{\"b\":2}", vec!["{ \"a\": 1 }", "{\"b\":2}"]),
            ("[INFO] plain text\nmore", vec!["[INFO] plain text", "more"]),
            ("[]", vec![]),
            ("\u{feff}{\"a\":1}", vec!["{\"a\":1}"]),
        ] {
            assert_eq!(cut(text, 1_000), expected, "{text}");
        }
        assert_eq!(cut("[{\"a\":1},{\"b\":[{}]}]", 7), ["{\"a\":1}", "{\"b\":[{}]}"]);
    }
}
