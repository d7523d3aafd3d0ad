"""The networks of an ANI ensemble side by side, with the gradient that forces need written out.

The members have the same shape for each element, so that one product serves all of them. Environment vectors come
without the columns of elements that a batch does not have, so that the first layers shrink with them.
"""

from collections import OrderedDict

import numpy as np

from compcalc.calculators.ani_environments import Environments

_KEPT = 8
"""Sets of elements whose first layers are kept: models of one family share one or two."""

_ROWS = 256
"""Atoms in one product: what they need fits into the cache of a processor core."""


class FusedNetworks:
    """An ensemble on the CPU.

    Args:
        torch: the torch module.
        ensemble: torchani's; see `can_take`.
    """

    def __init__(self, torch, ensemble):
        self._torch, self._size = torch, len(ensemble)
        self._elements = [_Layers(torch, [member[key] for member in ensemble]) for key in ensemble[0]]
        self._first: OrderedDict[bytes, list] = OrderedDict()

    @staticmethod
    def can_take(torch, ensemble) -> bool:
        """Whether the members agree in shape and alternate linear layers with CELU of one alpha, ending in a number."""
        return all(_uniform(torch, [member[key] for member in ensemble]) for key in ensemble[0])

    def __call__(self, environments: Environments) -> tuple[np.ndarray, np.ndarray]:
        """Energies of the atoms by each member, hartree, (M, A), in the order of the rows of `environments`.

        The second array is the gradient of the sum of their means with respect to the environment vectors, (A, L).
        """
        torch, values = self._torch, environments.values
        energies, gradient = np.empty((self._size, len(values))), np.empty_like(values)
        with torch.inference_mode():
            firsts, begin = self._first_layers(environments), 0
            for element, first, count in zip(environments.present, firsts, environments.counts, strict=True):
                layers, end = self._elements[element], begin + count
                for a in range(begin, end, _ROWS):
                    b = min(a + _ROWS, end)
                    found = layers(torch.from_numpy(values[a:b]), first, torch.from_numpy(gradient[a:b]))
                    energies[:, a:b] = found.numpy()
                begin = end
        return energies, gradient

    def _first_layers(self, environments: Environments) -> list:
        key = environments.present.tobytes()
        if key not in self._first:
            columns = self._torch.from_numpy(environments.columns)
            self._first[key] = [self._elements[k].first[:, columns].contiguous() for k in environments.present]
            if len(self._first) > _KEPT:
                self._first.popitem(last=False)
        self._first.move_to_end(key)
        return self._first[key]


class _Layers:
    """The networks of M members for one element.

    `first` has the weights of the first layers one below the other, (M H, L), `weights` those of the others, (M, I, O).
    """

    def __init__(self, torch, members):
        self._torch, linear = torch, [list(member)[::2] for member in members]
        self._alpha = [float(layer.alpha) for layer in list(members[0])[1::2]]
        self.first = torch.cat([layers[0].weight for layers in linear])
        self._first_bias = torch.cat([layers[0].bias for layers in linear])
        stacked = list(zip(*linear, strict=True))[1:]
        self.weights = [torch.stack([layer.weight.T for layer in layers]).contiguous() for layers in stacked]
        self.transposed = [torch.stack([layer.weight for layer in layers]) for layers in stacked]
        self._bias = [torch.stack([layer.bias for layer in layers])[:, None] for layers in stacked]
        # Of the mean over the members.
        self.transposed[-1] = self.transposed[-1] / len(members)

    def __call__(self, values, first, gradient):
        """Energies (M, n) of n environment vectors (n, L); fills `gradient`, (n, L), of the sum of their means."""
        torch, n, members = self._torch, len(values), len(self.weights[0])
        wide = torch.addmm(self._first_bias, values, first.T)
        torch.celu_(wide, self._alpha[0])
        outputs = [wide.view(n, members, -1).transpose(0, 1)]
        for weights, bias, alpha in zip(self.weights[:-1], self._bias[:-1], self._alpha[1:], strict=True):
            outputs.append(torch.celu_(torch.baddbmm(bias, outputs[-1], weights), alpha))
        energies = torch.baddbmm(self._bias[-1], outputs[-1], self.weights[-1])
        back = self.transposed[-1].expand(-1, n, -1)
        for weights, output, alpha in zip(self.transposed[-2::-1], outputs[:0:-1], self._alpha[:0:-1], strict=True):
            back = torch.bmm(self._through(back, output, alpha), weights)
        # The members side by side again, so that one product sums over them.
        joined = torch.empty_like(wide)
        args = (back.transpose(0, 1), self._alpha[0], 1.0, 1.0 / self._alpha[0], True, wide.view(n, members, -1))
        torch.ops.aten.elu_backward.grad_input(*args, grad_input=joined.view(n, members, -1))
        torch.mm(joined, first, out=gradient)
        return energies[:, :, 0]

    def _through(self, gradient, output, alpha):
        """The gradient before a CELU from that behind it and what it gave: its slope is 1, or output / alpha + 1."""
        return self._torch.ops.aten.elu_backward(gradient, alpha, 1.0, 1.0 / alpha, True, output)


def _uniform(torch, members) -> bool:
    shapes = {
        tuple(tuple(layer.weight.shape) for layer in list(member)[::2] if _linear(torch, layer)) for member in members
    }
    alphas = {tuple(getattr(layer, "alpha", None) for layer in list(member)[1::2]) for member in members}
    return (
        len(shapes) == len(alphas) == 1
        and all(len(member) % 2 == 1 and len(member) >= 3 for member in members)
        and all(_linear(torch, layer) for member in members for layer in list(member)[::2])
        and all(type(layer) is torch.nn.CELU for member in members for layer in list(member)[1::2])
        and members[0][-1].out_features == 1
    )


def _linear(torch, layer) -> bool:
    return type(layer) is torch.nn.Linear and layer.bias is not None
