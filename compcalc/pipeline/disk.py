"""Bytes that a run leaves on the disk, from its protocols and the sizes of its molecules."""

from compcalc.dynamics.protocols import Protocol
from compcalc.execution import Unit
from compcalc.pipeline.prepared import stage_of

_NUMBER = 8
"""Bytes of a float64. Compression gains next to nothing: the digits of energies and positions look like noise."""

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
    logged = 3 * _entries(protocol, protocol.log_every_fs)
    stored = 6 * len(unit.payload.numbers) * _entries(protocol, protocol.frame_every_fs)
    return _ARCHIVE + _NUMBER * (logged + stored)


def export_bytes(unit: Unit) -> int:
    """Bytes of the trajectory as extended XYZ; 0 for a static unit."""
    if stage_of(unit) == "static":
        return 0
    protocol, atoms = unit.payload.protocol, len(unit.payload.numbers)
    return _entries(protocol, protocol.frame_every_fs) * (_EXTXYZ_FRAME + _EXTXYZ_ATOM * atoms)


def _entries(protocol: Protocol, every_fs: float) -> int:
    return protocol.production_steps // max(1, round(every_fs / protocol.timestep_fs)) + 1
