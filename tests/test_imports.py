"""Who may import whom, and what importing compcalc costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import compcalc

ROOT = Path(compcalc.__file__).parent
OPEN = {"records", "units", "errors", "registry"}
EVERY_ROOM = {p.name for p in ROOT.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
ALLOWED = {
    "molecules": set(),
    "metrics": set(),
    "neighbours": set(),
    "tasks": {"molecules"},
    "reference": {"molecules", "tasks"},
    "calculators": {"neighbours", "molecules"},
    "ase_plugin": {"calculators"},
    "checks": {"molecules", "metrics"},
    "testing": {"checks", "molecules"},
    "dynamics": {"molecules", "metrics"},
    "training": {"tasks", "reference", "calculators"},
    "benchmark": {"training", "calculators"},
    "report": {"metrics", "schemas"},
    "schemas": set(),
    "results": {"schemas", "report", "execution"},
    "execution": set(),
    "pipeline": EVERY_ROOM - {"commands", "cli", "benchmark"},
    "commands": EVERY_ROOM - {"cli"},
    "cli": EVERY_ROOM,
    "__main__": {"cli"},
    "records": set(),
    "units": set(),
    "errors": set(),
    "registry": set(),
}


def rooms_imported(source: str, package: str) -> set[str]:
    """Rooms of compcalc that Python source imports, wherever in the file."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [f"{package}.{node.module or ''}"]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("compcalc.") and name.count(".") >= 1}
    return rooms & set(ALLOWED)


def violations(room: str, source: str) -> set[str]:
    return rooms_imported(source, f"compcalc.{room}") - ALLOWED[room] - OPEN - {room}


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        if relative.name != "__init__.py" or len(relative.parts) > 1:
            yield relative.parts[0].removesuffix(".py"), path


def test_every_room_has_a_rule():
    assert {room for room, _ in modules()} <= set(ALLOWED)


@pytest.mark.parametrize(("room", "path"), list(modules()), ids=lambda v: getattr(v, "name", v))
def test_imports_keep_to_the_design(room, path):
    assert not violations(room, path.read_text())


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("calculators", "from compcalc.tasks import get_task"),
        ("execution", "def f():\n    import compcalc.dynamics.guard"),
        ("dynamics", "from compcalc.calculators.mace import MACE"),
        ("metrics", "from compcalc import molecules"),
        ("pipeline", "from compcalc.cli import main"),
    ],
)
def test_a_violation_is_seen(room, source):
    assert violations(room, source)


def test_importing_compcalc_loads_nothing_heavy():
    heavy = {"torch", "rdkit", "numba", "ase", "scipy", "mace", "h5py", "tblite", "plotly", "pandas"}
    code = f"import sys, compcalc; print(sorted({heavy!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_listing_tasks_needs_no_torch():
    code = (
        "import sys, compcalc.cli as c\ntry:\n    c.app(['tasks'])\nexcept SystemExit:\n    pass\n"
        "print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("False")
