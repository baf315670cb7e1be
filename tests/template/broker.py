"""Rules for the stack's own broker and its network. Each rule yields its violations."""

import ipaddress
import json
import re


def problems(root, template, parameters):
    """Yields every violation in a resolved template."""
    resources = template["Resources"]
    script = (root / "broker/boot").read_text()
    ports = {name.lower(): int(port) for name, port in re.findall(r'"\$\{([A-Z]+)_PORT:=(\d+)\}"', script)}
    yield from network(resources, ports, parameters)
    yield from address(resources, ports)
    yield from secrets(resources, template)
    yield from instance(resources, parameters)
    outputs = {name: json.dumps(body["Value"]) for name, body in template["Outputs"].items()}
    for name, port in [("BootstrapServers", "internal"), ("LocalBootstrapServers", "local")]:
        if not outputs[name].rstrip("}").endswith(f':{ports[port]}"'):
            yield f"the output {name} is {outputs[name]}, and broker/boot listens on {ports[port]}"


def properties_of(resources, *kinds):
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] in kinds}


def network(resources, ports, parameters):
    """Security groups open only the necessary connections."""
    groups = properties_of(resources, "AWS::EC2::SecurityGroup")
    for name, group in groups.items():
        if "SecurityGroupIngress" in group:
            yield f"{name} has an inline ingress rule: make each rule a separate resource"
        if not group.get("SecurityGroupEgress"):
            yield f"{name} has no egress rule, and therefore allows all egress"
    found = set()
    for rule in properties_of(resources, "AWS::EC2::SecurityGroupIngress").values():
        source = rule.get("CidrIp") or rule["SourceSecurityGroupId"]["Fn::GetAtt"][0]
        found.add((rule["GroupId"]["Fn::GetAtt"][0], rule["FromPort"], rule["ToPort"], source))
    expected = {
        ("BrokerSecurity", ports["internal"], ports["internal"], "SourceSecurity"),
        ("EndpointSecurity", 443, 443, "SourceSecurity"),
        # In the VPC, the name of Secrets Manager resolves to the endpoint, so the broker connects to that.
        ("EndpointSecurity", 443, 443, "BrokerSecurity"),
    }
    if parameters.get("PublicCidr"):
        expected.add(("BrokerSecurity", ports["public"], ports["public"], parameters["PublicCidr"]))
    if found != expected:
        yield f"the ingress rules are {sorted(found)}, not {sorted(expected)}"
    egress = {rule["FromPort"] for rule in groups["SourceSecurity"]["SecurityGroupEgress"]}
    if egress != {ports["internal"], 443}:
        yield f"the event source reaches the ports {sorted(egress)}, and needs those of the broker and the endpoints"
    needed = not (parameters.get("Provisioned") == "true" or parameters.get("Paused") == "true")
    endpoints = {each["ServiceName"].split(".")[-1] for each in properties_of(resources, "AWS::EC2::VPCEndpoint").values()}
    if endpoints != ({"lambda", "sts", "secretsmanager"} if needed else set()):
        yield f"the endpoints are {sorted(endpoints)}"


def address(resources, ports):
    """The broker has the same address and name everywhere."""
    script = user_data(resources)
    [record] = properties_of(resources, "AWS::Route53::RecordSet").values()
    [own] = record["ResourceRecords"]
    if f"INTERNAL_ADDRESS={own}\n" not in script or f"INTERNAL_NAME='{record['Name']}'" not in script:
        yield f"the user data does not set the name {record['Name']} and the address {own}"
    subnet = ipaddress.ip_network(resources["BrokerSubnet"]["Properties"]["CidrBlock"])
    # AWS reserves the first four addresses and the last address of a subnet.
    if ipaddress.ip_address(own) not in list(subnet)[4:-1]:
        yield f"{own} is not an available address of the broker's subnet {subnet}"
    endpoint = resources["SinkQuotes"]["Properties"]["SelfManagedEventSource"]["Endpoints"]["KafkaBootstrapServers"]
    if endpoint != [{"Fn::Sub": f"${{BrokerName}}:{ports['internal']}"}]:
        yield f"the event source reads {endpoint}, not BrokerName:{ports['internal']}"
    if resources["BrokerName"].get("DependsOn") not in ("Broker", ["Broker"]):
        yield "the event source is created before the broker answers"


def secrets(resources, template):
    """Secrets are created empty, and the template does not read their values."""
    for name, secret in properties_of(resources, "AWS::SecretsManager::Secret").items():
        others = sorted(secret.keys() - {"Description"})
        if others:
            yield f"{name} is created with {', '.join(others)}: broker/boot creates its value"
    if "{{resolve:" in json.dumps(template):
        yield "the template reads the value of a secret or a parameter"


def instance(resources, parameters):
    paused = parameters.get("Paused") == "true"
    group = resources["Broker"]
    if (group["Properties"]["MaxSize"], group["Properties"]["DesiredCapacity"]) != ("1", "0" if paused else "1"):
        yield "Paused does not control whether the broker runs, or two instances may run"
    if group["CreationPolicy"]["ResourceSignal"]["Count"] != (0 if paused else 1):
        yield "CloudFormation does not wait for the broker, or waits for one that is not started"
    if group["UpdatePolicy"]["AutoScalingRollingUpdate"]["MinInstancesInService"] != 0:
        yield "an update keeps the old instance in service, so the volume cannot move to the new one"
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
        yield "the broker does not signal the Auto Scaling group, which waits for the signal"


def user_data(resources):
    return resources["BrokerTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
