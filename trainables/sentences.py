"""Pieces of the sentences that people read. A leaf."""


def in_a_line(text: str) -> str:
    r"""A text that may hold anything, such as a file's name or an error, without what would break a line or a terminal.

    >>> in_a_line("a\nb\x1b[2J.parquet")
    'a b [2J.parquet'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "trial"), counted(0, "further file"), counted(12_000, "row")
    ('1 trial', '0 further files', '12000 rows')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
