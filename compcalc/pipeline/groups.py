"""Which MD runs advance together: decided once, and kept when a run is extended."""

from collections.abc import Sequence

MOST_IN_LOCKSTEP = 16
"""Runs that advance together at most: more would leave workers idle."""


def assign_groups(
    known: Sequence[Sequence[str]], runs: Sequence[tuple[str, int]], most_atoms: int | None
) -> list[list[str]]:
    """Groups of runs, each of as many atoms as a batch of the potential pays for.

    What a run is computed beside decides its last digits, and in chaotic motion soon the first: groups that exist stay
    as they are, and runs that are new form groups of their own. So a run that goes on, or gets more replicas, keeps
    what it has.

    Args:
        known: groups that were formed before.
        runs: name and number of atoms of every run, those of known groups included.
        most_atoms: of one batch; None for no groups at all.

    Returns:
        `known` and the new groups.
    """
    groups = [list(group) for group in known]
    if most_atoms is None:
        return groups
    taken = {name for group in groups for name in group}
    group, atoms = [], 0
    for name, size in runs:
        if name in taken:
            continue
        if group and (atoms + size > most_atoms or len(group) == MOST_IN_LOCKSTEP):
            groups.append(group)
            group, atoms = [], 0
        group.append(name)
        atoms += size
    return groups + [group] * bool(group)
