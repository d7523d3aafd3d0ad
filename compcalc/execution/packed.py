"""Work that travels as bytes, so that those who pass it on need not know what it is of."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from compcalc.errors import CompcalcError
from compcalc.execution.outcome import Done, Lost


@dataclass(frozen=True)
class PackedFactory:
    """Factory of work on pickled payloads, whose results are pickled.

    Attributes:
        factory: pickled; called once a process, gives the function from payload to result.
    """

    factory: bytes

    def __call__(self) -> Callable[[bytes], bytes]:
        """The work.

        Raises:
            CompcalcError: something that the factory needs is not installed here.
        """
        try:
            factory = pickle.loads(self.factory)
        except (ImportError, AttributeError) as error:
            raise CompcalcError(
                f"a Dask worker cannot load the potential: {type(error).__name__}: {error}. "
                "Install the same packages where the workers run."
            ) from error
        work = factory()
        return lambda payload: pack(work(pickle.loads(payload)))


def pack(value: Any) -> bytes:
    """`value` pickled; what stands in the user's own script, which others cannot import, by value."""
    import cloudpickle

    return cloudpickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def pack_answer(ended: Done | Lost | BaseException) -> bytes:
    """What a task came to, pickled; an exception that cannot be pickled by its words."""
    try:
        return pack(ended)
    except Exception:
        return pack(CompcalcError(f"{type(ended).__name__}: {ended}"))


def read_answer(answer: bytes) -> Done | Lost:
    """What a task came to, its packed value unpacked.

    Raises:
        Exception: the one that was packed.
    """
    ended = pickle.loads(answer)
    if isinstance(ended, BaseException):
        raise ended
    return replace(ended, value=pickle.loads(ended.value)) if isinstance(ended, Done) else ended
