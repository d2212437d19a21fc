"""The people of the tiny stories: their names, jobs, homes and tastes.

Tables are written as lines of fields split by "|", because a table that can be read at a glance is
easier to keep consistent than a page of constructor calls. They are parsed once, at import.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """What somebody does for a living; every field fits into a sentence as it stands."""

    title: str
    place: str  # follows "in/at", with its preposition and article
    tool: str
    tool2: str
    do: str  # after "I"
    did: str  # after "she"
    wares: str  # what people thank or pay for, a plural
    land: str = ""  # the only kind of country where it makes sense, or empty for all


def words(text: str) -> tuple[str, ...]:
    """Split a list of words."""
    return tuple(text.split())


def rows(text: str) -> list[list[str]]:
    """Split a table into rows of stripped fields."""
    return [[f.strip() for f in line.split("|")] for line in text.strip().splitlines()]


SHE_NAMES: tuple[str, ...] = words(
    """
    Mia Anna Clara Nora Ida Rosa Lena Ella Emma Lucy Alice Grace Hannah Julia Maria Sofia Vera Olga
    Petra Greta Marta Irma Elsa Freya Astrid Ingrid Karin Sigrid Tilda Wanda Zofia Kasia Hania
    Agnes Bella Carmen Dora Edith Flora Gina Hazel Iris Jenny Kate Laura Molly Nina Olive Paula
    Quinta Ruth Sarah Tessa Ursula Violet Wilma Yara Zoe Amina Fatima Leila Noor Salma Aisha Mei
    Yuki Hana Keiko Priya Anjali Meera Lakshmi Chioma Ada Zola Naomi Esther Miriam Judith Martha
    Polly Daisy Ivy Joan Mabel Pearl Ruby Stella Thea Una
    """
)

HE_NAMES: tuple[str, ...] = words(
    """
    Jan Tom Ben Max Leo Paul Otto Karl Emil Anton Felix Hugo Oscar Peter Simon David Daniel Adam
    Noah Samuel Jacob Joseph Martin Victor Walter Henry George Arthur Albert Edward Frank Harry
    Jack Lewis Miles Ned Oliver Percy Quentin Ralph Stan Theo Umar Vincent Will Xavier Yusuf Zack
    Ali Omar Hassan Karim Tariq Ravi Arjun Sanjay Vikram Kenji Hiro Taro Wei Jun Chidi Kofi Kwame
    Tendai Pablo Diego Mateo Luis Carlos Marco Luca Paolo Enzo Pierre Louis Jules Bruno Erik Lars
    Nils Sven Bjorn Mikko Ivan Boris Pavel Milan Janek Gabor
    """
)

_JOBS = """
baker|in the bakery|rolling pin|oven|bake/baked bread and rolls|loaves
sailor|on a ship|compass|rope|sail/sailed from port to port|stories of the sea|sea
fisher|on the pier|fishing rod|bucket|catch/caught fish before sunrise|fresh fish|sea
lighthouse keeper|in the lighthouse|lamp|telescope|light/lit the great lamp every night|signals|sea
boat builder|in the boatyard|saw|plane|build/built small wooden boats|boats|sea
ferry captain|on the ferry|bell rope|wheel|take/took people across the water|short trips|river
miller|in the mill|scoop|millstone|grind/ground corn into flour|sacks of flour|river
shepherd|on the hillside|crook|whistle|look/looked after a flock of sheep|bags of wool|hill
mountain guide|at the mountain hut|lantern|map|lead/led visitors up the steep paths|safe walks|hill
stonemason|in the quarry|chisel|mallet|cut blocks of stone|smooth stones|hill
woodcutter|in the forest|axe|saw|cut firewood for the winter|bundles of firewood|wood
forest ranger|in the forest|field glass|map|watch/watched over the old trees|kind advice|wood
charcoal burner|in the forest|shovel|rake|make/made charcoal|sacks of charcoal|wood
farmer|on the farm|pitchfork|plough|grow/grew wheat and potatoes|sacks of potatoes
beekeeper|by the beehives|smoker|honey knife|keep/kept bees|jars of honey
gardener|in the park|spade|watering can|plant/planted roses and trim/trimmed hedges|flowers
teacher|at the school|pointer|blackboard|teach/taught children to read|lessons
doctor|at the clinic|thermometer|black bag|help/helped people who are/were ill|kind words
nurse|at the hospital|thermometer|bandage|look/looked after the sick|warm blankets
vet|at the animal clinic|lamp|bandage|make/made animals well again|good advice
dentist|at the clinic|small mirror|lamp|look/looked after people's teeth|clean teeth
carpenter|in the workshop|hammer|saw|make/made tables and chairs|chairs
blacksmith|at the forge|hammer|anvil|make/made horseshoes|horseshoes
potter|in the pottery|turning wheel|kiln|shape/shaped bowls from clay|bowls
weaver|in the weaving room|loom|shuttle|weave/wove blankets|blankets
tailor|in the tailor's shop|needle|pair of scissors|sew/sewed coats and trousers|coats
shoemaker|in the shoe shop|hammer|awl|mend/mended shoes and boots|boots
hat maker|in the hat shop|needle|steam iron|make/made hats of felt and straw|hats
clockmaker|in the clock shop|tiny screwdriver|magnifying glass|mend/mended old clocks|clocks
painter|in the studio|brush|easel|paint/painted pictures of the country|pictures
house painter|on a tall ladder|brush|ladder|paint/painted walls and doors|bright walls
cook|in the kitchen of an inn|wooden spoon|soup pot|cook/cooked soup and stew|bowls of soup
innkeeper|at the inn|broom|bunch of keys|give/gave tired travellers a bed|warm rooms
waiter|at the cafe|tray|notepad|bring/brought people cakes and tea|cups of tea
cheesemaker|in the dairy|ladle|wooden press|turn/turned milk into cheese|wheels of cheese
ice cream seller|on the square|scoop|bell|sell/sold ice cream|cones
greengrocer|in the corner shop|pair of scales|crate|sell/sold fruit and vegetables|apples
bookseller|in the bookshop|ladder|feather duster|sell/sold books|books
librarian|in the library|stamp|reading lamp|lend/lent books to everybody|books
printer|in the print shop|press|pot of ink|print/printed posters and papers|posters
writer|at a desk by the window|pen|notebook|write/wrote books for children|stories
reporter|at the newspaper|pencil|camera|write/wrote about small news|reports
photographer|in a little studio|camera|tripod|take/took pictures of families|photos
letter carrier|at the post office|bicycle|bag|carry/carried letters from door to door|letters
bus driver|at the bus station|horn|timetable|drive/drove the early bus|safe journeys
train driver|on the railway|lamp|horn|drive/drove a long train|safe journeys
conductor|on the night train|ticket punch|lamp|check/checked the tickets|tickets
station master|at the railway station|whistle|green flag|send/sent the trains off on time|tickets
mechanic|in the garage|spanner|oil can|repair/repaired cars and tractors|repairs
bicycle maker|in the bicycle shop|spanner|pump|build/built bicycles|bicycles
plumber|in other people's cellars|wrench|torch|mend/mended leaking pipes|dry floors
electrician|on building sites|screwdriver|torch|lay/laid wires and hang/hung lamps|bright lamps
bricklayer|on building sites|trowel|bucket|build/built walls|straight walls
roofer|on the rooftops|hammer|ladder|mend/mended roofs|dry roofs
chimney sweep|on the rooftops|brush|ladder|clean/cleaned chimneys|clean chimneys
glassblower|in the glassworks|long pipe|furnace|blow/blew bottles and bowls|bottles
candle maker|in a small shop|mould|pot of wax|make/made candles|candles
toymaker|in the toy shop|knife|paintbrush|carve/carved toys from wood|toys
violin maker|in a quiet workshop|plane|pot of glue|build/built violins|violins
piano teacher|in the music room|metronome|piano stool|teach/taught people to play the piano|lessons
musician|at the music hall|fiddle|bow|play/played dance music|songs
singer|at the theatre|tuning fork|music book|sing/sang old songs|songs
clown|at the circus|drum|red nose|make/made people laugh|jokes
puppeteer|in a puppet theatre|lamp|curtain|play/played with puppets|plays
museum guard|at the museum|torch|bunch of keys|watch/watched over old pictures|tales of the past
zookeeper|at the zoo|broom|bucket|feed/fed the elephants|funny tales of monkeys
firefighter|at the fire station|hose|ladder|put out fires|brave deeds
police officer|at the police station|whistle|notebook|help/helped lost people|good advice
street sweeper|on the streets|broom|cart|sweep/swept the leaves away|clean streets
florist|in the flower shop|pair of scissors|vase|tie/tied flowers into bunches|bunches of flowers
tea merchant|in the tea shop|pair of scales|teapot|mix/mixed teas|packets of tea
jeweller|in a tiny shop|magnifying glass|pair of tweezers|make/made rings and brooches|rings
map maker|at a wide table|ruler|pen|draw/drew maps|maps
star watcher|in the observatory|telescope|notebook|count/counted the stars|star charts
weather watcher|at the weather station|rain gauge|wind vane|measure/measured wind and rain|forecasts
basket maker|in a barn|knife|bundle of willow|weave/wove baskets|baskets
rope maker|in a long shed|hook|ball of twine|twist/twisted ropes|ropes
"""


def _job(fields: list[str]) -> Job:
    """Make a job of a row; "bake/baked" stands for the present and the past of the verb."""
    title, place, tool, tool2, deed, wares, *land = fields
    words = [word.partition("/") for word in deed.split(" ")]
    do = " ".join(now for now, _, _ in words)
    did = " ".join(past or now for now, _, past in words)
    return Job(title, place, tool, tool2, do, did, wares, *land)


JOBS: tuple[Job, ...] = tuple(_job(row) for row in rows(_JOBS))

TRAITS: tuple[str, ...] = words(
    """
    patient cheerful shy clever brave quiet curious gentle stubborn funny honest careful friendly
    generous dreamy thoughtful polite lively tidy strong calm helpful kind merry wise modest
    cautious
    """
)

HOMES: tuple[str, ...] = (
    "a narrow house with a red door", "two small rooms above a shop",
    "a cottage with a crooked chimney", "a stone house with blue shutters", "an old farmhouse",
    "a flat under the roof", "a wooden hut with a green roof",
    "a yellow house at the end of the lane", "a tall house next to the school",
    "a brick house with a round window", "a white cottage by the road",
    "an old tower with ninety steps",
)  # fmt: skip

HOBBIES: tuple[str, ...] = (
    "playing chess", "collecting stamps", "singing in the choir", "growing tomatoes", "fishing",
    "reading old maps", "drawing birds", "baking pies", "playing the fiddle", "telling riddles",
    "flying kites", "carving spoons", "looking at the stars", "knitting socks", "long breakfasts",
    "writing poems", "dancing", "making jam", "feeding the birds",
    "walking in the rain", "doing card tricks", "whistling", "building model ships",
    "learning new words", "pressing flowers", "playing the drum", "juggling", "cycling",
)  # fmt: skip

SKILLS: tuple[str, ...] = (
    "singing", "telling riddles", "whistling", "juggling", "dancing", "doing card tricks",
    "telling stories", "playing the fiddle", "reciting poems", "walking on stilts",
    "balancing plates", "saying tongue twisters", "playing the drum", "walking on a rope",
    "building card houses", "throwing hoops", "yodelling",
)  # fmt: skip
