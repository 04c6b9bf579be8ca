"""Writes the frozen keystore of format version 1; run once, its output is never made again.

PYTHONPATH=tests python -m keystore.make_vectors NEW_FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np

from dpkit.keystore import durable, seal
from dpkit.keystore.arrays import lay_out
from dpkit.keystore.canonical import now
from dpkit.keystore.catalogue import Entry
from dpkit.keystore.folder import Folder
from dpkit.keystore.ids import new_object_id
from dpkit.keystore.slots import WorkFactors
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.types import Secret

from .conftest import PASSPHRASE

WORK = WorkFactors(memory_kib=8192, passes=2, lanes=2)  # small: a vector is read in every run


def put_in_small_chunks(store, kind, settings, arrays, *, label, chunk_bytes=64):
    """Seal as `Keystore.put` does, in chunks small enough to commit and to attack one by one."""
    payload, object_id = lay_out(settings, arrays), new_object_id()
    folder = Folder(store.path, store.uuid, store._master)
    head = seal.ObjectHeader(
        store.uuid, object_id, kind, label, now(), payload.size, chunk_bytes=chunk_bytes
    )
    with durable.aside(folder.object_path(object_id)) as file:
        seal.seal(file, head, payload.pieces(), store._master)
    entry = Entry(object_id, kind, "active", head.created, payload.size, label)
    folder.write_catalogue(folder.catalogue().with_new(entry))
    return object_id


def write(out: Path) -> None:
    key_file = out / "test.key"
    durable.create_private(key_file, bytes(range(32)))
    store = Keystore.create(out / "new" / "store.dpks", Unlock(key_file=key_file, work=WORK))
    store.add_passphrase(Secret(PASSPHRASE.encode()), WORK)
    core = np.arange(12, dtype=np.float64).reshape(3, 4) / 8
    settings = {"kappa": 16, "names": ["é", "b"]}
    key = store.put("key", settings, {"core": core, "seed": np.arange(32, dtype="u1")}, label="k")
    rows = np.arange(40, dtype=np.int32).reshape(20, 2)
    plan = put_in_small_chunks(store, "plan", {"of": key}, {"rows": rows}, label="morph 2026")
    retired = store.put("augconv", {}, {"matrix": np.eye(3, dtype=np.float32)})
    store.retire(retired)
    store.destroy(store.put("signing", {}, {}))
    expected = {
        "uuid": store.uuid,
        "passphrase": PASSPHRASE,
        "states": {e.object_id: [e.kind, e.state, e.label] for e in store.entries()},
        "settings": {key: settings, plan: {"of": key}, retired: {}},
        "arrays": {
            key: {"core": core.tolist(), "seed": list(range(32))},
            plan: {"rows": rows.tolist()},
            retired: {"matrix": np.eye(3).tolist()},
        },
    }
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    store.path.rename(out / "store")
    (out / "store" / "lock").unlink()
    (out / "new").rmdir()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
