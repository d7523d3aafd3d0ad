"""The truth: every pair of atoms and every image, compared one by one."""

import itertools

import numpy as np


def brute(positions, cell, pbc, cutoff):
    """Sorted (i, j, s0, s1, s2) of all pairs, images included; also pairs too near the cutoff to be decided."""
    positions, cell, pbc = np.asarray(positions, float), np.asarray(cell, float), np.asarray(pbc, bool)
    spread = np.ptp(positions, axis=0) if len(positions) else np.zeros(3)
    reach = cutoff + np.linalg.norm(spread)
    full = _complete(cell, pbc)
    heights = 1 / np.linalg.norm(np.linalg.inv(full), axis=0)
    most = [int(np.ceil(reach / h)) if p else 0 for h, p in zip(heights, pbc, strict=True)]
    sure, unsure = set(), set()
    for s in itertools.product(*[range(-m, m + 1) for m in most]):
        shift = np.where(pbc, s, 0) @ np.where(pbc[:, None], cell, 0.0)
        d = np.linalg.norm(positions[None] - positions[:, None] + shift, axis=2)
        for i, j in np.argwhere(d < cutoff + 1e-9):
            if i != j or any(s):
                (sure if d[i, j] < cutoff - 1e-9 else unsure).add((int(i), int(j), *s))
    return sure, unsure


def _complete(cell, pbc):
    full = cell.copy()
    free = [k for k in range(3) if not pbc[k]]
    if free:
        _, _, v = np.linalg.svd(np.where(pbc[:, None], cell, 0.0))
        full[free] = v[3 - len(free) :]
    return full


def as_set(index, shifts):
    pairs = [tuple(map(int, row)) for row in np.column_stack([*index, shifts])]
    assert len(set(pairs)) == len(pairs), "a pair twice"
    return set(pairs)


def check(got, sure, unsure):
    assert sure <= got, f"missing {sorted(sure - got)[:3]}"
    assert got <= sure | unsure, f"too many {sorted(got - sure - unsure)[:3]}"
