"""The error of everything that people give and cannot be used."""


class InputError(Exception):
    """Input that cannot be used: one sentence that names the field, the value and what is allowed."""


def require(satisfied: bool, path: str, value: object, allowed: str) -> None:
    """Raise an InputError unless satisfied."""
    if not satisfied:
        raise InputError(f"{path} is {value!r}; it must be {allowed}.")
