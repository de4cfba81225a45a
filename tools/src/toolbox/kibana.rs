//! Links into Kibana's Discover for what a call looked at.

use crate::{dsl::IndexExpression, params::Window};

/// A link that opens Discover on an index pattern and a window of time. The state in the fragment is RISON, as Kibana
/// writes it (`_g` global, `_a` of the application); names of indices and times need no escaping in it.
pub(super) fn discover(base: &str, index: &IndexExpression, window: Window) -> String {
    let base = base.trim_end_matches('/');
    format!(
        "{base}/app/discover#/?_g=(time:(from:'{}',to:'{}'))&_a=(index:'{index}',query:(language:kuery,query:''))",
        window.start(),
        window.end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_the_indices_and_the_window() {
        let window = Window::new("2026-03-25T14:00:00Z".parse().unwrap(), "2026-03-25T15:00:00Z".parse().unwrap()).unwrap();
        let index = IndexExpression::parse("logs-*,app-*").unwrap();
        insta::assert_snapshot!(discover("https://kibana.example/", &index, window), @"https://kibana.example/app/discover#/?_g=(time:(from:'2026-03-25T14:00:00Z',to:'2026-03-25T15:00:00Z'))&_a=(index:'logs-*,app-*',query:(language:kuery,query:''))");
    }
}
