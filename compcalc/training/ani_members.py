"""The networks of an ANI ensemble in torch, side by side, with forces that a loss can be differentiated through."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from compcalc.training.ani_frames import EnvironmentBatch
from compcalc.units import HARTREE_EV


class Members(torch.nn.Module):
    """The networks of M members for the elements of a training.

    The first layers are those of the columns that these elements have: the others take no part.

    Args:
        networks: of torchani, one a member.
        symbols: elements of the training.
        columns: of the environment vectors, (L,).
        dtype: torch's.
        device: torch's.
    """

    def __init__(self, networks: Sequence, symbols: Sequence[str], columns: np.ndarray, dtype, device):
        super().__init__()
        self.size, self._symbols, self._columns = len(networks), tuple(symbols), torch.from_numpy(columns)
        self._alpha, self.weights, self.biases = [], torch.nn.ModuleList(), torch.nn.ModuleList()
        for symbol in symbols:
            layers = list(zip(*(list(network[symbol]) for network in networks), strict=True))
            self._alpha.append([float(activation[0].alpha) for activation in layers[1::2]])
            weights = [torch.stack([layer.weight.detach().T for layer in same]) for same in layers[::2]]
            weights[0] = weights[0][:, self._columns]
            biases = [torch.stack([layer.bias.detach() for layer in same])[:, None] for same in layers[::2]]
            for kept, found in ((self.weights, weights), (self.biases, biases)):
                own = [torch.nn.Parameter(one.to(device, dtype).contiguous().clone()) for one in found]
                kept.append(torch.nn.ParameterList(own))

    def forward(self, values: torch.Tensor, counts: np.ndarray) -> torch.Tensor:
        """Energies of the atoms, hartree, (M, A), of environment vectors (M, A, L) sorted by element."""
        energies, begin = [], 0
        for weights, biases, alphas, count in zip(self.weights, self.biases, self._alpha, counts, strict=True):
            part = values[:, begin : begin + count]
            for weight, bias, alpha in zip(weights, biases, [*alphas, None], strict=True):
                part = torch.baddbmm(bias, part, weight)
                part = part if alpha is None else torch.nn.functional.celu(part, alpha)
            energies.append(part[:, :, 0])
            begin += int(count)
        return torch.cat(energies, dim=1)

    def predict(self, batch: EnvironmentBatch, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Energies without self energies, eV, (M, B), and forces, eV/angstrom, (M, A, 3), of each member.

        Args:
            batch: of frames.
            training: whether both will be differentiated.
        """
        first = self.weights[0][0]
        values = torch.from_numpy(batch.values).to(first).expand(self.size, -1, -1).clone().requires_grad_()
        atoms = self(values, batch.counts) * HARTREE_EV
        (gradient,) = torch.autograd.grad(atoms.sum(), values, create_graph=training)
        owner = torch.from_numpy(batch.owner).to(first.device)
        energies = atoms.new_zeros(self.size, len(batch.sizes)).index_add(1, owner, atoms)
        return energies, _Forces.apply(gradient, batch)

    def write_into(self, networks: Sequence) -> None:
        """Copy the parameters into torchani's networks, which the members came from."""
        with torch.no_grad():
            for symbol, weights, biases in zip(self._symbols, self.weights, self.biases, strict=True):
                for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                    for m, network in enumerate(networks):
                        layer = network[symbol][2 * k]
                        columns = self._columns if k == 0 else slice(None)
                        layer.weight[:, columns] = weight[m].T.to(layer.weight)
                        layer.bias.copy_(bias[m, 0])


class _Forces(torch.autograd.Function):
    """F = -J^T g for each member, (M, A, 3), of g = dE/dG, (M, A, L)."""

    @staticmethod
    def forward(ctx, gradient, batch: EnvironmentBatch):
        ctx.batch = batch
        found = [batch.transposed_product(one) for one in gradient.detach().cpu().contiguous().numpy()]
        return torch.from_numpy(-np.stack(found)).to(gradient)

    @staticmethod
    def backward(ctx, to_forces):
        found = [ctx.batch.product(one) for one in to_forces.detach().cpu().double().numpy()]
        return torch.from_numpy(-np.stack(found)).to(to_forces), None


def arrays_of(network) -> Mapping[str, np.ndarray]:
    """Name of a parameter of one of torchani's networks -> array, float32 or float64."""
    return {name: parameter.detach().cpu().numpy() for name, parameter in network.state_dict().items()}
