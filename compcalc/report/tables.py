"""The metrics of a run as one tidy table: CSV, and Parquet where pyarrow is installed."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compcalc.errors import MissingDependencyError
from compcalc.report.files import write_text_atomically
from compcalc.report.tidy import COLUMNS, tidy_lines

TABLES_EXTRA = "pip install 'compcalc[tables]'"


def write_metrics_csv(path: str | Path, metrics: Mapping[str, Any], manifest: Mapping[str, Any] | None = None) -> None:
    """Write the lines of `tidy_lines`, UTF-8, with a header; what does not apply is left empty.

    Args:
        path: the file.
        metrics: content of metrics.json.
        manifest: content of run.json.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(tuple(line.values()) for line in tidy_lines(metrics, manifest))
    write_text_atomically(path, text.getvalue())


def metrics_parquet(metrics: Mapping[str, Any], manifest: Mapping[str, Any] | None = None) -> bytes:
    """The same as the content of a Parquet file: `value` as double, `replica` and `n` as integers, the rest as words.

    Args:
        metrics: content of metrics.json.
        manifest: content of run.json.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError("metrics.parquet", "pyarrow", TABLES_EXTRA) from error
    types = {"value": pa.float64(), "replica": pa.int64(), "n": pa.int64()}
    columns = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(tidy_lines(metrics, manifest)), columns), buffer)
    return buffer.getvalue()
