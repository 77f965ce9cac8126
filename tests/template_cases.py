"""Small chat templates in the constructs of published ones, and what they make of a conversation.

Each text is what transformers' `apply_chat_template` gives (tests/test_template_oracle.py asks it
where it is installed). The templates are our own.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

DAY = date(2026, 3, 9)
BOS, EOS = "<s>", "</s>"
ASK: list[dict[str, Any]] = [{"role": "user", "content": "Größe < 3 & 'x'?"}]
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " One? "},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nTwo."},
    {"role": "user", "content": "Three?"},
]


@dataclass(frozen=True)
class Case:
    """A template, what it is given, and what comes out.

    Attributes:
        answering: end with the opening of the assistant's turn.
    """

    template: str
    text: str
    messages: tuple[dict[str, Any], ...] = tuple(ASK)
    answering: bool = True


# The five that were handed in.
HANDED = {
    "strftime_now": Case(
        "{%- set today = strftime_now('%Y-%m-%d') -%}Today {{ today }}\n"
        "{% for m in messages %}<|{{m.role}}|>{{m.content}}{% endfor %}<|assistant|>",
        "Today 2026-03-09\n<|user|>Größe < 3 & 'x'?<|assistant|>",
    ),
    "tools is none": Case(
        "{%- if tools is not none %}TOOLS {{ tools | tojson }}{% endif %}"
        "{% for m in messages %}{{m.content}}{% endfor %}",
        "Größe < 3 & 'x'?",
    ),
    "documents is none": Case(
        "{%- if documents is not none %}DOCS {{ documents|length }}{% endif %}"
        "{% for m in messages %}{{m.content}}{% endfor %}",
        "Größe < 3 & 'x'?",
    ),
    "generation tag": Case(
        "{% for m in messages %}{% if m.role=='assistant' %}{% generation %}{{m.content}}"
        "{% endgeneration %}{% else %}{{m.content}}{% endif %}{% endfor %}",
        "Be brief. One? <think>\nhm\n</think>\n\nTwo.Three?",
        tuple(TALK),
    ),
    "tojson(ensure_ascii=false)": Case(
        "{% for m in messages %}{{m.content|tojson(ensure_ascii=false)}}{% endfor %}",
        "\"Größe < 3 & 'x'?\"",
    ),
}
FURTHER = {
    # Qwen2.5, Hermes: a system turn of the template's own, unless the messages bring one.
    "a default system turn": Case(
        "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\\nHelp.<|im_end|>\\n' }}"
        "{%- endif %}{%- for message in messages %}"
        "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}"
        "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
        "<|im_start|>system\nHelp.<|im_end|>\n<|im_start|>user\nGröße < 3 & 'x'?<|im_end|>\n"
        "<|im_start|>assistant\n",
    ),
    # Qwen3: the last question is found from behind; older thoughts are taken out.
    "a namespace, reversed messages, thoughts split off": Case(
        "{%- set ns = namespace(searching=true, last=messages|length - 1) %}\n"
        "{%- for message in messages[::-1] %}\n"
        "    {%- set index = (messages|length - 1) - loop.index0 %}\n"
        "    {%- if ns.searching and message.role == 'user' %}\n"
        "        {%- set ns.searching = false %}\n"
        "        {%- set ns.last = index %}\n"
        "    {%- endif %}\n"
        "{%- endfor %}\n"
        "{%- for message in messages %}\n"
        "    {%- set content = message.content %}\n"
        "    {%- if message.role == 'assistant' and '</think>' in content %}\n"
        "        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n"
        "    {%- endif %}\n"
        "    {{- loop.index0 ~ ':' ~ message.role ~ '|' ~ content ~ '\\n' }}\n"
        "{%- endfor %}\n"
        "{{- 'last=' ~ ns.last }}\n"
        "{%- if enable_thinking is defined and enable_thinking is false %}no{% endif %}",
        "0:system|Be brief.\n1:user| One? \n2:assistant|Two.\n3:user|Three?\nlast=3",
        tuple(TALK),
    ),
    # Llama 3.1: what is not given is not defined, and is told from what is none.
    "builtin_tools is not defined": Case(
        "{{- bos_token }}\n"
        "{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif %}"
        "{%- if builtin_tools is defined or tools is not none %}Environment: ipython\n{% endif %}"
        "{%- if not date_string is defined %}"
        "{%- if strftime_now is defined %}{% set date_string = strftime_now('%d %b %Y') %}"
        "{%- else %}{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}"
        "Today: {{ date_string }}\n"
        "{%- for m in messages %}{{ '<|eot|>' + m['content'] | trim }}{% endfor %}",
        "<s>Today: 09 Mar 2026<|eot|>Größe < 3 & 'x'?",
    ),
    # Gemma: no system role, the assistant's is called model, and turns take turns.
    "roles that take turns, the system's words in the first": Case(
        "{{ bos_token }}\n"
        "{%- if messages[0]['role'] == 'system' -%}\n"
        "    {%- set first = messages[0]['content'] + '\n\n' -%}\n"
        "    {%- set loop_messages = messages[1:] -%}\n"
        "{%- else -%}\n"
        "    {%- set first = '' -%}\n"
        "    {%- set loop_messages = messages -%}\n"
        "{%- endif -%}\n"
        "{%- for message in loop_messages -%}\n"
        "    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}\n"
        "        {{ raise_exception('Roles must alternate') }}\n"
        "    {%- endif -%}\n"
        "    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}\n"
        "    {{ '<start_of_turn>' + role + '\n' + (first if loop.first else '') }}\n"
        "    {%- if message['content'] is string -%}\n"
        "        {{ message['content'] | trim }}\n"
        "    {%- elif message['content'] is iterable -%}\n"
        "        {%- for item in message['content'] -%}{{ item['text'] | trim }}{%- endfor -%}\n"
        "    {%- endif -%}\n"
        "    {{ '<end_of_turn>\n' }}\n"
        "{%- endfor -%}\n"
        "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}\n",
        "<s><start_of_turn>user\nBe brief.\n\nOne?<end_of_turn>\n<start_of_turn>model\n"
        "<think>\nhm\n</think>\n\nTwo.<end_of_turn>\n<start_of_turn>user\nThree?<end_of_turn>\n"
        "<start_of_turn>model\n",
        tuple(TALK),
    ),
    # Mistral: [INST], EOS after an answer, the system's words before the last question.
    "[INST], the system's words at the last question": Case(
        "{%- if messages[0]['role'] == 'system' %}\n"
        "    {%- set system = messages[0]['content'] %}{% set rest = messages[1:] %}\n"
        "{%- else %}\n    {%- set rest = messages %}\n{%- endif %}\n"
        "{{- bos_token }}\n"
        "{%- for message in rest %}\n"
        "    {%- if message['role'] == 'user' %}\n"
        "        {%- if loop.last and system is defined %}\n"
        "            {{- '[INST] ' + system + '\\n\\n' + message['content'] + '[/INST]' }}\n"
        "        {%- else %}\n"
        "            {{- '[INST] ' + message['content'] + '[/INST]' }}\n"
        "        {%- endif %}\n"
        "    {%- elif message['role'] == 'assistant' %}\n"
        "        {{- ' ' + message['content']|trim + eos_token }}\n"
        "    {%- endif %}\n"
        "{%- endfor %}\n",
        "<s>[INST]  One? [/INST] <think>\nhm\n</think>\n\nTwo.</s>"
        "[INST] Be brief.\n\nThree?[/INST]",
        tuple(TALK),
    ),
    # Phi-4: marks without a line break; a chain of conditions in one line.
    "marks and separators": Case(
        "{% for message in messages %}{% if (message['role'] == 'system') %}"
        "{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}"
        "{% elif (message['role'] == 'user') %}"
        "{{'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>'}}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
        "<|im_start|>user<|im_sep|>Größe < 3 & 'x'?<|im_end|><|im_start|>assistant<|im_sep|>",
    ),
    # gpt-oss: macros, defaults of what is not defined, the day, a message that ends otherwise.
    "macros with defaults, harmony": Case(
        "{%- macro header(effort) -%}\n"
        "Date: {{ strftime_now('%Y-%m-%d') }}\n\nReasoning: {{ effort }}\n"
        "{%- endmacro -%}\n"
        "{%- if effort is not defined %}{% set effort = 'medium' %}{% endif -%}\n"
        "<|start|>system<|message|>{{ header(effort) }}<|end|>\n"
        "{%- for message in messages -%}\n"
        "<|start|>{{ message.role }}<|message|>{{ message.content }}\n"
        "{{- '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}\n"
        "{%- endfor -%}\n"
        "{%- if add_generation_prompt -%}\n<|start|>assistant\n{%- endif -%}\n",
        "<|start|>system<|message|>Date: 2026-03-09\n\nReasoning: medium<|end|>"
        "<|start|>user<|message|>Größe < 3 & 'x'?<|end|><|start|>assistant",
    ),
    "the end of the last message": Case(
        "{%- for m in messages %}{{ m.content[-4:] }}"
        "{{- '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}"
        "{%- endfor %}",
        "ief.<|end|>ne? <|end|>Two.<|end|>ree?<|return|>",
        tuple(TALK),
        answering=False,
    ),
    # DeepSeek-R1: state over the loop, wide bars, the thought is begun by the template.
    "the thought is begun": Case(
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}"
        "{% endif %}{% set ns = namespace(system='') %}{%- for message in messages %}"
        "{%- if message['role'] == 'system' %}{% set ns.system = message['content'] %}{%- endif %}"
        "{%- endfor %}{{bos_token}}{{ns.system}}{%- for message in messages %}"
        "{%- if message['role'] == 'user' %}{{'<｜User｜>' + message['content']}}{%- endif %}"
        "{%- if message['role'] == 'assistant' and message['content'] is not none %}"
        "{% set content = message['content'] %}{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{'<｜Assistant｜>' + content + eos_token}}{%- endif %}{%- endfor -%}"
        "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}",
        "<s>Be brief.<｜User｜> One? <｜Assistant｜>\n\nTwo.</s><｜User｜>Three?"
        "<｜Assistant｜><think>\n",
        tuple(TALK),
    ),
    # SmolLM3: an inline block within `generation`, spaces stripped on both sides of it.
    "generation within a loop, stripped": Case(
        "{%- for message in messages -%}\n"
        "    {%- set content = message.content if message.content is string else '' -%}\n"
        "    {%- if message.role == 'assistant' -%}\n"
        "        {%- generation -%}\n"
        "        {{ '<|im_start|>assistant\\n' + content.lstrip('\\n') + '<|im_end|>\\n' }}\n"
        "        {%- endgeneration -%}\n"
        "    {%- else -%}\n"
        "        {{ '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}\n"
        "    {%- endif -%}\n"
        "{%- endfor -%}\n"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}\n",
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n One? <|im_end|>\n"
        "<|im_start|>assistant\n<think>\nhm\n</think>\n\nTwo.<|im_end|>\n"
        "<|im_start|>user\nThree?<|im_end|>\n<|im_start|>assistant\n",
        tuple(TALK),
    ),
    # What is set within a generation block is not known behind it.
    "generation is a scope": Case(
        "{% set x = 'out' %}{% generation %}{% set x = 'in' %}{{ x }}{% endgeneration %} {{ x }}",
        "in out",
    ),
    # GLM-4: no mark ends a turn; a macro reads text or parts.
    "no mark ends a turn": Case(
        "[gMASK]<sop>\n"
        "{%- macro visible(content) -%}\n"
        "{%- if content is string -%}{{ content }}\n"
        "{%- elif content is iterable and content is not mapping -%}\n"
        "{%- for item in content -%}{{ item.text if item is mapping else item }}{%- endfor -%}\n"
        "{%- else -%}{{ content }}{%- endif -%}\n"
        "{%- endmacro -%}\n"
        "{%- for m in messages -%}\n"
        "{%- if m.role == 'user' -%}<|user|>\n{{ visible(m.content) }}\n"
        "{%- elif m.role == 'assistant' -%}<|assistant|>\n{{ visible(m.content).strip() }}\n"
        "{%- elif m.role == 'system' -%}<|system|>\n{{ visible(m.content) }}{%- endif -%}\n"
        "{%- endfor -%}\n"
        "{%- if add_generation_prompt -%}<|assistant|>{{- '\\n' }}{%- endif -%}\n",
        "[gMASK]<sop><|system|>\nBe brief.<|user|>\n One? <|assistant|>\n<think>\nhm\n</think>"
        "\n\nTwo.<|user|>\nThree?<|assistant|>\n",
        tuple(TALK),
    ),
    # Command R: tools and documents are looked for; a long text of the template's own.
    "documents or tools or neither": Case(
        "{{ bos_token }}{% if documents %}DOCUMENTS{% elif tools %}TOOLS{% else %}"
        "{% for message in messages %}{% set content = message['content'] %}"
        "{{ '<|START_OF_TURN_TOKEN|><|' + message['role'].upper() + '_TOKEN|>' + content.strip() "
        "+ '<|END_OF_TURN_TOKEN|>' }}{% endfor %}{% endif %}"
        "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}",
        "<s><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Größe < 3 & 'x'?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    ),
    # Granite 3: the day in words, a list that is joined, break and continue.
    "the day in words, continue and break": Case(
        "{%- set day = strftime_now('%B %d, %Y') -%}\n"
        "{%- set parts = ['Knowledge: April 2024.', 'Date: ' ~ day ~ '.'] -%}\n"
        "<|role|>system<|end_of_role|>{{ parts | join('\\n') }}<|end_of_text|>\n"
        "{% for m in messages %}\n"
        "    {% if m.role == 'system' %}{% continue %}{% endif %}\n"
        "    {% if loop.index > 3 %}{% break %}{% endif %}\n"
        "    {{- '<|role|>' ~ m.role ~ '<|end_of_role|>' ~ m.content ~ '<|end_of_text|>\\n' }}\n"
        "{% endfor %}\n",
        "<|role|>system<|end_of_role|>Knowledge: April 2024.\nDate: March 09, 2026."
        "<|end_of_text|>\n<|role|>user<|end_of_role|> One? <|end_of_text|>\n\n"
        "<|role|>assistant<|end_of_role|><think>\nhm\n</think>\n\nTwo.<|end_of_text|>\n\n",
        tuple(TALK),
    ),
    # Llama 3.2, Granite: tools are written with an indent, keys sorted, other separators.
    "tojson with all its arguments": Case(
        "{%- set tool = {'name': 'ls', 'about': 'Größe <b>', 'n': [1, 2]} -%}\n"
        "{{ tool | tojson }}\n{{ tool | tojson(indent=2) }}\n"
        "{{ tool | tojson(separators=(',', ':'), sort_keys=true) }}\n"
        "{{ tool | tojson(ensure_ascii=true) }}",
        '{"name": "ls", "about": "Größe <b>", "n": [1, 2]}\n'
        '{\n  "name": "ls",\n  "about": "Größe <b>",\n  "n": [\n    1,\n    2\n  ]\n}\n'
        '{"about":"Größe <b>","n":[1,2],"name":"ls"}\n'
        '{"name": "ls", "about": "Gr\\u00f6\\u00dfe <b>", "n": [1, 2]}',
    ),
    "a generation block of the user's words": Case(
        "{% for m in messages -%}\n"
        "    {% generation %}{{ loop.index ~ m.content }}{% endgeneration %}\n"
        "{% endfor %}",
        "1Größe < 3 & 'x'?",
    ),
    # Blocks take their line with them; a mark against it keeps it.
    "lines of blocks": Case(
        "  {% for m in messages %}\n    {{ m.content }}\n  {% endfor %}\n"
        "  {%+ if add_generation_prompt %}\nA:\n  {% endif %}\n\n",
        "    Größe < 3 & 'x'?\n  A:\n",
    ),
    # Hermes, Qwen: filters over what a message may lack.
    "filters over messages": Case(
        "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') "
        "| map('trim') | list | tojson }}\n"
        "{{ messages | rejectattr('role', 'in', ['user', 'system']) | list | length }}"
        "{{ messages[0].tool_calls is defined }}{{ messages[0].get('name', 'none') }}"
        "{{ messages[0].reasoning_content }}{{ messages[-1].content.startswith('Th') }}"
        "{{ messages[0].items() | list | first | join('=') }}",
        '["One?", "Three?"]\n1FalsenoneTruerole=system',
        tuple(TALK),
    ),
    "contents in parts": Case(
        "{% for m in messages %}{% for part in m.content %}{% if part.type == 'text' %}"
        "{{ part.text }}{% elif part.type == 'image' %}<image>{% endif %}{% endfor %}{% endfor %}",
        "A < B",
        ({"role": "user", "content": [{"type": "text", "text": "A < B"}]},),
    ),
}
CASES = {**HANDED, **FURTHER}
# Templates that fail, the line that is at fault, and a word of what is said.
FAILING = {
    "a tag that is not known": ("a\n{% nonsense %}", 2, "nonsense"),
    "a block without end": ("{% for m in messages %}\n{{ m.role }}\n", 2, "endfor"),
    "an expression without end": ("a\nb\n{{ messages[ }}", 3, "'}'"),
    "a refusal": ("{% if true %}\n{{ raise_exception('No  system\nrole') }}\n{% endif %}", 2, "No"),
    "what is not defined": ("\n\n{{ nothing.at_all }}", 3, "nothing"),
    "a filter that is not known": ("\n{{ messages | nonsense }}", 2, "nonsense"),
    "text plus a number": ("a\n{% set x = 'a' + 1 %}", 2, "concatenate"),
    "no function": ("{{ undefined_function() }}", 1, "undefined_function"),
    "a break outside a loop": ("\n{% break %}", None, "break"),
    "what is not JSON": ("\n{{ nothing | tojson }}", 2, "JSON"),
}
