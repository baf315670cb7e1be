"""Parameters that `sam deploy` keeps, and those that samconfig.toml pins.

`sam deploy` sends the values that it is given, for each other parameter UsePreviousValue, and with `parameter_overrides`
in samconfig.toml the values of that line, each time. `sam deploy --guided` writes such a line.
"""

import tomllib

from account import Account, sent_parameters
from cli import Failed, Project, make_zip

STACK = "tickerlake"
# Changes that must survive a later `sam deploy`.
CHANGES = {"Paused": "true", "TopicGeneration": "1"}
# Questions besides those for the parameters: stack name, region, confirmation, roles, rollback, saving, file, environment.
OTHER_QUESTIONS = 8


def pinned(text):
    """Yields the sections of a samconfig.toml that pin parameters."""

    def search(path, table):
        for key, value in table.items():
            if key == "parameter_overrides":
                yield ".".join(path)
            elif isinstance(value, dict):
                yield from search([*path, key], value)

    yield from search([], tomllib.loads(text))


def deployments(folder, first, answers):
    """Deploys, changes parameters, deploys an upgrade, and returns the account's requests, parameters and samconfig.toml."""
    with Account(stand_ins_only=True) as account:
        project = Project(folder, account)
        file = make_zip(folder / "bootstrap.zip")
        project.prepare(file)
        project.succeed("sam", "deploy", *first, answers=answers)
        project.deploy("--parameter-overrides", *(f"{name}={value}" for name, value in CHANGES.items()))
        changed = account.parameters(STACK)
        # An upgrade: otherwise CloudFormation has nothing to do.
        template = project.folder / "template.yaml"
        template.write_text(template.read_text().replace("\nParameters:\n", "\nParameters:\n  New: { Type: String, Default: new }\n", 1))
        project.prepare(file)
        project.deploy()
        if account.failures:
            raise Failed(f"the simulated account failed: {account.failures}")
        sent = [sent_parameters(call) for call in account.change_sets(STACK)]
        return sent, changed, account.parameters(STACK), (project.folder / "samconfig.toml").read_text()


def undone(changed, after):
    """Returns the changes that the last deployment has undone, with their values."""
    for name, value in CHANGES.items():
        if changed[name] != value:
            raise Failed(f"--parameter-overrides {name}={value} set {changed[name]}")
    return {name: after[name] for name in CHANGES if after[name] != CHANGES[name]}


def check(folder, samconfig, parameters):
    """Checks the documented way, and that the way with --guided fails the same check. Yields what was shown."""
    for section in pinned(samconfig):
        reason = "every later `sam deploy` would reset them; remove parameter_overrides"
        raise Failed(f"samconfig.toml pins parameters in [{section}]: {reason}")

    sent, changed, after, left = deployments(folder / "plain", [], "y\n")
    expected = [{}, dict.fromkeys(parameters) | CHANGES, dict.fromkeys(parameters)]
    if sent != expected:
        raise Failed(f"`sam deploy` sent {sent} instead of {expected}")
    if found := undone(changed, after):
        raise Failed(f"`sam deploy` without options has undone a change: {found}")
    if left != samconfig:
        raise Failed("`sam deploy` changed samconfig.toml")
    yield (
        f"sam deploy, then {' '.join(f'{name}={value}' for name, value in CHANGES.items())}, then sam deploy: sends no value, "
        f"then {len(CHANGES)} of {len(parameters)}, then none; the changes remain"
    )

    answers = "\n" * (OTHER_QUESTIONS + len(parameters)) + "y\n"
    sent, changed, after, left = deployments(folder / "guided", ["--guided"], answers)
    if not list(pinned(left)):
        raise Failed("`sam deploy --guided` no longer pins its answers; the documentation may mention it again")
    if undone(changed, after).keys() != CHANGES.keys():
        raise Failed(f"after `sam deploy --guided`, a change has remained: {after}; the documentation may mention it again")
    yield (
        f"the same after sam deploy --guided: the last deployment sends {sum(value is not None for value in sent[2].values())} values "
        f"and undoes the changes: {' '.join(f'{name}={value}' for name, value in undone(changed, after).items())}"
    )
