"""Controls: the same attacks where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.audit.controls import MOST_SCORED, NOT_RUN, carried_out
from dpkit.audit.experiments import null, positive, unkeyed, weakened
from dpkit.audit.holdings import Stage
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.sanitizers.mix import Mix
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry
from dpkit.types.adversary import Reconstruction
from tests.audit.mapped import PublicMaps, SecretMaps, mapped_stage
from tests.audit.stages import stage, subject

GEOMETRY = Geometry(3, 32, 32, 8)
LEARNED = ["mlp", "deconvolution", "unet", "white-box"]
MORPHED = stage(kappa=16, n=120)


class TestTheWeakenedSanitizer:
    @pytest.mark.parametrize(("block", "kappa"), [(8, 384), (48, 64), (1, 3072), (3072, 1)])
    def test_has_blocks_of_the_asked_size(self, block, kappa):
        assert weakened(Morph(kappa=16), {"block": block}, GEOMETRY).kappa == kappa

    def test_of_patches_stays_one_of_patches(self):
        found = weakened(Morph(kappa=16, blocks="patch"), {"block": 40}, GEOMETRY)
        assert (found.blocks, found.core_size(GEOMETRY)) == ("patch", 48)

    def test_keeps_the_type_of_the_values(self):
        assert weakened(Morph(dtype="float16"), {"cores": "shared"}, GEOMETRY).dtype == "float16"

    def test_a_bounded_core_of_any_condition_can_become_another(self):
        bounded = Morph(core="bounded", condition=50.0, interleave=True)
        found = weakened(bounded, {"core": "orthogonal"}, GEOMETRY)
        assert found == Morph(core="orthogonal", interleave=True)

    def test_passes_over_what_another_sanitizer_has(self):
        assert weakened(Mix(), {"block": 8, "core": "orthogonal"}, GEOMETRY) == Mix()


class TestValuesWithAFreshKeyEach:
    @pytest.mark.parametrize("kappa", [1, 16, 256])
    def test_have_the_energy_of_the_originals(self, kappa):
        asked = subject(kappa=kappa, n=200, more=0)
        fresh, plain = unkeyed(asked).values, asked.sanitizer.plain(asked.originals, asked.geometry)
        assert fresh.dtype == plain.dtype
        assert (fresh**2).sum() == pytest.approx((plain**2).sum(), rel=0.1)

    def test_have_blocks_with_the_products_that_one_core_would_keep_on_average(self):
        asked = subject(kappa=2, n=2, more=0)
        plain = asked.sanitizer.plain(asked.originals, asked.geometry).reshape(2, 2, -1)
        fresh = unkeyed(asked).values.reshape(2, 2, -1)
        assert fresh[0] @ fresh[0].T == pytest.approx(plain[0] @ plain[0].T, rel=0.35)

    def test_of_a_mixed_release_are_of_images_that_nobody_holds(self):
        asked = subject("mix", Lb=4, Wb=4, Ns=2)
        pieces = {image.tobytes() for image in np.moveaxis(asked.originals, -1, 1)}
        assert not any(image.tobytes() in pieces for image in unkeyed(asked).values)


def control(make, name, like=MORPHED, rung="", seconds=600.0):
    attack = ATTACKS[name]
    at = rung or attack.rung
    return carried_out(make(attack, at, like), attack, at, like.options, Effort(seconds))


@pytest.mark.parametrize(
    "name", [n for n, a in ATTACKS.items() if a.is_for("morph") and a.weak and a.is_quick]
)
class TestEveryQuickAttackOnMorphing:
    def test_succeeds_where_it_is_known_to(self, name):
        found = control(positive, name)
        assert found.passed, found

    def test_finds_nothing_where_every_image_has_a_key(self, name):
        found = control(null, name)
        assert found.passed, found


class TestLearningAWayBack:
    """On photographs that everybody has, at the release's own shape, type and number of pairs."""

    @pytest.mark.parametrize(
        ("like", "rung"),
        [
            (mapped_stage(PublicMaps()), "A2"),
            (mapped_stage(PublicMaps(pooled=4)), "A2"),
            (mapped_stage(SecretMaps()), "A6"),
            (mapped_stage(SecretMaps()), "A8"),
        ],
        ids=["public", "public, coarser", "known images", "key holder"],
    )
    def test_by_one_linear_map_succeeds_where_there_is_one_and_else_does_not(self, like, rung):
        falls, tells_nothing = (control(m, "ridge-maps", like, rung) for m in (positive, null))
        assert falls.passed, falls
        assert falls.value > falls.limit
        assert tells_nothing.passed, tells_nothing

    def test_has_no_power_from_a_few_pairs(self):
        few = mapped_stage(PublicMaps(pooled=16), n=44)
        assert not control(positive, "ridge-maps", few).passed

    @pytest.mark.slow
    @pytest.mark.parametrize("name", LEARNED)
    def test_by_training_succeeds_there_too(self, name):
        found = control(positive, name, mapped_stage(PublicMaps()), seconds=30)
        assert found.passed, found

    @pytest.mark.slow
    @pytest.mark.parametrize("name", LEARNED)
    def test_by_training_finds_nothing_in_the_values_of_other_pictures(self, name):
        found = control(null, name, mapped_stage(PublicMaps()), seconds=30)
        assert found.passed, found

    def test_of_a_release_is_tried_on_nothing_of_it(self):
        like = mapped_stage(PublicMaps())
        made = positive(ATTACKS["ridge-maps"], "A2", like).make()
        held = {image.tobytes() for image in like.subject.originals}
        assert not held & {image.tobytes() for image in made.originals}
        assert made.values.dtype == like.subject.values.dtype
        assert made.values.shape == like.subject.values.shape


class TestATrainingThatItsBudgetCut:
    like = mapped_stage(PublicMaps())

    def of(self, make, images):
        found = Reconstruction("ridge-maps", images, {"converged": 0.0}, 0.0, "Cut.")
        cut = replace(ATTACKS["ridge-maps"], run=lambda *_: found)
        return carried_out(make(cut, "A2", self.like), cut, "A2", self.like.options, Effort())

    def originals(self):
        made, options = positive(ATTACKS["ridge-maps"], "A2", self.like).make(), self.like.options
        return Stage.of(made, replace(options, images=MOST_SCORED)).originals.astype(float)

    def test_is_no_word_on_what_should_fall(self):
        found = self.of(positive, 0 * self.originals() + 127)
        assert found.measure == NOT_RUN
        assert "cut by the budget" in found.setting

    def test_counts_where_it_fell_all_the_same(self):
        assert self.of(positive, self.originals()).passed

    def test_counts_where_nothing_should_fall_in_this_time(self):
        assert self.of(null, 0 * self.originals() + 127).passed


def test_a_control_of_a_layer_is_made_only_where_a_layer_was_handed_over():
    assert positive(ATTACKS["decode"], "A4", MORPHED) is None
    assert null(ATTACKS["decode"], "A4", MORPHED) is None


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("name", ["smooth-pixels", "re-identify"])
class TestEveryAttackOnPixelation:
    """With ragged cells, as pixels and as a small grid."""

    def test_succeeds_where_it_is_known_to(self, name, grid):
        pixelated = stage(name="pixelate", cell=5, grid=grid)
        found = control(positive, name, pixelated)
        assert found.passed, found

    def test_finds_nothing_of_images_that_nobody_holds(self, name, grid):
        pixelated = stage(name="pixelate", cell=5, epsilon=20.0, grid=grid)
        found = control(null, name, pixelated)
        assert found.passed, found
