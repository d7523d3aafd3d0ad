"""What is run: protocols and the presets that size them."""

import dataclasses
import re
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from compcalc.errors import InputError, UnknownNameError
from compcalc.metrics.spectra import LARGEST_SPACING_FS
from compcalc.units import FS_PER_PS

KINDS = ("nve", "nvt", "heat")

HEAT_TO_K = 1500.0
"""Where `heat` ends unless it is told otherwise."""

VELOCITY_PS = 5.0
"""Of the presets' `nve`: enough for a spectrum in steps of 16 /cm, and 30 kB an atom however long the run is."""

_HOTTEST_K = 5000.0

_ALLOWED = {
    "production_ps": (1e-4, 1e6, "ps"),
    "equilibration_ps": (0.0, 1e5, "ps"),
    "timestep_fs": (0.01, 10.0, "fs"),
    "temperature_k": (0.0, _HOTTEST_K, "K"),
    "final_temperature_k": (0.0, _HOTTEST_K, "K"),
    "friction_per_fs": (0.0, 1.0, "1/fs"),
    "log_every_fs": (0.01, 1e5, "fs"),
    "frame_every_fs": (0.01, 1e6, "fs"),
    "control_ps": (0.0, 1e3, "ps"),
    "velocity_every_fs": (0.01, 1e5, "fs"),
    "velocity_ps": (0.0, 1e6, "ps"),
}
"""Lowest and highest value that is plausible, and the unit."""

_REMEDIES = {
    "fs": "Give it in femtoseconds: a time step is 0.5, 1e-15 s is 1.",
    "ps": "Give it in picoseconds: 1000 fs are 1.",
    "K": "Give it in kelvin: room temperature is 300.",
    "1/fs": "Give it in 1/fs: 0.01 is usual, 10 /ps is 0.01.",
}


@dataclass(frozen=True)
class Protocol:
    """One kind of MD run.

    Attributes:
        name: what the run is called; stands for `kind` where that is not given.
        production_ps: length after equilibration, ps.
        equilibration_ps: length of the Langevin run before it, ps.
        timestep_fs: fs.
        temperature_k: K; of `heat`, where it begins.
        friction_per_fs: of the Langevin thermostat, 1/fs.
        log_every_fs: spacing of logged energies, fs.
        frame_every_fs: spacing of stored frames, fs.
        kind: `nve` (velocity Verlet), `nvt` (Langevin) or `heat` (Langevin at a temperature that rises linearly).
        final_temperature_k: where `heat` ends, K; `HEAT_TO_K` where it is not given.
        control_ps: how much of `nve` is run once more from the same start at half of the time step, ps.
        velocity_ps: how much of `nve`, from its start, velocities are stored of more often than frames, ps; 0 for none.
        velocity_every_fs: spacing of these, fs; a vibrational spectrum can be taken of no more than
            `LARGEST_SPACING_FS`.

    Raises:
        InputError: a value that is implausible in its unit, or that the kind has no use for.
        UnknownNameError: no such kind.
    """

    name: str
    production_ps: float
    equilibration_ps: float = 0.5
    timestep_fs: float = 0.5
    temperature_k: float = 300.0
    friction_per_fs: float = 0.01
    log_every_fs: float = 1.0
    frame_every_fs: float = 10.0
    kind: str | None = None
    final_temperature_k: float | None = None
    control_ps: float = 0.0
    velocity_ps: float = 0.0
    velocity_every_fs: float = 2.0

    def __post_init__(self):
        if self.ensemble not in KINDS:
            raise UnknownNameError("protocol" if self.kind is None else "kind", self.ensemble, KINDS)
        if not re.fullmatch(r"[A-Za-z0-9._-]+", self.name):
            raise InputError("name", self.name, "letters, digits, '.', '_' and '-'", "It becomes part of file names.")
        for name in _ALLOWED:
            value = getattr(self, name)
            if value is not None or name != "final_temperature_k":
                _check(name, value)
        self._check_kind()

    def _check_kind(self) -> None:
        if self.final_temperature_k is not None and self.ensemble != "heat":
            raise InputError(
                "final_temperature_k",
                self.final_temperature_k,
                f"nothing for {self.ensemble}",
                "Leave it out, or take kind: heat.",
            )
        if self.ensemble == "heat" and not self.friction_per_fs:
            raise InputError(
                "friction_per_fs", self.friction_per_fs, "more than 0 for heat", "0.01 is usual; it is what heats."
            )
        if self.control_ps and (self.ensemble != "nve" or self.control_ps > self.production_ps):
            raise InputError(
                "control_ps",
                self.control_ps,
                f"0 to production_ps, {self.production_ps:g}, of kind nve",
                "It is the first part of an NVE run that is repeated.",
            )
        if self.velocity_ps:
            self._check_velocities()

    def _check_velocities(self) -> None:
        if self.ensemble != "nve" or self.velocity_ps > self.production_ps:
            raise InputError(
                "velocity_ps",
                self.velocity_ps,
                f"0 to production_ps, {self.production_ps:g}, of kind nve",
                "It is the first part of an NVE run, in picoseconds, whose velocities make the vibrational spectrum.",
            )
        spacing_fs = self.velocity_steps * self.timestep_fs
        if spacing_fs > LARGEST_SPACING_FS:
            raise InputError(
                "velocity_every_fs",
                self.velocity_every_fs,
                f"up to {LARGEST_SPACING_FS:g} fs, in whole time steps, which makes {spacing_fs:g}",
                "2 is usual: an O-H stretch takes 9 fs and is folded to a false place otherwise.",
            )

    @property
    def ensemble(self) -> str:
        """The kind; one of `KINDS`."""
        return self.name if self.kind is None else self.kind

    @property
    def end_temperature_k(self) -> float:
        """Temperature of the thermostat at the end of production, K."""
        if self.ensemble != "heat":
            return self.temperature_k
        return HEAT_TO_K if self.final_temperature_k is None else self.final_temperature_k

    @property
    def production_steps(self) -> int:
        """Number of time steps of the production part."""
        return round(self.production_ps * FS_PER_PS / self.timestep_fs)

    @property
    def equilibration_steps(self) -> int:
        """Number of time steps of the equilibration."""
        return round(self.equilibration_ps * FS_PER_PS / self.timestep_fs)

    @property
    def log_steps(self) -> int:
        """Time steps from one logged energy to the next."""
        return max(1, round(self.log_every_fs / self.timestep_fs))

    @property
    def frame_steps(self) -> int:
        """Time steps from one stored frame to the next."""
        return max(1, round(self.frame_every_fs / self.timestep_fs))

    @property
    def velocity_steps(self) -> int:
        """Time steps from one of the velocities that are stored more often than frames to the next."""
        return max(1, round(self.velocity_every_fs / self.timestep_fs))

    @property
    def velocity_end(self) -> int:
        """Number of the last step of production whose velocities are stored so; -1 where none are."""
        return round(self.velocity_ps * FS_PER_PS / self.timestep_fs) if self.velocity_ps else -1

    def thermostat_k(self, step: int | np.ndarray) -> float | np.ndarray:
        """Temperature of the thermostat at step number `step` of production, K."""
        return self.temperature_k + (self.end_temperature_k - self.temperature_k) * (step / self.production_steps)

    @property
    def control(self) -> "Protocol":
        """The first part at half of the time step, logged at the same times and without frames but the first."""
        return dataclasses.replace(
            self,
            production_ps=self.control_ps,
            timestep_fs=self.timestep_fs / 2,
            log_every_fs=self.log_steps * self.timestep_fs,
            frame_every_fs=_ALLOWED["frame_every_fs"][1],
            control_ps=0.0,
            velocity_ps=0.0,
        )


def _check(name: str, value: object) -> None:
    low, high, unit = _ALLOWED[name]
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise InputError(name, value, f"a number from {low:g} to {high:g} {unit}", _REMEDIES[unit])


@dataclass(frozen=True)
class Preset:
    """How much is run.

    Attributes:
        name: of the preset.
        protocols: what each molecule goes through.
        replicas: independent runs of each protocol a molecule.

    Raises:
        InputError: no protocol, two of one name, or less than one replica.
    """

    name: str
    protocols: tuple[Protocol, ...]
    replicas: int

    def __post_init__(self):
        names = [protocol.name for protocol in self.protocols]
        if not names or len(set(names)) < len(names):
            raise InputError("protocols", names, "one or more, each with its own name", "Name them apart with name:.")
        if isinstance(self.replicas, bool) or not isinstance(self.replicas, int) or not 1 <= self.replicas <= 1000:
            raise InputError("replicas", self.replicas, "a whole number from 1 to 1000", "3 is usual.")


def _preset(
    name: str, production_ps: float, replicas: int, frame_every_fs: float, control_ps: float, ramp_ps: float = 0.0
) -> Preset:
    spaced = {"frame_every_fs": frame_every_fs}
    dense = {"velocity_ps": min(production_ps, VELOCITY_PS), "control_ps": control_ps}
    protocols = (Protocol("nve", production_ps, **dense, **spaced), Protocol("nvt", production_ps, **spaced))
    if ramp_ps:
        protocols += (Protocol("heat", ramp_ps, final_temperature_k=HEAT_TO_K, **spaced),)
    return Preset(name, protocols, replicas)


# A ramp of 1 ps would end before the heat reaches the bonds, so that `quick` has none.
PRESETS = {
    preset.name: preset
    for preset in (
        _preset("quick", production_ps=1.0, replicas=1, frame_every_fs=10.0, control_ps=0.1),
        _preset("standard", production_ps=10.0, replicas=3, frame_every_fs=50.0, control_ps=0.2, ramp_ps=12.0),
        _preset("full", production_ps=100.0, replicas=5, frame_every_fs=200.0, control_ps=0.2, ramp_ps=60.0),
    )
}


def get_preset(name: str) -> Preset:
    """The preset called `name`, or the one in the YAML file of that name.

    Raises:
        UnknownNameError: there is none.
        CompcalcError: the file cannot be used, see `load_preset`.
    """
    if Path(name).suffix in (".yaml", ".yml"):
        from compcalc.dynamics.preset_file import load_preset

        return load_preset(Path(name))
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS, "An own one is a file whose name ends in .yaml.")
    return PRESETS[name]
