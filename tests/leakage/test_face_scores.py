"""Detected faces and told identities as shares, beside what knows nothing."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.face_scores import Gallery, face_scores, faces_sentence, same_group_scores
from dpkit.types.faces import GUESS, MIRRORED, RELEASE, SAME_GROUP

KNOWN = np.random.default_rng(0).normal(0, 0.1, (40, 128))
GALLERY = Gallery.of(KNOWN, np.arange(40))
ALL = np.ones(40, bool)


def test_descriptions_near_their_own_are_all_told():
    found = face_scores("A6", ALL, KNOWN + 0.001, GALLERY)
    assert (found.detected.value, found.links.top1.value, found.auc) == (1, 1, 1)
    assert found.links.tpr_1.value == found.matched.value == 1
    assert found.links.top1.low == pytest.approx(0.025 ** (1 / 40))  # Clopper and Pearson, all
    assert found.links.tpr_01 is None  # 1,560 false pairs are too few


def test_other_descriptions_tell_nothing():
    other = np.random.default_rng(1).normal(0, 0.1, KNOWN.shape)
    found = face_scores("A6", ALL, other, GALLERY)
    assert found.links.top1.value <= 0.1
    assert 0.35 < found.auc < 0.65
    assert found.matched.value == 0


def test_a_picture_without_a_description_resembles_nobody():
    half = KNOWN.copy()
    half[20:] = np.nan
    found = face_scores("A6", np.arange(40) < 20, half, GALLERY)
    assert found.detected.value == found.links.top1.value == found.matched.value == 0.5
    assert found.auc == pytest.approx(0.5 + 0.5 * 0.25)  # half first, half tied below half of all
    nothing = face_scores("A6", ~ALL, np.full_like(KNOWN, np.nan), GALLERY)
    assert (nothing.links.top1.value, nothing.auc) == (0, 0.5)


def test_nobody_is_matched_where_no_face_is_found():
    """Noise, described where a face would stand, resembles everybody a little."""
    found = face_scores("A1", np.zeros(40, bool), KNOWN, GALLERY)
    assert (found.matched.value, found.links.top1.value) == (0, 1)


def test_the_gallery_has_one_original_of_each_group():
    groups = np.repeat(np.arange(20), 2)
    gallery = Gallery.of(KNOWN, groups)
    assert gallery.rows.tolist() == list(range(0, 40, 2))
    assert face_scores("A6", ALL, KNOWN, gallery).links.n == 20
    few = face_scores("A6", ALL, KNOWN, Gallery.of(KNOWN, np.repeat(np.arange(4), 10)))
    assert few.links is few.auc is few.matched is None


def test_a_second_original_of_a_group_is_told_by_the_first():
    groups = np.repeat(np.arange(20), 2)
    alike = KNOWN.copy()
    alike[1::2] = alike[::2] + 0.01
    found = same_group_scores(alike, groups, Gallery.of(alike, groups), SAME_GROUP)
    assert (found.n, found.links.top1.value, found.what) == (20, 1, SAME_GROUP)
    assert same_group_scores(KNOWN, np.arange(40), GALLERY, SAME_GROUP) is None


class TestTheSentence:
    FOUND = face_scores(RELEASE, ALL, KNOWN, GALLERY)

    def test_names_release_attacks_and_guess(self):
        scores = [self.FOUND, replace(self.FOUND, what="A6"), replace(self.FOUND, what=f"{GUESS}x")]
        said = faces_sentence(50, 40, scores)
        assert said.startswith("40 of 50 originals hold a face that the detector finds. Of these, ")
        assert "the release shows a face in 100 % (nearest to its own original in 100 %)" in said
        assert "a guess shows one in 100 %" in said

    def test_does_not_count_the_holder_of_the_key(self):
        said = faces_sentence(50, 40, [self.FOUND, replace(self.FOUND, what="A8")])
        assert "attacks without the key" not in said

    def test_says_that_there_are_no_faces_or_too_few(self):
        assert faces_sentence(50, 0, []) == "No faces were found in 50 originals."
        assert faces_sentence(50, 3, []).endswith("finds: too few for figures.")

    def test_doubts_a_recogniser_that_does_not_know_mirrored_originals_again(self):
        strange = face_scores(MIRRORED, ALL, KNOWN[::-1], GALLERY)
        assert "whose they are is unknown" in faces_sentence(50, 40, [strange, self.FOUND])
        good = replace(self.FOUND, what=MIRRORED)
        assert "unknown" not in faces_sentence(50, 40, [good, self.FOUND])
