"""Plots that lead out of the house and the town: journeys, walks, boats, visits.

See `template.parse_plots` for the notation.
"""

from __future__ import annotations

PLOTS_ON_THE_ROAD = """
# rainy journey
- [One day|Last {season}|One {season} day], {h} had to travel to {dest}, [because {my} {kin}
  {elder} was waiting there|where {my} {kin} {elder} lived]. {S} packed {a obj} and [some bread|a
  bottle of tea].
- [At first|In the beginning] the road was dry, and {petname} the {pet}, who had to come too,
  {moved} [in front|at the side of the road].
- [But after {n1} miles|But before noon], [big drops began to fall|it began to rain], and [soon
  the road was a stream|the ditches filled with water].
- [{h} waited under a tree|{h} sheltered under a bridge|A barn stood open, and {h} went inside],
  and there {s} met [a stranger|a traveller], {a ojob} called {o}.
- "Where are you going in such weather?" asked {o}. "To {dest}," {h} said, "with {a obj} for
  {elder}." "Then we have the same way," said {o}.
- ?[While the rain drummed on|To pass the time], {o} [told {me} about life as {a ojob}|shared a
  piece of cheese|sang a song with {n2} verses].
- [After an hour|Later] the clouds broke, and {we} [walked on through the puddles|went on
  together]. [{petname} {sounded} at every frog|A rainbow stood over the fields].
- [In the evening|When it got dark], the lights of {dest} came in sight. {elder} stood at the door
  and cried: "[You are wet through|Come in, come in]! There is {food}."
- {h} [dried {my} shoes by the stove|sat down by the fire] and gave {elder} the {obj}. [It had not
  even got wet|"Just what I needed," said {elder}].
- ?{o} [stayed for supper|did not want to come in at first, but stayed in the end], and [before
  {hour} o'clock|by midnight] all of {us} [knew each other's songs|were like old friends].
= If it had not rained on the way to {dest}, {h} would never have met {o} the {ojob}. | Ever
  since, {o} the {ojob} has been a good friend, and {elder} keeps the {obj} on the table. |
  {elder} has the {obj} now, and {o}, the {ojob} from the road, sends a card every {season}.

# letter arriving
- [One morning|On a Friday] a letter lay on the mat. It was from {o}, an old friend of {mine}, who
  had moved to {dest} {years} years before.
- "[Dear {name}|My dear {name}]," {o} wrote, "[I am getting old|I have a new house], and I should
  like to see you again. [Come on Sunday|Come soon]. And do you still have my {obj}?"
- {h} [had quite forgotten it|turned red]. [Long ago|Years before] {o} had lent {me} {a obj}, but
  where was it now?
- ?{s} looked {seen}, [then in every cupboard|then in the attic], but [there was only dust|found
  only old shoes]. {f}, who was {trait}, came to help.
- "[Read the letter again|Perhaps there is more in the letter]," said {f}. And indeed, on the back
  it said: "[I think you once hid it {spot}|Look {spot}, you always hid things there]."
- {petname} the {pet} {moved} there first, and [there it was|indeed, there lay the {thing}], [a
  little dusty|as good as new].
- On Sunday, {sky}. {both} took the [early train|first bus] to {dest}; [it took {n1} hours|the
  tickets cost {n2} coins each].
- ?{o} stood at the station, [grey now, but laughing as before|with {a colour} scarf], and [hugged
  everybody|cried a little].
- [At the house|Then] there was {food}, and {h} put the {obj} on the table. "[You kept it all
  these years|I knew it]," said {o}.
- ?[They talked|{We} talked] until {hour} o'clock about {hobby}, about {town}, and about [who had
  married whom|the old school].
= The {obj} had been {spot} for {years} years, and {o} had known it all the time. | Since that
  Sunday, {o} and {f} write to each other too. | "A lent thing is a letter that waits," says {o},
  who has the {obj} again.

# boat trip ; heavy ; small ; lands sea river ; seasons spring summer
- [One {season} day|One Sunday], {f} had borrowed a boat from {o}, {a ojob}. "[Come along|Get
  in]," {f_s} said, "[the water is calm|we will be back by {hour} o'clock]."
- {h} took {food}, {a obj} and a blanket, and {petname} the {pet} [was the first on board|{moved}
  after {us}].
- ?[First|At the beginning] {we} rowed along the bank. {SKY}, and [the oars splashed softly|a
  heron looked at {us}].
- After {n1} [bends|rocks] {we} saw a small island. "[Nobody has ever been there|Let us land
  there]," said {f}, and {h} steered towards it.
- ?[On the island|There] {we} found {n2} [old trees|big shells] and [the rest of a fire|the
  footprints of a bird]. {We} ate and [slept a little|sang].
- [But when {we} came back|But then], the boat was gone! {f}, who was {trait}, [had not tied it
  well|had forgotten the knot].
- [It was floating|It drifted] far out. [What now|And evening was near]? {h} held up the {obj} and
  waved it [until {my} arms hurt|in the last sun].
- [At last|After an hour] a second boat came round the corner; it was {o}, who had seen {us}.
  "[What are you two doing there|Is that a new flag]?" {o_s} [laughed|called].
- {petname} {sounded} with joy. [So {we} got home with two boats|{o} threw {us} a rope and caught
  the lost boat, too], [in the dark|just before the rain].
- {f} [has learned {n12} knots since then|practised knots all winter], and [{h} held the rope
  anyway|every boat is tied twice].
= Without the {obj} that {h} had waved, {both} would have slept on the island. | {o} still calls
  it the island of the {obj}, and everybody in {town} does the same. | {f} can tie {n12} knots
  today, but {petname} always looks after the boat.

# long walk ; seasons autumn winter spring
- {both} wanted to walk to {dest}, {n12} miles away, to see {elder}, {my} {kin}. {We} started at 6
  o'clock, [with {food} for the road|in {wear}].
- [The first {n1} miles were easy|For {n1} miles all went well]. {f} [sang|told riddles], and
  {petname} the {pet} {moved} [ahead|from stone to stone].
- Then the fog came. [First the hills were gone, then the trees|It came without a sound], and soon
  {we} [could not see {our} own feet|lost the road].
- ?"[Left or right|Which way]?" asked {f}. "[Left, I think|I do not know]," {h} said. {We} [threw
  a coin, but it fell into the grass|listened, but everything was still|listened, but only a crow
  cried].
- [After a while|Half an hour later] {we} passed [an old stone with a cross on it|a broken gate].
  [After another hour {we} passed it again|And then {we} came to the very same place]. {We} had
  walked in a circle!
- ?"[Sit down and eat first|No fear]," said {f}, who was {trait}. So {we} ate, and gave {petname}
  {petfood}.
- [Then {petname} {sounded}|Suddenly {petname} pricked its ears]. Far away there was a bell.
  "[That is the church of {dest}|Bells are good friends]!" {h} cried.
- {We} followed the sound, [step by step|hand in hand], for the last {n2} miles, [through a
  brook|over a fence], until {we} saw a light.
- It was {o}, {a ojob}, who had rung the bell because of the fog. "[Somebody always needs it|I
  ring it whenever I cannot see the hill]," {o_s} said.
- [An hour later|Soon] {we} sat at the stove of {elder}. [{My} feet hurt|The tea was hot], and
  {elder} gave {me} {a obj}[ for the way back|, so that {we} would remember that day].
= {n1} miles in the sun and {n2} in the fog, that made {n12}, and a bell had shown the way. | In
  thick fog {both} still think of {o}, who rings the bell of {dest}. | The {obj} from {elder} lies
  by the door, in case {we} go to {dest} again.

# missed train ; small
- [One day|On a day when {sky}], {both} wanted to take the train to {dest}. It was to leave at
  {hour} o'clock, but {petname} the {pet} [had hidden the tickets|would not come along].
- {We} ran [down the lane|through {town}] with {n1} bags. [Too late|In vain]: {we} saw [only the
  last lamp|nothing but smoke]. "[The next one goes tomorrow|That was the last one]," said {o},
  the station master.
- {f} [sat down on the bags|almost cried], for in {dest} {f_p} sister [was to marry|was waiting].
  "[What now?|It is {n12} miles,]" {f_s} said.
- {o} [pushed back {o_p} cap|thought]. "[There is an old hand car in the shed|In the shed stands a
  railway bicycle]," {o_s} said, "[if you can pedal|but it squeaks]."
- [So {we} set off|No sooner said than done]: {both} pedalled, and {petname} sat on the bags and
  {sounded} at every [bridge|signal].
- ?After {n1} miles it began to rain, [after {n2} miles a wheel came off|soon after that the chain
  broke]. {h} mended it with [a bootlace|a hair ribbon and a nail].
- [On the way|In the dark] {we} picked up {a obj} that lay between the rails.
- [Just in time|At the very last minute] {we} rolled into {dest}. [The bells were
  ringing|Everybody was standing at the station], and {f}'s sister [wore flowers in her hair|ran
  towards {us}].
- "[I have lost my {obj}|Only my {obj} is missing]," she said, "[it fell out of the train window|I
  must have dropped it on the way]." And {h} [held it up|took it out of the bag].
- ?[What a feast that was|Then there was dancing], with {food} and {food2}, and for {petname} a
  whole bowl of {petfood}.
= If {both} had caught the train, nobody would have found the {obj}. | {o} the station master has
  painted the hand car, and calls it "{petname}". | {f}'s sister tells everybody that her {obj}
  came to {dest} by the slowest way of all.

# the old map ; light
- In a book from {elder}, {my} {kin}, {h} found [an old map|a yellow paper with lines]. It showed
  {town}, and [at one place there was a cross|a small cross was marked in {colour} ink].
- ?"[A treasure|That is a treasure map]!" cried {f}, who was {trait}. "[Gold|At least silver]!"
  {h} [was not so sure|only smiled].
- "From the church go {n1} steps to the north," said the map, "then {n2} steps to the
  [east|west]." That was {n12} steps in all, and {f} counted aloud.
- The last step led [into the garden of {o}|right up to the house of {o}], {a ojob}. "[You want to
  dig here|What are you doing with a spade]?" {o_s} asked. "[Not in my roses|Only if I may
  watch]!"
- [So {we} dug|{We} took turns], and {petname} the {pet} {moved} round the hole. [First there was
  an old shoe|First came roots and stones], then [a bottle|a rusty spoon].
- [It grew dark|The sun went down]. Then the spade hit [wood|something hard].
- It was a little box. [{f} held {f_p} breath|Nobody breathed]. Inside lay no gold, but {a obj}
  and a letter[ in a child's hand|].
- "[Whoever finds this|Dear finder]," it said, "please be kind to it. I am {age_child} years old
  and we are moving away. {elder}."
- [The next day|On Sunday] {we} took it to {elder}, who [put on {elder_p} glasses|was quite
  silent|had forgotten it].
- {elder} [kept the letter|hung the map over {elder_p} bed] and gave {me} the {obj}. "[Now you
  must hide it for somebody|It is yours now]."
= So the treasure of {town} was {a obj}, {n12} steps from the church. | {o} has planted roses in
  the hole, and {petname} likes to sleep beside them. | One day {h} will bury the {obj} again,
  {n12} steps from the church, for some other child.

# the sad elephant ; small
- [Once|One {season}] a little circus came to {town}. There were {n1} acrobats, {n2}
  [horses|monkeys], and an old elephant called Sultan who [would not eat|stood with hanging ears].
- "[He is sad|He misses somebody]," said {o}, the director. "Since {dest} he has eaten nothing.
  [Tonight there will be no show.|What shall I do?]"
- {h} [had an idea|thought of something], and went to {f}, {a fjob}. "[What do you do when you are
  sad|What helps against sadness]?" "[I eat {food}|I listen to music]," said {f}.
- [So first|First] {we} brought {food}. The elephant [sniffed at it|turned away]. Then {f}
  [sang|played the drum], but [one ear moved, no more|he only sighed].
- [Then|At {hour} o'clock] {petname} the {pet} {moved} [between his feet|right in front of him]
  and {sounded}. Everybody [was frightened|held their breath].
- The elephant [lowered his trunk|bent down], very slowly, and [blew softly|touched the little
  {pet}]. And then he took a cabbage and ate, and another, {n12} in all.
- "[He had a friend like that in {dest}|That is it]!" cried {o}. "[A little {pet}, and it stayed
  behind|There was always {a pet} in his straw]!"
- ?That evening [the tent was full|all the lamps burned in the tent]. [{petname} rode on the
  elephant's back|{petname} sat in the ring], and the children [shouted for joy|clapped until
  their hands hurt].
- [When the circus moved on|After {n1} days], {o} gave {me} {a obj} as thanks, and [promised to
  come back in {season}|the elephant waved with his trunk].
= Every year the elephant Sultan looks for {petname} in {town}, and the two share {petfood}. | The
  {obj} from {o} reminds {both} of the circus. | So a small {pet} made a big elephant happy, and
  {n12} cabbages were eaten.

# teaching a trick ; light
- {petname} the {pet} [was clever but lazy|could do nothing but eat {petfood}]. "[It will never
  learn anything|Nobody can teach {a pet}]," said {o}, {a ojob} from {dest}.
- "[We shall see|In {n12} weeks it will fetch my {obj}]," {h} answered. {We} shook hands on it:
  [who lost had to cook {food}|the loser had to give a supper].
- [In the first week|First], {h} showed {petname} the {thing} and said its name. {petname}
  [yawned|looked the other way|{sounded} and fell asleep].
- [In the second week|Then] {f} came. "[You must make it worth its while|Try it with {petfood}],"
  said {f}, who was {trait}. From then on it went better.
- ?[After {n1} weeks|Soon] {petname} {moved} to the {thing} when it was called, [and even touched
  it|but then it forgot what to do].
- ?{f} [wrote everything in a notebook|drew a chart]: on Monday {n1} times right, on Tuesday {n2}
  times, [together {n12}|that made {n12}].
- [At last|On the last day] {o} came, [with a hungry face|with a big spoon], and [half of {town}
  stood around|the neighbours leaned over the fence]. The {obj} lay {spot}.
- "{petname}, fetch!" {h} called. [Nothing happened|{petname} looked at the sky]. "[Ha|I knew
  it]," said {o}. But then {petname} [got up|turned round], {moved} away, and came back with...
  the hat of {o}!
- [Everybody roared with laughter|{o} laughed most of all]. And when the laughter was over,
  {petname} went once more and brought the {obj}, too.
- ?So {o} [cooked {food} for everybody|stood at the stove until {hour} o'clock], and {petname} had
  [two helpings of {petfood}|the best place at the table].
= {petname} the {pet} can still fetch the {obj}, but only for {petfood}. | {o} from {dest} now
  holds on to {o_p} hat whenever {petname} is near. | "Never bet against {a pet}," {o} says, "and
  least of all against {petname}."

# visit to the museum ; small
- {f} had [won two tickets|saved {n1} coins], and so {both} went to the big museum in {dest}. [It
  was the first time for both|{h} had never been there].
- "[No pets|Animals must wait]," said {o}, the guard, and looked at {petname} the {pet}, but then
  [{o_s} looked away|the bag stayed half open].
- ?[In the first room|First] there were {n1} old pots, [in the second|then] {n2} pictures of
  kings: {n12} [things to look at|treasures] before lunch. {f} [read every sign|yawned].
- [In the third room|Then] {h} stopped. Behind glass there was {a obj} that looked exactly like
  the one of {elder}, {my} {kin}.
- "[I have seen it before|There is a scratch on it]," {h} whispered. "{elder} lost it {years}
  years ago. [It was {shelf}, and then it was gone|It always lay {shelf}]."
- [Just then|At that moment] the bag {sounded}. {o} came nearer. "[What was that|Is there {a pet}
  in your bag]?" {o_s} asked, and tried [not to laugh|to look strict].
- {h} told {o_o} everything. {o} [listened|nodded slowly]. "[Write to the director|I will ask the
  director]," {o_s} said. "[Things like to go home|It would not be the first time]."
- [{n2} weeks later|Soon] a letter came to {town}: the museum would give the {obj} back[, if it
  might have a copy|].
- {elder} [sat quite still|had tears in {elder_p} eyes], turned the {thing} round, and there was
  the scratch. "[Where did you find it|How can that be]?" {elder_s} asked.
- ?"[{petname} found it|Ask {petname}]," said {f}, [and that was almost true|and gave {petname}
  {petfood}].
= The {obj} is {shelf} again, where it always was, and {elder} dusts it every Sunday. | The museum
  in {dest} shows a copy now, and {o} tells every visitor about {petname}. | Without {petname} in
  the bag, nobody would have talked to {o}.

# night under the stars ; seasons summer
- It was too hot to sleep in the house. So {both} took [two blankets|a tent] and went up the hill
  behind {town}[, with {food} for the night|].
- {petname} the {pet} came too and {moved} [through the grass|after the moths]. [Down below, {n12}
  windows were lit|One light after another went out in the valley].
- "[Let us count the shooting stars|Whoever sees more shooting stars wins]," said {f}. [By
  midnight|After an hour] {f} had seen {n1} and {h} {n2}, [that made {n12}|{n12} together].
- [Then|Suddenly] there was a light in the bushes. It [came nearer|swung to and fro]. "[Who is
  there|Hello]?" called {f}, [and {f_p} voice shook a little|who was {trait}, but not that
  {trait}].
- It was {o}, {a ojob} from {dest}, with a lantern. "[I am looking for {a obj}|I have lost my
  {obj} up here]," {o_s} said. "[It is from my mother|I had it this morning, {seen}]."
- ?[So {we} got up|Nobody thought of sleep now]. {f} looked [behind the stones|in the heather],
  {h} [crawled through the grass|followed the path], and {o} held the lantern.
- [A shooting star fell|Just then the longest shooting star of all fell]. "[Wish for
  something|Quick, a wish]!" said {f}, and {o} closed {o_p} eyes.
- And [at that very moment|indeed] {petname} {sounded}: between two stones something shone. It was
  the {obj}.
- {o} [could hardly believe it|laughed and cried at once], and [stayed until morning|made a little
  fire]. {o_S} [knew all the names of the stars|told {us} about life as {a ojob}].
- ?[When the sun rose|In the morning] everything was wet with dew. {We} [rolled up the
  blankets|went down to {town}], tired and happy.
= {f} had counted {n1} stars and {h} {n2}, but the one that helped {o} was counted twice. | Since
  then, {o} carries the {obj} close to the heart and comes up the hill every summer. | Nobody told
  {o} that it was {petname} who had found the {obj}, not the star.
"""
