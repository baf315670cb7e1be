//! Parses a template into a tree with line numbers and short tags, which most YAML value types do not keep.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// Maximum nesting. Deeper nesting is an error, so that dropping a tree recursively does not overflow a thread's stack;
/// no real template has this many levels.
const MAX_DEPTH: usize = 100;

/// A YAML node with its line number.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    /// Tag without the `!`, for example `Ref`.
    pub(super) tag: Option<String>,
    pub(super) content: Content,
    height: usize,
}

/// Content of a node. Scalars remain strings, because AWS compares parameters as strings and converts them later.
#[derive(Debug)]
pub(super) enum Content {
    Null,
    Text(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(String, Rc<Node>)>),
}

impl Node {
    /// Returns the string of a scalar, tagged or not, or `None` for any other node.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the entry with this key, or `None` if the node is not a mapping or has no such key.
    pub(super) fn entry(&self, key: &str) -> Option<(&str, &Node)> {
        match &self.content {
            Content::Map(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(name, node)| (name.as_str(), node.as_ref()))
            }
            _ => None,
        }
    }
}

/// Syntax error in the YAML of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SyntaxError {
    line: usize,
    problem: String,
}

/// A list or mapping that has not ended. Keys and values of a mapping alternate.
struct Open {
    line: usize,
    tag: Option<String>,
    anchor: usize,
    items: Vec<Rc<Node>>,
}

/// Parses YAML that consists of one document. An alias shares its node, so that aliases do not multiply the size.
///
/// # Errors
/// [`SyntaxError`] if `text` is not valid YAML, does not contain exactly one document, is nested too deeply, or has a
/// duplicate key, a key that is not a string, or an alias to a node that contains the alias.
pub(super) fn parse(text: &str) -> Result<Rc<Node>, SyntaxError> {
    let mut root = None;
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    let mut last = 1;
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) =
            event.map_err(|error| SyntaxError { line: error.marker().line(), problem: error.info().to_owned() })?;
        last = span.start.line();
        let (node, anchor) = match event {
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                open.push(Open { line: last, tag: short(tag.as_deref()), anchor, items: Vec::new() });
                continue;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = short(tag.as_deref());
                let content = scalar(&text, style, tag.is_some());
                (Rc::new(Node { line: last, tag, content, height: 0 }), anchor)
            }
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(node) => (Rc::clone(node), 0),
                None => {
                    return Err(SyntaxError {
                        line: last,
                        problem: "an alias refers to a node that contains the alias".to_owned(),
                    });
                }
            },
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(ended) => {
                    let anchor = ended.anchor;
                    (Rc::new(close(ended, event == Event::MappingEnd)?), anchor)
                }
                None => continue,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err(SyntaxError {
                    line: last,
                    problem: "expected one document, found a second one".to_owned(),
                });
            }
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, Rc::clone(&node));
        }
        match open.last_mut() {
            Some(parent) => parent.items.push(node),
            None => root = Some(node),
        }
    }
    root.ok_or_else(|| SyntaxError { line: last, problem: "the file is empty".to_owned() })
}

fn close(ended: Open, mapping: bool) -> Result<Node, SyntaxError> {
    let Open { line, tag, items, .. } = ended;
    let height = items.iter().map(|node| node.height + 1).max().unwrap_or(0);
    if height > MAX_DEPTH {
        return Err(SyntaxError { line, problem: format!("nested more than {MAX_DEPTH} levels deep") });
    }
    let content = if mapping { Content::Map(pairs(&items)?) } else { Content::List(items) };
    Ok(Node { line, tag, content, height })
}

fn pairs(items: &[Rc<Node>]) -> Result<Vec<(String, Rc<Node>)>, SyntaxError> {
    let mut entries = Vec::with_capacity(items.len() / 2);
    let mut names = HashSet::new();
    for pair in items.chunks_exact(2) {
        let (key, value) = (&pair[0], &pair[1]);
        let Some(name) = key.text() else {
            return Err(SyntaxError { line: key.line, problem: "a key is not a string".to_owned() });
        };
        if !names.insert(name) {
            return Err(SyntaxError { line: key.line, problem: format!("the key {name} occurs twice") });
        }
        entries.push((name.to_owned(), Rc::clone(value)));
    }
    Ok(entries)
}

fn short(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| tag.handle == "!").map(|tag| tag.suffix.clone())
}

fn scalar(text: &str, style: ScalarStyle, tagged: bool) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain && !tagged => Content::Null,
        // Normalize the spelling, so that equal values are equal strings.
        "True" | "TRUE" if style == ScalarStyle::Plain => Content::Text("true".to_owned()),
        "False" | "FALSE" if style == ScalarStyle::Plain => Content::Text("false".to_owned()),
        _ => Content::Text(text.to_owned()),
    }
}
