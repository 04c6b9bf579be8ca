"""A release of feature maps under audit: who can learn to turn them back, and from what."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.audit.cache import ControlCache
from dpkit.audit.holdings import holdings
from dpkit.audit.options import Options
from dpkit.audit.suite import audit
from dpkit.leakage.withheld import withheld
from dpkit.types.voice import Voice
from tests.audit.mapped import PublicMaps, SecretMaps, mapped, mapped_stage

PUBLIC, SECRET = mapped_stage(PublicMaps()), mapped_stage(SecretMaps())
NO_CACHE = ControlCache(None, lambda *_: None)


def audited(subject, options):
    return audit(subject, options, NO_CACHE, Voice()).audit


def found(result, name, rung):
    return next(one for one in result.attacks if (one.name, one.rung) == (name, rung))


class TestWhereEverybodyCanTreatPictures:
    def test_the_adversarys_own_ones_have_values(self):
        own = holdings("A2", PUBLIC)[0].view.public
        assert np.array_equal(own.values, PUBLIC.subject.treat(own.pixels))

    def test_so_do_those_that_the_provider_names(self):
        named = replace(PUBLIC.subject, public=PUBLIC.subject.originals[:5], public_name="5")
        _, other = holdings("A2", replace(PUBLIC, subject=named))
        assert np.array_equal(other.view.public.values, PUBLIC.subject.values[:5])

    def test_known_images_and_a_key_tell_no_more(self):
        assert not holdings("A6", PUBLIC)
        assert not holdings("A8", PUBLIC)

    def test_the_network_is_known_to_everybody(self):
        assert holdings("A1", PUBLIC)[0].view.encoder is PUBLIC.subject.encoder

    def test_no_original_of_a_scored_row_is_held(self):
        held = {image.tobytes() for image in holdings("A2", PUBLIC)[0].view.public.pixels}
        assert not held & {image.tobytes() for image in PUBLIC.originals}


class TestWhereTheEncoderIsTheKey:
    @pytest.mark.parametrize("rung", ["A1", "A2", "A3", "A6", "A7"])
    def test_nobody_below_can_ask_it(self, rung):
        for holding in holdings(rung, SECRET):
            assert holding.view.encoder is None
            assert holding.view.public is None or holding.view.public.values is None

    def test_all_images_of_other_groups_may_be_known(self):
        known = [len(h.view.known) for h in holdings("A6", SECRET)]
        assert known == [1, 3, 10, 30, len(SECRET.halves.own)]

    def test_its_holder_asks_it_for_other_pictures_alone(self):
        (holder,) = holdings("A8", SECRET)
        assert np.array_equal(holder.view.public.values, SECRET.subject.values[SECRET.halves.own])
        assert holder.view.encoder is not None


class TestTheQuickAudit:
    def test_of_public_maps_learns_from_its_own_pictures(self):
        result = audited(PUBLIC.subject, Options(mode="quick"))
        assert found(result, "ridge-maps", "A2").state == "succeeded"
        assert {one.rung for one in result.attacks} == {"A0", "A2"}
        assert result.verdict.word == "broken"

    def test_of_secret_maps_learns_from_known_images_and_draws_their_curve(self):
        result = audited(SECRET.subject, Options(mode="quick"))
        assert found(result, "ridge-maps", "A6").held == "120 known images"
        assert [point.known for point in result.pairs] == [30, 120]
        assert result.pairs_needed["0.5"] == 30

    @pytest.mark.slow
    def test_what_the_key_holder_reaches_is_no_part_of_the_verdict(self):
        alone = audited(SECRET.subject, Options(mode="quick", attacks=("white-box",)))
        assert {a.rung for a in alone.attacks if a.state == "succeeded"} == {"A8"}
        assert alone.best is None
        assert (alone.verdict.word, alone.verdict.had_power) == ("unknown", 0)
        assert alone.rungs[-1].images.ssim.mean.value > 0.6

    def test_too_few_pairs_are_no_attack_and_no_safety(self):
        few = audited(mapped(SecretMaps(), n=30), Options(mode="quick"))
        ridge = found(few, "ridge-maps", "A2")
        assert ridge.state == "not tried"
        assert "no pair" in ridge.reason

    def test_withholds_the_figures_of_maps_as_of_images(self):
        result = withheld(audited(PUBLIC.subject, Options(mode="quick")))
        assert not any(one.images for one in result.attacks)


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", [PublicMaps(), SecretMaps()], ids=["public", "secret"])
def test_the_full_audit_tries_every_learned_attack(sanitizer):
    result = audited(mapped(sanitizer), Options(budget_seconds=120))
    tried = {one.name for one in result.attacks if one.state == "succeeded"}
    assert tried >= {"ridge-maps", "mlp", "deconvolution", "white-box"}
    assert result.best.ssim.mean.value > 0.7
