"""How much probability a language's keywords hold, against what they must be held against."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pyengine.probes.keyword_forms import VARIANTS, bare_tokens, variant_sets
from pyengine.probes.measurement import Chain, Measurement
from pyengine.probes.random_sets import random_mass
from pyengine.probes.records import IdRanks, LanguageRecord, LeaveOneOut, VariantMass
from pyengine.vocabulary.controls import match_controls
from pyengine.vocabulary.keywords import KeywordTable, load_tables
from pyengine.vocabulary.token_classes import TokenClass, TokenClasses
from pyengine.vocabulary.token_sets import SetLookup, TokenSets
from pyengine.vocabulary.tokens import TokenKind

LEFT_OUT = 3


def language_record(
    measurement: Measurement,
    classes: TokenClasses,
    table: KeywordTable,
    *,
    draws: int,
    seed: int,
) -> LanguageRecord:
    """Compute one language's keyword mass at the first start, with its controls."""
    vocabulary, row = measurement.vocabulary, measurement.rows[0]
    words = table.words()
    bare = bare_tokens(vocabulary, words)
    controls = match_controls(
        vocabulary, words, size=vocabulary.size, tables=load_tables("reference"), seed=seed
    ).pairs
    sets = {
        **variant_sets(vocabulary, words),
        "matched keywords": sorted(pair.keyword_token for pair in controls),
        "matched English": sorted(pair.word_token for pair in controls),
    }
    lookup = TokenSets(len(row), sets).look_up(row)
    found = lookup.sets
    chains = {w: measurement.chains[w] for w in words if w in measurement.chains}
    log_p = _word_log_probabilities(bare, found["bare"], chains)
    unspellable = measurement.unspellable.intersection(words) - bare.keys()
    measured = len(bare) + len(chains) + len(unspellable) == len(words)
    bare_mass = float(found["bare"].mass[0])
    split_mass = _split_mass(chains) if measured else None
    drawable = row[_drawable(vocabulary.kinds, classes)].astype(np.float64)
    random = random_mass(
        np.exp(drawable - lookup.log_sum_exp[0]),
        len(found["bare"].ids),
        bare_mass,
        draws=draws,
        seed=seed,
    )
    control_mass = float(found["matched English"].mass[0])
    keyword_mass = float(found["matched keywords"].mass[0])
    return LanguageRecord(
        language=table.language,
        title=table.title,
        version=table.version,
        n_words=len(words),
        n_single_token=len(bare),
        n_split=len(chains),
        n_unspellable=len(unspellable),
        variants=[
            VariantMass(
                variant=variant,
                n_tokens=len(found[variant].ids),
                mass=float(found[variant].mass[0]),
            )
            for variant in VARIANTS
        ],
        mass=float(found["any"].mass[0]),
        split_mass=split_mass,
        bare_and_split_mass=None if split_mass is None else bare_mass + split_mass,
        geometric_mean=_geometric_mean(log_p) if measured else None,
        best_word=max(log_p, key=lambda word: log_p[word], default=None),
        best_rank=int(found["bare"].best_rank[0]) if bare else None,
        median_rank=float(found["bare"].median_rank[0]) if bare else None,
        id_ranks=id_ranks(found["bare"].ids, len(row)),
        leave_one_out=leave_one_out(log_p),
        n_control=len(controls),
        control_mass=control_mass if controls else None,
        odds_ratio=_odds_ratio(keyword_mass, control_mass) if controls else None,
        random_mean=random.mean,
        random_q975=random.q975,
        random_p=random.p_value,
    )


def leave_one_out(log_p: Mapping[str, float]) -> list[LeaveOneOut]:
    """Return what stays of the words' mass without each of the most probable ones."""
    p = {word: float(np.exp(value)) for word, value in log_p.items()}
    total = sum(p.values())
    best = sorted(p, key=lambda word: (-p[word], word))[:LEFT_OUT]
    return [
        LeaveOneOut(word=word, share_of_mass=p[word] / total, mass_without=total - p[word])
        for word in best
        if total > 0
    ]


def id_ranks(ids: npt.NDArray[np.int32], n_vocab: int) -> IdRanks:
    """Return mean, median and maximum of token ids, and the mean over the vocabulary's size."""
    if len(ids) == 0:
        return IdRanks(mean=None, median=None, maximum=None, mean_over_size=None)
    mean = float(ids.mean())
    return IdRanks(
        mean=mean,
        median=float(np.median(ids)),
        maximum=int(ids.max()),
        mean_over_size=mean / n_vocab,
    )


def _word_log_probabilities(
    bare: Mapping[str, int], lookup: SetLookup, chains: Mapping[str, Chain]
) -> dict[str, float]:
    by_id = dict(zip(lookup.ids.tolist(), lookup.log_probability[0].tolist(), strict=True))
    single = {word: by_id[token] for word, token in bare.items()}
    return single | {word: chain.log_probability for word, chain in chains.items()}


def _split_mass(chains: Mapping[str, Chain]) -> float:
    return float(sum(np.exp(chain.log_probability) for chain in chains.values()))


def _geometric_mean(log_p: Mapping[str, float]) -> float | None:
    return float(np.exp(np.mean(list(log_p.values())))) if log_p else None


def _odds_ratio(mass: float, control: float) -> float | None:
    if control <= 0 or mass >= 1 or control >= 1:
        return None
    return (mass / (1 - mass)) / (control / (1 - control))


def _drawable(kinds: npt.NDArray[np.uint8], classes: TokenClasses) -> npt.NDArray[np.int64]:
    """Random sets are drawn from the tokens that text is made of."""
    normal = kinds == TokenKind.NORMAL
    normal[classes.ids(TokenClass.UNUSED)] = False
    return np.flatnonzero(normal)
