"""Reads answers (JSON lines on stdin) with botocore's parsers and says which it does not understand."""

import base64
import json
import sys

import botocore.parsers
import botocore.session

NAMES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "servicequotas": "service-quotas", "tagging": "resourcegroupstaggingapi"}
PROTOCOLS = {"smithy-rpc-v2-cbor", "json", "query", "ec2", "rest-xml", "rest-json"}


def unknown(value, shape, path):
    """Fields of a JSON answer that the service's model does not have."""
    if value is None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, inner in value.items():
            if key not in shape.members:
                yield f"{path}.{key}"
            else:
                yield from unknown(inner, shape.members[key], f"{path}.{key}")
    elif shape.type_name == "list" and isinstance(value, list):
        for inner in value:
            yield from unknown(inner, shape.member, path + "[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for inner in value.values():
            yield from unknown(inner, shape.value, path + "{}")


def missing(value, shape, path):
    """Required fields of the model that the parsed answer does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for key in shape.required_members:
            if key not in value:
                yield f"{path}.{key}"
        for key, inner in value.items():
            if key in shape.members:
                yield from missing(inner, shape.members[key], f"{path}.{key}")
    elif shape.type_name == "list" and isinstance(value, list):
        for inner in value:
            yield from missing(inner, shape.member, path + "[]")


def main():
    session = botocore.session.get_session()
    factory = botocore.parsers.ResponseParserFactory()
    models, wrong, count = {}, set(), 0
    for line in sys.stdin:
        it = json.loads(line)
        name = NAMES.get(it["service"], it["service"])
        model = models.setdefault(name, session.get_service_model(name))
        operation = model.operation_model(it["operation"])
        where = f"{name}:{it['operation']}"
        # Queries of CloudWatch come in its newest protocol.
        protocol = "smithy-rpc-v2-cbor" if name == "cloudwatch" else model.resolved_protocol
        headers = {"x-amzn-requestid": "r", "content-type": "application/x-amz-json-1.1"}
        body = base64.b64decode(it["body"])
        response = {"status_code": it["status"], "headers": botocore.parsers.CaseInsensitiveDict(headers) if hasattr(botocore.parsers, "CaseInsensitiveDict") else headers, "body": body}
        count += 1
        try:
            parsed = factory.create_parser(protocol).parse(response, operation.output_shape)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer that botocore does not understand
            wrong.add(f"{where}: {type(error).__name__}: {error}")
            continue
        if it["status"] >= 300:
            if not parsed.get("Error", {}).get("Code"):
                wrong.add(f"{where}: an error without a code: {body[:200]!r}")
            continue
        if operation.output_shape is None:
            continue
        if protocol == "json":
            wrong.update(f"{where}: unknown field {path}" for path in unknown(json.loads(body or b"{}"), operation.output_shape, ""))
        wrong.update(f"{where}: missing field {path}" for path in missing(parsed, operation.output_shape, ""))
    print(f"{count} answers read")
    for problem in sorted(wrong):
        print(problem)
    sys.exit(1 if wrong else 0)


main()
