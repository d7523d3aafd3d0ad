"""Messages summed in one pass over the edges, against e3nn's own product and finite differences."""

import numpy as np
import pytest
import torch
from ase.build import molecule

import compcalc.calculators.mace as mace_module
from compcalc.calculators import mace_convolution
from compcalc.calculators.mace import MACE
from compcalc.calculators.mace_convolution import fuse_convolutions
from compcalc.calculators.mace_file import import_mace, load_model, shipped_model


def models(path, dtype):
    """The same model as it is and with its convolutions fused."""
    import_mace()
    plain, fused = (load_model(torch, path, torch.device("cpu"), dtype) for _ in range(2))
    return plain, fused, fuse_convolutions(torch, fused)


def random_input(model, layer, dtype, atoms=5, edges=12):
    own = model.interactions[layer].conv_tp
    random = np.random.default_rng(layer)
    shapes = ((atoms, own.irreps_in1.dim), (edges, own.irreps_in2.dim), (edges, own.weight_numel))
    made = [torch.tensor(random.normal(size=s), dtype=dtype, requires_grad=True) for s in shapes]
    return *made, torch.tensor(random.integers(0, atoms, size=(2, edges)))


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("layer", [0, 1])
def test_sums_and_gradients_are_those_of_the_layers_own_product(dtype, close, layer):
    plain, fused, count = models(shipped_model(), dtype)
    assert count == 2
    x, y, w, index = random_input(plain, layer, getattr(torch, dtype))
    messages = plain.interactions[layer].conv_tp(x[index[0]], y, w)
    expected = torch.zeros((len(x), messages.shape[1]), dtype=x.dtype).index_add(0, index[1], messages)
    found = fused.interactions[layer].conv_tp(x, y, w, index)
    weights = torch.tensor(np.random.default_rng(9).normal(size=expected.shape), dtype=x.dtype)
    wanted = torch.autograd.grad((weights * expected).sum(), (x, y, w))
    gradients = torch.autograd.grad((weights * found).sum(), (x, y, w))
    scale = float(expected.detach().abs().max())
    assert torch.allclose(found, expected, atol=close * scale)
    assert all(torch.allclose(a, b, atol=close * scale) for a, b in zip(gradients, wanted, strict=True))


def test_gradients_are_those_of_finite_differences():
    plain, fused, _ = models(shipped_model(), "float64")
    x, y, w, index = random_input(plain, 0, torch.float64, atoms=2, edges=3)
    assert torch.autograd.gradcheck(lambda *given: fused.interactions[0].conv_tp(*given, index), (x, y, w))


@pytest.mark.parametrize(("dtype", "close"), [("float32", 2e-5), ("float64", 1e-11)])
def test_the_calculator_gives_the_same_with_and_without(monkeypatch, dtype, close):
    fused = MACE(dtype=dtype)
    monkeypatch.setattr(mace_module, "fuse_convolutions", lambda *given: 0)
    plain = MACE(dtype=dtype)
    assert type(plain._model.interactions[0].conv_tp) is not type(fused._model.interactions[0].conv_tp)
    for name in ("C3H8", "CH4", "C6H6"):
        atoms = molecule(name)
        atoms.rattle(0.05, seed=1)
        assert fused.get_forces(atoms) == pytest.approx(plain.get_forces(atoms), abs=close)
        assert fused.get_potential_energy(atoms) == pytest.approx(plain.get_potential_energy(atoms), abs=close)


def test_layers_whose_features_are_vectors_keep_their_own_product(mace_models):
    plain, fused, count = models(mace_models["float64"], "float64")
    assert count == 1
    assert type(fused.interactions[1].conv_tp) is type(plain.interactions[1].conv_tp)


def test_a_product_that_is_not_reproduced_is_kept(monkeypatch):
    monkeypatch.setattr(mace_convolution, "_TOLERANCE", {"float32": -1.0})
    plain, fused, count = models(shipped_model(), "float32")
    assert count == 0
    assert type(fused.interactions[0].conv_tp) is type(plain.interactions[0].conv_tp)


def test_atoms_without_edges_get_nothing():
    _, fused, _ = models(shipped_model(), "float64")
    layer = fused.interactions[0].conv_tp
    sums = layer(
        torch.ones((3, 32), dtype=torch.float64),
        torch.ones((0, 9), dtype=torch.float64),
        torch.ones((0, 96), dtype=torch.float64),
        torch.zeros((2, 0), dtype=torch.long),
    )
    assert sums.shape == (3, 288) and not sums.any()


def test_a_layer_that_knows_no_fused_form_gets_its_own_product():
    plain, fused, _ = models(shipped_model(), "float64")
    x, y, w, index = random_input(plain, 0, torch.float64)
    given = (x[index[0]], y, w)
    assert torch.equal(fused.interactions[0].conv_tp(*given), plain.interactions[0].conv_tp(*given))
