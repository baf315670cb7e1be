"""Checks template.yaml offline. Exit codes: 0 no problems, 1 problems found."""

import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

import boot
import daily
import queries
import resolve
import rules
import sets
from exceptions import EXCEPTIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
BIN = pathlib.Path(sys.executable).parent
# The translator reads the region from boto3. Nothing calls AWS.
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
# The translator logs that its usage metrics have no publisher.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


def transform(parameters):
    """Returns the template after the SAM transform. Exits if SAM rejects it."""
    template = yaml_parse(TEMPLATE.read_text())
    sink = template["Resources"]["Sink"]
    manifest = tomllib.loads((ROOT / sink["Properties"]["CodeUri"] / "Cargo.toml").read_text())
    if sink["Metadata"]["BuildProperties"]["Binary"] != manifest["package"]["name"]:
        sys.exit("template: Binary is not the program in CodeUri")
    # `sam deploy` sets the URI of the uploaded program.
    sink["Properties"]["CodeUri"] = "s3://bucket/sink.zip"
    try:
        return Translator({}, Parser()).translate(template, dict(parameters))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        sys.exit(f"template: SAM rejects it: {causes}")


def set_defaults(template, parameters):
    """Returns the template with the set's values as defaults, so that cfn-lint checks these values."""
    declarations = template["Parameters"]
    declarations = {
        name: body | ({"Default": parameters[name]} if name in parameters else {}) for name, body in declarations.items()
    }
    return template | {"Parameters": declarations}


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
        problems.append("checkov skipped checks: move these exceptions to tests/template/exceptions.py")
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


def check_rejections(template):
    """Yields the sets in REJECTED that the template accepts, or rejects because of another parameter."""
    for parameters, name in sets.REJECTED:
        try:
            resolve.resolve(template, parameters)
        except resolve.Rejected as rejected:
            if rejected.name != name:
                yield f"rejected because of {rejected}, and not because of {name}"
        else:
            yield f"{name}: the template accepts {parameters}"


def check_samconfig(resources):
    """Yields a problem unless samconfig.toml grants exactly the capability that the template needs."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    named = any("RoleName" in role for role in rules.properties_of(resources, "AWS::IAM::Role").values())
    expected = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    if settings["default"]["deploy"]["parameters"]["capabilities"] != expected:
        yield f"samconfig.toml: capabilities should be {expected}"


def main():
    if sys.argv[1:] == ["--write"]:
        queries.write(ROOT, TEMPLATE)
        boot.write(ROOT, TEMPLATE)
        daily.write(ROOT, TEMPLATE)
    elif sys.argv[1:]:
        sys.exit("usage: tests/template/check [--write]")
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for folder in ("transformed", "resolved"):
            (scratch / folder).mkdir()
        written = {}
        for name, parameters in sets.ACCEPTED.items():
            result = transform(parameters)
            try:
                resolved = resolve.resolve(result, parameters)
            except resolve.Rejected as rejected:
                sys.exit(f"template: {name}: {rejected}")
            problems += [f"{name}: {problem}" for problem in rules.problems(ROOT, resolved, parameters)]
            for folder, content in [("transformed", set_defaults(result, parameters)), ("resolved", resolved)]:
                path = scratch / folder / f"{name}.json"
                path.write_text(json.dumps(content, indent=1))
                written.setdefault(folder, []).append(path)
        problems += check_rejections(result)
        problems += check_samconfig(resolved["Resources"])
        problems += run_cfn_lint([TEMPLATE, *written["transformed"]])
        # W3010 reports literal zones; the resolved templates contain the zones of the parameter sets.
        problems += run_cfn_lint(written["resolved"], "--ignore-checks", "W3010")
        problems += run_checkov(scratch / "resolved", sets.ACCEPTED)
    for problem in problems:
        print(f"template: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"template.yaml: {len(sets.ACCEPTED)} parameter sets transformed and linted, {len(sets.REJECTED)} rejected")


if __name__ == "__main__":
    main()
