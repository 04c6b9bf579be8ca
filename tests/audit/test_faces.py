"""Faces of a release under audit: morphed they are gone, decoded they are back, noise has none."""

import numpy as np
import pytest

from dpkit.audit import options
from dpkit.audit.faces import find_faces
from dpkit.audit.holdings import Stage
from dpkit.audit.options import Options, faces_wanted
from dpkit.audit.subject import Subject, sanitized
from dpkit.audit.trial import Trial
from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.recovery import recovery
from dpkit.sanitizers import SANITIZERS
from dpkit.types import Geometry
from dpkit.types.adversary import Reconstruction
from dpkit.types.faces import GUESS, MIRRORED, ORIGINALS, RELEASE, SAME_GROUP
from tests.audit.stages import SEED
from tests.leakage.face_pictures import crops, needs_faces

SIDE = 28
OPTIONS = Options(mode="quick", images=8)


def staged(pixels, groups=None):
    """Return a morphed release of pictures on the stage, half of them scored."""
    geometry = Geometry(1, SIDE, SIDE, 8)
    morph, count = SANITIZERS["morph"](kappa=4), len(pixels)
    labels = np.zeros(count, np.int64)
    values = sanitized(morph, geometry, pixels, labels, SEED)
    groups = np.arange(count) if groups is None else groups
    subject = Subject(morph, geometry, values, pixels, labels, groups, values[:0], labels[:0])
    return Stage.of(subject, OPTIONS)


def tried(stage, name, images):
    """Return a trial of an attack that made these pictures."""
    found = Reconstruction(name, images, {}, 0.1, "said")
    images = recovery(stage.originals, images, 255)
    return Trial(ATTACKS[name], ATTACKS[name].rung, "", "done", "", 0.1, found, images)


@pytest.fixture(scope="module")
def faces():
    """Find faces on a morphed release, of which one attack is exact and one made noise."""
    stage = staged(crops(16, side=SIDE))
    exact = stage.originals.astype(np.float64)
    noise = np.random.default_rng(0).uniform(0, 255, exact.shape)
    trials = [
        tried(stage, "second-order", noise),
        tried(stage, "known-pairs", 255 - exact),
    ]
    return find_faces(stage, trials)


@needs_faces
class TestOfAMorphedRelease:
    def test_are_seen_in_the_originals_and_hidden_in_the_release(self, faces):
        scores = {one.what: one for one in faces.scores}
        assert faces.looked == 8
        assert scores[ORIGINALS].detected.value >= 0.8
        assert scores[RELEASE].detected.value == 0
        assert scores[RELEASE].links.top1.value <= 0.4

    def test_are_back_in_an_exact_reconstruction_be_it_a_negative(self, faces):
        scores = {one.what: one for one in faces.scores}
        assert scores["A6"].detected.value == scores["A6"].links.top1.value == 1
        assert scores["A6"].auc > 0.99

    def test_are_not_in_noise(self, faces):
        noise = next(one for one in faces.scores if one.what == "A2")
        assert noise.detected.value == 0
        assert noise.links.top1.value <= 0.4

    def test_stand_beside_mirrored_originals_and_guesses_that_are_faces_of_nobody(self, faces):
        scores = {one.what: one for one in faces.scores}
        assert scores[MIRRORED].links.top1.value >= 0.8
        assert scores[f"{GUESS}public mean"].detected.value >= 0.5
        assert scores[f"{GUESS}public mean"].links.top1.value <= 0.4
        assert f"{GUESS}other image" in scores
        assert "attacks without the key show one in 100 %" in faces.sentence


@needs_faces
def test_where_no_original_holds_a_face_nothing_is_scored():
    found = find_faces(staged(crops(16, first=100, side=SIDE)), [])
    assert (found.with_face, found.scores) == (0, ())
    assert found.sentence == "No faces were found in 8 originals."


@needs_faces
@pytest.mark.slow
def test_another_picture_of_the_same_person_says_what_could_be_told_at_best():
    """Each person has a picture and a darker one."""
    pixels = crops(16, side=SIDE)
    both = np.stack([pixels, (pixels * 0.8).astype(np.uint8)], axis=1).reshape(32, SIDE, SIDE, 1)
    wide = Options(mode="quick", images=16)
    stage = Stage.of(staged(both, np.repeat(np.arange(16), 2)).subject, wide)
    same = [one for one in find_faces(stage, []).scores if one.what == SAME_GROUP]
    assert [one.links.top1.value for one in same] == [1.0]


class TestAreLookedFor:
    def test_in_a_full_audit_where_the_extra_is_there(self, monkeypatch):
        monkeypatch.setattr(options, "are_available", lambda: True)
        assert faces_wanted(None, "full")
        assert not faces_wanted(None, "quick")
        assert not faces_wanted(False, "full")

    def test_by_nobody_who_did_not_ask_where_the_extra_is_absent(self, monkeypatch):
        monkeypatch.setattr(options, "are_available", lambda: False)
        assert not faces_wanted(None, "full")

    def test_only_in_an_audit(self):
        with pytest.raises(UsageError, match="needs an audit"):
            faces_wanted(True, "none")
