"""What must hold of the stack's own broker and its network; each rule yields what breaks it."""

import ipaddress
import json
import re


def broken(root, template, given):
    resources = template["Resources"]
    script = (root / "broker/boot").read_text()
    ports = {name.lower(): int(port) for name, port in re.findall(r'"\$\{([A-Z]+)_PORT:=(\d+)\}"', script)}
    yield from ways_in(resources, ports, given)
    yield from address(resources, ports)
    yield from secrets(resources, template)
    yield from instance(resources, given)
    outputs = {name: json.dumps(body["Value"]) for name, body in template["Outputs"].items()}
    for name, port in [("BootstrapServers", "internal"), ("LocalBootstrapServers", "local")]:
        if not outputs[name].rstrip("}").endswith(f':{ports[port]}"'):
            yield f"the output {name} is {outputs[name]}, and broker/boot listens on {ports[port]}"


def named(resources, *kinds):
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] in kinds}


def ways_in(resources, ports, given):
    """Who may open a connection to what."""
    groups = named(resources, "AWS::EC2::SecurityGroup")
    for name, group in groups.items():
        if "SecurityGroupIngress" in group:
            yield f"{name} lets in within itself: make it a resource, so that each way in stands alone"
        if not group.get("SecurityGroupEgress"):
            yield f"{name} names no way out, and so has all"
    found = set()
    for rule in named(resources, "AWS::EC2::SecurityGroupIngress").values():
        source = rule.get("CidrIp") or rule["SourceSecurityGroupId"]["Fn::GetAtt"][0]
        found.add((rule["GroupId"]["Fn::GetAtt"][0], rule["FromPort"], rule["ToPort"], source))
    wanted = {
        ("BrokerSecurity", ports["internal"], ports["internal"], "SourceSecurity"),
        ("EndpointSecurity", 443, 443, "SourceSecurity"),
        # The broker asks for its secrets by a name that leads to an endpoint here.
        ("EndpointSecurity", 443, 443, "BrokerSecurity"),
    }
    if given.get("PublicCidr"):
        wanted.add(("BrokerSecurity", ports["public"], ports["public"], given["PublicCidr"]))
    if found != wanted:
        yield f"the ways in are {sorted(found)}, not {sorted(wanted)}"
    out = {rule["FromPort"] for rule in groups["SourceSecurity"]["SecurityGroupEgress"]}
    if out != {ports["internal"], 443}:
        yield f"the event source reaches the ports {sorted(out)}, and needs the broker's and the endpoints'"
    needed = not (given.get("Provisioned") == "true" or given.get("Paused") == "true")
    endpoints = {each["ServiceName"].split(".")[-1] for each in named(resources, "AWS::EC2::VPCEndpoint").values()}
    if endpoints != ({"lambda", "sts", "secretsmanager"} if needed else set()):
        yield f"the endpoints are {sorted(endpoints)}"


def address(resources, ports):
    """One address and one name, everywhere."""
    script = user_data(resources)
    [record] = named(resources, "AWS::Route53::RecordSet").values()
    [own] = record["ResourceRecords"]
    if f"INTERNAL_ADDRESS={own}\n" not in script or f"INTERNAL_NAME='{record['Name']}'" not in script:
        yield f"the broker is not told its name {record['Name']} and address {own}"
    subnet = ipaddress.ip_network(resources["BrokerSubnet"]["Properties"]["CidrBlock"])
    # The first four and the last of a subnet are AWS's.
    if ipaddress.ip_address(own) not in list(subnet)[4:-1]:
        yield f"{own} is not the broker's subnet's to give: {subnet}"
    endpoint = resources["SinkQuotes"]["Properties"]["SelfManagedEventSource"]["Endpoints"]["KafkaBootstrapServers"]
    if endpoint != [{"Fn::Sub": f"${{BrokerName}}:{ports['internal']}"}]:
        yield f"the event source reads {endpoint}, not BrokerName:{ports['internal']}"
    if resources["BrokerName"].get("DependsOn") not in ("Broker", ["Broker"]):
        yield "the event source is made before the broker answers"


def secrets(resources, template):
    """They are made empty, and nothing of what is put into them comes back."""
    for name, secret in named(resources, "AWS::SecretsManager::Secret").items():
        more = sorted(secret.keys() - {"Description"})
        if more:
            yield f"{name} is made with {', '.join(more)}: broker/boot makes its value"
    if "{{resolve:" in json.dumps(template):
        yield "a value of a secret or parameter is put into the template"


def instance(resources, given):
    paused = given.get("Paused") == "true"
    group = resources["Broker"]
    if (group["Properties"]["MaxSize"], group["Properties"]["DesiredCapacity"]) != ("1", "0" if paused else "1"):
        yield "Paused does not decide whether the broker runs, or there may be two"
    if group["CreationPolicy"]["ResourceSignal"]["Count"] != (0 if paused else 1):
        yield "CloudFormation does not wait for the broker, or waits for one that is not started"
    if group["UpdatePolicy"]["AutoScalingRollingUpdate"]["MinInstancesInService"] != 0:
        yield "the volume cannot move to the next instance before this one has ended"
    data = resources["BrokerTemplate"]["Properties"]["LaunchTemplateData"]
    if data["MetadataOptions"]["HttpTokens"] != "required":
        yield "the instance answers metadata requests without a token"
    volume = resources["BrokerVolume"]
    disks = [disk["Ebs"] for disk in data["BlockDeviceMappings"]] + [volume["Properties"]]
    if not all(disk["Encrypted"] for disk in disks):
        yield "a disk is not encrypted"
    if {volume.get(policy) for policy in ("DeletionPolicy", "UpdateReplacePolicy")} != {"Snapshot"}:
        yield "the records would be deleted with the stack"
    if "SIGNAL_RESOURCE=Broker " not in user_data(resources):
        yield "the broker does not signal the group, which waits for it"


def user_data(resources):
    return resources["BrokerTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
