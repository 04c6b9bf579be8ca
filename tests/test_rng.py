import numpy as np
import pytest

from dpkit.rng import Stream, derive, fresh_secret, next_words
from dpkit.types import Secret

SEED = Secret(bytes(range(32)))


def test_the_stream_is_chacha20_of_rfc_8439():
    """RFC 8439 section 2.3.2, with the counter at 1: the second block of our stream."""
    nonce = int.from_bytes(bytes.fromhex("000000090000004a00000000"), "little")
    stream = Stream(SEED, nonce)
    stream.bytes(64)
    assert stream.bytes(16).hex() == "10f1e7e4d13b5915500fdd1fa32071c4"


def test_one_purpose_and_context_give_one_secret():
    assert derive(SEED, "ids", b"a") == derive(SEED, "ids", b"a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ids", b"ab"), ("ids", b"a", b"b")),
        (("ids", b"a"), ("groups", b"a")),
        (("ids",), ("ids", b"")),
        (("a", b"b"), ("ab",)),
    ],
)
def test_no_two_purposes_or_contexts_collide(one, other):
    assert derive(SEED, *one) != derive(SEED, *other)


def test_the_derivation_is_frozen():
    """The ids of every release rest on it: a change is a break of the format."""
    assert derive(SEED, "image id").reveal().hex()[:32] == "bcda73fb9363179742c761ba431afa6c"


def test_words_of_many_streams_are_those_of_each():
    def streams():
        return [Stream(derive(Secret(bytes(32)), "test"), nonce) for nonce in (0, 7, 2**63)]

    together, alone = streams(), streams()
    for n in (3, 1, 20):  # one draw continues where the other ended
        expected = np.stack([stream.uint64(n) for stream in alone])
        assert np.array_equal(next_words(together, n), expected)


def test_uniform_numbers_lie_in_the_open_interval():
    drawn = Stream(SEED).uniform(100_000)
    assert 0 < drawn.min() < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.005
    assert abs(drawn.var() - 1 / 12) < 0.001


def test_a_permutation_holds_every_row_once():
    order = Stream(SEED).permutation(1000)
    assert sorted(order) == list(range(1000))
    assert list(order) != list(range(1000))


def test_every_place_of_a_permutation_is_as_likely():
    """Chi-square of where row 0 lands, 5 places, 5000 draws: 99.9 % quantile 18.5."""
    places = [int(np.argmin(Stream(SEED, nonce).permutation(5))) for nonce in range(5000)]
    counts = np.bincount(places, minlength=5)
    assert ((counts - 1000) ** 2 / 1000).sum() < 18.5


def test_a_fresh_secret_is_never_the_same():
    assert fresh_secret() != fresh_secret()
    assert len(fresh_secret()) == 32
