"""The decorator of all kernels."""

import numba


def kernel(function=None, *, reorder: bool = False):
    """Compile without the interpreter lock, and keep the machine code on disk where that is possible.

    Args:
        function: what to compile; None where the decorator is given options.
        reorder: let the compiler reorder sums and fuse products into them, which vector units need.

    numba renews what it keeps when the file of the kernel itself changes, not for the kernels that it calls: whoever
    edits one of those in place deletes the `.nbi` files in `__pycache__`.
    """
    if function is None:
        return lambda made: kernel(made, reorder=reorder)
    fastmath = {"reassoc", "contract", "nsz"} if reorder else False
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no place to cache in: neither beside the file nor in the user's cache directory
        return numba.njit(**options)(function)
