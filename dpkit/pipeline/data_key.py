"""The data key of a release: a new one, or one of the keystore that is used again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dpkit.errors import UsageError
from dpkit.keystore.keys import SEED, open_key, seal_key
from dpkit.keystore.plans import plans_of_key
from dpkit.pipeline.terms import Terms
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dpkit.keystore.store import Keystore
    from dpkit.types import Key
    from dpkit.types.supply import Supply


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that stands in the keystore, with the terms that it fixes."""

    key_id: str
    key: Key
    terms: Terms


def new_key(keystore: Keystore, terms: Terms, seed: Secret, supply: Supply) -> DataKey:
    """Make a key from its seed and what the sanitizer needs, and seal it with its terms.

    One that a killed run sealed under the same seed is taken: a twin of it would outlive it.
    """
    supply.voice.notice(f"making the key: {terms.sanitizer.summary}")
    key = terms.sanitizer.fit(terms.rule.geometry, seed, supply)
    twin = _sealed_under(keystore, seed) if supply.checkpoints.load() else None
    return DataKey(twin or seal_key(keystore, key, terms.to_json()), key, terms)


def _sealed_under(keystore: Keystore, seed: Secret) -> str | None:
    for entry in keystore.entries():
        if entry.kind == "key" and entry.state == "active":
            sealed = keystore.get(entry.object_id, "key")
            if Secret(sealed.array(SEED).tobytes()) == seed:
                return entry.object_id
    return None


@contextmanager
def fresh_key(keystore: Keystore, terms: Terms, seed: Secret, supply: Supply) -> Iterator[DataKey]:
    """Make a key for a plan that is sealed meanwhile; destroy it where the plan is not."""
    made = new_key(keystore, terms, seed, supply)
    try:
        yield made
    except BaseException:
        keystore.destroy(made.key_id)
        raise


def held_key(keystore: Keystore, key_id: str) -> DataKey:
    """Return a key that is used again, with the classes of every release under it.

    Raises
    ------
    UsageError
        The key is retired.
    """
    if keystore.entry(key_id).state == "retired":
        raise UsageError(
            f"key {key_id} is retired: it opens old releases and makes no new ones",
            remedy="leave --key out for a new key",
        )
    sealed = keystore.get(key_id, "key")
    terms = Terms.from_json(sealed.settings)
    classes = dict(terms.classes)
    for plan in plans_of_key(keystore, key_id):
        classes |= dict(Terms.from_json(plan.settings["terms"]).classes)  # type: ignore[arg-type]  # sealed by us
    terms = replace(terms, classes=tuple(sorted(classes.items())))
    return DataKey(sealed.object_id, open_key(sealed), terms)
