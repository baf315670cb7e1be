"""Evaluates a template and its nested templates with parameters, as CloudFormation does before it creates any resource.

The result is one flat template: a parameter of a nested template that refers to another stack's resource refers to that
resource directly. The logical names are therefore unique across the templates.
"""

import base64
import re

import files

# Arbitrary values of the pseudo parameters, which the linters need as strings.
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "tickerlake",
    "AWS::URLSuffix": "amazonaws.com",
}
IMAGE = "ami-0123456789abcdef0"
ABSENT = object()


class Rejected(Exception):
    """CloudFormation would reject the values because of the parameter `name`."""

    def __init__(self, name, reason):
        super().__init__(f"{name}: {reason}")
        self.name = name


def resolve(templates, parameters):
    """Returns the flat template with parameters and conditions evaluated. Only values that AWS assigns remain as functions."""
    root = Stack(templates, files.TEMPLATE, parameters, PSEUDO["AWS::StackName"])
    result = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": root.flat_resources(), "Outputs": root.outputs()}
    for body in result["Resources"].values():
        if "DefinitionSubstitutions" in body.get("Properties", {}):
            substitute_definition(body["Properties"])
    return result


class Stack:
    """A stack of one template, and the stacks that are nested in it."""

    def __init__(self, templates, path, parameters, name):
        self.templates, self.path, self.template, self.name = templates, path, templates[path], name
        self.reader = Reader(parameter_values(self.template.get("Parameters", {}), parameters), self)
        self.nested = {}
        for rule in self.template.get("Rules", {}).values():
            self.check(rule)

    def check(self, rule):
        if self.reader.holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]})):
            for assertion in rule["Assertions"]:
                if not self.reader.holds(assertion["Assert"]):
                    reason = assertion["AssertDescription"]
                    raise Rejected(reason.split()[0].split("=")[0], reason)

    def is_created(self, body):
        return "Condition" not in body or self.reader.condition(body["Condition"])

    def section(self, name):
        """Returns the section's entries whose condition is true, evaluated."""
        return {
            key: self.reader.value({part: value for part, value in body.items() if part != "Condition"})
            for key, body in self.template.get(name, {}).items()
            if self.is_created(body)
        }

    def outputs(self):
        return self.section("Outputs")

    def nested_stack(self, name):
        """Returns the stack with this logical name, or None if the resource is not a nested stack."""
        body = self.template["Resources"].get(name)
        if body is None or body["Type"] != files.NESTED:
            return None
        if not self.is_created(body):
            raise ValueError(f"{name} is referred to, and its condition is false")
        if name not in self.nested:
            properties = body["Properties"]
            values = self.reader.value(properties["Parameters"])
            self.nested[name] = Stack(self.templates, properties["TemplateURL"], values, f"{self.name}-{name}")
        return self.nested[name]

    def nested_stacks(self):
        """Returns the nested stacks that are created."""
        names = [name for name, body in self.template["Resources"].items() if body["Type"] == files.NESTED]
        return [self.nested_stack(name) for name in names if self.is_created(self.template["Resources"][name])]

    def output_of(self, name, attribute):
        """Returns the value of a nested stack's output, or None if the resource is not a nested stack."""
        stack = self.nested_stack(name)
        if stack is None:
            return None
        kind, _, key = attribute.partition(".")
        outputs = stack.outputs()
        if kind != "Outputs" or key not in outputs:
            raise ValueError(f"{name} has no output {key or attribute} with these parameters")
        return outputs[key]["Value"]

    def flat_resources(self):
        """Returns the resources of this stack and of the nested ones."""
        found = {}
        for name, body in self.section("Resources").items():
            stack = self.nested_stack(name)
            added = {name: body} if stack is None else stack.flat_resources()
            if repeated := added.keys() & found.keys():
                raise ValueError(f"two templates have a resource {', '.join(sorted(repeated))}")
            found |= added
        return found


def substitute_definition(machine):
    """Substitutes the placeholders of a state machine's definition; references become the resources' logical names."""
    names = {name: part if isinstance(part, str) else part["Ref"] for name, part in machine["DefinitionSubstitutions"].items()}
    machine["DefinitionString"] = substitute(machine["DefinitionString"], names)
    machine["DefinitionSubstitutions"] = names


def parameter_values(declarations, parameters):
    """Returns the value of every parameter, or raises Rejected if a declaration does not accept its value."""
    for name in parameters.keys() - declarations.keys():
        raise Rejected(name, "no such parameter")
    values = {}
    for name, declaration in declarations.items():
        text = parameters.get(name, declaration.get("Default"))
        if text is None:
            raise Rejected(name, "it has no default")
        if isinstance(text, dict):
            # A nested template's parameter that refers to a resource of another stack.
            values[name] = text
            continue
        text = str(text)
        allowed = [str(value) for value in declaration.get("AllowedValues", [text])]
        if text not in allowed:
            raise Rejected(name, f"{text!r} is not one of {allowed}")
        if not re.fullmatch(declaration.get("AllowedPattern", ".*"), text):
            raise Rejected(name, f"{text!r} does not match its pattern")
        if declaration["Type"].startswith("AWS::SSM::Parameter::Value"):
            # The text is the name of an SSM parameter, whose value only AWS has.
            values[name] = IMAGE
        elif declaration["Type"] == "Number":
            number = int(text)
            if not declaration.get("MinValue", number) <= number <= declaration.get("MaxValue", number):
                raise Rejected(name, f"{text} is out of its range")
            values[name] = number
        else:
            values[name] = text
    return values


class Reader:
    """Evaluates intrinsic functions, except those that refer to resources."""

    def __init__(self, values, stack):
        self.values = PSEUDO | {"AWS::StackName": stack.name} | values
        self.stack = stack

    def condition(self, name):
        return self.holds(self.stack.template["Conditions"][name])

    def holds(self, node):
        [(function, argument)] = node.items()
        match function:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                left, right = (str(self.value(side)) for side in argument)
                return left == right
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(each) for each in argument)
            case "Fn::Or":
                return any(self.holds(each) for each in argument)
        raise ValueError(f"{function} is not a condition function")

    def value(self, node):
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, argument)] = node.items()
            match function:
                case "Ref" if argument == "AWS::NoValue":
                    return ABSENT
                case "Ref":
                    return self.values.get(argument, node)
                case "Fn::FindInMap":
                    found = self.stack.template["Mappings"]
                    for key in argument:
                        found = found[self.value(key)]
                    return found
                case "Fn::If":
                    name, yes, no = argument
                    return self.value(yes if self.condition(name) else no)
                case "Fn::Sub" if isinstance(argument, str):
                    return self.substitute(argument)
                case "Fn::Sub":
                    text, variables = argument
                    variables = {name: as_text(self.value(part)) for name, part in variables.items()}
                    return Reader(self.values | variables, self.stack).substitute(text)
                case "Fn::Base64":
                    text = self.value(argument)
                    return base64.b64encode(text.encode()).decode() if isinstance(text, str) else {function: text}
                case "Fn::Select":
                    index, parts = self.value(argument)
                    return parts[int(index)] if isinstance(parts, list) else {function: [index, parts]}
                case "Fn::Split":
                    separator, text = argument
                    return self.value(text).split(separator)
                case "Fn::Join":
                    separator, parts = argument
                    parts = self.value(parts)
                    complete = all(isinstance(part, str) for part in parts)
                    return separator.join(parts) if complete else {function: [separator, parts]}
                case "Fn::GetAtt":
                    output = self.stack.output_of(*argument)
                    return node if output is None else output
                case _ if function.startswith("Fn::"):
                    raise ValueError(f"{function} is not supported; add it to deploy/checks/template/resolve.py")
        entries = {key: self.value(part) for key, part in node.items()}
        return {key: part for key, part in entries.items() if part is not ABSENT}

    def substitute(self, text):
        known = {name: as_text(value) for name, value in self.values.items()}
        for name, attribute in re.findall(r"\$\{(\w+)\.([\w.]+)\}", text):
            output = self.stack.output_of(name, attribute)
            if output is not None:
                known[f"{name}.{attribute}"] = as_text(output)
        result = substitute(text, known)
        if not re.search(r"\$\{[^!]", result):
            return result.replace("${!", "${")
        # cfn-lint requires AWS::Partition to remain a placeholder in text that only AWS can complete.
        return {"Fn::Sub": substitute(text, {name: value for name, value in known.items() if name != "AWS::Partition"})}


def substitute(text, known):
    return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", lambda found: str(known.get(found[1], found[0])), text)


def as_text(value):
    """Returns a value as a placeholder in the text of Fn::Sub."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text}:
            return text
    return value
