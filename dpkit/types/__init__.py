"""Everything that flows between rooms: frozen data, arrays with their shapes in a comment."""

from dpkit.types.blocks import BLOCKS, Blocks, block_places, patch_side
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
from dpkit.types.layers import AugConv, FirstConv
from dpkit.types.plans import PlannedRows, PlannedShard, ReleasePlan, Rows
from dpkit.types.secret import Key, Secret

__all__ = [
    "BLOCKS",
    "ID_CHARACTERS",
    "NO_LABEL",
    "PARTS",
    "UNKNOWN",
    "AugConv",
    "Blocks",
    "Company",
    "FirstConv",
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
    "block_places",
    "patch_side",
]
