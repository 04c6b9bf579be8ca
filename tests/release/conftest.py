"""A small real release, written by the room's own writers and signed by a throw-away key."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dpkit.release.bag import seal
from dpkit.release.card import card
from dpkit.release.columns import open_columns
from dpkit.release.index import IndexRows, write_index
from dpkit.release.manifest import Manifest
from dpkit.release.manifest_entries import (
    ClassEntry,
    LabelCount,
    PartCounts,
    SanitizerEntry,
    Shard,
    Signer,
)
from dpkit.release.shards import ShardHeader, write_shard
from dpkit.release.signature import SigningKey
from dpkit.types import Geometry, SanitizedBatch, Secret
from dpkit.types.evidence import STATEMENT, LeakageReport, Settings

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (3, 8, 6)
ROWS = {"train": (40, 30), "validation": (12,), "test": (9,)}
CLASSES = (ClassEntry(3, "cat"), ClassEntry(7, "dog | <b>"))
KEPT = ("scanner", "note")
TRAINING = {
    "convolutions_learn": False,
    "why": "neighbouring values are no neighbours any more",
    "first_layer": {"kind": "block_linear", "tokens": 16, "block": 9, "cores": 1},
    "breaking_transforms": ["flip", "crop", "rotation", "color"],
    "mean": [0.0, 0.1, -0.1],
    "std": [1.0, 1.1, 0.9],
}


def names(rng, n):
    """Draw ids as the plan makes them: 128 random bits in base32."""
    return np.array([base64.b32encode(rng.bytes(16))[:26] for _ in range(n)])


def targets(rng, task, n):
    if task == "multi":
        return rng.choice(np.array([0, 1, 255], np.uint8), (n, 2))
    if task == "regression":
        return rng.normal(size=(n, 2)).astype(np.float32)
    return np.full(n, -1) if task == "none" else rng.choice([3, 7], n)


def batch(rng, n, task="single", dtype="float32", shape=SHAPE):
    values = rng.normal(size=(n, *shape)) * 50
    return SanitizedBatch(values.astype(dtype), targets(rng, task, n), names(rng, n), names(rng, n))


def count(part, batches, task):
    labels = np.concatenate([b.targets for b in batches])
    groups = np.concatenate([b.groups for b in batches])
    counts = []
    for column, entry in enumerate(CLASSES if task in ("single", "multi") else ()):
        index = column if task == "multi" else entry.index
        carries = labels[:, column] == 1 if task == "multi" else labels == index
        counts.append(LabelCount(index, int(carries.sum()), len(np.unique(groups[carries]))))
    return PartCounts(part, len(labels), len(np.unique(groups)), tuple(counts))


def columns_of(task):
    if task == "multi":
        return tuple(ClassEntry(k, e.name) for k, e in enumerate(CLASSES)), ("cat", "dog")
    return {"none": ((), ()), "regression": ((), ("age", "size"))}.get(task, (CLASSES, ("kind",)))


def header(part, task, dtype):
    kind, shape = {"multi": ("uint8", (2,)), "regression": ("float32", (2,))}.get(
        task, ("int64", ())
    )
    return ShardHeader("rel-1", part, "morph", dtype, SHAPE, kind, shape)


def build(folder: Path, key: SigningKey, task="single", dtype="float32") -> Manifest:
    """Write a whole signed release into a new folder."""
    rng = np.random.default_rng(5)
    (folder / "data").mkdir(parents=True)
    shards: list[Shard] = []
    counts = []
    for part, sizes in ROWS.items():
        batches = [batch(rng, n, task, dtype) for n in sizes]
        for number, one in enumerate(batches):
            path = folder / "data" / f"{part}-{number:05d}-of-{len(sizes):05d}.h5"
            shards.append(write_shard(path, header(part, task, dtype), len(one), [one]))
        counts.append(count(part, batches, task))
    classes, label_columns = columns_of(task)
    manifest = Manifest(
        release_id="rel-1",
        key_id="key-1",
        created="2026-01-02",
        tool="dpkit 0.1.0",
        sanitizer=SanitizerEntry("morph", {"kappa": 16, "core": "gaussian"}),
        geometry=Geometry(3, 8, 6, 8),
        dtype=dtype,
        reading={"fit": "pad"},
        task=task,
        classes=classes,
        label_columns=label_columns,
        grouped=True,
        kept_columns=KEPT,
        parts=tuple(counts),
        shards=tuple(shards),
        training=TRAINING,
        statement=STATEMENT,
        signer=Signer(key.public.text, key.public.fingerprint),
    )
    rows = (
        IndexRows(s, open_columns(folder / s.file, manifest), [("A1", "=SUM(1)")] * s.rows)
        for s in shards
    )
    index = write_index(folder / "data" / "index.csv", KEPT, rows)
    (folder / "README.md").write_text(card(manifest))
    (folder / "report.json").write_text(report(manifest).to_json())
    (folder / "report.html").write_text("<!doctype html><title>report</title>")
    seal(folder, manifest, index, key)
    return manifest


def report(manifest: Manifest) -> LeakageReport:
    return LeakageReport(
        version=3,
        release_id=manifest.release_id,
        created=manifest.created,
        tool=manifest.tool,
        sanitizer="morph",
        parameters={"kappa": "16"},
        geometry=manifest.geometry,
        treatment=(),
        statement=manifest.statement,
        known_images_sentence="",
        images=manifest.images,
        withheld="",
        measured={},
        baselines=(),
        bounds=(),
        audit=None,
        round_trip=None,
        counts=(),
        notices=(),
        settings=Settings("", "", 255, 0, ""),
    )


@pytest.fixture(scope="session")
def key():
    return SigningKey(Secret(bytes(range(32))))


@pytest.fixture(scope="session")
def built(tmp_path_factory, key):
    folder = tmp_path_factory.mktemp("built") / "release"
    build(folder, key)
    return folder


@pytest.fixture
def release(built, tmp_path):
    """Give a copy that a test may damage."""
    return shutil.copytree(built, tmp_path / "release")
