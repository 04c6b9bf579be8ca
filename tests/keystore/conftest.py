"""A keystore of test secrets in a temporary folder; nothing of the user's is touched."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from dpkit.keystore.slots import WorkFactors
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import PASSPHRASE_VARIABLE, Unlock
from dpkit.types import Secret

CHEAP = WorkFactors(memory_kib=64, passes=1, lanes=1)  # for tests alone, passed explicitly
PASSPHRASE = "correct horse battery staple"
VECTORS = Path(__file__).parents[1] / "vectors" / "keystore"


def by_passphrase(text=PASSPHRASE, work=CHEAP):
    return Unlock(passphrase=lambda: Secret(text.encode()), work=work)


def close_to_others(folder):
    """Git keeps no modes: give a copied keystore those that it must have."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def copy_of(folder, target):
    return close_to_others(Path(shutil.copytree(folder, target)))


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    for name in (PASSPHRASE_VARIABLE, "DPKIT_KEYSTORE"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def by_key_file(tmp_path):
    return Unlock(key_file=tmp_path / "config" / "test.key", work=CHEAP)


@pytest.fixture
def store(tmp_path, by_key_file):
    return Keystore.create(tmp_path / "clinic.dpks", by_key_file)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(7)
    return {"core": rng.normal(size=(12, 12)), "seed": np.arange(32, dtype=np.uint8)}


@pytest.fixture
def vector(tmp_path):
    """A private copy of the frozen keystore, and its key file's secret."""
    folder = copy_of(VECTORS / "v1" / "store", tmp_path / "vector.dpks")
    key_file = tmp_path / "vector-key" / "test.key"
    key_file.parent.mkdir()
    shutil.copy(VECTORS / "v1" / "test.key", key_file)
    key_file.chmod(0o600)
    return folder, Unlock(key_file=key_file)
