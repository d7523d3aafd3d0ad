"""The three-stage sampler: many ETKDG conformers, MMFF94 Langevin for slow torsions, then the reference's own dynamics.

One long trajectory would keep its starting conformer, and force-field geometries alone carry the force field's bond
lengths; each stage mends what the one before leaves.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from ase.data import atomic_masses

from compcalc.molecules.build3d import atomic_numbers, bond_pairs, embed
from compcalc.molecules.smiles import parse_smiles
from compcalc.records import Frames, Molecule
from compcalc.reference.labelling import Labeller
from compcalc.reference.langevin import baoab, element_temperatures, thermal_velocities

EnergyForces = Callable[[np.ndarray], tuple[float, np.ndarray]]
TorsionField = Callable[[object], EnergyForces]
"""From an RDKit molecule to a fast function: positions (angstrom) to energy (eV) and forces (eV/angstrom)."""


@dataclass(frozen=True)
class SamplerSettings:
    """How one trajectory is sampled.

    Attributes:
        starts: number of independent ETKDG conformers.
        temperature_k: K, in both dynamic stages.
        timestep_fs: fs.
        torsion_fs: length of the MMFF94 stage, fs; 0 leaves it out.
        torsion_friction_per_fs: 1/fs.
        settle_fs: length of the reference's own dynamics before the first frame, fs.
        spacing_fs: fs between frames of one start.
        friction_per_fs: 1/fs in the reference's own dynamics. What is left of the force field's bond lengths decays
            as exp(-friction * time / 2), in phase over all starts: the settling time must be many times 1/friction.
    """

    starts: int = 20
    temperature_k: float = 300.0
    timestep_fs: float = 1.0
    torsion_fs: float = 1000.0
    torsion_friction_per_fs: float = 0.01
    settle_fs: float = 100.0
    spacing_fs: float = 25.0
    friction_per_fs: float = 0.1


CORE = SamplerSettings()
"""The shipped data's settings."""

CONTROL = SamplerSettings(torsion_fs=0.0, settle_fs=1000.0, spacing_fs=50.0, friction_per_fs=0.02)
"""Long dynamics of the reference method alone, which the core sampler is compared with."""


def sample(
    molecule: Molecule,
    trajectory: str,
    n_frames: int,
    labeller: Labeller,
    torsion_field: TorsionField,
    settings: SamplerSettings,
    seed: int,
) -> Frames:
    """Sample and label one trajectory of one molecule.

    Every start has its own random stream, derived from `seed`, the molecule's name, the trajectory and the start's
    index, so that the result does not depend on what else is sampled, or where.

    Args:
        molecule: what to sample.
        trajectory: `A`, `B` or another letter; different letters share no random numbers.
        n_frames: frames in all, spread evenly over the starts.
        labeller: the reference method.
        torsion_field: the force field of the second stage, MMFF94.
        settings: how.
        seed: of the whole data set.

    Raises:
        MoleculeError: the molecule cannot be built.
    """
    mol = parse_smiles(molecule.smiles)

    def begin(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return _turned_conformer(mol, molecule.name, torsion_field, settings, rng)

    return _sampled(
        molecule, atomic_numbers(mol), bond_pairs(mol), begin, trajectory, n_frames, labeller, settings, seed
    )


def sample_around(
    molecule: Molecule,
    numbers: np.ndarray,
    positions: np.ndarray,
    bonds: np.ndarray,
    n_frames: int,
    labeller: Labeller,
    settings: SamplerSettings,
    seed: int,
) -> Frames:
    """Sample and label a molecule of which only a geometry is known: each start is that geometry with other velocities.

    Slow torsions stay where they are, other than with `sample`, which begins from many conformers.

    Args:
        molecule: its name.
        numbers: atomic numbers, (N,).
        positions: angstrom, (N, 3).
        bonds: atom index pairs, (B, 2).
        n_frames: frames in all, spread evenly over the starts.
        labeller: the reference method.
        settings: how; there is no torsion stage.
        seed: of every random number.
    """
    masses = atomic_masses[np.asarray(numbers)]

    def begin(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return np.array(positions, dtype=float), thermal_velocities(masses, settings.temperature_k, rng)

    return _sampled(molecule, np.asarray(numbers), bonds, begin, "B", n_frames, labeller, settings, seed)


def _sampled(molecule, numbers, bonds, begin, trajectory, n_frames, labeller, settings, seed) -> Frames:
    positions, start, temperatures = [], [], defaultdict(list)
    for index in range(settings.starts):
        key = (seed, zlib.crc32(molecule.name.encode()), ord(trajectory), index)
        rng = np.random.default_rng(np.random.SeedSequence(key))
        wanted = (n_frames * (index + 1)) // settings.starts - (n_frames * index) // settings.starts
        labeller.begin_trajectory()
        for frame in _one_start(numbers, *begin(rng), wanted, labeller, settings, rng, temperatures):
            positions.append(frame)
            start.append(index)
    # Labels belong exactly to the positions as they are stored.
    positions = np.array(positions, dtype=np.float32).astype(np.float64)
    labels = [labeller.label(numbers, frame) for frame in positions]
    kinetic = {z: (float(np.mean(t)), len(t)) for z, t in sorted(temperatures.items())}
    return Frames(
        molecule=molecule,
        numbers=numbers,
        positions=positions,
        energy=np.array([energy for energy, _ in labels]),
        forces=np.array([forces for _, forces in labels]),
        bonds=np.asarray(bonds).reshape(-1, 2),
        start=np.array(start, dtype=np.int32),
        attributes={
            "trajectory": trajectory,
            "seed": seed,
            "sampler": asdict(settings),
            "element_temperature_k": {str(z): mean for z, (mean, _) in kinetic.items()},
        },
    )


def _turned_conformer(mol, name, torsion_field, settings, rng) -> tuple[np.ndarray, np.ndarray]:
    """Positions (angstrom) and velocities (angstrom/fs), each (N, 3), of a conformer after its torsion stage."""
    masses = atomic_masses[atomic_numbers(mol)]
    positions = embed(mol, seed=int(rng.integers(2**31)), name=name)
    velocities = thermal_velocities(masses, settings.temperature_k, rng)
    if settings.torsion_fs:
        field = torsion_field(mol)
        turning = baoab(
            positions,
            velocities,
            masses,
            lambda r: field(r)[1],
            steps=round(settings.torsion_fs / settings.timestep_fs),
            friction_per_fs=settings.torsion_friction_per_fs,
            timestep_fs=settings.timestep_fs,
            temperature_k=settings.temperature_k,
            rng=rng,
        )
        for state in turning:
            positions, velocities = state[:2]
    return positions, velocities


def _one_start(numbers, positions, velocities, wanted, labeller, settings, rng, temperatures):
    """Yield the `wanted` frames of one start; kinetic temperatures of its last stage go into `temperatures`."""
    masses = atomic_masses[numbers]
    settle = round(settings.settle_fs / settings.timestep_fs)
    every = round(settings.spacing_fs / settings.timestep_fs)
    run = baoab(
        positions,
        velocities,
        masses,
        lambda r: labeller.forces(numbers, r),
        steps=settle + max(0, wanted - 1) * every if wanted else 0,
        friction_per_fs=settings.friction_per_fs,
        timestep_fs=settings.timestep_fs,
        temperature_k=settings.temperature_k,
        rng=rng,
    )
    if wanted and not settle:
        yield positions
    for step, (positions, _, middle) in enumerate(run, start=1):
        if 2 * step > settle:
            for z, value in element_temperatures(numbers, masses, middle).items():
                temperatures[z].append(value)
        if step >= settle and (step - settle) % every == 0:
            yield positions
