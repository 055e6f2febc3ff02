//! The document as a tree.

use std::collections::BTreeSet;

use serde_json::Value;

/// The API's description.
pub struct Document(Value);

impl Document {
    /// Reads `docs/openapi.yaml`.
    pub fn read() -> Self {
        let text = include_str!("../../docs/openapi.yaml");
        let root: Value = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("docs/openapi.yaml: {error}"));
        assert_eq!(root["openapi"], "3.1.0");
        Self(root)
    }

    /// The whole document.
    pub fn root(&self) -> &Value {
        &self.0
    }

    /// What a node refers to, or the node itself.
    pub fn resolve<'d>(&'d self, node: &'d Value) -> &'d Value {
        let Some(reference) = node["$ref"].as_str() else { return node };
        let pointer = reference.strip_prefix('#').expect("references stay in the file");
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} is not there"))
    }

    /// Adds all references of the document; each leads somewhere.
    pub fn references(&self, found: &mut BTreeSet<String>) {
        let mut pending = vec![&self.0];
        while let Some(node) = pending.pop() {
            if let Some(reference) = node["$ref"].as_str() {
                self.resolve(node);
                found.insert(reference.to_owned());
            }
            pending.extend(members(node).map(|(_, value)| value));
            pending.extend(items(node));
        }
    }

    /// The error texts of a response: exact ones, and patterns.
    pub fn messages(&self, response: &Value) -> Vec<String> {
        let schema = &self.resolve(response)["content"]["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Error", "{response}");
        let mut texts = Vec::new();
        self.collect(&schema["properties"]["message"], &mut texts);
        assert!(!texts.is_empty(), "{response} has no text");
        texts
    }

    fn collect(&self, node: &Value, texts: &mut Vec<String>) {
        items(&node["anyOf"]).for_each(|branch| self.collect(branch, texts));
        if node.get("$ref").is_some() {
            self.collect(self.resolve(node), texts);
        }
        let values = items(&node["enum"]).chain(node.get("const")).chain(node.get("pattern"));
        texts.extend(values.map(|text| text.as_str().expect("a text").to_owned()));
    }
}

/// The members of an object; none of anything else.
pub fn members(node: &Value) -> impl Iterator<Item = (&str, &Value)> {
    node.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The items of an array; none of anything else.
pub fn items(node: &Value) -> impl Iterator<Item = &Value> {
    node.as_array().into_iter().flatten()
}
