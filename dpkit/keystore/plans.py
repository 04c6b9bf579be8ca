"""A release plan as a sealed object: columns in shard order, so one shard's rows open alone.

Settings hold the release's id, day, key, options and shard borders. Arrays, by shard number:
`00003/paths` and `00003/group_names` as UTF-8 text with `…/ends` (int64 [n], where each text
ends), `00003/sha256` u8 [n,32], `00003/targets`, `00003/ids` and `00003/groups` u8 [n,26], one
text column for each kept column of the provider's table and, where images are mixed,
`00003/strata` int64 [n]. `secret` u8 [32] stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UnlockError
from dpkit.types import ID_CHARACTERS, PARTS, PlannedRows, PlannedShard, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dpkit.keystore.catalogue import Entry
    from dpkit.keystore.sealed import SealedObject
    from dpkit.keystore.store import Keystore
    from dpkit.types import Json, ReleasePlan


@dataclass(frozen=True, slots=True)
class SealedPlan:
    """A plan in the keystore; rows are decrypted shard by shard."""

    sealed: SealedObject
    release_id: str
    created: str
    key_id: str
    shards: tuple[PlannedShard, ...]
    settings: Mapping[str, Json]

    @property
    def secret(self) -> Secret:
        """The release secret."""
        return Secret(self.sealed.array("secret").tobytes())

    def rows_of(self, number: int) -> PlannedRows:
        """Return the rows of shard `number` (its place in `shards`)."""
        prefix = f"{number:05d}/"
        kept = _list_of_str(self.settings["kept_columns"])
        return PlannedRows(
            paths=self._text(f"{prefix}paths"),
            sha256=self.sealed.array(f"{prefix}sha256"),
            targets=self.sealed.array(f"{prefix}targets"),
            ids=_from_bytes(self.sealed.array(f"{prefix}ids")),
            groups=_from_bytes(self.sealed.array(f"{prefix}groups")),
            group_names=self._text(f"{prefix}group_names"),
            kept={name: self._text(f"{prefix}kept/{i}") for i, name in enumerate(kept)},
            strata=self.sealed.array(f"{prefix}strata")
            if self.settings.get("stratified")
            else None,
        )

    def _text(self, name: str) -> tuple[str, ...]:
        return _decode(self.sealed.array(name), self.sealed.array(f"{name}/ends"))


def seal_plan(
    keystore: Keystore, plan: ReleasePlan, key_id: str, settings: Mapping[str, Json]
) -> SealedPlan:
    """Put a plan into the keystore, under the release's id as its label."""
    borders: list[Json] = [[s.part, s.number, s.of, s.start, s.stop] for s in plan.shards]
    header: dict[str, Json] = {
        **settings,
        "release_id": plan.release_id,
        "created": plan.created,
        "key_id": key_id,
        "shards": borders,
        "kept_columns": list(plan.rows.kept),
        "stratified": plan.rows.strata is not None,
    }
    arrays: dict[str, NDArray[Any]] = {
        "secret": np.frombuffer(plan.secret.reveal(), dtype=np.uint8)
    }
    for number, shard in enumerate(plan.shards):
        arrays.update(_columns(f"{number:05d}/", plan.rows_of(shard)))
    object_id = keystore.put("plan", header, arrays, label=plan.release_id)
    return open_plan(keystore, object_id)


def open_plan(keystore: Keystore, object_id: str) -> SealedPlan:
    """Return a sealed plan by its object id."""
    sealed = keystore.get(object_id, "plan")
    settings = sealed.settings
    return SealedPlan(
        sealed,
        str(settings["release_id"]),
        str(settings["created"]),
        str(settings["key_id"]),
        tuple(_shard(border) for border in _list(settings["shards"])),
        settings,
    )


def find_plan(keystore: Keystore, release_id: str) -> SealedPlan | None:
    """Return the plan of a release, None where this keystore holds none."""
    for entry in _plan_entries(keystore):
        if entry.label == release_id:
            return open_plan(keystore, entry.object_id)
    return None


def require_plan(keystore: Keystore, release_id: str) -> SealedPlan:
    """Return the plan of a release.

    Raises
    ------
    UnlockError
        The release was made with another keystore.
    """
    plan = find_plan(keystore, release_id)
    if plan is None:
        raise UnlockError(
            f"keystore {keystore.path} holds no plan of release {release_id}",
            remedy="name the keystore that it was made with by --keystore",
        )
    return plan


def plans_of_key(keystore: Keystore, key_id: str) -> Iterator[SealedPlan]:
    """Yield every plan that was made under a data key."""
    for entry in _plan_entries(keystore):
        plan = open_plan(keystore, entry.object_id)
        if plan.key_id == key_id:
            yield plan


def _plan_entries(keystore: Keystore) -> list[Entry]:
    return [e for e in keystore.entries() if e.kind == "plan" and e.state != "destroyed"]


def _columns(prefix: str, rows: PlannedRows) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {
        f"{prefix}sha256": rows.sha256,
        f"{prefix}targets": rows.targets,
        f"{prefix}ids": _to_bytes(rows.ids),
        f"{prefix}groups": _to_bytes(rows.groups),
    }
    if rows.strata is not None:
        columns[f"{prefix}strata"] = rows.strata
    texts = {"paths": rows.paths, "group_names": rows.group_names}
    texts |= {f"kept/{i}": column for i, column in enumerate(rows.kept.values())}
    for name, column in texts.items():
        columns[f"{prefix}{name}"], columns[f"{prefix}{name}/ends"] = _encode(column)
    return columns


def _encode(column: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    texts = [text.encode("utf-8", "surrogateescape") for text in column]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return np.frombuffer(b"".join(texts), dtype=np.uint8), ends


def _decode(blob: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[str, ...]:
    text = blob.tobytes()
    starts = [0, *ends[:-1].tolist()] if len(ends) else []
    pieces = zip(starts, ends.tolist(), strict=True)
    return tuple(text[start:end].decode("utf-8", "surrogateescape") for start, end in pieces)


def _to_bytes(column: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(column).view(np.uint8).reshape(-1, ID_CHARACTERS)


def _from_bytes(column: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    return np.ascontiguousarray(column).view(f"S{ID_CHARACTERS}").reshape(-1)


def _shard(border: Json) -> PlannedShard:
    part, *numbers = _list(border)
    number, of, start, stop = (int(str(n)) for n in numbers)
    return PlannedShard(PARTS[PARTS.index(part)], number, of, start, stop)


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a sealed list is no list")
    return value


def _list_of_str(value: Json) -> list[str]:
    return [str(item) for item in _list(value)]
