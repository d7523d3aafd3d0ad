"""A synthetic run of any size, with every kind of ending and missing value."""

import numpy as np

from compcalc.records import Frames, Molecule, Outcome, OutcomeKind, Trajectory
from compcalc.report.trajectories import SeenRun

ELEMENTS, ENVIRONMENTS = ("C", "H", "O"), ("alkane+0", "alkane+1", "alcohol+0", "alcohol+2", "alcohol+10")


def make_manifest() -> dict:
    return {
        "compcalc": "0.1.0",
        "spec": "mace:default",
        "potential": {"name": "MACE small", "dtype": "float32", "sha256": "ab" * 32},
        "task": "length/base",
        "question": "Does it hold on longer chains?",
        "preset": {"name": "quick", "production_ps": 1.0, "replicas": 1, "timestep_fs": 0.5},
        "only": "all",
        "seed": 7,
        "command": "compcalc run mace:default --task length/base --preset quick",
        "started": "2026-01-02T03:04:05",
        "finished": "2026-01-02T03:14:05",
        "timings_s": {"static": 61.5, "md": 512.25, "report": 1.5, "total": 575.25},
        "hardware": {"cpu": "A Fine CPU", "cores": 2, "memory_gib": 7.75, "platform": "Linux-x86_64"},
        "versions": {"ase": "3.29.0", "torch": "2.8.0"},
        "data": {"path": "data/test.h5", "method": "GFN2-xTB", "description": {"sampler": "langevin", "frames": 50}},
    }


def make_static(name: str, smiles: str, split: str, scale: float) -> dict:
    return {
        "molecule": name,
        "smiles": smiles,
        "split": split,
        "n_atoms": 3 * len(smiles) + 2,
        "n_frames": 50,
        "n_failed": 0,
        "failures": {},
        "force_mae_mev_per_angstrom": 23.456 * scale,
        "force_vector_mae_mev_per_angstrom": 41.2 * scale,
        "force_rmse_mev_per_angstrom": 33.3 * scale,
        "force_cosine": 0.998,
        "energy_mae_mev": 12.5 * scale,
        "energy_mae_mev_per_atom": 0.6543 * scale,
        "relative_energy_mae_mev_per_atom": 0.321 * scale,
        "shifted_energy_mae_mev_per_atom": 0.432 * scale,
        "force_mae_by_element": {element: (11.0 + 7 * i) * scale for i, element in enumerate(ELEMENTS)},
        "force_mae_by_environment": {key: (9.0 + 4 * i) * scale for i, key in enumerate(ENVIRONMENTS)},
        "force_mae_by_chain_end": {str(i): (30.0 - 3 * i) * scale for i in range(4)},
        "ms_per_frame": 8.25,
    }


def make_run(name: str, smiles: str, protocol: str, scale: float) -> dict:
    nve = protocol == "nve"
    return {
        "molecule": name,
        "smiles": smiles,
        "n_atoms": 3 * len(smiles) + 2,
        "protocol": protocol,
        "replica": 0,
        "outcome": "completed",
        "phase": "production",
        "time_ps": 1.0,
        "asked_ps": 1.0,
        "cause": "",
        "atoms": [],
        "drift_mev_per_atom_per_ps": 0.0123 * scale if nve else None,
        "drift_standard_error_mev_per_atom_per_ps": 0.004 if nve else None,
        "drift_resolved": scale > 1.2 if nve else None,
        "fluctuation_mev_per_atom": 0.05,
        "kinetic_spread_mev_per_atom": 3.2,
        "temperature_mean_k": 297.5,
        "temperature_by_element_k": {"C": 301.0, "H": 296.25},
        "distance_distribution_mae": None if nve else 0.082,
        "ms_per_step": 9.1,
        "seconds": 18.2,
    }


def end_run(run: dict, outcome: str, cause: str, time_ps: float = 0.312) -> None:
    run.update(outcome=outcome, cause=cause, time_ps=time_ps)
    run.update(drift_mev_per_atom_per_ps=None, drift_standard_error_mev_per_atom_per_ps=None, drift_resolved=None)


def protocol_summary(runs: list[dict], drift: float | None) -> dict:
    physical = {"completed", "bond_broken", "bond_formed", "proton_transfer", "exploded", "non_finite"}
    n_physical, stable = sum(r["outcome"] in physical for r in runs), sum(r["outcome"] == "completed" for r in runs)
    return {
        "n_runs": len(runs),
        "n_physical": n_physical,
        "n_stable": stable,
        "n_other": len(runs) - n_physical,
        "median_drift_mev_per_atom_per_ps": drift,
        "survival": {
            "time_ps": [0.0, 0.312, 1.0],
            "survival": [1.0, 0.86, 0.86],
            "low": [1.0, 0.55, 0.55],
            "high": [1.0, 0.97, 0.97],
        },
        "outcomes": {name: sum(r["outcome"] == name for r in runs) for name in {r["outcome"] for r in runs}},
    }


def make_metrics(n_id: int = 5, n_ood: int = 7, md: bool = True) -> dict:
    carbons = range(2, 2 + n_id + n_ood)
    named = [(f"alkane/{n:02d}", "C" * n, "id" if i < n_id else "ood", 1 + 0.1 * i) for i, n in enumerate(carbons)]
    molecules = [make_static(*item) for item in named]
    keys = [
        key for key in molecules[0] if key.startswith(("force_", "energy", "relative", "shifted")) and "_by_" not in key
    ]
    summary = {
        split: {
            key: {"value": mean, "low": 0.9 * mean, "high": 1.15 * mean}
            for key in keys
            if chosen
            for mean in [sum(m[key] for m in chosen) / len(chosen)]
        }
        for split in ("id", "ood")
        for chosen in [[m for m in molecules if m["split"] == split]]
    }
    ratio = {"value": 1.4, "low": 1.2, "high": 1.7} if n_id and n_ood else None
    static = {"molecules": molecules, "summary": {**summary, "ratio": ratio, "level": 0.95, "n_resamples": 2000}}
    runs = [make_run(n, s, p, x) for n, s, split, x in named if split == "ood" for p in ("nve", "nvt")]
    by_protocol = {p: [run for run in runs if run["protocol"] == p] for p in ("nve", "nvt")}
    md_half = {
        "runs": runs,
        "summary": {
            "nve": protocol_summary(by_protocol["nve"], 0.0189),
            "nvt": protocol_summary(by_protocol["nvt"], None),
        },
    }
    return {"schema_version": 1, "static": static, "md": md_half if md else None}


def make_seen(
    name: str,
    protocol: str = "nvt",
    outcome: str = "bond_broken",
    n_atoms: int = 4,
    event_frames: int = 5,
    seed: int = 0,
) -> SeenRun:
    """A chain of carbons, 1.5 angstrom apart, whose last atom leaves; a completed run stands still."""
    start = np.zeros((n_atoms, 3))
    start[:, 0] = 1.5 * np.arange(n_atoms)
    start += np.random.default_rng(seed).normal(scale=0.2, size=start.shape)
    bonds = np.stack([np.arange(n_atoms - 1), np.arange(1, n_atoms)], axis=1)
    kind = OutcomeKind(outcome)
    moving = np.repeat(start[None], 0 if kind is OutcomeKind.COMPLETED else event_frames, axis=0)
    moving[:, -1, 0] += 0.5 * np.arange(len(moving))
    trajectory = Trajectory(
        Molecule(name, "C" * n_atoms),
        protocol,
        0,
        np.full(n_atoms, 6),
        *np.zeros((4, 0)),
        3 * n_atoms,
        np.array([0.0, 10.0]),
        np.repeat(start[None], 2, axis=0),
        np.zeros((2, n_atoms, 3)),
        Outcome(kind, 0.312, f"bond C{n_atoms - 2}-C{n_atoms - 1} broke", (n_atoms - 2, n_atoms - 1)),
        100,
        event_time_fs=310.0 + np.arange(len(moving)),
        event_positions=moving,
        event_energy=-5.0 + 0.1 * np.arange(len(moving)),
    )
    reference = Frames(
        Molecule(name, "C" * n_atoms), np.full(n_atoms, 6), start[None], np.zeros(1), np.zeros((1, n_atoms, 3)), bonds,
        np.zeros(1),
    )  # fmt: skip
    return SeenRun(trajectory, bonds, reference)
