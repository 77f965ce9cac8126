"""What a model thinks before it answers: the marks of each family, taken out of its text."""

import re

# How a thought begins and ends. Names in angle brackets are written in any case.
NAMES = "think|thinking|reasoning|thought|thoughts|reflection|scratchpad|analysis"
CHANNEL = r"<\|channel\|>(?:analysis|commentary)[^<]*<\|message\|>"
MARKS = (
    (rf"<(?:{NAMES})>", rf"</(?:{NAMES})>"),  # DeepSeek, Qwen, EXAONE, Reflection and others
    (r"\[THINK\]", r"\[/THINK\]"),  # Magistral
    (r"<seed:think>", r"</seed:think>"),  # Seed
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),  # Command A
    (r"◁think▷", r"◁/think▷"),  # Kimi
    (CHANNEL, r"<\|end\|>|<\|call\|>"),  # harmony: gpt-oss
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # Sky-T1
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),  # Apertus
)
PATTERNS = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE)) for begin, end in MARKS
)
# What stands around the answer itself.
AROUND = re.compile(
    r"<\|(?:START|END)_RESPONSE\|>|<\|(?:begin|end)_of_solution\|>|<\|start\|>\s*assistant"
    r"|<\|channel\|>\s*final[^<]*<\|message\|>|<\|(?:end|return)\|>"
    r"|^[ \t]*</?(?:answer|response|output)>[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def opened_thought(prompt: str) -> str:
    """Return the mark by which a prompt has begun the thinking; "" where it has not."""
    text = prompt.rstrip()
    for begin, _ in PATTERNS:
        for found in begin.finditer(text):
            if found.end() == len(text):
                return found.group(0)
    return ""


def without_thoughts(text: str) -> tuple[str, str, bool]:
    """Return a text without its thoughts, the thoughts, and whether the last one is open."""
    thoughts: list[str] = []
    is_open = False
    for begin, end in PATTERNS:
        rest, place = "", 0
        while True:
            first, last = begin.search(text, place), end.search(text, place)
            closes = last is not None and (first is None or last.start() < first.start())
            if begin.pattern == CHANNEL and closes:
                closes = False  # harmony ends every message so, the answer's too
            if closes and last is not None:  # the mark that began it was part of the prompt
                thoughts.append(rest + text[place : last.start()])
                rest, place = "", last.end()
                continue
            if first is None:
                break
            rest += text[place : first.start()]
            last = end.search(text, first.end())
            thoughts.append(text[first.end() : last.start() if last else len(text)])
            is_open = is_open or last is None
            place = last.end() if last else len(text)
        text = rest + text[place:]
    return AROUND.sub("", text), "\n".join(thought for thought in thoughts if thought), is_open
