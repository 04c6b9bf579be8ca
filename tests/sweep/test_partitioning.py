"""A sweep of partitions goes on where it was, and grows: nothing is trained twice."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from dpkit.errors import UsageError
from dpkit.leakage import fitting
from dpkit.nets.attackers import ATTACKERS
from dpkit.plan import Split
from dpkit.sanitizers.partition import Partition
from dpkit.sweep import partitioning, partitionmemory, partitionnetworks, sharing
from dpkit.sweep.cells import CellCheckpoints, Cells
from dpkit.sweep.partitioning import partition_folder
from dpkit.sweep.partitionplan import PartitionPlan, PartitionRequest
from dpkit.training import partitioned as partitionedtraining
from dpkit.training.partitioned import partitioned
from dpkit.types import Geometry
from dpkit.types.supply import Supply
from dpkit.types.voice import Voice
from tests.supplies import striped

PLAN = PartitionPlan(
    Partition(network="mlp", epochs=2, width=1),
    strengths=(5.0,),
    seeds=1,
    attackers=("attacker 1", "attacker 4"),
)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Attackers and tuning of a few steps, in which nothing converges; and no plot."""
    monkeypatch.setattr(partitioning, "partition_plot", lambda _: b"")
    monkeypatch.setattr(partitionedtraining, "TUNING_EPOCHS", 1)
    monkeypatch.setattr(fitting, "TRIAL_ROUNDS", 1)
    monkeypatch.setitem(fitting.MOST_STEPS, True, 40)


@pytest.fixture
def asked(tmp_path):
    """A request of 60 small images in two classes."""
    images = striped(Geometry(1, 6, 6, 8), 60)
    for i, (pixels, label) in enumerate(zip(images.stack, images.labels, strict=True)):
        place = tmp_path / "images" / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(place / f"{i}.png")
    return PartitionRequest(tmp_path / "images", tmp_path / "swept", PLAN, split=Split("50/10/40"))


def cells(asked):
    return {path.name: path.stat().st_mtime_ns for path in (asked.out / "cells").iterdir()}


def test_after_a_kill_one_attacker_at_most_is_trained_again(asked, tmp_path, monkeypatch):
    whole = partition_folder(asked, Voice())
    killed = replace(asked, out=tmp_path / "killed")

    def kill():
        if (killed.out / "cells" / "attacker-1-1-5-0.json").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        partition_folder(killed, Voice(safe_point=kill))
    before = cells(killed)
    assert "attacker-4-1-5-0.json" not in before
    monkeypatch.setattr(partitionnetworks, "partitioned", None)  # no network is trained again
    assert partition_folder(killed, Voice()).cases == whole.cases
    after = cells(killed)
    assert {name: after[name] for name in before} == before
    assert after.keys() == cells(asked).keys()


SLOW = pytest.mark.slow
MORE = (
    {"strengths": (0.0, 5.0)},
    {"splits": (1, 2)},
    {"seeds": 2},
    {"attackers": ("attacker 6",)},
    {"seconds": 60.0, "retries_cut": True},
)


@pytest.mark.parametrize("more", MORE)
def test_figures_do_not_depend_on_how_many_are_asked_for(more):
    assert replace(PLAN, **more).asked() == PLAN.asked()


@pytest.mark.slow
@pytest.mark.parametrize("more", MORE[:4])
def test_more_of_anything_only_adds_cells(asked, more):
    wanted = replace(asked, plan=replace(PLAN, attackers=("attacker 1",)))
    partition_folder(wanted, Voice())
    before = cells(wanted)
    partition_folder(replace(wanted, plan=replace(wanted.plan, **more)), Voice())
    after = cells(wanted)
    assert after.keys() > before.keys()
    assert {name: after[name] for name in before} == before


def test_a_folder_of_another_training_is_refused(asked):
    other = replace(PLAN, sanitizer=replace(PLAN.sanitizer, epochs=3))
    Cells(asked.out, PLAN.asked())
    with pytest.raises(UsageError, match="other images or options"):
        partition_folder(replace(asked, plan=other), Voice())


@pytest.mark.parametrize(
    ("network", "side"),
    [("mlp", 6), pytest.param("cnn", 6, marks=SLOW), pytest.param("vgg19", 32, marks=SLOW)],
)
def test_without_a_defence_the_split_point_has_no_part_in_the_training(network, side):
    geometry = Geometry(1, side, side, 8)
    supply = Supply(images=striped(geometry, 24))
    plan = PartitionPlan(Partition(network=network, epochs=1, width=1))
    first, second = (
        partitioned(plan.recipe(split, 0.0), geometry, 0, supply).network for split in (1, 2)
    )
    ours, theirs = first.at(2).state_dict(), second.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_undefended_training_goes_on_whatever_split_is_asked_for_then(asked, monkeypatch):
    saved = CellCheckpoints.save

    def stop_after_saving(self, *state):
        saved(self, *state)
        raise KeyboardInterrupt

    plan = replace(PLAN, strengths=(0.0,), splits=(3,), attackers=("attacker 1",))
    with monkeypatch.context() as stopped:
        stopped.setattr(CellCheckpoints, "save", stop_after_saving)
        with pytest.raises(KeyboardInterrupt):
            partition_folder(replace(asked, plan=plan), Voice())
    again = replace(asked, plan=replace(plan, splits=(1, 3)))
    assert len(partition_folder(again, Voice()).cases) == 2


@pytest.mark.slow
def test_the_undefended_networks_of_a_seed_are_one_and_any_other_is_its_own(asked):
    plan = replace(PLAN, splits=(1, 2), strengths=(0.0, 5.0), attackers=("attacker 1",))
    cases = partition_folder(replace(asked, plan=plan), Voice()).cases
    networks = {name for name in cells(asked) if name.endswith(".npz")}
    assert networks == {"undefended-0.npz", "network-1-5-0.npz", "network-2-5-0.npz"}
    plain = [case.standing for case in cases if not case.strength]
    assert all(standing.accuracy == standing.undefended for standing in plain)


def test_an_attacker_without_time_is_the_mean_image_until_it_is_tried_again(asked, monkeypatch):
    monkeypatch.setattr(sharing, "LEAST", 0.0)
    plan = replace(PLAN, seconds=0.0)
    (case,) = partition_folder(replace(asked, plan=plan), Voice()).cases
    assert case.best is None
    for each in case.attackers:
        assert each.steps == 0
        assert each.is_weak
        assert not each.converged
        assert each.mse == pytest.approx(case.standing.mean_image.mse, rel=0.01)
    (kept,) = partition_folder(replace(asked, plan=PLAN), Voice()).cases
    assert kept == case
    (again,) = partition_folder(replace(asked, plan=replace(PLAN, retries_cut=True)), Voice()).cases
    assert all(each.steps >= 40 for each in again.attackers)


def test_one_that_took_all_its_steps_is_not_tried_again(asked):
    plan = replace(PLAN, retries_cut=True)
    first = partition_folder(replace(asked, plan=plan), Voice())
    before = cells(asked)
    assert not any(each.converged for each in first.cases[0].attackers)
    partition_folder(replace(asked, plan=plan), Voice())
    assert cells(asked) == before


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (60 * 36 * 4 - 1, "60 images would take"),
        (60 * 36 * 4, "the attacker attacker 1 at split point 1 would take"),
    ],
)
def test_what_does_not_fit_into_memory_is_refused_before_anything_is_trained(
    asked, limit, message, monkeypatch
):
    monkeypatch.setattr(partitionmemory, "MOST", limit)
    with pytest.raises(UsageError, match=message):
        partition_folder(asked, Voice())
    assert not asked.out.exists()


@pytest.mark.parametrize("inside", [(64, 16, 16), (32, 112, 112)])
def test_no_attacker_on_maps_takes_more_than_a_gibibyte_in_training(inside):
    outside = (3, 2 * inside[1], 2 * inside[2])
    for make in ATTACKERS["vgg19"].values():
        with torch.device("meta"):
            weights = sum(x.numel() for x in make(in_shape=inside, out_shape=outside).parameters())
        assert weights * partitionmemory.COPIES * 4 <= partitionmemory.MOST
