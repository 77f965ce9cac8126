"""How far the source is from itself under another batch size and thread count."""

import numpy as np

from pyengine.comparison.averages import noise_floor
from pyengine.sweep.measurements import QualityRecord
from pyengine.sweep.token_numbers import TokenNumbers


def noise_floors(record: QualityRecord, tokens: TokenNumbers) -> dict[str, float]:
    """Return what a difference must exceed, by measure.

    Of a mean over tokens |mean| + 2 standard errors; the keywords' mass at the cold start is one
    number of one distribution, so its floor is the change itself. Left out: what is not known.
    """
    change = abs(record.variant_keyword_mass - record.reference_keyword_mass)
    floors = {"kl": noise_floor(tokens.kl), "keyword_mass_change": change}
    bits = (tokens.log_p - tokens.log_q) / np.log(2)
    n_bytes = int(tokens.n_bytes.sum())
    if (tokens.n_bytes >= 0).all() and n_bytes and np.isfinite(bits).all():
        floors["bits_per_byte_change"] = noise_floor(bits) * len(bits) / n_bytes
    return floors
