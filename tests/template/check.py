"""Checks template.yaml offline: see the functions of `main`. Exit codes: 0 all well, 1 something is not."""

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
# The translator asks boto3 where it is; nothing is asked of AWS.
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
# The translator counts its own runs and complains that nobody takes the counts.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


def transformed(given):
    """What the SAM transform makes of the template. Events with properties that SAM does not know end here."""
    template = yaml_parse(TEMPLATE.read_text())
    sink = template["Resources"]["Sink"]
    manifest = tomllib.loads((ROOT / sink["Properties"]["CodeUri"] / "Cargo.toml").read_text())
    if sink["Metadata"]["BuildProperties"]["Binary"] != manifest["package"]["name"]:
        sys.exit("template: Binary is another program than that of CodeUri")
    # As `sam deploy` does once it has built and uploaded it.
    sink["Properties"]["CodeUri"] = "s3://bucket/sink.zip"
    try:
        return Translator({}, Parser()).translate(template, dict(given))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        sys.exit(f"template: SAM refuses it: {causes}")


def with_defaults(template, given):
    """The same with the set's values as defaults, so that cfn-lint judges these values."""
    declared = template["Parameters"]
    declared = {name: body | ({"Default": given[name]} if name in given else {}) for name, body in declared.items()}
    return template | {"Parameters": declared}


def lint(paths, *more):
    """cfn-lint has no error, no warning and nothing to inform about."""
    command = [BIN / "cfn-lint", "--include-checks", "I", "--regions", "us-east-1", "eu-central-1", *more]
    command += ["--template", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = (done.stdout + done.stderr).strip()
    return [output or f"cfn-lint ended with {done.returncode}"] if done.returncode or output else []


def policies(folder, names):
    """checkov finds nothing but the exceptions, and all of these."""
    command = [BIN / "checkov", "--directory", folder, "--framework", "cloudformation", "--output", "json"]
    command += ["--compact", "--skip-download", "--soft-fail"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
        results, summary = report["results"], report["summary"]
    except (ValueError, KeyError, TypeError):
        return [f"checkov ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}"]
    problems = []
    seen = {pathlib.Path(check["file_path"]).stem for check in results["passed_checks"]}
    if summary["parsing_errors"] or seen != set(names):
        problems.append(f"checkov has read {sorted(seen)} of {sorted(names)}; {summary['parsing_errors']} not readable")
    if results["skipped_checks"]:
        problems.append("checkov has skipped checks: exceptions belong into tests/template/exceptions.py")
    found = {}
    for check in results["failed_checks"]:
        key = check["check_id"], check["resource"].split(".")[-1]
        found[key] = f"{check['check_name']} ({pathlib.Path(check['file_path']).stem})"
    for check, resource in sorted(found.keys() - EXCEPTIONS.keys()):
        problems.append(f"{check} {resource}: {found[check, resource]}")
    for check, resource in sorted(EXCEPTIONS.keys() - found.keys()):
        problems.append(f"the exception {check} {resource} is not needed any more; take it out of exceptions.py")
    print(f"checkov: {summary['passed']} checks passed, {len(EXCEPTIONS)} exceptions")
    return problems


def refusals(template):
    """The template refuses the sets that cannot work, each by the name of what is wrong."""
    for given, name in sets.REFUSED:
        try:
            resolve.resolved(template, given)
        except resolve.Refused as refused:
            if refused.name != name:
                yield f"refused by {refused}, and not by {name}"
        else:
            yield f"{name}: the template takes {given}"


def samconfig(resources):
    """`sam deploy` is allowed what the template needs, and no more."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    named = any("RoleName" in role for role in rules.of_type(resources, "AWS::IAM::Role").values())
    wanted = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    if settings["default"]["deploy"]["parameters"]["capabilities"] != wanted:
        yield f"samconfig.toml: capabilities should be {wanted}"


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
        for name, given in sets.TAKEN.items():
            result = transformed(given)
            try:
                decided = resolve.resolved(result, given)
            except resolve.Refused as refused:
                sys.exit(f"template: {name}: {refused}")
            problems += [f"{name}: {problem}" for problem in rules.broken(ROOT, decided, given)]
            for folder, content in [("transformed", with_defaults(result, given)), ("resolved", decided)]:
                path = scratch / folder / f"{name}.json"
                path.write_text(json.dumps(content, indent=1))
                written.setdefault(folder, []).append(path)
        problems += refusals(result)
        problems += samconfig(decided["Resources"])
        problems += lint([TEMPLATE, *written["transformed"]])
        # What a parameter names, a zone say, stands in these as it is.
        problems += lint(written["resolved"], "--ignore-checks", "W3010")
        problems += policies(scratch / "resolved", sets.TAKEN)
    for problem in problems:
        print(f"template: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"template.yaml: {len(sets.TAKEN)} parameter sets transformed and linted, {len(sets.REFUSED)} refused")


if __name__ == "__main__":
    main()
