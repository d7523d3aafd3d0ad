"""A MACE model unrolled for a number of atoms and edges: energies and forces as one flat TorchScript graph.

On small molecules most of a call is Python, autograd bookkeeping and products of weights alone. Tracing the forward and
backward pass once for fixed numbers of atoms and edges, then freezing the graph, leaves the arithmetic: 2 to 3 times
faster for a small model on one core. What is smaller is padded: with atoms that have no edges, and with edges of twice
the cut-off radius, whose cut-off function is exactly zero.
"""

import warnings

import numpy as np

_PADDING_MARGIN = 1.25
_PADDING_STEP = 32
_TOLERANCE = {"float32": 2e-4, "float64": 1e-9}
"""Largest difference from the untraced model that is accepted, eV/angstrom, or eV an atom, or relative above one."""


class TraceMismatchWarning(UserWarning):
    """The traced model differed from the model itself and is not used."""


def padded_size(n_edges: int) -> int:
    """Number of edges that a trace is made for, from the number that the starting geometry has."""
    return max(1, -(-int(n_edges * _PADDING_MARGIN) // _PADDING_STEP)) * _PADDING_STEP


class TracedModel:
    """Energies and forces of up to `n_atoms` atoms with up to `n_edges` edges.

    Args:
        torch: the torch module.
        model: the MACE model, in evaluation mode, parameters without gradients.
        graph: the model's input for one geometry that fits; type, device and head are taken from it.
        cutoff: angstrom.
        n_atoms: number of atoms after padding.
        n_edges: number of edges after padding.

    Raises:
        ValueError: the traced graph does not reproduce the model.
    """

    def __init__(self, torch, model, graph: dict, cutoff: float, n_atoms: int, n_edges: int):
        self._torch, self._cutoff, self.n_atoms, self.n_edges = torch, cutoff, n_atoms, n_edges
        batch = graph["batch"].new_zeros(n_atoms)
        constants = {name: graph[name] for name in ("head", "cell")}
        constants |= {"batch": batch, "ptr": batch.new_tensor([0, n_atoms])}
        inputs = self._padded(graph)

        def energies_forces(node_attrs, positions, edge_index, shifts):
            full = {
                **constants,
                "node_attrs": node_attrs,
                "positions": positions.detach().requires_grad_(True),
                "edge_index": edge_index,
                "shifts": shifts,
                "unit_shifts": shifts,
            }
            out = model(full, compute_force=True, compute_stress=False, training=False)
            return out["node_energy"].detach().double(), out["forces"].detach()

        from torch.fx.experimental.proxy_tensor import make_fx

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flat = make_fx(energies_forces)(*inputs)
            flat.graph.eliminate_dead_code()
            flat.recompile()
            traced = torch.jit.trace(flat.eval(), inputs, check_trace=False)
            self._graph = torch.jit.freeze(traced.eval())
        for _ in range(3):
            # The executor settles on its final plan in the first calls; later results must not depend on their number.
            self(graph)
        self._compare(model, graph)

    def fits(self, graph: dict) -> bool:
        """Whether the atoms and edges of `graph` fit."""
        return len(graph["positions"]) <= self.n_atoms and graph["edge_index"].shape[1] <= self.n_edges

    def __call__(self, graph: dict) -> tuple[np.ndarray, np.ndarray]:
        """Energies of the atoms (eV, (N,), float64) and forces (eV/angstrom, (N, 3))."""
        n = len(graph["positions"])
        with self._torch.inference_mode():
            energies, forces = self._graph(*self._padded(graph))
        return energies[:n].cpu().numpy(), forces[:n].cpu().numpy()

    def _padded(self, graph: dict):
        torch, edges, shifts, attributes = self._torch, graph["edge_index"], graph["shifts"], graph["node_attrs"]
        positions = graph["positions"].detach()
        more_atoms, more_edges = self.n_atoms - len(positions), self.n_edges - edges.shape[1]
        far = shifts.new_zeros((more_edges, 3))
        far[:, 0] = 2 * self._cutoff
        if more_atoms:
            idle = attributes.new_zeros((more_atoms, attributes.shape[1]))
            idle[:, 0] = 1
            attributes = torch.cat([attributes, idle])
            positions = torch.cat([positions, positions.new_zeros((more_atoms, 3))])
        return (
            attributes,
            positions,
            torch.cat([edges, edges.new_zeros((2, more_edges))], dim=1),
            torch.cat([shifts, far]),
        )

    def _compare(self, model, graph: dict) -> None:
        out = model(dict(graph), compute_force=True, compute_stress=False, training=False)
        dtype = str(graph["positions"].dtype).removeprefix("torch.")
        energies, forces = self(graph)
        for what, found, key, unit in (
            ("forces", forces, "forces", "eV/angstrom"),
            ("energies", energies, "node_energy", "eV an atom"),
        ):
            expected = out[key].detach().cpu().numpy()
            difference = float(np.abs(found - expected).max())
            scale = max(1.0, float(np.abs(expected).max()))
            if not difference <= _TOLERANCE[dtype] * scale:
                raise ValueError(f"traced {what} differ from the model's by {difference:.1e} {unit}")
