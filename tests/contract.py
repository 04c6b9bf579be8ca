"""What every sanitizer must keep, whatever its scheme: one function a promise.

`tests/sanitizers/test_contract.py` runs each over the table SANITIZERS; a new sanitizer gets
them all by being in it.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.sanitizers import sanitizer_of
from dpkit.sanitizers.base import option_name, options_of, parameters
from dpkit.types import Company, Geometry, ImageBatch, Secret
from dpkit.types.supply import Supply
from tests.supplies import striped

DOCS = Path(__file__).parent.parent / "docs" / "sanitizers"
SEED = Secret(bytes(range(32)))


def a_batch(geometry: Geometry, n: int = 12) -> ImageBatch:
    """Random pixels with distinct columns, all of one label, in the company of one another."""
    rng = np.random.default_rng(n)
    shape = (n, geometry.height, geometry.width, geometry.channels)
    pixels = rng.integers(0, geometry.peak, shape, endpoint=True).astype(geometry.pixel_dtype)
    ids = np.array([f"ID{i:024d}" for i in range(n)], dtype="S26")
    groups = np.array([f"GR{i:024d}" for i in range(n)], dtype="S26")
    order = np.arange(n, dtype=np.int64)
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 1))
    company = Company(planes, np.zeros_like(order), order, order, "train")
    return ImageBatch(pixels, order, ids, groups, company, order)


def some_of(batch: ImageBatch, span: slice) -> ImageBatch:
    """Some rows of a batch, in the same company."""
    columns = (batch.pixels, batch.targets, batch.ids, batch.groups)
    return ImageBatch(*(c[span] for c in columns), batch.company, batch.places[span])


def supply_for(sanitizer, geometry):
    """What a sanitizer needs: none, or some labelled images."""
    return Supply(images=striped(geometry)) if "images" in sanitizer.needs else None


@lru_cache(maxsize=8)
def fitted(sanitizer, geometry):
    """The key of a sanitizer, made once where that is a training."""
    return sanitizer.fit(geometry, SEED, supply_for(sanitizer, geometry))


def parameters_survive_json(sanitizer, _geometry):
    text = json.dumps(parameters(sanitizer), allow_nan=False)
    assert sanitizer_of(sanitizer.name, json.loads(text)) == sanitizer


def every_parameter_has_a_help_text(sanitizer, _geometry):
    assert all(field.metadata["help"].endswith(".") for field in fields(sanitizer))


def a_number_is_held_to_limits(sanitizer, _geometry):
    for field in fields(sanitizer):
        if type(field.default) in (int, float):
            with pytest.raises(UsageError, match=f"--{option_name(field)} -1 is "):
                replace(sanitizer, **{field.name: -1})


def a_value_of_another_type_is_refused(sanitizer, _geometry):
    others = {bool: "yes", int: True, float: "1", str: 1, tuple: 5}
    for field in fields(sanitizer):
        value = others[type(field.default)]
        with pytest.raises(UsageError, match=f"--{option_name(field)} {value!r} is n"):
            replace(sanitizer, **{field.name: value})


def same_seed_gives_same_key(sanitizer, geometry):
    one, two = (sanitizer.fit(geometry, SEED, supply_for(sanitizer, geometry)) for _ in range(2))
    assert one.names() == two.names()
    assert all(np.array_equal(one.array(n), two.array(n)) for n in one.names())


def another_seed_gives_other_values_where_they_follow_from_a_secret(sanitizer, geometry):
    batch = a_batch(geometry)
    one, two = (
        sanitizer.fit(geometry, Secret(bytes([k]) * 32), supply_for(sanitizer, geometry))
        for k in (1, 2)
    )
    values = [sanitizer.apply(batch, key, geometry).values for key in (one, two)]
    assert np.array_equal(*values) != sanitizer.is_keyed


def no_key_array_exceeds_its_announced_size(sanitizer, geometry):
    key = fitted(sanitizer, geometry)
    assert max((key.array(n).nbytes for n in key.names()), default=0) <= sanitizer.key_bytes(
        geometry
    )


def the_key_hides_in_text(sanitizer, geometry):
    assert repr(fitted(sanitizer, geometry)) == "<Key: hidden>"


def values_have_the_announced_type_and_shape(sanitizer, geometry):
    batch = a_batch(geometry)
    values = sanitizer.apply(batch, fitted(sanitizer, geometry), geometry).values
    assert values.dtype == sanitizer.values_dtype(geometry)
    assert values.shape == (len(batch), *sanitizer.values_shape(geometry))
    assert np.isfinite(values).all()


def the_other_columns_travel_unchanged(sanitizer, geometry):
    batch = a_batch(geometry)
    clean = sanitizer.apply(batch, fitted(sanitizer, geometry), geometry)
    assert clean.targets is batch.targets
    assert clean.ids is batch.ids
    assert clean.groups is batch.groups


def the_input_is_not_changed(sanitizer, geometry):
    batch = a_batch(geometry)
    before = batch.pixels.copy()
    sanitizer.apply(batch, fitted(sanitizer, geometry), geometry)
    assert np.array_equal(batch.pixels, before)


def out_receives_the_values(sanitizer, geometry):
    batch, key = a_batch(geometry), fitted(sanitizer, geometry)
    expected = sanitizer.apply(batch, key, geometry).values
    out = np.full_like(expected, 7)
    assert sanitizer.apply(batch, key, geometry, out).values is out
    assert np.array_equal(out, expected)


def a_long_batch_equals_its_tiles(sanitizer, geometry):
    tile = sanitizer.tile_images(geometry)
    batch, key = a_batch(geometry, 2 * tile + 1), fitted(sanitizer, geometry)
    whole = sanitizer.apply(batch, key, geometry).values
    for start in range(0, len(batch), tile):
        span = slice(start, start + tile)
        part = some_of(batch, span)
        assert np.array_equal(sanitizer.apply(part, key, geometry).values, whole[span])


def no_row_equals_its_plain_form(sanitizer, geometry):
    batch, key = a_batch(geometry), fitted(sanitizer, geometry)
    values = sanitizer.apply(batch, key, geometry).values
    plain = sanitizer.plain(batch.pixels, geometry)
    assert plain.dtype == values.dtype
    assert plain.shape == (len(batch), geometry.channels, geometry.height, geometry.width)
    assert not any(np.array_equal(a, b) for a, b in zip(values, plain, strict=True))
    assert not len(sanitizer.foreign(values))


def a_row_depends_on_its_own_place_and_not_on_the_batch(sanitizer, geometry):
    batch, key = a_batch(geometry), fitted(sanitizer, geometry)
    whole = sanitizer.apply(batch, key, geometry).values
    tile = sanitizer.tile_images(geometry)
    start = min(tile, len(batch) - 1)
    later = sanitizer.apply(some_of(batch, slice(start, None)), key, geometry).values
    assert np.allclose(later, whole[start:], rtol=1e-3, atol=1e-3)


def restored_pixels_have_the_type_and_shape_of_the_originals(sanitizer, geometry):
    batch, key = a_batch(geometry), fitted(sanitizer, geometry)
    if not sanitizer.restorable:
        values = sanitizer.apply(batch, key, geometry).values
        with pytest.raises(UsageError, match="cannot be restored"):
            sanitizer.restore(values, key, geometry)
        return
    restored = sanitizer.restore(sanitizer.apply(batch, key, geometry).values, key, geometry)
    assert (restored.dtype, restored.shape) == (batch.pixels.dtype, batch.pixels.shape)


def what_is_said_about_training_is_json(sanitizer, geometry):
    said = sanitizer.training(geometry)
    assert isinstance(said["convolutions_learn"], bool)
    assert json.loads(json.dumps(said)) == said


def descriptions_and_notices_are_single_lines(sanitizer, geometry):
    assert sanitizer.describe(geometry)
    for line in (*sanitizer.describe(geometry), *sanitizer.notices(geometry)):
        assert line.isprintable()


def its_page_names_every_parameter_and_choice(sanitizer, _geometry):
    page = (DOCS / f"{sanitizer.name}.md").read_text()
    for field in options_of(type(sanitizer)):
        words = (f"--{option_name(field)}", *field.metadata["choices"])
        assert all(f"`{word}`" in page for word in words)


PROMISES = (
    parameters_survive_json,
    every_parameter_has_a_help_text,
    a_number_is_held_to_limits,
    a_value_of_another_type_is_refused,
    same_seed_gives_same_key,
    another_seed_gives_other_values_where_they_follow_from_a_secret,
    no_key_array_exceeds_its_announced_size,
    the_key_hides_in_text,
    values_have_the_announced_type_and_shape,
    the_other_columns_travel_unchanged,
    the_input_is_not_changed,
    out_receives_the_values,
    a_long_batch_equals_its_tiles,
    no_row_equals_its_plain_form,
    a_row_depends_on_its_own_place_and_not_on_the_batch,
    restored_pixels_have_the_type_and_shape_of_the_originals,
    what_is_said_about_training_is_json,
    descriptions_and_notices_are_single_lines,
    its_page_names_every_parameter_and_choice,
)
