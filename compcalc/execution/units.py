"""The work unit: a piece of work with an identity and a hash of everything that determines its result."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unit:
    """One piece of work.

    Attributes:
        id: path-like name, unique in its store (`md/alkane-07/nve/0`).
        payload: what the worker function gets; picklable.
        hash: hash of everything that determines the result.
        group: units with the same name go to the worker function together, as a tuple of payloads, and come back as a
            tuple of results; None for a unit of its own.
    """

    id: str
    payload: Any
    hash: str
    group: str | None = None


def content_hash(*parts: Any) -> str:
    """SHA-256 of JSON-able `parts`, independent of dictionary order, as 64 hex digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
