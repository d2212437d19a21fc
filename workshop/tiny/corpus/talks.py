"""Talks between two people, in the notation of `template.parse_plots`.

They are always told in the third person; `{name}` and `{f}` do the talking.
"""

from __future__ import annotations

TALKS = """
# the lost thing
- "Have you seen my {obj}?" asked {name}[, the {job}|]. "[I had it yesterday|I need it today|It
  was {seen} this morning]."
- "[No|No, I have not|I am afraid not]," said {f}. "[What does it look like|When did you last use
  it]? And what is {petname} doing there?"
- "{petname} is only {a pet}," said {name}. "[{a pet} does not need {a thing}|It just wants
  {petfood}]. [I bought the {thing} from|The {thing} is from] {elder}, my {kin}; I have had it for
  {years} years."
- "[Then it is worth looking for|That is a long time]," {f} answered. "Did you look {seen}?"
  "[Twice|Of course]," said {name}. "[There was nothing but dust|I only found a sock]."
- ?"And where were you at {hour} o'clock?" "[I was {work}|At work, {work}]," said {name}, "[and I
  had it in my hand|and then I went home]."
- {f}, who was {trait}, [thought for a moment|walked up and down]. "[You came home tired|You
  opened the door, and {petname} {sounded}]. You [hung up your coat|took off your shoes]. And
  then?"
- "Then I gave {petname} some {petfood}," said {name} slowly, "and [it {moved} round me|it ate],
  and I put down... oh!"
- "[What|Well]?" asked {f}. "I put it down {spot}!" cried {name}, [and ran|and jumped up]. [A
  moment later {s} was back|Soon {s} came back], with the {obj} in {my} hand.
- "[You see|There you are]," said {f}. "[One only has to ask|You must think backwards]." "You
  should have become a detective, {f}," said {name}, "and not {a fjob}!"
- "A detective?" {f} laughed. "[With {petname} as my helper, why not|Then {petname} must become
  one too]. [But now let us eat {food}|And the first case is: who ate the {food}]."
= And so the {obj}, which had lain {spot} all night, [came back to {name}|was found without a
  single step too many].

# two old friends
- "[Is it you, {name}|Excuse me, are you not {name}]?" asked somebody at the station in {town}.
  "[We went to school together|You sat next to me in school]!"
- "[{f}|My dear {f}]!" cried {name}. "[After {years} years|It must be {years} years]! [You have
  not changed at all|I knew you by your voice]."
- "I have grown [a little wider|quite grey|no wiser]," said {f} with a smile. "Tell me, what do
  you do now?" "I am {a job}," said {name}. "I {do}. And you?"
- "[Listen|You will laugh]," said {f}. "I am {a fjob}[, far away in {dest}| in {dest}]. I {fdo}."
  "[You|Really]? But you were so {trait} as a child," said {name}.
- "[I still am|That helps, believe me]," {f} answered. "Do you remember our teacher, {o}?" "Of
  course! [{o_S} always had {a obj} on the desk|{o_S} gave me {a obj} once]," said {name}.
- "And one day it was gone," said {f}, "and [the whole class had to look for it|nobody went home
  before it was found]. [That was me|I must tell you something]. I had hidden it {spot}."
- "You!" {name} [shook {my} head|laughed out loud]. "[All these years I thought it was {elder}|And
  I was blamed for it]! [Did you ever tell {o}|Does {o} know]?"
- "Last {season} I wrote a letter," said {f}. "[{o_S} answered that {o_s} had always known|The
  answer was: I knew it, and I laughed all evening]."
- "[Let us visit {o}|We should go and see {o}]," said {name}. "[I have {a pet}, {petname}, who
  must come too|But first I must feed {petname}, my {pet}]." "[And what does {petname} eat|What
  must it have]?" asked {f}. "[Only {petfood}|{petfood}, nothing else]," said {name}.
- ?[The train came|A whistle blew], but {f} [let it go|did not get on]. "There is another one at
  {hour} o'clock," said {f}. "[First I want to hear everything|Where can we get {food}]?"
= Thus {name} the {job} and {f} the {fjob} met again, and the next Sunday {o} had two guests and
  {a pet}.

# in the shop
- "Good morning," said {name}. "[I need a few things|I have a long list today]. What do the
  {goods1} cost?" "{p1} coins each," said {f}, who kept the little shop in {town}.
- "[Then I take {q1}|{q1} of them, please]," said {name}. {f} [counted them|put them into a bag].
  "{q1} times {p1} makes {c1} coins. [Anything else|What else]?"
- "[Have you got {goods2}|And the {goods2}]?" "[Fresh today|They came this morning], for {p2}
  coins each," said {f}. "[In {season} there are none better|{elder} brought them from {dest}]."
- "[{q2}, please|I take {q2} of those]." "That is {c2} coins," said {f}, "and with the {c1} from
  before it makes {c12}."
- ?"[You are quick|How fast you do sums]!" said {name}. "[I, {a job}, need my fingers for that|At
  work I only count to ten]." "One learns it," said {f}. "[I was {a fjob} once, and I was bad at
  it too|As {a fjob} I was bad at it, too]."
- {name} [looked round|pointed at the shelf]. "And that {obj} up there on the shelf? [Is it for
  sale|How much is it]?"
- "That?" {f} [scratched {f_p} ear|smiled]. "[It is not mine|Somebody left it here]. {o} forgot it
  {years} weeks ago, [and has not come back|and I keep it for {o_o}]."
- "{o}? [But {o_s} lives next to me|I know {o_o}]!" said {name}. "{o_S} has looked for it
  everywhere, [even {spot}|most of all {spot}]. [Give it to me, I will take it along|I can carry
  it over]."
- "[Gladly|With pleasure]," said {f}, and wrapped it up. "[And for {petname} something too|Here is
  {petfood} for {petname}], [for nothing|as a present]. How is your {pet}?"
- "[It {sounded} all night|It sleeps {bed} and is well]," said {name}, and paid with {purse}
  coins. "[Wait|One moment]," said {f}, "you get {rest} back, because {purse} less {c12} is
  {rest}."
= {name} went home with {q1} {goods1}, {q2} {goods2} and the {obj}, [and {o} was the happiest
  person in {town}|which {o} got back before noon].

# the riddle
- "[I know a riddle|Listen, a riddle]," said {name}, while {sky}. "[It is about an animal|It lives
  with somebody here in {town}]. You have {n1} guesses."
- "[Only {n1}|Not more]?" said {f}, who was {trait}. "[Good, what does it eat?|Very well, begin.]"
  "It eats {petfood}," said {name}, "[and never says no to it|whenever it can]."
- "[Many animals do|That is not much]," said {f}. "Where does it sleep?" "[It sleeps {bed}|At
  night you find it {bed}]," said {name}, "[if nobody chases it away|always in the same place]."
- "Is it [a dragon|a whale]?" {f} asked, [only to win time|with a laugh]. "No! [Be serious|That
  was the first guess]," said {name}. "Yesterday it {moved} past your window."
- "[Past mine|While I was {fwork}]?" {f} [closed {f_p} eyes|rubbed {f_p} chin]. "[What sound does
  it make|Did I hear it]?" "[This morning it {sounded}|When I came home, it {sounded}]," said
  {name}.
- "Then I have it!" cried {f}. "It is {a pet}. [It is {petname}|It can only be {petname}], who
  belongs to {o}, the {ojob}!" "[Right|Yes]," said {name}, "[with two guesses|that was quick]."
- "[Now it is my turn|And now my riddle]," said {f}. "[It belongs to you, it cannot move, and it
  lies {spot}. What is it?|What is no animal, belongs to you, and lies {spot}?]"
- "[Nothing of mine lies there|That cannot be]," said {name}, [but went to look|and became
  curious]. "[My {thing}|My {obj}]! I have missed it for {years} weeks!"
- "[I saw it there this morning|{petname} showed it to me]," said {f}, "[but I wanted to hear your
  riddle first|and I thought: that makes a good riddle]."
- [They laughed|Both laughed], and then they [went over to {o}|called {o} in], and there was
  {food} for three[, and {petfood} for {petname}|].
= So {name} asked about {a pet} and got {a thing} back, and {f} [won twice|is still the best at
  riddles in {town}].

# planning a trip
- "[Let us go to {dest} on Sunday,|Shall we go to {dest} on Sunday?]" said {name}. "[All {season}
  I have done nothing but work|I, {a job}, never see anything but work]."
- "To {dest}?" asked {f}. "[How far is that|Is that not far]?" "It is {n12} miles," said {name}.
  "[We walk {n1}|On foot we do {n1}], and for the other {n2} there is a cart."
- "[And what does the cart cost|The cart is not free]?" said {f}, who was {trait}. "{p1} coins
  each way; [for {q1} people that is|when there are {q1} of us, we pay] {c1} coins," said {name}.
- "{q1} people?" "[You and I and some others|Of course]," said {name}. "[{o} wants to come|I have
  asked {o}], and {elder}, my {kin}, [lives there|knows the way]."
- "[What shall we bring?|One must not come with empty hands,]" said {f}. "I could bring {a obj};
  [it is {seen}, I think|I have one {seen}]." "And I [will make|will bring|can cook] {food}," said
  {name}.
- "And {petname}?" {f} looked at the {pet}, [which lay there and listened|which {sounded} as if it
  understood]. "{petname} comes along," said {name}. "[{a pet} needs fresh air too|I never go
  without {petname}]."
- "[When do we start|At what time]?" "At {hour} o'clock," said {name}. "[Not later|Do not
  oversleep]! And put on {wear}, for [it is {season}|you never know]."
- [On Saturday evening|Then, the evening before], {f} came back. "[The {obj} is not {seen}|I
  cannot find the {obj}]!" "[Have you looked {spot}|Last time you put it {spot}]?" asked {name}.
- "How do you know such things?" said {f} [a little later|soon afterwards]. "[It was there, and
  dust on it|There it was]. Now everything is packed."
- [On Sunday, {sky}|Sunday came, and {sky}]. "[Off we go!|Are we all here?]" said {o}, and
  {petname} {moved} in front.
= They came back [late at night|on Monday], without the {obj}, which {elder} had got as a present,
  and with [sore feet|many stories].

# the dream
- "I had a strange dream," said {name} [at breakfast|over the fence]. "[Do you want to hear it?|It
  was about you.]"
- "[Always|Go on]," said {f}, and [put down {f_p} cup|leaned back]. "[But not too long, I must go
  to work|I do not have to be {fwork} before {hour} o'clock]."
- "[Well|Listen], I was not {a job} any more," said {name}, "but {a ojob}. I {odid}, [day after
  day|and I was very good at it], and {petname} could talk."
- "Your {pet}?" asked {f}. "[And what did it say|What does {a pet} talk about]?" "[Only about
  {petfood}|It wanted {petfood}, politely]," said {name}. "And it wore {a obj}[ on its head|]."
- "[{a thing} on its head|That I should like to see]!" {f} laughed. "[Go on, go on|And where was
  I]?" "You came along [on a cow, quite slowly|in a boat on wheels, and waved|on a flying carpet],
  and you said {n12} times: look {spot}!"
- "[{n12} times|So often]? [I never say anything twice|That is not like me]," said {f}, who was
  {trait}. "[And did you|Did you look]?" "[I wanted to|I was just going to]," said {name}, "but
  then {petname} {sounded}, and I woke up."
- [Both were silent for a moment|They looked at each other]. "[You should look there now|One never
  knows with dreams]," said {f}. "[Dreams are often wiser than we are|It costs nothing]."
- So they looked {spot}. "[There is something|I do not believe it]!" cried {name}. "My {obj}! [I
  lost it {years} months ago|The very same as in the dream]."
- ?"[You see|Well, well]," said {f}. "[And who told you|Who was it that said it {n12} times]?"
  "You did," said {name}, "in the dream." "[Thank you|I owe you {food}]."
- [Outside, {sky}|{f} stood up]. "[Tonight I want to dream something too|Next time dream about
  {hobby}]," said {f}. "[Perhaps of a full purse|Then I win a prize]."
= {name} [tells this dream to everybody in {town}|wrote the dream down], and {petname} the {pet},
  who had really said nothing, got {petfood}.
"""
