"""`verify`: prove by quantizing again what a file was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyengine.api.arguments import Named, Progress, optional_path, silent

if TYPE_CHECKING:
    from pyengine.run.record import Run


def verify(
    file: Named,
    source: Named,
    *,
    imatrix: Named | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Quantize the tensors of a source again, and hold them against those of a file, byte by byte.

    No file is written. What the file says of its own making is part of the result.

    Args:
        file: anyone's quantized file.
        source: the F16, BF16 or F32 file that it is said to be made of.
        imatrix: the importance matrix that it is said to be made with.
        threads: CPU threads; None for the cores less one.
        progress: called with what is being done and the part that is done.

    Returns:
        a run with the exhibits "verified" (`n_equal` of `n_tensors`), "making" (what the file says
        of itself), "type-verified", "tensor-difference" (bytes that differ, and relative errors),
        "tensor-alone" and "metadata-difference".

    Raises:
        ModelFileError, ModelKindError: a file cannot be read, or the matrix is of another model.

    Examples:
        >>> pyengine.verify("Q4_K_M.gguf", "f16.gguf").shown("tensor-difference")
    """
    from pyengine.measure.verify import verify_file
    from pyengine.models.options import used_threads
    from pyengine.models.references import resolve_model

    return verify_file(
        resolve_model(file),
        resolve_model(source),
        imatrix=optional_path(imatrix),
        threads=used_threads(threads),
        progress=progress,
    )
