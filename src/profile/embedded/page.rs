//! `gateway.controlUi`: whether the gateway shows its page, and below which path.

use crate::base::Result;
use crate::profile::config::Node;

/// Where the page stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRules {
    /// `gateway.controlUi.enabled`.
    pub enabled: bool,
    /// `gateway.controlUi.basePath` without a slash at its end: empty for the root, else it begins with one.
    pub base_path: String,
}

impl Default for PageRules {
    fn default() -> Self {
        PageRules { enabled: true, base_path: String::new() }
    }
}

impl PageRules {
    pub(in crate::profile) fn read(gateway: &Node<'_>) -> Result<PageRules> {
        let ui = gateway.child("controlUi").object()?;
        let path = ui.child("basePath").text()?.unwrap_or_default();
        let path = path.trim().trim_matches('/');
        Ok(PageRules {
            enabled: ui.child("enabled").boolean()?.unwrap_or(true),
            base_path: if path.is_empty() { String::new() } else { format!("/{path}") },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_base_path_is_taken_with_and_without_its_slashes() {
        for (given, means) in [("/", ""), ("", ""), ("ui", "/ui"), ("/ui/", "/ui"), ("/a/b", "/a/b")] {
            let root = json!({ "gateway": { "controlUi": { "basePath": given } } });
            let gateway = Node::root(Path::new("openclaw.json"), "gateway", &root).object().unwrap();
            assert_eq!(PageRules::read(&gateway).unwrap().base_path, means, "{given}");
        }
    }
}
