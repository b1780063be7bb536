"""Ctrl-C ends a command with one line and exit code 130, also while packages are imported. A leaf."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

CODE = 130
"""Exit code of a command that was interrupted."""


@contextlib.contextmanager
def one_line(said: str) -> Iterator[None]:
    """Within, Ctrl-C prints `said` and exits, whatever it broke.

    A package whose import is interrupted may raise another error in place of KeyboardInterrupt, or do without what it
    imports: so whatever follows Ctrl-C counts as its consequence, an error or none. Where Ctrl-C is ignored or handled
    by others, it stays so.

    Raises:
        SystemExit: with code 130.
    """
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.default_int_handler(number, frame)

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, press)
    try:
        yield
    except BaseException as error:
        pressed |= isinstance(error, KeyboardInterrupt)
        if not pressed:
            raise
    finally:
        if ours:  # after a first Ctrl-C a second one ends it at once, without a traceback
            signal.signal(signal.SIGINT, signal.SIG_DFL if pressed else signal.default_int_handler)
    if pressed:
        print(f"mine-study: {said}", file=sys.stderr)
        sys.exit(CODE)
