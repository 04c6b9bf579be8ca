import pytest

from dpkit.errors import UsageError
from dpkit.pipeline.names import MAX_CLASSES, doubts, require_consent
from dpkit.release.manifest_entries import ClassEntry

PLENTY = 50


def classes(*names):
    return [ClassEntry(i, name) for i, name in enumerate(names)]


def why(*names, images=PLENTY):
    entries = classes(*names)
    return doubts(entries, {entry.index: images for entry in entries})


@pytest.mark.parametrize(
    "name", ["cat", "No Finding", "stage 3", "T-cell CD8", "10", "grade 2b", "é"]
)
def test_an_ordinary_class_name_may_travel(name):
    assert why(name) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("jane.doe@example.org", "an e-mail address"),
        ("1953-04-25", "a date"),
        ("scan 4.12.2019", "a date"),
        ("12/31/99", "a date"),
        ("patient 004711", "four or more digits"),
        ("a1b2c3d4", "four or more digits"),
    ],
)
def test_a_name_that_points_at_somebody_needs_a_word(name, reason):
    assert any(reason in doubt for doubt in why(name))


def test_a_class_of_a_few_images_needs_a_word():
    assert "under 5 images" in why("cat", images=4)[0]
    assert why("cat", images=5) == []


def test_more_classes_than_kinds_of_things_need_a_word():
    names = [f"kind {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(MAX_CLASSES + 1)]
    assert why(*names[:-1]) == []
    assert "101 classes" in why(*names)[0]


def test_the_refusal_names_both_remedies():
    with pytest.raises(UsageError, match=r"--hide-classes.*--publish-classes"):
        require_consent(classes("1953-04-25"), {0: PLENTY}, consented=False)


def test_consent_lets_every_name_travel():
    require_consent(classes("1953-04-25"), {0: 1}, consented=True)
    assert doubts(classes("1953-04-25"), {0: 1}) != []
