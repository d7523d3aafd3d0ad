"""The messages of a MACE layer with scalar features, formed and summed in one pass over the edges on a CPU.

Where the features of the atoms are scalars (every first layer; all layers of a model with L=0), a message is a product
of three factors, m[i, c, lm] = sum over j of k[l] R[ij, l, c] Y[ij, lm] h[j, c]. torch forms it in a dozen passes over
arrays of edges x channels x spherical harmonics, which is most of the time of such a model; here each edge is read
once, forwards and backwards.
"""

import numpy as np

from compcalc.neighbours.jit import kernel

_TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
"""Largest relative difference from the layer's own product that is accepted."""


@kernel(reorder=True)
def _forward(features, harmonics, weights, index, factors, sizes, sums):
    """Add the messages to `sums`, (N, Q, C): features (N, C), harmonics (E, Q), weights (E, P C), index (2, E).

    `factors` (P,) and `sizes` (P,) belong to the P paths, one a degree l, with 2l + 1 of the Q harmonics each.
    """
    channels = features.shape[1]
    product = np.empty(channels, features.dtype)
    for edge in range(index.shape[1]):
        sender, receiver, q = index[0, edge], index[1, edge], 0
        for path in range(len(sizes)):
            first = path * channels
            for c in range(channels):
                product[c] = factors[path] * features[sender, c] * weights[edge, first + c]
            for _ in range(sizes[path]):
                value = harmonics[edge, q]
                for c in range(channels):
                    sums[receiver, q, c] += value * product[c]
                q += 1


@kernel(reorder=True)
def _backward(gradient, features, harmonics, weights, index, factors, sizes, to_features, to_harmonics, to_weights):
    """From the gradient with respect to the sums, (N, Q, C), those with respect to the three factors."""
    channels = features.shape[1]
    along = np.empty(channels, features.dtype)
    product = np.empty(channels, features.dtype)
    for edge in range(index.shape[1]):
        sender, receiver, q = index[0, edge], index[1, edge], 0
        for path in range(len(sizes)):
            first = path * channels
            for c in range(channels):
                product[c] = factors[path] * features[sender, c] * weights[edge, first + c]
                along[c] = 0.0
            for _ in range(sizes[path]):
                value, total = harmonics[edge, q], features.dtype.type(0.0)
                for c in range(channels):
                    total += gradient[receiver, q, c] * product[c]
                    along[c] += gradient[receiver, q, c] * value
                to_harmonics[edge, q] = total
                q += 1
            for c in range(channels):
                scaled = factors[path] * along[c]
                to_weights[edge, first + c] = scaled * features[sender, c]
                to_features[sender, c] += scaled * weights[edge, first + c]


def _unpacked(arrays: np.ndarray, sizes) -> np.ndarray:
    """(N, Q C) in e3nn's order, where the channel comes before the component, to (N, Q, C)."""
    n, channels, done, parts = len(arrays), arrays.shape[1] // int(sum(sizes)), 0, []
    for size in sizes:
        block = arrays[:, done : done + size * channels].reshape(n, channels, size)
        parts.append(block.transpose(0, 2, 1))
        done += size * channels
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _packed(sums: np.ndarray, sizes) -> np.ndarray:
    """The inverse of `_unpacked`."""
    n, done, parts = len(sums), 0, []
    for size in sizes:
        parts.append(sums[:, done : done + size].transpose(0, 2, 1).reshape(n, -1))
        done += size
    return np.concatenate(parts, axis=1)


_registered = None


def _operator(torch):
    """The operation with its gradient, known to torch's dispatcher, so that a trace can hold it."""
    global _registered
    if _registered is not None:
        return _registered

    def arrays(*tensors):
        return [tensor.detach().contiguous().numpy() for tensor in tensors]

    def convolve(features, harmonics, weights, index, factors, sizes):
        x, y, w, edges, k, s = arrays(features, harmonics, weights, index, factors, sizes)
        sums = np.zeros((len(x), y.shape[1], x.shape[1]), x.dtype)
        _forward(x, y, w, edges, k, s, sums)
        return torch.from_numpy(_packed(sums, s))

    def convolve_backward(gradient, features, harmonics, weights, index, factors, sizes):
        g, x, y, w, edges, k, s = arrays(gradient, features, harmonics, weights, index, factors, sizes)
        to_x, to_y, to_w = np.zeros_like(x), np.empty_like(y), np.empty_like(w)
        _backward(_unpacked(g, s), x, y, w, edges, k, s, to_x, to_y, to_w)
        return torch.from_numpy(to_x), torch.from_numpy(to_y), torch.from_numpy(to_w)

    tensors = "Tensor features, Tensor harmonics, Tensor weights, Tensor index, Tensor factors, Tensor sizes"
    library = torch.library
    forwards = library.custom_op("compcalc::convolve", convolve, mutates_args=(), schema=f"({tensors}) -> Tensor")
    backwards = library.custom_op(
        "compcalc::convolve_backward",
        convolve_backward,
        mutates_args=(),
        schema=f"(Tensor gradient, {tensors}) -> (Tensor, Tensor, Tensor)",
    )

    def keep(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    def gradients(ctx, gradient):
        return (*backwards(gradient, *ctx.saved_tensors), None, None, None)

    forwards.register_autograd(gradients, setup_context=keep)
    _registered = forwards
    return forwards


def fuse_convolutions(torch, model) -> int:
    """Let the layers of a MACE model that have scalar features sum their messages in one pass; returns how many.

    A layer whose own product is not reproduced on random input is left as it is. For evaluation only: the operation has
    no second derivative.
    """
    fused = 0
    for layer in model.interactions:
        replacement = _replacement(torch, layer, next(model.parameters()).dtype)
        if replacement is not None:
            layer.conv_tp, layer.conv_fusion = replacement, True
            fused += 1
    return fused


def _replacement(torch, layer, dtype):
    own = getattr(layer, "conv_tp", None)
    if own is None or hasattr(layer, "conv_fusion") or not hasattr(own, "irreps_in1"):
        return None
    features, harmonics, out = list(own.irreps_in1), list(own.irreps_in2), list(own.irreps_out)
    channels = features[0].mul
    fits = (
        len(features) == 1
        and str(features[0].ir) == "0e"
        and all(part.mul == 1 for part in harmonics)
        and [(part.mul, part.ir) for part in out] == [(channels, part.ir) for part in harmonics]
        and own.weight_numel == channels * len(harmonics)
    )
    if not fits:
        return None
    sizes = torch.tensor([part.ir.dim for part in harmonics])
    ones = [torch.ones((1, n), dtype=dtype) for n in (channels, int(sizes.sum()), own.weight_numel)]
    starts = torch.cumsum(sizes * channels, 0) - sizes * channels
    factors = own(*ones)[0, starts].detach().clone()
    made = _fused_module(torch, factors, sizes, own)
    return made if _reproduces(torch, own, made, channels, dtype) else None


def _fused_module(torch, factors, sizes, own):
    operator = _operator(torch)

    class FusedConvolution(torch.nn.Module):
        """Features, harmonics, weights and edges to the sums of the messages.

        Called without edges, as by a layer that knows no fused form, it is the layer's own product.
        """

        def __init__(self):
            super().__init__()
            self.register_buffer("factors", factors)
            self.register_buffer("sizes", sizes)
            self.own, self.irreps_out = own, own.irreps_out

        def forward(self, node_feats, edge_attrs, weights, edge_index=None):
            if edge_index is None:
                return self.own(node_feats, edge_attrs, weights)
            return operator(node_feats, edge_attrs, weights, edge_index, self.factors, self.sizes)

    return FusedConvolution()


def _reproduces(torch, own, made, channels: int, dtype) -> bool:
    random = np.random.default_rng(0)
    q = int(made.sizes.sum())
    x, y, w = (
        torch.tensor(random.normal(size=shape), dtype=dtype) for shape in ((4, channels), (7, q), (7, own.weight_numel))
    )
    index = torch.tensor(random.integers(0, 4, size=(2, 7)))
    expected = torch.zeros((4, channels * q), dtype=dtype).index_add(0, index[1], own(x[index[0]], y, w))
    difference = (made(x, y, w, index) - expected).abs().max() / expected.abs().max()
    return bool(difference <= _TOLERANCE[str(dtype).removeprefix("torch.")])
