"""The kinds of documents, and how one of each is put together from plots and frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from workshop.tiny.corpus import frames
from workshop.tiny.corpus.howto import HOW_TOS
from workshop.tiny.corpus.plots_home import PLOTS_AT_HOME
from workshop.tiny.corpus.plots_road import PLOTS_ON_THE_ROAD
from workshop.tiny.corpus.plots_town import PLOTS_IN_TOWN
from workshop.tiny.corpus.scene import draw_facts
from workshop.tiny.corpus.talks import TALKS
from workshop.tiny.corpus.template import Plot, parse_plots, pick, slots, tell
from workshop.tiny.corpus.workday import workday

Facts = dict[str, str]
Writer = Callable[[Random], str]

PLOTS: tuple[Plot, ...] = (
    parse_plots(PLOTS_AT_HOME) + parse_plots(PLOTS_IN_TOWN) + parse_plots(PLOTS_ON_THE_ROAD)
)
TALK_PLOTS: tuple[Plot, ...] = parse_plots(TALKS)
HOW_TO_PLOTS: tuple[Plot, ...] = parse_plots(HOW_TOS)

# Facts that a frame may only recall when the reader has met them in the text.
RECALLED: tuple[str, ...] = (
    "obj", "thing", "spot", "seen", "petname", "pet", "petfood", "bed", "f", "fjob", "trait", "o",
    "elder", "kin", "dest", "season", "wear", "food", "job", "town",
)  # fmt: skip


def mentions(text: str, fact: str) -> bool:
    """Tell whether a fact stands in a text as whole words ("hen" is not in "when")."""
    at = text.find(fact)
    while at >= 0:
        end = at + len(fact)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            return True
        at = text.find(fact, end)
    return False


def known(template: str, facts: Facts, text: str) -> bool:
    """Tell whether everything that a template recalls occurs in the text so far."""
    asked = slots(template)
    return all(mentions(text, facts[name]) for name in RECALLED if name in asked)


def choose(rng: Random, templates: Iterable[str], facts: Facts, text: str) -> list[str]:
    """Fill one of the templates that recall nothing unknown, if there is any."""
    fitting = tuple(template for template in templates if known(template, facts, text))
    return [tell(pick(rng, fitting), facts, rng)] if fitting else []


def told(plot: Plot, facts: Facts, rng: Random, share: float = 0.4) -> list[str]:
    """Tell the steps of a plot in order, with this share of the optional ones."""
    lines = []
    for step in plot.steps:
        optional = step.startswith("?")
        if not optional or rng.random() < share:
            lines.append(tell(step[1:].lstrip() if optional else step, facts, rng))
    return lines


def with_aside(lines: list[str], intro: list[str], facts: Facts, rng: Random) -> list[str]:
    """Often let the teller think of something else for a moment, in the middle of the story."""
    if rng.random() < 0.6:
        return lines
    at = rng.randrange(3, len(lines) - 2)
    aside = choose(rng, frames.ASIDES, facts, " ".join(intro + lines[:at]) + facts["season"])
    return [*lines[:at], *aside, *lines[at:]]


def lead_in(plot: Plot, opening: str, friend: str, pet: str, others: tuple[str, ...],
            facts: Facts, rng: Random) -> list[str]:  # fmt: skip
    """Introduce the hero, always the friend, and mostly the pet, unless the plot brings it."""
    lines = [friend]
    if plot.name != "new pet" and rng.random() < 0.8:
        lines.append(pet)
    lines += rng.sample(others, rng.randrange(0, 2 + len(others) // 5))
    rng.shuffle(lines)
    return [tell(line, facts, rng) for line in [opening, *lines]]


def paragraphs(parts: list[list[str]], rng: Random) -> str:
    """Join sentences into paragraphs; the breaks come at the seams, or not at all."""
    seam = "\n\n" if rng.random() < 0.7 else " "
    return seam.join(" ".join(part) for part in parts if part)


def halves(lines: list[str], rng: Random) -> list[list[str]]:
    """Sometimes break a long story in two paragraphs."""
    if rng.random() < 0.5:
        return [lines]
    cut = rng.randrange(3, len(lines) - 2)
    return [lines[:cut], lines[cut:]]


def introduction(rng: Random) -> str:
    """Somebody introduces themselves and tells what happened to them."""
    plot = pick(rng, PLOTS)
    facts = draw_facts(rng, plot, True)
    opening = frames.OPENINGS[rng.randrange(len(frames.OPENINGS))]
    others = (frames.TOWN_FACT, *frames.FACTS)
    intro = lead_in(plot, opening, frames.FRIEND_FACT, frames.PET_FACT, others, facts, rng)
    body = with_aside(told(plot, facts, rng), intro, facts, rng)
    if rng.random() < 0.5:
        intro += choose(rng, frames.BRIDGES, facts, " ".join(intro + body))
    end = [tell(plot.recap, facts, rng)]
    text = " ".join(intro + body + end)
    if rng.random() < 0.8:
        end += choose(rng, frames.GOODBYES, facts, text)
    if not any(facts["name"] in line for line in body[1:] + end):
        end += choose(rng, frames.NAME_AGAIN, facts, text + " " + facts["town"])
    return paragraphs([intro, *halves(body, rng), end], rng)


def third_person(rng: Random, brief: bool = False) -> tuple[Facts, list[list[str]]]:
    """The parts of a story about somebody; a brief one leaves room for questions."""
    plot = pick(rng, PLOTS)
    facts = draw_facts(rng, plot, False)
    opening = pick(rng, frames.THIRD_OPENINGS)
    if brief:
        intro = [tell(line, facts, rng) for line in (opening, frames.THIRD_FRIEND)]
        body = told(plot, facts, rng, 0.1)
        return facts, [intro, body, [tell(plot.recap, facts, rng)]]
    others = frames.THIRD_FACTS
    intro = lead_in(plot, opening, frames.THIRD_FRIEND, frames.THIRD_PET, others, facts, rng)
    body = with_aside(told(plot, facts, rng), intro, facts, rng)
    end = [tell(plot.recap, facts, rng)]
    end += choose(rng, frames.THIRD_ENDS, facts, " ".join(intro + body + end))
    return facts, [intro, *halves(body, rng), end]


def story(rng: Random) -> str:
    """A story about somebody."""
    return paragraphs(third_person(rng)[1], rng)


def questions(rng: Random) -> str:
    """A story with questions about it, and the answers."""
    facts, parts = third_person(rng, brief=True)
    text = " ".join(" ".join(part) for part in parts)
    facts["its_name"] = pick(rng, ("It was called", "Its name was", "The name was"))
    fitting = [q for q in frames.QUESTIONS if known(q[0] + q[1], facts, text)]
    asked = rng.sample(fitting, min(len(fitting), rng.randrange(3, 6)))
    pairs = [(tell(q, facts, rng), tell(a, facts, rng)) for q, a in asked]
    form = rng.randrange(3)
    if form == 0:
        block = [f"{q} {a}" for q, a in pairs]
    elif form == 1:
        block = ["Questions:"] + [f"({at}) {q}" for at, (q, _) in enumerate(pairs, 1)]
        block += ["Answers:"] + [f"({at}) {a}" for at, (_, a) in enumerate(pairs, 1)]
    else:
        block = [f'"{q}" "{a}"' for q, a in pairs]
    return "\n\n".join([" ".join(" ".join(part) for part in parts), " ".join(block)])


def letter(rng: Random) -> str:
    """A letter to somebody far away, in which a story is told."""
    plot = pick(rng, PLOTS)
    facts = draw_facts(rng, plot, True)
    greetings = pick(rng, frames.LETTER_STARTS)
    start = [tell(greetings, facts, rng), tell(frames.LETTER_FRIEND, facts, rng)]
    if plot.name != "new pet" and rng.random() < 0.5:
        start.append(tell(frames.LETTER_PET, facts, rng))
    start.append(tell(frames.LETTER_BRIDGES, facts, rng))
    body = told(plot, facts, rng, 0.3)
    end = [tell(plot.recap, facts, rng)]
    text = " ".join(start + body + end) + facts["dest"]
    end += choose(rng, frames.LETTER_ENDS, facts, text)
    sign = tell(pick(rng, frames.LETTER_SIGNS), facts, rng)
    after = choose(rng, frames.LETTER_AFTER, facts, text) if rng.random() < 0.5 else []
    greeting = pick(rng, ("Dear", "My dear", "Dear", "Hello")) + f" {facts['p']},"
    return "\n\n".join([greeting, " ".join(start), " ".join(body), " ".join(end), sign, *after])


def talk(rng: Random) -> str:
    """A talk between two people."""
    plot = pick(rng, TALK_PLOTS)
    facts = draw_facts(rng, plot, False)
    lines = told(plot, facts, rng)
    end = [tell(plot.recap, facts, rng)]
    if rng.random() < 0.2:
        opening = pick(rng, frames.THIRD_OPENINGS)
        lines.insert(0, tell(opening, facts, rng))
    return paragraphs([*halves(lines, rng), end], rng)


def how_to(rng: Random) -> str:
    """A recipe or a small explanation."""
    plot = pick(rng, HOW_TO_PLOTS)
    facts = draw_facts(rng, plot, True)
    title = tell(plot.name, facts, rng)
    lines = told(plot, facts, rng, 0.7)
    return "\n\n".join([title, *(" ".join(part) for part in halves(lines, rng)),
                        tell(plot.recap, facts, rng)])  # fmt: skip


KINDS: tuple[Writer, ...] = (introduction, story, questions, letter, talk, how_to, workday)
WEIGHTS: tuple[float, ...] = (0.5, 0.16, 0.08, 0.06, 0.08, 0.05, 0.07)


def write(rng: Random, kind: Writer | None = None) -> str:
    """Write one draft of the given kind, or of a kind drawn by weight."""
    if kind is None:
        at = rng.random()
        kind = KINDS[0]
        for candidate, weight in zip(KINDS, WEIGHTS, strict=True):
            if at < weight:
                kind = candidate
                break
            at -= weight
    text = kind(rng)
    return text.replace('"', "'") if rng.random() < 0.1 else text
