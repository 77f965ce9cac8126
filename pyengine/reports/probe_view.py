"""`pyengine probe` as a document: the answer in words, then tables, then method."""

from pyengine.probes.records import (
    LanguageRecord,
    ModelProbe,
    PaperMetrics,
    ProbeResult,
    StartRecord,
    TokenProbability,
)
from pyengine.reports.numbers import (
    count,
    fixed,
    parameters,
    percent,
    probability,
    significant,
    size,
)
from pyengine.reports.pieces import visible
from pyengine.reports.tables import (
    Block,
    Cell,
    CellLike,
    Column,
    Document,
    Facts,
    Paragraph,
    Section,
    Table,
    measured,
    table,
)
from pyengine.results import Provenance

TOP = 10
BAR_WIDTH = 16


def probe_document(result: ProbeResult) -> Document:
    """Lay a probe out: one model in full, or several side by side and then each in full."""
    if len(result.models) == 1:
        only = result.models[0]
        blocks = (*_model_blocks(only, result), method(result))
        return Document(f"Cold start of {only.model.name}", blocks)
    sections = tuple(
        Section(_label(probe), _model_blocks(probe, result)) for probe in result.models
    )
    return Document(
        f"Cold starts of {len(result.models)} models",
        (
            first_choices(result),
            side_by_side(result),
            *_differences(result),
            *sections,
            method(result),
        ),
    )


def _model_blocks(probe: ModelProbe, result: ProbeResult) -> tuple[Block, ...]:
    return (
        answer(probe),
        _model_facts(probe),
        top_tokens(probe.starts[0]),
        starts_table(probe),
        languages_table(probe, result),
        leave_one_out_table(probe),
        classes_table(probe),
        paper_table(probe.paper),
        items_table(probe.paper),
        ranks_table(probe),
        indentation_table(probe.paper),
    )


def answer(probe: ModelProbe) -> Paragraph:
    """Say what the model wants to write, in one sentence."""
    start = probe.starts[0]
    best = ", ".join(f"{_shown(t)} ({percent(t.probability)})" for t in start.top[:3])
    leading = max(probe.languages, key=lambda language: language.mass, default=None)
    languages = ""
    if leading is not None and leading.mass > 0:
        languages = (
            f" Of the keyword sets, {leading.title}'s hold the most probability: "
            f"{percent(leading.mass)}."
        )
    return Paragraph(
        f"Asked nothing, {probe.model.name} ({probe.model.file_type}) most wants to write {best}; "
        f"its choice is as open as one among {significant(start.effective_tokens)} equally "
        f"likely tokens ({fixed(start.entropy_bits)} bits).{languages}",
        tone="strong",
    )


def first_choices(result: ProbeResult) -> Paragraph:
    """Say in one sentence what each of several models most wants to write."""
    best = [
        f"{_label(probe)} {_shown(top[0])} ({percent(top[0].probability)})"
        for probe in result.models
        if (top := probe.starts[0].top)
    ]
    return Paragraph(f"Asked nothing, they most want to write: {'; '.join(best)}.", tone="strong")


def _model_facts(probe: ModelProbe) -> Facts:
    model, start = probe.model, probe.starts[0]
    ids = ", ".join(map(str, start.ids))
    return Facts(
        "What was measured",
        (
            ("file", model.path),
            (
                "model",
                f"{model.architecture}, {parameters(model.n_params)} parameters, "
                f"{model.file_type}, {fixed(model.bits_per_weight)} bits per weight, "
                f"{size(model.file_bytes)}",
            ),
            (
                "tokenizer",
                f"{model.tokenizer} {model.pre_tokenizer or '(no pre-tokenizer)'}, "
                f"{count(model.n_vocab)} tokens",
            ),
            ("fed", f"{' '.join(map(visible, start.pieces))} (id {ids}): {start.reason}"),
            ("sha256", model.sha256),
        ),
    )


def top_tokens(start: StartRecord) -> Table:
    """List the most probable tokens with a bar each."""
    largest = start.top[0].probability if start.top else 1.0
    return table(
        "Most probable first tokens",
        [
            Column("#", "right"),
            Column("token"),
            Column("id", "right"),
            Column("probability", "right"),
            Column("", drop=1, name="bar"),
        ],
        [
            (
                str(token.rank),
                Cell(_shown(token), tone="strong"),
                str(token.id),
                Cell(percent(token.probability), token.probability),
                _bar(token.probability / largest),
            )
            for token in start.top[:TOP]
        ],
        notes=[
            f"Softmax at temperature 1 over all tokens; padding rows hold "
            f"{percent(start.padding_mass)}, control tokens {percent(start.control_mass)}."
        ],
    )


def starts_table(probe: ModelProbe) -> Table:
    """Show how far the answer depends on where one starts."""
    rows = [
        (
            start.name,
            " ".join(map(visible, start.pieces)),
            Cell(_shown(start.top[0]) if start.top else "", tone="strong"),
            measured(start.top[0].probability if start.top else None, percent),
            measured(start.effective_tokens, significant),
            measured(start.keyword_mass, percent),
            measured(start.js_to_first_bits, lambda value: fixed(value, 3)),
        )
        for start in probe.starts
    ]
    masses = [start.keyword_mass for start in probe.starts]
    return table(
        "Spread over starts",
        [
            "start",
            Column("fed", drop=2),
            "top token",
            Column("its p", "right"),
            Column("effective", "right"),
            Column("keywords", "right"),
            Column("JS", "right", "bit", drop=1),
        ],
        rows,
        notes=[
            "One start is one sample: read differences against this spread (keyword mass "
            f"{percent(min(masses))} to {percent(max(masses))}). JS: Jensen-Shannon divergence "
            "to the first start, 0 to 1 bit."
        ],
    )


def languages_table(probe: ModelProbe, result: ProbeResult) -> Table:
    """Show every language's keyword mass beside what it must be held against."""
    ordered = sorted(probe.languages, key=lambda language: -language.mass)
    return table(
        "Keywords at the first start, by language",
        [
            "language",
            Column("1 token", "right"),
            Column("bare", "right"),
            Column("+ split", "right", drop=1),
            Column("all forms", "right"),
            Column("geo. mean", "right", drop=4),
            Column("odds vs English", "right"),
            Column("random 97.5 %", "right", drop=3),
            Column("p", "right"),
        ],
        [_language_row(language) for language in ordered],
        notes=[
            "bare: the words as they stand. + split: also words of several tokens, by the chain "
            "rule. all forms: bare and after a space, newline or tab, or in another case, by "
            "exact bytes. odds vs English: against English words of the same byte length and "
            "token-id decile. p: share of "
            f"{count(result.random_draws)} random token sets of equal size with at least the "
            "bare mass."
        ],
    )


def _language_row(language: LanguageRecord) -> tuple[CellLike, ...]:
    by_variant = {v.variant: v.mass for v in language.variants}
    return (
        language.title,
        f"{language.n_single_token}/{language.n_words}",
        measured(by_variant["bare"], percent),
        measured(language.bare_and_split_mass, percent),
        measured(language.mass, percent),
        measured(language.geometric_mean, probability),
        measured(language.odds_ratio, significant),
        measured(language.random_q975, percent),
        measured(language.random_p, lambda value: fixed(value, 3)),
    )


def leave_one_out_table(probe: ModelProbe) -> Table:
    """Show how much of each language's mass is one word."""
    rows = []
    for language in sorted(probe.languages, key=lambda item: -item.mass):
        cells: list[CellLike] = [language.title]
        for item in language.leave_one_out[:2]:
            cells += [item.word, measured(item.share_of_mass, percent)]
        cells += [None] * (5 - len(cells))
        one = language.leave_one_out[:1]
        cells.append(measured(one[0].mass_without if one else None, percent))
        rows.append(cells)
    return table(
        "One word at a time",
        [
            "language",
            "best word",
            Column("share", "right"),
            Column("second", drop=1),
            Column("share", "right", drop=1, name="second_share"),
            Column("mass without the best", "right"),
        ],
        rows,
        notes=["share: of the language's bare and split mass. A sum over keywords is often one."],
    )


def classes_table(probe: ModelProbe) -> Table:
    """Show the probability on token classes."""
    return table(
        "Token classes at the first start",
        [
            "class",
            Column("tokens", "right"),
            Column("mass", "right"),
            Column("best rank", "right"),
        ],
        [
            (c.name, count(c.n_tokens), measured(c.mass, percent), count(c.best_rank))
            for c in sorted(probe.classes, key=lambda item: -item.mass)
        ],
        notes=["Classes overlap: `#` opens comments in some languages and headings in Markdown."],
    )


def paper_table(paper: PaperMetrics) -> Table:
    """Show the paper's metrics under the paper's definitions."""
    return table(
        "The paper's metrics, as the paper defines them",
        ["metric", Column("value", "right"), "what it is"],
        [
            (
                "PKP",
                Cell(probability(paper.pkp), paper.pkp),
                f"sum over {count(paper.n_single_token)} keywords that are one bare token",
            ),
            (
                "KAP",
                Cell(probability(paper.kap), paper.kap),
                f"PKP / {count(paper.n_keywords)}: no information beyond PKP",
            ),
            (
                "STP",
                Cell(probability(paper.stp), paper.stp),
                f"sum over {count(paper.n_special_tokens)} tokens with punctuation",
            ),
            (
                "NLP",
                Cell(probability(paper.nlp), paper.nlp),
                f"sum over {count(paper.n_control_words)} English words of our own list",
            ),
            (
                "coverage",
                Cell(percent(paper.coverage), paper.coverage),
                f"of {count(paper.n_keywords)} words, {paper.collection}",
            ),
        ],
    )


def items_table(paper: PaperMetrics) -> Table:
    """Show how few tokens carry a group's mass."""
    return table(
        "Tokens needed for a share of the group's mass",
        ["group", *(Column(percent(i.share, 0), "right") for i in paper.items_needed)],
        [
            ("keywords", *(_count_or_none(i.keywords) for i in paper.items_needed)),
            (
                "tokens with punctuation",
                *(_count_or_none(i.special_tokens) for i in paper.items_needed),
            ),
        ],
        notes=["The smallest number that reaches the share; the paper's figures are one less."],
    )


def ranks_table(probe: ModelProbe) -> Table:
    """Show token ids and probability ranks of each language's keywords."""
    return table(
        "Ranks of bare keywords",
        [
            "language",
            Column("id: mean", "right"),
            Column("median", "right"),
            Column("maximum", "right", drop=1),
            Column("mean / size", "right", drop=2),
            Column("best p rank", "right"),
            Column("median p rank", "right"),
        ],
        [
            (
                language.title,
                measured(language.id_ranks.mean, lambda v: count(round(v))),
                measured(language.id_ranks.median, lambda v: count(round(v))),
                _count_or_none(language.id_ranks.maximum),
                measured(language.id_ranks.mean_over_size, lambda v: fixed(v, 4)),
                _count_or_none(language.best_rank),
                measured(language.median_rank, lambda v: count(round(v))),
            )
            for language in probe.languages
        ],
        notes=["A token id is the tokenizer's merge order, not a frequency in training data."],
    )


def indentation_table(paper: PaperMetrics) -> Table:
    """Show the most probable white-space tokens."""
    return table(
        "Indentation at the first start",
        ["token", Column("id", "right"), Column("probability", "right")],
        [
            (_shown(item), str(item.id), Cell(percent(item.probability), item.probability))
            for item in paper.indentation[:6]
        ],
    )


def side_by_side(result: ProbeResult) -> Table:
    """Put the models beside each other, metric by metric."""
    probes = result.models
    rows: list[tuple[CellLike, ...]] = [
        ("file type", *(p.model.file_type for p in probes)),
        ("size", *(Cell(size(p.model.file_bytes), p.model.file_bytes) for p in probes)),
        ("fed", *(" ".join(map(visible, p.starts[0].pieces)) for p in probes)),
        ("top token", *(_top_text(p.starts[0].top) for p in probes)),
        ("entropy [bit]", *(measured(p.starts[0].entropy_bits, fixed) for p in probes)),
        (
            "effective tokens",
            *(measured(p.starts[0].effective_tokens, significant) for p in probes),
        ),
        ("PKP", *(measured(p.paper.pkp, probability) for p in probes)),
        ("STP", *(measured(p.paper.stp, probability) for p in probes)),
        ("NLP", *(measured(p.paper.nlp, probability) for p in probes)),
    ]
    for i, language in enumerate(probes[0].languages):
        masses = (measured(p.languages[i].mass, percent) for p in probes)
        rows.append((f"{language.title}, all forms", *masses))
    return table(
        "Side by side",
        ["", *(Column(_label(p), "right") for p in probes)],
        rows,
        notes=["Keyword masses are over strings, so different vocabularies can be compared."],
    )


def _differences(result: ProbeResult) -> tuple[Table, ...]:
    rows = [
        (
            other.model,
            measured(other.js_bits, probability),
            measured(other.kl_bits, probability),
            other.refused or "",
        )
        for other in result.against_first
    ]
    title = f"Against {result.models[0].model.name}, token by token"
    columns: list[Column | str] = [
        "model",
        Column("JS", "right", "bit"),
        Column("KL", "right", "bit"),
        "not measured",
    ]
    return (table(title, columns, rows),)


def method(result: ProbeResult) -> Facts:
    """Say with what everything was computed."""
    return provenance_facts(result.provenance)


def provenance_facts(provenance: Provenance) -> Facts:
    """Describe versions, machine and seed."""
    seed = "none" if provenance.seed is None else str(provenance.seed)
    return Facts(
        "With",
        (
            ("pyengine", provenance.pyengine),
            (
                "llama.cpp",
                f"{provenance.llama_cpp} (llama-cpp-python {provenance.llama_cpp_python})",
            ),
            (
                "machine",
                f"{provenance.cpu}, {provenance.cores} cores, {provenance.threads} threads, "
                f"{provenance.platform}",
            ),
            ("devices", ", ".join(provenance.devices)),
            ("seed", seed),
        ),
    )


def _bar(share: float) -> str:
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _top_text(top: list[TokenProbability]) -> CellLike:
    return f"{_shown(top[0])} {percent(top[0].probability)}" if top else None


def _count_or_none(number: int | None) -> CellLike:
    return None if number is None else Cell(count(number), number)


def _shown(token: TokenProbability) -> str:
    return visible(bytes.fromhex(token.bytes_hex))


def _label(probe: ModelProbe) -> str:
    return f"{probe.model.name} {probe.model.file_type}"
