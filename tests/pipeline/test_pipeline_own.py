"""Runs on molecules of the user's own: refused with a reason, checked, run, and labelled on request."""

import json

import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write
from test_pipeline_run import without_clocks

from compcalc.errors import InputError, MoleculeError
from compcalc.pipeline import Progress, RunSettings, run
from compcalc.pipeline.own import OwnInput
from compcalc.pipeline.verifying import verify

pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture
def few_frames(monkeypatch):
    """Two starts of 10 fs and four frames instead of the product's numbers."""
    from compcalc.reference.sampler import SamplerSettings

    monkeypatch.setattr("compcalc.pipeline.own.SAMPLER", SamplerSettings(2, torsion_fs=10, settle_fs=10, spacing_fs=5))
    monkeypatch.setattr("compcalc.pipeline.own.N_FRAMES", 4)


def own(*molecules, spec="mmff94", **options):
    return RunSettings(spec, molecules=molecules, **{"workers": 0, **options})


def test_checks_and_dynamics_of_a_smiles_and_a_file(tmp_path):
    write(tmp_path / "ethanol.xyz", molecule("CH3CH2OH"))
    done = run(own("CC", str(tmp_path / "ethanol.xyz")), tmp_path / "run")
    metrics = done["metrics"]
    assert [row["molecule"] for row in metrics["checks"]["molecules"]] == ["CC", "ethanol"]
    assert {row["verdict"] for row in metrics["checks"]["molecules"]} == {"pass"}
    names = {finding["name"] for finding in metrics["checks"]["molecules"][0]["findings"]}
    assert {"rotation", "forces", "bond_stretch", "determinism"} <= names and "free_energy" not in names
    assert metrics["static"] is None and metrics["own_molecules"]
    outcomes = [(row["molecule"], row["protocol"], row["outcome"]) for row in metrics["md"]["runs"]]
    assert outcomes == [(m, p, "completed") for m in ("CC", "ethanol") for p in ("nve", "nvt")]
    assert done["manifest"]["task"] is None
    page = (tmp_path / "run/report.html").read_text()
    assert "Physical checks" in page and "all as it should be" in page
    assert "Accuracy beside stability" in page and "OOD/ID force error" not in page
    (tmp_path / "ethanol.xyz").unlink()
    assert [found.good for found in verify(tmp_path / "run")] == [True], "the directory needs the file no more"


def test_a_reference_gives_errors_and_the_method_itself_has_none(tmp_path, few_frames):
    write(tmp_path / "water.xyz", molecule("H2O"))
    sources = ("C", str(tmp_path / "water.xyz"))
    done = run(own(*sources, spec="tblite:GFN2-xTB", reference="tblite:GFN2-xTB", only="static"), tmp_path / "run")
    rows = done["metrics"]["static"]["molecules"]
    assert [(row["molecule"], row["n_frames"]) for row in rows] == [("C", 4), ("water", 4)]
    assert max(row["force_mae_mev_per_angstrom"] for row in rows) < 1e-2
    other = run(own(*sources, reference="tblite:GFN2-xTB", only="static"), tmp_path / "other")
    assert min(row["force_mae_mev_per_angstrom"] for row in other["metrics"]["static"]["molecules"]) > 20
    assert "these molecules" in (tmp_path / "other/report.html").read_text()
    again = run(own(*sources, reference="tblite:GFN2-xTB", only="static"), tmp_path / "other")
    assert again["metrics"] == other["metrics"]
    assert [found.good for found in verify(tmp_path / "other")] == [True]


def test_what_cannot_be_used_is_named_and_costs_nothing_else(tmp_path):
    notices = []
    radical, ion, two = "[CH3]", "CC(=O)[O-]", "O.O"
    done = run(
        own("C", radical, ion, two, "nonsense", only="md"), tmp_path / "run", progress=Progress(notice=notices.append)
    )
    assert [row["molecule"] for row in done["metrics"]["md"]["runs"]] == ["C", "C"]
    assert list(done["manifest"]["refused"]) == [radical, ion, two, "nonsense"]
    assert len(notices) == 4 and all("is left out" in text for text in notices)
    assert "charge -1" in (tmp_path / "run/report.html").read_text()
    with pytest.raises(MoleculeError, match="none of the 2 molecules can be used"):
        run(own(radical, ion), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_molecule_that_the_reference_cannot_label_is_still_checked_and_run(tmp_path, few_frames):
    notices = []
    silane = molecule("SiH4")
    write(tmp_path / "silane.xyz", silane)
    settings = own("C", str(tmp_path / "silane.xyz"), spec="tblite:GFN2-xTB", reference="ani:")
    done = run(settings, tmp_path / "run", progress=Progress(notice=notices.append))
    assert [row["molecule"] for row in done["metrics"]["static"]["molecules"]] == ["C"]
    assert {row["molecule"] for row in done["metrics"]["md"]["runs"]} == {"C", "silane"}
    assert any("ani: fails on silane" in text for text in notices)


def test_a_single_atom_and_a_diatomic_are_run(tmp_path):
    write(tmp_path / "neon.xyz", Atoms("Ne"))
    write(tmp_path / "n2.xyz", molecule("N2"))
    sources = (str(tmp_path / "neon.xyz"), str(tmp_path / "n2.xyz"))
    done = run(own(*sources, spec="tblite:GFN2-xTB"), tmp_path / "run")
    assert {row["outcome"] for row in done["metrics"]["md"]["runs"]} == {"completed"}
    text = json.dumps(done["metrics"], allow_nan=False)
    assert "neon" in text and (tmp_path / "run/report.html").is_file()


def test_names_depend_on_the_molecules_and_the_order_of_values_is_free():
    first, second = OwnInput(own("CCO")), OwnInput(own("CCC"))
    assert first.name != second.name and first.name.startswith("mmff94-own-CCO-")
    assert OwnInput(own("CCO", reference="mmff94")).name != first.name


def test_a_task_and_own_molecules_are_not_mixed():
    with pytest.raises(InputError, match="a task, or molecules of your own, and not both"):
        RunSettings("mmff94", "length", molecules=("C",))
    with pytest.raises(InputError, match="a task, or molecules"):
        RunSettings("mmff94")
    with pytest.raises(InputError, match="reference"):
        RunSettings("mmff94", "length", reference="mmff94")


def test_a_process_that_dies_in_the_checks_of_one_molecule(tmp_path):
    (tmp_path / "dies.py").write_text(DIES)
    done = run(own("C", "CC", spec=f"file:{tmp_path / 'dies.py'}:Dies", workers=1), tmp_path / "run")
    rows = {row["molecule"]: row for row in done["metrics"]["checks"]["molecules"]}
    assert "exit code 7" in rows["CC"]["cause"] and rows["CC"]["verdict"] is None
    assert rows["C"]["cause"] is None and rows["C"]["findings"]
    assert "none could be made" in (tmp_path / "run/report.html").read_text()
    assert without_clocks(done["metrics"])["md"]["summary"]["nve"]["n_runs"] == 2


DIES = """
import os

from ase.calculators.calculator import Calculator, all_changes

from compcalc import get_calculator


class Dies(Calculator):
    implemented_properties = ["energy", "forces"]

    def __init__(self):
        super().__init__()
        self.inner, self.calls = get_calculator("mmff94"), 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if len(atoms) == 16:  # two copies of ethane
            os._exit(7)
        copy = atoms.copy()
        self.results = {"energy": self.inner.get_potential_energy(copy), "forces": self.inner.get_forces(copy)}
"""
