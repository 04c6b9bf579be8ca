"""The JSON Schema of `report.json`: the committed file is the one that the dataclasses give."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dpkit.types.evidence import LeakageReport
from tests.leakage import audits
from tests.types.test_evidence import REPORT

FILE = Path(__file__).parents[2] / "docs" / "schemas" / "report-3.schema.json"
SCHEMA = json.loads(LeakageReport.schema())
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def fits(value, rule):
    """Say whether a value fits a rule, for the words of JSON Schema that ours uses."""
    if "$ref" in rule:
        return fits(value, SCHEMA["$defs"][rule["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in rule:
        return any(fits(value, one) for one in rule["anyOf"])
    if "const" in rule:
        return type(value) is type(rule["const"]) and value == rule["const"]
    kind = rule["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if kind == "array":
        return len(value) <= rule["maxItems"] and all(fits(v, rule["items"]) for v in value)
    return fits_object(value, rule) if kind == "object" else True


def fits_object(value, rule):
    if not set(rule.get("required", ())) <= value.keys():
        return False
    rules, others = rule.get("properties", {}), rule["additionalProperties"]
    return all(
        fits(v, rules[name]) if name in rules else others and fits(v, others)
        for name, v in value.items()
    )


def content(audit=None):
    return json.loads(replace(REPORT, audit=audit).to_json())


def test_the_committed_file_is_what_the_dataclasses_give():
    """To renew it: see docs/leakage-report.md, section `report.json`."""
    assert FILE.read_text(encoding="utf-8") == LeakageReport.schema()


@pytest.mark.parametrize("make", [lambda: None, *audits.ALL])
def test_a_report_fits_the_schema(make):
    assert fits(content(make()), SCHEMA)


def changed(path, value):
    found = copy.deepcopy(content(audits.broken_paper()))
    at = found
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 1),
        (("extra",), 1),
        (("images",), "30"),
        (("audit", "extra"), 1),
        (("audit", "verdict"), None),
        (("audit", "seed"), 1.5),
        (("audit", "attacks", 0, "links"), {"n": 3}),
        (("audit", "pairs_needed", "0.5"), "many"),
        (("audit", "seconds"), "endless"),
    ],
)
def test_what_is_no_report_does_not_fit(path, value):
    assert not fits(changed(path, value), SCHEMA)


def test_infinity_is_the_word_of_the_format():
    assert fits(changed(("audit", "seconds"), "infinite"), SCHEMA)


def test_every_reference_is_defined_and_every_definition_described():
    text = json.dumps(SCHEMA)
    for name, rule in SCHEMA["$defs"].items():
        assert f"#/$defs/{name}" in text
        assert rule["description"]
    assert text.count('"$ref"') > len(SCHEMA["$defs"]) > 10
