"""What is run: protocols and the presets that size them."""

from dataclasses import dataclass

from compcalc.errors import UnknownNameError

PROTOCOL_NAMES = ("nve", "nvt")


@dataclass(frozen=True)
class Protocol:
    """One kind of MD run.

    Attributes:
        name: `nve` (velocity Verlet) or `nvt` (Langevin).
        production_ps: length after equilibration, ps.
        equilibration_ps: length of the Langevin run before it, ps.
        timestep_fs: fs.
        temperature_k: K.
        friction_per_fs: of the Langevin thermostat, 1/fs.
        log_every_fs: spacing of logged energies, fs.
        frame_every_fs: spacing of stored frames, fs.
    """

    name: str
    production_ps: float
    equilibration_ps: float = 0.5
    timestep_fs: float = 0.5
    temperature_k: float = 300.0
    friction_per_fs: float = 0.01
    log_every_fs: float = 1.0
    frame_every_fs: float = 10.0

    def __post_init__(self):
        if self.name not in PROTOCOL_NAMES:
            raise UnknownNameError("protocol", self.name, PROTOCOL_NAMES)

    @property
    def production_steps(self) -> int:
        """Number of time steps of the production part."""
        return round(self.production_ps * 1000 / self.timestep_fs)

    @property
    def equilibration_steps(self) -> int:
        """Number of time steps of the equilibration."""
        return round(self.equilibration_ps * 1000 / self.timestep_fs)


@dataclass(frozen=True)
class Preset:
    """How much is run.

    Attributes:
        name: of the preset.
        protocols: what each molecule goes through.
        replicas: independent runs of each protocol a molecule.
    """

    name: str
    protocols: tuple[Protocol, ...]
    replicas: int


def _preset(name: str, production_ps: float, replicas: int, frame_every_fs: float) -> Preset:
    protocols = (
        Protocol("nve", production_ps, frame_every_fs=frame_every_fs),
        Protocol("nvt", production_ps, frame_every_fs=frame_every_fs),
    )
    return Preset(name, protocols, replicas)


PRESETS = {
    preset.name: preset
    for preset in (
        _preset("quick", production_ps=1.0, replicas=1, frame_every_fs=10.0),
        _preset("standard", production_ps=10.0, replicas=3, frame_every_fs=50.0),
        _preset("full", production_ps=100.0, replicas=5, frame_every_fs=200.0),
    )
}


def get_preset(name: str) -> Preset:
    """The preset called `name`.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name]
