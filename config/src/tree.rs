//! What stands in a file: nodes that know where they begin.

use zeroize::Zeroizing;

use crate::report::Position;

/// What a node counts for beside its text when a file's size is measured, in bytes.
pub(crate) const NODE_COST: usize = 16;

/// A value and where it begins.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// A value as written.
#[derive(Clone)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar: its source text, or what stands between its quotes. It may be a secret.
    Text(Zeroizing<String>),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the file's order, each key once, merge keys resolved.
    Map(Vec<Entry>),
}

/// A key, where it begins, and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) node: Node,
}

impl Node {
    /// What a copy of this node adds to the tree's size.
    pub(crate) fn cost(&self) -> usize {
        NODE_COST
            + match &self.value {
                Value::Null => 0,
                Value::Text(text) => text.len(),
                Value::List(items) => items.iter().map(Self::cost).sum(),
                Value::Map(entries) => entries.iter().map(|entry| entry.key.len() + entry.node.cost()).sum(),
            }
    }

    /// How many collections are nested in this node, itself included.
    pub(crate) fn depth(&self) -> usize {
        match &self.value {
            Value::Null | Value::Text(_) => 0,
            Value::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.node.depth()).max().unwrap_or(0),
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// Whether there is no text in it: nothing, an empty text, or collections of such.
    pub(crate) fn is_blank(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            Value::List(items) => items.iter().all(Self::is_blank),
            Value::Map(entries) => entries.iter().all(|entry| entry.node.is_blank()),
        }
    }

    /// What kind of value this is, for messages: never the value.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}
