"""The towns, hiding places and seasons of the tiny stories."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.tiny.corpus.people import rows


@dataclass(frozen=True)
class Town:
    """A place to live in and the kind of country around it."""

    name: str
    size: str
    land: str


@dataclass(frozen=True)
class Season:
    """A season with the weather, the clothes and the food that fit it."""

    name: str
    skies: tuple[str, ...]
    clothes: tuple[str, ...]
    foods: tuple[str, ...]
    signs: tuple[str, ...]  # in the past tense
    signs_now: tuple[str, ...]  # the same in the present tense


SMALL_SPOTS: tuple[str, ...] = (
    "under the cushion of the armchair", "behind the clock on the shelf", "in an empty jam jar",
    "in the pocket of an old coat", "in the bread tin", "between two thick books",
    "inside a rubber boot", "under a cabbage leaf in the garden", "in a flowerpot by the door",
    "at the bottom of the laundry basket", "in the button box", "beneath the loose floorboard",
    "behind the flour jar", "in the lining of a winter coat", "in a bird's nest under the roof",
    "between the stones of the garden wall", "in the drawer of the kitchen table",
    "under the doormat", "in the sugar bowl", "inside the piano", "in the letter box",
    "behind the bath", "in the toe of a slipper", "under the seat of the cart",
)  # fmt: skip

BIG_SPOTS: tuple[str, ...] = (
    "behind the garden shed", "on the top shelf of the larder", "under the stairs",
    "in the hay of the barn", "on top of the wardrobe", "under the bench by the church",
    "in the branches of the pear tree", "beside the old well", "behind the water barrel",
    "in the chest in the attic", "under the bed in the guest room", "behind the woodpile",
    "in the wheelbarrow", "at the back of the cellar", "under the hedge near the gate",
    "behind the sofa", "next to the bridge", "in the neighbour's porch", "on the roof of the shed",
    "at the bus stop", "behind the counter of the shop", "in the long grass of the meadow",
    "under an upturned boat", "in the cupboard at the school",
)  # fmt: skip

LAIRS: tuple[str, ...] = (
    "behind the garden shed", "under the hedge near the gate", "next to the bridge", "by the stove",
    "in the neighbour's porch", "behind the woodpile", "at the bus stop", "beside the old well",
    "in the long grass of the meadow", "under the bench by the church", "at the baker's door",
    "under the kitchen table", "between two hay bales", "behind the curtain", "on the doormat",
)  # fmt: skip

SHELVES: tuple[str, ...] = (
    "on the shelf by the window", "next to the clock", "on the kitchen cupboard",
    "over the fireplace", "beside the bed", "on the piano", "in the glass case by the door",
)  # fmt: skip

_TOWNS = """
Seahaven|harbour town|sea
Gullport|fishing village|sea
Saltby|small village|sea
Whitecliff|windy town|sea
Anchor Bay|harbour town|sea
Northmouth|grey old port|sea
Shellness|fishing village|sea
Sandwick|small town|sea
Kelpie Cove|tiny village|sea
Port Marren|busy port|sea
Driftholm|quiet village|sea
Mussel Point|tiny village|sea
Tidewell|small town|sea
Pelican Quay|busy port|sea
Eastmarsh|fishing village|sea
Millbrook|small town|river
Twobridges|old town|river
Willowford|quiet village|river
Riverside|market town|river
Otterbank|small village|river
Fennick|sleepy village|river
Waterlow|market town|river
Brookend|tiny village|river
Eelham|old town|river
Lockley|small town|river
Heronsford|quiet village|river
Reedham Green|small village|river
Weirton|busy town|river
Highfell|mountain village|hill
Stonybeck|small village|hill
Larkhill|quiet village|hill
Eagle Rock|mountain village|hill
Granite Pass|tiny village|hill
Upper Dunmore|old town|hill
Cloudby|windy village|hill
Heatherly|small town|hill
Ramscombe|sleepy village|hill
Silverpeak|mining town|hill
Winterstead|mountain village|hill
Kettle Top|tiny village|hill
Oakhurst|small village|wood
Pinewood|quiet village|wood
Birch Hollow|tiny village|wood
Foxley|old village|wood
Deerholt|small town|wood
Elmstead|market town|wood
Mossgrove|sleepy village|wood
Hazelbury|small town|wood
Thornwick|old village|wood
Badger's End|tiny village|wood
Owlswood|quiet village|wood
Fairfield|market town|plain
Barleyton|farming village|plain
Wheatley|small town|plain
Goosegreen|sleepy village|plain
Appleby Cross|market town|plain
Long Meadow|quiet village|plain
Clover Hill|farming village|plain
Hayden|small town|plain
Kingsbarrow|old town|plain
Poppyfield|farming village|plain
Marketon|busy town|plain
Yellowmead|small village|plain
Quarrington|old town|plain
Zelmont|pretty town|plain
Vinebury|wine village|plain
Jaspertown|busy town|plain
Plumstead Row|small town|plain
"""
TOWNS: tuple[Town, ...] = tuple(Town(*row) for row in rows(_TOWNS))

LAND_PHRASES: dict[str, tuple[str, ...]] = {
    "sea": ("by the sea", "on the coast", "near the harbour wall",
            "between the cliffs and the sea"),
    "river": ("on a wide river", "by the river", "near a green river", "at the bend of a river"),
    "hill": ("high in the hills", "among the mountains", "below a snowy peak", "on a steep hill"),
    "wood": ("at the edge of a forest", "deep in the woods", "between the oak trees",
             "beside an old forest"),
    "plain": ("among the fields", "far from the sea", "where the land is flat",
              "between the corn fields"),
}  # fmt: skip

SEASONS: tuple[Season, ...] = (
    Season(
        "spring",
        ("soft rain fell on the roofs", "the wind was mild and smelled of grass",
         "small white clouds crossed the sky", "the air was fresh and clear",
         "the sun came out after a shower", "a warm shower passed over the fields"),
        ("a light jacket", "a raincoat", "a green cardigan", "rubber boots", "a thin scarf"),
        ("spinach soup", "nettle soup", "asparagus", "rhubarb cake", "bread with radishes",
         "an omelette with herbs", "cheese pie", "carrot cake"),
        ("the first swallows came back", "the cherry trees were in bloom",
         "lambs played in the fields", "snowdrops grew along the path",
         "the storks built their nests"),
        ("the first swallows are back", "the cherry trees are in bloom",
         "lambs play in the fields", "snowdrops grow along the path",
         "the storks build their nests"),
    ),
    Season(
        "summer",
        ("the sun burned on the roofs", "not a cloud was in the sky",
         "the air was hot and still", "a warm wind blew over the fields",
         "thunder rolled far away", "the air shimmered over the road"),
        ("a straw hat", "sandals", "a thin cotton shirt", "a sun hat", "a pair of light shoes"),
        ("cherry pie", "cold cucumber soup", "tomato salad", "strawberry cake", "potato salad",
         "fish with lemon", "bean stew", "melon with ham"),
        ("the days were long", "bees hummed in the lavender", "children swam until dark",
         "the wheat stood high", "crickets sang in the grass"),
        ("the days are long", "bees hum in the lavender", "children swim until dark",
         "the wheat stands high", "crickets sing in the grass"),
    ),
    Season(
        "autumn",
        ("mist lay over the fields", "the wind pulled at the leaves", "a fine drizzle fell",
         "the sky was grey as slate", "a pale light lay on the hills",
         "leaves whirled through the air"),
        ("a brown coat", "a woollen cap", "a long scarf", "strong boots", "an old raincoat"),
        ("pumpkin soup", "apple cake", "mushroom pie", "plum pudding", "corn bread",
         "cabbage stew", "pear tart", "chestnut soup"),
        ("the leaves turned gold", "the geese flew south", "apples lay in the grass",
         "smoke rose from every chimney", "spiders spun in every corner"),
        ("the leaves turn gold", "the geese fly south", "apples lie in the grass",
         "smoke rises from every chimney", "spiders spin in every corner"),
    ),
    Season(
        "winter",
        ("snow fell without a sound", "the frost drew flowers on the windows",
         "an icy wind blew from the north", "the sky was pale and cold",
         "the paths were white and slippery", "big flakes danced round the roofs"),
        ("a thick coat", "two pairs of socks", "fur boots", "a woollen hat", "thick mittens"),
        ("pea soup", "potato stew", "gingerbread", "onion pie", "lentil soup", "rice pudding",
         "hot porridge", "nut cake"),
        ("the pond was frozen", "icicles hung from the roof", "it was dark by four o'clock",
         "robins came to the window", "sledges flew down the hill"),
        ("the pond is frozen", "icicles hang from the roof", "it is dark by four o'clock",
         "robins come to the window", "sledges fly down the hill"),
    ),
)  # fmt: skip
