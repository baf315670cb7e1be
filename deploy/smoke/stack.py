"""The stack: its status, parameters and outputs."""

from cli import AwsError
from report import Failed, counted

LAKE_OUTPUTS = "Bucket Crawler Database History Topic WorkGroup".split()
FUNCTION_OUTPUTS = "EventSource Function Logs".split()
BROKER_OUTPUTS = ("BootstrapServers BrokerGroup BrokerName BrokerVolume CaSecret LocalBootstrapServers ProducerSecret "
                  "TriggerSecret Zone").split()
# Outputs that exist only if a parameter is not empty.
OPTIONAL_OUTPUTS = {"Crawler": "CrawlerSchedule", "History": "HistorySchedule"}
KINDS = {"none": "no broker", "own": "its own broker", "existing": "existing brokers"}
NESTED = "AWS::CloudFormation::Stack"
COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


class Stack:
    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        (described,) = aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
        self.status = described["StackStatus"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        self.parameters = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])}
        self.kind = self.parameters.get("Broker", "own")
        self.has_broker, self.has_own_broker = self.kind != "none", self.kind == "own"
        self.is_provisioned = self.parameters.get("Provisioned") == "true"
        is_public = self.parameters.get("Network") == "public"
        self.has_public_listener = self.has_own_broker and (is_public or bool(self.parameters.get("PublicCidr")))
        self.has_two_zones = self.has_own_broker and not is_public

    def has(self, output):
        """Returns True, or the reason why the stack does not have this optional output."""
        parameter = OPTIONAL_OUTPUTS[output]
        return f"{parameter} is empty" if self.parameters.get(parameter) == "" else True

    def output(self, name):
        if name not in self.outputs:
            raise Failed(f"the stack has no output {name}", "deploy the current template.yaml")
        return self.outputs[name]

    def resources(self, kind):
        """Returns the physical ids of the stack's resources of a type, without those of nested stacks."""
        listed = self.aws("cloudformation", "list-stack-resources", "--stack-name", self.name)
        summaries = listed["StackResourceSummaries"]
        return [one["PhysicalResourceId"] for one in summaries if one["ResourceType"] == kind]

    def is_complete(self):
        """Step: the stack is complete and has the outputs that its parameters call for."""
        if self.status not in COMPLETE:
            raise Failed(f"{self.status}: {self._first_failure()}", "correct that and run `sam deploy` again")
        if self.parameters.get("Paused") == "true":
            raise Failed("the stack is paused", "run `sam deploy --parameter-overrides Paused=false`")
        expected = LAKE_OUTPUTS + FUNCTION_OUTPUTS * self.has_broker + BROKER_OUTPUTS * self.has_own_broker
        expected += ["PublicBootstrapServers"] * self.has_public_listener + ["SecondZone"] * self.has_two_zones
        expected = [name for name in expected if name not in OPTIONAL_OUTPUTS or self.has(name) is True]
        missing = [name for name in expected if name not in self.outputs]
        if missing:
            raise Failed(f"no output {', '.join(missing)}", "deploy the current template.yaml")
        return f"{self.status}, {counted(len(self.outputs), 'output')}, {KINDS[self.kind]}"

    def _first_failure(self):
        """Returns the first failure since the stack was last complete; later failures follow from it."""
        try:
            name, failed = self.name, self._failed_event(self.name)
            # A nested stack fails because of a resource in it, which only its own events name.
            while failed and failed["ResourceType"] == NESTED and failed["PhysicalResourceId"] != failed["StackId"]:
                name = failed["PhysicalResourceId"]
                failed = self._failed_event(name) or failed | {"ResourceType": ""}
        except AwsError as error:
            return str(error)
        if failed is None:
            return "see its events in the CloudFormation console"
        return f"{failed['LogicalResourceId']}: {failed.get('ResourceStatusReason', 'no reason given')}"

    def _failed_event(self, name):
        """Returns the first event of a failure since the stack `name` was last complete, or None."""
        first = None
        for event in self.aws("cloudformation", "describe-stack-events", "--stack-name", name)["StackEvents"]:  # newest first
            if event.get("PhysicalResourceId") == event["StackId"] and event.get("ResourceStatus") in COMPLETE:
                break
            if event.get("ResourceStatus", "").endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", ""):
                first = event
        return first
