"""`sam deploy` in each way that the template offers: which stacks and resources the simulated account then has."""

import collections

from account import BUCKET, NESTED, NUMBER, REGION, Account, holds, is_stand_in
from cli import Failed, Project, make_zip
from moto.s3.models import s3_backends

STACK = "tickerlake"
EXISTING_BROKERS = {
    "BootstrapServers": "b-1.example.internal:9096,b-2.example.internal:9096",
    "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka-AbCdEf",
    "CertificateSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:ca-AbCdEf",
    "Subnet": "subnet-0123456789abcdef0",
    "SecondSubnet": "subnet-0123456789abcdef1",
    "SecurityGroup": "sg-0123456789abcdef0",
}


WAYS = {
    "none": {"Broker": "none"},
    "private": {"Broker": "own"},
    "public": {"Broker": "own", "Network": "public"},
    "existing": {"Broker": "existing"} | EXISTING_BROKERS,
}


def options(parameters):
    return ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())] if parameters else []


def stacks_of(stack):
    """Yields a stack and its nested ones."""
    yield stack
    for name in stack.resource_map.resources:
        resource = stack.resource_map._parsed_resources.get(name)
        if resource is not None and stack.resource_map._resource_json_map[name]["Type"] == NESTED:
            yield from stacks_of(resource)


def logical_name(stack_name):
    """Returns the logical name of a nested stack, whose name is `PARENT-LOGICAL-RANDOM`."""
    return stack_name.removeprefix(f"{STACK}-").rsplit("-", 1)[0]


def compare(stack):
    """Checks that the resources and outputs are those that the template's conditions ask for, and returns their number."""
    names = stack.resource_map
    created = {name for name in names.resources if names._parsed_resources.get(name) is not None}
    outputs = {output["OutputKey"] for output in stack.outputs or []}
    for section, found in ("Resources", created), ("Outputs", outputs):
        wanted = {name for name, body in stack.template_dict.get(section, {}).items() if holds(body, names)}
        if found != wanted:
            raise Failed(f"{stack.name}: {section} that differ from the template's conditions: {sorted(found ^ wanted)}")
    return len(created)


def uploaded_code(account):
    """Returns the code of each function of the account's stacks, as CloudFormation would pass it to Lambda."""
    found = []
    for stack in account.stacks().values():
        for name, body in stack.resource_map._resource_json_map.items():
            if body["Type"] == "AWS::Lambda::Function" and stack.resource_map._parsed_resources.get(name) is not None:
                code = body["Properties"]["Code"]
                found.append(s3_backends[NUMBER]["aws"].get_object(code["S3Bucket"], code["S3Key"]).value)
    return found


def check_rejection(project, parameters):
    """Checks that the SAM CLI shows CloudFormation's reason if a parameter of the group is missing."""
    incomplete = {name: value for name, value in parameters.items() if name != "SecretArn"}
    code, output = project.run("sam", "deploy", *options(incomplete), answers="y\n")
    if code == 0 or "SecretArn is required" not in output:
        raise Failed(f"sam deploy without SecretArn exited with {code}:\n{output}")


def retained_buckets(stack):
    """Returns the names of the buckets that the stack's templates retain."""
    return {
        resource.physical_resource_id
        for one in stacks_of(stack)
        for name, body in one.resource_map._resource_json_map.items()
        if body["Type"] == BUCKET and body.get("DeletionPolicy") == "Retain" and (resource := one.resource_map._parsed_resources.get(name))
    }


def volume_policies(stack):
    """Returns the DeletionPolicy of each volume that exists."""
    return [
        body.get("DeletionPolicy")
        for one in stacks_of(stack)
        for name, body in one.resource_map._resource_json_map.items()
        if body["Type"] == "AWS::EC2::Volume" and one.resource_map._parsed_resources.get(name) is not None
    ]


def check_deletion(project, account, stack):
    """Checks that `sam delete` leaves the bucket and no stack."""
    retained = retained_buckets(stack)
    if len(retained) != 1:
        raise Failed(f"the templates retain {len(retained)} buckets instead of one, the lake")
    project.succeed("sam", "delete", "--no-prompts", "--stack-name", STACK, "--region", REGION)
    left = [name for name in account.stacks() if name.startswith(STACK)]
    missing = retained - s3_backends[NUMBER]["aws"].buckets.keys()
    if left or missing:
        raise Failed(f"after sam delete: stacks {left} exist, buckets {sorted(missing)} do not")


def deploy(folder, name, parameters):
    """Deploys one way and returns what the account then has: resources by stack, and the types with stand-ins.

    The lake alone is deployed from a fresh clone, as the tutorial does: nothing is built.
    """
    with Account() as account:
        project = Project(folder, account)
        file = make_zip(folder / "bootstrap.zip")
        if name != "none":
            project.prepare(file)
        if name == "existing":
            check_rejection(project, parameters)
        project.deploy(*options(parameters))
        if account.failures:
            raise Failed(f"{name}: the simulated account failed: {'; '.join(account.failures)}")
        root = account.stacks()[STACK]
        if root.status != "CREATE_COMPLETE":
            raise Failed(f"{name}: the stack is {root.status}")
        found = {stack.name: compare(stack) for stack in stacks_of(root)}
        expected = [file.read_bytes()] if any(kind == "AWS::Lambda::Function" for _, kind, _ in account.resources(root)) else []
        if uploaded_code(account) != expected:
            raise Failed(f"{name}: the function's code is not the ZIP of deploy/prebuilt")
        listing = [(resource, kind, is_stand_in(type(model))) for resource, kind, model in account.resources(root)]
        check_deletion(project, account, root)
        return found, listing


def check_switch(folder):
    """Checks that changing Broker from none to own and back keeps the bucket, and leaves a snapshot of the records' volume."""
    buckets, counts, policies = [], [], []
    with Account(stand_ins_only=True) as account:
        project = Project(folder, account)
        project.prepare(make_zip(folder / "bootstrap.zip"))
        for broker in "none", "own", "none":
            project.deploy(*options({"Broker": broker}))
            root = account.stacks()[STACK]
            counts.append(sum(compare(stack) for stack in stacks_of(root)))
            buckets.append(retained_buckets(root))
            policies.append(volume_policies(root))
        if account.failures:
            raise Failed(f"the simulated account failed: {'; '.join(account.failures)}")
    if buckets[1:] != buckets[:-1] or len(buckets[0]) != 1:
        raise Failed(f"changing Broker replaces the bucket: {buckets}")
    if not counts[0] == counts[2] < counts[1]:
        raise Failed(f"changing Broker from none to own and back leaves {counts} resources")
    if policies != [[], ["Snapshot"], []]:
        raise Failed(f"DeletionPolicy of the volumes with Broker=none, own, none: {policies} instead of one Snapshot with own")
    sizes = " -> ".join(map(str, counts))
    return f"Broker changed from none to own and back: {sizes} resources, the bucket remains, the volume's policy is Snapshot"


def check(folder, print_list=False):
    """Deploys each way. Yields what was shown."""
    replaced = collections.Counter()
    for name, values in WAYS.items():
        found, listing = deploy(folder / name, name, values)
        kinds = {kind for _, kind, _ in listing}
        replaced.update(kind for _, kind, stand_in in listing if stand_in)
        if print_list:
            for resource, kind, stand_in in listing:
                print(f"  {name}: {resource} {kind}{' (stand-in)' if stand_in else ''}")
        stacks = ", ".join(f"{logical_name(stack)} {count}" for stack, count in found.items())
        function = "the function is the ZIP of deploy/prebuilt" if "AWS::Lambda::Function" in kinds else "no function and no build"
        yield (
            f"{name}: {len(listing)} resources of {len(kinds)} types ({stacks}), {function}; "
            f"{sum(not stand_in for _, _, stand_in in listing)} resources are moto's own; sam delete leaves only the bucket"
        )
    yield check_switch(folder / "switch")
    yield f"not in moto, only names and attributes: {', '.join(sorted(replaced))}"
