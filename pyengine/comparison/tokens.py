"""What was measured of every scored token: the table that all averages are taken from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.texts import TokenizedText
from pyengine.comparison.windows import Window

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TokenTable:
    """The scored tokens, in the order of the windows.

    Attributes:
        document: index of each token's document.
        index: index of the token in its document.
        window: index of its window.
        target: its id.
        language: of its document.
        token_class: its syntactic class.
    """

    document: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]
    target: npt.NDArray[np.int32]
    language: npt.NDArray[np.str_]
    token_class: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.document)

    @property
    def clusters(self) -> npt.NDArray[np.int64]:
        """Numbers that are equal within a document; with one document, within a window."""
        return self.document if len(np.unique(self.document)) > 1 else self.window


def token_table(documents: list[TokenizedText], windows: list[Window]) -> TokenTable:
    """List the scored tokens of some windows."""
    document = np.repeat([w.document for w in windows], [len(w) for w in windows])
    index = np.concatenate([w.tokens for w in windows])
    pairs = list(zip(document.tolist(), index.tolist(), strict=True))
    return TokenTable(
        document=document.astype(np.int64),
        index=index,
        window=np.repeat(np.arange(len(windows)), [len(w) for w in windows]),
        target=np.concatenate([w.targets for w in windows]),
        language=np.array([documents[d].text.language for d, _ in pairs]),
        token_class=np.array([documents[d].token_class(i) for d, i in pairs]),
    )


@dataclass(frozen=True)
class KeywordColumns:
    """Per token: mass of its language's keywords in both models, and their renormalised KL."""

    mass_p: Floats
    mass_q: Floats
    kl: Floats


@dataclass(frozen=True)
class VariantColumns:
    """All records of one variant, aligned with the token table."""

    pairs: npt.NDArray[np.void]
    keywords: KeywordColumns
