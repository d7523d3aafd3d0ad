"""Potentials in another interpreter: the same numbers as here, and a typed error for each way in which it fails."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed

from compcalc.calculators import get_calculator
from compcalc.calculators.isolation.isolated import IsolatedCalculator
from compcalc.errors import (
    ChildDiedError,
    ChildError,
    ChildGarbageError,
    ChildSilentError,
    DataError,
    InputError,
    MissingDependencyError,
    UnsupportedElementError,
)

RELATIVE = 1e-9
"""Positions pass through bohr and back, which costs a rounding."""

calls = count(1)

POTENTIAL = '''
import os, signal, socket, sys, time
import ase.units
import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Obedient(Calculator):
    """Springs between all atoms, and what charge, arrays, pbc and cell add; does what `info["do"]` says first."""

    implemented_properties = ["energy", "forces"]
    known = None

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        globals()[atoms.info.get("do", "nothing")]()
        apart = atoms.positions[:, None] - atoms.positions
        length = np.linalg.norm(apart, axis=2) + np.eye(len(atoms))
        pull = (1.0 - 1.5 / length)[:, :, None] * apart
        state = atoms.info.get("charge", 0) + 10 * atoms.get_initial_charges().sum() + 100 * atoms.pbc.sum()
        state += atoms.cell.array.sum() + 1e-3 * atoms.numbers @ np.arange(len(atoms))
        self.results = {
            "energy": 0.25 * np.sum((length - 1.5) ** 2) + state,
            "forces": -pull.sum(axis=1) * (1 + atoms.info.get("charge", 0)),
        }
        if atoms.info.get("do") == "nan":
            self.results["forces"][0, 0] = np.nan

    def get_property(self, name, atoms=None, allow_calculation=True):
        told = [a and (a.info.get("do"), a.info.get("charge")) for a in (atoms, self.atoms)]
        if None not in told and told[0] != told[1]:
            self.reset()
        return super().get_property(name, atoms, allow_calculation)


def nothing(): pass
nan = nothing
def fail(): raise RuntimeError("the spring broke")
def leave(): sys.exit(3)
def hoard(): raise MemoryError("Unable to allocate 9 TiB")
def crash(): os.kill(os.getpid(), signal.SIGSEGV)
def drop(): print("last words"); os._exit(7)
def hang(): time.sleep(1000)
def grind(): sum(range(10**13))  # holds the interpreter's lock, as C++ code may
def chatter(): print("python"); os.write(1, b"raw\\xff\\n"); os.write(2, b"error\\n"); assert sys.stdin.read() == ""


def sockets():
    names = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if os.path.lexists(f"/proc/self/fd/{fd}"):
            names[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return [fd for fd, name in sorted(names.items()) if name.startswith("socket:")]


def garble():
    for fd in sockets():
        os.write(fd, b"\\xff\\x00 this is neither i-PI nor JSON\\n")


def fork():
    """Dies, and leaves a process behind that holds every descriptor."""
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(9)


def hydrogen():
    from compcalc.calculators.checked import CheckedCalculator
    return CheckedCalculator(Obedient(), "hydrogen only", known_elements=["H"])


def picky():
    class Picky(Obedient):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            from compcalc.errors import InputError, UnsupportedElementError
            if 8 in atoms.numbers:
                raise UnsupportedElementError("picky", ["O"], ["H", "C"])
            if atoms.info.get("charge"):
                raise InputError("charge", atoms.info["charge"], "0", "Ask another.")
            super().calculate(atoms, properties, system_changes)
    return Picky()


def foreign_units():
    ase.units.Bohr *= 1.01
    ase.units.Ha *= 0.97
    return Obedient()


def surroundings():
    import importlib.util
    hidden = [name for name in ("catalogue", "isolation", "child", "process") if importlib.util.find_spec(name)]
    if hidden: raise RuntimeError(f"compcalc's own files can be imported: {hidden}")
    import compcalc
    beside = os.path.dirname(os.path.dirname(compcalc.__file__))
    if os.environ.get("APART") and beside in sys.path: raise RuntimeError("what lies beside compcalc can be imported")
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        if name in os.environ and not os.environ.get("APART"): raise RuntimeError(name + " was handed on")
    return Obedient()


def stubborn(): raise ValueError("no licence for you")
def deadly(): print("loading"); os._exit(5)
def slow(): time.sleep(1000)

def crystal():
    from ase.calculators.lj import LennardJones
    return LennardJones(sigma=2.5, epsilon=0.2, rc=6.0)
'''


@pytest.fixture(scope="module")
def potential_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("isolated") / "obedient.py"
    path.write_text(POTENTIAL)
    return path


@pytest.fixture(scope="module")
def spec(potential_file):
    return lambda name: f"file:{potential_file}:{name}"


@pytest.fixture(scope="module")
def obedient(spec):
    """One calculator for many tests: each failure must leave it usable."""
    with closing(IsolatedCalculator(spec("Obedient"), python=sys.executable, call_timeout_s=20)) as calculator:
        yield calculator


@pytest.fixture(scope="module")
def here(spec):
    return get_calculator(spec("Obedient"))


@pytest.fixture(autouse=True)
def no_stray_files():
    before = set(os.listdir("/tmp"))
    yield
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("ipi_")]


def told_to(what, name="H2O", **info):
    """A molecule, each time elsewhere: no cache answers for it."""
    atoms = molecule(name)
    atoms.positions += 0.01 * next(calls)
    atoms.info.update(info, do=what)
    return atoms


def agrees(there, here, atoms):
    energy, forces = here.get_potential_energy(atoms), here.get_forces(atoms)
    assert there.get_potential_energy(atoms) == pytest.approx(energy, rel=RELATIVE, abs=1e-12)
    np.testing.assert_allclose(there.get_forces(atoms), forces, rtol=RELATIVE, atol=RELATIVE * np.abs(forces).max())


def gone(pid, within_s=2.0):
    """Whether process `pid` ends; a zombie has ended."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


# The same numbers


def test_molecules_in_alternation_agree_with_this_process(obedient, here):
    child = obedient._child
    for name in ("H2O", "CH3CH2OH", "H2O", "NH3", "CH3CH2OH"):
        atoms = molecule(name)
        for _ in range(2):
            atoms.rattle(0.05, rng=np.random.default_rng(len(name)))
            agrees(obedient, here, atoms)
    assert obedient._child is child


def test_the_order_of_atoms_is_kept(obedient, here):
    atoms = molecule("CH3CH2OH")
    for order in (np.arange(9)[::-1], np.random.default_rng(0).permutation(9)):
        agrees(obedient, here, atoms[order])


@pytest.mark.parametrize(
    "info", [{"charge": 1}, {"charge": np.int64(-1), "spin": 2}, {"a": np.zeros(3), "b": object()}]
)
def test_info_reaches_the_potential(obedient, here, info):
    atoms = molecule("H2O")
    agrees(obedient, here, atoms)
    atoms.info.update(info)
    atoms.positions[0, 2] += 0.1
    agrees(obedient, here, atoms)


def test_arrays_cells_and_periodicity_reach_the_potential(obedient, here):
    atoms = molecule("H2O")
    atoms.set_initial_charges([0.5, 0.25, 0.25])
    agrees(obedient, here, atoms)
    atoms.cell[:] = [[9, 0, 0], [1, 8, 0], [0, 2, 7]]
    agrees(obedient, here, atoms)
    atoms.pbc = [True, True, False]
    agrees(obedient, here, atoms)
    atoms.cell[0, 0] = 9.5
    agrees(obedient, here, atoms)


def test_xtb_agrees_with_this_process():
    there = IsolatedCalculator("tblite:GFN2-xTB", python=sys.executable)
    here = get_calculator("tblite:GFN2-xTB")
    with closing(there):
        for name in ("H2O", "CH3OH"):
            there.forget(), here.forget()
            agrees(there, here, molecule(name))
    assert there.versions["python"] == sys.version.split()[0]


def test_constants_of_another_ase_cancel(spec, here):
    with closing(IsolatedCalculator(spec("foreign_units"), python=sys.executable)) as there:
        agrees(there, here, molecule("CH3OH"))


def test_stress_agrees_with_this_process(spec):
    crystal = bulk("Ar", "fcc", a=4.0)
    here = get_calculator(spec("crystal"))
    with closing(IsolatedCalculator(spec("crystal"), python=sys.executable)) as there:
        crystal.rattle(0.1, rng=np.random.default_rng(0))
        np.testing.assert_allclose(there.get_stress(crystal), here.get_stress(crystal), rtol=RELATIVE)
        agrees(there, here, crystal)


def test_forces_that_are_not_finite_arrive(obedient):
    forces = obedient.get_forces(told_to("nan"))
    assert np.isnan(forces[0, 0]) and np.isfinite(forces[1:]).all()


def test_prepare_and_forget_keep_the_process(obedient, here):
    child = obedient._child
    obedient.prepare(molecule("NH3"))
    obedient.forget()
    agrees(obedient, here, molecule("NH3"))
    assert obedient._child is child


# Exceptions: the process stays


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("fail", "RuntimeError: the spring broke"),
        ("leave", "SystemExit: 3"),
        ("hoard", "out of memory .*9 TiB"),
    ],
)
def test_an_exception_arrives_with_its_type_and_text(obedient, here, what, text):
    child = obedient._child
    for _ in range(2):
        with pytest.raises(CalculationFailed, match=text):
            obedient.get_potential_energy(told_to(what))
    agrees(obedient, here, molecule("H2O"))
    assert obedient._child is child


def test_exceptions_that_speak_of_the_input_arrive_as_they_were(spec):
    with closing(IsolatedCalculator(spec("picky"), python=sys.executable)) as there:
        with pytest.raises(UnsupportedElementError) as caught:
            there.get_potential_energy(molecule("H2O"))
        assert (caught.value.unknown, caught.value.known) == (["O"], ["C", "H"])
        with pytest.raises(InputError, match="charge: got 1; allowed: 0. Ask another."):
            there.get_potential_energy(told_to("nothing", "CH4", charge=1))
        assert np.isfinite(there.get_potential_energy(molecule("CH4")))


def test_known_elements_are_those_of_the_potential(spec):
    with (
        closing(IsolatedCalculator(spec("hydrogen"), python=sys.executable)) as there,
        pytest.raises(UnsupportedElementError, match="does not know the element.s. O"),
    ):
        there.get_potential_energy(molecule("H2O"))


def test_printing_disturbs_nothing(obedient, here):
    assert np.isfinite(obedient.get_potential_energy(told_to("chatter")))
    assert "python\nraw\ufffd\nerror" in obedient._child.log.tail()


def test_a_log_that_grows_long_is_emptied(obedient, monkeypatch):
    monkeypatch.setattr("compcalc.calculators.isolation.process._LOG_MOST", 10)
    obedient.get_potential_energy(told_to("chatter"))
    obedient.get_potential_energy(told_to("nothing"))
    assert obedient._child.log.tail() == ""


# Failures of the process: the next evaluation starts another


@pytest.mark.parametrize(
    ("what", "kind", "text"),
    [
        ("crash", ChildDiedError, r"ended \(signal 11, SIGSEGV\) while it computed H2O.*Segmentation fault"),
        ("drop", ChildDiedError, r"ended \(exit code 7\) while it computed H2O.*last words"),
        ("fork", ChildDiedError, r"ended \(exit code 9\)"),
        ("garble", ChildGarbageError, "sent .*xff.* while it computed H2O"),
    ],
)
def test_a_process_that_fails_is_replaced(obedient, here, what, kind, text):
    with pytest.raises(kind, match=f"(?s)Obedient in .*{text}") as caught:
        obedient.get_potential_energy(told_to(what))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is kind and str(copy) == str(caught.value) and sys.executable in str(copy)
    agrees(obedient, here, molecule("H2O"))


def test_a_process_that_hangs_is_stopped(obedient, here, monkeypatch):
    monkeypatch.setattr(obedient, "call_timeout_s", 1.0)
    pid = obedient._running()._process.pid
    with pytest.raises(ChildSilentError, match="no answer within 1 s while it computed H2O"):
        obedient.get_potential_energy(told_to("hang"))
    assert gone(pid)
    monkeypatch.undo()
    agrees(obedient, here, molecule("H2O"))


def test_a_process_killed_between_two_calls_is_told_and_replaced(obedient, here):
    agrees(obedient, here, molecule("NH3"))
    os.kill(obedient._child._process.pid, signal.SIGKILL)
    with pytest.raises(ChildDiedError, match="signal 9, SIGKILL"):
        obedient.get_potential_energy(molecule("H2O"))
    agrees(obedient, here, molecule("H2O"))


def test_a_process_that_is_gone_has_nothing_to_forget(obedient, here):
    os.kill(obedient._running()._process.pid, signal.SIGKILL)
    obedient.forget()
    agrees(obedient, here, molecule("H2O"))


def test_an_interrupt_leaves_no_half_answer(obedient, here, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("compcalc.calculators.isolation.process.Child.wait_for", interrupted)
        obedient.get_potential_energy(molecule("NH3"))
    agrees(obedient, here, molecule("H2O"))


def test_outcomes_of_a_run(obedient):
    from compcalc.dynamics.ase_engine import run_protocol
    from compcalc.dynamics.protocols import Protocol
    from compcalc.records import Molecule

    for error, kind in ((ChildDiedError, "crashed"), (ChildSilentError, "timeout"), (ChildError, "calculator_error")):

        class Broken:
            def forget(self, error=error):
                raise error("p", "python", "it failed", "CUDA out of memory, said earlier")

        water = molecule("H2O")
        bonds = np.array([[0, 1], [0, 2]])
        protocol = Protocol("nve", production_ps=0.01, equilibration_ps=0.0)
        trajectory = run_protocol(Molecule("w", "O"), water.numbers, water.positions, bonds, Broken(), protocol)
        assert trajectory.outcome.kind == kind


# Starting


def fake_interpreter(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("name", "text"), [("absent", "no such file"), ("plain", "not executable"), ("", "directory")])
def test_what_is_no_interpreter_is_refused(tmp_path, name, text):
    (tmp_path / "plain").write_text("")
    with pytest.raises(InputError, match=text):
        IsolatedCalculator("mmff94", python=tmp_path / name)


def test_a_limit_that_is_no_time_is_refused():
    with pytest.raises(InputError, match="call_timeout_s: got nan"):
        IsolatedCalculator("mmff94", python=sys.executable, call_timeout_s=float("nan"))


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ('exec "%s" -I -S "$@"', MissingDependencyError, "'ase and numpy'.*-m pip install ase numpy"),
        ("echo no licence; exit 3", ChildDiedError, "exit code 3.*no licence"),
        ("echo hello >&0; sleep 100", ChildGarbageError, "sent b'hello' on its channel while it loaded"),
        ("sleep 100", ChildSilentError, "no answer within 0.5 s while it loaded"),
    ],
)
def test_interpreters_that_are_of_no_use(tmp_path, body, kind, text):
    python = fake_interpreter(tmp_path / "python", body.replace("%s", sys.executable))
    limit = 0.5 if kind is ChildSilentError else 30
    with pytest.raises(kind, match=f"(?s){text}"):
        IsolatedCalculator("mmff94", python=python, start_timeout_s=limit)


def test_a_file_that_cannot_be_run_is_refused(tmp_path):
    path = fake_interpreter(tmp_path / "python", "")
    path.write_text("#!/no/such/thing\n")
    with pytest.raises(InputError, match="cannot be run"):
        IsolatedCalculator("mmff94", python=path)


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("stubborn", DataError, "ValueError: no licence for you"),
        ("absent", InputError, "factory: got 'absent'"),
        ("deadly", ChildDiedError, "(?s)exit code 5.*loading"),
    ],
)
def test_a_potential_that_cannot_be_built_there_says_why(spec, name, kind, text):
    with pytest.raises(kind, match=text):
        IsolatedCalculator(spec(name), python=sys.executable)


def test_three_failed_starts_in_a_row_are_enough(tmp_path, spec):
    python = fake_interpreter(tmp_path / "python", f'exec "{sys.executable}" "$@"')
    calculator = IsolatedCalculator(spec("Obedient"), python=python)
    calculator.close()
    fake_interpreter(python, "exit 4")
    atoms = molecule("H2O")
    for _ in range(3):
        with pytest.raises(ChildDiedError, match="exit code 4"):
            calculator.get_potential_energy(atoms)
    with pytest.raises(ChildError, match="failed to start 3 times in a row"):
        calculator.get_potential_energy(atoms)


def test_ase_and_numpy_are_enough_on_the_other_side(tmp_path, spec, monkeypatch):
    """An interpreter that sees these two packages alone, behind a script that stays between the two processes."""
    import ase

    site, packages = Path(ase.__file__).parents[1], tmp_path / "packages"
    packages.mkdir()
    for name in ("ase", "numpy", "numpy.libs"):
        if (site / name).exists():
            (packages / name).symlink_to(site / name)
    python = fake_interpreter(
        tmp_path / "python", f'APART=1 PYTHONPATH="{packages}" "{sys.executable}" -S "$@"\nexit $?'
    )
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    here = get_calculator(spec("Obedient"))
    with closing(IsolatedCalculator(spec("surroundings"), python=python)) as there:
        agrees(there, here, molecule("H2O"))
    with pytest.raises(MissingDependencyError, match=f"rdkit.*{python} -m pip install rdkit"):
        IsolatedCalculator("mmff94", python=python)


def test_paths_keep_their_meaning(tmp_path, potential_file, monkeypatch):
    """Of the interpreter and of the spec, also when the process is replaced after a change of directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    shutil.copy(potential_file, "mine.py")
    (tmp_path / "bin").mkdir()
    fake_interpreter(tmp_path / "bin" / "python", f'exec "{sys.executable}" "$@"')
    with closing(IsolatedCalculator("file:mine.py:surroundings", python="bin/python")) as there:
        first = there.get_potential_energy(molecule("H2O"))
        there.close()
        monkeypatch.chdir("/")
        there.forget()
        assert there.get_potential_energy(molecule("H2O")) == first


@pytest.mark.slow
def test_a_fresh_environment_with_ase_alone(tmp_path, spec):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    with pytest.raises(MissingDependencyError, match="'ase and numpy'"):
        IsolatedCalculator(spec("Obedient"), python=python)
    subprocess.run([python, "-m", "pip", "install", "-q", "ase", "numpy"], check=True)
    with closing(IsolatedCalculator(spec("Obedient"), python=python)) as there:
        agrees(there, get_calculator(spec("Obedient")), molecule("CH3CH2OH"))


# Ending


def test_the_process_ends_with_the_object_and_survives_the_thread_that_started_it(spec):
    made = []
    thread = Thread(target=lambda: made.append(IsolatedCalculator(spec("Obedient"), python=sys.executable)))
    thread.start()
    thread.join()
    pid = made[0]._child._process.pid
    time.sleep(0.2)
    assert np.isfinite(made[0].get_potential_energy(molecule("H2O")))
    made.clear()
    assert gone(pid)


PARENT = """
import sys, threading
from ase.build import molecule
from compcalc.calculators.isolation.isolated import IsolatedCalculator

def main(spec, what):
    calculator = IsolatedCalculator(spec, python=sys.executable)
    print(calculator._child._process.pid, flush=True)
    atoms = molecule("H2O")
    atoms.info["do"] = what
    calculator.get_potential_energy(atoms)
    if what == "nothing" and sys.argv[4:] == ["stay"]:
        sys.stdin.read()

run = threading.Thread(target=main, args=sys.argv[1:3]) if sys.argv[3] == "thread" else None
run.start() if run else main(*sys.argv[1:3])
"""


@pytest.fixture
def parent(spec):
    """Start a parent process; gives it and the process that it started."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT, spec("Obedient"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("arguments", [("grind", "main"), ("hang", "thread"), ("nothing", "main", "stay")])
def test_a_killed_parent_takes_the_process_with_it(parent, arguments):
    process, pid = parent(*arguments)
    time.sleep(0.5)
    process.kill()
    assert gone(pid)


def test_the_process_ends_when_its_parent_ends_well(parent):
    process, pid = parent("nothing", "main")
    process.communicate()
    assert process.returncode == 0
    assert gone(pid, within_s=0.5)


kept = []


def evaluate_in_worker(spec):
    kept.append(IsolatedCalculator(spec, python=sys.executable))
    return kept[0]._child._process.pid, kept[0].get_potential_energy(molecule("H2O"))


def test_a_worker_of_a_pool_has_a_process_of_its_own(spec, here):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pid, energy = pool.submit(evaluate_in_worker, spec("Obedient")).result()
        assert energy == pytest.approx(here.get_potential_energy(molecule("H2O")), rel=RELATIVE)
        assert Path(f"/proc/{pid}").exists()
    assert gone(pid)
