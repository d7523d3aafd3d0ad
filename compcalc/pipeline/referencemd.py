"""Dynamics of the reference method, and which of them stands beside which run of a potential."""

from collections import defaultdict

from compcalc.execution import ResultStore, Unit
from compcalc.execution.packing import unpack_trajectory
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.work import MDRun
from compcalc.records import OutcomeKind, Trajectory


class ReferenceRuns:
    """The runs of the reference method that a run asks for, from their stored results.

    Args:
        prepared: the run.
        store: its results.

    Attributes:
        units: of the runs; empty where none were asked for.
    """

    def __init__(self, prepared: PreparedRun, store: ResultStore):
        self.units = prepared.reference_md_units()
        self._store = store
        self._finished: dict[tuple[str, str], list[Unit]] = defaultdict(list)
        for unit in self.units:
            result = store.read(unit) if unit.payload.protocol.ensemble == "nve" else None
            if result is not None and result.meta["outcome"]["kind"] == OutcomeKind.COMPLETED:
                self._finished[_key(unit.payload)].append(unit)

    def beside(self, unit: Unit) -> Trajectory | None:
        """The finished NVE run whose spectrum that of a unit is compared with; None where there is none.

        It is of the same molecule and protocol, and of the same replica, from the same start with the same random
        numbers, where the reference method got through it. A run of the reference method itself is compared with
        another replica: how far two of its own spectra differ.
        """
        others = [one for one in self._finished.get(_key(unit.payload), ()) if one.id != unit.id]
        if not others:
            return None
        replica = unit.payload.replica
        chosen = next((one for one in others if one.payload.replica == replica), others[replica % len(others)])
        return unpack_trajectory(chosen.payload.molecule, self._store.read(chosen))


def _key(run: MDRun) -> tuple[str, str]:
    return run.molecule.name, run.protocol.name
