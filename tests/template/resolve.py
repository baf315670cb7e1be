"""Evaluates a template with its parameters, as CloudFormation does before it creates any resource."""

import base64
import re

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


def resolve(template, parameters):
    """Returns the template with parameters and conditions evaluated. Only values that AWS assigns remain as functions."""
    values = parameter_values(template.get("Parameters", {}), parameters)
    reader = Reader(values, template.get("Conditions", {}))
    for rule in template.get("Rules", {}).values():
        if reader.holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]})):
            for assertion in rule["Assertions"]:
                if not reader.holds(assertion["Assert"]):
                    reason = assertion["AssertDescription"]
                    raise Rejected(reason.split()[0], reason)
    result = {"AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"]}
    for section in ("Resources", "Outputs"):
        result[section] = {
            name: reader.value({key: part for key, part in body.items() if key != "Condition"})
            for name, body in template[section].items()
            if "Condition" not in body or reader.condition(body["Condition"])
        }
    for body in result["Resources"].values():
        if "DefinitionSubstitutions" in body.get("Properties", {}):
            substitute_definition(body["Properties"])
    return result


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

    def __init__(self, values, conditions):
        self.values = values
        self.conditions = conditions

    def condition(self, name):
        return self.holds(self.conditions[name])

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
                    known = self.values | PSEUDO
                    return known.get(argument, node)
                case "Fn::If":
                    name, yes, no = argument
                    return self.value(yes if self.condition(name) else no)
                case "Fn::Sub" if isinstance(argument, str):
                    return self.substitute(argument)
                case "Fn::Sub":
                    text, variables = argument
                    variables = {name: as_text(self.value(part)) for name, part in variables.items()}
                    return Reader(self.values | variables, self.conditions).substitute(text)
                case "Fn::Base64":
                    text = self.value(argument)
                    return base64.b64encode(text.encode()).decode() if isinstance(text, str) else {function: text}
                case "Fn::Select":
                    return {function: self.value(argument)}
                case "Fn::Split":
                    separator, text = argument
                    return self.value(text).split(separator)
                case "Fn::Join":
                    separator, parts = argument
                    parts = self.value(parts)
                    complete = all(isinstance(part, str) for part in parts)
                    return separator.join(parts) if complete else {function: [separator, parts]}
                case "Fn::GetAtt" | "Fn::GetAZs":
                    return node
                case _ if function.startswith("Fn::"):
                    raise ValueError(f"{function} is not supported; add it to tests/template/resolve.py")
        entries = {key: self.value(part) for key, part in node.items()}
        return {key: part for key, part in entries.items() if part is not ABSENT}

    def substitute(self, text):
        known = self.values | PSEUDO
        result = substitute(text, known)
        if not re.search(r"\$\{[^!]", result):
            return result.replace("${!", "${")
        # cfn-lint requires AWS::Partition to remain a placeholder in text that only AWS can complete.
        return {"Fn::Sub": substitute(text, {name: value for name, value in known.items() if name != "AWS::Partition"})}


def substitute(text, known):
    return re.sub(r"\$\{([A-Za-z0-9:]+)\}", lambda found: str(known.get(found[1], found[0])), text)


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
