"""Holds every example of an OpenAPI document, given on stdin, against the type it is an example of."""

import json
import sys

import jsonschema_rs

document = json.load(sys.stdin)
count, wrong = 0, []
for path, operations in document["paths"].items():
    for method, operation in operations.items():
        answers = operation["responses"].items()
        bodies = [("body", operation["requestBody"])] if "requestBody" in operation else []
        for which, described in [*answers, *bodies]:
            for content in described.get("content", {}).values():
                schema = content.get("schema")
                if schema is None or "example" not in content:
                    continue
                count += 1
                validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
                for error in validator.iter_errors(content["example"]):
                    wrong.append(f"{method} {path} {which}: {error.message}, at {error.instance_path}")
print(f"{count} examples")
if count < 25 or wrong:
    sys.exit("\n".join(wrong) or "there are too few")
