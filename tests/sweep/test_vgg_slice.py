"""The learnable obfuscator on real photographs: a narrow VGG, trained, attacked and compared."""

import json

import pytest

from bench.folders import jpeg_folder
from dpkit.plan import Split
from dpkit.sanitizers.obfuscate import Obfuscate
from dpkit.sweep.obfuscate import ObfuscateSweep
from dpkit.sweep.obfuscated import lines_of
from dpkit.sweep.obfuscating import obfuscate_folder
from dpkit.types.voice import Voice

pytestmark = pytest.mark.slow
CLASSES = 5


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Sweep λ 0 and 0.2 over 1,500 crops of 32x32 of five photographs."""
    folder = tmp_path_factory.mktemp("slice")
    sweep = ObfuscateSweep(
        jpeg_folder(folder / "crops", 1500, 32, 32),
        folder / "swept",
        (0.2,),
        Obfuscate(backbone="vgg13", width=8, epochs=8, warmup=2, T_sub=1),
        ("ridge", "simrec"),
        seeds=1,
        pairs=800,
        targets=200,
        split=Split("70/10/20"),
        seconds=240,
    )
    return obfuscate_folder(sweep, Voice())


def test_the_task_is_learned_with_and_without_a_defence(found):
    for line in lines_of(found.swept):
        assert line.accuracy[0] > 2 / CLASSES


def test_every_attacker_that_counts_beats_the_mean_image(found):
    guess = found.swept.guesses["mean image"].psnr
    for line in lines_of(found.swept):
        assert all(each.counts == (each.psnr > guess) for each in line.attackers)


def test_without_a_defence_the_picture_is_seen(found):
    (best,) = lines_of(found.swept)[0].best()
    assert best.psnr > found.swept.guesses["mean image"].psnr + 3


def test_the_trainings_own_adversary_sees_less_than_a_fresh_one(found):
    defended = lines_of(found.swept)[1]
    assert defended.adversary[0] < defended.best()[0].psnr


def test_the_result_lies_in_a_private_folder_with_what_was_found(found):
    out = found.request.out
    assert out.stat().st_mode & 0o777 == 0o700
    assert json.loads((out / "sweep.json").read_text()) == found.facts()
    assert "λ 0.2 takes" in (out / "sweep.md").read_text()
