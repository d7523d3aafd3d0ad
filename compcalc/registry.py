"""Lazy name -> object look-up: a table of dotted paths, extended by entry points of other packages."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from compcalc.errors import UnknownNameError


class Registry:
    """Names and where their objects live; nothing is imported before it is asked for.

    Args:
        kind: what the names stand for, used in error messages.
        builtin: name -> `package.module:attribute`.
        group: entry-point group through which other packages add names; a built-in name wins over an entry point.
    """

    def __init__(self, kind: str, builtin: Mapping[str, str], group: str | None = None):
        self.kind, self._builtin, self._group = kind, dict(builtin), group

    def names(self) -> list[str]:
        """Every known name, sorted."""
        return sorted({*self._builtin, *self._external()})

    def origin(self, name: str) -> str:
        """`compcalc` for a built-in name, else the distribution that adds it."""
        if name in self._builtin:
            return "compcalc"
        point = self._external().get(name)
        return point.dist.name if point is not None and point.dist is not None else "unknown"

    def load(self, name: str) -> Any:
        """The object called `name`.

        Raises:
            UnknownNameError: no such name.
        """
        if name in self._builtin:
            module, _, attribute = self._builtin[name].partition(":")
            return getattr(import_module(module), attribute)
        external = self._external()
        if name in external:
            return external[name].load()
        raise UnknownNameError(self.kind, name, self.names())

    def _external(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self._group)} if self._group else {}
