"""The file types that llama.cpp makes, by llama-quantize's names, and which of them words mean."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.errors import OptionError

FLOAT_TYPES = ("F32", "BF16", "F16")
# What `all` means, the largest first: those that are quick to make. Others take seven times as long
# or more, or are for few models.
USUAL_TYPES = (
    *("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0"),
    *("Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K", "Q2_K_S"),
)
# Those that any model can be given, from which a size chooses.
GENERAL_TYPES = (
    *USUAL_TYPES,
    *("IQ4_NL", "IQ4_XS", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS"),
    *("IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"),
)
# For models that were trained with weights of two to four values.
TERNARY_TYPES = ("Q2_0", "TQ2_0", "TQ1_0", "Q1_0")
FILE_TYPES = (*FLOAT_TYPES, *GENERAL_TYPES, "MXFP4_MOE", *TERNARY_TYPES)
# Of a model whose rows are whole blocks: where they are not, a plan knows better.
NEEDS_IMATRIX = (
    *("IQ3_XS", "IQ3_XXS", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"),
)
ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}  # as llama-quantize has them


def expand_types(names: Sequence[str], *, has_imatrix: bool) -> list[str]:
    """Turn the words of `--to` into file types; "all" leaves out what needs an absent imatrix.

    Raises:
        OptionError: a word is no file type, or there are none.
    """
    chosen: list[str] = []
    for name in names:
        known = ALIASES.get(name.upper(), name.upper())
        if known == "ALL":
            chosen += [t for t in USUAL_TYPES if has_imatrix or t not in NEEDS_IMATRIX]
        elif known in FILE_TYPES:
            chosen.append(known)
        elif known == "NVFP4":
            raise OptionError(
                "this llama.cpp makes no file of type NVFP4; it is a type of single tensors, for "
                "--tensor-type PATTERN=nvfp4"
            )
        else:
            raise OptionError(
                f"there is no file type {name!r} to quantize to; use all, {', '.join(FILE_TYPES)}"
            )
    if not chosen:
        raise OptionError("no file type to quantize to was given")
    return list(dict.fromkeys(chosen))
