"""The frozen keystore of version 1, read by dpkit and by a program written from the document."""

import json

import numpy as np
import pytest
import safetensors.numpy

from dpkit.keystore.store import Keystore

from . import twin
from .conftest import PASSPHRASE, VECTORS, by_passphrase

EXPECTED = json.loads((VECTORS / "v1" / "expected.json").read_text())
LIVING = EXPECTED["arrays"]


@pytest.mark.parametrize("way", ["key-file", "passphrase"])
def test_dpkit_reads_the_frozen_keystore_by_each_slot(vector, way):
    folder, by_key_file = vector
    opened = Keystore.open(folder, by_key_file if way == "key-file" else by_passphrase())
    assert opened.opened_by.type == way
    states = {e.object_id: [e.kind, e.state, e.label] for e in opened.entries()}
    assert (opened.uuid, states) == (EXPECTED["uuid"], EXPECTED["states"])
    for object_id, arrays in LIVING.items():
        sealed = opened.get(object_id, states[object_id][0])
        assert sealed.settings == EXPECTED["settings"][object_id]
        assert {name: sealed.array(name).tolist() for name in sealed.names()} == arrays
    assert opened.check() == len(LIVING)


@pytest.mark.parametrize("way", ["key-file", "passphrase"])
def test_another_program_reads_the_frozen_keystore_from_the_document_alone(way):
    folder = VECTORS / "v1" / "store"
    secret = (VECTORS / "v1" / "test.key").read_bytes()
    secret = secret if way == "key-file" else PASSPHRASE.encode()
    master, uuid = twin.open_master(folder, way, secret)
    listed = twin.read_catalogue(folder, master, uuid)
    assert [o["id"] for o in listed] == list(EXPECTED["states"])
    for object_id, arrays in LIVING.items():
        payload = twin.read_payload(folder / "objects" / f"{object_id}.dpk", master)
        found = safetensors.numpy.load(payload)
        assert {name: array.tolist() for name, array in found.items()} == arrays
        length = int.from_bytes(payload[:8], "little")
        settings = json.loads(payload[8 : 8 + length])["__metadata__"]["dpkit"]
        assert json.loads(settings) == EXPECTED["settings"][object_id]


def test_another_program_reads_what_dpkit_writes_today(store, by_key_file):
    matrix = np.random.default_rng(1).normal(size=(700, 300))
    object_id = store.put("augconv", {"a": [1, None]}, {"matrix": matrix})
    master, _ = twin.open_master(store.path, "key-file", by_key_file.key_file.read_bytes())
    payload = twin.read_payload(store.path / "objects" / f"{object_id}.dpk", master)
    assert len(payload) > 1024 * 1024  # more than one chunk
    assert np.array_equal(safetensors.numpy.load(payload)["matrix"], matrix)
