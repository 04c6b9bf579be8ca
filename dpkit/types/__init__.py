"""Everything that flows between rooms: frozen data, arrays with their shapes in a comment."""

from dpkit.types.images import (
    ID_CHARACTERS,
    NO_LABEL,
    PARTS,
    UNKNOWN,
    Company,
    Geometry,
    ImageBatch,
    ImageSource,
    Json,
    Part,
    SanitizedBatch,
    Task,
)
from dpkit.types.plans import PlannedRows, PlannedShard, ReleasePlan, Rows
from dpkit.types.secret import Key, Secret

__all__ = [
    "ID_CHARACTERS",
    "NO_LABEL",
    "PARTS",
    "UNKNOWN",
    "Company",
    "Geometry",
    "ImageBatch",
    "ImageSource",
    "Json",
    "Key",
    "Part",
    "PlannedRows",
    "PlannedShard",
    "ReleasePlan",
    "Rows",
    "SanitizedBatch",
    "Secret",
    "Task",
]
