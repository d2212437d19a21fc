"""Llama 3's tokenizer, in Meta's file and in Hugging Face's, against a slow one; chat templates."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from workshop.llm.text import chat
from workshop.llm.text.bpe import CUT, SPECIAL, SPECIALS, as_text
from workshop.llm.text.errors import TokenizerError
from workshop.llm.text.tokenizer import Tokenizer, find_tokenizer
from workshop.runner.models import EMBEDDED, find_model, prompt_tokens
from workshop.util.errors import UsageError

TEXT = "the cat that sat on the mat thought that the rat at the hat 123456 Grüße 日本 the end the"
MERGES = 25

any_text = st.text(st.characters(exclude_categories=["Cs"]))


def learned() -> dict[bytes, int]:
    """Ranks of all bytes and of the pairs that stood together most often, one after another."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    words = [[bytes([b]) for b in word.encode()] for word in regex.findall(CUT, TEXT)]
    for _ in range(MERGES):
        counts: dict[bytes, int] = {}
        for word in words:
            for left, right in pairwise(word):
                counts[left + right] = counts.get(left + right, 0) + 1
        best = max(counts, key=lambda pair: (counts[pair], pair))
        ranks.setdefault(best, len(ranks))
        words = [merged(word, best) for word in words]
    return ranks


def merged(word: list[bytes], pair: bytes) -> list[bytes]:
    out: list[bytes] = []
    for piece in word:
        if out and out[-1] + piece == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out


RANKS = learned()
VOCAB = len(RANKS) + SPECIALS
BEGIN, END, TURN = (len(RANKS) + SPECIAL.index(f"<|{name}|>")
                    for name in ("begin_of_text", "end_of_text", "eot_id"))  # fmt: skip


def slow_encode(text: str) -> list[int]:
    """What byte-level BPE is: in each cut of the text, join the pair of lowest rank, again."""
    tokens = []
    for cut in regex.findall(CUT, text):
        word = [bytes([byte]) for byte in cut.encode()]
        while True:
            pairs = [a + b for a, b in pairwise(word) if a + b in RANKS]
            if not pairs or cut.encode() in RANKS:
                break
            at = min(range(len(word) - 1), key=lambda i: RANKS.get(word[i] + word[i + 1], 10**9))
            word[at : at + 2] = [word[at] + word[at + 1]]
        whole = RANKS.get(cut.encode())
        tokens += [whole] if whole is not None else [RANKS[piece] for piece in word]
    return tokens


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Meta's tokenizer.model: tiktoken's format."""
    file = tmp_path_factory.mktemp("meta") / "tokenizer.model"
    lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in RANKS.items())
    file.write_bytes(b"".join(lines))
    return file


@pytest.fixture(scope="module")
def meta(path: Path) -> Tokenizer:
    return Tokenizer(path)


@pytest.fixture(scope="module")
def hugging_face(meta: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """The same as a tokenizer.json."""
    file = tmp_path_factory.mktemp("hf") / "tokenizer.json"
    meta.pieces.model.save(str(file))
    said = {"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|eot_id|>"}}
    (file.parent / "tokenizer_config.json").write_text(json.dumps(said))
    return Tokenizer(file)


@pytest.fixture(params=["meta", "hugging_face"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return request.getfixturevalue(request.param)


SPECIAL_TEXT = "<|begin_of_text|> <|eot_id|><|end_of_text|> <|reserved_special_token_5|>"


@settings(max_examples=100, deadline=None)
@given(any_text)
@example(TEXT)
@example("  The hat's   that\n\n\tTHAT'LL 1234567 ")
@example(SPECIAL_TEXT)
def test_tokens_are_those_of_the_slow_tokenizer_and_every_text_comes_back(
    meta: Tokenizer, hugging_face: Tokenizer, text: str
) -> None:
    """A special token that is written out in a text is text: it cannot be smuggled in."""
    for tokenizer in (meta, hugging_face):
        first, *rest = tokenizer.encode(text)
        assert first == tokenizer.bos == BEGIN
        assert rest == slow_encode(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_slow_tokenizer_learned_something() -> None:
    assert len(slow_encode(TEXT)) < len(TEXT.encode()) / 2


def test_ends_and_size(meta: Tokenizer, hugging_face: Tokenizer) -> None:
    """Hugging Face's may name another end in tokenizer_config.json."""
    assert meta.vocab == hugging_face.vocab == VOCAB
    assert (meta.eos, hugging_face.eos) == (END, TURN)
    assert meta.name(meta.bos) == "<|begin_of_text|>"
    assert meta.name(VOCAB) == meta.name(-1) == ""


def test_special_tokens_have_the_places_that_llama_3_gives_them() -> None:
    """Its vocabulary has 128000 before them; 128001 and 128009 end texts and turns."""
    places = {name: 128000 + i for i, name in enumerate(SPECIAL)}
    assert places["<|begin_of_text|>"] == 128000
    assert places["<|end_of_text|>"] == 128001
    assert places["<|start_header_id|>"] == 128006
    assert places["<|end_header_id|>"] == 128007
    assert places["<|eom_id|>"] == 128008
    assert places["<|eot_id|>"] == 128009
    assert places["<|python_tag|>"] == 128010


def test_bytes_that_can_be_printed_stand_for_themselves() -> None:
    written = as_text()
    assert len(set(written)) == 256
    assert all(len(character) == 1 for character in written)
    assert written[ord("a")] == "a"
    assert written[ord(" ")] == "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"


def test_what_a_model_says_decodes_whatever_it_is(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([BEGIN, *slow_encode("the hat"), TURN, VOCAB + 3, -1]) == "the hat"
    assert tokenizer.decode([0xE6]) == "\N{REPLACEMENT CHARACTER}"


def test_text_that_was_not_utf_8_is_refused(tokenizer: Tokenizer) -> None:
    text = b"caf\xe9".decode("utf-8", "surrogateescape")
    for encode in (tokenizer.encode, tokenizer.encode_marked):
        with pytest.raises(TokenizerError, match=r"^not a text in UTF-8: 'caf\\udce9'$"):
            encode(text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"YQ== 0\nnot base64! 1\n", "line 2 is no token and its rank"),
        (b"YQ== 0\nYg==\n", "line 2 is no token and its rank"),
        (b"YQ== 0\nYg== 2\n", "its ranks are not one for each token, all bytes among them"),
        (b"YQ== 0\nYg== 1\n", "its ranks are not one for each token, all bytes among them"),
    ],
)
def test_a_file_of_meta_s_that_is_broken(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(TokenizerError) as refused:
        Tokenizer(path)
    assert str(refused.value) == f"{path}: {says}"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": "1.0", "model": 3}'])
def test_a_json_that_is_no_tokenizer(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(TokenizerError) as refused:
        Tokenizer(path)
    assert str(refused.value) == (
        f"{path}: this is not a tokenizer that the tokenizers library reads"
    )


def test_a_json_without_a_beginning_is_refused(tmp_path: Path, hugging_face: Tokenizer) -> None:
    library: Library = hugging_face.pieces.model
    library.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<nowhere>"}')
    with pytest.raises(TokenizerError, match="it has no begin-of-sequence token"):
        Tokenizer(tmp_path / "tokenizer.json")


def test_of_two_tokenizers_in_a_directory_sentencepiece_is_taken(tmp_path: Path) -> None:
    assert find_tokenizer(tmp_path) == tmp_path / "tokenizer.model"
    (tmp_path / "tokenizer.json").write_text("{}")
    assert find_tokenizer(tmp_path) == tmp_path / "tokenizer.json"
    (tmp_path / "tokenizer.model").write_text("")
    assert find_tokenizer(tmp_path) == tmp_path / "tokenizer.model"


# --- Chat templates ------------------------------------------------------------------------------

LLAMA_3 = (
    "{% for message in messages %}{{ (bos_token if loop.first else '') + '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA_2 = "{{ bos_token + '[INST] ' + messages[0]['content'] + ' [/INST]' }}"


def test_a_template_of_llama_3_gives_its_special_tokens(meta: Tokenizer) -> None:
    head, tail = (len(RANKS) + SPECIAL.index(f"<|{n}_header_id|>") for n in ("start", "end"))
    assert chat.encode(meta, LLAMA_3, " the hat ") == [
        BEGIN, head, *slow_encode("user"), tail, *slow_encode("\n\nthe hat"), TURN,
        head, *slow_encode("assistant"), tail, *slow_encode("\n\n"),
    ]  # fmt: skip


def test_a_template_of_llama_2_gives_one_beginning() -> None:
    """And the text between is as sentencepiece has it."""
    tokenizer = Tokenizer(EMBEDDED / "verifier" / "tokenizer.model")
    tokens = chat.encode(tokenizer, LLAMA_2, "Hello")
    assert tokens == tokenizer.encode("[INST] Hello [/INST]")
    assert tokens.count(tokenizer.bos) == 1


def test_where_a_template_is_found(tmp_path: Path) -> None:
    assert chat.find_template(tmp_path) is None
    config = tmp_path / "tokenizer_config.json"
    for said, expected in (
        ({}, None),
        ({"chat_template": "one"}, "one"),
        ({"chat_template": [{"name": "tool_use", "template": "no"},
                            {"name": "default", "template": "yes"}]}, "yes"),
        ({"chat_template": [{"name": "tool_use", "template": "no"}, 3]}, None),
    ):  # fmt: skip
        config.write_text(json.dumps(said))
        assert chat.find_template(tmp_path) == expected
    (tmp_path / "chat_template.jinja").write_text("alone")
    assert chat.find_template(tmp_path) == "alone"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% for %}", "Expected an expression, got 'end of statement block'"),
        ("{{ messages[0].nothing.deeper }}", "'dict object' has no attribute 'nothing'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ messages.append(1) }}", "access to attribute 'append' of 'list' object is unsafe."),
        (
            "{{ ''.__class__.__mro__ }}",
            "access to attribute '__class__' of 'str' object is unsafe.",
        ),
        ("{{ raise_exception.__globals__['os'] }}", "access to attribute '__globals__' of"),
        ("{% include '/etc/passwd' %}", "no loader for this environment specified"),
        ("{{ range(10**9) | list }}", "Range too big. The sandbox blocks ranges larger than"),
    ],
)
def test_a_template_that_fails_or_reaches_outside_gets_one_sentence(
    template: str, says: str
) -> None:
    with pytest.raises(TokenizerError) as refused:
        chat.render(template, "text", "<s>", "</s>")
    assert str(refused.value).startswith(f"the model's chat template failed: {says}")


def test_text_is_not_a_template() -> None:
    assert chat.render(LLAMA_2, "{{ 7 * 7 }}", "<s>", "</s>") == "<s>[INST] {{ 7 * 7 }} [/INST]"


def test_the_embedded_model_was_not_taught_to_answer() -> None:
    source = find_model("tiny:1")
    tokenizer = Tokenizer(source.tokenizer)
    assert prompt_tokens(source, tokenizer, "Hi", as_chat=False) == tokenizer.encode("Hi")
    with pytest.raises(UsageError) as refused:
        prompt_tokens(source, tokenizer, "Hi", as_chat=True)
    assert str(refused.value) == (
        "tiny:1 has no chat template, so it was not taught to answer: leave out --chat"
    )
