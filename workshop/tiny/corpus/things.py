"""The animals and the things of the tiny stories."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.tiny.corpus.people import rows, words


@dataclass(frozen=True)
class Animal:
    """A kind of pet, with the sound, the gait and the food that belong to it."""

    kind: str
    sounded: str
    moved: str
    food: str
    bed: str  # where it sleeps

    @property
    def small(self) -> bool:
        """Whether it can be carried, wrapped in a blanket."""
        return self.kind not in BIG_ANIMALS


@dataclass(frozen=True)
class Thing:
    """An object that can be lost; `painted` says whether a colour suits it."""

    noun: str
    materials: tuple[str, ...]
    small: bool
    painted: bool


BIG_ANIMALS = (
    "cow", "mule", "donkey", "pony", "foal", "calf", "llama", "alpaca", "peacock", "turkey", "pig",
    "sheep", "goat",
)  # fmt: skip

_ANIMALS = """
dog|barked|ran|sausages|on a rug by the stove
puppy|yapped|bounced|biscuits|in a basket
terrier|barked|raced|bits of ham|under the table
sheepdog|barked|bounded|bones|on the doorstep
spaniel|woofed|trotted|biscuits|in front of the fire
poodle|yapped|pranced|chicken|on a cushion
cat|meowed|crept|fish|on the window sill
kitten|mewed|skipped|warm milk|in a shoe box
tomcat|purred loudly|strolled|cream|on the woodpile
rabbit|thumped|hopped|carrots|in a hutch
hare|thumped|leapt|clover|in the long grass
hamster|squeaked|scurried|seeds|in a nest of paper
gerbil|squeaked|darted|nuts|in a box of straw
guinea pig|whistled|scuttled|cucumber|in a hutch
mouse|squeaked|scampered|cheese|in a teapot
white rat|squeaked|climbed|cheese|in an old sock
chinchilla|chirped|sprang|hay|in a wooden house
ferret|chuckled|slipped|eggs|in a drawer
hedgehog|snuffled|pattered|beetles|under a heap of leaves
squirrel|chattered|jumped|hazelnuts|in the apple tree
tortoise|hissed softly|crawled|lettuce|in a box in the shed
turtle|splashed|crawled|water plants|in a tub
frog|croaked|hopped|flies|by the pond
toad|croaked|waddled|worms|under a flowerpot
lizard|rustled|flitted|crickets|on a warm stone
parrot|squawked|fluttered|sunflower seeds|on a perch
canary|sang|fluttered|millet|in a tall cage
budgie|chirped|fluttered|millet|on a swing
crow|cawed|flapped|corn|in the old oak
jackdaw|cackled|flapped|cherries|in the church tower
magpie|chattered|hopped|bread crumbs|in the hedge
owl|hooted|glided|scraps of meat|in the barn
pigeon|cooed|flapped|peas|in the loft
dove|cooed|fluttered|grain|in the loft
hen|clucked|strutted|corn|in the hen house
rooster|crowed|strutted|barley|in the hen house
duck|quacked|waddled|bread crumbs|by the pond
duckling|peeped|waddled|oats|in a box of hay
goose|honked|marched|grass|in the yard
turkey|gobbled|strutted|corn|in the yard
peacock|screamed|strolled|berries|on the garden wall
pony|neighed|trotted|apples|in the stable
foal|whinnied|galloped|oats|in the stable
donkey|brayed|plodded|thistles|in the stable
mule|snorted|plodded|hay|in the stable
goat|bleated|climbed|leaves|in a shed
nanny goat|bleated|skipped|clover|in a shed
lamb|bleated|skipped|fresh grass|in the barn
sheep|bleated|ambled|hay|in the barn
calf|mooed|stumbled|milk|in the barn
cow|mooed|ambled|clover|in the barn
pig|grunted|trotted|turnips|in the sty
piglet|squealed|scampered|apple peel|in the straw
llama|hummed|strode|hay|in the barn
alpaca|hummed|ambled|hay|in the barn
"""
ANIMALS: tuple[Animal, ...] = tuple(Animal(*row) for row in rows(_ANIMALS))

PET_NAMES: tuple[str, ...] = words(
    """
    Biscuit Pepper Button Ginger Patch Socks Muffin Cookie Pickle Bramble Clover Hazelnut Acorn
    Maple Poppy Tulip Daffodil Pebble Rusty Smoky Shadow Snowball Sunny Misty Stormy Thunder
    Whisper Ziggy Zigzag Noodle Dumpling Pudding Crumble Toffee Caramel Honey Treacle Nutmeg
    Cinnamon Mustard Sprout Radish Turnip Parsnip Bean Pip Squeak Bubbles Ripple Puddle Pockets
    Mittens Boots Bobbin Thimble Patches Freckles Dot Spot Stripe Inky Domino Marble Jasper Amber
    Copper Penny Farthing Duke Duchess Captain Major Admiral Professor Gizmo Sprocket Tinker Rascal
    Bandit Scamp Jolly Merry Lucky Happy Dusty Fluff Whiskers Bongo Mango Kiwi Olly Coco Momo Toto
    Fidget Jinx Quill Velvet Waffle Yoyo Zebedee Xanto Fizz
    """
)

_THINGS = """
key|brass,iron,silver|s|
ring|silver,gold,copper|s|
whistle|tin,wooden,brass|s|
coin|silver,gold,copper|s|
button|wooden,glass,horn|s|p
thimble|silver,brass,china|s|
locket|silver,gold|s|
brooch|silver,glass|s|
watch|silver,gold|s|
bell|brass,silver,copper|s|
marble|glass,stone|s|p
spinning top|wooden,tin|s|p
pen|silver,wooden|s|p
pencil case|leather,wooden,tin|s|p
purse|leather,velvet,woollen|s|p
notebook|leather,paper|s|p
comb|wooden,horn|s|
spoon|silver,wooden|s|
pocket knife|steel,brass|s|
compass|brass,silver|s|
mouth organ|silver,tin|s|
flute|wooden,silver,bamboo|m|
toy soldier|tin,wooden|s|p
doll|rag,china,wooden|s|
teddy bear|woollen,velvet|m|p
toy train|wooden,tin|m|p
toy boat|wooden,tin,paper|m|p
music box|wooden,silver|s|
glove|leather,woollen,silk|s|p
scarf|woollen,silk,cotton|m|p
mitten|woollen,knitted|s|p
sock|woollen,cotton|s|p
cap|woollen,cotton,leather|m|p
hat|felt,straw|m|p
ribbon|silk,velvet|s|p
belt|leather|m|p
umbrella|silk,cotton|m|p
walking stick|oak,willow|m|
basket|willow,straw|m|
kite|paper,silk|m|p
ball|rubber,leather|m|p
drum|tin,wooden|m|p
lantern|brass,tin,paper|m|p
lamp|brass,glass|m|
candlestick|brass,silver|m|
teapot|china,silver,tin|m|p
cup|china,tin,wooden|s|p
jug|china,clay,glass|m|p
bowl|wooden,clay,china|m|p
vase|glass,china|m|p
bottle|glass,tin|s|p
suitcase|leather,tin|m|p
blanket|woollen,cotton|m|p
cushion|velvet,silk|m|p
quilt|cotton,silk|m|p
apron|linen,cotton|m|p
picture|paper,silk|m|
mirror|silver,brass|s|
book|leather,paper|s|p
map|paper,silk|s|
letter opener|silver,ivory-white|s|
magnifying glass|brass,silver|s|
telescope|brass,copper|m|
trowel|iron,steel|m|
watering can|tin,copper|m|p
bucket|tin,wooden|m|p
flowerpot|clay,china|m|p
money box|tin,china,clay|s|p
chess piece|wooden,ivory-white|s|
puppet|wooden,rag|m|p
mask|paper,wooden|m|p
crown|paper,tin|m|p
paintbrush|wooden,horse-hair|s|p
necklace|silver,glass,coral|s|
bracelet|silver,copper,glass|s|
hairpin|silver,horn|s|
shell box|wooden,tin|s|p
snow globe|glass|s|
horseshoe|iron,copper|s|
rope|hemp,cotton|m|p
"""
THINGS: tuple[Thing, ...] = tuple(
    Thing(r[0], tuple(r[1].split(",")), r[2] == "s", r[3] == "p") for r in rows(_THINGS)
)

COLOURS: tuple[str, ...] = words(
    """
    red blue green yellow white black brown grey orange purple pink golden silver-grey dark-blue
    sky-blue cream crimson violet
    """
)

GOODS: tuple[str, ...] = (
    "apples", "pears", "eggs", "onions", "lemons", "candles", "buns", "carrots", "plums",
    "cabbages", "jars of honey", "loaves of bread", "buttons", "nails", "pencils", "herrings",
    "turnips", "bags of flour", "tulips", "oranges", "cheeses", "melons", "peaches",
    "bottles of milk", "balls of wool", "packets of tea", "stamps", "brushes",
)  # fmt: skip

VEGETABLES: tuple[str, ...] = (
    "beans", "peas", "carrots", "leeks", "beetroots", "cabbages", "pumpkins", "onions", "radishes",
    "tomatoes", "potatoes", "turnips",
)  # fmt: skip

SOUP_VEGETABLES: tuple[str, ...] = (
    "leeks", "beans", "peas", "celery", "cabbage", "turnips", "pumpkin", "spinach",
)  # fmt: skip

FRUITS: tuple[tuple[str, str, str], ...] = (
    ("plum", "plums", "in autumn"), ("apple", "apples", "in autumn"),
    ("pear", "pears", "in autumn"),
    ("cherry", "cherries", "in summer"), ("apricot", "apricots", "in summer"),
    ("peach", "peaches", "in summer"), ("quince", "quinces", "late in the year"),
)  # fmt: skip

INSTRUMENTS: tuple[str, ...] = (
    "fiddle", "flute", "trumpet", "guitar", "accordion", "clarinet", "banjo", "horn", "mandolin",
    "zither", "bagpipe", "harp",
)  # fmt: skip

BUILDS: tuple[str, ...] = (
    "bench", "bird house", "tree house", "rabbit hutch", "raft", "hen house", "garden gate",
    "swing", "footbridge", "wheelbarrow", "summer house", "boat shed", "weather vane",
    "puppet stage", "wooden horse",
)  # fmt: skip
