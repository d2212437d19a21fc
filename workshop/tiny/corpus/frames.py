"""What stands before and after a plot: introductions, bridges, farewells, questions.

The notation is that of `template`. A frame is only used where the facts that it recalls have
been told; `kinds` sees to that.
"""

from __future__ import annotations

OPENING = "Hello, my name is {name}."
OPENINGS: tuple[str, ...] = (
    "Hello, my name is {name}. I am {a job}.",
    "Hello, my name is {name}. I am {a job} and I live in {town}.",
    "Hello, my name is {name} and I am {a job}.",
    "Hello, my name is {name}. I am {age_adult} years old and [I work as {a job}|{a job} by"
    " trade].",
    "Hello, my name is {name}, and I come from {town}. I am {a job}.",
    "Hello, my name is {name}. [You do not know me yet, but|As you can perhaps see,] I am {a job}.",
    "Hi, I am {name}. [I work as {a job}|I am {a job} in {town}|By trade I am {a job}].",
    "Hi, my name is {name}[, and I am {a job}|. I work {work}, for I am {a job}].",
    "Good [morning|evening|day], my name is {name}. I am {a job}[| by trade| from {town}].",
    "Good [morning|evening|day], I am {name}, {a job}[ from {town}|].",
    "My name is {name}[, and I am {a job}|. I am {a job}][| in {town}| by trade].",
    "My name is {name}. In {town} everybody knows me as the {job}.",
)

TOWN_FACT = (
    "I live in {town}, {a size} {land}. | My home is {town}, {a size} {land}. | {town}, where"
    " I live, is {a size} {land}. | I [was born|grew up|have always lived] in {town}, {a size}"
    " {land}. | My house is in {town}, {land}."
)
FRIEND_FACT = (
    "My best friend is {f}, {a fjob}. {f_S} is {trait}[, and likes {hobby2}|]. | {f}, {a"
    " fjob}, is my best friend, because {f_s} is {trait}[ and never in a hurry|]. | I have a"
    " friend called {f}, who is {a fjob} and very {trait}. | Next door lives my friend {f}, {a"
    " fjob}, a very {trait} person. | My friend {f} works {fwork}. {f_S} is {trait}, and we"
    " often [eat|talk|laugh] together. | I have known {f}, the {fjob}, since we were children."
    " {f_S} is {trait}."
)
PET_FACT = (
    "I have {a pet} called {petname}. [It sleeps {bed}|It likes {petfood} best|It is {age}"
    " years old]. | With me lives {petname}, {a pet} [that loves {petfood}|of {age} years]. |"
    " My {pet} is called {petname} and [sleeps {bed}|eats {petfood}]. | I am never alone, for"
    " I have {petname}, my {pet}.[ It sleeps {bed}.|]"
)
FACTS: tuple[str, ...] = (
    "I have worked {work} for {years} years[, and I like it| now]. | I {do}, and I like it"
    " [most of all in {season}|more every year]. | Every day I {do}. For that I need {a tool}"
    " and {a tool2}. | It is good work: I {do}, and people thank me for my {wares}.",
    "I live in {home}[, and I would not move for anything|]. | My home is small: {home}. |"
    " Since last {season} I have lived in {home}.",
    "It is {season} now: {sign_now}. | Now, in {season}, {sign_now}. | I like {season} best,"
    " when {sign_now}.",
    "In my free time I like {hobby} and {hobby2}. | I love {hobby}, and my favourite food is"
    " {food2}. | If I am not at work, you will find me {hobby}. | I am not good at {hobby},"
    " but I like it.",
    "My {kin} {elder} [taught me much|lives in {dest}|was {a elderjob}]. | I learned a lot"
    " from {elder}, my {kin}. | {elder}, my {kin}, says that I am too {trait2}.",
)
BRIDGES: tuple[str, ...] = (
    "[Now|Today] I will tell you a story. | Let me tell you what happened [last {season}|one"
    " day]. | I want to tell you what happened to me [once|last {season}|not long ago]. |"
    " Here is a story that I [like to tell|have never told before|shall not forget]. | [It"
    " is|This is] a small story, but a true one.",
    "This is the story of the {obj}. | I must tell you about {a obj}. | Shall I tell you"
    " about {a obj}? [Listen|It was like this]. | You may wonder why I keep {a obj}. I will"
    " tell you.",
    "Let me tell you about {petname} and {a obj}. | What {petname} did once, I will never"
    " forget. | If I were to choose one story, it would be about {petname}.",
    "Listen to what {f} and I once did. | {f} likes to hear this story, so I tell it again. |"
    " {f} says that I should write this down.",
)
GOODBYES: tuple[str, ...] = (
    "[That is my story|So that was my story]. If you ever come to {town}, ask for {name} the"
    " {job}.",
    "I am still {a job} in {town}, and {petname} still [sleeps {bed}|gets {petfood} every day].",
    "Greetings from {name} the {job}[, and from {petname}| in {town}]!",
    "[Now|So now] you know who {name} from {town} is, and why {f} is my best friend.",
    "When people ask you about {name} the {job}, tell them about the {obj} and about {f}.",
    "And whenever I see {a thing}, I think of {f} and of that day in {season}.",
    "[This was|That was] the story of {name}, {f} and {petname} the {pet}. [Good night|Sleep"
    " well]!",
    "So if you meet {a pet} in {town}, say hello: it may be {petname}. And say hello from {name}.",
    "[Tomorrow|On Monday] I must go to work again, for I am {a job}. Goodbye, says {name}.",
    "{f}, who is still {a fjob}, says that I should stop now. So goodbye from {name} and"
    " {petname}.",
)
NAME_AGAIN: tuple[str, ...] = (
    "[Goodbye|Farewell|Until next time], says {name} from {town}.",
    "[And my name|My name], do not forget it, is {name}.",
    "That is all that {name} the {job} has to tell.",
)

THIRD_OPENINGS: tuple[str, ...] = (
    "Once upon a time there was {a job} called {name}, who lived in {town}, {a size} {land}.",
    "Once there was {a job} in {town} whose name was {name}. {S} {did}.",
    "In {town}, {a size} {land}, there lived {a job} called {name}.",
    "{name} was {a job} from {town}. [Every day {s} {did}|{S} had worked {work} for {years}"
    " years].",
    "Everybody in {town} knew {name}, the {job}[, who {did}|]. {S} lived in {home}.",
    "One [bright|quiet|windy] morning, {name} the {job} looked out of the window and saw that"
    " {sign}.",
    "This is the story of {name}, {a job}, and {f}, {a fjob}, who both lived in {town}.",
    "Far away, in {town}, {a size} {land}, {name} worked as {a job}.",
    "Have you heard of {name}, the {job} of {town}? {S} {did} and lived in {home}.",
    "When {sign}, {name} the {job} was always glad. {S} lived in {town}, {a size} {land}.",
    "Long ago, {town} was {a size} {land}, and the {job} there was called {name}.",
)
THIRD_FRIEND = (
    "{My} best friend was {f}, {a fjob}, who was {trait}[ and liked {hobby2}|]. | Next door"
    " lived {f}, {a fjob}, a very {trait} person. | {S} had known {f}, the {fjob}, for {years}"
    " years. | The best friend of {name} was {f}, {a fjob}. Everybody said that {f} was"
    " {trait}."
)
THIRD_PET = (
    "{S} had {a pet} called {petname}, which [slept {bed}|loved {petfood}|was {age} years"
    " old]. | {name} was never alone, for there was {petname}, {a pet} that [slept {bed}|loved"
    " {petfood}]. | {petname}, {my} {pet}, slept {bed}."
)
THIRD_FACTS: tuple[str, ...] = (
    "At work {s} needed {a tool} and {a tool2}[, and took good care of both|]. | People"
    " thanked {me} for {my} {wares}.",
    "{S} liked {season} best, when {sign}. | It was {season}: {sign}.",
    "In {my} free time {s} liked {hobby}, and {my} favourite food was {food2}. | {S} was fond"
    " of {hobby} and of {food2}.",
    "{My} {kin} {elder} had been {a elderjob} and lived in {dest}. | {elder}, {my} {kin},"
    " often came to see {me}.",
)
THIRD_ENDS: tuple[str, ...] = (
    "And if {name} has not moved away, {s} still lives in {town} with {petname} the {pet}.",
    "{name} is still {a job}, {f} is still {trait}, and {petname} still wants {petfood}.",
    "From then on, people in {town} called {name} the {job} with the {pet}.",
    "That evening, {name} [fell asleep|went to bed] with a smile, and {petname} slept {bed}.",
    "So ends the story of {name} the {job}, {f} the {fjob} and {petname} the {pet}.",
    "Ask for the {obj} when you come to {town}: everybody knows the story.",
    "And when people in {town} speak of {name} and {f}, they always speak of {petname} too.",
    "{name} told the story often, and each time the {thing} grew a little bigger.",
)

LETTER_STARTS: tuple[str, ...] = (
    "Thank you for your letter[, which came on Monday|]. [I read it twice|It made me laugh]."
    " How is {dest}? Here in {town}, {sign_now}.",
    "How are you? I hope that you are well[ and that your cough is gone|]. I am still {a job}"
    " here in {town}, and {sign_now}.",
    "[At last I find time to write to you|It is late, but I want to write to you]. It is"
    " {season} in {town}, and {sign_now}.",
    "I have not written for {n1} weeks, [forgive me|and I am sorry]. There is much to do"
    " {work}. But now there is news from {town}.",
    "You asked me how I am. I am well: I {do}, I eat {food2}, and in the evening I like {hobby}.",
)
LETTER_FRIEND = (
    "You remember {f}, the {fjob}, don't you? {f_S} is as {trait} as ever. | Do you still know"
    " {f}? {f_S} is {a fjob} now, and still very {trait}. | My friend {f}, the {trait} {fjob},"
    " sends you greetings."
)
LETTER_PET = (
    "{petname}, my {pet}, [is well|is {age} years old now] and [sleeps {bed}|eats {petfood}]."
    " | I have {a pet} now! It is called {petname} and sleeps {bed}."
)
LETTER_BRIDGES = (
    "But I want to tell you what happened. | Now listen to this. | You will not believe what"
    " happened. | Let me tell you the newest story."
)
LETTER_ENDS: tuple[str, ...] = (
    "Please write soon and tell me about {dest}. [Is it {season} there too|Do you still {odo}]?",
    "Come and see us in {town}; {petname} and I will be at the station at {hour} o'clock.",
    "I must close now, because {petname} wants {petfood}. Write soon!",
    "Do you still like {hobby2}? Tell me in your next letter[, and do not wait {n2} weeks|].",
)
LETTER_SIGNS: tuple[str, ...] = (
    "Your friend, {name}", "With love, {name}", "Yours, {name} the {job}",
    "Many greetings from {town}, {name}", "Your old friend {name}",
)  # fmt: skip
LETTER_AFTER: tuple[str, ...] = (
    "P.S. {f} sends {f_p} love, and {petname} too.",
    "P.S. The {obj} lies beside me while I write.",
    "P.S. If you find spelling mistakes, {petname} sat on the paper.",
    "P.S. I enclose {n2} stamps, so that you have no excuse!",
)

QUESTIONS: tuple[tuple[str, str], ...] = (
    ("Where was the {thing} in the end?", "It was {spot}."),
    ("What was the {pet} called?", "{its_name} {petname}."),
    ("What was {name}'s work?", "{S} was {a job}."),
    ("Where did {name} live?", "In {town}."),
    ("Who was {f}?", "{f} was {a fjob}[ and a friend of {name}|]."),
    ("Who was {trait}?", "That was {f}[, the {fjob}|]."),
    ("What kind of animal was {petname}?", "{petname} was {a pet}."),
    ("In which season did it happen?", "In {season}."),
    ("What was the name of the {job}?", "{My} name was {name}."),
    ("What did {petname} get to eat?", "[It got|It was given] {petfood}."),
    ("Who was {elder}?", "The {kin} of {name}."),
    ("What did {name} wear?", "{S} wore {wear}."),
    ("Where did {petname} sleep?", "{petname} slept {bed}."),
    ("What did the {thing} look like?", "It was {a obj}."),
    ("What did they eat?", "There was {food}."),
)

ASIDES: tuple[str, ...] = (
    "({petname} {moved} up and down, as {a pet} does when nobody has time for it.)",
    "(It was {season}, and {sign}.)",
    "({f} told it differently later, but it was like this.)",
    "(All this time {h} had not thought of work once.)",
    "(Somewhere a clock struck {hour}, but nobody counted.)",
    "(People in {town} still talk about it.)",
    "(And {f}, as everybody knew, was {trait}.)",
    "(That day {h} wore {wear}, as one does in {season}.)",
    "(The {pet}, of course, thought only of {petfood}.)",
    "(That had not happened in {town} for {years} years.)",
)
