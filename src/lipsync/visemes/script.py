"""What the voices of the default corpus say: sentences put together from word lists, by seed."""

import re

import numpy as np


def _list(text: str) -> list[str]:
    return [item.replace("\n", " ") for item in re.split(r";\s", text.strip())]


PEOPLE = _list("""
the teacher; my father; a young judge; her mother; the old fisherman; five thin boys; the whole
village; George; nobody; a jolly woman; the shy author; our cheerful neighbour; the chef; a weary
soldier; both brothers; the vicar; a famous pianist; Shirley; the youth; every child; the mayor; a
ghost; the baby; you and I; Ruth; a foolish thief; the engineer""")
VERBS = _list("""
watched; should measure; chose; is bringing; forgot; will finish; threw away; gathered; could
hear; painted; pulled; asks for; enjoyed; has never found; moved; would buy; catches; whispered
about; usually breaks; loves; carried; thought of; saw through; pushed; voted against; baked;
remembers; washed; sang about; looked behind; gave away; needs""")
THINGS = _list("""
a bath of warm water; the yellow boat; three feathers; an orange coat; the usual treasure; a cup
of coffee; blue paper; the fire engine; a garden hose; the shopping bag; five oysters; the church
choir; a thousand stars; their new house; the boy's toys; sweet cherries; a rough beach; the power
of music; some vanilla pudding; a pair of shoes; the judge's badge; the cold river; my favourite
vegetable; a bunch of roses; the moon; an empty room; huge mushrooms; the theory; a bowl of
noodles; the queen's jewels; a piece of pie; good food; the thumb of a giant; a mouse; her purple
jumper; the loud thunder; a very wide road; the bishop's cushion; mashed potatoes; a wooden spoon;
the early bird; his poor leg; the broken vase; a quiet hour""")
PLACES = _list("""
by the north wall; near the shore; in the south; above the bridge; on Thursday morning; before
lunch; without a sound; over there; at the zoo; for an hour; behind the huge barn; under the oak;
all through July; with great pleasure; in Europe; down the avenue; last year; after the show;
beyond the mountain; outside the garage; for the first time; every month; on the roof; in broad
daylight; beside the cool pool; since yesterday; around noon""")
ASIDES = _list("""
Oh, really?; Yes, of course.; I doubt it.; Why not?; Who knows?; Hooray!; Come along now.; How
very odd!; That is what they say.; Perhaps.; We shall see.; Look out!; Go on, then.; Hush!; Thank
you so much.; Are you sure?; No, never.; What a joy!; Please wait.; Fair enough.""")


def passage(draw: np.random.Generator, sentences: int) -> str:
    """So many sentences, some followed by a short one."""
    said = []
    for _ in range(sentences):
        words = (draw.choice(PEOPLE), draw.choice(VERBS), draw.choice(THINGS))
        sentence = " ".join(words)
        if draw.random() < 0.7:
            sentence += " " + draw.choice(PLACES)
        said.append(sentence[0].upper() + sentence[1:] + ".")
        if draw.random() < 0.3:
            said.append(str(draw.choice(ASIDES)))
    return " ".join(said)
