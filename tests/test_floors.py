"""The floors of the architecture: a room imports only from below, and never its neighbours."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {
    "errors": 0.0,
    "types": 0.1,
    "rng": 0.2,
    "kernels": 1,
    "nets": 1,
    "png": 1,
    "training": 1.5,
    "readers": 2,
    "sanitizers": 2,
    "augconv": 2,
    "keystore": 2,
    "leakage": 2,
    "release": 2,
    "plan": 3,
    "engines": 3,
    "audit": 4,
    "exchange": 4,
    "restore": 4,
    "sanitize": 4,
    "developer": 4,
    "pipeline": 5,
    "sweep": 5.5,
    "cli": 6,
}
DEVELOPER_MAY = {"release", "nets", "types", "errors", "developer"}
DOOR_NEVER = {"numpy", "h5py", "numba", "torch"}
SOURCES = sorted([*ROOT.glob("dpkit/**/*.py"), *ROOT.glob("cli/**/*.py")])


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] == "cli":
        return "cli"
    if parts[0] == "dpkit" and len(parts) > 1:
        return parts[1]
    return None


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_room_imports_only_from_floors_below(path):
    here = room_of(module_of(path))
    if here == "__init__":
        return
    assert here in FLOORS, f"{path} stands on no floor"
    for name in imported(path):
        there = room_of(name)
        if there is None or there == here:
            continue
        assert FLOORS[there] < FLOORS[here], f"{path} imports {name}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("dpkit/developer/*.py")), ids=module_of)
def test_the_developer_never_sees_the_providers_rooms(path):
    rooms = {room_of(name) for name in imported(path)} - {None}
    assert rooms <= DEVELOPER_MAY


@pytest.mark.parametrize("path", sorted(ROOT.glob("cli/*.py")), ids=module_of)
def test_the_door_computes_nothing(path):
    assert not {name.split(".")[0] for name in imported(path)} & DOOR_NEVER


def test_no_room_of_the_table_is_a_file_name_that_says_nothing():
    banned = {"util", "utils", "helper", "helpers", "manager", "misc", "common", "data", "info"}
    assert not {path.stem for path in SOURCES} & banned
