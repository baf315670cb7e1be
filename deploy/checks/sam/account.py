"""A simulated AWS account for the SAM CLI: moto's server, with the parts of CloudFormation that moto lacks.

moto receives the SAM CLI's requests, keeps the uploads and creates the resources. Added here:

- transforms: aws-sam-translator, which is the code of AWS::Serverless-2016-10-31, and AWS::Include;
- rules, and the patterns and allowed values of parameters;
- updates that change only parameters;
- nested stacks with a transform, and their outputs;
- a stand-in for each resource type that moto does not have: it has a name, attributes and the evaluated properties.
"""

import io
import json
import logging
import os
import re
import sys
import threading
import urllib.parse
import warnings
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

TEMPLATE_CHECKS = Path(__file__).resolve().parents[1] / "template"
sys.path.insert(0, str(TEMPLATE_CHECKS))

REGION = "us-east-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# moto's parser and the translator read the region when they are imported.
os.environ.update(ENVIRONMENT)

import resolve  # noqa: E402
from moto.cloudformation import models, parsing, responses  # noqa: E402
from moto.cloudformation.exceptions import ValidationError  # noqa: E402
from moto.moto_api._internal import moto_api_backend  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from moto.s3.models import s3_backends  # noqa: E402
from samtranslator.model.exceptions import InvalidDocumentException  # noqa: E402
from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402
from stand_ins import STAND_INS, stand_in  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

BUCKET = "AWS::S3::Bucket"
S3_URL = f"https://s3.{REGION}.amazonaws.com"
NESTED = "AWS::CloudFormation::Stack"
SAM = "AWS::Serverless-2016-10-31"
NUMBER = resolve.PSEUDO["AWS::AccountId"]
# Parameters whose value is an SSM parameter's name: AWS looks the value up.
SSM_VALUE = resolve.IMAGE


def read_object(location):
    """Returns the text of an uploaded object, given by `s3://BUCKET/KEY` or by the URL that the SAM CLI writes."""
    parts = urllib.parse.urlparse(location)
    path = parts.path.lstrip("/")
    bucket, key = (parts.netloc, path) if parts.scheme == "s3" else path.split("/", 1)
    return s3_backends[NUMBER]["aws"].get_object(bucket, key).value.decode()


def include(node):
    """Returns the template with each AWS::Include replaced by the file that it names."""
    if isinstance(node, list):
        return [include(part) for part in node]
    if not isinstance(node, dict):
        return node
    result = {key: include(part) for key, part in node.items() if key != "Fn::Transform"}
    transforms = node.get("Fn::Transform", [])
    for transform in transforms if isinstance(transforms, list) else [transforms]:
        if transform["Name"] != "AWS::Include":
            raise ValueError(f"the simulated account does not have the transform {transform['Name']}")
        content = yaml_parse(read_object(transform["Parameters"]["Location"]))
        if not isinstance(content, dict):
            return content
        result |= content
    return result


def transformed(text, parameters):
    """Returns the template as CloudFormation sees it after the transforms."""
    template = include(yaml_parse(text))
    transforms = template.get("Transform", [])
    unknown = {transforms} if isinstance(transforms, str) else set(transforms)
    if unknown - {SAM}:
        raise ValueError(f"the simulated account does not have the transform {', '.join(sorted(unknown - {SAM}))}")
    if SAM in unknown:
        try:
            template = Translator({}, Parser()).translate(template, dict(parameters))
        except InvalidDocumentException as error:
            raise ValueError("; ".join(cause.message for cause in error.causes)) from error
    for body in template["Resources"].values():
        # Equivalent once the stack is created.
        if body.get("DeletionPolicy") == "RetainExceptOnCreate":
            body["DeletionPolicy"] = "Retain"
    return json.dumps(template)


def clean_json(original):
    """Wraps moto's evaluation: AWS::NoValue removes items of lists, too, and attributes of nested stacks have dots."""

    def clean(node, names):
        if isinstance(node, dict) and len(node) == 1:
            [(function, argument)] = node.items()
            if function == "Fn::GetAtt" and isinstance(argument, list) and len(argument) > 2:
                node = {function: [argument[0], ".".join(argument[1:])]}
        result = original(node, names)
        return [part for part in result if part is not None] if isinstance(node, list) else result

    return clean


def recording_stand_in(kind):
    """Returns a stand-in that keeps the evaluated properties and can be updated."""
    base = stand_in(kind)

    class Recording(base):
        properties = None

        @classmethod
        def create_from_cloudformation_json(cls, name, body, *_arguments, **_options):
            created = cls(name)
            created.properties = body["Properties"]
            return created

        @classmethod
        def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, **_options):
            updated = cls(original_resource.name)
            updated.properties = cloudformation_json["Properties"]
            return updated

        @classmethod
        def delete_from_cloudformation_json(cls, *_arguments):
            """Does nothing, because there is nothing to delete."""

    return Recording


def nested_output(stack, name):
    """Returns an attribute of a nested stack, which is one of its outputs."""
    key = name.removeprefix("Outputs.")
    for output in stack.outputs or []:
        if output["OutputKey"] == key:
            return output["OutputValue"]
    raise ValueError(f"the nested stack {stack.name} has no output {key}")


def update_nested(original_resource, cloudformation_json, **_options):
    """Updates a nested stack in place, where moto would delete and recreate it."""
    properties = cloudformation_json["Properties"]
    parameters = properties.get("Parameters", {})
    original_resource.update(transformed(read_object(properties["TemplateURL"]), parameters), parameters=parameters)
    return original_resource


def created_resources(stack):
    """Returns the resources of a stack without those whose condition is false, for which moto keeps None."""
    return [resource for resource in stack.resource_map.values() if resource is not None]


def holds(body, names):
    """Returns whether a resource's condition is true."""
    return "Condition" not in body or names.lazy_condition_map[body["Condition"]]


def check_parameters(template, parameters):
    """Raises an error if the parameters' declarations or the template's rules reject the values, as CloudFormation does."""
    resolve.parameter_values(template.get("Parameters", {}), parameters)
    names = parsing.ResourceMap("stack", "stack", parameters, {}, REGION, NUMBER, template, {})
    names.load()
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" in rule and not parsing.parse_condition(rule["RuleCondition"], names, names.lazy_condition_map):
            continue
        for assertion in rule["Assertions"]:
            if not parsing.parse_condition(assertion["Assert"], names, names.lazy_condition_map):
                raise ValueError(f"Template validation error: {assertion['AssertDescription']}")


class Recorder:
    """A WSGI application that records CloudFormation's requests before it passes them on."""

    def __init__(self, application):
        self.application = application
        self.calls = []

    def __call__(self, environ, start_response):
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            values = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            if "Action" in values:
                self.calls.append(values)
        return self.application(environ, start_response)


def sent_parameters(call):
    """Returns the parameters of a recorded CreateChangeSet: the value that was sent, or None for UsePreviousValue."""
    result = {}
    for name, key in call.items():
        if found := re.fullmatch(r"Parameters\.member\.(\d+)\.ParameterKey", name):
            prefix = f"Parameters.member.{found[1]}."
            previous = call.get(prefix + "UsePreviousValue") == "true"
            result[key] = None if previous else call[prefix + "ParameterValue"]
    return result


class Account:
    """The account. `stand_ins_only` replaces all types but buckets, because moto cannot update most types."""

    def __init__(self, stand_ins_only=False):
        self.stand_ins_only = stand_ins_only
        self.classes = {}
        self.failures = []
        self.patches = ExitStack()

    # ---- Server

    def __enter__(self):
        logging.getLogger("moto").setLevel(logging.ERROR)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        moto_api_backend.reset()
        for module, name, patch in self.replacements():
            self.patches.enter_context(mock.patch.object(module, name, patch, create=name == "get_cfn_attribute"))
        self.recorder = Recorder(DomainDispatcherApplication(create_backend_app))
        self.server = make_server("127.0.0.1", 0, self.recorder, threaded=True, request_handler=MotoRequestHandler)
        # moto reads uploads by URLs only of this host.
        self.endpoint = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.server.shutdown()
        self.server.server_close()
        self.patches.close()

    def environment(self):
        return ENVIRONMENT | {"AWS_ENDPOINT_URL": self.endpoint}

    # ---- CloudFormation

    def replacements(self):
        """Yields the functions of moto that are replaced."""
        create_change_set = models.CloudFormationBackend.create_change_set
        delete_stack = models.CloudFormationBackend.delete_stack
        create_stack = models.CloudFormationBackend.create_stack
        class_of, name_property = parsing.resource_class_from_type, parsing.resource_name_property_from_type
        diff, update = parsing.ResourceMap.build_resource_diff, parsing.ResourceMap.update

        def creating_change_set(backend, stack_name, change_set_name, template, parameters, **options):
            reason = None
            try:
                # `sam delete` reads the URLs of nested templates and accepts only those of AWS.
                template = transformed(template.replace(self.endpoint, S3_URL), parameters)
                check_parameters(json.loads(template), parameters)
            except Exception as error:  # moto's and the translator's parsers raise various types
                reason, parameters = f"{type(error).__name__}: {error}", {}
                template = json.dumps({"Resources": {}})
            # CloudFormation reuses a stack whose first change set was not executed.
            for identifier, stack in list(backend.stacks.items()):
                if stack.name == stack_name and stack.status == "REVIEW_IN_PROGRESS":
                    del backend.stacks[identifier]
            identifiers = create_change_set(
                backend, stack_name=stack_name, change_set_name=change_set_name, template=template, parameters=parameters, **options
            )
            if reason:
                change_set = backend.change_sets[identifiers[0]]
                change_set.status, change_set.execution_status, change_set.status_reason = "FAILED", "UNAVAILABLE", reason
            return identifiers

        def creating_stack(backend, name, template, parameters, **options):
            return create_stack(backend, name=name, template=transformed(template, parameters), parameters=parameters, **options)

        def executing(backend, change_set_name, stack_name=None):
            [change_set] = [
                one
                for one in backend.change_sets.values()
                if change_set_name in (one.change_set_id, one.change_set_name) and stack_name in (None, one.stack_name, one.stack_id)
            ]
            stack, kind = change_set.stack, change_set.change_set_type
            stack._add_stack_event(f"{kind}_IN_PROGRESS", resource_status_reason="User Initiated")
            try:
                change_set.apply()
            except Exception as error:  # moto's models raise various types
                reason = f"{type(error).__name__}: {error}"
                self.failures.append(f"{stack.name}: {reason}")
                kind = "ROLLBACK" if kind == "CREATE" else "UPDATE_ROLLBACK"
                stack._add_stack_event(f"{kind}_IN_PROGRESS", resource_status_reason=reason)
            else:
                stack.template, stack.parameters = change_set.template, change_set.parameters
                stack.template_dict = change_set.template_dict
                stack.output_map = stack._create_output_map()
            change_set.execution_status = "EXECUTE_COMPLETE"
            stack.status = f"{kind}_COMPLETE"
            stack._add_stack_event(stack.status)

        def deleting(backend, name_or_stack_id):
            try:
                delete_stack(backend, name_or_stack_id)
            except Exception as error:  # moto's models raise various types
                self.failures.append(f"{name_or_stack_id}: {type(error).__name__}: {error}")
                raise ValidationError(message=str(error)) from error

        def resource_class(kind):
            if kind == NESTED:
                return class_of(kind)
            if kind not in self.classes:
                replaced = kind in STAND_INS or (self.stand_ins_only and kind != BUCKET)
                found = None if replaced else class_of(kind)
                self.classes[kind] = found or recording_stand_in(kind)
            return self.classes[kind]

        def name_property_of(kind):
            if kind == NESTED or not is_stand_in(resource_class(kind)):
                return name_property(kind)
            return resource_class(kind).cloudformation_name_type()

        def changes(names, template, parameters=None):
            """Compares parameters, too: a resource whose condition or values depend on one may change with any."""
            result = diff(names, template)
            if parameters is not None and names.input_parameters != parameters:
                both = names._resource_json_map.keys() & template["Resources"].keys()
                result["Modify"] = sorted(both)
            return result

        def updating(names, template, parameters=None):
            """Deletes the resources whose condition has become false, which moto would keep, then updates the others."""
            probe = parsing.ResourceMap(
                names.stack_id, names["AWS::StackName"], parameters or {}, names.tags, names._region_name, names._account_id,
                template, names.cross_stack_resources,
            )
            probe.load_parameters()
            probe.load_conditions()
            for name, body in template["Resources"].items():
                if names._parsed_resources.get(name) is not None and not holds(body, probe):
                    names._delete_resource(names._parsed_resources.pop(name), names._resource_json_map[name])
            update(names, template, parameters)

        def updating_resource(name, body, names, **options):
            if not holds(body, names):
                return None
            # moto keeps None for a resource whose condition was false.
            if names._parsed_resources.get(name) is None:
                names._parsed_resources.pop(name, None)
                return names[name]
            return update_resource(name, body, names, **options)

        update_resource = parsing.parse_and_update_resource
        yield models.CloudFormationBackend, "create_change_set", creating_change_set
        yield models.CloudFormationBackend, "create_stack", creating_stack
        yield models.CloudFormationBackend, "delete_stack", deleting
        yield models.CloudFormationBackend, "execute_change_set", executing
        yield models, "get_stack_from_s3_url", lambda url, **_options: read_object(url)
        yield responses, "get_stack_from_s3_url", lambda url, **_options: read_object(url)
        yield models.ChangeSet, "diff", change_set_diff
        yield models.Stack, "get_cfn_attribute", nested_output
        yield models.Stack, "update_from_cloudformation_json", update_nested
        yield models.Stack, "stack_resources", property(created_resources)
        yield parsing, "clean_json", clean_json(parsing.clean_json)
        yield parsing, "resource_class_from_type", resource_class
        yield parsing, "resource_name_property_from_type", name_property_of
        yield parsing, "parse_and_update_resource", updating_resource
        yield parsing.ResourceMap, "build_resource_diff", changes
        yield parsing.ResourceMap, "update", updating
        yield parsing.ResourceMap, "parse_ssm_parameter", lambda *_arguments: SSM_VALUE

    # ---- What the account holds

    def stacks(self):
        """Returns the stacks, nested ones included, by name."""
        backend = models.cloudformation_backends[NUMBER][REGION]
        return {stack.name: stack for stack in backend.stacks.values()}

    def resources(self, stack):
        """Yields the resources of a stack: nested name, type and model."""
        for name in stack.resource_map.resources:
            resource = stack.resource_map._parsed_resources.get(name)
            if resource is None:
                continue
            kind = stack.resource_map._resource_json_map[name]["Type"]
            yield name, kind, resource
            if kind == NESTED:
                for inner, inner_kind, inner_resource in self.resources(resource):
                    yield f"{name}/{inner}", inner_kind, inner_resource

    def parameters(self, stack_name):
        """Returns the values of a stack's parameters, as text."""
        return {name: str(value) for name, value in self.stacks()[stack_name].stack_parameters.items()}

    def change_sets(self, stack_name):
        """Returns the recorded CreateChangeSet requests for a stack."""
        calls = self.recorder.calls
        return [call for call in calls if call["Action"] == "CreateChangeSet" and call["StackName"] == stack_name]


def change_set_diff(change_set):
    actions = change_set.stack.resource_map.build_resource_diff(change_set.template_dict, change_set.parameters)
    bodies = change_set.stack.resource_map._resource_json_map | change_set.template_dict["Resources"]
    return [models.Change(action, name, bodies[name]["Type"]) for action, names in actions.items() for name in names]


def is_stand_in(model):
    return hasattr(model, "properties") and model.__name__ == "Recording"
