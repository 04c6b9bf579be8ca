"""What is made of a key, made once and forgotten with the key.

A key serves thousands of tiles: to convert, invert or build anew for each would cost more than the
tile. But what is made of a key is as secret as the key, so it lives no longer.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.types import Key

Asked = ParamSpec("Asked")
Made = TypeVar("Made")


def once_per_key(
    make: Callable[Concatenate[Key, Asked], Made],
) -> Callable[Concatenate[Key, Asked], Made]:
    """Let a function of a key, and of hashable arguments, make each result once for that key.

    What it makes must not hold the key itself: neither would be forgotten. Two threads that ask at
    once may both make it, and get the same one.
    """
    kept: WeakKeyDictionary[Key, dict[object, Made]] = WeakKeyDictionary()

    @wraps(make)
    def made(key: Key, /, *args: Asked.args, **words: Asked.kwargs) -> Made:
        of_key = kept.setdefault(key, {})
        question = (args, tuple(sorted(words.items())))
        if question not in of_key:
            return of_key.setdefault(question, make(key, *args, **words))
        return of_key[question]

    return made
