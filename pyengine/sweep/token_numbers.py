"""What a comparison keeps of every token, and its file."""

import io
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

NOT_PARSED = 255


@dataclass(frozen=True)
class TokenNumbers:
    """One number for each scored token, in the order of the windows.

    Attributes:
        document: index of its document.
        cluster: number that is equal within a document; with one document, within a window.
        n_bytes: bytes of the token in the document, -1 where unknown.
        kl: KL divergence of the variant from the reference, nats.
        log_p, log_q: log-probability of the token in the reference and in the variant.
        token_class: SyntaxClass of the token, NOT_PARSED where its document has no parser.
        same_top: whether both have the same most probable token.
        padding_mass: what tokens that stand for nothing would hold in the variant; they are masked.
    """

    document: npt.NDArray[np.int32]
    cluster: npt.NDArray[np.int32]
    n_bytes: npt.NDArray[np.int32]
    kl: npt.NDArray[np.float64]
    log_p: npt.NDArray[np.float64]
    log_q: npt.NDArray[np.float64]
    same_top: npt.NDArray[np.bool_]
    token_class: npt.NDArray[np.uint8]
    padding_mass: npt.NDArray[np.float64]


def write_arrays(tokens: TokenNumbers) -> bytes:
    """Return the bytes of an NPZ file; equal numbers give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **asdict(tokens))
    return buffer.getvalue()


def read_arrays(data: bytes) -> TokenNumbers:
    """Read per-token numbers from the bytes of their file."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return TokenNumbers(**{name: arrays[name] for name in TokenNumbers.__dataclass_fields__})
