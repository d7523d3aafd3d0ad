"""The neighbour list of one structure, with the conventions of matscipy and ASE."""

from collections.abc import Mapping

import numpy as np

from compcalc.errors import InputError
from compcalc.neighbours.batch import checked_batch, checked_cutoff
from compcalc.neighbours.pairs import find_pairs, not_finite, write_pairs
from compcalc.neighbours.small import all_pairs
from compcalc.neighbours.threads import default_threads

SMALL = 64  # atoms; up to here arrays for all pairs are made at once
_ISOLATED = bytes(3)  # pbc of a structure that does not repeat; comparing bytes is ten times as fast as any()
_NONE = {"i": np.empty(0, np.int64), "d": np.empty(0), "D": np.empty((0, 3)), "S": np.empty((0, 3), np.int32)}


def neighbour_list(quantities: str, atoms, cutoff, *, threads: int | None = None):
    """Pairs of atoms that are closer than a cutoff, each in both directions, images of the cell included.

    Args:
        quantities: letters for what to return, in any order: `i` and `j`, the two atoms, sorted by i; `d`, the
            distance; `D`, the vector r_j - r_i + S @ cell; `S`, the cells between them.
        atoms: ASE Atoms, anywhere relative to the cell.
        cutoff: a number; or a number for each pair of elements, as `{("C", "H"): 1.2}` or `{(6, 1): 1.2}`, where pairs
            not named are not listed, or have the default of a `defaultdict`; or a radius for each atom, (N,), where
            spheres that overlap are listed. In the unit of the positions.
        threads: at most; by default OMP_NUM_THREADS, or the number of cores. Small structures take one.

    Returns:
        A tuple of arrays, or one array for one letter: i, j int64 (E,), d (E,), D (E, 3), S int32 (E, 3). Some helpers
        of matscipy, `first_neighbours` among them, want i as int32.

    Raises:
        InputError: unknown letters, a cutoff that is negative or of the wrong shape, positions that are not finite, or
            periodic cell vectors that do not span.
    """
    positions = atoms.arrays["positions"]
    if (
        len(positions) <= SMALL
        and type(cutoff) is float
        and 0.0 <= cutoff < np.inf
        and atoms.pbc.tobytes() == _ISOLATED
    ):
        arrays = _small(quantities, positions, cutoff)
    elif isinstance(cutoff, Mapping) or np.ndim(cutoff):
        arrays = _by_pair(quantities, atoms, cutoff, threads)
    else:
        arrays = _general(quantities, atoms, checked_cutoff(cutoff), threads)
    try:
        chosen = tuple([arrays[letter] for letter in quantities])
    except KeyError:
        raise _unknown(quantities) from None
    return chosen[0] if len(chosen) == 1 else chosen


def _small(quantities, positions, cutoff):
    n_pairs = len(positions) ** 2
    index, vectors = np.empty((2, n_pairs), np.int64), np.empty((n_pairs, 3))
    total = all_pairs(positions, cutoff * cutoff, index, vectors)
    if total < 0:
        raise not_finite(positions)
    vectors = vectors[:total]
    arrays = {"i": index[0, :total], "j": index[1, :total], "D": vectors}
    if "d" in quantities:
        arrays["d"] = np.sqrt(np.einsum("ec,ec->e", vectors, vectors))
    if "S" in quantities:
        arrays["S"] = np.zeros((total, 3), np.int32)
    return arrays


def _general(quantities, atoms, cutoff, threads):
    if not set(quantities) <= set("ijdDS"):
        raise _unknown(quantities)
    threads = default_threads() if threads is None else threads
    batch = checked_batch(atoms.positions, [0, len(atoms)], atoms.cell.array[None], atoms.pbc[None])
    positions, _, offsets, cells, pbc = batch
    pairs = find_pairs(positions, offsets, cells, pbc, cutoff, threads)
    total = pairs.total
    shapes = {"i": (total,), "j": (total,), "d": (total,), "D": (total, 3), "S": (total, 3)}
    arrays = {letter: _NONE["i" if letter == "j" else letter] for letter in "ijDdS"}
    for letter in quantities:
        make = np.zeros if letter == "S" and len(pairs.found) == 1 else np.empty
        arrays[letter] = make(shapes[letter], arrays[letter].dtype)
    write_pairs(pairs, positions, threads, *arrays.values())
    return arrays


def _by_pair(quantities, atoms, cutoff, threads):
    """Search with the largest cutoff of any pair, then keep what is within its own."""
    if isinstance(cutoff, Mapping):
        limits = _table(cutoff)
        largest = limits.max()
    else:
        radii = np.asarray(cutoff, dtype=float)
        if radii.shape != (len(atoms),) or not np.all((radii >= 0) & (radii < np.inf)):
            raise InputError("cutoff", cutoff, f"{len(atoms)} finite radii, one an atom, not negative",
                             "Give one number where it is the same for all.")  # fmt: skip
        largest = 2.0 * radii.max(initial=0.0)
    arrays = _general("ijd" + "".join(set(quantities) - set("ijd")), atoms, float(largest), threads)
    i, j = arrays["i"], arrays["j"]
    if isinstance(cutoff, Mapping):
        numbers = np.minimum(atoms.numbers, len(limits) - 1)
        limit = limits[numbers[i], numbers[j]]
    else:
        limit = radii[i] + radii[j]
    kept = arrays["d"] < limit
    return {letter: array[kept] for letter, array in arrays.items() if len(array)} if len(i) else arrays


def _table(cutoff: Mapping) -> np.ndarray:
    """Cutoffs by the two atomic numbers, with a last row and column for all elements not named.

    Pairs that are not named have no cutoff, or what the `default_factory` of a `defaultdict` gives.
    """
    from ase.data import atomic_numbers

    make = getattr(cutoff, "default_factory", None)
    default = checked_cutoff(make()) if make is not None else 0.0
    pairs = {}
    for pair, value in cutoff.items():
        try:
            a, b = (atomic_numbers[x] if isinstance(x, str) else int(x) for x in pair)
        except (KeyError, TypeError, ValueError):
            raise InputError("cutoff", pair, "pairs of symbols or atomic numbers, such as ('C', 'H')") from None
        pairs[a, b] = pairs[b, a] = checked_cutoff(value)
    size = max((a for a, _ in pairs), default=0) + 2
    table = np.full((size, size), default)
    for (a, b), value in pairs.items():
        table[a, b] = value
    return table


def _unknown(quantities) -> InputError:
    return InputError("quantities", quantities, "letters of 'ijdDS'")
