"""A damaged file of any format gives what it holds, or a refusal."""

import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import DpkitError
from dpkit.release.augconv import read_augconv
from dpkit.release.first_conv import read_first_conv
from tests.release.layers import SETTINGS, WEIGHT, aug_conv, file_of, write_augconv


class TestDamage:
    """Whatever stands in a file, reading gives a layer or one of dpkit's own refusals."""

    @settings(deadline=None, max_examples=150)
    @given(
        st.sampled_from(["first", "aug"]),
        st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=4),
        st.integers(0, 40),
    )
    def test_is_refused_or_harmless(self, tmp_path_factory, kind, changes, cut):
        path = tmp_path_factory.mktemp("damaged") / "a"
        if kind == "first":
            file_of(path, SETTINGS, {"weight": WEIGHT, "bias": WEIGHT[:, 0, 0, 0].copy()})
        else:
            write_augconv(path, aug_conv(bias=np.ones(5, np.float32)))
        content = bytearray(path.read_bytes())
        for place, value in changes:
            content[place % len(content)] = value
        path.write_bytes(content[: len(content) - cut])
        with contextlib.suppress(DpkitError):
            (read_first_conv if kind == "first" else read_augconv)(path)
