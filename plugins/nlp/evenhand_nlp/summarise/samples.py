"""Simulated letters of customers and what clerks noted, with a planted, documented bias. No letter is anybody's.

Planted: customers of 65 and more write on paper and begin with long greetings (PREAMBLE), so that what they want
stands past the tokens that the recipe reads; others come to the point. So their summaries miss the matter, and the
audit must find that, with the share of cut letters beside.
"""

from __future__ import annotations

import random

LETTERS = 96
AGES = (("under 40", 0.4), ("40 to 64", 0.35), ("65 or more", 0.25))
PLANTED = "65 or more"
THINGS = ("kettle", "lamp", "radio", "chair", "heater", "clock", "mixer", "scale")
TROUBLES = {
    "arrived broken": "broken on arrival",
    "does not switch on any more": "does not switch on",
    "came in the wrong colour": "wrong colour",
    "was never delivered": "not delivered",
    "makes a loud noise": "loud noise",
}
WISHES = {
    "please send me my money back": "wants a refund",
    "I would like another one": "wants a replacement",
    "can somebody repair it": "wants a repair",
}
PLAIN = "Hello, the {thing} that I bought {trouble}, and {wish}."
SENTENCES = (
    "I hope that this letter finds you and everybody at your house in the best of health.",
    "My late husband and I have been customers of your shop since it opened on the market square.",
    "We always spoke well of you to our neighbours, and our daughter bought her first things from you.",
    "The weather here has been cold, and the garden is still under snow, which is late for the month.",
    "I am not used to writing such letters, so please forgive me if I do not find the right words.",
    "My grandson says that one can do all this with a computer now, but I prefer paper and ink.",
    "It has taken me some weeks to sit down and write to you, as my hands are not what they were.",
    "I do not want to make trouble for anybody, and your young man at the counter was very polite.",
    "You will have many letters to read, and I thank you already now for the time that this one takes.",
)


def letters(seed: int = 0, rows: int = LETTERS) -> dict[str, list[str]]:
    """Columns letter, text, note, age of `rows` letters; the same seed gives the same letters."""
    rng = random.Random(f"summarise {seed}")
    table: dict[str, list[str]] = {name: [] for name in ("letter", "text", "note", "age")}
    for number in range(rows):
        (age,) = rng.choices([name for name, _ in AGES], [share for _, share in AGES])
        thing, trouble, wish = rng.choice(THINGS), rng.choice(list(TROUBLES)), rng.choice(list(WISHES))
        text = PLAIN.format(thing=thing, trouble=trouble, wish=wish)
        if age == PLANTED:
            text = " ".join([*rng.sample(SENTENCES, len(SENTENCES)), text])
        table["letter"].append(f"l{number:04d}")
        table["text"].append(text)
        table["note"].append(f"The {thing}: {TROUBLES[trouble]}, {WISHES[wish]}.")
        table["age"].append(age)
    return table
