"""A day at work, told by the hour and with figures that add up."""

from __future__ import annotations

from random import Random

from workshop.tiny.corpus import frames
from workshop.tiny.corpus.scene import Person, draw_facts, draw_people
from workshop.tiny.corpus.template import Plot, pick, tell

DAY = Plot("a day at work", (), "")

STARTS = (
    "This is one of {my} days {work}. | Let me tell you about {a_day} {work}. | One day in"
    " {season} went like this. | Here is what a day {work} is like. | I shall tell you about"
    " last Tuesday."
)
MORNING = (
    "At {t} {h} [got up|woke up], put on {wear} and gave {petname} the {pet} some {petfood}. |"
    " At {t} the day began. {sky_up}, and {petname} the {pet} {sounded} at the door. | {h} got"
    " up at {t}, because {petname} the {pet} {sounded}."
)
FIRST = (
    "At {t} {s} was {work}. [First|To begin with] {s} looked for {my} {tool}, which lay"
    " {spot}. | At {t} {h} began to work {work}. The {tool} was missing, but then {s} found it"
    " {spot}."
)
VISITS: tuple[str, ...] = (
    "At {t} {v} came [in|by] and [asked for|wanted to hear about] {my} {wares}. [{v_S} stayed"
    " for {m} minutes|It took {m} minutes].",
    "Then, at {t}, {v} brought {count} {goods}, because {v_s} had [too many|bought too many]"
    " of them.",
    "At {t} {v} knocked. {v_S} [had lost the way to {dest}|was looking for {f}] and [needed a"
    " rest|stayed for a cup of tea].",
    "At {t} came {v}, who [was in a hurry|was always early|had time], and [told {me} the news"
    " from {dest}|talked about {hobby}].",
    'Soon after {t}, {v} looked in at the door. "[Is my {thing} here|Have you seen my'
    ' {thing}]?" {v_s} asked. It was {a obj}, but it was not there.',
    "At {t} it was the turn of {v}. {v_S} thanked {me} for {my} {wares} and left {count}"
    " {goods} as a present.",
)
LUNCH = (
    "At {t} {h} had lunch with {f}, {a fjob}. Then {both} went to the market and bought {q1}"
    " {goods1} for {p1} coins each. {sum1} | At {t} it was time to eat. {f}, {a fjob} and"
    ' {a_friend}, came from the market with {q1} {goods1}. "{p1} coins each," said {f}. {sum1}'
)
LATE: tuple[str, ...] = (
    "At {t} [it got quiet|nobody came any more], and {h} cleaned {my} {tool} and {my} {tool2}.",
    "At {t} [the sky changed|the weather changed]: {sky}. {h} [closed the windows|lit the lamp].",
    "At {t} {petname} {moved} [in|past the door] with {a obj}. Nobody knew whose it was.",
    "At {t} {elder}, {my} {kin}, came to see {me} and brought {food}.",
)
COUNT = (
    "In the evening {h} counted: {n_am} visitors before noon and {n_pm} after it, {n_day} in"
    " all. | At {t} it was time to count. {n_am} people had come in the morning and {n_pm} in"
    " the afternoon; {n_am} and {n_pm} is {n_day}."
)
HOME = (
    "At {t} {h} was at home. There was {food2}, and {petname} slept {bed}. | Then {h} went"
    " home through {town}, and at {t} {both} were sitting together over {food2}."
)
ENDS: tuple[str, ...] = (
    "That is what a day is like for {a job} in {town}: {n_day} visitors, {q1} {goods1}, and"
    " {f} for lunch.",
    "Nobody had asked for anything impossible, the {tool} was still there, and tomorrow {f}"
    " would come again.",
    "Such are the days of {name}, the {job} of {town}: long, but never dull.",
    "{n_day} visitors! {f} would not believe it, but {petname} had seen them all.",
)


def clock(minutes: int) -> str:
    """Write a time of day, such as "8 o'clock" or "14:30"."""
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}" if minute else f"{hour} o'clock"


def visitor(rng: Random, template: str, person: Person, facts: dict[str, str], time: int) -> str:
    """Tell the visit of one person at one time."""
    goods = pick(rng, ("eggs", "apples", "plums", "buns", "pears", "candles", "walnuts"))
    more = {"t": clock(time), "m": str(rng.randrange(5, 41, 5)), "goods": goods,
            "count": str(rng.randrange(2, 20))}  # fmt: skip
    return tell(template, facts | person.facts("v") | more, rng)


def workday(rng: Random) -> str:
    """A day told from the morning to the evening; the hours rise and the sums are right."""
    first_person = rng.random() < 0.5
    facts = draw_facts(rng, DAY, first_person)
    visitors_am, visitors_pm = rng.randrange(2, 30), rng.randrange(2, 30)
    facts |= {
        "sky_up": facts["SKY"], "a_day": "a day", "n_am": str(visitors_am),
        "n_pm": str(visitors_pm), "n_day": str(visitors_am + visitors_pm),
        "a_friend": "a good friend",
    }  # fmt: skip
    times = [rng.randrange(5, 7) * 60 + rng.randrange(0, 60, 15)]
    for _ in range(9):
        times.append(times[-1] + rng.randrange(45, 106, 15))
    others = [p for p in draw_people(rng, 6) if p.name not in (facts["name"], facts["f"])]
    visits = rng.sample(VISITS, 3)

    def at(template: str, time: int) -> str:
        return tell(template, facts | {"t": clock(time)}, rng)

    opening = pick(rng, frames.OPENINGS if first_person else frames.THIRD_OPENINGS)
    start = [tell(opening, facts, rng)]
    if first_person:
        start.append(tell(STARTS, facts, rng))
    late = rng.sample(LATE, 2)
    morning = [
        at(MORNING, times[0]), at(FIRST, times[1]),
        visitor(rng, visits[0], others[0], facts, times[2]),
        visitor(rng, visits[1], others[1], facts, times[3]),
        at(LUNCH, times[4]),
    ]  # fmt: skip
    evening = [
        visitor(rng, visits[2], others[2], facts, times[5]),
        at(late[0], times[6]), at(late[1], times[7]), at(COUNT, times[8]), at(HOME, times[9]),
        tell(pick(rng, ENDS), facts, rng),
    ]  # fmt: skip
    if first_person and facts["name"] not in evening[-1]:
        evening.append(tell(pick(rng, frames.NAME_AGAIN), facts, rng))
    seam = "\n\n" if rng.random() < 0.6 else " "
    return seam.join(" ".join(part) for part in (start, morning, evening))
