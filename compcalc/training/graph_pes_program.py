"""The program that fits a model of graph-pes: frames in, epochs, model file out.

It runs in a process of its own, `python -m compcalc.training.graph_pes_program PLAN BEGUN`: PLAN is a JSON file in the
folder of the frames, BEGUN when the fit began, in seconds since the epoch of the clock. Each epoch is a line of JSON on
the standard output.

The epochs are made here and not by `graph-pes-train`: that one does not keep the order of the frames when it goes on
from a checkpoint, so that a training which was cut off would end at another model.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import read
from graph_pes import AtomicGraph, GraphPESModel, models
from graph_pes.models.components.distances import CosineEnvelope
from graph_pes.utils.nn import HaddamardProduct, PerElementParameter

from compcalc.training.graph_pes_epochs import Energies, Epochs

FAR_APART = 1000.0
"""Distance of atoms that do not feel each other, angstrom."""


def main(plan_file: Path, begun: float, on_epoch: Callable[[dict], None]) -> None:
    """Fit what the plan says, from where an earlier session was cut off; leaves `model.pt` and `result.json`."""
    plan, folder = json.loads(plan_file.read_text()), plan_file.parent
    energies = {symbol: float(energy) for symbol, energy in plan["atomic_energies"].items()}
    train = _graphs(folder / "train.xyz", energies, plan["cutoff"])
    valid = _graphs(folder / "valid.xyz", energies, plan["cutoff"])
    torch.manual_seed(plan["seed"])
    model = build(plan["model"], plan["arguments"], rms_force(train)).to(plan["fit"]["device"])
    alone = _alone(energies, plan["cutoff"])
    frames = Energies(alone, plan["fit"]["device"])
    epochs = Epochs(model, frames, plan["fit"], plan["seed"], plan["minutes"], begun, folder / "checkpoint.pt")
    result = epochs.run(train, valid, on_epoch)
    if epochs.best is None:
        sys.exit("the loss on the validation frames was never a finite number: take a lower learning rate")
    model.load_state_dict(epochs.best)
    save(model.eval().to("cpu"), energies, alone, folder / "model.pt")
    (folder / "result.json").write_text(json.dumps(result))


def build(name: str, arguments: Mapping[str, Any], scale: float) -> GraphPESModel:
    """A model of graph-pes with new weights, whose energies are of the size of `scale`, eV."""
    model = getattr(models, name)(**arguments)
    if name == "SchNet":
        # Its own filters end at the cut-off with a jump of the energy.
        for layer in model.interactions:
            convolution = layer.cfconv
            envelope = CosineEnvelope(arguments["cutoff"])
            convolution.filter_generator = HaddamardProduct(convolution.filter_generator, envelope, left_aligned=True)
    with torch.no_grad():
        model.scaler.per_element_scaling.fill_(scale)
    return model


def rms_force(graphs: list[AtomicGraph]) -> float:
    """Root mean square of the components of all forces, eV/angstrom."""
    return float(torch.cat([graph.properties["forces"] for graph in graphs]).square().mean().sqrt())


def save(model: GraphPESModel, atomic_energies: Mapping[str, float], alone: AtomicGraph, path: Path) -> None:
    """Write the model with its atomic energies, whole or not at all; it knows their elements and no others.

    Atoms that are alone have these energies: what the model makes of them is taken off.
    """
    local = model.predict(alone, ["local_energies"])["local_energies"]
    offsets = {
        symbol: energy - float(own) for (symbol, energy), own in zip(atomic_energies.items(), local, strict=False)
    }
    whole = models.AdditionModel(offset=models.FixedOffset(**offsets), many_body=model).eval()
    for parameter in whole.parameters():
        if isinstance(parameter, PerElementParameter):
            parameter.register_elements([atomic_numbers[symbol] for symbol in atomic_energies])
    partial = path.with_name(f".{path.name}.partial")
    torch.save(whole, partial)
    os.replace(partial, path)


def _graphs(path: Path, atomic_energies: Mapping[str, float], cutoff: float) -> list[AtomicGraph]:
    """The frames of a file; their energies are those without the atoms'."""
    found = []
    for atoms in read(path, ":"):
        own = sum(atomic_energies[symbol] for symbol in atoms.get_chemical_symbols())
        bare = Atoms(atoms.numbers, atoms.positions)
        # Before single precision, which has too few digits for the whole.
        bare.info["energy"] = atoms.info["REF_energy"] - own
        bare.arrays["forces"] = atoms.arrays["REF_forces"]
        found.append(AtomicGraph.from_ase(bare, cutoff))
    return found


def _alone(atomic_energies: Mapping[str, float], cutoff: float) -> AtomicGraph:
    """An atom of each element and a second one of the first, all alone: models take a single atom for none."""
    symbols = [*atomic_energies, next(iter(atomic_energies))]
    positions = np.outer(np.arange(len(symbols)), [FAR_APART, 0.0, 0.0])
    return AtomicGraph.from_ase(Atoms(symbols, positions), cutoff)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), lambda entry: print(json.dumps(entry), flush=True))
