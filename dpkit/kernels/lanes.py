"""Several windows at once, one in each lane of a vector: what numba has no word for.

`turn_square` lays windows side by side: row j of `rows` [m,lanes] then holds sample j of each of
them, 32 bytes a row. `choose_samples` looks through the rows, `fill_pieces` writes what it chose.
Nobody checks an address: `hold.py` is the one that does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

if TYPE_CHECKING:
    from collections.abc import Callable

ROW_BYTES: Final = 32  # of all lanes; two vectors where a processor's have 16
PIECE_BYTES: Final = 16  # of a window that is turned or filled at once
_emitted: Final[Any] = extending.intrinsic  # called otherwise than written: no type can say it
_INT: Final = ir.IntType(32)
_DOUBLE: Final = ir.DoubleType()


@_emitted
def turn_square(
    _typing: Any,
    samples: Any,
    starts: Any,
    first: Any,  # noqa: ARG001 (numba reads the names)
    skip: Any,  # noqa: ARG001 (numba reads the names)
    rows: Any,
) -> Any:
    """Load pieces of as many windows as a piece has samples, and store them turned.

    The window of lane first + i begins at starts[first + i] of the flat `samples`; its samples
    from `skip` on become column first + i of `rows`, from row `skip` on.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001 (numba's signature)
        kind = context.get_data_type(samples.dtype)
        side = PIECE_BYTES // context.get_abi_sizeof(kind)
        flat = context.make_array(samples)(context, builder, args[0]).data
        begins = context.make_array(starts)(context, builder, args[1]).data
        table = context.make_array(rows)(context, builder, args[4])
        square = []
        for i in range(side):
            here = builder.gep(begins, [builder.add(args[2], cgutils.intp_t(i))])
            begin = builder.add(builder.load(here), args[3])
            square.append(builder.load(_vector(builder, flat, begin, side), align=1))
        lanes = cgutils.intp_t(ROW_BYTES // PIECE_BYTES * side)
        turned = _turned(builder, square)
        lanes = ROW_BYTES // PIECE_BYTES * side
        to = builder.add(builder.mul(args[3], cgutils.intp_t(lanes)), args[2])

        def store(half: range) -> None:
            for i in half:
                place = builder.add(to, cgutils.intp_t(i * lanes))
                builder.store(turned[i], _vector(builder, table.data, place, side), align=1)

        store(range(side // 2))
        middle = builder.add(args[3], cgutils.intp_t(side // 2))
        with builder.if_then(
            builder.icmp_signed("<", middle, builder.extract_value(table.shape, 0))
        ):
            store(range(side // 2, side))
        return context.get_dummy_value()

    return types.void(samples, starts, types.intp, types.intp, rows), generate


@_emitted
def choose_samples(_typing: Any, rows: Any, window: Any, values: Any, totals: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Write to `values` [lanes] what fills each window, of the first `window` rows.

    `hold.py` says which sample that is. The type of `totals` is that of a sum: float64, or a whole
    number with twice the bits of a count.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001 (numba's signature)
        table = context.make_array(rows)(context, builder, args[0]).data
        kind = context.get_data_type(rows.dtype)
        lanes = ROW_BYTES // context.get_abi_sizeof(kind)

        def row(j: Any) -> Any:
            begin = builder.mul(j, cgutils.intp_t(lanes))
            return builder.load(_vector(builder, table, begin, lanes), align=1)

        wide = context.get_data_type(totals.dtype)
        chosen = _Choice(builder, ir.VectorType(kind, lanes), wide).of(row, args[1])
        target = context.make_array(values)(context, builder, args[2]).data
        builder.store(chosen, _vector(builder, target, cgutils.intp_t(0), lanes), align=1)
        return context.get_dummy_value()

    return types.void(rows, types.intp, values, totals), generate


@_emitted
def fill_pieces(_typing: Any, out: Any, starts: Any, skip: Any, values: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Write each lane's value over a piece of the flat `out`, `skip` behind the lane's start.

    Lanes are written in their order: what one leaves in the next, that one overwrites.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001 (numba's signature)
        kind = context.get_data_type(out.dtype)
        size = context.get_abi_sizeof(kind)
        side, lanes = PIECE_BYTES // size, ROW_BYTES // size
        flat, begins, chosen = (
            context.make_array(array)(context, builder, args[place]).data
            for array, place in ((out, 0), (starts, 1), (values, 3))
        )
        row = builder.load(_vector(builder, chosen, cgutils.intp_t(0), lanes), align=1)
        for i in range(lanes):
            begin = builder.add(builder.load(builder.gep(begins, [cgutils.intp_t(i)])), args[2])
            mask = ir.Constant(ir.VectorType(_INT, side), [i] * side)
            filled = builder.shuffle_vector(row, row, mask)
            builder.store(filled, _vector(builder, flat, begin, side), align=1)
        return context.get_dummy_value()

    return types.void(out, starts, types.intp, values), generate


@_emitted
def fill_piece(_typing: Any, out: Any, to: Any, value: Any) -> Any:  # noqa: ARG001 (numba reads the names)
    """Write one value over the piece of the flat `out` that begins at `to`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001 (numba's signature)
        kind = context.get_data_type(out.dtype)
        side = PIECE_BYTES // context.get_abi_sizeof(kind)
        vector, lane = ir.VectorType(kind, side), ir.Constant(_INT, 0)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), args[2], lane)
        filled = builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INT, side), None))
        flat = context.make_array(out)(context, builder, args[0]).data
        builder.store(filled, _vector(builder, flat, args[1], side), align=1)
        return context.get_dummy_value()

    return types.void(out, types.intp, out.dtype), generate


def _vector(builder: Any, first: Any, place: Any, side: int) -> Any:
    """Return the address of the vector that begins at a place of an array."""
    vector = ir.VectorType(first.type.pointee, side)
    return builder.bitcast(builder.gep(first, [place]), vector.as_pointer())


def _turned(builder: Any, square: list[Any]) -> list[Any]:
    """Transpose by interleaving row i with row i + half, as often as it takes."""
    side, half = len(square), len(square) // 2
    masks = [
        ir.Constant(
            ir.VectorType(_INT, side),
            [lane // 2 + start + side * (lane % 2) for lane in range(side)],
        )
        for start in (0, half)
    ]
    for _ in range(half.bit_length()):
        square = [
            builder.shuffle_vector(square[i], square[i + half], mask)
            for i in range(half)
            for mask in masks
        ]
    return square


class _Choice:
    """The choice of `hold.py` for vectors of one type, in instructions."""

    def __init__(self, builder: Any, vector: Any, wide: Any) -> None:
        kind, lanes = vector.element, vector.count
        self.builder, self.vector = builder, vector
        self.is_float = not isinstance(kind, ir.IntType)
        bits = 32 if self.is_float else wide.width // 2
        self.counts = ir.VectorType(ir.IntType(bits), lanes)
        self.wide = ir.VectorType(wide, lanes)
        ends = (-math.inf, math.inf) if self.is_float else (0, 2**kind.width - 1)
        self.ends = [ir.Constant(vector, [ir.Constant(kind, end)] * lanes) for end in ends]

    def of(self, row: Callable[[Any], Any], window: Any) -> Any:
        """Return the chosen samples of rows 0 to `window`."""
        total, count = self._summed(row, window)
        is_empty = self._compared("==", count, ir.Constant(self.counts, None))
        one = ir.Constant(self.counts, [1] * self.counts.count)
        k = self._converted(self.builder.select(is_empty, one, count), self.wide)
        low, high = self._split(row, window, self._level(total, k))
        found = self._nearer(total, k, low, high)
        return self.builder.select(is_empty, ir.Constant(self.vector, None), found)

    def _summed(self, row: Callable[[Any], Any], window: Any) -> tuple[Any, Any]:
        builder = self.builder
        total, count = (self._variable(ir.Constant(t, None)) for t in (self.wide, self.counts))
        with cgutils.for_range(builder, window) as loop:
            x = row(loop.index)
            add = builder.fadd if self.is_float else builder.add
            builder.store(add(builder.load(total), self._converted(x, self.wide)), total)
            more = builder.zext(self._is_sample(x), self.counts)
            builder.store(builder.add(builder.load(count), more), count)
        return builder.load(total), builder.load(count)

    def _level(self, total: Any, k: Any) -> Any:
        """Return the mean, whole where samples are.

        Single precision does for 255 samples of 16 bits: a quotient that is not whole is at least
        1/255 below the next whole number, and is rounded by less.
        """
        if self.is_float:
            return self.builder.fdiv(total, k)
        is_small = self.counts.element.width == self.vector.element.width
        real = ir.VectorType(ir.FloatType() if is_small else _DOUBLE, self.vector.count)
        mean = self.builder.fdiv(self.builder.uitofp(total, real), self.builder.uitofp(k, real))
        return self.builder.fptoui(mean, self.vector)

    def _split(self, row: Callable[[Any], Any], window: Any, level: Any) -> tuple[Any, Any]:
        """Return the largest sample up to the level and the least above, or the type's ends."""
        builder = self.builder
        low, high = (self._variable(end) for end in self.ends)
        with cgutils.for_range(builder, window) as loop:
            x = row(loop.index)
            exists, under = self._is_sample(x), self._compared("<=", self._beside(x, level), level)
            for best, kept, end, sign in (
                (low, under, self.ends[0], ">"),
                (high, builder.not_(under), self.ends[1], "<"),
            ):
                candidate, old = (
                    builder.select(builder.and_(exists, kept), x, end),
                    builder.load(best),
                )
                is_better = self._compared(sign, candidate, old)
                builder.store(builder.select(is_better, candidate, old), best)
        return builder.load(low), builder.load(high)

    def _nearer(self, total: Any, k: Any, low: Any, high: Any) -> Any:
        builder = self.builder
        times, minus = (builder.fmul, builder.fsub) if self.is_float else (builder.mul, builder.sub)
        under = minus(total, times(k, self._converted(low, self.wide)))
        over = minus(times(k, self._converted(high, self.wide)), total)
        return builder.select(self._compared("<=", under, over), low, high)

    def _variable(self, start: Any) -> Any:
        place = cgutils.alloca_once(self.builder, start.type)  # type: ignore[no-untyped-call]
        self.builder.store(start, place)
        return place

    def _is_sample(self, x: Any) -> Any:
        return self._compared("!=", x, ir.Constant(self.vector, None))

    def _compared(self, sign: str, one: Any, two: Any) -> Any:
        if isinstance(one.type.element, ir.IntType):
            return self.builder.icmp_unsigned(sign, one, two)
        return self.builder.fcmp_ordered(sign, one, two)

    def _beside(self, x: Any, level: Any) -> Any:
        return x if x.type == level.type else self._converted(x, level.type)

    def _converted(self, x: Any, wide: Any) -> Any:
        if not self.is_float:
            return self.builder.zext(x, wide) if x.type != wide else x
        is_whole = isinstance(x.type.element, ir.IntType)
        return (self.builder.uitofp if is_whole else self.builder.fpext)(x, wide)
