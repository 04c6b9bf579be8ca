"""Textures of three kinds: learnt from originals, and from a release only where one can."""

import numpy as np
import pytest
import skimage.data

from dpkit.errors import UsageError
from dpkit.leakage import fitting
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.utility import Labelled, balanced_accuracy, measure_utility, parted, sentence

SIDE, KINDS = 8, ("brick", "grass", "gravel")


def textures(count=60):
    """Return crops u8 [n,8,8,1] of three textures, two crops a group."""
    rng = np.random.default_rng(0)
    crops, labels, groups = [], [], []
    for label, kind in enumerate(KINDS):
        whole = getattr(skimage.data, kind)()[::4, ::4]
        for i in range(count):
            y, x = rng.integers(0, 120, 2)
            crops.append(whole[y : y + SIDE, x : x + SIDE] // 2 + 40 * label)
            labels.append(label + 7)
            groups.append(f"{kind}-{i // 2}")
    order = rng.permutation(len(crops))
    known = Labelled(np.array(labels)[order], np.array(groups)[order])
    return np.stack(crops)[order][..., None].astype(np.uint8), known


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(fitting, "MOST_STEPS", {True: 80, False: 80})
    monkeypatch.setattr(fitting, "RATES", (3e-3,))


class TestTheNetworkLearns:
    originals, known = textures()

    @pytest.mark.slow
    def test_from_a_morphed_release_by_its_blocks(self):
        core = np.random.default_rng(1).standard_normal((4, 16, 16)) / 4
        blocks = np.einsum("nkq,kqp->nkp", self.originals.reshape(-1, 4, 16) / 255, core)
        values = blocks.reshape(-1, 1, SIDE, SIDE).astype(np.float32)
        layer = {"kind": "block_linear", "tokens": 4, "block": 16, "cores": 4, "blocks": "raster"}
        found = measure_utility(
            self.originals, values, self.known, {"first_layer": layer}, Effort()
        )
        assert found.network == "block mixer"
        assert found.guess == pytest.approx(1 / 3)
        assert [score.seeds for score in found.scores] == [3, 3, 3]
        assert found.scores[1].mean > 0.6
        assert "by convolutions" in found.sentence

    @pytest.mark.slow
    def test_nothing_from_noise_and_says_so(self):
        noise = np.random.default_rng(2).standard_normal((len(self.known), 4, 4, 4))
        found = measure_utility(
            self.originals, noise.astype(np.float16), self.known, {"first_layer": None}, Effort()
        )
        assert found.network == "residual network"
        assert found.scores[0].mean > 0.7
        assert found.scores[1].mean < 0.45
        assert found.sentence.startswith("Nobody can be expected to learn")


class TestParts:
    def test_hold_no_group_twice_and_every_class(self):
        _, known = textures()
        parts = parted(known, 0)
        sets = [set(known.groups[rows]) for rows in (parts.learned, parts.stopping, parts.tested)]
        assert not sets[0] & sets[1]
        assert not sets[2] & (sets[0] | sets[1])
        assert all(
            len(np.unique(known.labels[rows])) == 3 for rows in (parts.learned, parts.tested)
        )
        assert len(parts.tested) == pytest.approx(0.3 * len(known), abs=6)

    def test_of_two_groups_a_class_still_leave_one_to_be_tested_on(self):
        known = Labelled(np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 2, 3, 4, 4]))
        parts = parted(known, 0)
        assert len(parts.stopping) == 1
        assert set(known.labels[parts.tested]) == {0, 1}
        assert not set(known.groups[parts.tested]) & set(known.groups[parts.learned])

    @pytest.mark.parametrize(("labels", "groups"), [([0, 0], [1, 2]), ([0, 0, 1, 1], [1, 1, 2, 2])])
    def test_cannot_be_made_of_one_class_or_one_group_each(self, labels, groups):
        with pytest.raises(UsageError, match="two classes with two groups"):
            parted(Labelled(np.array(labels), np.array(groups)), 0)


def test_balanced_accuracy_weighs_classes_alike():
    labels = np.array([0] * 8 + [1] * 2)
    assert balanced_accuracy(labels, np.zeros(10, np.int64)) == 0.5


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        ((0.35, 0.34), "says nothing"),
        ((0.9, 0.4), "Nobody"),
        ((0.9, 0.9), "100 %"),
        ((0.53, 0.43, 0.95), "50 % of what it learns beyond the guess is kept"),
    ],
)
def test_a_sentence_says_what_to_expect(reached, words):
    assert words in sentence(reached, 0.33)


def test_rows_that_do_not_match_are_refused():
    originals, known = textures(4)
    with pytest.raises(UsageError, match="12 originals"):
        measure_utility(originals, np.zeros((3, 1, 2, 2)), known, {}, Effort())
