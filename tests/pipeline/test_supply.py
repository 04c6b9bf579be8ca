"""A sanitizer that learns from the provider's images, and releases feature maps: end to end."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from torch import nn

from dpkit.developer import ReleaseDataset, remote_part
from dpkit.errors import IntegrityError, UsageError
from dpkit.keystore.keys import open_key
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.nets import REMOTES
from dpkit.pipeline import ReleaseRequest, data_key, make_release
from dpkit.pipeline.checkpoints import SealedCheckpoints
from dpkit.pipeline.state import state_root
from dpkit.pipeline.supply import MOST_KEPT, SourceImages, _labels
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions, choose_rule
from dpkit.readers.folder import FolderSource
from dpkit.readers.scan import ScanOptions, scan
from dpkit.release.inspect import grid
from dpkit.release.read import Release
from dpkit.release.verify import verify
from dpkit.sanitize import Sanitize
from dpkit.sanitizers import SANITIZERS
from dpkit.sanitizers.base import REMOTE, ImageSanitizer, param
from dpkit.sanitizers.morph import Morph
from dpkit.types import Key, Rows, SanitizedBatch
from dpkit.types.supply import Weights

STEPS = 3
HEAD = {"weight": (3, 4 * 8 * 8), "bias": (3,)}


def head(*, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(4 * 8 * 8, classes))


class Killed(BaseException):
    """As if the process had been killed."""


@dataclass(frozen=True, slots=True)
class Learned(ImageSanitizer):
    """Four random filters of 2x2, "trained" in steps that each draw one more of them."""

    name: ClassVar[str] = "learned"
    summary: ClassVar[str] = "Learn filters."
    paper: ClassVar[str] = "none"
    example: ClassVar[str] = "dpkit learned images"
    default_size: ClassVar[tuple[int, int]] = (16, 16)
    fresh_keys: ClassVar[bool] = False
    restorable: ClassVar[bool] = False
    may_need: ClassVar[frozenset] = frozenset({"images"})
    has_remote: ClassVar[bool] = True
    killed_at: ClassVar[int] = 0
    seen: ClassVar[list[Any]] = []

    gain: float = param(1.0, help="A factor.")
    classes: int = param(0, help="Classes of the images.", is_found=True)

    @property
    def needs(self):
        return frozenset({"images"})

    def check(self, geometry):
        """Take every size."""

    def notices(self, _geometry):
        return []

    def key_bytes(self, geometry):
        return 16 * geometry.channels * 8

    def completed(self, _geometry, supply):
        return replace(self, classes=supply.images.classes)

    def fit(self, geometry, seed, supply=None):
        rng = np.random.default_rng(list(seed.reveal()))
        filters = rng.standard_normal((4, geometry.channels, 2, 2))
        found = supply.checkpoints.load()
        done = int(found[0]["done"]) if found else 0
        first = int(supply.images.pixels(np.arange(2)).sum())
        self.seen.append((done, first, supply.images.parts, supply.images.labels.tolist()))
        for step in range(done, STEPS):
            if self.killed_at and step == self.killed_at:
                raise Killed
            supply.checkpoints.save({"done": step + 1}, {"filters": filters[: step + 1]})
        rest = {f"{REMOTE}1.{name}": rng.random(shape) for name, shape in HEAD.items()}
        return Key(seed, {"filters": self.gain * filters, **rest})

    def remote(self, key, _geometry):
        rest = {n.removeprefix(REMOTE): key.array(n) for n in key.names() if n.startswith(REMOTE)}
        return Weights(rest, "", {"network": "head", "arguments": json.dumps({"classes": 3})})

    def values_shape(self, geometry):
        return 4, geometry.height // 2, geometry.width // 2

    def values_dtype(self, _geometry):
        return np.dtype(np.float16)

    def tile_images(self, _geometry):
        return 4

    def apply(self, batch, key, geometry, out=None):
        n = len(batch)
        shape = (n, geometry.height // 2, 2, geometry.width // 2, 2, geometry.channels)
        pieces = batch.pixels.reshape(shape) / geometry.peak
        values = np.einsum("nyixjc,ocij->noyx", pieces, key.array("filters")).astype(np.float16)
        if out is not None:
            out[...] = values
            values = out
        return SanitizedBatch(values, batch.targets, batch.ids, batch.groups)

    def plain(self, pixels, geometry):
        return np.zeros((len(pixels), *self.values_shape(geometry)), np.float16)

    def restore(self, _values, _key, _geometry):
        raise UsageError("cannot be restored")

    def training(self, _geometry):
        return {
            "convolutions_learn": True,
            "why": "maps",
            "first_layer": None,
            "breaking_transforms": [],
        }

    def describe(self, _geometry):
        return ["Filtered."]


@pytest.fixture
def learned(monkeypatch):
    monkeypatch.setitem(SANITIZERS, "learned", Learned)
    monkeypatch.setattr(Learned, "killed_at", 0)
    monkeypatch.setattr(Learned, "seen", [])
    return Learned


@pytest.fixture
def known_head(monkeypatch):
    monkeypatch.setitem(REMOTES, "head", head)


@pytest.fixture
def keystore(tmp_path):
    return Keystore.create(tmp_path / "keys.dpks", Unlock(key_file=tmp_path / "key" / "file.key"))


@pytest.fixture
def request_of(images, tmp_path):
    def made(sanitizer, out="release", **more):
        given = {"split": Split("50/25/25"), "audit": "none", **more}
        return ReleaseRequest(images, tmp_path / out, sanitizer, **given)

    return made


def test_feature_maps_are_released_verified_and_loaded(learned, keystore, request_of):
    published = make_release(request_of(learned()), keystore)
    verify(published.release)
    manifest = json.loads((published.release / "manifest.json").read_text())
    assert manifest["map_shape"] == [4, 8, 8]
    assert manifest["sanitizer"]["parameters"] == {"gain": 1.0, "classes": 3}
    loaded = ReleaseDataset(published.release, split="all")
    values, _ = loaded[0]
    assert (len(loaded), tuple(values.shape)) == (24, (4, 8, 8))
    assert len(manifest["training"]["mean"]) == 4


def test_the_report_says_how_feature_maps_are_seen(learned, keystore, request_of):
    published = make_release(request_of(learned()), keystore)
    report = json.loads((published.release / "report.json").read_text())
    assert "feature maps" in report["settings"]["view"]
    assert report["measured"]["ssim"]["n"] == 24


def test_the_images_come_with_labels_and_the_releases_own_parts(learned, keystore, request_of):
    make_release(request_of(learned()), keystore)
    ((_, _, parts, labels),) = learned.seen
    assert set(labels) == {0, 1, 2}
    assert set(parts) == {"train", "validation", "test"}


def test_the_empty_folder_that_a_kill_during_a_fit_leaves_is_taken(
    learned, keystore, request_of, tmp_path
):
    (tmp_path / "release.partial" / "data").mkdir(parents=True)
    verify(make_release(request_of(learned()), keystore).release)
    (tmp_path / "other.partial" / "data").mkdir(parents=True)
    (tmp_path / "other.partial" / "data" / "mine.txt").touch()
    with pytest.raises(UsageError, match="no unfinished release"):
        make_release(request_of(learned(), out="other"), keystore)


def test_a_killed_fit_goes_on_from_its_checkpoint_with_the_same_seed_and_parts(
    learned, keystore, request_of, monkeypatch
):
    monkeypatch.setattr(learned, "killed_at", 2)
    with pytest.raises(Killed):
        make_release(request_of(learned()), keystore)
    assert [entry.kind for entry in keystore.entries()] == []
    monkeypatch.setattr(learned, "killed_at", 0)
    published = make_release(request_of(learned()), keystore)
    assert [done for done, *_ in learned.seen] == [0, 2]
    assert len({tuple(parts) for _, _, parts, _ in learned.seen}) == 1
    key = open_key(keystore.get(published.key_id, "key"))
    drawn = np.random.default_rng(list(key.seed.reveal())).standard_normal((4, 3, 2, 2))
    assert np.array_equal(key.array("filters"), drawn)
    assert not list((state_root() / "checkpoints").iterdir())
    verify(published.release)


def test_a_kill_between_key_and_plan_leaves_one_key(learned, keystore, request_of, monkeypatch):
    sealing = data_key.seal_key

    def seal(*given):
        sealing(*given)
        raise Killed

    monkeypatch.setattr(data_key, "seal_key", seal)
    with pytest.raises(Killed):
        make_release(request_of(learned()), keystore)
    monkeypatch.setattr(data_key, "seal_key", sealing)
    published = make_release(request_of(learned()), keystore)
    keys = [entry.object_id for entry in keystore.entries() if entry.kind == "key"]
    assert keys == [published.key_id]


@pytest.mark.slow
def test_a_key_encodes_new_images_and_is_not_fitted_again(learned, keystore, request_of):
    first = make_release(request_of(learned()), keystore)
    made = request_of(learned(), out="later", key_id=first.key_id)
    later = make_release(made, keystore)
    assert len(learned.seen) == 1
    one, other = (dict(_values_by_id(p.release)) for p in (first, later))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    encode = Sanitize(keystore, first.key_id)
    geometry = encode.geometry
    shape = (2, geometry.height, geometry.width, geometry.channels)
    assert encode(np.zeros(shape, np.uint8)).shape == (2, 4, 8, 8)


def test_the_rest_of_the_network_is_in_the_release_only_where_it_was_asked_for(
    learned, keystore, request_of
):
    published = make_release(request_of(learned()), keystore)
    assert not (published.release / "remote.safetensors").exists()
    with pytest.raises(UsageError, match="holds no rest of a network"):
        remote_part(published.release)


@pytest.mark.parametrize("most_kept", [MOST_KEPT, 0])
def test_an_image_that_cannot_be_read_is_known_as_such(tmp_path, monkeypatch, most_kept):
    monkeypatch.setattr("dpkit.pipeline.supply.MOST_KEPT", most_kept)
    for i in range(3):
        Image.new("RGB", (4, 4), (50, 60, 70)).save(tmp_path / f"{i}.png")
    scanned = scan(tmp_path, ScanOptions())
    rule, _ = choose_rule(scanned, ReadOptions(), default_size=(4, 4), admits=lambda _: True)
    torn = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(torn[:40])
    numbers = np.zeros(3, np.int64)
    rows = Rows(scanned.paths, scanned.sha256, numbers, None, None, {})
    images = SourceImages(FolderSource(tmp_path, rule), rows, (0,), ("train",) * 3, numbers)
    assert images.readable(np.array([2, 1, 0])).tolist() == [True, False, True]
    assert images.pixels(np.array([1, 2])).any(axis=(1, 2, 3)).tolist() == [False, True]


@pytest.mark.usefixtures("known_head")
def test_the_rest_of_the_network_answers_released_values(learned, keystore, request_of):
    published = make_release(request_of(learned(), with_remote=True), keystore)
    verify(published.release)
    network = remote_part(published.release)
    values, _ = ReleaseDataset(published.release, split="all")[0]
    sealed = open_key(keystore.get(published.key_id, "key"))
    weight, bias = (sealed.array(f"{REMOTE}1.{n}").astype("f4") for n in ("weight", "bias"))
    expected = weight @ values.numpy().reshape(-1) + bias
    assert np.allclose(network(values[None]).detach().numpy()[0], expected, rtol=1e-4, atol=1e-4)
    assert not network.training
    assert "remote_part" in (published.release / "README.md").read_text()


def test_a_rest_that_does_not_fit_is_refused(learned, keystore, request_of, monkeypatch):
    monkeypatch.setitem(REMOTES, "head", lambda *, classes: nn.Linear(5, classes))
    published = make_release(request_of(learned(), with_remote=True), keystore)
    with pytest.raises(IntegrityError, match="weights do not fit"):
        remote_part(published.release)
    monkeypatch.delitem(REMOTES, "head")
    with pytest.raises(UsageError, match="knows no network"):
        remote_part(published.release)


def test_a_checkpoint_is_sealed_and_belongs_to_its_images(keystore):
    def rows(path):
        digests = np.zeros((1, 32), np.uint8)
        return Rows((path,), digests, np.zeros(1, np.int64), None, None, {})

    kept = SealedCheckpoints(keystore, "request", rows("a.png"))
    weights = np.arange(8.0)
    kept.save({"epoch": 3}, {"w": weights})
    again = SealedCheckpoints(keystore, "request", rows("a.png"))
    settings, arrays = again.load()
    assert (settings, list(arrays)) == ({"epoch": 3}, ["w"])
    assert np.array_equal(arrays["w"], weights)
    assert again.seed == kept.seed
    assert SealedCheckpoints(keystore, "request", rows("b.png")).load() is None
    (file,) = (state_root() / "checkpoints").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert weights.tobytes() not in file.read_bytes()
    assert kept.seed.reveal() not in file.read_bytes()


@pytest.mark.parametrize(
    "corrected",
    [
        {"targets": np.array([1, 0])},
        {"targets": np.array([0.0, 1.0])},
        {"parts": ("test", "train")},
        {"parts": None},
        {"groups": ("one", "one")},
        {"groups": None},
    ],
)
def test_corrected_labels_parts_or_groups_begin_anew(keystore, corrected):
    digests, targets = np.zeros((2, 32), np.uint8), np.array([0, 1])
    rows = Rows(("a\udcff", "b"), digests, targets, ("one", "two"), ("train", "test"), {})
    SealedCheckpoints(keystore, "request", rows).save({}, {"w": np.zeros(4)})
    assert SealedCheckpoints(keystore, "request", rows).load()
    assert SealedCheckpoints(keystore, "request", replace(rows, **corrected)).load() is None


def test_a_damaged_checkpoint_is_refused_with_the_way_out(keystore):
    rows = Rows((), np.zeros((0, 32), np.uint8), np.zeros(0, np.int64), None, None, {})
    SealedCheckpoints(keystore, "request", rows).save({}, {"w": np.zeros(4)})
    (file,) = (state_root() / "checkpoints").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(IntegrityError, match="delete it to begin the training anew"):
        SealedCheckpoints(keystore, "request", rows).load()


def test_a_network_that_is_needed_or_is_not_must_be_named_or_left_out(request_of, learned):
    with pytest.raises(UsageError, match="need no network"):
        request_of(learned(), model=Path("net.safetensors"))


def _values_by_id(release):
    loaded = ReleaseDataset(release, split="all")
    for name, (values, _) in zip(loaded.ids, loaded, strict=True):
        yield name, values.numpy()


def test_inspect_shows_a_feature_map_in_grey(learned, keystore, request_of):
    published = make_release(request_of(learned()), keystore)
    picture = Image.open(io.BytesIO(grid(Release.open(published.release), n=4, seed=0)))
    assert picture.size == (2 * 66, 2 * 66)
    shades = np.asarray(picture)
    assert (shades[..., 0] == shades[..., 2]).all()
    assert len(np.unique(shades)) > 10


def test_a_key_of_another_sanitizer_is_refused(learned, keystore, request_of):
    first = make_release(request_of(learned()), keystore)
    with pytest.raises(UsageError, match="is a key of learned, not of morph"):
        make_release(request_of(Morph(kappa=1), out="later", key_id=first.key_id), keystore)


def test_a_network_of_other_classes_than_the_release_is_not_given_away(
    learned, keystore, request_of, images
):
    first = make_release(request_of(learned()), keystore)
    shutil.copytree(images / "coffee", images / "tea")
    asked = {"key_id": first.key_id, "added_classes": ("tea",), "with_remote": True}
    with pytest.raises(UsageError, match="answers with 3 classes, and the release has 4"):
        make_release(request_of(learned(), out="later", **asked), keystore)


def test_targets_that_are_no_class_have_no_label():
    assert _labels(np.array([7, 2, -1, 9]), (2, 7)).tolist() == [1, 0, -1, -1]
