"""Rules for the stack's own broker and its network. Each rule yields its violations."""

import ipaddress
import json
import re


def problems(root, template, parameters):
    """Yields every violation in a resolved template."""
    resources = template["Resources"]
    script = (root / "deploy/broker/boot").read_text()
    ports = {name.lower(): int(port) for name, port in re.findall(r'"\$\{([A-Z]+)_PORT:=(\d+)\}"', script)}
    yield from network(resources, ports, parameters)
    yield from address(resources, ports, parameters)
    yield from secrets(resources, template)
    yield from instance(resources, parameters)
    yield from tags(resources)
    outputs = {name: json.dumps(body["Value"]) for name, body in template["Outputs"].items()}
    public = is_public(parameters)
    listeners = [("BootstrapServers", "public" if public else "internal"), ("LocalBootstrapServers", "local")]
    if ("PublicBootstrapServers" in outputs) != has_public_listener(parameters):
        yield "the output PublicBootstrapServers exists without a public listener, or does not exist with one"
    elif "PublicBootstrapServers" in outputs:
        listeners.append(("PublicBootstrapServers", "public"))
    for name, port in listeners:
        if not outputs[name].rstrip("}").endswith(f':{ports[port]}"'):
            yield f"the output {name} is {outputs[name]}, and deploy/broker/boot listens on {ports[port]}"


def is_public(parameters):
    """Returns whether the event source mapping reads the broker over the internet."""
    return parameters.get("Network") == "public"


def has_public_listener(parameters):
    return is_public(parameters) or bool(parameters.get("PublicCidr"))


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
    expected = set() if is_public(parameters) else {
        ("BrokerSecurity", ports["internal"], ports["internal"], "SourceSecurity"),
        ("EndpointSecurity", 443, 443, "SourceSecurity"),
        # In the VPC, the name of Secrets Manager resolves to the endpoint, so the broker connects to that.
        ("EndpointSecurity", 443, 443, "BrokerSecurity"),
    }
    if has_public_listener(parameters):
        source = "0.0.0.0/0" if is_public(parameters) else parameters["PublicCidr"]
        expected.add(("BrokerSecurity", ports["public"], ports["public"], source))
    if found != expected:
        yield f"the ingress rules are {sorted(found)}, not {sorted(expected)}"
    if is_public(parameters):
        private = {"SourceSecurity", "EndpointSecurity", "SourceSubnet", "SecondSourceSubnet", "PrivateZone"} & resources.keys()
        if private:
            yield f"Network=public needs none of {', '.join(sorted(private))}"
    else:
        egress = {rule["FromPort"] for rule in groups["SourceSecurity"]["SecurityGroupEgress"]}
        if egress != {ports["internal"], 443}:
            yield f"the event source reaches the ports {sorted(egress)}, and needs those of the broker and the endpoints"
    for name, subnet in properties_of(resources, "AWS::EC2::Subnet").items():
        if "Fn::GetAZs" in json.dumps(subnet):
            yield f"the zone of {name} may change with the account's default subnets"
    needed = not (is_public(parameters) or parameters.get("Provisioned") == "true" or parameters.get("Paused") == "true")
    endpoints = {each["ServiceName"].split(".")[-1] for each in properties_of(resources, "AWS::EC2::VPCEndpoint").values()}
    if endpoints != ({"lambda", "sts", "secretsmanager"} if needed else set()):
        yield f"the endpoints are {sorted(endpoints)}"


def address(resources, ports, parameters):
    """The broker has the same address and name everywhere."""
    script = user_data(resources)
    yield from exports(script, resources, parameters)
    endpoint = resources["EventSource"]["Properties"]["SelfManagedEventSource"]["Endpoints"]["KafkaBootstrapServers"]
    if is_public(parameters):
        if endpoint != [{"Fn::Sub": f"${{BrokerAddress}}:{ports['public']}"}]:
            yield f"the event source reads {endpoint}, not BrokerAddress:{ports['public']}"
        return
    [record] = properties_of(resources, "AWS::Route53::RecordSet").values()
    [own] = record["ResourceRecords"]
    if f"INTERNAL_ADDRESS='{own}'\n" not in script or f"INTERNAL_NAME='{record['Name']}'" not in script:
        yield f"the user data does not set the name {record['Name']} and the address {own}"
    subnet = ipaddress.ip_network(resources["BrokerSubnet"]["Properties"]["CidrBlock"])
    # AWS reserves the first four addresses and the last address of a subnet.
    if ipaddress.ip_address(own) not in list(subnet)[4:-1]:
        yield f"{own} is not an available address of the broker's subnet {subnet}"
    if endpoint != [{"Fn::Sub": f"${{BrokerName}}:{ports['internal']}"}]:
        yield f"the event source reads {endpoint}, not BrokerName:{ports['internal']}"


def exports(script, resources, parameters):
    """The boot script knows its stack, its consumer group, and the address that clients use."""
    found = dict(re.findall(r"\b([A-Z_]+)='([^']*)'", script))
    group = resources["EventSource"]["Properties"]["SelfManagedKafkaEventSourceConfig"]["ConsumerGroupId"]
    if found["CONSUMER_GROUP"] != group:
        yield f"the broker permits the consumer group {found['CONSUMER_GROUP']}, and the event source is in {group}"
    for name, alarm in properties_of(resources, "AWS::CloudWatch::Alarm").items():
        for dimension in alarm["Dimensions"]:
            if dimension["Name"] == "stack" and dimension["Value"] != found["STACK"]:
                yield f"{name} watches the metric of {dimension['Value']}, and the broker reports that of {found['STACK']}"
    if is_public(parameters) and found["INTERNAL_ADDRESS"]:
        yield "the broker takes a private address that no client uses"
    if (found["PUBLIC_NAME"] == "${BrokerAddress}") != has_public_listener(parameters):
        yield f"the public listener's name is {found['PUBLIC_NAME']!r}"


def created_before(templates):
    """Yields a problem unless the event source mapping waits for the nested stack that waits for the broker's signal."""
    root, nested = templates["template.yaml"], templates["deploy/broker.yaml"]
    endpoints = json.dumps(root["Resources"]["EventSource"]["Properties"]["SelfManagedEventSource"])
    if endpoints.count("BrokerStack") != 2 or endpoints.count("BootstrapServers") < 2:
        yield "the event source is created before the broker answers"
    if "ResourceSignal" not in nested["Resources"]["Broker"]["CreationPolicy"]:
        yield "BrokerStack does not wait for the broker"


def secrets(resources, template):
    """Secrets are created empty, and the template does not read their values."""
    for name, secret in properties_of(resources, "AWS::SecretsManager::Secret").items():
        others = sorted(secret.keys() - {"Description"})
        if others:
            yield f"{name} is created with {', '.join(others)}: deploy/broker/boot creates its value"
    if "{{resolve:" in json.dumps(template):
        yield "the template reads the value of a secret or a parameter"


def tags(resources):
    """The role permits the actions on the instance and its interface, which it recognises by a tag."""
    data = resources["BrokerTemplate"]["Properties"]["LaunchTemplateData"]
    found = {each["ResourceType"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in data["TagSpecifications"]}
    [policy] = resources["BrokerRole"]["Properties"]["Policies"]
    [statement] = [each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == "Instance"]
    [(key, value)] = statement["Condition"]["StringEquals"].items()
    expected = {key.removeprefix("ec2:ResourceTag/"): value}
    if found != {"instance": expected, "network-interface": expected}:
        yield f"the role permits actions on resources with the tag {expected}, and the launch template sets {found}"


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
    burstable = data["InstanceType"].startswith("t")
    if (data.get("CreditSpecification") == {"CpuCredits": "standard"}) != burstable:
        yield f"{data['InstanceType']} has the credits {data.get('CreditSpecification')}: a burstable type needs standard"
    if ("InstanceMarketOptions" in data) != (parameters.get("Spot") == "true"):
        yield "Spot does not control whether the broker runs on a Spot Instance"
    actions = {each["DesiredCapacity"]: each["Recurrence"] for each in properties_of(resources, "AWS::AutoScaling::ScheduledAction").values()}
    schedule = {1: parameters.get("StartSchedule"), 0: parameters.get("StopSchedule")}
    if actions != ({} if paused or not schedule[1] else schedule):
        yield f"the schedule is {actions}"
    if ("BrokerDownAlarm" in resources) != (not paused and not schedule[1]):
        yield "BrokerDownAlarm exists for a broker that is stopped on purpose, or not for one that always runs"
    if "AutoScalingScheduledAction" not in group["UpdatePolicy"]:
        yield "an update starts a broker that the schedule has stopped"
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
