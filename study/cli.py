"""The command line: `mine-study trial`, `sweep`, `status`, `table`, `curves`, `report`, `compact`, `validate`.

Flags come straight from the configuration's dataclasses. `study.commands` has the commands; `table` works without torch
and ray.
"""

from study import interrupts  # before all others, so that Ctrl-C finds it there

with interrupts.OneLine("interrupted.", begun=False):
    import importlib.metadata
    import os
    import sys
    from collections.abc import Sequence
    from typing import Annotated, Any, Union

    import tyro

    from study.commands import names, results
    from study.commands import sweep as sweeping
    from study.commands.trial import trial, validate
    from trainables import places
    from trainables.settings import InputError

_RESUMES = "; what is finished is kept, and the same command resumes"
_INTERRUPTED = {
    "trial": _RESUMES,
    "sweep": _RESUMES,
    "status": "; nothing was changed",
    "table": "; the results are as they were",
    "curves": "; the results are as they were, and the same command draws the picture",
    "report": "; the results are as they were, and the same command writes the whole report",
    "compact": "; no row is lost, and the same command does the rest",
    "validate": "; nothing is kept",
}
"""What Ctrl-C leaves behind, by command."""

_ALL = (trial, sweeping.sweep, results.status, results.table, results.curves, results.report, results.compact, validate)

_COMMANDS = {command.__name__: command for command in _ALL}

_DESCRIPTION = """Measure how far a neural estimate of mutual information (MINE) can be trusted.

Examples:
  mine-study sweep demo            # a small study, minutes
  mine-study table results/demo    # can it be trusted?
  mine-study report results/demo --out report"""


def _described(name: str, chosen: Sequence[str]) -> Any:
    """A command for the parser: of all that were not chosen the help has the first paragraph alone."""
    first = (_COMMANDS[name].__doc__ or "").split("\n\n")[0]
    description = None if name in chosen else first
    return Annotated[Any, tyro.conf.subcommand(name, constructor=_COMMANDS[name], description=description)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 a trial failed or is missing, 2 bad input, 130 interrupted."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed; without it, print would write what is meant for one to the other
            setattr(sys, name, open(os.devnull, "w"))
    # Rows are flushed as they are printed, also into a pipe or a file; names of files may be any text.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with interrupts.OneLine(f"interrupted{_INTERRUPTED.get(arguments[0] if arguments else '', '')}."):
        try:
            if arguments[:1] == ["--version"]:
                print(f"mine-study {importlib.metadata.version('mine-study')}")
                sys.exit(0)
            arguments = names.resolved(arguments, _COMMANDS)
            if arguments[:1] == ["table"]:
                results.name_tables()
            if arguments[:1] == ["sweep"]:
                arguments = sweeping.shape_help(arguments)
            described = tuple(_described(name, arguments[:1]) for name in _COMMANDS)
            commands: Any = Union[described]  # noqa: UP007  # of a tuple
            code = tyro.cli(commands, prog="mine-study", description=_DESCRIPTION, args=arguments)
        except InputError as error:
            print(f"mine-study: {error}", file=sys.stderr)
            code = 2
        except BrokenPipeError:
            # The reader (such as head) has seen enough; leave nothing for the interpreter to flush at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 1
        except OSError as error:  # a full disk, a file in the way: what the system says names it
            print(f"mine-study: {places.said(error)}; run the same command again when that is mended.", file=sys.stderr)
            code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
