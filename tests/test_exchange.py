"""What a stranger's first layer may not do to the provider, and where a layer may be written."""

import stat
import sys
from dataclasses import replace

import numpy as np
import pytest

from dpkit.augconv import plan_augconv
from dpkit.errors import DpkitError, UsageError
from dpkit.exchange import Built
from dpkit.exchange.cost import cost_of, refuse_large, refuse_memory
from dpkit.keystore.durable import new_file
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.release.first_conv import write_first_conv
from dpkit.types import FirstConv

FLOAT32 = np.dtype(np.float32)


def first_conv(maps=4, kernel=3, size=16, **given):
    weight = np.random.default_rng(0).standard_normal((maps, 3, kernel, kernel)).astype("f4")
    plain = {
        "weight": weight, "bias": None, "stride": (1, 1), "padding": (1,) * 4,
        "dilation": (1, 1), "groups": 1, "input_size": (size, size), "normalize": "none",
    }  # fmt: skip
    return FirstConv(**plain | given)


class TestAStrangersLayer:
    @pytest.mark.parametrize(
        "given",
        [
            {"kernel": 1, "padding": (65535,) * 4},
            {"kernel": 1, "padding": (65535,) * 4, "stride": (65535, 65535)},
            {"kernel": 2, "dilation": (65535, 65535), "padding": (50000,) * 4},
            {"kernel": 1000, "maps": 1, "padding": (500,) * 4},
            {"maps": 60000, "kernel": 2, "dilation": (65535,) * 2, "padding": (65535,) * 4},
        ],
        ids=str,
    )
    def test_is_refused_before_it_fills_the_memory(self, given):
        plan = plan_augconv(first_conv(**given), "raster", 1, is_distinct=False)
        with pytest.raises(UsageError, match="of memory to convolve, above"):
            refuse_memory(plan)

    def test_has_a_size_that_does_not_overflow(self):
        huge = first_conv(
            maps=60000, kernel=2, dilation=(65535,) * 2, padding=(65535,) * 4, size=128
        )
        plan = plan_augconv(huge, "raster", 1, is_distinct=False)
        assert plan.elements > 2**60
        with pytest.raises(UsageError, match="above --max-bytes"):
            refuse_large(plan, cost_of(plan, FLOAT32), 2**31)

    @pytest.mark.parametrize("kernel", [1, 3, 7, 16])
    def test_of_usual_size_passes(self, kernel):
        refuse_memory(plan_augconv(first_conv(kernel=kernel), "raster", 1, is_distinct=False))

    def test_that_is_all_zeros_is_refused(self, invoke, images, tmp_path):
        layer = first_conv()
        write_first_conv(tmp_path / "f", replace(layer, weight=np.zeros_like(layer.weight)))
        invoke("morph", images, "--kappa", 48)
        assert "all zero" in invoke("augconv", "build", "--first-conv", "f", code=2).err


def test_a_layer_that_was_not_seen_to_be_right_is_destroyed(invoke, images, tmp_path, monkeypatch):
    def broken(*_args):
        raise DpkitError("broken")

    write_first_conv(tmp_path / "f", first_conv())
    invoke("morph", images, "--kappa", 48)
    for check in (broken, lambda *_: 1.5, lambda *_: float("nan")):
        monkeypatch.setattr(sys.modules[Built.__module__], "feature_error", check)
        invoke("augconv", "build", "--first-conv", "f", code=1)
    (found,) = (tmp_path / "home" / "data").rglob("*.dpks")
    made = [e.state for e in Keystore.open(found, Unlock()).entries() if e.kind == "augconv"]
    assert made == ["destroyed"] * 3
    assert "no Aug-Conv was made" in invoke("augconv", "export", "--i-accept-the-measured-leakage",
                                            code=10).err  # fmt: skip


class TestANewFile:
    def test_is_private_whatever_stood_beside_it(self, tmp_path):
        stranger = tmp_path / ".out.partial"
        stranger.touch()
        stranger.chmod(0o666)
        with new_file(tmp_path / "out") as file:
            file.write(b"content")
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
        assert stranger.read_bytes() == b""
        assert {p.name for p in tmp_path.iterdir()} == {".out.partial", "out"}

    def test_never_replaces_one_that_came_meanwhile(self, tmp_path):
        def write():
            with new_file(tmp_path / "out") as file:
                file.write(b"ours")
                (tmp_path / "out").write_bytes(b"theirs")

        with pytest.raises(DpkitError, match="File exists"):
            write()
        assert (tmp_path / "out").read_bytes() == b"theirs"
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
