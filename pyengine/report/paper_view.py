"""`pyengine paper` as a document: table by table, D.5 side by side, then every line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pyengine.report.document import Block, Document, Paragraph, Section
from pyengine.report.listing import TABLES, listing
from pyengine.report.numbers import writer
from pyengine.report.origin import provenance_facts
from pyengine.report.pieces import visible
from pyengine.report.probed import shown
from pyengine.report.sentences import paper as said
from pyengine.report.tables import Cell, Table, Tone
from pyengine.run.record import Run

Line: TypeAlias = Mapping[str, Any]
# How the numbers of a line are written, by its unit.
WRITERS: Mapping[str, Callable[[Any], str]] = {
    "count": writer("whole"),
    "share": writer("percent1"),
    "probability": writer("significant"),
    "ratio": writer("fixed"),
    "size": writer("size"),
}
TONES: Mapping[str, Any] = {"yes": "good", "no": "bad", "cannot": "dim"}
WEAKNESSES = range(1, 29)
# The columns of D.5, and how their numbers are written.
COLD = {
    column["of"]: writer(column.get("write", "significant"))
    for name in ("paper-cold", "paper-single", "paper-spread")
    for column in TABLES[name]["columns"]
}
WARM = "text:"
# Tables that are shown before the lines of all others: a table of its own, or in the opening.
FIRST = ("E.1", "E.2", "E.3", "E.4", "E.5", "E.6", "E.7")


def paper_document(run: Run) -> Document:
    """Lay out every statement of the paper beside what was found."""
    tables: dict[str, list[Line]] = {
        one["table"]: [{"table": one["table"], **line} for line in one["lines"]]
        for one in run.shown("paper-table")
    }
    lines = [line for inside in tables.values() for line in inside]
    cold = tables.get("D.5", [])
    concluded = [line for name in FIRST for line in tables.get(name, [])]
    # Levels of another model stand in tables of their own already.
    decided = any(line["agrees"] != "cannot" for line in cold)
    every = [name for name in tables if name not in FIRST and (name != "D.5" or decided)]
    blocks: tuple[Block, ...] = (
        Paragraph(said.held_sentence(lines), "strong"),
        *(Paragraph(note, "dim") for note in said.held_notes(run, lines)),
        _files(run, tables),
        listing("paper-overview", [_counted(*one) for one in tables.items()]),
        *_cold(run, cold),
        _statements("paper-conclusions", concluded),
        _weaknesses(run),
        *_warm(run),
        *(
            Section(
                f"{name} {said.table_words(name)}",
                (_statements("paper-statements", tables[name]),),
                folded=True,
            )
            for name in every
        ),
        provenance_facts(run.provenance),
    )
    return Document("arXiv 2601.02563, held against files", blocks)


def _files(run: Run, tables: Mapping[str, Sequence[Line]]) -> Table:
    """List the files, with the paper's tokenizer of each where it is one."""
    known = {line["model"]: line["here"] for line in tables["E.1"]}
    by_hash = {m.vocabulary_sha256: known[m.id] for m in run.models if m.id in known}
    rows = [
        {
            "id": model.id,
            "name": model.name,
            "file_type": model.file_type,
            "tokenizer": by_hash.get(model.vocabulary_sha256),
            "pair": "".join(said.pair_words(p["pair"]) for p in run.shown("paper-pair", model.id)),
        }
        for model in run.models
    ]
    return listing("paper-files", rows)


def _counted(table: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Count the lines of a table by whether they agree."""
    open_ = any(line["agrees"] == "cannot" for line in lines)
    return {
        "table": table,
        "what": said.table_words(table),
        "lines": len(lines),
        **{name: sum(line["agrees"] == name for line in lines) for name in TONES},
        "why": said.most_often_words(
            x for x in lines if x["agrees"] == ("cannot" if open_ else "no")
        ),
    }


def _statements(name: str, lines: Sequence[Line]) -> Table:
    """Show lines one by one."""
    rows = []
    for line in lines:
        paper, here, low, high = _written(line)
        agrees = line["agrees"]
        rows.append(
            {
                "table": line["table"],
                "what": said.statement_words(line),
                "model": line["model"] or None,
                "paper": paper,
                "here": here,
                "interval": said.interval_words(line["interval"], low, high) or None,
                "agrees": Cell(said.agrees_words(agrees), agrees, TONES[agrees]),
                "why": said.reason_words(line["reason"]),
            }
        )
    return listing(name, rows)


def _written(line: Line) -> tuple[str | None, str | None, str, str]:
    """Write what the paper says, what is here, and the ends of its interval."""
    if line["unit"] == "text":
        return *said.text_words(line), "", ""
    paper, here, low, high = (_number(line, name) for name in ("paper", "here", "low", "high"))
    ends = [_number(line, f"paper_{end}") for end in ("low", "high")]
    if paper and all(ends):
        paper = said.paper_words(paper, *map(str, ends))
    return paper, here, low or "", high or ""


def _number(line: Line, name: str) -> str | None:
    value = line[name]
    if value is None or isinstance(value, str):
        return value and said.code_words(value)
    return WRITERS[line["unit"]](value)


def _cold(run: Run, lines: Sequence[Line]) -> Iterator[Table]:
    """Show the numbers of D.5: a row of ours for each file, and one of the paper's below."""
    stated: dict[tuple[str, str], Line] = {}
    for line in lines:
        stated.setdefault((line["model"], line["quantity"]), line)
    rows = []
    for model in run.models:
        for numbers in run.shown("paper-cold", model.id):
            here = {name: values[0] for name, values in numbers["numbers"].items()}
            paper = {q: one["paper"] for (m, q), one in stated.items() if m == model.id}
            for needed in run.shown("items-needed", model.id):
                here["keywords_needed"] = said.needed_words(needed["keywords"])
                here["special_needed"] = said.needed_words(needed["special_tokens"])
            pkp = numbers["numbers"]["pkp"]
            low, high = (WRITERS["probability"](end) for end in (min(pkp), max(pkp)))
            starts = said.interval_words("starts", low, high)
            rows.append(_cold_row(model.file_type, "here", here, starts))
            if "pkp" in paper:
                rows.append(_cold_row("", "paper", paper, ""))
    if rows:
        n = max(row.n for row in run.select("kap"))
        yield listing("paper-cold", rows, n=n)
        yield listing("paper-single", rows)
        yield listing("paper-spread", rows)


def _cold_row(
    file_type: str, whose: str, numbers: Mapping[str, Any], starts: str
) -> dict[str, Any]:
    """Write the numbers of D.5 of one file, or of the paper."""
    dim: Tone = "dim" if whose == "paper" else "plain"
    cells = {}
    for name, write in COLD.items():
        value = numbers.get(name)
        text = write(value) if isinstance(value, float) else value
        cells[name] = None if text is None else Cell(text, value, dim)
    return {**cells, "type": file_type, "whose": Cell(whose, tone=dim), "starts": starts or None}


def _weaknesses(run: Run) -> Table:
    """Show what answers each weakness of the paper."""
    values = {one["number"]: one["values"] for one in run.shown("paper-weakness")}
    rows = [
        {
            "number": number,
            "what": said.weakness_words(number),
            "here": said.careful_words(number, values.get(number)) or None,
            "where": said.where_words(number),
        }
        for number in WEAKNESSES
    ]
    return listing("paper-weaknesses", rows)


def _warm(run: Run) -> Iterator[Table]:
    """Show what the first model writes after a keyword."""
    for model in run.models:
        warm = [s for s in run.shown("start", model.id) if s["name"].startswith(WARM)]
        if warm:
            rows = [
                {
                    "word": visible(start["name"].removeprefix(WARM)),
                    "top": "  ".join(map(shown, start["top"])),
                }
                for start in warm
            ]
            yield listing("paper-warm", rows, model=model.id)
            return
