"""The epochs of an ANI fine-tuning, each with its checkpoint, so that a kill costs one of them and changes nothing."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from compcalc.errors import DataError
from compcalc.training.ani_frames import EnvironmentBatch, EnvironmentFrames
from compcalc.training.ani_members import Members
from compcalc.training.budget import epochs_within

_LEAST = 0.01
"""Share of the learning rate at the last epoch."""


@dataclass(frozen=True)
class Course:
    """How a training runs.

    Attributes:
        epochs: at most.
        patience: epochs without a lower loss after which it stops.
        batch_size: frames a step.
        learning_rate: at the start; it falls exponentially to 1%.
        energy_weight: of a squared error per atom, (eV/atom)^2.
        forces_weight: of a squared error of a component, (eV/angstrom)^2.
        seed: of the batches.
        minutes: wall time for all epochs and what came before; None: as long as it takes.
        spent_seconds: wall time of what came before the first epoch, s.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    energy_weight: float
    forces_weight: float
    seed: int
    minutes: float | None = None
    spent_seconds: float = 0.0


@dataclass
class State:
    """How far a training has come.

    Attributes:
        epochs: number of epochs that it will have; falls once, after the first, where the time is limited.
        losses: on the validation frames, one an epoch.
        best: parameters of the epoch with the lowest.
    """

    epochs: int
    losses: list[float]
    best: dict[str, torch.Tensor]

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the lowest loss, from 1."""
        return 1 + int(np.argmin(self.losses))

    def exhausted(self, patience: int) -> bool:
        """Whether the loss has not fallen for `patience` epochs."""
        return bool(self.losses) and len(self.losses) - self.best_epoch >= patience


def run_epochs(
    members: Members,
    train: EnvironmentFrames,
    valid: EnvironmentFrames,
    course: Course,
    checkpoint: Path,
    on_epoch: Callable[[int, int, float], None],
) -> State:
    """Train, from the beginning or from the checkpoint of a training that was cut off; ends with the best parameters.

    Args:
        members: what is trained.
        train: frames to fit.
        valid: frames that choose the epoch.
        course: how it runs.
        checkpoint: file that is renewed after each epoch.
        on_epoch: told of the epoch, their number, and the force MAE on `valid`, eV/angstrom.

    Raises:
        DataError: the checkpoint cannot be read.
    """
    optimizer = torch.optim.Adam(members.parameters(), lr=course.learning_rate, amsgrad=True)
    state = _resumed(members, optimizer, checkpoint) or State(course.epochs, [], {})
    while len(state.losses) < state.epochs and not state.exhausted(course.patience):
        begun, epoch = time.perf_counter(), len(state.losses)
        for group in optimizer.param_groups:
            # The first epoch has the same rate whatever their number, which is known only behind it.
            group["lr"] = course.learning_rate * _LEAST ** (epoch / state.epochs)
        _one_epoch(members, optimizer, train, course, epoch)
        loss, mae = validated(members, valid, course)
        if not state.losses or loss < min(state.losses):
            state.best = {name: value.clone() for name, value in members.state_dict().items()}
        state.losses.append(loss)
        if epoch == 0:
            seconds = time.perf_counter() - begun
            state.epochs = epochs_within(course.minutes, seconds, course.epochs, course.spent_seconds)
        _keep(members, optimizer, state, checkpoint)
        on_epoch(epoch + 1, state.epochs, mae)
    members.load_state_dict(state.best)
    return state


def validated(members: Members, valid: EnvironmentFrames, course: Course) -> tuple[float, float]:
    """Loss and force MAE (eV/angstrom) of the mean over the members on `valid`."""
    squares, errors, parts = np.zeros(2), 0.0, _parts(np.arange(len(valid)), 4 * course.batch_size)
    components = 0
    for part in parts:
        batch = valid.batch(part)
        energies, forces = (
            found.detach().double().cpu().mean(dim=0).numpy() for found in members.predict(batch, False)
        )
        wrong = forces - batch.forces
        squares += np.sum(((energies - batch.energies) / batch.sizes) ** 2), np.sum(wrong**2)
        errors, components = errors + np.abs(wrong).sum(), components + wrong.size
    loss = course.energy_weight * squares[0] / len(valid) + course.forces_weight * squares[1] / components
    return float(loss), float(errors / components)


def _one_epoch(members: Members, optimizer, train: EnvironmentFrames, course: Course, epoch: int) -> None:
    # Of seed and epoch alone, so that a training that goes on sees the batches that it would have seen.
    order = np.random.default_rng([course.seed, epoch]).permutation(len(train))
    for part in _parts(order, course.batch_size):
        optimizer.zero_grad()
        _loss(members, train.batch(part), course).backward()
        optimizer.step()


def _loss(members: Members, batch: EnvironmentBatch, course: Course) -> torch.Tensor:
    """Sum of the members' losses: each learns as if it were alone."""
    energies, forces = members.predict(batch, training=True)
    labels = torch.from_numpy(batch.energies).to(energies), torch.from_numpy(batch.forces).to(forces)
    off = (energies - labels[0]) / torch.from_numpy(batch.sizes).to(energies)
    by_energy, by_forces = off.square().mean(dim=1), (forces - labels[1]).square().mean(dim=(1, 2))
    return (course.energy_weight * by_energy + course.forces_weight * by_forces).sum()


def _parts(order: np.ndarray, size: int) -> Sequence[np.ndarray]:
    return [order[first : first + size] for first in range(0, len(order), size)]


def _keep(members: Members, optimizer, state: State, checkpoint: Path) -> None:
    content = {"members": members.state_dict(), "optimizer": optimizer.state_dict(), "state": dict(vars(state))}
    partial = checkpoint.with_name(f".{checkpoint.name}.partial")
    torch.save(content, partial)
    os.replace(partial, checkpoint)


def _resumed(members: Members, optimizer: Any, checkpoint: Path) -> State | None:
    if not checkpoint.is_file():
        return None
    try:
        content = torch.load(checkpoint, weights_only=True)
        members.load_state_dict(content["members"])
        optimizer.load_state_dict(content["optimizer"])
        return State(**content["state"])
    except Exception as error:
        raise DataError(f"{checkpoint} cannot be read ({error}). Delete its folder and train again.") from error
