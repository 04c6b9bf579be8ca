"""Public parameters as they are declared, and held to that: type, choices, limits.

What is given may come from a manifest, so from outside: nothing of its JSON is believed. A whole
number stands for a float, and a list for a tuple, as JSON writes them; true is no number.
"""

from __future__ import annotations

from dataclasses import Field, field, fields
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from dpkit.sanitizers.base import ImageSanitizer, Sanitizer

Limits: TypeAlias = tuple[float, float | None]  # the least, and the most where there is one

_STANDS_FOR: Final[dict[type, tuple[type, ...]]] = {float: (float, int), tuple: (tuple, list)}
_KINDS: Final[dict[type, str]] = {
    bool: "neither true nor false",
    int: "no whole number",
    float: "no number",
    str: "no text",
    tuple: "no list",
}


def param(
    default: Any,
    *,
    help: str,  # noqa: A002 (click's word)
    symbol: str = "",
    choices: tuple[str, ...] = (),
    within: Limits | None = None,
    is_found: bool = False,
) -> Any:
    """Declare one public parameter, said once for command line, manifest and docs.

    Parameters
    ----------
    default
        Its type is that of the parameter.
    choices, within
        What `ImageSanitizer` holds it to: words, or a number's least and most.
    is_found
        It is no option: `completed` fills it in.
    """
    metadata = {
        "help": help, "symbol": symbol, "choices": choices, "within": within, "is_found": is_found,
    }  # fmt: skip
    return field(default=default, metadata=metadata, kw_only=True)


def options_of(sanitizer: type[Sanitizer]) -> list[Field[Any]]:
    """Return the parameters that a user chooses, in their order."""
    return [f for f in fields(sanitizer) if not f.metadata["is_found"]]  # type: ignore[arg-type]  # every sanitizer is a dataclass


def option_name(parameter: Field[Any]) -> str:
    """Return the word of a parameter on the command line, without dashes before it.

    An underscore at its end is Python's, for words that Python keeps to itself: `lambda_`.
    """
    return parameter.name.rstrip("_").replace("_", "-")


def require_declared(sanitizer: ImageSanitizer) -> None:
    """Refuse parameters that are not what their declarations say.

    Raises
    ------
    UsageError
        With the option, its value and what would do.
    """
    for declared in fields(sanitizer):  # type: ignore[arg-type]  # every sanitizer is a dataclass
        option, value = option_name(declared), getattr(sanitizer, declared.name)
        choices, within = declared.metadata["choices"], declared.metadata["within"]
        _require_kind(option, value, type(declared.default))
        if choices and value not in choices:
            raise UsageError(f"--{option} {_said(value)} is not one of {', '.join(choices)}")
        if within is not None:
            require_within(option, value, within)


def require_within(option: str, value: Any, within: Limits) -> None:
    """Refuse a number outside its limits; NaN is outside any.

    Raises
    ------
    UsageError
        With the option, its value and the limits.
    """
    least, most = within
    if value >= least and (most is None or value <= most):
        return
    outside = f"below {_said(least)}" if most is None else f"not within {limits_said(within)}"
    raise UsageError(f"--{option} {_said(value)} is {outside}")


def limits_said(within: Limits) -> str:
    """Return limits in words.

    Examples
    --------
    >>> limits_said((0, 1e6))
    '0 to 1000000'
    >>> limits_said((1, None))
    '1 or more'
    """
    least, most = within
    return f"{_said(least)} or more" if most is None else f"{_said(least)} to {_said(most)}"


def _require_kind(option: str, value: Any, kind: type) -> None:
    is_one = isinstance(value, _STANDS_FOR.get(kind, kind))
    if not is_one or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"--{option} {_said(value)} is {_KINDS[kind]}")


def _said(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else short_repr(value)
