"""Ctrl-C ends a command with one line and exit code 130, also while packages are imported. A leaf."""

import os
import signal
import sys
from types import FrameType, TracebackType

CODE = 130
"""Exit code of a command that was interrupted."""


class OneLine:
    """Within, Ctrl-C prints what is said and ends the program, whatever it broke.

    A package whose import is interrupted may raise another error in place of KeyboardInterrupt, or do without what it
    imports: so whatever follows Ctrl-C counts as its consequence, an error or none. Where Ctrl-C is ignored or handled
    by others, it stays so.

    Args:
        said: the line.
        begun: whether there may be something to clean up; otherwise the program ends at once.
    """

    def __init__(self, said: str, begun: bool = True) -> None:
        self._said, self._begun, self._pressed = said, begun, False

    def __enter__(self) -> None:
        self._ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._hook = sys.unraisablehook
        if self._ours:
            signal.signal(signal.SIGINT, self._press)

    def _press(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True
        sys.unraisablehook = lambda _: None  # where it is raised while an object is deleted, Python would print it
        signal.default_int_handler(number, frame)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        sys.unraisablehook = self._hook
        pressed = self._pressed or isinstance(error, KeyboardInterrupt)
        if self._ours:  # after a first Ctrl-C a second one ends it at once, without a traceback
            signal.signal(signal.SIGINT, signal.SIG_DFL if pressed else signal.default_int_handler)
        if not pressed:
            return
        print(f"mine-study: {self._said}", file=sys.stderr, flush=True)
        if not self._begun:
            os._exit(CODE)
        raise SystemExit(CODE) from None
