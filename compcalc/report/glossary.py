"""What every number of a report is called, its unit and its definition in one line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number of a report.

    Attributes:
        key: its name in metrics.json.
        label: its name for people, without the unit.
        unit: empty where there is none.
        definition: one line.
    """

    key: str
    label: str
    unit: str
    definition: str

    @property
    def header(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


FORCE_UNIT, ATOM_ENERGY_UNIT = "meV/Å", "meV/atom"

STATIC_METRICS = (
    Metric(
        "force_mae_mev_per_angstrom",
        "Force MAE",
        FORCE_UNIT,
        "Mean absolute error of the force components, over atoms, x/y/z and frames; the metric of the paper.",
    ),
    Metric(
        "force_vector_mae_mev_per_angstrom",
        "Force vector MAE",
        FORCE_UNIT,
        "Mean length of the force error vector of an atom; does not depend on how the molecule is rotated.",
    ),
    Metric(
        "force_rmse_mev_per_angstrom",
        "Force RMSE",
        FORCE_UNIT,
        "Root mean square error of the force components; large single errors weigh more than in the MAE.",
    ),
    Metric(
        "force_cosine",
        "Force cosine",
        "",
        "Mean cosine between predicted and reference force of an atom (1: same direction), forces above 0.05 eV/Å.",
    ),
    Metric(
        "relative_force_mae",
        "Relative force error",
        "",
        "Force MAE over the mean size of the reference's force components (1: as wrong as no force at all).",
    ),
    Metric(
        "energy_mae_mev",
        "Energy MAE",
        "meV",
        "Mean absolute error of the total energy of a molecule, nothing removed.",
    ),
    Metric(
        "energy_mae_mev_per_atom",
        "Energy MAE",
        ATOM_ENERGY_UNIT,
        "Mean absolute error of the total energy divided by the number of atoms, nothing removed.",
    ),
    Metric(
        "relative_energy_mae_mev_per_atom",
        "Relative energy MAE",
        ATOM_ENERGY_UNIT,
        "Energy MAE after the molecule's own mean error is removed: how well conformers and vibrations are ordered.",
    ),
    Metric(
        "shifted_energy_mae_mev_per_atom",
        "Shifted energy MAE",
        ATOM_ENERGY_UNIT,
        "Energy MAE after a per-element shift, fitted on the training molecules alone, is removed; for potentials of "
        "another level of theory.",
    ),
    Metric(
        "energy_spread_mev_per_atom",
        "Ensemble spread",
        ATOM_ENERGY_UNIT,
        "Standard deviation of the energies of an ensemble's members, per atom, mean over frames: the potential's own "
        "uncertainty. Compare it with the relative energy MAE.",
    ),
    Metric("ms_per_frame", "Time per frame", "ms", "Wall time of one energy and forces evaluation."),
)

MD_METRICS = (
    Metric(
        "drift_mev_per_atom_per_ps",
        "NVE drift",
        "meV/atom/ps",
        "Absolute least-squares slope of the total energy in an NVE run, per atom; 0 is perfect conservation.",
    ),
    Metric(
        "drift_standard_error_mev_per_atom_per_ps",
        "Standard error of the drift",
        "meV/atom/ps",
        "Uncertainty of the slope; a slope below its noise is called not resolved and shown as such.",
    ),
    Metric(
        "fluctuation_mev_per_atom",
        "Energy fluctuation",
        ATOM_ENERGY_UNIT,
        "RMS of the total energy that is left after the slope is removed.",
    ),
    Metric(
        "kinetic_spread_mev_per_atom",
        "Kinetic spread",
        ATOM_ENERGY_UNIT,
        "Standard deviation of the kinetic energy: the scale against which drift and fluctuation are small or large.",
    ),
    Metric("temperature_mean_k", "Mean temperature", "K", "Mean kinetic temperature of the production phase."),
    Metric(
        "temperature_by_element_k",
        "Temperature by element",
        "K",
        "Kinetic temperature of the atoms of one element; equal for all elements when energy is shared evenly.",
    ),
    Metric(
        "distance_distribution_mae",
        "h(r) MAE",
        "",
        "Difference of the interatomic distance distribution from the reference trajectory; 0 is equal, 2 is disjoint.",
    ),
    Metric("ms_per_step", "Time per step", "ms", "Wall time of one MD step."),
)

TERMS = (
    ("ID", "In distribution: the molecules the potential may have seen in training, on other trajectories."),
    ("OOD", "Out of distribution: unseen molecules, or unseen combinations of seen groups."),
    (
        "OOD/ID ratio",
        "Force MAE on OOD molecules over that on ID molecules; the interval resamples molecules, then frames.",
    ),
    (
        "Outcome",
        "How a run ended. Broken or new bonds, proton transfer, explosion and non-finite numbers are physical.",
    ),
    (
        "Stable runs",
        "Completed runs over physical runs. Calculator errors, crashes, timeouts and lack of memory are counted apart.",
    ),
    ("Survival", "Kaplan-Meier estimate of the share of runs still stable at a time, with its confidence interval."),
    ("h(r)", "Distribution of all interatomic distances along a trajectory."),
)

METRICS = {metric.key: metric for metric in STATIC_METRICS + MD_METRICS}

_UNIT_OF_ENDING = (
    ("_mev_per_atom_per_ps", "meV/atom/ps"),
    ("_mev_per_angstrom", "meV/angstrom"),
    ("_mev_per_atom", "meV/atom"),
    ("_mev", "meV"),
    ("_angstrom", "angstrom"),
    ("_degrees", "degrees"),
    ("_per_cm", "1/cm"),
    ("_ps", "ps"),
    ("_k", "K"),
    ("seconds", "s"),
    ("ms_per_step", "ms"),
    ("ms_per_frame", "ms"),
)


_FORCE_ERRORS = ("force_mae_by_", "trajectory_force_mae_by_")


def ascii_unit(key: str) -> str:
    """The unit of a number, read off the end of its name in metrics.json; empty where there is none."""
    if key.startswith(_FORCE_ERRORS):
        return "meV/angstrom"
    return next((unit for ending, unit in _UNIT_OF_ENDING if key.endswith(ending)), "")


def label_of(key: str) -> str:
    """Label and unit of a metric; the key itself where the glossary lacks it."""
    return METRICS[key].header if key in METRICS else key
