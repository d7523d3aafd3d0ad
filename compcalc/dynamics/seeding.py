"""Where the random numbers of a run come from."""

import zlib

import numpy as np


def run_generator(seed: int, molecule: str, protocol: str, replica: int) -> np.random.Generator:
    """Generator of one run, from the seed and the names alone: neither order nor neighbours matter."""
    key = (seed, zlib.crc32(molecule.encode()), zlib.crc32(protocol.encode()), replica)
    return np.random.default_rng(np.random.SeedSequence(key))
