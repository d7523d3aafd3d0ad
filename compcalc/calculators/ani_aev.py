"""The atomic environment vectors of ANI and their gradient, in one pass over the neighbours on a CPU.

An environment vector counts neighbours of each element by their distance, and pairs of neighbours of each two elements
by their angle and mean distance (Smith et al., Chem. Sci. 8, 3192 (2017)). torchani forms it from arrays of all pairs
of neighbours x all terms, which is most of the time of a call; here each pair is visited once, forwards and backwards.

All is computed in double precision: the type of the networks is that of the finished vectors alone.
"""

from typing import NamedTuple

import numpy as np

from compcalc.neighbours.jit import kernel

_SCALE = 0.95
"""torchani multiplies each cosine by it before it takes the angle, as NeuroChem does."""

_FAR = 40.0
"""Gaussians beyond this exponent are left out: a double has no digits for them beside those that a bond contributes."""


class Terms(NamedTuple):
    """Constants of the symmetry functions, and where each of their blocks lies in a vector.

    Attributes:
        cutoff: of the radial terms and of the angular ones, angstrom, (2,).
        eta: of the radial and of the angular Gaussians, 1/angstrom^2, (2,).
        radii: centres of the radial Gaussians, angstrom, (R,).
        means: centres of the Gaussians in the mean distance of two neighbours, angstrom, (S,).
        cosines, sines: of the angles at which the angular terms are largest, (Z,).
        zeta: exponent of the angular terms.
        radial: first column of the R terms of each element, (X,).
        angular: first column of the S Z terms of each pair of elements, (X, X).
        lengths: two tuples of the lengths S and Z, which the compiler knows as part of their type.
    """

    cutoff: np.ndarray
    eta: np.ndarray
    radii: np.ndarray
    means: np.ndarray
    cosines: np.ndarray
    sines: np.ndarray
    zeta: float
    radial: np.ndarray
    angular: np.ndarray
    lengths: tuple


@kernel(reorder=True)
def _raise(bases, terms):
    """Raise the Z bases to zeta in place, by squaring where it is a power of two."""
    whole = np.int64(terms.zeta)
    if whole == terms.zeta and whole & (whole - 1) == 0:
        while whole > 1:
            for z in range(len(terms.lengths[1])):
                bases[z] *= bases[z]
            whole >>= 1
    else:
        for z in range(len(terms.lengths[1])):
            bases[z] **= terms.zeta


@kernel(reorder=True)
def _close(terms, first, last, vectors, distances, found, units, near):
    """Which of the edges first ... last - 1 the angular terms see; returns how many.

    Of each: its number in `found`, its direction in `units`, and in `near` 1 / distance, the cut-off function, its
    derivative, and its factors in the Gaussians of the mean distance m. These are products of three, with a centre s
    exp(-eta (m - s)^2) = exp(-eta m^2) exp(eta s (r1 - s / 2)) exp(eta s (r2 - s / 2)).
    """
    cutoff, n = terms.cutoff[1], 0
    for edge in range(first, last):
        r = distances[edge]
        if r < cutoff:
            found[n] = edge
            # Without a direction where two atoms coincide.
            near[n, 0] = 1.0 / r if r > 0.0 else 0.0
            near[n, 1] = 0.5 * np.cos(r * (np.pi / cutoff)) + 0.5
            near[n, 2] = -0.5 * (np.pi / cutoff) * np.sin(r * (np.pi / cutoff))
            for a in range(len(terms.means)):
                near[n, 3 + a] = np.exp(terms.eta[1] * terms.means[a] * (r - 0.5 * terms.means[a]))
            for axis in range(3):
                units[n, axis] = vectors[edge, axis] * near[n, 0]
            n += 1
    return n


@kernel(reorder=True)
def forward(terms, species, starts, neighbours, vectors, distances, rows, begin, end, aevs):
    """Fill the rows of the atoms begin ... end - 1 in `aevs`, (A, L).

    Args:
        species: (A,). starts: first edge of each atom, (A + 1,). neighbours: (E,). vectors: (E, 3). distances: (E,).
        rows: of each atom in `aevs`, (A,).
    """
    n_means, n_angles, most = len(terms.lengths[0]), len(terms.lengths[1]), np.max(starts[1:] - starts[:-1])
    found, units, near = np.empty(most, np.int64), np.empty((most, 3)), np.empty((most, 3 + n_means))
    angles, heights, sums = np.empty(n_angles), np.empty(n_means), np.empty(aevs.shape[1])
    cosines, sines, width = terms.cosines, terms.sines, np.pi / terms.cutoff[0]
    for atom in range(begin, end):
        sums[:] = 0.0
        for edge in range(starts[atom], starts[atom + 1]):
            r, column = distances[edge], terms.radial[species[neighbours[edge]]]
            factor = 0.125 * (np.cos(r * width) + 1.0)
            for k in range(len(terms.radii)):
                exponent = terms.eta[0] * (r - terms.radii[k]) ** 2
                if exponent < _FAR:
                    sums[column + k] += factor * np.exp(-exponent)
        n = _close(terms, starts[atom], starts[atom + 1], vectors, distances, found, units, near)
        for p in range(n):
            for q in range(p):
                cosine = _SCALE * (units[p, 0] * units[q, 0] + units[p, 1] * units[q, 1] + units[p, 2] * units[q, 2])
                sine, mean = np.sqrt(1.0 - cosine * cosine), 0.5 * (distances[found[p]] + distances[found[q]])
                for z in range(n_angles):
                    angles[z] = 0.5 + 0.5 * (cosine * cosines[z] + sine * sines[z])
                _raise(angles, terms)
                factor = 2.0 * near[p, 1] * near[q, 1] * np.exp(-terms.eta[1] * mean * mean)
                for a in range(n_means):
                    heights[a] = factor * near[p, 3 + a] * near[q, 3 + a]
                column = terms.angular[species[neighbours[found[p]]], species[neighbours[found[q]]]]
                for a in range(n_means):
                    for z in range(n_angles):
                        sums[column + a * n_angles + z] += heights[a] * angles[z]
        aevs[rows[atom]] = sums


@kernel(reorder=True)
def backward(terms, species, starts, neighbours, vectors, distances, rows, begin, end, gradient, to_vectors):
    """From the gradient with respect to the rows, (A, L), that with respect to the edges, (E, 3), of the same atoms."""
    n_means, n_angles, most = len(terms.lengths[0]), len(terms.lengths[1]), np.max(starts[1:] - starts[:-1])
    found, units, near = np.empty(most, np.int64), np.empty((most, 3)), np.empty((most, 3 + n_means))
    bases, angles, along, turn = np.empty(n_angles), np.empty(n_angles), np.empty(n_angles), np.empty(n_angles)
    cosines, sines, width = terms.cosines, terms.sines, np.pi / terms.cutoff[0]
    row = np.empty(gradient.shape[1])
    for atom in range(begin, end):
        row[:] = gradient[rows[atom]]
        for edge in range(starts[atom], starts[atom + 1]):
            r, column, total = distances[edge], terms.radial[species[neighbours[edge]]], 0.0
            height, slope = 0.125 * (np.cos(r * width) + 1.0), -0.125 * width * np.sin(r * width)
            for k in range(len(terms.radii)):
                apart = r - terms.radii[k]
                exponent = terms.eta[0] * apart * apart
                if exponent < _FAR:
                    total += row[column + k] * np.exp(-exponent) * (slope - 2.0 * terms.eta[0] * apart * height)
            total = total / r if r > 0.0 else 0.0
            for axis in range(3):
                to_vectors[edge, axis] = total * vectors[edge, axis]
        n = _close(terms, starts[atom], starts[atom + 1], vectors, distances, found, units, near)
        for p in range(n):
            for q in range(p):
                cosine = units[p, 0] * units[q, 0] + units[p, 1] * units[q, 1] + units[p, 2] * units[q, 2]
                scaled, mean = _SCALE * cosine, 0.5 * (distances[found[p]] + distances[found[q]])
                sine = np.sqrt(1.0 - scaled * scaled)
                for z in range(n_angles):
                    # Never near zero: the factor in front of the cosine keeps the angle off 0 and pi.
                    bases[z] = 0.5 + 0.5 * (scaled * cosines[z] + sine * sines[z])
                    angles[z] = bases[z]
                    along[z] = turn[z] = 0.0
                _raise(angles, terms)
                column = terms.angular[species[neighbours[found[p]]], species[neighbours[found[q]]]]
                factor = 2.0 * np.exp(-terms.eta[1] * mean * mean)
                for a in range(n_means):
                    value = factor * near[p, 3 + a] * near[q, 3 + a]
                    change = terms.eta[1] * (terms.means[a] - mean) * value
                    for z in range(n_angles):
                        along[z] += value * row[column + a * n_angles + z]
                        turn[z] += change * row[column + a * n_angles + z]
                total, by_mean, by_cosine, ratio = 0.0, 0.0, 0.0, scaled / sine
                for z in range(n_angles):
                    part = along[z] * angles[z]
                    total += part
                    by_mean += turn[z] * angles[z]
                    by_cosine += part / bases[z] * (cosines[z] - ratio * sines[z])
                both = near[p, 1] * near[q, 1]
                by_cosine *= 0.5 * terms.zeta * _SCALE * both
                by_p = near[p, 2] * near[q, 1] * total + both * by_mean
                by_q = near[q, 2] * near[p, 1] * total + both * by_mean
                for axis in range(3):
                    u, v = units[p, axis], units[q, axis]
                    to_vectors[found[p], axis] += by_p * u + by_cosine * near[p, 0] * (v - cosine * u)
                    to_vectors[found[q], axis] += by_q * v + by_cosine * near[q, 0] * (u - cosine * v)


@kernel
def to_atoms(index, to_vectors, to_positions):
    """Add the gradients of the edges, (E, 3), to those of their ends, (A, 3)."""
    for edge in range(index.shape[1]):
        for axis in range(3):
            to_positions[index[1, edge], axis] += to_vectors[edge, axis]
            to_positions[index[0, edge], axis] -= to_vectors[edge, axis]
