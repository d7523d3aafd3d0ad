"""When a guard calls an event."""

import dataclasses
from dataclasses import dataclass

HOT = 12.0
"""The kinetic temperature of a single atom is beyond this multiple of its thermostat's in one of 10 million looks."""


@dataclass(frozen=True)
class Limits:
    """When a guard calls an event.

    Lengths are multiples of the sum of covalent radii. A bond counts as broken, or formed, only after it has stayed
    beyond its limit for `patience_fs`, so that a vibration is no event. A pair that begins near its limit, as in a
    strained ring, has a limit of its own beyond it.

    Attributes:
        broken: a bond longer than this is breaking (C-C 2.3 angstrom, C-H 1.6, O-H 1.5).
        torn: a bond longer than this is broken at once.
        formed: a non-bonded pair closer than this is bonding (C-C 1.8, C-H 1.3, O-H 1.2 angstrom).
        patience_fs: fs.
        temperature_k: kinetic temperature beyond which a run has exploded, K.
        heating_k: energy that came from nowhere, as the warming that it means, beyond which a run has exploded, K.
        heating_patience_fs: how long it must stay beyond, fs.
        force_ev_per_angstrom: force on one atom beyond which a run has exploded, eV/angstrom.
        check_every_fs: spacing of the checks of bonds and heating, fs; everything else is checked at every step.
    """

    broken: float = 1.5
    torn: float = 2.0
    formed: float = 1.2
    patience_fs: float = 10.0
    temperature_k: float = 5000.0
    heating_k: float = 500.0
    heating_patience_fs: float = 50.0
    force_ev_per_angstrom: float = 200.0
    check_every_fs: float = 2.0

    def at(self, temperature_k: float) -> "Limits":
        """These limits, with the temperature's raised where a thermostat at `temperature_k` alone would reach it."""
        return dataclasses.replace(self, temperature_k=max(self.temperature_k, HOT * temperature_k))
