"""What CloudFormation makes of a template and its parameters, before it makes any resource."""

import base64
import re

# Pseudo parameters that decide nothing here but must be texts in what is judged.
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "tickerlake",
    "AWS::URLSuffix": "amazonaws.com",
}
IMAGE = "ami-0123456789abcdef0"
ABSENT = object()


class Refused(Exception):
    """A parameter by whose name CloudFormation would refuse the values."""

    def __init__(self, name, reason):
        super().__init__(f"{name}: {reason}")
        self.name = name


def resolved(template, given):
    """The template with its parameters and conditions decided: only what AWS alone knows is left."""
    values = parameters(template.get("Parameters", {}), given)
    reader = Reader(values, template.get("Conditions", {}))
    for rule in template.get("Rules", {}).values():
        if reader.holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]})):
            for assertion in rule["Assertions"]:
                if not reader.holds(assertion["Assert"]):
                    reason = assertion["AssertDescription"]
                    raise Refused(reason.split()[0], reason)
    result = {"AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"]}
    for section in ("Resources", "Outputs"):
        result[section] = {
            name: reader.value({key: part for key, part in body.items() if key != "Condition"})
            for name, body in template[section].items()
            if "Condition" not in body or reader.condition(body["Condition"])
        }
    for body in result["Resources"].values():
        if "DefinitionSubstitutions" in body.get("Properties", {}):
            define(body["Properties"])
    return result


def define(machine):
    """A state machine's definition with what is put into it; a resource stands there by its logical name."""
    names = {name: part if isinstance(part, str) else part["Ref"] for name, part in machine["DefinitionSubstitutions"].items()}
    machine["DefinitionString"] = filled(machine["DefinitionString"], names)
    machine["DefinitionSubstitutions"] = names


def parameters(declared, given):
    """Every parameter's value, if each is one that its declaration takes."""
    for name in given.keys() - declared.keys():
        raise Refused(name, "no such parameter")
    values = {}
    for name, declaration in declared.items():
        text = given.get(name, declaration.get("Default"))
        if text is None:
            raise Refused(name, "it has no default")
        text = str(text)
        allowed = [str(value) for value in declaration.get("AllowedValues", [text])]
        if text not in allowed:
            raise Refused(name, f"{text!r} is not one of {allowed}")
        if not re.fullmatch(declaration.get("AllowedPattern", ".*"), text):
            raise Refused(name, f"{text!r} does not match its pattern")
        if declaration["Type"].startswith("AWS::SSM::Parameter::Value"):
            # Its text is a parameter's name, whose value AWS has.
            values[name] = IMAGE
        elif declaration["Type"] == "Number":
            number = int(text)
            if not declaration.get("MinValue", number) <= number <= declaration.get("MaxValue", number):
                raise Refused(name, f"{text} is out of its range")
            values[name] = number
        else:
            values[name] = text
    return values


class Reader:
    """Evaluates intrinsic functions; what names a resource is left as it is."""

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
        raise ValueError(f"{function} is no condition function")

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
                    return self.substituted(argument)
                case "Fn::Sub":
                    text, more = argument
                    more = {name: in_text(self.value(part)) for name, part in more.items()}
                    return Reader(self.values | more, self.conditions).substituted(text)
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
                    whole = all(isinstance(part, str) for part in parts)
                    return separator.join(parts) if whole else {function: [separator, parts]}
                case "Fn::GetAtt" | "Fn::GetAZs":
                    return node
                case _ if function.startswith("Fn::"):
                    raise ValueError(f"{function} is not known here; teach it to tests/template/resolve.py")
        entries = {key: self.value(part) for key, part in node.items()}
        return {key: part for key, part in entries.items() if part is not ABSENT}

    def substituted(self, text):
        known = self.values | PSEUDO
        result = filled(text, known)
        if not re.search(r"\$\{[^!]", result):
            return result.replace("${!", "${")
        # In what only AWS can fill in, the partition is for it, too; cfn-lint asks for that.
        return {"Fn::Sub": filled(text, {name: value for name, value in known.items() if name != "AWS::Partition"})}


def filled(text, known):
    return re.sub(r"\$\{([A-Za-z0-9:]+)\}", lambda found: str(known.get(found[1], found[0])), text)


def in_text(value):
    """A value as Fn::Sub has it within a text."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text}:
            return text
    return value
