//! Text → one tree of nodes that know where they stand. The only file that knows the YAML parser.
//!
//! All typing is ours: a scalar is its source text (`0x10`, `1e5`, `0755`, `on` stay what they are), a quoted one its
//! decoded text. The parser therefore is used for its events, one level below any deserializer: those infer types,
//! stop at the first duplicate key and repeat pieces of the file in their messages.
//!
//! Aliases and merge keys are resolved here, within [`MAX_EXPANDED`] and [`MAX_DEPTH`].
//!
//! The tree wipes its texts. What the parser itself copied while it decoded a quoted scalar is freed as it is.

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use zeroize::Zeroizing;

use crate::report::{Place, Position, Report};
use crate::tree::{Entry, NODE_COST, Node, Value};

/// Largest configuration, in bytes. Thousands of policies fit.
pub(crate) const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Deepest nesting, aliases resolved. The deepest setting is five levels down.
const MAX_DEPTH: usize = 32;

/// Most that a file may hold after its aliases are resolved, in bytes of text and [`NODE_COST`] per node.
const MAX_EXPANDED: usize = 4 * MAX_FILE_BYTES;

/// Reads a document whose root is a mapping. Problems go to `report`; `None` if there is no tree at all.
pub(crate) fn parse(text: &str, report: &mut Report<'_>) -> Option<Vec<Entry>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    let root = match builder.run(text) {
        Ok(root) => root,
        Err(stop) => {
            report.error(&Place { path: String::new(), at: stop.at }, stop.message, stop.hint);
            return None;
        }
    };
    for (place, line) in &builder.duplicates {
        report.error(place, format!("this key stands in line {line} already"), "remove one of the two");
    }
    match root {
        Some(Node { value: Value::Map(entries), .. }) => Some(entries),
        None | Some(Node { value: Value::Null, .. }) => {
            report.error(&Place::root(), "the file is empty", "start from `kes-config.yaml.example`");
            None
        }
        Some(node) => {
            let place = Place { path: String::new(), at: node.at };
            report.error(&place, "the file is not a mapping of settings", "write `key: value` lines");
            None
        }
    }
}

/// Why there is no tree.
struct Stop {
    at: Position,
    message: String,
    hint: &'static str,
}

impl Stop {
    fn new(at: Position, message: impl Into<String>, hint: &'static str) -> Self {
        Self { at, message: message.into(), hint }
    }
}

impl From<ScanError> for Stop {
    /// The parser's own words, which repeat nothing of the file but brackets.
    fn from(error: ScanError) -> Self {
        let at = position(error.marker());
        let (message, hint) = match error.kind() {
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
                ("a tab cannot indent".to_owned(), "indent with spaces")
            }
            ErrorKind::UnknownAnchor => ("this alias names no anchor above it".to_owned(), "define `&name` first"),
            ErrorKind::RecursionLimitExceeded => return too_deep(at),
            ErrorKind::UnexpectedCharacter { .. } => {
                ("unexpected character".to_owned(), "put text with special characters in quotes")
            }
            kind => (
                format!("not valid YAML: {kind}"),
                "look at indentation, quotes and colons here and in the line before; `${NAME}` inside braces needs quotes",
            ),
        };
        Self::new(at, message, hint)
    }
}

fn too_deep(at: Position) -> Stop {
    Stop::new(at, format!("nested more than {MAX_DEPTH} levels deep"), "no setting is that deep")
}

fn position(marker: &Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(marker.line().max(1)), column: number(marker.col().saturating_add(1)) }
}

/// A collection that is not closed yet.
struct Open {
    at: Position,
    anchor: usize,
    frame: Frame,
}

enum Frame {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, merged: Vec<Entry>, key: Option<Key> },
}

/// A key that waits for its value.
enum Key {
    Name(String, Position),
    Merge,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    /// Keys that stand in their mapping already, and the line where.
    duplicates: Vec<(Place, u32)>,
    root: Option<Node>,
    documents: usize,
    expanded: usize,
}

impl Builder {
    fn run(&mut self, text: &str) -> Result<Option<Node>, Stop> {
        if text.len() > MAX_FILE_BYTES {
            return Err(Stop::new(
                Position::START,
                format!("the file has {} bytes, the most are {MAX_FILE_BYTES}", text.len()),
                "is this the right file?",
            ));
        }
        let options = granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event?;
            self.event(event, position(&span.start))?;
        }
        Ok(self.root.take())
    }

    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let hint = "keep one document, without a further `---`";
                    return Err(Stop::new(at, "a second document begins here", hint));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(Zeroizing::new(text.into_owned()), style, anchor, tag.as_deref(), at)
            }
            Event::SequenceStart(_, anchor, _) => self.start(at, anchor, Frame::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.start(at, anchor, Frame::Map { entries: Vec::new(), merged: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let hint = "an anchor cannot hold an alias to itself";
                    return Err(Stop::new(at, "this alias stands inside its own anchor", hint));
                };
                if self.open.len() + node.depth() > MAX_DEPTH {
                    return Err(too_deep(at));
                }
                self.spend(node.cost(), at)?;
                self.put(node, false)
            }
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: Zeroizing<String>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Stop> {
        let suffix = tag.map(Tag::suffix);
        if suffix == Some("binary") {
            return Err(Stop::new(at, "`!!binary` is not supported", "write the text itself"));
        }
        self.spend(NODE_COST + text.len(), at)?;
        let plain = style == ScalarStyle::Plain && suffix != Some("str");
        let value = if plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
            Value::Null
        } else {
            Value::Text(text)
        };
        self.finished(Node { at, value }, anchor, plain)
    }

    fn start(&mut self, at: Position, anchor: usize, frame: Frame) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        self.spend(NODE_COST, at)?;
        self.open.push(Open { at, anchor, frame });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Open { at, anchor, frame }) = self.open.pop() else { return Ok(()) };
        let value = match frame {
            Frame::List(items) => Value::List(items),
            Frame::Map { entries, merged, .. } => Value::Map(self.mapping(entries, merged)),
        };
        self.finished(Node { at, value }, anchor, false)
    }

    /// A mapping with each key once: the first of equal keys stays, and what is merged in stays behind all others.
    fn mapping(&mut self, entries: Vec<Entry>, merged: Vec<Entry>) -> Vec<Entry> {
        let mut first: HashMap<String, Position> = HashMap::new();
        let mut unique = Vec::with_capacity(entries.len());
        for entry in entries {
            match first.get(&entry.key) {
                Some(first) => {
                    let place = Place { path: self.path(), at: entry.at };
                    self.duplicates.push((Place { path: place.below(&entry.key), ..place }, first.line));
                }
                None => {
                    first.insert(entry.key.clone(), entry.at);
                    unique.push(entry);
                }
            }
        }
        let mut seen: HashSet<String> = first.into_keys().collect();
        unique.extend(merged.into_iter().filter(|entry| seen.insert(entry.key.clone())));
        unique
    }

    /// The keys that lead to the collection that was closed last.
    fn path(&self) -> String {
        self.open
            .iter()
            .fold(Place::root(), |place, open| Place {
                path: match &open.frame {
                    Frame::List(items) => format!("{}[{}]", place.path, items.len()),
                    Frame::Map { key: Some(Key::Name(name, _)), .. } => place.below(name),
                    Frame::Map { .. } => place.below("<<"),
                },
                ..place
            })
            .path
    }

    fn finished(&mut self, node: Node, anchor: usize, plain: bool) -> Result<(), Stop> {
        if anchor != 0 {
            self.spend(node.cost(), node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.put(node, plain)
    }

    /// Puts a node where it belongs: `plain` says that it is a scalar without quotes, such as the merge key.
    fn put(&mut self, node: Node, plain: bool) -> Result<(), Stop> {
        match self.open.last_mut().map(|open| &mut open.frame) {
            None => self.root = Some(node),
            Some(Frame::List(items)) => items.push(node),
            Some(Frame::Map { entries, merged, key }) => match key.take() {
                None => *key = Some(key_of(node, plain)?),
                Some(Key::Name(name, at)) => entries.push(Entry { key: name, at, node }),
                Some(Key::Merge) => merge(node, merged)?,
            },
        }
        Ok(())
    }

    fn spend(&mut self, cost: usize, at: Position) -> Result<(), Stop> {
        self.expanded = self.expanded.saturating_add(cost);
        if self.expanded > MAX_EXPANDED {
            let message = format!("the file grows beyond {MAX_EXPANDED} bytes here");
            return Err(Stop::new(at, message, "use fewer aliases and values"));
        }
        Ok(())
    }
}

fn key_of(node: Node, plain: bool) -> Result<Key, Stop> {
    match node.value {
        Value::Text(text) if plain && *text == "<<" => Ok(Key::Merge),
        Value::Text(text) => Ok(Key::Name(text.to_string(), node.at)),
        _ => Err(Stop::new(node.at, "a key must be text", "put the key in quotes")),
    }
}

/// Takes over the entries of a merge key's value: of one mapping, or of several, the first of which counts most.
fn merge(node: Node, merged: &mut Vec<Entry>) -> Result<(), Stop> {
    let wrong = |at| Stop::new(at, "`<<` takes a mapping or a list of mappings", "write `<<: *anchor`");
    match node.value {
        Value::Map(entries) => merged.extend(entries),
        Value::List(items) => {
            for item in items {
                let Value::Map(entries) = item.value else { return Err(wrong(item.at)) };
                merged.extend(entries);
            }
        }
        Value::Null | Value::Text(_) => return Err(wrong(node.at)),
    }
    Ok(())
}
