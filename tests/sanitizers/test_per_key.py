"""What is made of a key is made once, and is gone with the key: it is as secret as the key."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import torch

from dpkit.nets.bipartite import BIPARTITE
from dpkit.sanitizers.forms import inverses
from dpkit.sanitizers.partition import Partition
from dpkit.sanitizers.per_key import once_per_key
from dpkit.training.state import arrays_of
from dpkit.types import Geometry, Key, Secret

SMALL = Geometry(1, 4, 4, 8)
SEED = Secret(bytes(32))


class Thing:
    """Something that can be watched as it goes."""


def counted():
    made = []

    @once_per_key
    def thing(key, *_asked, **_words):
        made.append(key.names())
        return Thing()

    return thing, made


def a_key(**arrays):
    return Key(SEED, arrays)


def test_it_is_made_once_for_a_key_and_the_same_arguments():
    thing, made = counted()
    key = a_key()
    assert thing(key, 1, word="a") is thing(key, 1, word="a")
    assert thing(key, 2, word="a") is not thing(key, 1, word="a")
    assert thing(key, 1, word="b") is not thing(key, 1, word="a")
    assert len(made) == 3


def test_another_key_of_the_same_content_gets_its_own():
    thing, _ = counted()
    one, two = a_key(), a_key()
    assert thing(one) is not thing(two)


def test_it_is_gone_when_the_key_is():
    thing, _ = counted()
    key, other = a_key(), a_key()
    gone, kept = weakref.ref(thing(key)), weakref.ref(thing(other))
    del key
    gc.collect()
    assert gone() is None
    assert kept() is thing(other)


def test_threads_that_ask_at_once_get_the_same():
    thing, _ = counted()
    key, barrier, found = a_key(), threading.Barrier(8), []

    def ask():
        barrier.wait()
        found.append(thing(key))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_a_trained_network_is_gone_with_its_key():
    sanitizer = Partition(network="mlp", split_point=1, width=2)
    network = BIPARTITE["mlp"](shape=(1, 4, 4), classes=2, split=1, width=2)
    key = a_key(**arrays_of(network.local, "local"))
    encoder = sanitizer.encoder(key, SMALL)
    assert sanitizer.encoder(key, SMALL) is encoder
    images = torch.zeros(1, 1, 4, 4)
    assert torch.equal(encoder(images), network.local.eval()(images))
    gone = weakref.ref(encoder)
    del key, encoder
    gc.collect()
    assert gone() is None


def test_an_inverted_core_is_gone_with_its_key():
    key = a_key(core=2 * np.eye(3))
    found = inverses(key, is_orthogonal=False)
    assert inverses(key, is_orthogonal=False) is found
    gone = weakref.ref(found)
    del key, found
    gc.collect()
    assert gone() is None
