"""The text that the embedded pair learns from: seeded, sound, varied, and true in its figures."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop.tiny import corpus
from workshop.tiny.corpus import kinds as corpus_kinds
from workshop.tiny.corpus import scene as corpus_scene
from workshop.tiny.corpus.template import parse, parse_plots, slots, tell, with_article

SAMPLE = list(corpus.documents(20, 600))

BROKEN = {
    "an unfilled slot or bracket": re.compile(r"[{}\[\]|]"),
    "a double blank": re.compile(r"  | \n|\n "),
    "a blank before a mark": re.compile(r" [,.!?;:]"),
    "two marks in a row": re.compile(r"[,;:!?][,.;:!?]|(?<!\.)\.[,;:!?.](?!\.)"),
    "a full stop behind a quotation": re.compile(r"[.!?][\"'][.,]"),
    "a small letter at a beginning": re.compile(r"(?:^|\n|(?<!\.)[.!?] )[\"'(]?[a-z]"),
    "a before a vowel": re.compile(r"\b[Aa] [aeiouAEIOU]"),
    "an before a consonant": re.compile(r"\b[Aa]n (?!hour)[^aeiouAEIOU]"),
    "a verb that does not go with I": re.compile(r"\bI (?:has|is|are|does|goes|holds|keeps)\b"),
    "a word twice": re.compile(r"\b(\w+) \1\b"),
    "something other than plain ASCII": re.compile(r"[^\n\x20-\x7e]"),
}


def test_same_seed_same_text() -> None:
    assert list(corpus.documents(5, 40)) == list(corpus.documents(5, 40))
    assert list(corpus.documents(5, 40)) == list(islice(corpus.documents(5), 40))
    assert corpus.document(Random(5)) == next(corpus.documents(5))


def test_other_seeds_other_text() -> None:
    assert not set(corpus.documents(5, 40)) & set(corpus.documents(6, 40))


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**63))
def test_any_document_is_well_formed(seed: int) -> None:
    text = corpus.document(Random(seed))
    assert corpus.MIN_CHARS <= len(text) <= corpus.MAX_CHARS
    faults = {name: found[0] for name, mark in BROKEN.items() if (found := mark.search(text))}
    assert not faults, text
    assert text == text.strip()
    assert text.count('"') % 2 == 0


def test_no_document_says_a_sentence_twice() -> None:
    for text in SAMPLE:
        twice = [s for s, count in Counter(corpus.sentences(text)).items() if count > 1]
        assert not twice, text


def test_sentences_end_at_full_stops() -> None:
    text = '"Where is it?" asked Mia. Tom (he was late) said: "Here!" \'No.\' So?\n\nThe end.'
    assert corpus.sentences(text) == [
        '"Where is it?" asked Mia.', 'Tom (he was late) said: "Here!"', "'No.'", "So?", "The end.",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_an_introduction_tells_the_name_again(seed: int) -> None:
    text = corpus_kinds.introduction(Random(seed))
    named = re.search(r"(?:name is|I am) ([A-Z][a-z]+)", text)
    assert named is not None, text
    assert len(re.findall(rf"\b{named[1]}\b", text)) >= 2, text


def test_about_half_of_the_documents_introduce_somebody() -> None:
    first = re.compile(r"(Hello, my name is|Hi, |Good (morning|evening|day), |My name is)")
    share = sum(bool(first.match(text)) for text in SAMPLE) / len(SAMPLE)
    assert 0.45 < share < 0.65
    hello = sum(text.startswith("Hello, my name is") for text in SAMPLE) / len(SAMPLE)
    assert hello > 0.2


def test_sums_are_right() -> None:
    seen = 0
    for text in corpus.documents(3, 1500):
        for a, b, c in re.findall(r"(\d+) times (\d+) (?:is|makes) (\d+)", text):
            assert int(a) * int(b) == int(c), text
            seen += 1
        for a, b, c in re.findall(r"(\d+) and (\d+) (?:is|makes) (\d+)", text):
            assert int(a) + int(b) == int(c), text
            seen += 1
        for a, b, c in re.findall(r"(\d+) less (\d+) is (\d+)", text):
            assert int(a) - int(b) == int(c), text
            seen += 1
        for a, what, price in re.findall(r"bought (\d+) ([a-z ]+?) for (\d+) coins each", text):
            cost = re.search(rf"{a} {what} cost (\d+) coins|, so the {what} cost (\d+)", text)
            if cost is not None:
                assert int(cost[1] or cost[2]) == int(a) * int(price), text
                seen += 1
    assert seen > 100


def test_hours_of_a_working_day_go_forward() -> None:
    for seed in range(40):
        text = corpus_kinds.workday(Random(seed))
        times = re.findall(r"\b(\d+)(?::(\d\d)| o'clock)", text)
        minutes = [int(hour) * 60 + int(minute or 0) for hour, minute in times]
        assert minutes == sorted(minutes), text


def test_documents_differ() -> None:
    texts = list(corpus.documents(8, 2000))
    assert len({corpus.sentences(text)[0] for text in texts}) > 1200
    every = [sentence for text in texts for sentence in corpus.sentences(text)]
    assert len(set(every)) / len(every) > 0.6


def test_all_letters_digits_and_marks_occur() -> None:
    used = set("".join(SAMPLE))
    assert set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,'\"!?:;-()") <= used


def test_prompts_are_short_beginnings() -> None:
    taken = corpus.prompts(1, 60)
    assert taken == corpus.prompts(1, 60)
    assert taken != corpus.prompts(2, 60)
    assert len(set(taken)) > 50
    assert all(prompt and len(prompt.split()) <= 20 for prompt in taken)
    assert len({prompt.split()[0] for prompt in taken}) > 6
    assert corpus.prompts(1, 0) == []


@pytest.mark.parametrize("kind", corpus_kinds.KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_fits_the_length_in_most_drafts(kind: corpus_kinds.Writer) -> None:
    drafts = [kind(Random(seed)) for seed in range(100)]
    fitting = sum(corpus.is_sound(text) for text in drafts)
    assert fitting > 40


def test_plots_and_their_words() -> None:
    plots = corpus_kinds.PLOTS + corpus_kinds.TALK_PLOTS + corpus_kinds.HOW_TO_PLOTS
    assert len({plot.name for plot in plots}) == len(plots)
    assert len(corpus_kinds.PLOTS) >= 15
    for plot in plots:
        facts = corpus_scene.draw_facts(Random(1), plot, True)
        for template in (*plot.steps, plot.recap):
            assert slots(template) <= set(facts), (plot.name, template)
        assert 5 <= len(plot.steps) <= 12, plot.name


def test_facts_fit_each_other() -> None:
    winter = parse_plots("# a ; seasons winter ; lands sea ; light ; small\n- {name}\n= {name}")[0]
    assert winter.seasons == ("winter",)
    assert winter.flags == ("light", "small")
    for seed in range(50):
        facts = corpus_scene.draw_facts(Random(seed), winter, seed % 2 == 0)
        assert facts["season"] == "winter"
        assert facts["pet"] not in ("cow", "pony")
        assert len({facts[who] for who in ("name", "f", "g", "o", "elder", "p")}) == 6
        assert facts["spot"] != facts["seen"]
        assert facts["job"] != facts["fjob"]


def test_templates() -> None:
    assert tell("{a thing}. {thing}!", {"thing": "owl"}, Random(0)) == "An owl. Owl!"
    told = {tell("[a|b[c|]]", {}, Random(seed)) for seed in range(40)}
    assert told == {"A", "Bc", "B"}
    assert tell('"no?" he said. "{x}..." yes', {"x": "well"}, Random(0)) == (
        '"No?" he said. "Well..." yes'
    )
    assert with_article("hour") == "an hour"
    assert with_article("one-way ticket").startswith("a ")
    for wrong in ("[a", "a]", "[a|b"):
        with pytest.raises(ValueError, match="brackets"):
            parse(wrong)


def test_a_fact_is_only_recalled_as_a_word() -> None:
    assert corpus_kinds.mentions("the hen slept", "hen")
    assert not corpus_kinds.mentions("when it slept", "hen")
