import inspect

import pytest

from dpkit import errors
from dpkit.errors import DpkitError

TREE = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, DpkitError)]


@pytest.mark.parametrize("error", TREE)
def test_every_error_stands_in_the_drawn_tree_with_its_exit_code(error):
    drawn = next(line for line in errors.__doc__.splitlines() if f" {error.__name__} " in line)
    if error is not errors.UnreadableImageError:  # it never reaches the command line
        assert f" {error.exit_code} " in drawn


def test_a_message_is_one_line_without_control_characters():
    text = str(DpkitError("file 'a\nb\x1b[31m' is bad", remedy="rename it"))
    assert text.isprintable()
    assert text.endswith("; rename it")
