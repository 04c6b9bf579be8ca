"""Keys and plans as sealed objects, and back."""

import numpy as np
import pytest

from dpkit.keystore.keys import open_key, seal_key
from dpkit.keystore.plans import find_plan, open_plan, plans_of_key, seal_plan
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.plan import Borders, ReleaseName, Split, make_plan
from dpkit.types import Key, Rows, Secret

SEED = Secret(b"k" * 32)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "keys").mkdir()
    return Keystore.create(tmp_path / "k.dpks", Unlock(key_file=tmp_path / "keys" / "key"))


@pytest.fixture
def plan():
    n = 25
    rows = Rows(
        paths=tuple(f"é{i}/caf\udce9 {i}.png" for i in range(n)),
        sha256=np.random.default_rng(0).integers(0, 256, (n, 32), np.uint8),
        targets=np.random.default_rng(1).random((n, 2), np.float32),
        groups=tuple(f"patient {i // 2}" for i in range(n)),
        parts=None,
        kept={"site": tuple(f"=s{i}" for i in range(n)), "note": ("",) * n},
    )
    release = ReleaseName("rel-1", "2026-01-01", Secret(b"r" * 32))
    return make_plan(rows, Split("60/20/20"), SEED, release, Borders(7))


def test_every_shard_of_a_plan_opens_alone_and_whole(store, plan):
    sealed = seal_plan(store, plan, "key-1", {"task": "regression"})
    assert sealed.shards == plan.shards
    for number, shard in enumerate(plan.shards):
        expected, opened = plan.rows_of(shard), sealed.rows_of(number)
        assert opened.paths == expected.paths
        assert opened.group_names == expected.group_names
        assert opened.kept == expected.kept
        for column in ("sha256", "targets", "ids", "groups"):
            assert np.array_equal(getattr(opened, column), getattr(expected, column))


def test_a_plan_keeps_its_secret_and_settings(store, plan):
    sealed = open_plan(store, seal_plan(store, plan, "key-1", {"task": "x"}).sealed.object_id)
    assert sealed.secret == plan.secret
    assert (sealed.release_id, sealed.created, sealed.key_id) == ("rel-1", "2026-01-01", "key-1")
    assert sealed.settings["task"] == "x"


def test_a_plan_is_found_by_its_release_and_by_its_key(store, plan):
    seal_plan(store, plan, "key-1", {})
    assert find_plan(store, "rel-1").release_id == "rel-1"
    assert find_plan(store, "rel-2") is None
    assert [found.release_id for found in plans_of_key(store, "key-1")] == ["rel-1"]
    assert list(plans_of_key(store, "key-2")) == []


def test_a_destroyed_plan_is_not_found(store, plan):
    sealed = seal_plan(store, plan, "key-1", {})
    store.destroy(sealed.sealed.object_id)
    assert find_plan(store, "rel-1") is None


def test_no_name_of_a_file_stands_in_the_keystore_in_clear(store, plan):
    seal_plan(store, plan, "key-1", {"source": "/home/doctor"})
    written = b"".join(path.read_bytes() for path in store.path.rglob("*") if path.is_file())
    for text in (b"caf\xe9", b"patient", b"doctor", plan.rows.ids[0]):
        assert text not in written


def test_a_key_comes_back_with_its_seed_and_arrays(store):
    key = Key(SEED, {"core": np.eye(3), "draws": np.array([1, 2])})
    opened = open_key(store.get(seal_key(store, key, {"a": 1}), "key"))
    assert opened.seed == SEED
    assert sorted(opened.names()) == ["core", "draws"]
    assert np.array_equal(opened.array("core"), np.eye(3))
