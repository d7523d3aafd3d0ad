"""Which schemes there are, what each needs, and how to build one. Nothing heavy is imported before it is asked for."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.checked import CheckedCalculator
from compcalc.calculators.spec import Spec, parse_spec
from compcalc.errors import CompcalcError, DataError, InputError, MissingDependencyError
from compcalc.registry import Registry

ENTRY_POINT_GROUP = "compcalc.calculators"


@dataclass(frozen=True)
class Scheme:
    """A kind of potential.

    A package adds its own by an entry point in the group `compcalc.calculators` that refers to a Scheme, or to a
    function `(argument, **options)` that returns an ASE calculator.

    Attributes:
        build: `(argument, **options)` -> ASE calculator.
        summary: one line for the list.
        example: a spec.
        requires: import names of the packages it needs.
        install: what to install when one of them is missing.
    """

    build: Callable[..., BaseCalculator]
    summary: str
    example: str
    requires: tuple[str, ...] = ()
    install: str = ""

    def missing(self) -> list[str]:
        """Packages that are needed and not installed."""
        return [name for name in self.requires if not _installed(name)]


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:  # of a dotted name, the package above it
        return False


SCHEMES = Registry(
    "scheme",
    {
        "mace": "compcalc.calculators.mace:SCHEME",
        "mace-off": "compcalc.calculators.mace_foundation:OFF",
        "mace-mp": "compcalc.calculators.mace_foundation:MP",
        "ani": "compcalc.calculators.ani:SCHEME",
        "tblite": "compcalc.calculators.xtb:SCHEME",
        "linear": "compcalc.calculators.linear:SCHEME",
        "additive": "compcalc.calculators.additive.calculator:SCHEME",
        "delta": "compcalc.calculators.delta:SCHEME",
        "mmff94": "compcalc.calculators.mmff94:SCHEME",
        "pyscf": "compcalc.calculators.pyscf:SCHEME",
        "sevennet": "compcalc.calculators.sevennet:SCHEME",
        "chgnet": "compcalc.calculators.chgnet:SCHEME",
        "graph-pes": "compcalc.calculators.graph_pes:SCHEME",
        "metatomic": "compcalc.calculators.metatomic:SCHEME",
        "aimnet2": "compcalc.calculators.aimnet2:SCHEME",
        "orb": "compcalc.calculators.orb:SCHEME",
        "uma": "compcalc.calculators.uma:SCHEME",
        "ase": "compcalc.calculators.ase_builtin:SCHEME",
        "torch": "compcalc.calculators.wrapping.torch_file:SCHEME",
        "python": "compcalc.calculators.user:PYTHON",
        "file": "compcalc.calculators.user:FILE",
    },
    group=ENTRY_POINT_GROUP,
)


def get_scheme(name: str) -> Scheme:
    """The scheme called `name`.

    Raises:
        UnknownNameError: there is none.
    """
    found = SCHEMES.load(name)
    if isinstance(found, Scheme):
        return found
    summary = (inspect.getdoc(found) or name).splitlines()[0]
    return Scheme(build=found, summary=summary, example=name)


def get_calculator(spec: str | Spec, **options) -> BaseCalculator:
    """Build the ASE calculator that `spec` names, such as `mace:default` or `tblite:GFN2-xTB?accuracy=0.1`.

    Options may also be given as keywords: `get_calculator("tblite:GFN2-xTB", accuracy=0.1)`.

    Model files and Python files run code when they are loaded; only the file that the spec names is loaded. With the
    option `python=path` the potential runs in that interpreter, which needs its own packages, ase and numpy.

    Raises:
        UnknownNameError: the scheme is unknown.
        MissingDependencyError: a package is missing.
        InputError: an option that the scheme does not have, or what was built is no ASE calculator.
        DataError: a model file is missing or damaged, or another package's scheme cannot be loaded.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    spec = spec.with_options(options)
    if spec.python is not None:
        from compcalc.calculators.isolation.isolated import IsolatedCalculator

        return IsolatedCalculator(spec.inner_text(), python=spec.python)
    scheme = _loaded(spec.scheme)
    missing = scheme.missing()
    if missing:
        raise MissingDependencyError(f"{spec.scheme}:", missing[0], scheme.install)
    _check_options(scheme, spec)
    calculator = scheme.build(spec.argument, **spec.options)
    if isinstance(calculator, PotentialCalculator):
        return calculator
    if not isinstance(calculator, BaseCalculator):
        raise InputError("potential", spec.text, "an ASE calculator", f"It built a {type(calculator).__name__}.")
    return CheckedCalculator(calculator, spec.text)


def _loaded(name: str) -> Scheme:
    try:
        return get_scheme(name)
    except CompcalcError:
        raise
    except Exception as error:
        raise DataError(
            f"scheme {name!r}, added by the package {SCHEMES.origin(name)!r}, cannot be loaded "
            f"({type(error).__name__}: {error}). Update or remove that package."
        ) from error


def _check_options(scheme: Scheme, spec: Spec) -> None:
    parameters = list(inspect.signature(scheme.build).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    # The first parameter is the argument of the spec.
    allowed = [p.name for p in parameters[1:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    unknown = sorted(set(spec.options) - set(allowed))
    if unknown:
        raise InputError(
            f"option of {spec.scheme}:", unknown[0], ", ".join(allowed) or "none", f"The potential was {spec.text!r}."
        )
