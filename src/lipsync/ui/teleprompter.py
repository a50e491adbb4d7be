"""What a person reads aloud into the camera: each of the 15 visemes of English many times over."""

TEXT = (
    "Good morning. I am looking into the camera, and I am speaking as I speak to a friend.",
    "Early today, five people walked down the quiet road from the river to the market.",
    "The baker sold fresh bread, both white and brown, and a very good chocolate cake.",
    "She put seven lemons, nine cherries, one melon, and a pound of plums on the table.",
    "How much is this cheese? It is usually cheaper, but thirty thousand fish were late, he said.",
    "My father’s blue boat ran over the moon, or so the children from the zoo would have us think.",
    "You may laugh. Who wouldn’t? We did, and then all of us went home through the garden.",
    "Look at the path on the right: it goes up, past the open shop, with its orange and red lines.",
    "Prices rise and fall; few of them are fair. Oh well, we have coffee, a warm breeze, and the "
    "sun.",
    "Boys enjoy noise. Girls heard the first bird. They both measure pleasure in long, long hours.",
    "Maybe pop music bumps; perhaps my mum hums. Five wives have vivid views of every leaf.",
    "Thank you for this. Start again from the top, and speak a little faster, or slower, as you "
    "like.",
)

ADVICE = (
    "2 to 4 minutes; longer than 4 gains little.",
    "One face, from the front, that fills a third of the height or more. Nobody else in sight.",
    "Lips closed for two seconds at the beginning and at the end.",
    "Light from the front, steady; no window behind you.",
    "A quiet room, the microphone near. No music.",
    "Hands away from the mouth. Small movements of the head are good; do not turn aside.",
)
