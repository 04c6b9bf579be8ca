"""Five machine instructions that numba has no word for: nobody checks their addresses.

Kernels that use them check shapes, types and ranges before; `mix.py` is the one that does.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

LINE: Final = 64  # bytes of a cache line, and of one store past the cache
_emitted: Final[Any] = extending.intrinsic  # called otherwise than written: no type can say it


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, offset: Any) -> Any:
    """Return the address `offset` bytes into an array."""
    first = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(first, cgutils.voidptr_t), [offset])


@_emitted
def copy_row(_typing: Any, source: Any, start: Any, out: Any, to: Any, block_row: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Copy as many bytes as an element of `block_row` has: a constant, so a few wide moves."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        come = _pointer(context, builder, signature.args[0], args[0], args[1])
        go = _pointer(context, builder, signature.args[2], args[2], args[3])
        length = cgutils.intp_t(block_row.dtype.count)
        cgutils.raw_memcpy(builder, go, come, length, 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(source, types.intp, out, types.intp, block_row), generate


@_emitted
def copy_bytes(_typing: Any, source: Any, start: Any, out: Any, to: Any, length: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Copy any number of bytes, by the C library's memcpy."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        come = _pointer(context, builder, signature.args[0], args[0], args[1])
        go = _pointer(context, builder, signature.args[2], args[2], args[3])
        cgutils.raw_memcpy(builder, go, come, args[4], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(source, types.intp, out, types.intp, types.intp), generate


@_emitted
def store_line(_typing: Any, source: Any, start: Any, out: Any, to: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Copy 64 bytes past the cache, to an address that 64 divides."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line = ir.VectorType(ir.IntType(64), LINE // 8).as_pointer()
        come = _pointer(context, builder, signature.args[0], args[0], args[1])
        go = _pointer(context, builder, signature.args[2], args[2], args[3])
        value = builder.load(builder.bitcast(come, line), align=1)
        store = builder.store(value, builder.bitcast(go, line), align=LINE)
        store.set_metadata("nontemporal", builder.module.add_metadata([cgutils.int32_t(1)]))
        return context.get_dummy_value()

    return types.void(source, types.intp, out, types.intp), generate


@_emitted
def call_up(_typing: Any, source: Any, start: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Ask for a cache line that will be needed; a prefetch of no memory at all does nothing."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = cgutils.int32_t
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        name, module = "llvm.prefetch.p0i8", builder.module
        call = cgutils.get_or_insert_function(module, kind, name)  # type: ignore[no-untyped-call]
        address = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.call(call, [address, word(0), word(3), word(1)])  # to read, to keep, pixels
        return context.get_dummy_value()

    return types.void(source, types.intp), generate


@_emitted
def settle(_typing: Any) -> Any:
    """Order the stores past the cache before whatever other threads are told next."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001 (numba's signature)
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
