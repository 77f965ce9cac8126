"""The names of llama.cpp's file types, as everybody writes them: Q4_K_M, not "Q4_K - Medium"."""

# general.file_type -> name; numbers that are missing were given up by llama.cpp.
FILE_TYPES: dict[int, str] = {
    **dict(enumerate(("F32", "F16", "Q4_0", "Q4_1"))),
    **dict(enumerate(("Q8_0", "Q5_0", "Q5_1", "Q2_K"), start=7)),
    **dict(enumerate(("Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M"), start=11)),
    **dict(enumerate(("Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS", "IQ2_XS"), start=16)),
    **dict(enumerate(("Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL"), start=21)),
    **dict(enumerate(("IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M", "IQ4_XS", "IQ1_M", "BF16"), start=26)),
    **dict(enumerate(("TQ1_0", "TQ2_0", "MXFP4_MOE", "NVFP4", "Q1_0"), start=36)),
}
_GUESSED = 1024


def file_type_name(number: object) -> str | None:
    """Name llama.cpp's file type, such as 15 -> "Q4_K_M"; None for what is no type."""
    if not isinstance(number, int) or isinstance(number, bool) or number == _GUESSED:
        return None
    return FILE_TYPES.get(number, f"type {number}")
