"""Pieces of the sentences that people read. A leaf."""


def in_a_line(text: str) -> str:
    """A text that may hold anything (a file's name, an error) without what would break a line or a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def counted(number: int, noun: str) -> str:
    """A number of things: 1 trial, 0 trials."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
