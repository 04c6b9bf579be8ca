"""`report.json`: the canonical text, and what a stranger's text may not do."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import IntegrityError, UsageError
from dpkit.types.evidence import STATEMENT, LeakageReport, statement_of
from dpkit.types.promise import EpsilonTotal, PrivacyGuarantee
from tests.leakage import audits
from tests.types.reports import PSNR, REPORT


def changed(**fields):
    return json.dumps({**json.loads(REPORT.to_json()), **fields})


def test_a_report_comes_back_as_it_was_written():
    assert LeakageReport.from_json(REPORT.to_json()) == REPORT
    assert LeakageReport.from_json(REPORT.to_json().encode()) == REPORT


def test_the_text_is_canonical():
    text = REPORT.to_json()
    assert text == LeakageReport.from_json(text).to_json()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_infinity_is_a_word_so_that_any_json_reader_can_read_it():
    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(REPORT.to_json(), parse_constant=refuse)
    assert content["measured"]["psnr"]["worst"] == "infinite"


def test_not_a_number_cannot_be_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(REPORT, measured={"psnr": replace(PSNR, mean=math.nan)}).to_json()


def test_no_attack_was_run_until_one_had_power():
    assert not REPORT.attacks
    assert replace(REPORT, audit=audits.nothing_run()).attacks == ()
    found = replace(REPORT, audit=audits.broken_paper()).attacks
    assert "known-pairs" in found
    assert "second-order" not in found  # it timed out
    assert "contact-sheet" not in found  # it was not tried


def test_an_audit_leads_with_how_many_attacks_had_power_and_then_its_verdict():
    audit = audits.broken_paper()
    statement = statement_of(audit)
    assert statement.startswith("5 of 7 attacks had power here. Broken: ")
    assert not statement.endswith(".")
    assert statement_of(None) == STATEMENT
    told = replace(REPORT, audit=audit, statement=statement)
    assert told.top_line == f"{statement}. 12 known images of 30 open all of them"


@pytest.mark.parametrize("make", audits.ALL)
def test_an_audit_comes_back_as_it_was_written(make):
    report = replace(REPORT, audit=make())
    assert LeakageReport.from_json(report.to_json()) == report


def test_a_guarantee_comes_back_as_it_was_written():
    promise = PrivacyGuarantee(
        "0.5", 2, "0.25", "It holds.", ("Not this.",), "They add up.", 2, (EpsilonTotal("1", 30),)
    )
    report = replace(REPORT, guarantee=promise)
    assert LeakageReport.from_json(report.to_json()) == report


def test_the_top_line_is_the_statement_and_then_the_known_images():
    assert REPORT.top_line == (
        "No attack was run on this release: the figures below say how it looks, not how safe it "
        "is. 12 known images of 30 open all of them"
    )
    assert replace(REPORT, known_images_sentence="").top_line == STATEMENT


def test_a_newer_version_asks_for_a_newer_dpkit():
    with pytest.raises(UsageError, match="version 4 is newer than 3"):
        LeakageReport.from_json(changed(version=4, unheard_of=True))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("[]", "is not an object"),
        ("{}", "version is not a whole number"),
        (changed(version=0), "not of version 1 or 2 or 3"),
        (changed(version=True), "version is not a whole number"),
        (changed(extra=1), "the field extra"),
        (changed(images="30"), "images is not a whole number"),
        (changed(images=2**63), "images is not a whole number"),
        (changed(images=1.5), "images is not a whole number"),
        (changed(statement="x" * 4001), "statement is not a text"),
        (changed(treatment="one"), "treatment is not a list"),
        (changed(treatment=["a"] * 100_001), "treatment is not a list"),
        (changed(parameters={"kappa": [16]}), "parameters.kappa is not one of"),
        (changed(measured=[]), "measured is not an object"),
        (changed(geometry={"channels": 2, "height": 1, "width": 1, "depth": 8}), "channels 2"),
        (changed(geometry={"channels": 3}), "the field depth"),
        (changed(round_trip={"max_error": 1e301, "mean_error": 0, "share_exact": 0}), "finite"),
        (REPORT.to_json().replace("21.5", "NaN"), "NaN is no JSON number"),
        (REPORT.to_json().replace("21.5", "-Infinity"), "-Infinity is no JSON number"),
        (REPORT.to_json().replace("21.5", "1e999"), "finite number"),
        (REPORT.to_json().replace('"n": 30', '"n": -1', 1), "below 0"),
        (REPORT.to_json().replace('"images": 30', '"images": 1, "images": 30', 1), "twice"),
        ("[" * 100_000, "not valid JSON"),
        ("9" * 10_000, "not valid JSON"),
        (" " * (4 * 2**20 + 1), "more than 4194304"),
        (b"\xff\xfe\xfd", "not valid JSON"),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else "bytes",
)
def test_a_text_that_is_no_report_is_refused(text, reason):
    with pytest.raises(IntegrityError, match=reason):
        LeakageReport.from_json(text)


def test_every_missing_field_is_named():
    for name in json.loads(REPORT.to_json()):
        content = json.loads(REPORT.to_json())
        del content[name]
        with pytest.raises(IntegrityError, match=name):
            LeakageReport.from_json(json.dumps(content))


@given(position=st.integers(0, len(REPORT.to_json()) - 1), byte=st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_byte_gives_a_report_or_an_error_of_ours(position, byte):
    text = bytearray(REPORT.to_json().encode())
    text[position % len(text)] = byte
    try:
        assert isinstance(LeakageReport.from_json(bytes(text)), LeakageReport)
    except (IntegrityError, UsageError) as error:
        assert str(error)  # noqa: PT017 (either outcome is right)
