"""What a variant does to single tokens, measured where code quality is measured too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pyengine.comparison.subjects import padding_ids
from pyengine.engine.model import Model, Vocabulary
from pyengine.engine.session import Session
from pyengine.errors import OptionError
from pyengine.statistics.rows import Logits, pair_statistics
from pyengine.vocabulary.keywords import load_tables

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TokenLevel:
    """Token-level measures of a variant against its reference.

    Attributes:
        code_kl: mean KL(reference || variant) over the tokens of the reference solutions, nats.
        keyword_mass_change: mean over those tokens of |difference| of the mass on the language's
            keywords that are one token, bare or after a space.
        cold_start_js: Jensen-Shannon divergence after the start token, bits.
        pkp: the variant's mass after the start token on the paper's keywords, bare; of all rows,
            padding included, as published.
    """

    code_kl: float
    keyword_mass_change: float
    cold_start_js: float
    pkp: float


@dataclass
class TokenLevelSums:
    """Collects code positions, task by task."""

    vocabulary: Vocabulary
    kl: float = 0.0
    mass: float = 0.0
    n: int = 0
    _sets: dict[str, list[int]] = field(default_factory=dict)

    def add(self, reference: Logits, variant: Logits, targets: Sequence[int], name: str) -> None:
        """Take in the rows of one reference solution in language `name`."""
        padding = padding_ids(self.vocabulary, variant.shape[1])
        pairs = pair_statistics(reference, variant, list(targets), padding=padding)
        self.kl += float(np.sum(pairs["kl"]))
        keywords = self._keywords(name)
        change = _mass(reference, keywords, padding) - _mass(variant, keywords, padding)
        self.mass += float(np.abs(change).sum())
        self.n += len(targets)

    def _keywords(self, name: str) -> list[int]:
        if name not in self._sets:
            words = load_tables("reference")[name].words()
            spelled = [*words, *(f" {word}" for word in words)]
            self._sets[name] = token_ids(self.vocabulary, spelled)
        return self._sets[name]

    def finish(self, reference: Session, variant: Session) -> TokenLevel:
        """Add the cold start and return the means."""
        start = [cold_start(variant.model)]
        rows = reference.logits(start)[None, :], variant.logits(start)[None, :]
        padding = padding_ids(self.vocabulary, variant.model.n_vocab)
        pairs = pair_statistics(*rows, [0], padding=padding)
        words = {word for table in load_tables("paper").values() for word in table.words()}
        paper = token_ids(self.vocabulary, sorted(words))
        return TokenLevel(
            code_kl=self.kl / self.n if self.n else float("nan"),
            keyword_mass_change=self.mass / self.n if self.n else float("nan"),
            cold_start_js=float(pairs["jensen_shannon"][0]) / float(np.log(2.0)),
            pkp=float(_mass(rows[1], paper)[0]),
        )


def token_ids(vocabulary: Vocabulary, words: Iterable[str]) -> list[int]:
    """Return the ids of the words that are one token, each once."""
    found = (vocabulary.token(word.encode()) for word in words)
    return sorted({token for token in found if token is not None})


def cold_start(model: Model) -> int:
    """Return the token that starts a text: BOS, or the end-of-text token where there is none.

    Raises:
        OptionError: the model has neither.
    """
    vocabulary = model.vocabulary
    start = vocabulary.bos if vocabulary.bos is not None else vocabulary.eos
    if start is None:
        raise OptionError(f"{model.path}: has no token to start a text with")
    return int(start)


def _mass(rows: Logits, ids: Sequence[int], padding: npt.NDArray[np.int32] | None = None) -> Floats:
    """Return the probability on `ids` in each row, `padding` left out of the whole."""
    exact = rows.astype(np.float64)
    if padding is not None:
        exact[:, padding] = -np.inf
    normaliser = np.logaddexp.reduce(exact, axis=1)
    if not ids:
        return np.zeros(len(rows))
    mass: Floats = np.exp(exact[:, list(ids)] - normaliser[:, None]).sum(axis=1)
    return mass
