"""The card says what decides first, and its code runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from dpkit.release.card import card, escaped
from dpkit.release.manifest import Manifest
from dpkit.release.manifest_entries import ClassEntry

from .conftest import TRAINING, build


@pytest.fixture(scope="module")
def manifest(built):
    return Manifest.from_json((built / "manifest.json").read_bytes())


def after_header(text):
    return text.split("---\n", 2)[2].splitlines()


def code(text, kind="python"):
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def test_the_card_begins_with_the_hubs_header(manifest):
    lines = card(manifest).splitlines()
    assert lines[0] == "---"
    header = lines[1 : lines.index("---", 1)]
    assert 'license: "other"' in header
    assert 'task_categories: ["image-classification"]' in header
    assert 'size_categories: ["n<1K"]' in header


def test_the_first_ten_lines_say_what_decides(manifest):
    first = "\n".join(after_header(card(manifest))[:10])
    assert manifest.statement in first
    assert "Can ordinary convolutions learn from these values? No." in first
    assert "16 blocks of 9 values" in first
    assert "mean [0, 0.1, -0.1], deviation [1, 1.1, 0.9]" in first
    assert "do not use flip, crop, rotation, color" in first


def test_a_release_that_ordinary_layers_can_learn_says_so(manifest):
    block = {**TRAINING, "convolutions_learn": True, "first_layer": None, "breaking_transforms": []}
    first = "\n".join(after_header(card(replace(manifest, training=block)))[:10])
    assert "learn from these values? Yes." in first
    assert "the usual transforms may be used" in first


def test_a_promise_stands_on_top_and_takes_the_place_of_what_was_measured(manifest):
    text = card(replace(manifest, grouped=False), promised="ε is 1.")
    assert "**What is promised:** ε is 1." in "\n".join(after_header(text)[:10])
    assert "each image is a group of its own" in text
    assert "what was measured" not in text
    plain = card(replace(manifest, grouped=False))
    assert "a group is a set of equal files" in plain
    assert "what was measured" in plain


def test_counts_stand_by_part_and_label(manifest):
    text = card(manifest)
    for part in manifest.parts:
        assert f"| {part.part} | {part.images} | {part.groups} |" in text
        for label in part.labels:
            assert f"| {part.part} | {label.index} |" in text


def test_patches_are_called_so(manifest):
    layer = {"kind": "block_linear", "tokens": 16, "block": 9, "cores": 1, "blocks": "patch"}
    block = {**TRAINING, "first_layer": layer}
    assert "cut the image into 16 square patches of 9 values" in card(
        replace(manifest, training=block)
    )


@pytest.mark.parametrize("task", ["single", "none", "multi", "regression"])
def test_the_plain_h5py_code_runs_in_the_release(tmp_path, key, task):
    build(tmp_path / "release", key, task)
    plain = code((tmp_path / "release" / "README.md").read_text())[1]
    assert len(plain.splitlines()) <= 10
    assert "dpkit" not in plain
    done = subprocess.run(
        [sys.executable, "-c", plain],
        cwd=tmp_path / "release",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "(40, 3, 8, 6)" in done.stdout
    assert "(30, 3, 8, 6)" in done.stdout


def test_the_dpkit_code_is_python_and_names_the_first_layer(manifest):
    snippet = code(card(manifest))[0]
    compile(snippet, "card", "exec")
    assert "ReleaseDataset" in snippet
    assert "first_layer(release" in snippet


@pytest.mark.skipif(shutil.which("minisign") is None, reason="the program minisign is not here")
def test_the_cards_minisign_line_holds(built):
    (lines,) = code((built / "README.md").read_text(), "sh")
    line = next(line for line in lines.splitlines() if line.startswith("minisign"))
    done = subprocess.run(shlex.split(line), cwd=built, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="the program sha256sum is not here")
def test_the_cards_sha256sum_line_holds(built):
    (lines,) = code((built / "README.md").read_text(), "sh")
    line = next(line for line in lines.splitlines() if line.startswith("sha256sum"))
    assert (
        subprocess.run(shlex.split(line), cwd=built, check=False, capture_output=True).returncode
        == 0
    )


def test_a_class_name_cannot_become_markup(manifest):
    name = "<script>alert(1)</script> | [x](http://y) `z`\n# head"
    classes = (ClassEntry(3, "cat"), ClassEntry(7, name))
    text = card(replace(manifest, classes=classes))
    assert "<script>" not in text
    assert "\n# head" not in text
    assert escaped("a|b") == "a\\|b"


def test_many_labels_are_cut_and_the_rest_is_pointed_to(manifest):
    many = tuple(ClassEntry(k, f"c{k}") for k in range(300))
    train = manifest.parts[0]
    share = [replace(train.labels[0], index=k, images=0, groups=0) for k in range(299)]
    labels = (*share, replace(train.labels[0], index=299, images=70, groups=70))
    parts = (replace(train, labels=labels),)
    cut = replace(manifest, classes=many, parts=parts, shards=manifest.shards[:2])
    assert "100 more lines stand in `manifest.json`" in card(cut)
