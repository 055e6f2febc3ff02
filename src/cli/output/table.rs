//! Text in columns.

/// Width of the labels of `key info`, `identity info` and the like.
const LABEL_WIDTH: usize = 11;

/// Labels and values under one another. Values are harmless: what servers tell has gone through `harmless`.
pub(crate) fn labelled(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(label, value)| format!("{label:<LABEL_WIDTH$} {value}\n")).collect()
}
