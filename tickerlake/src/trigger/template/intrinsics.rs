//! Evaluates a template's intrinsic functions, as far as its own parameters and conditions determine them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::TemplateError;
use super::yaml::{Content, Node};

/// Maximum nesting of conditions, which are evaluated recursively. Deeper nesting is an error; no real template has
/// this many levels.
const MAX_DEPTH: usize = 100;

/// Value of a node. The contents of lists and mappings are not evaluated, because they may not be needed.
#[derive(Debug)]
pub(super) enum Value<'t> {
    /// `AWS::NoValue`, which removes the property.
    Absent,
    Null,
    Text(Cow<'t, str>),
    List(&'t [Rc<Node>]),
    Map(&'t [(String, Rc<Node>)]),
    /// A value that the template does not determine.
    Unknown(Unknown),
}

/// A value that the template does not determine.
#[derive(Clone, Debug)]
pub(super) struct Unknown {
    pub(super) line: usize,
    pub(super) what: String,
    /// The parameter whose value would determine the unknown value.
    pub(super) parameter: Option<String>,
}

/// Reason that a node has no value.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The node depends on a condition that the template does not determine.
    Unknown(Unknown),
    Malformed {
        line: usize,
        problem: String,
    },
}

fn malformed<T>(line: usize, problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Malformed { line, problem: problem.into() })
}

/// Call of an intrinsic function, in the short form (`!If`) or the long form (`Fn::If:`).
struct Call<'t> {
    name: &'t str,
    argument: &'t Node,
}

impl<'t> Call<'t> {
    fn of(node: &'t Node) -> Option<Self> {
        if let Some(name) = &node.tag {
            return Some(Call { name, argument: node });
        }
        let Content::Map(entries) = &node.content else { return None };
        let [(key, argument)] = entries.as_slice() else { return None };
        let name = match key.as_str() {
            "Ref" | "Condition" => key,
            // `Fn::ForEach::Name` is an ordinary key here, not a function.
            _ => key.strip_prefix("Fn::").filter(|name| !name.contains(':'))?,
        };
        Some(Call { name, argument })
    }

    fn name_argument(&self) -> Result<&'t str, Fault> {
        match self.argument.text() {
            Some(text) => Ok(text),
            None => malformed(self.argument.line, format!("!{} expects a name", self.name)),
        }
    }

    fn arguments(&self) -> &'t [Rc<Node>] {
        match &self.argument.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    fn exactly<const N: usize>(&self) -> Result<&'t [Rc<Node>; N], Fault> {
        let arguments = self.arguments();
        arguments.try_into().or_else(|_| {
            malformed(
                self.argument.line,
                format!("!{} expects a list of length {N}, not {}", self.name, arguments.len()),
            )
        })
    }
}

/// Returns the logical ID of the resource to whose name or ARN a node refers, or `None` if the node does not refer to a
/// resource.
pub(super) fn referenced(node: &Node) -> Option<&str> {
    let call = Call::of(node)?;
    match (call.name, call.argument.text(), call.arguments()) {
        ("Ref", Some(name), _) => Some(name),
        ("GetAtt", Some(path), _) => path.split('.').next(),
        ("GetAtt", None, [name, _]) => name.text(),
        _ => None,
    }
}

/// A template and the given values of its parameters.
pub(super) struct Template<'t> {
    root: &'t Node,
    given: &'t BTreeMap<String, String>,
    /// Results of conditions; `None` while a condition is being evaluated.
    conditions: RefCell<BTreeMap<&'t str, Option<Result<bool, Fault>>>>,
}

impl<'t> Template<'t> {
    /// Creates a template with values for its parameters.
    ///
    /// # Errors
    /// [`TemplateError::Parameter`] for a parameter or value that the template does not permit.
    pub(super) fn new(root: &'t Node, given: &'t BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let declared = match root.entry("Parameters").map(|(_, node)| &node.content) {
            Some(Content::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        for (name, value) in given.iter().filter(|(name, _)| !name.starts_with("AWS::")) {
            let Some((_, declaration)) = declared.iter().find(|(other, _)| other == name) else {
                let known = declared.iter().map(|(name, _)| name.clone()).collect();
                return Err(TemplateError::Parameter { name: name.clone(), problem: "no such parameter", known });
            };
            // AWS checks each item of a list parameter, but list parameters are not supported here.
            if let Some((_, Node { content: Content::List(allowed), .. })) = declaration.entry("AllowedValues")
                && !is_list(kind_of(declaration))
            {
                let known: Vec<String> = allowed.iter().filter_map(|node| node.text()).map(str::to_owned).collect();
                if !known.contains(value) {
                    return Err(TemplateError::Parameter {
                        name: name.clone(),
                        problem: "not an allowed value",
                        known,
                    });
                }
            }
        }
        Ok(Template { root, given, conditions: RefCell::default() })
    }

    /// Evaluates a node. Returns the line of the value and the value.
    ///
    /// # Errors
    /// [`Fault`] if the value depends on an unknown condition, or the arguments of a function are invalid.
    pub(super) fn resolve(&self, mut node: &'t Node) -> Result<(usize, Value<'t>), Fault> {
        loop {
            let line = node.line;
            let value = match Call::of(node) {
                Some(call) if call.name == "If" => {
                    let [condition, yes, no] = call.exactly::<3>()?;
                    let Some(name) = condition.text() else {
                        return malformed(condition.line, "!If expects the name of a condition first");
                    };
                    node = if self.condition(name, condition.line, 0)? { yes } else { no };
                    continue;
                }
                Some(call) => self.scalar(&call)?,
                None => match &node.content {
                    Content::Null => Value::Null,
                    Content::Text(text) => Value::Text(Cow::Borrowed(text)),
                    Content::List(items) => Value::List(items),
                    Content::Map(entries) => Value::Map(entries),
                },
            };
            return Ok((line, value));
        }
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// [`Fault`] if the template does not define the condition or does not determine its value, or if the condition is
    /// invalid.
    pub(super) fn condition(&self, name: &str, line: usize, depth: usize) -> Result<bool, Fault> {
        match self.conditions.borrow().get(name) {
            Some(Some(outcome)) => return outcome.clone(),
            Some(None) => return malformed(line, format!("the condition {name} depends on itself")),
            None => {}
        }
        let Some((name, node)) = self.root.entry("Conditions").and_then(|(_, conditions)| conditions.entry(name))
        else {
            return malformed(line, format!("the template has no condition {name}"));
        };
        self.conditions.borrow_mut().insert(name, None);
        let outcome = self.holds(node, depth);
        self.conditions.borrow_mut().insert(name, Some(outcome.clone()));
        outcome
    }

    fn holds(&self, node: &'t Node, depth: usize) -> Result<bool, Fault> {
        if depth > MAX_DEPTH {
            return malformed(node.line, format!("conditions are nested more than {MAX_DEPTH} levels deep"));
        }
        let Some(call) = Call::of(node) else {
            return malformed(node.line, "expected a condition: !Equals, !Not, !And, !Or or !Condition");
        };
        match call.name {
            "Condition" => self.condition(call.name_argument()?, node.line, depth + 1),
            "Equals" => {
                let [left, right] = call.exactly::<2>()?;
                Ok(self.operand(left)? == self.operand(right)?)
            }
            "Not" => {
                let [inner] = call.exactly::<1>()?;
                Ok(!self.holds(inner, depth + 1)?)
            }
            "And" | "Or" if call.arguments().is_empty() => {
                malformed(node.line, format!("!{} expects a list of conditions", call.name))
            }
            // The first condition that differs determines the result.
            "And" | "Or" => {
                let every = call.name == "And";
                for inner in call.arguments() {
                    if self.holds(inner, depth + 1)? != every {
                        return Ok(!every);
                    }
                }
                Ok(every)
            }
            other => malformed(node.line, format!("!{other} is not a condition function")),
        }
    }

    fn operand(&self, node: &'t Node) -> Result<Cow<'t, str>, Fault> {
        let value = match Call::of(node) {
            // !If is not evaluated here: AWS does not permit it in conditions, and its recursion would not be limited.
            Some(call) => self.scalar(&call)?,
            None => node.text().map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text))),
        };
        match value {
            Value::Text(text) => Ok(text),
            Value::Unknown(unknown) => Err(Fault::Unknown(unknown)),
            _ => malformed(node.line, "!Equals compares two strings"),
        }
    }

    /// Evaluates a function whose result is a string. Returns [`Value::Unknown`] for functions that are not supported.
    fn scalar(&self, call: &Call<'t>) -> Result<Value<'t>, Fault> {
        let line = call.argument.line;
        let outcome = match call.name {
            "Ref" => match call.name_argument()? {
                "AWS::NoValue" => return Ok(Value::Absent),
                name => self.parameter(name, line).map(Cow::Borrowed),
            },
            "Sub" if call.argument.text().is_some() => self.substitute(call.name_argument()?, line).map(Cow::Owned),
            "Sub" => {
                Err(Unknown { line, what: "!Sub with a variable map is not supported".to_owned(), parameter: None })
            }
            other => Err(Unknown { line, what: format!("!{other} is not supported"), parameter: None }),
        };
        Ok(outcome.map_or_else(Value::Unknown, Value::Text))
    }

    fn parameter(&self, name: &str, line: usize) -> Result<&'t str, Unknown> {
        let unknown = |what: String, parameter: Option<&str>| {
            Err(Unknown { line, what, parameter: parameter.map(str::to_owned) })
        };
        if name.starts_with("AWS::") {
            let given = self.given.get(name).map(String::as_str);
            return given.map_or_else(|| unknown(format!("only AWS knows {name}"), Some(name)), Ok);
        }
        let Some((_, declaration)) = self.root.entry("Parameters").and_then(|(_, declared)| declared.entry(name))
        else {
            return unknown(format!("{name} is not a parameter, and only AWS knows its value"), None);
        };
        let kind = kind_of(declaration);
        if is_list(kind) {
            return unknown(format!("the parameter {name} is a list, which is not supported here"), None);
        }
        if let Some(given) = self.given.get(name) {
            return Ok(given);
        }
        if kind.starts_with("AWS::SSM::") {
            return unknown(format!("the value of the parameter {name} is in SSM"), Some(name));
        }
        match declaration.entry("Default").and_then(|(_, default)| default.text()) {
            Some(default) => Ok(default),
            None => unknown(format!("the parameter {name} has no default"), Some(name)),
        }
    }

    /// Replaces each `${Parameter}` in a string. `${!Literal}` becomes `${Literal}`.
    fn substitute(&self, text: &str, line: usize) -> Result<String, Unknown> {
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            done.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => done.push_str(&format!("${{{literal}}}")),
                None => done.push_str(self.parameter(name.trim(), line)?),
            }
            rest = after;
        }
        done.push_str(rest);
        Ok(done)
    }
}

fn kind_of(declaration: &Node) -> &str {
    declaration.entry("Type").and_then(|(_, kind)| kind.text()).unwrap_or("String")
}

fn is_list(kind: &str) -> bool {
    kind.contains("CommaDelimitedList") || kind.contains("List<")
}
