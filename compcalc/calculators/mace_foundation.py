"""MACE foundation models by name: weights from mace-torch's cache, or fetched into it once."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.mace import MACE
from compcalc.calculators.mace_file import import_mace
from compcalc.errors import DataError, UnknownNameError


def foundation_model(family: str, name: str) -> Path:
    """The file of a foundation model; mace-torch downloads it where its cache does not hold it.

    Args:
        family: `off` (organic molecules, MACE-OFF23) or `mp` (materials, MACE-MP-0 and its successors).
        name: as in mace-torch: small, medium, large; of `mp` also medium-mpa-0, small-omat-0 and others.

    Raises:
        UnknownNameError: another name.
        DataError: the file is not in the cache and cannot be fetched.
    """
    import_mace()
    from mace.calculators import foundations_models as known

    urls = {"off": known.mace_off_urls, "mp": known.mace_mp_urls}[family]
    if name not in urls:
        raise UnknownNameError(f"mace-{family} model", name, urls)
    url = urls[name]
    cache = Path(known.get_cache_dir())
    # mace-torch names its cached files in both ways.
    kept = "".join(c for c in url.rpartition("/")[2] if c.isalnum() or c in "_")
    for candidate in (cache / kept, cache / url.rpartition("/")[2]):
        if candidate.is_file():
            return candidate
    cache.mkdir(parents=True, exist_ok=True)
    try:
        # mace-torch shows its progress on stdout, which belongs to results.
        with redirect_stdout(sys.stderr):
            known._urlretrieve_with_timeout(url, str(cache / kept))
    except Exception as error:
        raise DataError(
            f"mace-{family}:{name} is not in {cache} and cannot be fetched ({type(error).__name__}: {error}). "
            f"Download {url} yourself and name the file: mace:path/to/file.model, or put it into that directory."
        ) from error
    return cache / kept


def _build_off(argument: str, *, dtype: str | None = None, device: str = "cpu", head: str | None = None) -> MACE:
    return MACE(str(foundation_model("off", argument or "medium")), dtype=dtype, device=device, head=head)


def _build_mp(argument: str, *, dtype: str | None = None, device: str = "cpu", head: str | None = None) -> MACE:
    return MACE(str(foundation_model("mp", argument or "medium-mpa-0")), dtype=dtype, device=device, head=head)


OFF = Scheme(
    _build_off,
    summary="MACE-OFF23 for organic molecules, by size; weights from mace-torch's cache (academic licence)",
    example="mace-off:small",
    requires=("mace", "torch"),
    install="pip install mace-torch",
)
MP = Scheme(
    _build_mp,
    summary="MACE-MP-0 and its successors for materials, by name; weights from mace-torch's cache",
    example="mace-mp:medium-mpa-0",
    requires=("mace", "torch"),
    install="pip install mace-torch",
)
