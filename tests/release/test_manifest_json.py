"""A stranger's JSON is read one object at a time."""

import pytest

from dpkit.errors import IntegrityError
from dpkit.release.manifest_json import Fields


def test_the_reader_names_the_field_that_is_missing():
    with pytest.raises(IntegrityError, match=r"signer\.key is missing"):
        Fields({"signer": {}}, "").child("signer").text("key")
