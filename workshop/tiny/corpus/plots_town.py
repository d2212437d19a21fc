"""Plots that happen in the town: markets, work, music, building and neighbours.

See `template.parse_plots` for the notation.
"""

from __future__ import annotations

PLOTS_IN_TOWN = """
# market day
- [On Saturday|On market day], {h} got up [at 5 o'clock|at 6 o'clock|before the sun] and went to
  the market in {town}. {S} had {purse} coins in {my} pocket.
- [The square was full of people|There were stalls on every side|It smelled of cheese and smoke],
  and {sky}.
- [First|To start with], {s} bought {q1} {goods1} for {p1} coins each. {sum1}
- [Then|After that], {s} stopped at the stall of {o}, {a ojob} who [sold {goods2} on Saturdays|had
  a large garden]. "[What can I do for you|What would you like]?" asked {o}. {h} took {q2}
  {goods2} at {p2} coins each. {sum2}
- "That leaves me {rest} coins," {h} said. "[Is that enough for|Can I still buy] {a obj}?" [{o}
  laughed and made a good price|{o} found one at the bottom of a box|"For a friend of {f}, yes,"
  said {o}].
- ?[In the meantime|Meanwhile], {petname} the {pet} had found a bag of {petfood} and {sounded}
  [loudly|with joy].
- [When the church bell rang noon|At noon], {f} came too, and {both} shared {food}. [{We} talked
  about {hobby}|{We} counted the pigeons].
- ?[A band played|Somebody played the fiddle], and [two old men danced|{f} danced with {o}].
- [On the way home|Later], the basket was heavy: {q1} {goods1}, {q2} {goods2} and the {obj}. {f}
  [carried half of it|pushed it on a cart].
= {purse} coins had gone to the market, and {rest} were left when the {obj} was bought. | At home
  {s} wrote down: {q1} {goods1}, {q2} {goods2}, one {obj}, and a nice talk with {f}. | The
  {goods1} were gone by Monday, but the {obj} is still there, and {f} often asks about it.

# broken tool
- [One day|On a Monday|On Tuesday], while {h} was {work}, {my} {tool} broke. [Without it, there
  was no work|And there was so much to do|That had never happened in {years} years].
- ?[At first|First], {s} tried to mend it with [string|glue|wire], but [it did not hold|that only
  made it worse].
- [Then|So] {s} went to {f}, the {fjob}, {fwork}. "[Can you help me|What shall I do]? My {tool} is
  broken, and {n1} people are waiting for their {wares}."
- {f} [turned the pieces in {f_p} hands|looked at it for a long time]. "[I cannot mend it|It is
  too old]," {f_s} said, "but {o} in {dest} has another one. It is {n2} miles from here."
- [So {s} set off at once|After a quick lunch of {food}, {s} set off]. On the road, {sky}, and
  {petname} the {pet} {moved} [behind|ahead].
- {o} [was at home|opened the door], and [listened kindly|nodded]. "You may have my old {tool},"
  {o_s} said. "But I have lost my {obj}. [Find it for me|Help me look for it], and we are even."
- [{We} looked {seen}; nothing|First {we} looked {seen}, without luck]. [Then|At last] {petname}
  {sounded}, and the {thing} was found {spot}.
- ?{o} [was so glad that {o_s} gave {me} supper too|made tea and told of the old days], [and it
  was dark before {h} left|and the way home seemed short].
- [The next morning|Back in {town}], the work went on, and [by evening|two days later] all {n1}
  people had their {wares}.
= The {tool} of {o} [works well to this day|was better than the old one], and {o} is glad of the
  {obj}. | A broken {tool} had led to a new friend: {o}, who had missed {o_p} {obj} so much. |
  "All because of {petname}," {f} said later, "who knew that the {thing} was {spot}."

# contest
- [Every {season}|Once a year, in {season},] there was a contest in {town}: who was best at
  {skill}? [The prize was {a obj}|This time the winner was to get {a obj}].
- {h} [had never taken part|had lost {n1} times before], but {f} said: "[You must try|This year
  you must try]! You are {trait2}, and [that is half of it|that helps]."
- ?[So every evening|For {n2} weeks], after the work {work}, {s} practised. [At first it went
  badly|The first days were hard], but {f} [never lost patience|helped {me} with good advice].
- [Then the day came|At last it was the day]. {SKY}, and {s} put on {wear}. [{My} knees shook|{My}
  hands were cold], and {petname} the {pet} {sounded} for luck.
- [There were {n12} others|{n12} people stood in a row], among them {o} from {dest}, who had won
  [the year before|every time].
- [First came {o}, and everybody clapped|{o} began, and {o_s} was very good]. Then {h} thought of
  what {f} had said, [took a deep breath|closed {my} eyes for a moment] and began.
- [When it was over|Afterwards], nobody spoke. Then the judge stood up: "[It is very close|I have
  never seen anything like it]. The {obj} goes to... {name} from {town}!" | The judge counted the
  points: {n1} for the start, {n2} for the end. "That makes {n12}, one more than {o}," he said.
  "The {obj} goes to {name}!"
- {o} [shook {my} hand|came over] and said: "[Well done|That was fair]. Next year I shall work
  harder." [And everybody ate {food}|Then there was {food} for all].
= The {obj} is kept on the shelf now, and beside it a picture of {f}, without whom it would not be
  there. | Later {h} lent the {obj} to {f}, because the prize was half won by good advice. | So
  {name} the {job} won the {obj}, and {o} from {dest} became a friend.

# learning an instrument
- [In {season}|Last {season}], {h} found {a instr} {spot_big}[, covered with dust|, wrapped in an
  old shirt]. "[That belonged to my grandfather|I had forgotten it]," said {my} {kin} {elder}.
  "Take it, if you like."
- {h} could not play a single note. [The first sound was terrible|It sounded like a sick goose],
  and {petname} the {pet} [ran away|{sounded} and hid].
- [So|The next day] {s} asked {o}, {a ojob} who [played at every wedding|knew much about music].
  "[Come on Mondays|Come twice a week]," said {o}, "and [bring patience|cut your nails]."
- [In the first week|At the beginning] {s} learned {n1} notes, [in the second|a week later] {n2}
  more; that made {n12}. [{My} fingers hurt|{My} neck was stiff].
- ?{f} [stopped {f_p} ears|was polite and said nothing|took long walks at that time]. [After a
  month|By and by] {f_s} [began to hum along|no longer shut the window].
- ?[One rainy evening|Once], {h} wanted to give up. But {o} said: "[Everybody falls off the
  horse|Even I squeaked for a year]. Play it slowly, then it will be fast one day."
- [Then there was a feast in {town}|At the end of {season} there was a dance], and the
  [drummer|fiddler] was ill. "[{name} can play|Let {name} do it]," {f} called out.
- {h} [turned red|would have liked to run away], but took the {instr} and began: first [softly|too
  slowly], then [louder|better and better], and soon [everybody danced|the whole room sang].
- [When the song was over|At the end], {o} nodded, [and that was worth more than all the
  clapping|and {elder} wiped {elder_p} eyes].
- ?[Late at night|On the way home], {petname} {moved} in front, and {f} whistled the tune[ all the
  way|].
= The {instr} that was found {spot_big} hangs above the bed now, and {petname} no longer runs
  away. | {o} the {ojob} still gives lessons, and {f} says that {f_s} knew it from the start. |
  With {n12} notes it had begun; now there are songs for every feast in {town}.

# building something
- [One {season} day|In {season}], {both} decided to build {a build}. "[How hard can it be?|We need
  wood, nails and luck,]" said {f}, who was {trait}.
- [First|To begin with], {we} drew a plan [on an old newspaper|on the back of a letter]. [It
  looked fine|{f} wanted a tower, too].
- {h} bought {q1} boards for {p1} coins each. {sum_boards} [Nails were in a tin {seen}|{o} lent
  {us} a saw].
- ?[On the first day|The first evening] {we} sawed and measured; [on the second|the next day] {f}
  [hit {f_p} thumb|found that one board was too short].
- [Then|In the middle of the work] it turned out that the hammer was missing. {We} searched [for
  an hour|everywhere], until {petname} the {pet} {sounded}: it lay {spot_big}.
- ?[Passers-by stopped|Neighbours came] and gave advice. "[Too high|Too narrow]," said one; "[too
  low|too wide]," said the next. {h} [only smiled|thanked them all].
- ?{o}, {a ojob}, [stayed to help|held the boards]. "[I built one for my children|When I was
  young, I built {n1} of these]," {o_s} said, and showed {us} a trick[ with a wet string|].
- After {n12} days the {build} was ready. {We} painted it {colour}, [and {f}'s nose too|including
  the grass around it].
- [Finally|Then] {we} stood back. It was [a little crooked|not quite straight], but it was
  [{ours}|the finest {build} in {town}]. {petname} {moved} round it three times.
= The {colour} {build} is still there, and every year {both} paint it again. | The hammer has its
  own hook now, and nobody looks {spot_big} any more. | {q1} boards, {n12} days and one lost
  hammer: that is what {a build} costs, says {f}.

# wrong parcel
- [One morning|On a Thursday] the post came to {town}, and with it a [heavy|light|round|long]
  parcel for {obj_h}[, tied with a green string|].
- {h} had not ordered anything. [Inside|In it], under [straw|old newspapers], lay {a obj} and a
  note: "[For your birthday|With love], from {o}."
- "Who is {o}?" {h} asked {f}. "[Nobody in {town} has that name," said {f}, "but there is one in
  {dest}|I know only one {o}," said {f}, "and that one lives in {dest}]."
- {f} turned the paper over. The rain had washed away [half of the name|two letters]. "[This is
  not for you|It is for another {job}], look!"
- [So|That afternoon] {we} took the cart to {dest}, {n1} miles away. {SKY}, and {petname} the
  {pet} {moved} [beside the wheels|behind the cart].
- [In {dest}|There] {we} asked at {n2} doors. [At the last one|At the very last], an old {ojob}
  opened. "[I am {o}|Yes, that is me]," {o_s} said.
- "[Then your parcel went the wrong way|You sent me a present by mistake]," {h} said, and gave the
  {obj} back. {o} [was silent|laughed].
- "It is for my grandchild, who was to have it today! [Come in and tell the story yourselves|Come
  in, the cake is cut]." And so {both} [sat down at a birthday table|were guests at a feast].
- ?There was {food}, and afterwards {food2}. {petname} got {petfood} [under the table|from every
  hand], and {we} [sang|told riddles] until {hour} o'clock.
- ?[A week later|Soon afterwards] another parcel came. This time the name was [clear|written in
  big letters]: it was from {o}, and [in it was a cake|it was full of biscuits].
= If the rain had not washed the name away, {both} would never have met {o} from {dest}. | The
  {obj} had come to the wrong house, but {o} says that it was the right one. | Now a parcel from
  {o} comes every {season}, and {f} always reads the name first.

# first day at work
- When {h} was young and new {work}, nobody knew {me}. [On the first day|The first morning] {s}
  came an hour too early[ and waited in the cold|, with {food} in a bag].
- The old master was called {o}. "[So you want to be {a job}|They say that you are {trait2}],"
  {o_s} said. "[We shall see.|Show me!]"
- ?[First|To begin with], {h} had to sweep the floor. [Then {s} cleaned {a tool2}|After that {s}
  carried {n1} boxes], and [in the afternoon|after lunch] {s} was allowed to watch.
- [Everything went well until the evening|Then it happened]: {h} [slipped|turned round too fast],
  and {a tool} fell down with a crash.
- [Everybody looked up|It was very quiet]. {h} [turned red|wanted to go home], but another young
  helper, {g}, [winked.|whispered: "I did that too, on my first day."]
- {o} came, looked at it and asked: "[What have you learned|And now]?" "[To look before I turn|To
  go slowly]," {h} answered. "[Good|Then it was worth it]," said {o}.
- [In the evening|After work], {g} waited at the gate, and {both_g} ate {food2}. [It turned out
  that {g_s} loved {hobby} too|{We} found out that {we} lived in the same street].
- [Weeks went by, and then|After {n12} weeks] {h} could do it alone. {o} said nothing, but [gave
  {me} {a obj}|left {a obj} on {my} table].
- ?[It had once been a present to {o} from {o_p} own master|"I got it from my own master," {o_s}
  explained], [and it was {years} years old|and {o_s} had kept it well].
- ?[Now|Today] {o} is old and sits by the window. [There are often visitors|It is never lonely
  there], and [{petname} the {pet} lies at {o_p} feet|{o_s} feeds {petname} the {pet}].
= The {obj} from {o} is never lent to anybody, except to {g}. | It began with {a tool} on the
  floor and ended with {a obj} and a friend called {g}. | Whenever a new helper drops something,
  {g} winks and tells the story of {name} and the {tool}.

# helping a neighbour ; seasons autumn summer
- [In {season}|It was {season} when] {o}, the neighbour, [broke a leg|fell from a ladder] just
  when [the apples were ripe|the potatoes had to come in|the plums began to fall].
- ?"[Who will pick them now?|It will all rot,]" {o_s} [sighed|said], and looked at {o_p} {n12}
  trees and long rows through the window.
- {h} heard of it at work. [After work|That evening] {s} went to {f}. "[Have you got time on
  Saturday?|We could do it together.]"
- [So on Saturday|Three days later], {both} stood in the garden of {o} [with ladders and
  baskets|with two long ladders|with every basket in the street], and {sky}.
- By noon there were {n1} full baskets, and by evening {n2} more. "That makes {n12}," {o} called
  from the window[, for {o_s} had counted|].
- ?{petname} the {pet} [helped in its own way|was busy too]: it {moved} from tree to tree and ate
  [what it found|more than it should].
- [When it got dark|At {hour} o'clock] a basket fell over, and under the leaves {h} saw something:
  {a obj}! It had lain in the grass, nobody knew how long.
- "[My {obj}|There it is]!" cried {o}. "I have looked for it for {years} years, [even {seen}|most
  of all {seen}]. So the leg was good for something."
- ?[To finish|In the end], {we} carried everything into the cellar, and {o} made {food} [with one
  leg on a chair|while {f} held the pan].
- When the leg was well again, {o} came with [a big pie|{n1} jars of jam] and [danced a few steps
  to show it|walked without a stick].
= The {obj} had lain under the leaves, and it took {a job} and {a fjob} to find it. | {n12}
  baskets were picked, and {o} has never again climbed that ladder. | "Good neighbours are better
  than {n12} trees," {o} says to this day.

# planting a garden ; seasons spring
- Behind the house there was [a piece of bare ground|nothing but stones and nettles]. In spring
  {h} said: "I shall plant {veg} and {veg2} here."
- "[Nothing grows there|I tried that once]," said {o}, the neighbour, [and shook {o_p} head|and
  went in]. But {f}, who was {trait}, [brought a spade|rolled up {f_p} sleeves].
- [On the first day|First] {we} picked up the stones; there were {n1} buckets full, and [on the
  second day|the next day] {n2} more, so {n12} in all.
- [Deep in the earth|Under the last stone] {f} found {a obj}. [It was dirty|Nobody knew how old it
  was], but [after a wash|with a little soap] it shone.
- Then {we} sowed the {veg} [in long rows|in the sun] and the {veg2} [along the wall|in the
  shade]. {petname} the {pet} [wanted to dig it all up again|{moved} over the beds], and so {h}
  built a fence.
- [For a week|For {n1} days] nothing happened. {o} [looked over the fence and smiled|had always
  known it].
- But then it rained for a night, and in the morning there was a [green shimmer|thin green line]
  on the ground. "[They are coming up|Look]!" cried {f}.
- ?{h} watered them every evening[ after work|], and {f} [chased the snails away|talked to them],
  and they grew [as high as the fence|and grew].
- In late summer {we} picked {n12} baskets. The {veg2} [were the best in {town}|were sweet and
  fat], and even {o} [asked for some|had three plates].
= Now {o} has a garden too, and grows {veg}, and {f} gives {o_o} advice. | The {obj} from the
  earth hangs on the fence and keeps the birds away from the {veg}. | Where there had been stones,
  there are {veg2} now, and {petname} sleeps beside them.

# school play ; small
- Every {season} the children of {town} put on a play. This time it was about a king who could not
  laugh, and {h} was asked to help.
- "[We need {a obj} for the king|Without {a obj} there is no play]," said {f}, who [led the whole
  thing|had written it]. "[Can you find one|Where do we get one]?"
- {h} found one [at the back of a cupboard|at the house of {elder}, {my} {kin}], cleaned it and
  put it {seen}, [ready for the evening|so that nobody would forget it].
- There were {n12} children: {n1} played the people of the castle and {n2} played trees. [The
  smallest was called {o} and had only one sentence to say|{o}, the smallest of them, was to say
  just one sentence].
- [An hour before the play|At {hour} o'clock], {f} came running. "The {obj} is gone! It is not
  there any more!"
- ?[Everybody searched|All the trees and all the people searched]. {h} looked under the stage, {f}
  [asked the cook|emptied the costume box].[ Outside, the first guests were already waiting.|]
- [Then little {o} pulled {my} sleeve|Then {h} heard a small voice]. "[I saw {petname}|The {pet}
  has it]," said {o}. And indeed: {petname} the {pet} sat {lair}, [very pleased with itself|like a
  king], and the {thing} lay in front of it.
- "[Then {petname} must play the king|That is a real king]," said {f}. [So it was done|Everybody
  agreed], and {petname}, with the {thing} beside it, {sounded} at [just the right moment|the
  saddest place].
- ?[The people laughed until they cried|Nobody had ever laughed so much]. And little {o} said the
  one sentence [without a mistake|loud and clear]: "Now the king can laugh!"
= The best part of the play had not been planned at all: {petname} with the {obj}. | Little {o} is
  tall now, but still asks after {petname}. | Next {season} there will be another play, and {f}
  will not leave the {obj} {seen}.

# the tower clock ; light ; small
- The clock on the church tower of {town} had been right for a hundred years. [One {season}
  day|One morning], it struck thirteen when it was {hour} o'clock, and [nobody knew what to do|the
  whole town was late].
- "[Somebody must climb up|It must be looked at]," people said. But the stairs were
  [steep|rotten], and [nobody wanted to go|everybody had a reason to stay below].
- "I will go," {h} said, "[if {f} holds the lamp|if somebody comes with me]." {f} was {trait}[ and
  not afraid of heights|, but did not like heights|], and came too.
- [{We} counted the steps|Step by step {we} climbed]: there were {steps}. [Halfway|At the second
  window] {petname} the {pet}, who had followed {us}, {sounded}.
- ?[Above|At the top] it was [cold|dusty|windy], but one could see as far as {dest}. The great
  wheels [stood still|turned and groaned].
- ?{f} held the lamp, and {h} [oiled the wheels|pulled at the chains] with {my} sleeves rolled up,
  [as if it were {my} own work {work}|though {a job} knows little of clocks].
- [Then|At last] {h} saw it: between two wheels there was [something {colour}|something that
  shone]. It was {a obj}!
- "[That is mine|I know that one]," said {o}, the old bell ringer, when {we} came down. "[I lost
  it {years} years ago|A jackdaw took it from my window]. I looked for it {seen}, but never up
  there."
- ?[Meanwhile|At that moment] the clock struck the right hour, [and everybody threw their hats in
  the air|and the people counted aloud].
- ?{o} [gave {us} the key of the tower|invited {us} to {food}], and [since then {we} may go up
  whenever {we} like|told {us} how the bell had got its crack].
= A lost {thing} had stopped the time of a whole town. | {o} keeps the {obj} in a drawer now, far
  away from jackdaws and wheels. | "{steps} steps up and {steps} steps down," {f} still says, "and
  all for {a obj}."
"""
