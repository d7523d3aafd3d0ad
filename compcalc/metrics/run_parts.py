"""The parts of a row of `dynamics`: what one MD run says of energy, temperature, structure, vibrations and truth.

Each function gives a part of the row as plain numbers, None where nothing can be said.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from compcalc.metrics.attribution import EnergyCause, attribute_run, noise_suffices
from compcalc.metrics.bands import band_centroids, band_shifts
from compcalc.metrics.breaking import ramp_temperature_k
from compcalc.metrics.distributions import histogram_mae, pair_distance_histogram
from compcalc.metrics.drift import energy_drift, kinetic_spread_mev_per_atom
from compcalc.metrics.equipartition import element_equipartition
from compcalc.metrics.internal import Difference, bond_angle_differences, bond_length_differences
from compcalc.metrics.jumps import energy_jumps
from compcalc.metrics.noise_floor import noise_floor, rounding_noise_ev
from compcalc.metrics.spectra import LARGEST_SPACING_FS, RESOLUTION_PER_CM, spectral_overlap, vibrational_spectrum
from compcalc.metrics.step_control import step_control
from compcalc.metrics.trajectory_errors import force_error_in_time
from compcalc.records import Frames, Trajectory

H_R_BIN_ANGSTROM = 0.1

COARSEST_PER_CM = 100.0
"""Spectra of runs too short for this resolution, some 0.8 ps, show no bands."""


class ProtocolLike(Protocol):
    """What is read of the protocol that a run followed."""

    production_ps: float
    timestep_fs: float
    temperature_k: float
    end_temperature_k: float


class NoiseLike(Protocol):
    """Scatter of a potential around a smooth curve: of its energies, eV, and of force components, eV/angstrom."""

    energy: float
    forces: float


def conservation(trajectory: Trajectory, protocol: ProtocolLike | None, noise: NoiseLike | None) -> dict:
    """Drift, its noise floor, what is left beside it, and jumps of the total energy of an NVE run."""
    finite = np.isfinite(trajectory.potential_energy) & np.isfinite(trajectory.kinetic_energy)
    time, potential = trajectory.log_time_fs[finite], trajectory.potential_energy[finite]
    total, n = potential + trajectory.kinetic_energy[finite], len(trajectory.numbers)
    scatter = max(rounding_noise_ev(potential), noise.energy if noise else 0.0)
    settings = {"timestep_fs": protocol.timestep_fs, "temperature_k": protocol.temperature_k} if protocol else {}
    floor = noise_floor(
        time,
        atomic_masses[trajectory.numbers],
        energy_noise_ev=scatter,
        force_noise_ev_per_angstrom=noise.forces if noise else 0.0,
        **settings,
    ).drift
    drift = energy_drift(time, total, n, noise_floor_mev_per_atom_per_ps=floor)
    slope = number(drift.drift)
    return {
        "drift_mev_per_atom_per_ps": slope,
        "drift_standard_error_mev_per_atom_per_ps": number(drift.standard_error_mev_per_atom_per_ps),
        "drift_noise_floor_mev_per_atom_per_ps": number(floor),
        "drift_resolved": bool(drift.resolved) if slope is not None else None,
        "fluctuation_mev_per_atom": number(drift.fluctuation_mev_per_atom),
        "kinetic_spread_mev_per_atom": number(kinetic_spread_mev_per_atom(trajectory.kinetic_energy[finite], n)),
        **_jumps(time, total, n, scatter),
    }


def energy_books(trajectory: Trajectory, protocol: ProtocolLike | None, noise: NoiseLike | None) -> dict:
    """What changes the total energy: the forces, jumps of the energy, or the integrator; and the half-step control."""
    row = {}
    n, total = len(trajectory.numbers), trajectory.potential_energy + trajectory.kinetic_energy
    if trajectory.work is not None:
        found = attribute_run(
            trajectory.log_time_fs,
            trajectory.potential_energy,
            trajectory.kinetic_energy,
            trajectory.work,
            trajectory.coarse_work,
            trajectory.heat,
            n,
        )
        noisy = found.cause is not EnergyCause.CONSERVED and explained_by_noise(trajectory, protocol, noise)
        row["energy_cause"] = str(EnergyCause.NOISE if noisy else found.cause)
        row["energy_imbalance_mev_per_atom_per_ps"] = number(found.imbalance_mev_per_atom_per_ps)
    if np.isfinite(total).all():
        control = step_control(trajectory.log_time_fs, total, trajectory.control_time_fs, trajectory.control_energy, n)
        if control is not None:
            row["step_control_ratio"] = number(control.ratio)
            row["step_control_verdict"] = control.verdict
    return row


def explained_by_noise(trajectory: Trajectory, protocol: ProtocolLike | None, noise: NoiseLike | None) -> bool:
    """Whether the scatter of the forces, as the examination before the run found it, gains as much energy as the run.

    An explosion makes temperature and scatter its own, but it begins with a gain that noise must explain.
    """
    if noise is None or not noise.forces > 0 or trajectory.heat is None or len(trajectory.log_time_fs) < 2:
        return False
    total = trajectory.potential_energy + trajectory.kinetic_energy - trajectory.heat
    settings = {"timestep_fs": protocol.timestep_fs, "temperature_k": protocol.temperature_k} if protocol else {}
    duration = float(trajectory.log_time_fs[-1] - trajectory.log_time_fs[0])
    gain = float(total[-1] - total[0])
    if not np.isfinite(gain):
        return False
    return noise_suffices(gain, duration, atomic_masses[trajectory.numbers], noise.forces, **settings)


def element_temperatures(trajectory: Trajectory, target_k: float | None) -> dict:
    """Temperature by element; for a run at a target also its error and its distance from the target in errors."""
    keys = ("temperature_by_element_k", "temperature_by_element_error_k", "temperature_by_element_z")
    if not len(trajectory.frame_time_fs) or not np.isfinite(trajectory.velocities).all():
        return {key: {} for key in keys}
    numbers = trajectory.numbers
    found = element_equipartition(numbers, atomic_masses[numbers], [trajectory.velocities], target_k or 0.0)
    values = {chemical_symbols[z]: item for z, item in found.items()}
    row = {keys[0]: {symbol: number(item.temperature_k) for symbol, item in values.items()}, keys[1]: {}, keys[2]: {}}
    if target_k is not None:
        row[keys[1]] = {symbol: number(item.standard_error_k) for symbol, item in values.items()}
        row[keys[2]] = {symbol: number(item.z) for symbol, item in values.items()}
    return row


def structure(trajectory: Trajectory, reference: Frames) -> dict:
    """Distances, bond lengths and bond angles of a finished NVT run against the reference's frames."""
    if not (len(trajectory.positions) and len(reference)):
        return {}
    true = [reference.positions[reference.start == s] for s in np.unique(reference.start)]
    arguments = (reference.numbers, reference.bonds, [trajectory.positions], true)
    return {
        "distance_distribution_mae": _distance_distribution_mae(trajectory, reference),
        **_differences("bond_length", "angstrom", bond_length_differences(*arguments)),
        **_differences("bond_angle", "degrees", bond_angle_differences(*arguments)),
    }


def vibrations(trajectory: Trajectory, bonds: np.ndarray, reference: Trajectory | None) -> dict:
    """Places of the bands, and the overlap with the spectrum of a run of the reference method.

    From the dense velocities of a run, or from its frames where it has none. Empty where velocities were stored too
    rarely for a stretch of hydrogen, or for too short a time.
    """
    sampled = [_sampled(run) for run in (trajectory, reference) if run is not None]
    if sampled[0] is None:
        return {}
    sampled = [each for each in sampled if each is not None]
    masses, resolution = atomic_masses[trajectory.numbers], RESOLUTION_PER_CM
    for velocities, spacing_fs in sampled:
        spectrum = vibrational_spectrum([velocities], spacing_fs, masses)
        resolution = max(resolution, spectrum.resolution_per_cm)
    if resolution > COARSEST_PER_CM:
        return {}
    settings = {"resolution_per_cm": resolution}
    spectra = [vibrational_spectrum([v], spacing_fs, masses, **settings) for v, spacing_fs in sampled]
    bands = [
        band_centroids([v], spacing_fs, trajectory.numbers, masses, bonds, **settings) for v, spacing_fs in sampled
    ]
    both = len(sampled) == 2
    return {
        "band_per_cm": bands[0],
        "vibrational_resolution_per_cm": resolution,
        "vibrational_overlap": number(spectral_overlap(*spectra)) if both else None,
        "band_shift_per_cm": band_shifts(*bands) if both else {},
    }


def heating(trajectory: Trajectory, protocol: ProtocolLike | None) -> dict:
    """Where on its ramp a heated run ended, and the breaking temperature if it broke; nothing of a ramp that cools."""
    if protocol is None or protocol.end_temperature_k <= protocol.temperature_k:
        return {}
    outcome, start_k, final_k = trajectory.outcome, protocol.temperature_k, protocol.end_temperature_k
    time_ps = 0.0 if outcome.phase == "equilibration" else outcome.time_ps
    ended = ramp_temperature_k(time_ps, start_k, final_k, protocol.production_ps)
    return {
        "ramp_start_k": float(start_k),
        "ramp_end_k": float(final_k),
        "ended_at_temperature_k": ended,
        "breaking_temperature_k": ended if outcome.kind.unstable else None,
    }


def truth(
    trajectory: Trajectory, time_ps: np.ndarray, predicted: np.ndarray, reference: np.ndarray, static_mae: float | None
) -> dict:
    """Force error along the run's own trajectory, from frames that the reference labelled."""
    broke = trajectory.outcome.kind.unstable and trajectory.outcome.phase == "production"
    found = force_error_in_time(
        time_ps,
        predicted,
        reference,
        failure_ps=trajectory.outcome.time_ps if broke else None,
        static_mae=float("nan") if static_mae is None else static_mae,
    )
    limits = zip(found.edges_ps[:-1], found.edges_ps[1:], strict=True)
    by_time = {f"{a:.4g}-{b:.4g} ps": number(mae) for (a, b), mae in zip(limits, found.mae, strict=True)}
    return {
        "trajectory_force_mae_mev_per_angstrom": number(found.whole),
        "trajectory_force_mae_by_time": by_time if found.n_frames.sum() else {},
        "trajectory_force_mae_before_failure_mev_per_angstrom": number(found.before_failure),
        "trajectory_force_mae_ratio": number(found.ratio),
    }


def number(value) -> float | None:
    """A plain float for JSON; None for what is not finite."""
    return float(value) if np.isfinite(value) else None


def _jumps(time_fs: np.ndarray, total: np.ndarray, n: int, scatter: float) -> dict:
    jumps = energy_jumps(time_fs, total, n, noise_ev=scatter)
    visible, k = number(jumps.visible_mev_per_atom), jumps.largest
    return {
        "energy_jumps": len(jumps) if visible is not None else None,
        "largest_energy_jump_mev_per_atom": None if k is None else float(jumps.size_mev_per_atom[k]),
        "largest_energy_jump_at_ps": None if k is None else float(jumps.time_ps[k]),
        "visible_energy_jump_mev_per_atom": visible,
    }


def _differences(name: str, unit: str, found: Mapping[str, Difference]) -> dict:
    parts = {
        "mean_difference": "mean",
        "deviation_difference": "deviation",
        "wasserstein": "wasserstein",
        "chance": "chance",
    }
    return {
        f"{name}_{key}_{unit}": {kind: number(getattr(item, part)) for kind, item in found.items()}
        for key, part in parts.items()
    }


def _distance_distribution_mae(trajectory: Trajectory, reference: Frames) -> float | None:
    if len(trajectory.numbers) < 2:
        return None
    span = max(float(np.ptp(p, axis=1).max()) for p in (trajectory.positions, reference.positions))
    r_max = np.ceil(np.sqrt(3) * span / H_R_BIN_ANGSTROM) * H_R_BIN_ANGSTROM
    mine, true = (
        pair_distance_histogram(p, r_max, H_R_BIN_ANGSTROM) for p in (trajectory.positions, reference.positions)
    )
    return number(histogram_mae(mine, true, H_R_BIN_ANGSTROM))


def _sampled(trajectory: Trajectory) -> tuple[np.ndarray, float] | None:
    """Velocities, (V, N, 3), and the time between them, fs; None where a spectrum cannot be taken from them."""
    time, velocities = trajectory.dense_time_fs, trajectory.dense_velocities
    if not len(time):
        time, velocities = trajectory.frame_time_fs, trajectory.velocities
    if len(time) < 16 or not np.isfinite(velocities).all():
        return None
    steps = np.diff(time)
    even = np.allclose(steps, steps[0], rtol=1e-6) and 0 < steps[0] <= LARGEST_SPACING_FS
    return (velocities, float(steps.mean())) if even else None
