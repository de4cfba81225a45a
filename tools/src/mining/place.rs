//! The place in the source that wrote a line: the surest key of its kind. Knows one line at a time.

/// Logger and line, or a logger that holds its line (`Class#12`, `file.rs:7`); none where no line is told.
pub fn place(logger: &str, line: Option<&str>) -> Option<String> {
    if logger.is_empty() {
        return None;
    }
    if let Some(line) = line.filter(|line| !line.is_empty()) {
        return Some(format!("{logger}#{line}"));
    }
    let (name, line) = logger.rsplit_once(['#', ':'])?;
    (!name.is_empty() && !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())).then(|| logger.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_logger_and_its_line() {
        let check = |logger: &str, line: Option<&str>, expected: Option<&str>| assert_eq!(place(logger, line).as_deref(), expected);
        check("com.shop.Pay", Some("12"), Some("com.shop.Pay#12"));
        check("com.shop.Pay#12", None, Some("com.shop.Pay#12"));
        check("pay/main.go:122", Some(""), Some("pay/main.go:122"));
        check("com.shop.Pay", None, None);
        check("http://x", None, None);
        check(":7", None, None);
        check("", Some("12"), None);
    }
}
