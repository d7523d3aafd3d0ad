"""Tables of what there is: tasks, calculators."""

from collections import defaultdict
from itertools import groupby

from rich.table import Table
from rich.text import Text

from compcalc.calculators import SCHEMES, get_scheme
from compcalc.records import Molecule
from compcalc.tasks import Task


def task_lines(tasks: list[Task]) -> list[str]:
    """A task's question, then for each variant what trains (and is the ID test) and what is the OOD test."""
    lines = []
    for name, variants in groupby(tasks, key=lambda task: task.task):
        variants = list(variants)
        lines += ["", f"{name}: {variants[0].question}"]
        for task in variants:
            lines += [
                f"  {task.variant}",
                f"    train, ID test  {molecules_in_words(task.train)}",
                f"    OOD test        {molecules_in_words(task.ood)}",
            ]
    return lines[1:]


def molecules_in_words(molecules: tuple[Molecule, ...]) -> str:
    """`alkane 2-6, alcohol 2,3,9-15 (14 molecules)`."""
    counts = defaultdict(list)
    for molecule in molecules:
        family, _, n = molecule.name.partition("/")
        counts[family].append(int(n))
    words = ", ".join(f"{family} {_ranges(sorted(numbers))}" for family, numbers in counts.items())
    return f"{words} ({len(molecules)} molecules)"


def _ranges(numbers: list[int]) -> str:
    parts = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        values = [n for _, n in run]
        if len(values) > 2:
            parts.append(f"{values[0]}-{values[-1]}")
        else:
            parts += map(str, values)
    return ",".join(parts)


def calculator_rows() -> list[dict]:
    """One row a scheme: name, summary, example, whether it is available, what to install, who adds it."""
    rows = []
    for name in SCHEMES.names():
        try:
            scheme = get_scheme(name)
            missing = scheme.missing()
        except Exception as error:  # somebody else's entry point must not hide the others
            rows.append(
                {
                    "scheme": name,
                    "summary": f"cannot be loaded ({type(error).__name__}: {error})",
                    "example": "",
                    "available": False,
                    "install": "",
                    "from": SCHEMES.origin(name),
                }
            )
            continue
        rows.append(
            {
                "scheme": name,
                "summary": scheme.summary,
                "example": scheme.example,
                "available": not missing,
                "install": scheme.install if missing else "",
                "from": SCHEMES.origin(name),
            }
        )
    return rows


def calculator_table(rows: list[dict]) -> Table:
    """The rows of `calculator_rows` for a person."""
    table = Table(title="Calculators")
    for header in ("scheme", "what it is", "example", "available"):
        table.add_column(header, overflow="fold")
    for row in rows:
        available = "yes" if row["available"] else f"no: {row['install']}".rstrip(": ")
        summary = row["summary"] if row["from"] == "compcalc" else f"{row['summary']} (from {row['from']})"
        # As Text: [extra] in an install command is no markup.
        table.add_row(*(Text(cell) for cell in (row["scheme"], summary, row["example"], available)))
    return table
