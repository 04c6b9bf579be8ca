"""What the provider is told before the layer leaves the house."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.handover import handover_evidence
from tests.leakage.attacks.setting import first_conv, handed_over, he

RNG = np.random.default_rng(2)
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def broken():
    given_away = handed_over(first_conv(he(RNG, 40, 3, 3), 16, padding=1), n=6)
    return handover_evidence(given_away.view, given_away.originals, given_away.order)


def test_says_that_everything_falls(broken):
    assert broken.order.is_found
    assert broken.order.share_right == 1.0
    assert broken.recovered.psnr_db.least > 80
    assert broken.recovered.ssim.mean > 0.999
    said = broken.lines()
    assert "100.0% of channels are right" in said[-2]
    assert "Whoever has this layer and the release has the pictures." in said[-1]


def test_figures_become_json(broken):
    facts = json.loads(json.dumps(broken.facts(), allow_nan=False))
    assert facts["images"] == 6
    assert facts["order"]["method"] == "projector"
    assert set(facts["recovered"]["psnr_db"]) == {"mean", "worst", "least"}


def test_share_right_is_unknown_without_the_truth():
    given_away = handed_over(first_conv(he(RNG, 16, 1, 3), 8, padding=1))
    found = handover_evidence(given_away.view, given_away.originals)
    assert found.order.share_right is None
    assert "channels are right" not in " ".join(found.lines())


def test_equal_kernels_are_interchangeable():
    weight = he(RNG, 16, 1, 3)
    weight[1] = weight[0]
    given_away = handed_over(first_conv(weight, 8, padding=1))
    found = handover_evidence(given_away.view, given_away.originals, given_away.order)
    assert found.order.share_right == 1.0


def test_a_wrong_layer_recovers_nothing_and_is_not_called_safe():
    given_away = handed_over(first_conv(he(RNG, 40, 3, 3), 12, padding=1))
    other = first_conv(he(np.random.default_rng(99), 40, 3, 3), 12, padding=1)
    found = handover_evidence(replace(given_away.view, first_conv=other), given_away.originals)
    assert found.recovered is None
    assert "not a proof" in found.lines()[-1]


def test_a_guessed_order_is_called_a_guess():
    conv = first_conv(he(RNG, 8, 1, 4), 16, stride=4)
    given_away = handed_over(conv, kappa=16, blocks="patch", n=20)
    found = handover_evidence(given_away.view, given_away.originals, given_away.order)
    assert not found.order.is_found
    assert "guessed" in found.lines()[-2]
    assert found.recovered is not None


PUBLIC = {"blocks": "raster", "cores": "shared", "core": "gaussian"}


class TestTheView:
    view = handed_over(first_conv(he(RNG, 16, 1, 3), 8, padding=1)).view

    @pytest.mark.parametrize(
        "wrong",
        [
            {"values": np.zeros((2, 1, 8, 9))},
            {"values": np.zeros((0, 1, 8, 8))},
            {"affine": np.zeros((2, 1))},
            {"affine": np.ones((2, 3))},
            {"parameters": {**PUBLIC, "kappa": 5}},
            {"parameters": {**PUBLIC, "kappa": 2}},
            {"parameters": {**PUBLIC, "kappa": 1, "blocks": "patch"}},
            {"first_conv": first_conv(he(RNG, 16, 1, 3), 9, padding=1)},
            {"first_conv": first_conv(he(RNG, 16, 1, 3), 8)},
        ],
    )
    def test_of_parts_that_do_not_belong_together_is_refused(self, wrong):
        with pytest.raises(UsageError):
            replace(self.view, **wrong)


class TestTheTable:
    @pytest.mark.parametrize("name", ATTACKS)
    def test_each_has_a_page_and_a_file_of_its_name(self, name):
        assert ATTACKS[name].name == name
        text = (DOCS / f"attacks/{name}.md").read_text()
        assert text.startswith(f"# {name}\n")
        assert f"**Rung:** {ATTACKS[name].rung}" in text

    def test_needs_no_torch(self):
        code = "import sys, dpkit.leakage.attacks.handover; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
