import stat

import numpy as np
import pytest
import safetensors.numpy
from mypy import api

from dpkit.errors import UsageError
from dpkit.keystore.export import export

EXPORT = """
from pathlib import Path
from dpkit.keystore.export import export
from dpkit.keystore.store import Keystore
def hand_over(store: Keystore) -> None:
    export(store.get("id", "{kind}"), Path("out"))
"""


def test_an_augconv_object_leaves_as_a_safetensors_file(store, tmp_path):
    matrix = np.random.default_rng(3).normal(size=(400, 400))
    object_id = store.put("augconv", {}, {"matrix": matrix})
    out = tmp_path / "augconv.safetensors"
    export(store.get(object_id, "augconv"), out)
    assert np.array_equal(safetensors.numpy.load_file(out)["matrix"], matrix)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="exists"):
        export(store.get(object_id, "augconv"), out)


@pytest.mark.parametrize("kind", ["key", "plan", "signing", "ledger"])
def test_no_other_kind_ever_leaves(store, tmp_path, arrays, kind):
    sealed = store.get(store.put(kind, {}, arrays), kind)
    with pytest.raises(UsageError, match="never leaves"):
        export(sealed, tmp_path / "out")
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
