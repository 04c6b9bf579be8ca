"""The JSON Schema of what `strict_json` writes and reads, from the same dataclasses.

Draft 2020-12. A dataclass becomes an entry of `$defs` with every field required and none besides;
its first sentence is the description. Rules that stand in code alone, such as which words a state
can be, are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from dpkit.types.strict_json import INFINITE, MAX_INT, MAX_ITEMS, MAX_TEXT

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: Final[Mapping[Any, dict[str, Any]]] = {
    str: {"type": "string", "maxLength": MAX_TEXT},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -MAX_INT, "maximum": MAX_INT},
    float: {"anyOf": [{"type": "number"}, {"const": INFINITE}]},
    NoneType: {"type": "null"},
}


def schema(kind: type[Any], title: str, version: int) -> str:
    """Return the schema of a dataclass with a field `version` as canonical text."""
    found: dict[str, Any] = {}
    _define(kind, found)
    top = found.pop(kind.__name__)
    top["properties"]["version"] = {"const": version}
    whole = {"$schema": _DRAFT, "title": title, **top, "$defs": found}
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _define(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Enter a dataclass, and all that it holds, into `found`; return a reference to it."""
    name = kind.__name__
    if name not in found:
        found[name] = {}  # known from here on
        hints = get_type_hints(kind)
        names = [f.name for f in fields(kind)]
        found[name] = {
            "type": "object",
            "description": (kind.__doc__ or name).split("\n\n")[0].strip(),
            "properties": {n: _schema_of(hints[n], found) for n in names},
            "required": sorted(names),
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}


def _schema_of(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    if is_dataclass(kind):
        return _define(kind, found)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return {"anyOf": [_schema_of(one, found) for one in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _schema_of(arguments[0], found), "maxItems": MAX_ITEMS}
    if origin is Mapping:
        values = _schema_of(arguments[1], found)
        return {"type": "object", "additionalProperties": values, "maxProperties": MAX_ITEMS}
    return dict(_SCALARS[kind])
