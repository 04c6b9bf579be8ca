"""One metric over all images: what its histogram must hold."""

from dataclasses import replace

import pytest

from dpkit.errors import IntegrityError
from tests.types.reports import PSNR


def test_a_histogram_with_a_missing_edge_is_refused():
    with pytest.raises(IntegrityError, match="one edge more"):
        replace(PSNR, edges=(20.0, 20.5))
