"""Cold starts of known probabilities, and a run of `paper` with made-up numbers."""

from dataclasses import replace
from functools import partial

import numpy as np
from run_samples import MADE, info
from synthetic_probe import decoded

from pyengine.measure.paper.cold import Cold
from pyengine.measure.paper.lines import Line
from pyengine.run import Exhibit, Measurement, Run

MODEL = "Qwen2.5-Coder-7B-Instruct"


def cold(file_type: str, name: str = MODEL, *, keywords: float = 1.0, special: float = 1.0) -> Cold:
    """Two starts of `synthetic_probe`: probabilities of keywords and special tokens times these.

    At the first, "if" and "for" have 11/64, "(" and "==" 8/64; at the second all tokens 1/15.
    """
    one = decoded(name=name)
    p = np.exp(one.rows.astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    for ids, times in (((0, 2), keywords), ((8, 9), special)):
        p[:, ids] *= times
    p[:, 14] += 1 - p.sum(axis=1)
    told = {"file_type": file_type, "id": f"{name}-{file_type}"}
    made = one.info.model_copy(update={**told, "sha256": f"{told['id']}-hash"})
    return Cold(replace(one, info=made, rows=np.log(p).astype(np.float32)), 2)


def tables(*lines: Line) -> list[Exhibit]:
    """The lines as a record holds them."""
    found = []
    for table in sorted({line.table for line in lines}):
        inside = [line.content() for line in lines if line.table == table]
        found.append(
            Exhibit(kind="paper-table", model="", content={"table": table, "lines": inside})
        )
    return found


def ladder_run(*types: str, lacking: bool = False) -> Run:
    """An F16 and its types at two starts, masses ten times as large at the second.

    Each type has half the masses and 1.5 times the divergence of the one before it; the last may
    be lacking the second start.
    """
    models = [info(f"model-{name}", 16 / (i + 1)) for i, name in enumerate(("F16", *types))]
    found = []
    rows = [Measurement("kap", models[0].id, "", "collection=paper", 0.0003, n=276)]
    lines = [Line(table="E.1", quantity="tokenizer", model=models[0].id, here="Qwen2.5")]
    for i, model in enumerate(models):
        starts = ["natural", "chat"][: 1 if lacking and i == len(types) else 2]
        numbers = {
            mass: [times * p / 2**i for p in (0.04, 0.4)[: len(starts)]]
            for mass, times in (("pkp", 1.0), ("stp", 2.0))
        }
        content = {"starts": starts, "numbers": numbers}
        found.append(Exhibit(kind="paper-cold", model=model.id, content=content))
        stated = partial(Line, table="D.5", model=model.id, about=model.file_type)
        if i:
            pair = {"pair": "quantized"}
            found.append(Exhibit(kind="paper-pair", model=model.id, content=pair))
            for mass, values in numbers.items():
                line = stated(quantity=mass, unit="probability", paper=0.1)
                lines.append(line.over_starts(np.array(values)))
            rows += [
                Measurement("jensen_shannon", model.id, models[0].id, f"start={name}", 1.5**i / k)
                for k, name in ((1000, "natural"), (100, "chat"))[: len(starts)]
            ]
    options = {"reference": models[0].id, "records": []}
    exhibits = [*tables(*lines), *found]
    return Run(
        command="paper",
        options=options,
        provenance=MADE,
        models=models,
        measurements=rows,
        exhibits=exhibits,
    )


def paper_run() -> Run:
    """Two files: what agrees, differs and cannot be decided, in every unit."""
    a, b = info("whole-F16", 3), info("small-Q2_K", 1)
    starts = np.array([0.08, 0.001, 0.5])
    of_b = partial(Line, about="Q2_K", model=b.id)
    lines = (
        Line(table="A", quantity="warm", about="import").unless("not-in-paper"),
        Line(
            table="B.1", quantity="list_words", about="cpp", unit="count", paper=93, here=93
        ).exact(),
        Line(table="D.1", quantity="whole_words", about="go", paper="24", here="23").exact(),
        Line(table="D.5", quantity="row", about="F16", model=a.id).unless("no-such-row"),
        of_b(table="D.5", quantity="pkp", unit="probability", paper=0.09).over_starts(starts),
        of_b(table="D.5", quantity="pkp_change", unit="share", paper=-0.157).unless("no-baseline"),
        Line(table="D.6", quantity="pass_at_1", model=b.id, about="Small BF16").share_of(
            (22, 164), (63, 164)
        ),
        of_b(table="D.8", quantity="size", unit="size", here=1 << 30).unless("not-in-paper"),
        Line(table="E.1", quantity="tokenizer", model=a.id, here="Qwen2.5", agrees="yes"),
        of_b(table="E.6", quantity="stp_change_way", unit="share", paper=0.404).claim(
            starts, [True] * 3
        ),
        Line(table="E.6", quantity="halved", about="Q2_K", unit="ratio", paper=0.475).unless(
            "no-record"
        ),
    )
    numbers = {"pkp": starts.tolist(), "stp": [0.4, 0.3, 0.2], "import_share": [0.5, 0.4, None]}
    top = [
        {"token": 5, "text": " os", "probability": 0.5},
        {"token": 7, "text": "\n", "probability": 0.1},
    ]
    start = {
        "name": "text:import",
        "ids": [474],
        "pieces": ["import"],
        "reason": "text",
        "top": top,
    }
    return Run(
        command="paper",
        options={"reference": a.id, "records": []},
        provenance=MADE,
        models=[a, b],
        measurements=[Measurement("kap", b.id, "", "collection=paper", 0.0003, n=276)],
        exhibits=[
            *tables(*lines),
            Exhibit(kind="paper-pair", model=b.id, content={"pair": "quantized"}),
            Exhibit(
                kind="paper-cold",
                model=b.id,
                content={"starts": ["natural", "eos", "chat"], "numbers": numbers},
            ),
            Exhibit(kind="start", model=b.id, content=start),
            Exhibit(
                kind="paper-weakness",
                model="",
                content={"number": 18, "values": {"dead": 441, "white": 424}},
            ),
        ],
    )
