"""Which inputs a function or a module asks for, read from the names of its parameters."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compcalc.errors import InputError

ALIASES = {
    "atoms": ("atoms",),
    "numbers": ("numbers", "atomic_numbers", "z", "species", "elements"),
    "types": ("types", "atom_types", "type_index", "species_index"),
    "positions": ("positions", "coordinates", "coords", "pos", "xyz", "r"),
    "cell": ("cell", "lattice", "box", "unit_cell"),
    "pbc": ("pbc", "periodic"),
    "charge": ("charge", "total_charge"),
    "spin": ("spin", "multiplicity", "mult", "spin_multiplicity"),
    "edge_index": ("edge_index", "edges"),
    "edge_vectors": ("edge_vectors", "edge_vec", "vectors"),
    "edge_lengths": ("edge_lengths", "distances", "edge_weight"),
    "shifts": ("shifts", "edge_shifts", "shift_vectors"),
    "unit_shifts": ("unit_shifts", "cell_shifts", "edge_cell_shift"),
    "batch": ("batch", "batch_index"),
    "ptr": ("ptr",),
    "n_graphs": ("n_graphs", "num_graphs"),
}
"""Input -> names of a parameter, in lower case, that stand for it."""

GRAPH_INPUTS = ("edge_index", "edge_vectors", "edge_lengths", "shifts", "unit_shifts")
DICTIONARY = ("data", "inputs", "input_dict", "graph", "sample", "batch_dict")
"""Names of the only parameter of a module that takes all its inputs in one dictionary."""

_ORDER = {1: ("atoms",), 2: ("numbers", "positions"), 4: ("numbers", "positions", "cell", "pbc")}
"""What so many parameters of a function stand for where their names do not say it."""

_MEANING = {name: meaning for meaning, names in ALIASES.items() for name in names}


@dataclass(frozen=True)
class CallPlan:
    """How to call something.

    Attributes:
        positional: inputs in the order of the positional arguments.
        keywords: parameter name -> input.
        dictionary: all inputs are passed in one dictionary.
    """

    positional: tuple[str, ...] = ()
    keywords: tuple[tuple[str, str], ...] = ()
    dictionary: bool = False

    @property
    def inputs(self) -> set[str]:
        """Every input that is asked for; with a dictionary, every input there is but `atoms`."""
        if self.dictionary:
            return set(ALIASES) - {"atoms"}
        return {*self.positional, *(meaning for _, meaning in self.keywords)}

    def call(self, target: Callable, given: dict) -> object:
        """Call `target` with the inputs in `given`."""
        if self.dictionary:
            return target({key: value for key, value in given.items() if value is not None})
        keywords = {name: given[meaning] for name, meaning in self.keywords}
        return target(*(given[meaning] for meaning in self.positional), **keywords)


@dataclass(frozen=True)
class _Parameter:
    name: str
    required: bool
    keyword_only: bool = False

    @property
    def meaning(self) -> str | None:
        return _MEANING.get(self.name.lower())


def plan_function(function: Callable, name: str) -> CallPlan:
    """For a Python function of atoms, or of (numbers, positions[, cell, pbc]) in this order or by these names.

    Raises:
        InputError: a required parameter that means nothing known.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return CallPlan(positional=("numbers", "positions"))
    known = [_parameter(p) for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p for p in known if p.required]
    if not known and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return CallPlan(positional=("numbers", "positions"))
    order = _ORDER.get(len(required), ())
    in_order = len(order) == len(required) and all(
        p.meaning in (None, wanted) and not p.keyword_only for p, wanted in zip(required, order, strict=True)
    )
    if in_order and any(p.meaning is None for p in required):
        return CallPlan(positional=order)
    return _by_name(known, name)


def asks_for_geometry(function: Callable) -> bool:
    """Whether the names of a function's parameters say that it computes something of a geometry."""
    try:
        parameters = [_parameter(p) for p in inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return False
    required = [p for p in parameters if p.required]
    return (
        bool(required)
        and all(p.meaning for p in required)
        and any(p.meaning in ("atoms", "positions") for p in required)
    )


def plan_module(parameters: Iterable[tuple[str, bool]], name: str) -> CallPlan:
    """For a torch module, from the (name, required) of each parameter of its `forward`.

    Raises:
        InputError: a required parameter that means nothing known.
    """
    known = [_Parameter(n, required) for n, required in parameters]
    required = [p for p in known if p.required] or known[:1]
    if len(required) == 1 and required[0].name.lower() in DICTIONARY:
        return CallPlan(dictionary=True)
    # `forward(data)` and `forward(batch)` take a dictionary too; a lone `batch` cannot be an index.
    if len(required) == 1 and required[0].meaning == "batch":
        return CallPlan(dictionary=True)
    if len(required) == 1 and required[0].meaning is None:
        return CallPlan(positional=("positions",))
    if len(required) == 2 and all(p.meaning is None for p in required):
        return CallPlan(positional=("numbers", "positions"))
    # Positional as far as possible: scripted and exported modules may take no keywords.
    plan = _by_name(known, name)
    meanings = [p.meaning for p in known]
    upto = len(plan.keywords)
    if [meaning for _, meaning in plan.keywords] == meanings[:upto]:
        return CallPlan(positional=tuple(meanings[:upto]))
    return plan


def _parameter(parameter: inspect.Parameter) -> _Parameter:
    return _Parameter(parameter.name, parameter.default is parameter.empty, parameter.kind is parameter.KEYWORD_ONLY)


def _by_name(parameters: list[_Parameter], name: str) -> CallPlan:
    unknown = [p.name for p in parameters if p.required and p.meaning is None]
    if unknown:
        raise InputError(
            f"parameter of {name}",
            unknown[0],
            "; ".join(f"{meaning} ({', '.join(names)})" for meaning, names in ALIASES.items()),
            "Rename it, or wrap a function of (numbers, positions) or of atoms that calls yours.",
        )
    taken = [(p.name, p.meaning) for p in parameters if p.meaning is not None]
    if not {"atoms", "positions", *GRAPH_INPUTS} & {meaning for _, meaning in taken}:
        raise InputError(
            f"parameters of {name}",
            [p.name for p in parameters],
            "atoms, or positions among them",
            "The energy has to depend on the geometry.",
        )
    return CallPlan(keywords=tuple(taken))
