"""Frozen dataclasses to canonical JSON text and back, without trusting the text.

Rules: sizes before content; every field is there and none besides; no number beyond what its
field can mean; NaN never, and infinity only as the word "infinite". The annotations of the
dataclass are the schema.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType, UnionType
from typing import Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from dpkit.errors import DpkitError, IntegrityError, UsageError

T = TypeVar("T")
Upgrades: TypeAlias = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]

MAX_BYTES: Final = 4 * 2**20
MAX_TEXT: Final = 4000  # characters of one string
MAX_ITEMS: Final = 100_000  # entries of one list or object
MAX_INT: Final = 2**63 - 1
INFINITE: Final = "infinite"


def dump(value: Any) -> str:
    """Return the canonical text of a dataclass: sorted keys, two spaces, one newline at the end."""
    text = json.dumps(_plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def load(
    kind: type[T],
    text: str | bytes,
    what: str,
    version: int,
    *,
    upgrades: Upgrades = MappingProxyType({}),
) -> T:
    """Read a `kind` with a field `version` from a stranger's `text`; `what` names the file.

    Parameters
    ----------
    upgrades
        By older version: from its content, not yet checked, to that of `version`. What comes out
        is checked like any other.

    Raises
    ------
    UsageError
        The text is of a newer version.
    IntegrityError
        The text is too large, is not JSON, or is not exactly a `kind`.
    """
    if len(text) > MAX_BYTES:
        raise IntegrityError(f"{what} has {len(text)} bytes, more than {MAX_BYTES}")
    try:
        content = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{what} is not valid JSON ({error})") from None
    found = _version_of(content, what, version, upgrades)
    if found != version:
        content = upgrades[found](content)
    try:
        value: T = _read(kind, content, what)
    except IntegrityError:
        raise
    except DpkitError as error:
        raise IntegrityError(f"{what}: {error}") from None
    return value


def _version_of(content: Any, what: str, version: int, upgrades: Upgrades) -> int:
    _expect(isinstance(content, dict), what, "an object")
    found: int = _read_scalar(int, content.get("version"), f"{what}.version")
    if found > version:
        raise UsageError(
            f"{what}: version {found} is newer than {version}, the last one read",
            remedy="install a newer dpkit",
        )
    read = sorted({version, *upgrades})
    _expect(found in read, what, f"of version {' or '.join(map(str, read))}")
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return INFINITE if isinstance(value, float) and value == math.inf else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _read(kind: Any, value: Any, where: str) -> Any:
    """Return `value` as `kind`: a dataclass, tuple, mapping, union or scalar."""
    if is_dataclass(kind):
        return _read_dataclass(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _read_choice(arguments, value, where)
    if origin is tuple:
        _expect(isinstance(value, list) and len(value) <= MAX_ITEMS, where, "a list")
        return tuple(_read(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is Mapping:
        _expect(isinstance(value, dict) and len(value) <= MAX_ITEMS, where, "an object")
        return {_text(n, where): _read(arguments[1], v, f"{where}.{n}") for n, v in value.items()}
    return _read_scalar(kind, value, where)


def _read_choice(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Read an optional field, or a scalar of one of several types."""
    present = [kind for kind in kinds if kind is not type(None)]
    if value is None and len(present) < len(kinds):
        return None
    if len(present) == 1:
        return _read(present[0], value, where)
    _expect(type(value) in present, where, f"one of {[kind.__name__ for kind in present]}")
    return _read_scalar(type(value), value, where)


def _read_dataclass(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), where, "an object")
    hints = get_type_hints(kind)
    names = {f.name for f in fields(kind)}
    if odd := sorted(names ^ value.keys()):
        raise IntegrityError(f"{where} lacks or adds the field {odd[0]}")
    return kind(**{name: _read(hints[name], value[name], f"{where}.{name}") for name in names})


def _read_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is str:
        return _text(value, where)
    if kind is bool:
        _expect(isinstance(value, bool), where, "true or false")
        return value
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        _expect(whole and abs(value) <= MAX_INT, where, f"a whole number up to {MAX_INT}")
        return value
    if kind is float:
        return _number(value, where)
    raise TypeError(f"{kind} has no JSON form")


def _text(value: Any, where: str) -> str:
    _expect(isinstance(value, str) and len(value) <= MAX_TEXT, where, f"a text up to {MAX_TEXT}")
    return str(value)


def _number(value: Any, where: str) -> float:
    if value == INFINITE:
        return math.inf
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    _expect(numeric and abs(value) < 1e300, where, "a finite number")  # noqa: PLR2004 (below any overflow)
    return float(value)


def _expect(holds: bool, where: str, wanted: str) -> None:
    if not holds:
        raise IntegrityError(f"{where} is not {wanted}")
