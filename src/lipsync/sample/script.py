"""The words of the sample and the voice that says them."""

VOICE = "en-us+steph"  # a woman's voice without echo, so a closure is silent
WORDS_PER_MINUTE = 155

VIDEO_TEXT = (
    "Hello, and welcome aboard. My name does not matter, but my mouth does. "
    "Every morning, before we leave the harbor, we fill a bottle of water and pack five apples. "
    "Why would you wait for a taxi, when the bus is far cheaper? "
    "Bob and Martha happily bought a big yellow house above the river. "
    "She says that choosing good shoes is half of the journey. "
    "Now watch my lips, how they move, and open, and meet again."
)

SPEECH_TEXT = (
    "A small avatar can speak any words that you give it. "
    "Put some music on, pour a cup of coffee, and wait for the numbers. "
    "Perhaps a friend will answer."
)
