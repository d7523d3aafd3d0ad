"""The state of a run in progress as a file that is written whole or not at all, and trusted only if it is whole.

A state is a tree of dicts with text keys, lists, tuples, numbers, text, None and arrays. The file holds a SHA-256 of
the rest, then an npz file of the arrays and of the tree as JSON. Nothing in it is ever executed.
"""

import contextlib
import hashlib
import io
import json
import os
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from compcalc.dynamics.limits import Limits
from compcalc.dynamics.protocols import Protocol

_TREE, _ARRAY, _TUPLE = "tree", "__array__", "__tuple__"
_DIGEST = 32


def identity(engine: str, protocol: Protocol, limits: Limits, seed: int, arrays: list[np.ndarray], names: list) -> str:
    """What a checkpoint must belong to, as a hash: which engine runs what from where, and this version of compcalc."""
    facts = [engine, version("compcalc"), asdict(protocol), asdict(limits), seed, names]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


class Checkpoint:
    """One file.

    Args:
        path: of the file.
        owner: from `identity`.
    """

    def __init__(self, path: Path, owner: str):
        self._path, self._owner = Path(path), owner

    def write(self, state: dict[str, Any]) -> None:
        """Replace the file by one with this state."""
        arrays: dict[str, np.ndarray] = {}
        tree = json.dumps({"owner": self._owner, "state": _encoded(state, arrays)})
        payload = io.BytesIO()
        np.savez(payload, **arrays, **{_TREE: np.frombuffer(tree.encode(), dtype=np.uint8)})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.partial")
        try:
            with temporary.open("wb") as file:
                file.write(hashlib.sha256(payload.getbuffer()).digest())
                file.write(payload.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def read(self) -> dict[str, Any] | None:
        """The state; None, and the file is removed, where it is damaged or belongs to another run."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return None
        payload = content[_DIGEST:]
        if hashlib.sha256(payload).digest() == content[:_DIGEST]:
            with np.load(io.BytesIO(payload)) as file:
                tree = json.loads(file[_TREE].tobytes())
                if tree["owner"] == self._owner:
                    return _decoded(tree["state"], file)
        self.remove()
        return None

    def remove(self) -> None:
        """Remove the file, if there is one; one that cannot be removed is left."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def _encoded(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[name := f"a{len(arrays)}"] = value
        return {_ARRAY: name}
    if isinstance(value, tuple):
        return {_TUPLE: [_encoded(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_encoded(item, arrays) for item in value]
    if isinstance(value, dict):
        return {key: _encoded(item, arrays) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _decoded(value: Any, arrays) -> Any:
    if isinstance(value, list):
        return [_decoded(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return arrays[value[_ARRAY]]
    if _TUPLE in value:
        return tuple(_decoded(item, arrays) for item in value[_TUPLE])
    return {key: _decoded(item, arrays) for key, item in value.items()}
