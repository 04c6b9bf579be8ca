"""`manifest.json`: everything public about a release, version 1, or 2 for feature maps.

`docs/format.md` specifies it field by field. `Manifest.to_json` writes the canonical text,
`Manifest.from_json` reads a stranger's: version first, then every field, with a limit on
each number.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, cast, get_args

from dpkit.errors import UsageError
from dpkit.release.manifest_entries import (
    ClassEntry,
    PartCounts,
    SanitizerEntry,
    Shard,
    Signer,
    read_class,
    read_part,
    read_sanitizer,
    read_shard,
    read_signer,
)
from dpkit.release.manifest_json import Fields, canonical, load, malformed
from dpkit.release.manifest_rules import (
    DTYPES,
    MAX_CLASSES,
    MAX_COLUMNS,
    MAX_SHARDS,
    NAME,
    check,
)
from dpkit.types import PARTS, Geometry, Task
from dpkit.types.images import MAX_SIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Json

FORMAT: Final = "dpkit-release"
IMAGES, MAPS = 1, 2  # versions: rows are images, or feature maps with a shape of their own
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything public about a release.

    Parameters
    ----------
    release_id, key_id
        Random names; neither is derived from a secret.
    created
        The day, ISO 8601.
    tool
        `dpkit` and its version.
    geometry
        Channels, height, width and source depth of the images; released rows are [channels,
        height, width] unless `map_shape` says otherwise.
    dtype
        Of `/images`: `float32`, `float16`, `uint8` or `uint16`.
    reading
        The public rules by which files became pixels (fit, matte, depth rule, …).
    task
        `none` | `single` | `multi` | `regression`; see `docs/format.md` for `/labels`.
    label_columns
        Names of the target columns (`multi`: one per class; `regression`: one per number).
    grouped
        True where the provider named groups; else a group is a set of equal files.
    kept_columns
        Columns of the provider's table that travel in `data/index.csv`.
    training
        What can learn from the values: see `docs/format.md`.
    statement
        The report's top line, word for word.
    map_shape
        Channels, height and width of a released row that is a feature map; None where rows have
        the images' own shape.

    Raises
    ------
    ValueError
        The fields contradict one another; `manifest_rules` lists the rules.
    """

    release_id: str
    key_id: str
    created: str
    tool: str
    sanitizer: SanitizerEntry
    geometry: Geometry
    dtype: str
    reading: Mapping[str, Json]
    task: Task
    classes: tuple[ClassEntry, ...]
    label_columns: tuple[str, ...]
    grouped: bool
    kept_columns: tuple[str, ...]
    parts: tuple[PartCounts, ...]
    shards: tuple[Shard, ...]
    training: Mapping[str, Json]
    statement: str
    signer: Signer
    map_shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        check(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of one released row: channels, height, width."""
        return self.map_shape or (
            self.geometry.channels, self.geometry.height, self.geometry.width,
        )  # fmt: skip

    @property
    def target_dtype(self) -> str:
        """The type of `/labels`: int64, uint8 (multi) or float32 (regression)."""
        return {"multi": "uint8", "regression": "float32"}.get(self.task, "int64")

    @property
    def target_shape(self) -> tuple[int, ...]:
        """The shape of one target: () for none and single, (k,) for multi and regression."""
        return (len(self.label_columns),) if self.task in ("multi", "regression") else ()

    @property
    def images(self) -> int:
        """The rows of all parts."""
        return sum(part.images for part in self.parts)

    def to_json(self) -> str:
        """Return the canonical text of `manifest.json`."""
        body = cast("dict[str, Json]", asdict(self))
        if self.map_shape is None:
            del body["map_shape"]
        version = IMAGES if self.map_shape is None else MAPS
        return canonical({"format": FORMAT, "version": version, **body})

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read a manifest that anybody may have written.

        Raises
        ------
        UsageError
            The text is of a newer version of the format.
        IntegrityError
            The text is no manifest, or contradicts itself.
        """
        fields = load(text)
        version = _read_version(fields)
        try:
            shape = fields.wholes("map_shape", 3, 1, MAX_SIDE) if version == MAPS else None
            taken = {**_identity(fields), **_reading(fields), **_rows(fields), "map_shape": shape}
            manifest = cls(**taken)  # type: ignore[arg-type]  # each value is typed where it is taken
        except (ValueError, UsageError) as error:
            malformed(str(error))
        fields.end()
        return manifest


def _read_version(fields: Fields) -> int:
    fields.one_of("format", (FORMAT,))
    version = fields.whole("version", 1, 10**6)
    if version > MAPS:
        raise UsageError(
            f"manifest.json: format version {version} is newer than {MAPS}, the last one read",
            remedy="install a newer dpkit",
        )
    return version


def _identity(fields: Fields) -> dict[str, object]:
    return {
        "release_id": fields.text("release_id", pattern=NAME),
        "key_id": fields.text("key_id", pattern=NAME),
        "created": fields.text("created", pattern=_DATE),
        "tool": fields.text("tool", most=100),
        "statement": fields.text("statement"),
        "signer": read_signer(fields.child("signer")),
        "sanitizer": read_sanitizer(fields.child("sanitizer")),
    }


def _reading(fields: Fields) -> dict[str, object]:
    geometry = fields.child("geometry")
    sides = {side: geometry.whole(side, 1, 65535) for side in ("height", "width")}
    depths = {name: geometry.whole(name, 1, 16) for name in ("channels", "depth")}
    geometry.end()
    return {
        "geometry": Geometry(**sides, **depths),
        "dtype": fields.one_of("dtype", DTYPES),
        "reading": fields.mapping("reading"),
        "training": fields.mapping("training"),
        "task": fields.one_of("task", get_args(Task)),
        "label_columns": fields.texts("label_columns", most=MAX_CLASSES),
        "grouped": fields.flag("grouped"),
        "kept_columns": fields.texts("kept_columns", most=MAX_COLUMNS),
    }


def _rows(fields: Fields) -> dict[str, object]:
    return {
        "classes": tuple(read_class(c) for c in fields.children("classes", most=MAX_CLASSES)),
        "parts": tuple(read_part(p) for p in fields.children("parts", most=len(PARTS))),
        "shards": tuple(read_shard(s) for s in fields.children("shards", most=MAX_SHARDS)),
    }
