//! Converts a template's values to the expected types. Errors name the path and the line, and the remedy for an unknown
//! value.

use std::rc::Rc;

use super::intrinsics::{Fault, Template, Unknown, Value};
use super::yaml::{Content, Node};
use super::{FLAGS, TemplateError};

/// A value of the template and its path.
pub(super) struct Property<'t> {
    template: &'t Template<'t>,
    path: String,
    /// Command-line option that can replace this property or a property that contains it.
    flag: Option<&'static str>,
    line: usize,
    value: Value<'t>,
}

impl<'t> Property<'t> {
    /// Returns the root of the template.
    pub(super) fn root(template: &'t Template<'t>, root: &'t Node) -> Result<Self, TemplateError> {
        Self::new(template, String::new(), None, root)
    }

    fn new(
        template: &'t Template<'t>,
        path: String,
        flag: Option<&'static str>,
        node: &'t Node,
    ) -> Result<Self, TemplateError> {
        match template.resolve(node) {
            Ok((line, value)) => Ok(Property { template, path, flag, line, value }),
            Err(fault) => Err(failed(fault, path, flag)),
        }
    }

    /// Returns the property `key` of this YAML mapping, which is absent if the mapping is absent or has no such key.
    pub(super) fn get(&self, key: &str) -> Result<Property<'t>, TemplateError> {
        match self.entries()?.iter().find(|(name, _)| name == key) {
            Some((name, node)) => self.child(name, node),
            None => Ok(self.absent(key)),
        }
    }

    /// Returns a property of a mapping as if it were absent.
    pub(super) fn absent(&self, key: &str) -> Property<'t> {
        Property { template: self.template, path: self.join(key), flag: None, line: self.line, value: Value::Absent }
    }

    /// Returns the same property with a different line.
    pub(super) fn on(self, line: usize) -> Property<'t> {
        Property { line, ..self }
    }

    /// Returns an entry of a mapping as a property.
    pub(super) fn child(&self, key: &str, node: &'t Node) -> Result<Property<'t>, TemplateError> {
        let flag = FLAGS.iter().find(|(property, _)| *property == key).map(|(_, flag)| *flag);
        Self::new(self.template, self.join(key), flag.or(self.flag), node)
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self.value, Value::Absent)
    }

    /// Returns `true` unless the value is absent or an empty list.
    pub(super) fn is_given(&self) -> Result<bool, TemplateError> {
        match self.value {
            Value::List(_) => Ok(!self.items()?.is_empty()),
            _ => Ok(!self.is_absent()),
        }
    }

    /// Returns `true` if the resource has no `Condition`, or its condition is true.
    pub(super) fn is_created(&self) -> Result<bool, TemplateError> {
        let Some((_, node)) = self.entries()?.iter().find(|(name, _)| name == "Condition") else { return Ok(true) };
        let Content::Text(name) = &node.content else {
            return Err(self.child("Condition", node)?.unexpected("the name of a condition"));
        };
        self.template.condition(name, node.line, 0).map_err(|fault| failed(fault, self.join("Condition"), None))
    }

    /// Returns a mapping's entries, unresolved. An absent mapping has no entries.
    pub(super) fn entries(&self) -> Result<&'t [(String, Rc<Node>)], TemplateError> {
        match self.value {
            Value::Absent => Ok(&[]),
            Value::Map(entries) => Ok(entries),
            _ => Err(self.unexpected("a mapping")),
        }
    }

    /// Returns a list's items, without absent ones. An absent list has no items.
    pub(super) fn items(&self) -> Result<Vec<Property<'t>>, TemplateError> {
        let items = match self.value {
            Value::Absent => &[],
            Value::List(items) => items,
            _ => return Err(self.unexpected("a list")),
        };
        let items = items
            .iter()
            .enumerate()
            .map(|(index, node)| Self::new(self.template, format!("{}[{index}]", self.path), self.flag, node));
        items.filter(|item| !item.as_ref().is_ok_and(Property::is_absent)).collect()
    }

    /// Returns the string, or `None` if the value is absent. Fails unless the string satisfies `fits`; `expected`
    /// describes such a string.
    pub(super) fn text(&self, expected: &str, fits: impl Fn(&str) -> bool) -> Result<Option<String>, TemplateError> {
        match &self.value {
            Value::Absent => Ok(None),
            Value::Text(text) if fits(text) => Ok(Some(text.to_string())),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Returns the whole number, or `None` if the value is absent. Fails unless the number satisfies `fits`; `expected`
    /// describes such a number.
    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        expected: &str,
        fits: impl Fn(i64) -> bool,
    ) -> Result<Option<T>, TemplateError> {
        let number = match &self.value {
            Value::Absent => return Ok(None),
            Value::Text(text) => text.parse().ok().filter(|number| fits(*number)).and_then(|n| T::try_from(n).ok()),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.unexpected(expected))
    }

    /// Returns the boolean, or `None` if the value is absent.
    pub(super) fn boolean(&self) -> Result<Option<bool>, TemplateError> {
        let text = self.text("true or false", |text| ["true", "false"].contains(&text.to_lowercase().as_str()))?;
        Ok(text.map(|text| text.eq_ignore_ascii_case("true")))
    }

    /// Returns the error for a value that is unknown or not as expected.
    pub(super) fn unexpected(&self, expected: &str) -> TemplateError {
        let found = match &self.value {
            Value::Unknown(unknown) => {
                return failed(Fault::Unknown(unknown.clone()), self.path.clone(), self.flag);
            }
            Value::Absent | Value::Null => "nothing".to_owned(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        self.invalid(format!("expected {expected}, found {found}"))
    }

    /// Returns the error for an invalid value.
    pub(super) fn invalid(&self, problem: impl Into<String>) -> TemplateError {
        TemplateError::Invalid { line: self.line, path: self.path.clone(), problem: problem.into() }
    }
}

fn failed(fault: Fault, path: String, flag: Option<&str>) -> TemplateError {
    match fault {
        Fault::Malformed { line, problem } => TemplateError::Invalid { line, path, problem },
        Fault::Unknown(Unknown { line, what, parameter }) => {
            let remedies = parameter
                .iter()
                .map(|name| format!("--template-parameter {name}=VALUE"))
                .chain(flag.map(str::to_owned))
                .collect::<Vec<_>>();
            let remedy = match remedies.as_slice() {
                [] => "write the value literally".to_owned(),
                remedies => format!("give {}", remedies.join(" or ")),
            };
            TemplateError::Unresolvable { line, path, what, remedy }
        }
    }
}
