"""Epochs of a fit through graph-pes: steps, validation, averaged weights, and a checkpoint after each of them."""

import copy
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from graph_pes import AtomicGraph, GraphPESModel
from graph_pes.atomic_graph import sum_per_structure, to_batch

from compcalc.training.budget import epochs_within

LAST_RATE = 0.01
"""Learning rate at the end, of that after the first epoch."""

AVERAGE = 0.99
"""Of the averaged weights, how much a step leaves, at most; less at first, so that the new weights are forgotten."""

LARGEST_GRADIENT = 10.0
VALIDATION_FRAMES = 20
"""At once."""


class Energies:
    """Energies of frames without those of their atoms when these are alone.

    Args:
        alone: an atom of each element, and a second one of the first; far apart.
        device: torch device.
    """

    def __init__(self, alone: AtomicGraph, device: str):
        self._alone, self._device = alone, device
        self._index = torch.zeros(int(alone.Z.max()) + 1, dtype=torch.long)
        self._index[alone.Z[:-1]] = torch.arange(len(alone.Z) - 1)
        self._index = self._index.to(device)

    def batch(self, graphs: Sequence[AtomicGraph]) -> AtomicGraph:
        """The frames with the atoms behind them."""
        bare = self._alone._replace(properties={"energy": torch.zeros(()), "forces": torch.zeros_like(self._alone.R)})
        return to_batch([*graphs, bare]).to(self._device)

    def errors(self, model: GraphPESModel, batch: AtomicGraph) -> tuple[torch.Tensor, torch.Tensor]:
        """Errors of the energies per atom (F,), eV, and of the forces (N, 3), eV/angstrom, of the frames of a batch."""
        found = model.predict(batch, ["local_energies", "forces"])
        local, n = found["local_energies"], len(self._alone.Z)
        # The atoms alone come last, so that nothing has to be computed twice.
        own = local[-n:][self._index[batch.Z]]
        energy = sum_per_structure(local - own, batch)[:-1]
        atoms = torch.diff(batch.ptr)[:-1]
        wrong = (energy - batch.properties["energy"][:-1]) / atoms
        return wrong, (found["forces"] - batch.properties["forces"])[:-n]


def rate(highest: float, done: float, planned: int | None) -> float:
    """Learning rate when `done` epochs are over: it rises to the highest over the first, and falls over the rest.

    Args:
        highest: learning rate.
        done: epochs, a fraction of the present one included.
        planned: all epochs; None in the first, which does not depend on how many follow.
    """
    if planned is None or planned == 1:
        return highest * done
    return highest * LAST_RATE ** ((done - 1) / (planned - 1))


class Epochs:
    """All epochs of a fit, from where an earlier session was cut off.

    The learning rate rises over the first epoch and falls exponentially over the rest. So the first epoch is the same
    however many follow, and can be the one whose time says how many fit.

    Args:
        model: with new weights.
        energies: of the frames.
        fit: settings of the optimisation.
        seed: of the order of the frames.
        minutes: wall time for all epochs; None: as much as they take.
        begun: when the fit began, seconds since the epoch of the clock.
        checkpoint: file that is written after each epoch.
    """

    def __init__(
        self,
        model: GraphPESModel,
        energies: Energies,
        fit: Mapping[str, Any],
        seed: int,
        minutes: float | None,
        begun: float,
        checkpoint: Path,
    ):
        self._model, self._energies, self._fit, self._seed = model, energies, fit, seed
        self._minutes, self._begun, self._checkpoint = minutes, begun, checkpoint
        self._averaged = copy.deepcopy(model).requires_grad_(False).eval()
        self._optimizer = torch.optim.Adam(model.parameters(), lr=fit["learning_rate"], amsgrad=True)
        self._losses: list[float] = []
        self._planned: int | None = None
        self.best: dict[str, Any] | None = None
        """Weights of the epoch with the lowest loss on the validation frames."""
        if checkpoint.exists():
            self._restore()

    def run(
        self, train: Sequence[AtomicGraph], valid: Sequence[AtomicGraph], on_epoch: Callable[[dict], None]
    ) -> dict[str, Any]:
        """Make them, until the last one or until the loss has not fallen for as long as the settings allow.

        Returns:
            epochs made and planned, the best of them (from 1), and whether they ended early.
        """
        valid_batches = [
            self._energies.batch(valid[start : start + VALIDATION_FRAMES])
            for start in range(0, len(valid), VALIDATION_FRAMES)
        ]
        while not self._ended():
            step_seconds = self._train(train)
            started = time.perf_counter()
            entry = self._validate(valid_batches)
            self._note(entry["loss"])
            if self._planned is None:
                # The first steps of a process compile what the others find: the median is of the others.
                steps = math.ceil(len(train) / self._fit["batch_size"])
                self._plan(statistics.median(step_seconds) * steps + time.perf_counter() - started)
            self._save()
            on_epoch({"epoch": len(self._losses), "epochs": self._planned, **entry})
        return {
            "epochs": len(self._losses),
            "epochs_planned": self._planned,
            "best_epoch": self._best_epoch(),
            "stopped_early": self._exhausted(),
        }

    def _plan(self, epoch_seconds: float) -> None:
        before = time.time() - self._begun - epoch_seconds
        self._planned = epochs_within(self._minutes, epoch_seconds, self._fit["epochs"], before)

    def _train(self, train: Sequence[AtomicGraph]) -> list[float]:
        """One pass over the frames; gives the time of each step, s."""
        self._model.train()
        batches, seconds = list(self._batches(train)), []
        for index, graphs in enumerate(batches):
            started = time.perf_counter()
            for group in self._optimizer.param_groups:
                done = len(self._losses) + (index + 1) / len(batches)
                group["lr"] = rate(self._fit["learning_rate"], done, self._planned)
            number = len(self._losses) * len(batches) + index + 1
            self._step(self._energies.batch(graphs), min(AVERAGE, (1 + number) / (10 + number)))
            seconds.append(time.perf_counter() - started)
        return seconds

    def _step(self, batch: AtomicGraph, kept: float) -> None:
        self._optimizer.zero_grad()
        energy, forces = self._energies.errors(self._model, batch)
        self._loss(energy.square().mean(), forces.square().mean()).backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        with torch.no_grad():
            for average, now in zip(self._averaged.parameters(), self._model.parameters(), strict=True):
                average.lerp_(now, 1 - kept)

    def _validate(self, batches: Sequence[AtomicGraph]) -> dict[str, float]:
        """Loss and force MAE (eV/angstrom) of the averaged weights."""
        found = [self._energies.errors(self._averaged, batch) for batch in batches]
        energy, forces = (torch.cat(part).double() for part in zip(*found, strict=True))
        loss = self._loss(energy.square().mean(), forces.square().mean())
        return {"loss": float(loss), "force_mae": float(forces.abs().mean())}

    def _loss(self, energy: torch.Tensor, forces: torch.Tensor) -> torch.Tensor:
        return self._fit["energy_weight"] * energy + self._fit["forces_weight"] * forces

    def _batches(self, train: Sequence[AtomicGraph]) -> Iterator[list[AtomicGraph]]:
        """In an order that only the seed and the number of the epoch decide, not what happened before."""
        order = np.random.default_rng((self._seed, len(self._losses))).permutation(len(train))
        size = self._fit["batch_size"]
        for start in range(0, len(train), size):
            yield [train[index] for index in order[start : start + size]]

    def _note(self, loss: float) -> None:
        self._losses.append(loss if math.isfinite(loss) else math.inf)
        if math.isfinite(loss) and self._best_epoch() == len(self._losses):
            self.best = copy.deepcopy(self._averaged.state_dict())

    def _best_epoch(self) -> int:
        return 1 + min(range(len(self._losses)), key=self._losses.__getitem__)

    def _exhausted(self) -> bool:
        return len(self._losses) - self._best_epoch() >= self._fit["patience"]

    def _ended(self) -> bool:
        return self._planned is not None and (len(self._losses) >= self._planned or self._exhausted())

    def _save(self) -> None:
        partial = self._checkpoint.with_suffix(".partial")
        content = {
            "model": self._model.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "best": self.best,
            "losses": self._losses,
            "planned": self._planned,
        }
        torch.save(content, partial)
        os.replace(partial, self._checkpoint)

    def _restore(self) -> None:
        found = torch.load(self._checkpoint, weights_only=False, map_location=self._fit["device"])
        self._model.load_state_dict(found["model"])
        self._averaged.load_state_dict(found["averaged"])
        self._optimizer.load_state_dict(found["optimizer"])
        self.best, self._losses, self._planned = found["best"], found["losses"], found["planned"]
