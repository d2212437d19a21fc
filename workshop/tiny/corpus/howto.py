"""Recipes and small explanations, in the notation of `template.parse_plots`."""

from __future__ import annotations

HOW_TOS = """
# How to bake {a fruit} cake
- This is the cake of {my} {kin} {elder}, {a elderjob} from {town}. It is baked {when_fruit}, and
  it is enough for {n12} people.
- You need {flour} g of flour, {sugar} g of sugar, {n1} eggs, a little butter and {kilos} kg of
  {fruits}[, ripe but not soft|].
- First[ of all|], heat the oven. While it gets warm, wash the {fruits} and [cut them in half|take
  out the stones or the cores].
- [Then|Next], stir the butter and the sugar [until they are white|until your arm hurts]. Add the
  {n1} eggs one after another.
- After that, add the {flour} g of flour[ and a pinch of salt|, spoon by spoon]. [The dough should
  be soft|If it is too dry, a cup of milk helps].
- Put the dough into a round tin and lay the {fruits} on top, [close together|like tiles on a
  roof].
- [Bake the cake for {m1} minutes|The cake has to bake for {m1} minutes]. Then it needs {m2}
  minutes to cool, so after {m12} minutes you can cut it.
- ?[Careful: {petname} the {pet} likes this cake too|Do not leave it at the window: {petname} the
  {pet} knows the smell]. [Once it ate {n2} pieces|Last {season} half of it was gone].
- [If {n12} guests come|When all {n12} guests are there], cut it into {n12} pieces. {elder} always
  says: "[The first piece is for the guest|A cake is a letter that you can eat]."
- [What is left tastes even better the next day|On the second day it tastes best], but [at my
  table|in {town}] nothing is ever left.
= So do not forget: {flour} g of flour, {n1} eggs, {m1} minutes, and think of {elder} when you eat
  your {fruit} cake.

# How to cook soup for {n12} people
- [Soup is easy|Soup needs time rather than money], says {elder}, {a elderjob}. For {n12} people
  you need a big pot, {n1} carrots, {n2} onions, some {soupveg} and {sugar} g of butter.
- [First|Begin like this]: peel the {n2} onions. [If you cry, think of something funny|A sip of
  water in the mouth keeps the tears away].
- Cut them small and put them into the pot with the butter. [They should turn gold, not
  brown|Stir, and do not go away].
- [Now|Then] come the {n1} carrots, in thin slices[ like coins|], and after {m2} minutes the
  {soupveg}, washed and cut.
- [Pour water over it|Fill up the pot with water], until [everything swims|your finger would get
  wet]. Add salt, a bay leaf and [a little pepper|some parsley].
- [The soup must cook for {m1} minutes|Let it cook for {m1} minutes] on a small flame. [Meanwhile
  lay the table|In this time you can read {n1} pages]. With the {m2} minutes before, that makes
  {m12}.
- [Taste it|Now try a spoonful]. If something is missing, it is [nearly always salt|mostly salt,
  sometimes patience].
- ?{petname} the {pet} does not care for soup, but [waits for the end of the carrots|would like
  {petfood}].
- [In {season}, bread goes well with it|On a day of wind and rain nothing is better]. [Serve it
  hot|Serve it in deep plates].
= {n1} carrots, {n2} onions, {m12} minutes: that is the whole secret of {elder}, and now it is
  yours.

# How to build {a build}
- [Anybody can do this|It is not hard], says {name}, {a job} from {town}, who has built {n12} of
  them. You need {q1} boards, {n2} dozen nails, a hammer, a saw and [a friend who holds things|a
  pencil behind your ear].
- One board costs {p1} coins. {q1} times {p1} is {c1}, so you need {c1} coins for the boards[, and
  a little more for the nails|].
- First, make a drawing of the {build}. [Write the lengths on it|Do not think that you can keep it
  all in your head]. [Measure twice, saw once|Most mistakes are made before the first cut].
- [Then|Now] saw the boards. [Hold the saw loosely|Let the saw do the work]; [who presses too hard
  gets a crooked cut|it takes about {m1} minutes].
- After that, lay all the pieces on the ground, [as if it were a puzzle|in the right order]. [Does
  it look like {a build}? Then go on|If a piece is left over, look at the drawing again].
- [Nail the floor first, then the sides|Begin at the bottom], and [hit the nail, not the
  thumb|keep {m2} minutes for looking for the hammer].
- ?[It is often found {spot_big}|If it is gone, look {spot_big}], says {name}, [because {petname}
  the {pet} plays with it|for that is where it was last time].
- When it stands, rub it smooth and paint it {colour}[ or any colour you like|]. Paint must dry
  for {n1} [hours|days].
- [Last of all|At the end], stand back and look. [If it is a little crooked, call it art|A little
  crooked is quite all right].
= With {q1} boards and {c1} coins you now have {a colour} {build}, and {name} from {town} would be
  proud of you.

# How to grow {veg}
- [For this you need no large garden|A box at the window is enough]. {name}, {a job} in {town},
  grows {veg} in {home}, and had {n12} baskets last year.
- [Buy good seeds|Seeds come first]. A packet costs {p1} coins; {q1} packets cost {c1} coins, [but
  one is enough to begin with|and that is enough for the whole street].
- Loosen the earth [with a fork|with your fingers] and take out the stones. [{veg} do not like wet
  feet|The earth should crumble in your hand], so make a few holes for the water.
- [Put the seeds {n1} cm deep|Each seed goes {n1} cm into the earth], and leave {m2} cm [between
  them|from one to the next].
- [Now water them a little|Then give them water], [every morning|every evening], but [not at
  noon|not too much]. For {n2} days you will see nothing. [Wait|Do not dig them up to look].
- [Then the first leaf comes|After that a green point comes up]. It is [no bigger than a fly|thin
  as a thread]. Now the [snails|birds] are interested too.
- Against them, {name} has {a pet} called {petname}, [which sits beside the bed all day|which
  {moved} at them even today]. [A fence will do as well|You can also use a net].
- ?[Talk to your {veg}|Sing to them], if nobody listens. [It cannot hurt|It helps at least the
  gardener].
- After {m1} days you can harvest. [Pick the small ones first|Do it in the cool of the morning],
  and [eat one at once, still warm|give the first to somebody you like].
= Seeds {n1} cm deep, water every day, {m1} days of patience: so {name} grows {veg}, and so can
  you.

# How to wash {a pet}
- {name}, {a job} in {town}, has {a pet} called {petname}. [Once a month it must be washed|After a
  walk it is brown all over], [and it knows|and it hates that].
- First get everything ready: a tub, {n1} buckets of warm water, {n2} towels, soap, and some
  {petfood}. [Once you have begun, you cannot go away|You will have no hand free later].
- Close the door. [This is important|Many forget it]. Last {season}, {petname} {moved} through all
  of {town}, [covered with foam|with soap on its nose], and was found {lair}.
- Then speak softly. Say: "[What a fine {pet} you are|It will soon be over], {petname}!" If it
  {sounded} before, it will now [be still|do so more quietly].
- [Pour the water slowly|Begin with the feet], bucket by bucket, but [not over the head|leave out
  the ears]. The first bucket is for washing, [the rest|what is left] for rinsing.
- [Rub in the soap|Now take the soap], from the neck to the tail. [Count to {m1}|This takes {m2}
  minutes], and give it some {petfood} in between.
- [When it shakes itself, step back|Then comes the great shaking: step back]. [Too late? That is
  what the {n2} towels are for|You are wet too now; everybody is].
- Dry it [by the stove|in the sun]. [{f}, {a fjob}, always holds the towel and gets wetter than
  the {pet}|{f}, {a fjob}, helps {name} with that|It takes two, says {name}, and calls {f},
  {a fjob}].
- [At the end|Finally], mop the floor. [It took {m12} minutes in all|{m1} minutes for the washing
  and {m2} for the floor: {m12} in all].
= Tub, {n1} buckets, {n2} towels, {petfood}: then even {petname} will be clean, until the next
  puddle.

# How to fly a kite
- [You need wind, a string and a friend|A kite needs a light body and a long string]. {name},
  {a job} from {town}, has flown the same {colour} kite for {years} years.
- The best time is {season}, when [the wind is steady|the wind comes from the west]. [If the
  leaves only tremble, stay at home|If hats fly, stay at home].
- Go to an open field, far from [trees and wires|roofs]. In {town} everybody goes [to the meadow
  behind the mill|to the hill by the church], {m2} minutes on foot.
- One holds the {colour} kite, the other the string. [{name} always takes {f} along|With {name},
  the other one is {f}], {a fjob}, who is {trait}.
- [Walk back {m1} steps|Let out {m1} steps of string]. When the wind comes, call "Now!" and
  [run|pull], against the wind, [not with it|never with it].
- [It falls down the first time|The first try fails]; that is quite usual. [After the third time
  it stays up|The {ordinal} time it will climb].
- [When it climbs, let out the string slowly|Now give it string, little by little]. If it shakes
  its head, [its tail is too short|tie another bow to the tail]: {n1} bows are good, {n12} are
  better.
- Once, {petname} the {pet} [bit through the string|ran off with the string]. The kite was found
  [the next day|a week later] {spot_big}, [all in one piece|with a bird asleep on it].
- [In the end|When your arms are tired], wind up the string [from hand to hand|round a stick], so
  that it does not tangle. Then there is {food}, for wind makes you hungry.
= Wind in {season}, {n12} bows on the tail and a friend like {f}: you need no more for {a colour}
  kite.

# How to write a good letter
- "[A letter is a visit on paper|Letters are presents that cost one stamp]," says {elder},
  {a elderjob} in {town}, who has written {steps} letters.
- First, think of the person. [What did they say last time|What makes them laugh]? {elder} puts
  {a obj} on the table, a present from {f}, and [thinks of {f}|looks at it for a while].
- Take a clean sheet. Write the day at the top, on the right, and below it "Dear {f}" [with a
  comma|and then a comma].
- Then begin with a question: "[How are you|Is {petname} the {pet} well again]?" [Only after that,
  tell about yourself|People like to be asked].
- [Now tell one thing, not ten|One small story is enough]: that {sky}, or that you have [baked
  {a fruit} cake|learnt about {hobby}]. [Small things are the best|Great news can wait].
- If you make a mistake, [cross it out with one thin line|draw a flower over it]. {elder} makes
  {n1} mistakes a page, and {n2} on bad days.
- Before the end, ask for something: "[Please tell me about {hobby2}|Please send me the recipe]."
  [Then there will be an answer|So the letter must be answered].
- Close with a kind word, your name, and [sometimes a drawing|perhaps a PS]. [The PS is often the
  best part|Many people read the PS first]!
- A stamp costs {p1} coins; {q1} stamps cost {c1} coins, [which lasts for half a year|so buy {q1}
  at once].
= That is how {elder} writes to {f}, with the {obj} on the table, and the answer comes every
  {season}.
"""
