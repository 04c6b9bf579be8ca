"""The inverse of the standard normal distribution, the same bits on every processor.

Wichura's PPND16 (Algorithm AS 241, Applied Statistics 37, 1988): three quotients of
polynomials of degree seven. The logarithm it needs is a series written out here, and no
fused or reordered arithmetic is allowed, so that a core depends on its seed alone and not
on a mathematics library.

    p     a probability, strictly between 0 and 1
    z     the standard normal deviate with P(Z <= z) = p
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Each table is (numerator, denominator), lowest degree first, as published.
_CENTRE: Final = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_SHOULDER: Final = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_TAIL: Final = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)
# log(1 + x) = 2 (s + s³/3 + s⁵/5 + …), s = x / (2 + x); |s| <= 0.172 needs twelve terms.
_SERIES: Final = tuple(1.0 / (2 * k + 1) for k in range(12))
_LN2: Final = 0.6931471805599453


@compiled
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for k in range(len(coefficients) - 1, -1, -1):
        total = total * x + coefficients[k]
    return total


@compiled
def _quotient(table: tuple[tuple[float, ...], tuple[float, ...]], x: float) -> float:
    return _polynomial(table[0], x) / _polynomial(table[1], x)


@compiled
def _log(x: float) -> float:
    mantissa, exponent = math.frexp(x)
    if mantissa < math.sqrt(0.5):
        mantissa *= 2.0
        exponent -= 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return exponent * _LN2 + 2.0 * s * _polynomial(_SERIES, s * s)


@compiled
def _deviate(p: float) -> float:
    q = p - 0.5
    if abs(q) <= 0.425:  # noqa: PLR2004 (the published border of the central quotient)
        return q * _quotient(_CENTRE, 0.180625 - q * q)
    r = math.sqrt(-_log(min(p, 1.0 - p)))
    z = _quotient(_SHOULDER, r - 1.6) if r <= 5.0 else _quotient(_TAIL, r - 5.0)  # noqa: PLR2004 (as published)
    return -z if q < 0.0 else z


@compiled
def to_normal(values: NDArray[np.float64], scale: float) -> None:
    """Turn uniform `values` [n] in (0, 1) into normal ones of deviation `scale`, in place."""
    for i in range(values.size):
        values[i] = scale * _deviate(values[i])
