"""The one record: what a command measured, of which models, over which documents."""

from pyengine.run.floors import Floors
from pyengine.run.measurement import Measurement, group_of, members_of
from pyengine.run.metrics import METRICS, Metric, metric
from pyengine.run.pivot import Pivot, pivot
from pyengine.run.record import (
    SCHEMA_VERSION,
    Exhibit,
    ModelInfo,
    Note,
    Population,
    Provenance,
    Run,
    save,
    to_json,
)
from pyengine.run.storage import load, merge, schema

__all__ = [
    "METRICS",
    "SCHEMA_VERSION",
    "Exhibit",
    "Floors",
    "Measurement",
    "Metric",
    "ModelInfo",
    "Note",
    "Pivot",
    "Population",
    "Provenance",
    "Run",
    "group_of",
    "load",
    "members_of",
    "merge",
    "metric",
    "pivot",
    "save",
    "schema",
    "to_json",
]
