"""Each further version brings more of the original back; one alone is no attack."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.versions import chosen
from tests.leakage.attacks.mixing import faces, mixed_release

FACES = faces()
VERSIONS = ATTACKS["versions"]


def own_share(release, images):
    right = (images == release.originals).reshape(100, 6, 4, 6, 4)
    return right.all(axis=(2, 4)).mean()


@pytest.mark.parametrize(("copies", "least"), [(1, 0.58), (2, 0.7), (4, 0.9)])
def test_bring_the_own_blocks_back(copies, least):
    release = mixed_release(FACES, 4, copies=copies)
    found = VERSIONS.run(release.view, Effort())
    assert own_share(release, found.images) >= least
    assert own_share(release, np.moveaxis(release.view.values, 1, -1)) < 0.55


def test_a_donors_block_is_told_by_the_donors_own_versions():
    kinds = np.array([[7, 7, 2], [1, 7, 2]], np.int32)
    assert chosen(kinds).tolist() == [1, 0, 0]


def test_of_other_images_bring_nothing():
    release = mixed_release(FACES, 4)
    others = mixed_release(FACES[::-1], 4, seed=1).view.values
    found = VERSIONS.run(replace(release.view, versions=(others,)), Effort())
    assert own_share(release, found.images) < 0.55


def test_one_version_alone_is_no_attack():
    view = mixed_release(FACES[:20], 4).view
    assert "no other version" in VERSIONS.unfit(view)
    with pytest.raises(UsageError, match="versions"):
        VERSIONS.run(view, Effort())


def test_a_version_of_other_rows_is_refused():
    view = mixed_release(FACES[:20], 4).view
    with pytest.raises(UsageError, match="wanted rows"):
        VERSIONS.run(replace(view, versions=(view.values[:3],)), Effort())
