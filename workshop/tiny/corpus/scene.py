"""The cast of a tiny story: who, where, when and with what.

A scene is drawn once per document and everything in the document is told about it, so a name, a
colour or a place that is told early comes back unchanged near the end. Stories are told in the past
tense, where "I" and "she" take the same form of the verb, so that one plot serves both persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from workshop.tiny.corpus import people, places, things
from workshop.tiny.corpus.template import Plot, pick

NUMBER_WORDS: tuple[str, ...] = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty",
)  # fmt: skip

SHE_KIN = ("aunt", "grandmother", "godmother", "cousin", "neighbour", "old teacher")
HE_KIN = ("uncle", "grandfather", "godfather", "cousin", "neighbour", "old teacher")


@dataclass(frozen=True)
class Person:
    """A name and the pronouns that go with it."""

    name: str
    subject: str
    object: str
    possessive: str

    def facts(self, prefix: str) -> dict[str, str]:
        """The name and the pronouns, for templates, under a prefix."""
        return {
            prefix: self.name,
            f"{prefix}_s": self.subject,
            f"{prefix}_S": self.subject.capitalize(),
            f"{prefix}_o": self.object,
            f"{prefix}_p": self.possessive,
        }


def she(name: str) -> Person:
    """A woman or a girl."""
    return Person(name, "she", "her", "her")


def he(name: str) -> Person:
    """A man or a boy."""
    return Person(name, "he", "him", "his")


def draw_people(rng: Random, count: int) -> list[Person]:
    """Draw people with different names, half of them women, as chance will have it."""
    women = [she(name) for name in rng.sample(people.SHE_NAMES, count)]
    men = [he(name) for name in rng.sample(people.HE_NAMES, count)]
    return [women[at] if rng.random() < 0.5 else men[at] for at in range(count)]


def draw_jobs(rng: Random, land: str, count: int) -> list[people.Job]:
    """Draw different jobs that can be done in this country."""
    return rng.sample([job for job in people.JOBS if job.land in ("", land)], count)


def describe(rng: Random, thing: things.Thing) -> str:
    """Give a thing one or two adjectives that suit it."""
    material = pick(rng, thing.materials)
    if thing.painted and rng.random() < 0.7:
        colour = pick(rng, things.COLOURS)
        stuff = f"{material} " if rng.random() < 0.4 else ""
        return f"{colour} {stuff}{thing.noun}"
    size = pick(rng, ("small ", "old ", "little ", "heavy ", "fine ", "", ""))
    return f"{size}{material} {thing.noun}"


def number(rng: Random, value: int) -> str:
    """Write a number in digits, or as a word when it has one."""
    return NUMBER_WORDS[value] if value <= 20 and rng.random() < 0.5 else str(value)


def purchase_facts(rng: Random) -> dict[str, str]:
    """Two purchases, paid from one purse, with sums that are right."""
    goods1, goods2 = rng.sample(things.GOODS, 2)
    count1, count2 = rng.randrange(2, 13), rng.randrange(2, 13)
    price1, price2 = rng.randrange(2, 10), rng.randrange(2, 10)
    cost1, cost2, rest = count1 * price1, count2 * price2, rng.randrange(3, 40)
    sum1 = pick(
        rng,
        (
            f"{count1} {goods1} cost {cost1} coins.",
            f"{count1} times {price1} is {cost1}, so the {goods1} cost {cost1} coins.",
            f"That was {cost1} coins for the {goods1}.",
        ),
    )
    sum2 = pick(
        rng,
        (
            f"The {goods2} cost {cost2} coins.",
            f"That made {cost2} coins, and {cost1 + cost2} coins in all.",
            f"{cost1} and {cost2} makes {cost1 + cost2} coins.",
        ),
    )
    return {
        "purse": str(cost1 + cost2 + rest), "rest": str(rest), "q1": str(count1), "q2": str(count2),
        "goods1": goods1, "goods2": goods2, "p1": str(price1), "p2": str(price2), "c1": str(cost1),
        "c2": str(cost2), "c12": str(cost1 + cost2), "sum1": sum1, "sum2": sum2,
        "sum_boards": f"{count1} times {price1} is {cost1}, so all of them cost {cost1} coins.",
    }  # fmt: skip


def number_facts(rng: Random) -> dict[str, str]:
    """Numbers that are told early and counted together later."""
    one, two, years = rng.randrange(2, 12), rng.randrange(2, 12), rng.randrange(2, 40)
    baking, cooling = rng.randrange(20, 61, 5), rng.randrange(5, 31, 5)
    return {
        "n1": number(rng, one), "n2": number(rng, two), "n12": number(rng, one + two),
        "m1": str(baking), "m2": str(cooling), "m12": str(baking + cooling),
        "years": number(rng, years), "age": number(rng, rng.randrange(2, 12)),
        "age_child": number(rng, rng.randrange(6, 12)),
        "age_adult": str(years + rng.randrange(19, 36)),
        "hour": number(rng, rng.randrange(2, 12)), "steps": str(rng.randrange(60, 400)),
        "flour": str(rng.randrange(150, 451, 50)), "sugar": str(rng.randrange(50, 201, 25)),
        "kilos": str(rng.randrange(2, 5)),
        "ordinal": pick(rng, ("third", "fourth", "fifth", "tenth")),
    }  # fmt: skip


def voice_facts(hero: Person, friend: Person, helper: Person, first_person: bool) -> dict[str, str]:
    """The words for the hero, and for hero and friend together, in the voice of the story."""
    if first_person:
        return {
            "h": "I", "s": "I", "S": "I", "me": "me", "my": "my", "My": "My", "mine": "mine",
            "we": "we", "We": "We", "us": "us", "our": "our", "ours": "ours", "obj_h": "me",
            "both": f"{friend.name} and I", "both_g": f"{helper.name} and I",
        }  # fmt: skip
    own = hero.possessive
    return {
        "h": hero.name, "s": hero.subject, "S": hero.subject.capitalize(), "me": hero.object,
        "my": own, "My": own.capitalize(), "mine": "hers" if own == "her" else own, "we": "they",
        "We": "They", "us": "them", "our": "their", "ours": "theirs", "obj_h": hero.name,
        "both": f"{hero.name} and {friend.name}", "both_g": f"{hero.name} and {helper.name}",
    }  # fmt: skip


def job_facts(prefix: str, job: people.Job) -> dict[str, str]:
    """The words of one job under a prefix."""
    return {
        f"{prefix}job": job.title, f"{prefix}work": job.place, f"{prefix}tool": job.tool,
        f"{prefix}tool2": job.tool2, f"{prefix}do": job.do, f"{prefix}did": job.did,
        f"{prefix}wares": job.wares,
    }  # fmt: skip


def season_facts(rng: Random, season: places.Season) -> dict[str, str]:
    """Weather, clothes and food of one season."""
    sky, sky2 = rng.sample(season.skies, 2)
    food, food2 = rng.sample(season.foods, 2)
    sign = rng.randrange(len(season.signs))
    return {
        "season": season.name, "sky": sky, "SKY": sky2[0].upper() + sky2[1:], "food": food,
        "food2": food2, "wear": pick(rng, season.clothes), "sign": season.signs[sign],
        "sign_now": season.signs_now[sign],
    }  # fmt: skip


def thing_facts(rng: Random, plot: Plot) -> dict[str, str]:
    """The thing of the story, where it was seen last, and where it really is."""
    fitting = tuple(
        thing
        for thing in things.THINGS
        if not ("light" in plot.flags and not thing.small)
        and not ("heavy" in plot.flags and thing.small)
    )
    thing = pick(rng, fitting)
    spot, seen = rng.sample(places.SMALL_SPOTS if thing.small else places.BIG_SPOTS, 2)
    big = pick(rng, tuple(place for place in places.BIG_SPOTS if place not in (spot, seen)))
    return {
        "thing": thing.noun, "obj": describe(rng, thing), "spot": spot, "seen": seen,
        "spot_big": big, "shelf": pick(rng, places.SHELVES), "colour": pick(rng, things.COLOURS),
    }  # fmt: skip


def pet_facts(rng: Random, plot: Plot) -> dict[str, str]:
    """The animal of the story and its ways."""
    lair, lair2 = rng.sample(places.LAIRS, 2)
    pet = pick(rng, tuple(a for a in things.ANIMALS if a.small or "small" not in plot.flags))
    return {
        "pet": pet.kind, "petname": pick(rng, things.PET_NAMES), "sounded": pet.sounded,
        "moved": pet.moved, "petfood": pet.food, "bed": pet.bed,
        "lair": lair, "lair2": lair2,
    }  # fmt: skip


def taste_facts(rng: Random) -> dict[str, str]:
    """What people like, grow, play and build."""
    hobby, hobby2 = rng.sample(people.HOBBIES, 2)
    trait, trait2 = rng.sample(people.TRAITS, 2)
    veg, veg2 = rng.sample(things.VEGETABLES, 2)
    fruit, fruits, when = pick(rng, things.FRUITS)
    return {
        "hobby": hobby, "hobby2": hobby2, "trait": trait, "trait2": trait2, "veg": veg,
        "veg2": veg2, "fruit": fruit, "fruits": fruits, "when_fruit": when,
        "skill": pick(rng, people.SKILLS), "soupveg": pick(rng, things.SOUP_VEGETABLES),
        "instr": pick(rng, things.INSTRUMENTS), "build": pick(rng, things.BUILDS),
        "home": pick(rng, people.HOMES),
    }  # fmt: skip


def draw_facts(rng: Random, plot: Plot, first_person: bool) -> dict[str, str]:
    """Draw all the facts of one document, such that they suit each other and the plot."""
    towns = tuple(t for t in places.TOWNS if not plot.lands or t.land in plot.lands)
    town = pick(rng, towns)
    other = pick(rng, tuple(t for t in places.TOWNS if t.name != town.name))
    seasons = tuple(s for s in places.SEASONS if not plot.seasons or s.name in plot.seasons)
    hero, friend, third, elder, helper, pen_friend = draw_people(rng, 6)
    jobs = draw_jobs(rng, town.land, 4)
    return {
        "name": hero.name, "town": town.name, "size": town.size, "dest": other.name,
        "land": pick(rng, places.LAND_PHRASES[town.land]),
        "kin": pick(rng, SHE_KIN if elder.subject == "she" else HE_KIN),
        **friend.facts("f"), **third.facts("o"), **elder.facts("elder"), **helper.facts("g"),
        **pen_friend.facts("p"),
        **job_facts("", jobs[0]), **job_facts("f", jobs[1]), **job_facts("o", jobs[2]),
        **job_facts("elder", jobs[3]), **voice_facts(hero, friend, helper, first_person),
        **season_facts(rng, pick(rng, seasons)), **thing_facts(rng, plot), **pet_facts(rng, plot),
        **taste_facts(rng), **number_facts(rng), **purchase_facts(rng),
    }  # fmt: skip
