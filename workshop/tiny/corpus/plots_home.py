"""Plots that happen at home: things, pets, guests, weather.

See `template.parse_plots` for the notation.
"""

from __future__ import annotations

PLOTS_AT_HOME = """
# lost object ; small
- [One morning|One {season} morning|Last week|On a Tuesday], {h} could not find {my} {obj}. [It
  had been a present from {my} {kin} {elder}|{elder}, {my} {kin}, had given it to {me}|It was
  worth little, but {elder}, {my} {kin}, had once owned it]. | {h} had {a obj}, [a present
  from|which had belonged to] {my} {kin} {elder}. [One day|One {season} day|Then, on a Sunday,] it
  was gone.
- {S} had last seen it {seen}[, but it was not there any more|. Now there was only dust|, and ran
  there, but there was nothing]. | [First of all|First|Naturally], {s} looked {seen}, where {s}
  had seen it last, [but in vain|but found nothing|but saw only a spider].
- [Then|After that], {s} asked {f}, who was always {trait}. "[Have you seen|Did you borrow|Do you
  know anything about] my {obj}?" "No," said {f}, "but I will help you [look for it|to search]." |
  [{f} came by|Just then {f} came in] and asked: "Why do you look so [sad|worried|cross]?" "My
  {obj} [is lost|has disappeared]," {h} answered, and {f}, who was {trait}, [promised to help|took
  off {f_p} coat at once].
- ?[Together {we}|The two of {us}] [turned the house upside down|searched every room|opened all
  the drawers], and {f} even [looked into the chimney|crawled under the beds|asked the
  neighbours|emptied the dustbin].
- ?{petname} the {pet} [thought that it was a game|wanted to help too] and {moved} [to and
  fro|behind {us}]. | Outside, {sky}, and [nobody had time to look at it|the children were coming
  home from school|{petname} the {pet} came in].
- ?"[Think again|Think hard]," said {f}. "Where were you yesterday at {hour} o'clock?" [But {h}
  could not remember|"At work," {h} said, "{work}, as always."]
- [In the afternoon|Towards evening|At last|When {we} had almost given up], {petname} the {pet}
  {sounded} and would not stop. "[What is it|What have you found], {petname}?" [asked {f}|cried
  {f}].
- [And there it was|There lay the {thing}|There {we} found it]: {spot}! [Nobody knew how it had
  come there|{petname} had probably carried it there|Somebody must have put it there by
  mistake|Perhaps a magpie had dropped it].
- {f} [laughed|clapped {f_p} hands|shook {f_p} head], and {petname} got {petfood} [as a reward|and
  many kind words].
- [That night|Before bed|Later], {h} [hung the {thing} on a nail|put the {thing} in a safe
  place|tied a label to the {thing}] and [thanked {f} once more|wrote to {elder} about it|slept
  well].
= So the {obj} that was lost had been {spot}, and it was {petname} the {pet} who found it. | Now,
  whenever something is missing, {f} says: "Let us ask {petname} and look {spot}." | It had not
  been {seen}, but {spot}; without {petname} nobody would have found the {obj}.

# new pet ; small
- [It began in {season}, when {sky}. {h}|One day in {season}, when {sky}, {h}|It was {season}, and
  {sky}. {h}] heard a [noise|small sound|scratching] [behind the house|at the gate|near the road].
- [Something {sounded}|Somebody {sounded}, or so it seemed]. {S} [went outside|opened the
  door|took a lamp] and found a [wet|hungry|frightened|muddy|tired] little {pet}[, all alone| with
  a string round its leg| under the bench].
- [First|To begin with], {s} [dried it with a towel|wrapped it in a blanket|spoke to it softly].
  Then {s} offered it {petfood}, and it [ate everything|ate as if it had eaten nothing for {n1}
  days|took a little and looked up].
- "Whose {pet} can that be?" {s} asked {f}. {f} [thought about it|scratched {f_p} head] and said:
  "[We should ask in the whole of {town}|Let us hang up a note at the shop|Perhaps it ran away
  from {dest}]."
- For {n2} days [{we} asked everybody|{we} waited|notes hung on every corner], but [nobody
  came|nobody had lost {a pet}].
- ?[Meanwhile|In the meantime], the {pet} [slept {bed}|chose a place to sleep {bed}] and [followed
  {me} everywhere|waited every evening for {my} steps].
- [On the next day|At the end of the week], {f} said: "[It needs a name|You cannot call it {pet}
  for ever]." [{We} tried many names|{We} thought of Captain Nobody, of Mister Nose, of Queen
  Bee]. In the end it was called {petname}.
- ?{petname} [learned quickly|was clever]: after {n12} days it [knew its name|came when it was
  called], and after a month it could [open the gate|find its way home|turn in a circle].
- [One evening|Then, on a Friday,|In the end] an old [lady|man] from {dest} came and said: "So
  that is where my {pet} went! But [it looks so happy here|I see that it likes you]. Please keep
  it."
- ?{f} [brought {petfood} to celebrate|was as glad as {h}|jumped for joy], and [{we} sat together
  until late|there was {food} for everybody].
= That is how {petname} the {pet} came to {town} all the way from {dest}. | {f} still tells
  everybody that the name {petname} was {f_p} idea. | Since then, {petname} has slept {bed}, and
  the evenings in {town} are no longer lonely.

# storm
- [It was a day in {season}|One day in {season}]; {sky}. [By noon|Before long] the birds were
  silent, and {petname} the {pet} [would not eat|hid away|was restless].
- ?"[There is a storm coming|I do not like that cloud|My left knee aches]," said {f}, who was
  {trait} and [knew the weather well|seldom wrong].
- [First|So first], {h} [closed the shutters|brought the washing in] and tied down everything that
  was loose. [Then|After that] {s} [carried {my} {obj} into the house|put {my} {obj} in the
  cellar].
- [At {hour} o'clock|Soon afterwards] the wind came. It [tore at the roof|howled in the
  chimney|bent the trees], and {n1} tiles fell into the yard.
- [In the middle of it all|Just then], somebody knocked. It was {o}, the neighbour, [wet to the
  skin|with a lantern in {o_p} hand]. "[My roof is gone|A tree fell on my house]! May I come in?"
- "Of course," {h} said, and [put the kettle on|made a bed by the stove]. {f} [told
  stories|sang|played cards with {o}], so that nobody [listened to the thunder|was afraid].
- ?{We} ate {food}, and {petname} {moved} out at last, [because it smelled so good|and lay down
  between the chairs].
- [In the morning|The next day], everything was still. {o} [looked at the broken roof|found {o_p}
  chimney in the garden] and sighed.
- [So|But] half of {town} came with ladders. {h} [came too|carried tiles all day|held the longest
  ladder], and [after {n2} days|by Sunday] the roof of {o} was better than before.
- ?[To say thank you|When all was done], {o} [invited everybody to {food2}|cooked {food2} for all
  the helpers] and [made a short speech|laughed for the first time].
= {o} never forgot that night, and every {season} {o_s} makes {food2} for {f}, {petname} and
  {obj_h}. | When the wind howls now, {o} laughs and says: "My roof was mended by all of {town},
  even by {a job}." | The {n1} broken tiles lie in the garden of {o} to this day, and flowers grow
  between them.

# snow day ; seasons winter
- [When {h} woke up|In the morning], everything was white. Snow [lay up to the window|covered the
  gate|hung in the trees], and [no cart could pass|the road to {dest} was closed].
- "No work today," {s} [thought|said aloud], for nobody needed {a job} in such snow. {S} put on
  {wear} and [dug a path|shovelled|swept and dug] for {n1} hours.
- [Then|Halfway to the road] {s} met {f}, who was digging from the other side. "[Good
  morning|Hello]! Is {o} all right? [There is no smoke from the chimney|I have not seen a light]."
- ?[{We} were worried|That was not good]. {o} was old and lived alone [behind the hill|at the end
  of the lane].
- [So {we} took a sledge|{f} had a sledge. {We} took it], put {food}, dry wood and {a obj} on it,
  and pulled it [through the drifts|for a mile]. {petname} the {pet} {moved} behind.
- ?[Twice {we} lost the path|Once {we} fell into a ditch], but {petname} {sounded}, and then [{we}
  saw the house|{we} knew the way again].
- {o} sat [in bed under all the blankets|by a cold stove]. "The wood is wet," {o_s} said, "and I
  could not [open the door|get out]."
- [First {we} lit a fire|{f} lit the fire], then {h} [warmed the food|cooked]. The {obj} was for
  {o} too, [to cheer {o_o} up|because it was nearly {o_p} birthday].
- [In the evening|Before dark], {we} [built a snowman with an old hat|threw snowballs like
  children], and {o} [watched from the window|counted the hits].
= {o} has kept the {obj} ever since, to remember the day of the big snow and the {pet} called
  {petname}. | That was the day on which {both} became {o_p} friends, after {n1} hours of
  digging. | The snow melted after {n2} days, but {o} still talks of the sledge and of {petname}.

# night sounds ; light ; small
- [One night|In a night in {season}|Late one evening], {h} [lay awake|could not sleep], for there
  was a [strange|soft|hollow] sound: [tap, tap, tap|knock, knock|creak... creak]. It came from
  [above|the cellar|the yard].
- {petname} the {pet} heard it too and {sounded} quietly. [The clock showed {hour}
  o'clock|Outside, the moon was shining|Not a star was to be seen outside].
- ?"[It is only the wind|Mice, perhaps]," {s} thought. But [the wind had dropped|mice do not
  knock], and the sound [went on|came back].
- So {s} lit a lamp, [put on {my} slippers|took a broom|held {my} breath], and went [from room to
  room|slowly down the stairs]. {petname} {moved} [close behind|in front].
- ?{s} looked {seen}: nothing[ but a cobweb|]. {s} listened at every door[| for a long time].
- [At the window|Suddenly] a face appeared, and {h} almost dropped the lamp. But it was only {f}[,
  in a nightshirt|, with a lantern]. "[Do you hear it too?|I cannot sleep either,]" {f_s}
  whispered.
- [Now {we} were two, and braver|Together it was easier]. {We} followed the sound [step by
  step|with the lamp held high], and it grew louder and louder.
- At last {we} found it: {a obj} {spot}, and [a small owl|a young mouse|a fat beetle|a lost
  hedgehog] [that pushed against it again and again|that tried to pull it away].
- {f} laughed so much that [the lamp went out|the neighbours woke up]. {h} [opened the window and
  let the small guest go|carried the small guest out into the grass].
- ?[Then {we} drank hot milk|Afterwards there was {food}], and [by dawn|before the clock struck
  again] everybody was asleep[, even {petname}|].
= So the ghost of {town} was only a small animal and {a obj} {spot}. | Whenever it knocks at
  night, {f} says: "Look {spot}, and take {petname} with you!" | The {obj} was put away, and since
  then the nights in {town} are quiet.

# birthday surprise
- [It was nearly the birthday of {f}|In {n1} days {f} would have a birthday]. "[What does {f} wish
  for|What can I give {f_o}]?" {h} asked {o}, {a ojob}.
- {o} [thought for a while|smiled]. "[{f_S} once had {a obj}|When {f_s} was small, {f_s} had
  {a obj}], but it was [lost|broken] long ago. [{f_S} still speaks of it|I think {f_s} misses
  it]."
- ?[So|That evening] {h} began to look for another. {S} asked in {town}, [and in {dest}, {n2}
  miles away|and wrote to a shop in {dest}], but [nobody had one|all of them were too dear].
- [Then|At last] {my} {kin} {elder} said: "[There is one in my attic|I have one that I never use].
  You may have it for nothing."
- [The next evenings were busy|For {n1} evenings {h} was busy]: {s} cleaned the {thing}, [wrapped
  it in blue paper|put it in a box with a ribbon] and hid it {spot}[, where {f} would never
  look|].
- ?But {petname} the {pet} had watched, and [sat down right there|{moved} there every hour], so
  that {f} [almost guessed it|asked what {petname} wanted there|came and looked at everything
  twice].
- On the morning of the birthday, {sky}. {o} came with [{food}|a cake with {n12} candles], and
  {we} [hid behind the door|waited without a sound].
- {f} came in, [tired from work|with cold hands], and [everybody shouted|everybody sang].
  [{petname} {sounded} loudest of all|Even {petname} {sounded}].
- Then {f} opened the [parcel|present], and [did not say a word for a long time|two tears ran down
  {f_p} nose]. "[My {obj}|The {obj}]," {f_s} said at last. "[How did you know|Who told you]?"
- ?{o} [winked|looked at the ceiling], and {h} [cut the cake|handed round {food2}]. [It was late
  when the last guest went home|Later there was dancing in the yard].
= The {obj} had been {spot} for days, and {f} had not noticed, although {petname} had done
  everything to tell {f_o}. | {f} keeps the {obj} beside {f_p} bed now, and {o} still says that it
  was a good idea. | To this day {f} does not know that the {obj} came from the attic of {elder}.

# shared meal ; small
- [One evening in {season}|On a day when {sky}], {h} was hungry, but there was [only one
  onion|nothing but a cup of flour|just a piece of butter] in the larder.
- [Then|At {hour} o'clock] {f} knocked: "[Can you lend me some bread|Have you got an egg]? My
  larder is as empty as my pockets." "[Mine too|So is mine]," {h} said, and {both} laughed.
- "[Let us cook together|Two little things make a bigger one]," said {f}. {f_S} ran home and came
  back with {n1} [potatoes|carrots|turnips] and [a pinch of salt|some old cheese].
- [It did not look like much|That was still not enough]. So {we} asked {o}, the neighbour, who had
  {n2} [eggs|mushrooms|leeks] and a [big pot|long spoon].
- [Soon the whole lane knew|The smell went from house to house]. One brought [milk|beans], one
  brought [pepper|parsley], and {elder}, {my} {kin}, brought {food}.
- ?{h} [stirred|tasted], {f} cut everything small, and {petname} the {pet} {moved} round the table
  and got {petfood}.
- [When it was ready|An hour later], {n12} people sat [in the kitchen|round the table|on boxes and
  barrels]. {o} said: "I have not eaten so well since [last {season}|the wedding of my sister]."
- ?[After the meal|When the plates were empty], {elder} told a story about {a fjob} and a ghost,
  and [everybody listened|nobody noticed how late it was].
- [In the end|At midnight] {we} washed the pot [together|by candlelight]. "[Next week at my
  house|Same time next week]," said {o}[, and so it was|, and everybody agreed].
= It had begun with an empty larder, and {n12} people had eaten their fill. | Every week now there
  is soup at the house of {o}, and {f} always brings {n1} of something. | The best meal in {town}
  was made from almost nothing, said {elder}, and {petname} agreed.

# quarrel ; small
- {both} had been friends for {years} years, but [one day|one {season} day] {we} quarrelled. It
  was about {a obj}: [both had seen it first|one wanted to sell it, the other wanted to keep
  it|one called it beautiful, the other ugly].
- "[You are as stubborn as a mule|You never listen]," said {f}. "[And you talk too much|And you
  forget everything]," {h} answered. A door was shut [with a bang|loudly].
- ?[For {n1} days|For a whole week] {we} did not speak. If {f} came along the street, {h} [looked
  at the sky|studied the shop windows].
- [But the evenings were long|It was dull alone]. Nobody [laughed about {hobby}|talked about
  {hobby}], and {petname} the {pet} [sat at the door and waited|{sounded} sadly at the gate].
- [Then|One morning] {petname} was gone. {h} looked {lair2}, [called in every street|whistled] and
  [asked everybody|ran through the whole of {town}].
- [In the end|At {hour} o'clock] {s} stood before the house of {f}, [took a deep breath|counted to
  ten] and knocked. "[Is {petname} with you?|I cannot find {petname}.]"
- "[Come and see|Be very quiet]," said {f}. There, {lair}, lay {petname}, fast asleep, with the
  {obj} [under its head|beside it].
- [{We} looked at each other|There was a long silence]. Then {f} began to laugh, and {h} [could
  not help laughing too|laughed until {my} sides hurt].
- "[I was wrong|I am sorry]," {h} said. "[No, I was wrong|I am sorry too]," said {f}. [{We} almost
  quarrelled again about that|And so it was over].
= Since that day the {obj} has belonged to {petname}, who cannot quarrel with anybody. | {a pet}
  had been wiser than two friends, and the {obj} is shared now. | If {f} and {obj_h} ever begin to
  quarrel, one of them says "{petname}", and it is over.

# runaway pet ; light ; small
- {petname} the {pet} was [quick|curious|clever], and [one day|on a morning in {season}] the
  [gate|door] stood open. When {h} came home from work, {petname} had gone.
- {s} called [ten times|at the top of {my} voice], but [nobody answered|everything was quiet].
  [There were tracks in the mud|There was a trail of crumbs], which led [towards {dest}|down the
  lane].
- [First|So] {s} ran to {f}. "[{petname} is gone|Help me]!" {f}, who was {trait}, [put down {f_p}
  work at once|was ready to help].
- [At the bridge|At the corner] {we} asked {o}. "[A little {pet}|Yes, something]? It {moved} past
  here at {hour} o'clock," {o_s} said, "and it was dragging {a obj} along."
- ?"[That is mine|My {obj}]!" {h} cried. [It was a present from {elder}, {my} {kin}|It had lain
  {seen} in the morning].
- ?[On {we} went|{We} hurried on], while {sky}. {f} asked [{n1} people|at {n1} doors], but [they
  all shook their heads|nobody had seen a thing].
- [After {n2} miles|When the sun went down], {we} [sat down on a stone|wanted to turn back]. Then
  {h} had an idea: {s} [rustled a bag of {petfood}|called: "Look, {petfood}!" and waited|scattered
  {petfood} on the road].
- [At once|After a moment] something {sounded} close by. {petname} {moved} out of the
  [bushes|hedge], [proud|dirty] and happy - but without the {thing}.
- "Now show us where you put it," {f} said. And {petname} [led {us} all the way home|ran home in
  front of {us}]: there it was, {spot}.
- ?[Since then the gate has a bolt|The next day {f} mended the gate], and {petname} [got a
  bell|was never alone for long].
= All that way {we} had walked, and the {obj} had been at home, {spot}. | {o} still greets
  {petname} with the words: "Well, what are you carrying today?" | The {pet} had run {n2} miles,
  and all for {a obj}.
"""
