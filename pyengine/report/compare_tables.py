"""The tables of a comparison as data: which metrics, and what the rows are."""

from __future__ import annotations

from pyengine.report.measured import Shown, TableView
from pyengine.report.sentences import ANY_SPACING

KL = Shown("kl")
# Levels of the quantiles as the record spells them.
LEVELS = (
    *("1", "0.999", "0.99", "0.95", "0.9", "0.75", "0.5"),
    *("0.25", "0.1", "0.05", "0.01", "0.001", "0"),
)
NAMED_LEVELS = {"1": "maximum", "0.5": "median", "0": "minimum"}

DISTANCES = TableView(
    "Distance from the reference",
    (
        Shown("bits_per_weight", drop=1),
        KL,
        Shown("kl", "95 % interval", 4, part="interval"),
        Shown("same_first_choice", part="value", decimals=2),
        Shown("log_ppl_ratio", drop=1),
        Shown("delta_p_rms", drop=2),
    ),
    notes=("± is the standard error clustered by document.",),
)
OTHERS = TableView(
    "Other distances",
    (
        *(Shown("kl_reverse"), Shown("jensen_shannon")),
        *(Shown("total_variation", drop=1), Shown("hellinger", drop=1)),
        Shown("overlap_5", drop=2, part="value", decimals=1),
        Shown("overlap_10", part="value", decimals=1),
        Shown("overlap_50", drop=3, part="value", decimals=1),
        Shown("rank_correlation", part="value"),
        *(Shown("entropy_change", drop=1), Shown("rank_change", drop=4)),
        Shown("padding_mass", drop=5, part="value"),
    ),
    notes=(
        "Nats; total variation, Hellinger distance and overlaps lie between 0 and 1.",
        "Top k: share of the reference's k most probable tokens that are among the variant's. "
        "τ: Kendall's tau-b over the reference's 50 most probable tokens.",
    ),
)
QUANTILES = TableView(
    "Distribution over tokens",
    (Shown("kl", "KL", part="value"), Shown("delta_p", drop=1, part="value")),
    ("quantile",),
    ("Quantile",),
    {level: NAMED_LEVELS.get(level, f"{100 * float(level):g} %") for level in LEVELS},
    order=True,
)
GROUP_COLUMNS = (
    Shown("kl", "Tokens", 1, part="n"),
    Shown("kl", "KL"),
    Shown("same_first_choice", drop=2, part="value", decimals=1),
)
BY_LANGUAGE, BY_CLASS, BY_CONFIDENCE = (
    TableView(title, GROUP_COLUMNS, (dimension,), ("Part",))
    for title, dimension in (
        ("By language", "language"),
        ("By class of token", "class"),
        ("By confidence of the reference", "confidence"),
    )
)
KEYWORDS = TableView(
    "Keywords in any spacing, in their language's documents",
    (
        Shown("keyword_mass", "Positions", 2, part="n"),
        Shown("keyword_mass", "Mass in the reference", part="value", of_reference=True),
        Shown("keyword_mass_change", "Change"),
        Shown("keyword_kl"),
    ),
    ("language",),
    ("Language",),
    notes=(
        "Change in percentage points. The KL divergence is between both distributions cut "
        "down to the keyword tokens and renormalised.",
        f"{ANY_SPACING}; other cases do not count.",
    ),
)
STARTS = TableView(
    "Cold and warm starts",
    (
        Shown("kl", "Contexts", 2, part="n"),
        Shown("kl", "KL", part="value"),
        Shown("total_variation", drop=1, part="value"),
        Shown("same_first_choice", part="value", decimals=0),
        Shown("keyword_mass", "Keywords in any spacing", part="value"),
        Shown("keyword_mass", "in reference", part="value", of_reference=True),
    ),
    ("start", "language"),
    ("After", "Language"),
    {"cold": "nothing", "keyword": "one keyword", "sequence": "all keywords"},
    notes=(
        "One keyword: mean over contexts of one keyword each. These are exact values of "
        "single distributions, so they have no standard error.",
        f"{ANY_SPACING}; `probe` shows bare keywords, and all forms, which adds other cases.",
    ),
)
BITS = TableView(
    "Bits per byte",
    (
        Shown("bits_per_byte", "Variant"),
        Shown("bits_per_byte", "Reference", of_reference=True),
        Shown("bits_per_byte_change", "Change"),
        Shown("bits_per_byte_change", "Bytes", part="n"),
    ),
    ("documents",),
    ("Documents",),
    notes=("Over the same bytes; ± by document.",),
)
STRINGS = TableView(
    "Keywords as strings",
    (
        Shown("keyword_string_mass", "Keywords", part="n"),
        Shown("keyword_string_mass", "Sum in reference", part="value", of_reference=True),
        Shown("keyword_string_mass", "Sum in variant", part="value"),
        Shown("keyword_string_ratio", "Mean ln ratio", part="value"),
    ),
    ("language",),
    ("Language",),
    notes=(
        "P(a text begins with the keyword), by the chain rule over each model's own tokens, "
        "from its natural start; summed over keywords.",
    ),
)
