import json
import stat

import numpy as np
import pytest
import safetensors
from mypy import api

from dpkit.errors import UsageError
from dpkit.keystore.arrays import StreamedArray
from dpkit.keystore.export import export

EXPORT = """
from pathlib import Path
from dpkit.keystore.export import export
from dpkit.keystore.store import Keystore
def hand_over(store: Keystore) -> None:
    export(store.get("id", "{kind}"), Path("out"), {{}}, ())
"""


def test_an_augconv_object_leaves_as_a_safetensors_file(store, tmp_path):
    matrix = np.random.default_rng(3).normal(size=(400, 400))
    object_id = store.put("augconv", {"own": 1}, {"matrix": matrix, "kept": matrix})
    out = tmp_path / "augconv.safetensors"
    sealed = store.get(object_id, "augconv")
    export(sealed, out, {"consent": "given"}, ("matrix",))
    with safetensors.safe_open(out, "numpy") as file:
        assert json.loads(file.metadata()["dpkit"]) == {"consent": "given"}
        assert list(file.keys()) == ["matrix"]
        assert np.array_equal(file.get_tensor("matrix"), matrix)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="exists"):
        export(sealed, out, {}, ("matrix",))


def test_a_streamed_array_is_sealed_as_if_it_were_whole(store):
    whole = np.arange(3_000_000, dtype=np.float32).reshape(3000, 1000)
    streamed = StreamedArray(
        whole.dtype, whole.shape, lambda: (whole[i : i + 70] for i in range(0, 3000, 70))
    )
    assert np.array_equal(
        store.get(store.put("augconv", {}, {"m": streamed}), "augconv").array("m"), whole
    )


def test_a_streamed_array_that_ends_early_is_not_sealed(store):
    short = StreamedArray(np.dtype("f4"), (10, 10), lambda: [np.zeros((9, 10), "f4")])
    with pytest.raises(ValueError, match="bytes were given"):
        store.put("augconv", {}, {"m": short})
    assert not store.entries()


@pytest.mark.parametrize("kind", ["key", "plan", "signing", "ledger", "consent"])
def test_no_other_kind_ever_leaves(store, tmp_path, arrays, kind):
    sealed = store.get(store.put(kind, {}, arrays), kind)
    with pytest.raises(UsageError, match="never leaves"):
        export(sealed, tmp_path / "out", {}, ())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "is_refused"), [("key", True), ("plan", True), ("augconv", False)]
)
def test_the_type_checker_refuses_the_export_of_a_key(tmp_path, kind, is_refused):
    source = tmp_path / "handover.py"
    source.write_text(EXPORT.format(kind=kind))
    out, _, status = api.run(["--strict", "--follow-imports=silent", str(source)])
    assert status == is_refused, out
    assert ('expected "ExportableObject"' in out) == is_refused
