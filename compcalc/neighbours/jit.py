"""The decorator of all kernels."""

import numba


def kernel(function):
    """Compile without the interpreter lock, and keep the machine code on disk where that is possible."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no place to cache in: neither beside the file nor in the user's cache directory
        return numba.njit(**options)(function)
