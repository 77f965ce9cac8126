"""`pyengine probe` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any

from pyengine.choose.keywords import standing_of_keywords
from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import listing
from pyengine.report.measured import Numbers, Part
from pyengine.report.numbers import (
    count,
    fixed,
    percent,
    probability,
    significant,
    size,
)
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import visible
from pyengine.report.tables import Table, measured
from pyengine.report.words import facts, say, warnings
from pyengine.run.record import ModelInfo, Note, Run

BAR_WIDTH = 16
# A token and its probability; the token may be a comma.
_QUOTED = '"{}" ({})'
# Divergences and entropies are written in bits.
NATS_PER_BIT = math.log(2)
# The paper's metrics, and how each is written.
PAPER: Mapping[str, Callable[[float], str]] = {
    **dict.fromkeys(("pkp", "kap", "stp", "nlp"), probability),
    "coverage": percent,
}


def reason_words(reason: str) -> str:
    """Say why a start has its tokens."""
    words = say("starts", reason.removesuffix("-after-bos"))
    return f"{words} after BOS" if reason.endswith("-after-bos") else words


class ProbedModel(Part):
    """One model of a run; `label` is what it is called beside the others."""

    def __init__(self, numbers: Numbers, model: str, label: str) -> None:
        super().__init__(numbers, model)
        self.label = label
        self.starts = self.run.shown("start", model)
        self.top: Sequence[Mapping[str, Any]] = self.starts[0]["top"]
        self.languages: Mapping[str, str] = {
            table["language"]: table["title"] for table in self.run.shown("keyword-table")
        }

    @cached_property
    def by_mass(self) -> Sequence[str]:
        """The languages, the one whose keywords hold most first."""
        return sorted(self.languages, key=lambda name: -self.mass(name))

    def mass(self, language: str) -> float:
        """Return what a language's keywords hold in all forms."""
        return self.value("form_mass", language=language, form="any") or 0.0

    def of_start(self, metric: str, start: Mapping[str, Any], **members: str) -> float:
        """Return a number of a start; 0 where there is none."""
        return self.value(metric, start=start["name"], **members) or 0.0

    @property
    def bits(self) -> float:
        """The entropy at the first start."""
        return self.of_start("entropy", self.starts[0]) / NATS_PER_BIT

    def parts(self, languages: Sequence[str]) -> list[Part]:
        """Return a row for each language."""
        return [
            Part(self.numbers, self.model, {"language": name}, language=self.languages[name])
            for name in languages
        ]


def probed_models(run: Run) -> list[ProbedModel]:
    """Return the models of a run, named so that they are told apart."""
    numbers = Numbers(run)
    return [
        ProbedModel(numbers, info.id, label)
        for info, label in zip(run.models, labels(run.models), strict=True)
    ]


def labels(models: Sequence[ModelInfo]) -> list[str]:
    """Name models by name and type, and by their files too where that tells them apart."""
    names = [f"{model.name} {model.file_type}" for model in models]
    paths = [PurePath(model.path) for model in models]
    by_file = [f"{name} ({path.name})" for name, path in zip(names, paths, strict=True)]
    by_path = [f"{name} ({path})" for name, path in zip(names, paths, strict=True)]
    distinct = (found for found in (names, by_file) if len(set(found)) == len(found))
    return next(distinct, by_path)


def fed(start: Mapping[str, Any]) -> str:
    """Return the tokens of a start, visible, and their ids."""
    return f"{' '.join(map(visible, start['pieces']))} ({', '.join(map(str, start['ids']))})"


def shown(token: Mapping[str, Any]) -> str:
    """Return a token as visible text; one without any, such as padding, by its id."""
    piece = bytes.fromhex(token["hex"]) if "hex" in token else token["text"]
    return visible(piece) or f"[id {token['token']}]"


def probe_document(run: Run) -> Document:
    """Lay a probe out: one model in full, or several side by side and then each in full."""
    models = probed_models(run)
    told = warnings(note for note in run.notes if note.code == "beyond-trained-context")
    origin = provenance_facts(run.provenance)
    if len(models) == 1:
        opening, *rest = _model_blocks(models[0])
        return Document(f"Cold start of {models[0].info.name}", (opening, *told, *rest, origin))
    sections = tuple(Section(model.label, _model_blocks(model)) for model in models)
    compared = (_side_by_side(models), _differences(models))
    return Document(
        f"Cold starts of {len(models)} models",
        (_first_choices(models), *told, *compared, *sections, origin),
    )


def _model_blocks(model: ProbedModel) -> tuple[Block, ...]:
    return (
        _answer(model),
        _model_facts(model),
        *model_tables(model),
    )


def _answer(model: ProbedModel) -> Paragraph:
    """Say what the model wants to write, in one sentence."""
    best = [_QUOTED.format(shown(t), percent(t["probability"])) for t in model.top[:3]]
    told = say(
        "answers",
        "probe",
        model=model.info,
        best=best,
        effective=model.of_start("effective_tokens", model.starts[0]),
        bits=model.bits,
    )
    return Paragraph(told + standing_sentence(model), "strong")


def standing_sentence(model: ProbedModel) -> str:
    """Say which language's keywords stand out; nothing where none was compared."""
    found = standing_of_keywords(model.run, model.model)
    if found is None:
        return ""
    n_compared, out = len(found.compared), found.standing_out
    if not out:
        return say("keywords", "nothing", n_compared=n_compared, least_p=found.least_p)
    return say(
        "keywords",
        "one-standing-out" if len(out) == 1 else "standing-out",
        n=len(out),
        n_compared=n_compared,
        leading=model.languages[out[0]],
        mass=model.value("matched_mass", language=out[0]),
        english=model.value("english_mass", language=out[0]),
    )


def _first_choices(models: Sequence[ProbedModel]) -> Paragraph:
    """Say in one sentence what each of several models most wants to write."""
    best = [f"{model.label} {_top_text(model, _QUOTED)}" for model in models if model.top]
    return Paragraph(say("answers", "probe-several", best="; ".join(best)), tone="strong")


def _top_text(model: ProbedModel, form: str) -> str:
    return form.format(shown(model.top[0]), percent(model.top[0]["probability"]))


def _model_facts(probed: ProbedModel) -> Facts:
    model, start = probed.info, probed.starts[0]
    ids = ", ".join(map(str, start["ids"]))
    return facts(
        "What was measured",
        model=model,
        pre=model.pre_tokenizer or "(no pre-tokenizer)",
        pieces=" ".join(map(visible, start["pieces"])),
        ids=ids,
        reason=reason_words(start["reason"]),
    )


def model_tables(model: ProbedModel) -> tuple[Table, ...]:
    """Return the tables of one model."""
    classes = sorted(
        model.names("class_mass", "class"),
        key=lambda name: -(model.value("class_mass", **{"class": name}) or 0.0),
    )
    return (
        _top_tokens(model),
        _starts(model),
        _languages(model),
        _leave_one_out(model),
        listing(
            "probe-classes",
            [Part(model.numbers, model.model, {"class": name}, name=name) for name in classes],
        ),
        _paper(model),
        _items(model),
        listing("probe-ranks", model.parts(list(model.languages))),
        _indentation(model),
    )


def _top_tokens(model: ProbedModel) -> Table:
    """List the most probable tokens with a bar each."""
    start, top = model.starts[0], model.top
    largest = top[0]["probability"] if top else 1.0
    rows = [
        {
            **_token(token),
            "place": place,
            "bar": _bar(token["probability"] / largest if largest else 0.0),
        }
        for place, token in enumerate(top, start=1)
    ]
    padding, control = (model.of_start(f"{name}_mass", start) for name in ("padding", "control"))
    return listing("first-tokens", rows, padding=percent(padding), control=percent(control))


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": shown(token), "id": token["token"], "probability": token["probability"]}


def _starts(model: ProbedModel) -> Table:
    """Show how far the answer depends on where one starts."""
    against = model.starts[0]["name"]
    masses = [model.of_start("form_mass", start, form="bare") for start in model.starts]
    rows = [
        Part(
            model.numbers,
            model.model,
            {"start": s["name"]},
            name=s["name"],
            fed=fed(s),
            top=shown(s["top"][0]) if s["top"] else "",
            p=s["top"][0]["probability"] if s["top"] else None,
            bare=mass,
            js=model.of_start("jensen_shannon", s, against=against) / NATS_PER_BIT,
        )
        for s, mass in zip(model.starts, masses, strict=True)
    ]
    return listing("probe-starts", rows, least=percent(min(masses)), most=percent(max(masses)))


def _languages(model: ProbedModel) -> Table:
    """Show every language's keyword mass beside what it must be held against."""
    draws = max((model.n("random_p", language=name) for name in model.languages), default=0)
    notes = []
    unspellable = sum(
        model.value("keyword_count", language=name, tokens="none") or 0 for name in model.languages
    )
    if unspellable:
        notes.append(say("probe", "unspellable", n=round(unspellable)))
    if Note(code="split-words-not-measured", model=model.model) in model.run.notes:
        notes.append(say("probe", "not-measured"))
    return listing("probe-languages", model.parts(model.by_mass), notes=notes, draws=count(draws))


def _leave_one_out(model: ProbedModel) -> Table:
    """Show how much of each language's mass is one word."""
    left: dict[str, Any] = {
        one["language"]: one["words"] for one in model.run.shown("leave-one-out", model.model)
    }
    rows = []
    for name in model.by_mass:
        none: dict[str, Any] = {}
        best, second = [*left[name], none, none][:2]
        rows.append(
            {
                "language": model.languages[name],
                "best": best.get("word"),
                "share": best.get("share"),
                "second": second.get("word"),
                "second_share": second.get("share"),
                "without": best.get("mass_without"),
            }
        )
    return listing("one-word", rows)


def _paper(model: ProbedModel) -> Table:
    """Show the paper's metrics under the paper's definitions."""
    rows = []
    for metric, write in PAPER.items():
        of = {"collection": "paper"} | ({"form": "bare"} if metric == "coverage" else {})
        rows.append(
            {
                "metric": metric if metric == "coverage" else metric.upper(),
                "value": measured(model.value(metric, **of), write),
                "what": say("paper-metrics", metric, n=count(model.n(metric, **of))),
            }
        )
    return listing("paper-metrics", rows)


def _items(model: ProbedModel) -> Table:
    """Show how few tokens carry a group's mass."""
    (needed,) = model.run.shown("items-needed", model.model)
    shares = [percent(share, 0) for share in needed["shares"]]
    groups = {"keywords": "keywords", "tokens with punctuation": "special_tokens"}
    rows = [
        {"group": title, **dict(zip(shares, needed[name], strict=True))}
        for title, name in groups.items()
    ]
    more = [{"head": share, "of": share, "write": "whole"} for share in shares]
    return listing("items-needed", rows, more=more)


def _indentation(model: ProbedModel) -> Table:
    """Show the most probable white-space tokens."""
    (tokens,) = (
        one["tokens"]
        for one in model.run.shown("set-tokens", model.model)
        if one["set"] == "indentation"
    )
    return listing("probe-indentation", map(_token, tokens[:6]))


def _bar(share: float) -> str:
    if not math.isfinite(share):
        return ""
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _side_by_side(models: Sequence[ProbedModel]) -> Table:
    """Put the models beside each other, metric by metric.

    Between different vocabularies only what is defined over strings is set side by side.
    """
    alike = len({m.info.vocabulary_sha256 for m in models}) == 1

    def of(metric: str, write: Callable[[float], str], **members: str) -> list[Any]:
        return [measured(m.value(metric, **members), write) for m in models]

    lines: list[tuple[str, list[Any]]] = [
        ("file type", [m.info.file_type for m in models]),
        ("size", [size(m.info.file_bytes) for m in models]),
        ("fed (ids)", [fed(m.starts[0]) for m in models]),
        ("top token", [_top_text(m, "{} {}") if m.top else None for m in models]),
    ]
    if alike:
        effective = [m.of_start("effective_tokens", m.starts[0]) for m in models]
        lines.append(("entropy [bit]", [fixed(m.bits) for m in models]))
        lines.append(("effective tokens", list(map(significant, effective))))
    for metric in ("pkp", "stp", "nlp"):
        lines.append((metric.upper(), of(metric, probability, collection="paper")))
    for name, title in models[0].languages.items():
        masses = of("form_mass", percent, language=name, form="any")
        lines.append((f"{title}, all forms", masses))
        if not alike:
            split = of("keyword_string_mass", percent, language=name)
            lines.append((f"{title}, + split", split))
    rows: list[dict[Any, Any]] = [
        {"name": title, **dict(enumerate(cells))} for title, cells in lines
    ]
    more = [{"label": m.label, "of": i, "align": "right"} for i, m in enumerate(models)]
    notes = () if alike else (say("probe", "different-vocabularies"),)
    return listing("probe-side-by-side", rows, more=more, notes=notes)


def _differences(models: Sequence[ProbedModel]) -> Table:
    """Show how far each model's first start is from the first model's, token by token."""
    first, *others = models
    run = first.run
    refused = {
        n.model: say("not-compared", n.values["why"]) for n in run.notes if n.code == "not-compared"
    }

    def bits(metric: str) -> dict[str, float]:
        rows = run.select(metric, reference=first.model)
        return {row.model: row.value / NATS_PER_BIT for row in rows}

    js, kl = bits("jensen_shannon"), bits("kl")
    rows = [
        {
            "model": m.label,
            "js": js.get(m.model),
            "kl": kl.get(m.model),
            "refused": refused.get(m.model, ""),
        }
        for m in others
    ]
    return listing("probe-against", rows, first=first.label)
