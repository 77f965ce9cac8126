"""Chat templates beside transformers' own `apply_chat_template`, where it is installed.

It is in no group that `make` installs: `pip install --group oracle`.
"""

import warnings
from datetime import datetime
from typing import Any

import pytest
from template_cases import ASK, BOS, CASES, DAY, EOS, FAILING, Case

from pyengine.models.template import FAILURES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    templates = pytest.importorskip("transformers.utils.chat_template_utils")


@pytest.fixture(scope="module")
def theirs() -> Any:  # noqa: ANN401
    """A tokenizer of no words, which has the two tokens that templates are told."""
    words = {"<unk>": 0, BOS: 1, EOS: 2}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, unk_token="<unk>"
    )


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the day of our cases."""

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Fixed":  # noqa: ANN401
            return cls(DAY.year, DAY.month, DAY.day, tzinfo=tz)

    monkeypatch.setattr(templates, "datetime", Fixed)


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("name", CASES)
def test_our_cases_hold_what_transformers_gives(theirs: Any, name: str) -> None:  # noqa: ANN401
    case: Case = CASES[name]
    text = theirs.apply_chat_template(
        list(case.messages),
        chat_template=case.template,
        tokenize=False,
        add_generation_prompt=case.answering,
    )
    assert text == case.text


@pytest.mark.parametrize("name", FAILING)
def test_what_we_refuse_transformers_refuses(theirs: Any, name: str) -> None:  # noqa: ANN401
    with pytest.raises(FAILURES):
        theirs.apply_chat_template(list(ASK), chat_template=FAILING[name][0], tokenize=False)
