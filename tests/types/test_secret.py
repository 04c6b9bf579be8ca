import copy
import json
import pickle

import numpy as np
import pytest

from dpkit.types import Key, Secret

SECRET = Secret(b"correct horse battery")
KEY = Key(SECRET, {"core": np.arange(4.0)})


@pytest.mark.parametrize("hidden", [SECRET, KEY], ids=["secret", "key"])
@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r}".format])
def test_a_secret_does_not_print(hidden, show):
    text = show(hidden)
    assert "hidden" in text
    assert "horse" not in text
    assert "array" not in text


@pytest.mark.parametrize("hidden", [SECRET, KEY], ids=["secret", "key"])
@pytest.mark.parametrize("road", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_leaves_by_no_road(hidden, road):
    with pytest.raises(TypeError):
        road(hidden)


def test_a_secret_is_no_dictionary_key():
    with pytest.raises(TypeError):
        hash(SECRET)


def test_secrets_compare_by_value():
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"


def test_a_key_gives_its_arrays_by_name():
    more = KEY.with_arrays({"order": np.array([1, 0])})
    assert more.names() == ("core", "order")
    assert more.array("core") is KEY.array("core")
    assert more.seed == SECRET
