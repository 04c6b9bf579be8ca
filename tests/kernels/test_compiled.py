import pytest

from dpkit.kernels.compiled import compiled, compiled_fast


@pytest.mark.parametrize("compile_it", [compiled, compiled_fast])
def test_the_kernels_compile_where_no_cache_folder_can_be_had(compile_it):
    """Code without a file has no place for a cache: numba refuses, as if nothing were writable."""
    names = {}
    exec("def double(x):\n    return 2 * x", names)
    assert compile_it(names["double"])(21) == 42


@pytest.mark.parametrize("compile_it", [compiled, compiled_fast])
def test_a_division_by_zero_is_no_exception(compile_it):
    assert compile_it(lambda x: 1.0 / x)(0.0) == float("inf")
