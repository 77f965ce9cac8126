"""What separates a variant from its reference, and how sure that is."""

from pyengine.comparison.compare import compare
from pyengine.comparison.options import CompareOptions, MemoryOptions, WindowOptions
from pyengine.comparison.records import ComparisonResult

__all__ = ["CompareOptions", "ComparisonResult", "MemoryOptions", "WindowOptions", "compare"]
