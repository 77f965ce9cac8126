"""What llama-perplexity computes, repeated: windows, clipping, formulas and printed digits."""

from pyengine.comparison.llama_perplexity.base_file import BaseFile, read_base_file
from pyengine.comparison.llama_perplexity.emulate import Emulation, compare_with_base, write_base
from pyengine.comparison.llama_perplexity.printed import print_comparison, print_final_estimate

__all__ = [
    "BaseFile",
    "Emulation",
    "compare_with_base",
    "print_comparison",
    "print_final_estimate",
    "read_base_file",
    "write_base",
]
