"""Numba and BLAS: arrays in, arrays out; nothing of dpkit is imported here."""
