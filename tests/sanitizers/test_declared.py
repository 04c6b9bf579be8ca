"""Parameters are held to what was declared of them: a manifest's JSON comes from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from dpkit.errors import UsageError
from dpkit.sanitizers import SANITIZERS, sanitizer_of
from dpkit.sanitizers.base import ImageSanitizer, param
from dpkit.sanitizers.declared import limits_said, require_within


@dataclass(frozen=True, slots=True)
class Blur(ImageSanitizer):
    """A sanitizer of nothing but parameters, without a `__post_init__` of its own."""

    name: ClassVar[str] = "blur"

    radius: int = param(3, help="Pixels.", within=(1, 9))
    lambda_: float = param(0.5, help="A weight.", within=(0, 1e6))
    rounds: int = param(1, help="Rounds.", within=(1, None))
    kind: str = param("box", help="Kind.", choices=("box", "gauss"))
    is_wide: bool = param(False, help="Wide.")
    sides: tuple[int, ...] = param((), help="Sides.", is_found=True)


HOSTILE = [
    ({"radius": 10}, "--radius 10 is not within 1 to 9"),
    ({"radius": -(10**30)}, "--radius -1000000000000000000000000000000 is not within 1 to 9"),
    ({"radius": True}, "--radius True is no whole number"),
    ({"radius": 3.5}, "--radius 3.5 is no whole number"),
    ({"radius": "3"}, "--radius '3' is no whole number"),
    ({"radius": None}, "--radius None is no whole number"),
    ({"radius": [3]}, "--radius [3] is no whole number"),
    ({"rounds": 0}, "--rounds 0 is below 1"),
    ({"lambda_": float("nan")}, "--lambda nan is not within 0 to 1000000"),
    ({"lambda_": float("inf")}, "--lambda inf is not within 0 to 1000000"),
    ({"lambda_": -1e-9}, "--lambda -1e-09 is not within 0 to 1000000"),
    ({"lambda_": True}, "--lambda True is no number"),
    ({"lambda_": "much"}, "--lambda 'much' is no number"),
    ({"kind": "round"}, "--kind 'round' is not one of box, gauss"),
    ({"kind": {"box": 1}}, "--kind {'box': 1} is no text"),
    ({"kind": "bo\nx"}, r"--kind 'bo\nx' is not one of box, gauss"),
    ({"is_wide": 1}, "--is-wide 1 is neither true nor false"),
    ({"is_wide": "no"}, "--is-wide 'no' is neither true nor false"),
    ({"sides": 5}, "--sides 5 is no list"),
]


@pytest.mark.parametrize(("given", "message"), HOSTILE)
def test_another_value_is_refused_with_parameter_value_and_limits_on_one_line(given, message):
    with pytest.raises(UsageError) as refused:
        Blur(**given)
    assert str(refused.value) == message
    assert str(refused.value).isprintable()


def test_a_long_value_is_not_repeated_whole():
    with pytest.raises(UsageError) as refused:
        Blur(kind="x" * 100_000)
    assert len(str(refused.value)) < 100


def test_values_at_their_limits_are_taken():
    Blur(radius=1, lambda_=0.0)
    Blur(radius=9, lambda_=1e6, rounds=10**30)


def test_json_may_write_a_whole_number_for_a_float_and_a_list_for_a_tuple():
    assert Blur(lambda_=1).lambda_ == 1
    Blur(sides=[3, 4])


@pytest.mark.parametrize("limits", [(1, 9), (1, None)])
def test_nan_is_outside_any_limits(limits):
    with pytest.raises(UsageError, match="--x nan is"):
        require_within("x", float("nan"), limits)


def test_limits_are_said_in_words():
    assert limits_said((0.001, 10_000)) == "0.001 to 10000"
    assert limits_said((1, None)) == "1 or more"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("morph", '{"kappa": true}', "--kappa True is no whole number"),
        ("morph", '{"condition": NaN, "core": "bounded"}', "--condition nan is not within 1 to"),
        ("morph", '{"normalize": ["none"]}', "--normalize ['none'] is no text"),
        ("mix", '{"Lb": 2.5}', "--Lb 2.5 is no whole number"),
        ("mix", '{"p_replace": "0.5"}', "--p-replace '0.5' is no number"),
        ("hold", '{"window": 4294967296}', "--window 4294967296 is not within 1 to 2147483647"),
        ("hold", '{"map_shape": 7}', "--map-shape 7 is no list"),
        ("hold", '{"map_shape": [3, 0, 4]}', "--map-shape 0 is not within 1 to 65535"),
        ("hold", '{"map_shape": [3, 4]}', "--map-shape [3, 4] is not 3 whole numbers"),
        ("hold", '{"map_shape": [3, 4, true]}', "--map-shape [3, 4, True] is not 3 whole numbers"),
        ("hold", '{"tried": [[2, 0.5]]}', "--tried [2, 0.5] is not 3 numbers"),
        ("hold", '{"tried": [[2, 0.5, NaN]]}', "--tried [2, 0.5, nan] is not 3 numbers"),
        ("hold", '{"tried": [5]}', "--tried 5 is not 3 numbers"),
        ("pixelate", '{"epsilon": Infinity}', "--epsilon inf is not within 0.001 to 10000"),
        ("pixelate", '{"grid": 1}', "--grid 1 is neither true nor false"),
        ("obfuscate", '{"width": 100000}', "--width 100000 is not within 0 to 512"),
        ("obfuscate", '{"classes": -1}', "--classes -1 is not within 0 to 65536"),
        ("partition", '{"lambda": NaN}', "--lambda nan is not within 0 to 1000000"),
        ("partition", '{"split_point": "2"}', "--split-point '2' is no whole number"),
        ("partition", '{"network": "resnet"}', "--network 'resnet' is not one of mlp, cnn, vgg19"),
    ],
)
def test_a_hostile_manifest_is_refused_in_its_parameters(name, parameters, message):
    with pytest.raises(UsageError) as refused:
        sanitizer_of(name, json.loads(parameters))
    assert message in str(refused.value)


@pytest.mark.parametrize("name", SANITIZERS)
def test_every_sanitizer_has_the_check(name):
    assert issubclass(SANITIZERS[name], ImageSanitizer)
