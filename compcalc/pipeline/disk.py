"""Bytes that a run leaves on the disk, from its protocols and the sizes of its molecules."""

from compcalc.dynamics.protocols import Protocol
from compcalc.execution import Unit
from compcalc.pipeline.prepared import stage_of

_NUMBER = 8
"""Bytes of a float64. Compression gains next to nothing: the digits of energies and positions look like noise. Times
and the heat of no thermostat, which it shrinks to nothing, are not counted."""

_SINGLE = 4
"""Bytes of a float32."""

_ARCHIVE = 2000
"""Bytes of an npz file beside its arrays."""

_EXTXYZ_ATOM, _EXTXYZ_FRAME = 105, 125
"""Bytes of a line of positions and momenta, and of the two lines above a frame."""


def result_bytes(unit: Unit) -> int:
    """Bytes of the stored result of a unit; of an MD run, one that is completed."""
    if stage_of(unit) == "static":
        frames = unit.payload.frames
        return _ARCHIVE + len(frames) * _NUMBER * (1 + 3 * len(frames.numbers))
    protocol = unit.payload.protocol
    atoms, entries = len(unit.payload.numbers), _entries(protocol, protocol.log_every_fs)
    logged = (5 if protocol.ensemble == "nve" else 6) * entries
    if protocol.control_ps:
        logged += _entries(protocol.control, protocol.control.log_every_fs)
    stored = (6 * atoms + 2) * _entries(protocol, protocol.frame_every_fs)
    dense = 3 * atoms * (protocol.velocity_end // protocol.velocity_steps + 1)
    return _ARCHIVE + _NUMBER * (logged + stored) + _SINGLE * dense


def export_bytes(unit: Unit) -> int:
    """Bytes of the trajectory as extended XYZ; 0 for a static unit."""
    if stage_of(unit) == "static":
        return 0
    protocol, atoms = unit.payload.protocol, len(unit.payload.numbers)
    return _entries(protocol, protocol.frame_every_fs) * (_EXTXYZ_FRAME + _EXTXYZ_ATOM * atoms)


def _entries(protocol: Protocol, every_fs: float) -> int:
    return protocol.production_steps // max(1, round(every_fs / protocol.timestep_fs)) + 1
