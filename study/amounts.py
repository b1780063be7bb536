"""Numbers and times as people write them."""


def number(value: float) -> str:
    """Two significant digits, and no exponent.

    >>> [number(value) for value in (0.0342, 1.26, 12.6, 847.3, 12_345.0, 0)]
    ['0.034', '1.3', '13', '850', '12,000', '0']
    """
    if not value:
        return "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.10f}".rstrip("0").rstrip(".")


def duration(seconds: float) -> str:
    """A time in the unit that fits it; days as well where there are many hours.

    >>> [duration(value) for value in (0.2, 12, 60, 5400, 36_000, 3_060_000)]
    ['1 second', '12 seconds', '1 minute', '1.5 hours', '10 hours', '850 hours (35 days)']
    """
    if seconds < 60:
        return _in_units(max(1, round(seconds)), "second")
    if seconds < 3600:
        return _in_units(seconds / 60, "minute")
    days = f" ({_in_units(seconds / 86_400, 'day')})" if seconds >= 2 * 86_400 else ""
    return f"{_in_units(seconds / 3600, 'hour')}{days}"


def _in_units(value: float, unit: str) -> str:
    text = number(value)
    return f"{text} {unit}{'' if text == '1' else 's'}"
