"""Checks template.yaml and its nested templates offline. Exit codes: 0 no problems, 1 problems found."""

import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import boot
import broker
import daily
import files
import policies
import queries
import resolve
import rules
import sets
from exceptions import EXCEPTIONS

ROOT = files.ROOT
BIN = pathlib.Path(sys.executable).parent
MAX_FIRST_PARAMETERS = 12


def lintable(templates, parameters):
    """Returns the text of each template that is deployed, with the set's values as defaults, so that cfn-lint checks these."""
    root = resolve.Stack(templates, files.TEMPLATE, parameters, resolve.PSEUDO["AWS::StackName"])
    return {
        path: json.dumps(set_defaults(templates[path], stack.reader.values), indent=1)
        for path, stack in [(files.TEMPLATE, root), *((one.path, one) for one in root.nested_stacks())]
    }


def set_defaults(template, values):
    declarations = {}
    for name, body in template["Parameters"].items():
        # Only AWS has the value of a parameter in SSM, or of another stack's output.
        known = isinstance(values[name], str | int) and not body["Type"].startswith("AWS::SSM")
        declarations[name] = body | ({"Default": values[name]} if known else {})
    # The URL to which `sam deploy` uploads a nested template.
    resources = {
        name: body | {"Properties": body["Properties"] | {"TemplateURL": f"https://{files.BUCKET}.s3.amazonaws.com/{name}"}}
        if body["Type"] == files.NESTED else body
        for name, body in template["Resources"].items()
    }
    return template | {"Parameters": declarations, "Resources": resources}


def run_cfn_lint(paths, *options):
    """Returns cfn-lint's findings: errors, warnings and informational ones."""
    command = [BIN / "cfn-lint", "--include-checks", "I", "--regions", "us-east-1", "eu-central-1", *options]
    command += ["--template", *paths]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    output = (process.stdout + process.stderr).strip()
    return [output or f"cfn-lint exited with {process.returncode}"] if process.returncode or output else []


def run_checkov(folder, names):
    """Returns checkov's findings that are not exceptions, and the exceptions that checkov does not find."""
    command = [BIN / "checkov", "--directory", folder, "--framework", "cloudformation", "--output", "json"]
    command += ["--compact", "--skip-download", "--soft-fail"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(process.stdout)
        results, summary = report["results"], report["summary"]
    except (ValueError, KeyError, TypeError):
        return [f"checkov exited with {process.returncode}: {(process.stderr or process.stdout).strip()[-2000:]}"]
    problems = []
    seen = {pathlib.Path(check["file_path"]).stem for check in results["passed_checks"]}
    if summary["parsing_errors"] or seen != set(names):
        problems.append(f"checkov read {sorted(seen)} of {sorted(names)}; {summary['parsing_errors']} could not be parsed")
    if results["skipped_checks"]:
        problems.append("checkov skipped checks: move these exceptions to deploy/checks/template/exceptions.py")
    found = {}
    for check in results["failed_checks"]:
        key = check["check_id"], check["resource"].split(".")[-1]
        found[key] = f"{check['check_name']} ({pathlib.Path(check['file_path']).stem})"
    for check, resource in sorted(found.keys() - EXCEPTIONS.keys()):
        problems.append(f"{check} {resource}: {found[check, resource]}")
    for check, resource in sorted(EXCEPTIONS.keys() - found.keys()):
        problems.append(f"the exception {check} {resource} is no longer needed; remove it from exceptions.py")
    print(f"checkov: {summary['passed']} checks passed, {len(EXCEPTIONS)} exceptions")
    return problems


def check_rejections(templates):
    """Yields the sets in REJECTED that the template accepts, or rejects because of another parameter."""
    for parameters, name in sets.REJECTED:
        try:
            resolve.resolve(templates, parameters)
        except resolve.Rejected as rejected:
            if rejected.name != name:
                yield f"rejected because of {rejected}, and not because of {name}"
        else:
            yield f"{name}: the template accepts {parameters}"


def check_samconfig(templates):
    """Yields a problem unless samconfig.toml grants exactly what the templates need, and pins no parameter."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    found = settings["default"]["deploy"]["parameters"]
    resources = {name: body for template in templates.values() for name, body in template["Resources"].items()}
    named = any("RoleName" in role for role in rules.properties_of(resources, "AWS::IAM::Role").values())
    # Nested templates are transformed: by SAM, and by AWS::Include.
    expected = ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    if found["capabilities"].split() != expected:
        yield f"samconfig.toml: capabilities should be {' '.join(expected)}"
    for name in ("resolve_s3", "confirm_changeset"):
        if found.get(name) is not True:
            yield f"samconfig.toml: {name} should be true"
    for command, section in settings["default"].items():
        if "parameter_overrides" in section.get("parameters", {}):
            yield f"samconfig.toml: parameter_overrides of {command} would reset, with each sam deploy, what was changed since"


def check_groups(template):
    """Yields a problem unless each parameter is in one group, few of them in the groups that a first user meets."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    listed = [name for group in groups for name in group["Parameters"]]
    if sorted(listed) != sorted(template["Parameters"]):
        yield f"the groups list {sorted(set(listed) ^ set(template['Parameters']))} not exactly once"
    if listed != list(template["Parameters"]):
        yield "the parameters are declared in another order than the groups list them"
    first = [name for group in groups if not group["Label"]["default"].startswith("Advanced: ") for name in group["Parameters"]]
    if len(first) > MAX_FIRST_PARAMETERS:
        yield f"a first user meets {len(first)} parameters; move some into groups whose label begins with Advanced:"
    print(f"{len(first)} parameters in the first groups, {len(listed) - len(first)} in the advanced ones")


def write():
    queries.write(ROOT)
    boot.write(ROOT)
    daily.write(ROOT)


def main():
    if sys.argv[1:] == ["--write"]:
        write()
    elif sys.argv[1:]:
        sys.exit("usage: deploy/checks/template/check [--write]")
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for folder in ("transformed", "resolved"):
            (scratch / folder).mkdir()
        transformed, resolved, intended = {}, [], set()
        for name, parameters in sets.ACCEPTED.items():
            templates = files.load(parameters)
            try:
                result = resolve.resolve(templates, parameters)
            except resolve.Rejected as rejected:
                sys.exit(f"template: {name}: {rejected}")
            problems += [f"{name}: {problem}" for problem in rules.problems(ROOT, result, parameters)]
            problems += [f"{name}: {problem}" for problem in policies.problems(result["Resources"], intended)]
            resolved.append(scratch / "resolved" / f"{name}.json")
            resolved[-1].write_text(json.dumps(result, indent=1))
            for path, text in lintable(templates, parameters).items():
                transformed.setdefault(text, scratch / "transformed" / f"{name}-{pathlib.Path(path).stem}.json")
        for text, path in transformed.items():
            path.write_text(text)
        for issue, part in policies.INTENDED.keys() - intended:
            problems.append(f"policies.py: parliament no longer finds {issue} {part}; remove it from INTENDED")
        problems += policies.state_machine_problems(ROOT / daily.PATH)
        problems += broker.created_before(templates)
        problems += check_groups(templates[files.TEMPLATE])
        problems += check_rejections(templates)
        problems += check_samconfig(templates)
        problems += run_cfn_lint([ROOT / path for path in templates])
        problems += run_cfn_lint(transformed.values())
        # W3010 reports literal zones; the resolved templates contain the zones of the parameter sets.
        problems += run_cfn_lint(resolved, "--ignore-checks", "W3010")
        problems += run_checkov(scratch / "resolved", sets.ACCEPTED)
    for problem in problems:
        print(f"template: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"template.yaml: {len(sets.ACCEPTED)} parameter sets transformed and linted, {len(sets.REJECTED)} rejected")


if __name__ == "__main__":
    main()
