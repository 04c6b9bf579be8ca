"""Reports of older versions read as reports of this one; what no version ever had is refused."""

import json
from dataclasses import replace

import pytest

from dpkit.errors import IntegrityError
from dpkit.types.evidence import LeakageReport
from tests.leakage import audits
from tests.types.reports import REPORT


def version_1(**fields):
    content = json.loads(REPORT.to_json())
    del content["audit"], content["guarantee"], content["training"]
    return json.dumps({**content, "version": 1, "attacks": [], **fields})


def test_a_report_of_version_1_reads_as_one_without_an_audit():
    assert LeakageReport.from_json(version_1()) == REPORT


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"attacks": ["a"]}, "an empty list of attacks"),
        ({"attacks": None}, "an empty list of attacks"),
        ({"audit": None}, "no audit"),
        ({"images": "30"}, "images is not a whole number"),
        ({"extra": 1}, "the field extra"),
    ],
)
def test_a_text_that_is_no_report_of_version_1_is_refused(fields, reason):
    with pytest.raises(IntegrityError, match=reason):
        LeakageReport.from_json(version_1(**fields))


def version_2(audit):
    content = json.loads(replace(REPORT, audit=audit).to_json())
    del content["guarantee"], content["training"]
    if audit:
        del content["audit"]["faces"]
    return content | {"version": 2}


def test_a_report_of_version_2_has_no_guarantee():
    content = version_2(None) | {"guarantee": None}
    with pytest.raises(IntegrityError, match="version 2 has no guarantee"):
        LeakageReport.from_json(json.dumps(content))


@pytest.mark.parametrize("audit", [None, audits.hardened()])
def test_a_report_of_version_2_reads_as_one_for_which_no_faces_were_looked_for(audit):
    assert LeakageReport.from_json(json.dumps(version_2(audit))) == replace(REPORT, audit=audit)


def test_a_report_of_version_2_has_no_faces():
    content = version_2(audits.broken_paper())
    content["audit"]["faces"] = None
    with pytest.raises(IntegrityError, match="no faces"):
        LeakageReport.from_json(json.dumps(content))
