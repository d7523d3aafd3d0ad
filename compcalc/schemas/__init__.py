"""What metrics.json and run.json hold: their published JSON schemas, where each key has its description and unit."""

from compcalc.schemas.files import NAMES, schema, schema_text, unit_of

__all__ = ["NAMES", "schema", "schema_text", "unit_of"]
