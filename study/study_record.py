"""The study that a results folder belongs to, so that two different ones are not mixed under one name."""

import json

from study.space import Study
from trainables import records
from trainables.config import InputError, configuration_key

FILE = "study.json"


def claim(results: str, study: Study) -> None:
    """Record the study in its results folder, or hold it to the one that is recorded there.

    A study is its name and its configurations as defined; seeds and overridden fields are not held to, so that
    a study can be extended: every row and every table says its whole configuration.

    Raises:
        InputError: if the folder belongs to another study, or to another definition of this one.
    """
    store, root = records.filesystem(results)
    mine = {"study": study.name, "configurations": sorted(map(configuration_key, study.configurations))}
    theirs = _read(results)
    if theirs is None:
        records.write_bytes(store, f"{root}/{FILE}", json.dumps(mine, indent=1).encode())
        return
    if theirs["study"] != study.name:
        raise InputError(
            f"results {results!r} holds the study {theirs['study']!r}; for the study {study.name!r} it must be another "
            f"folder."
        )
    if theirs["configurations"] != mine["configurations"]:
        there, both = len(theirs["configurations"]), len({*theirs["configurations"]} & {*mine["configurations"]})
        raise InputError(
            f"results {results!r} holds another definition of the study {study.name!r} ({there} "
            f"configurations, {both} of them among the {len(mine['configurations'])} of this program); it must be "
            f"another folder."
        )


def _read(results: str) -> dict | None:
    store, root = records.filesystem(results)
    try:
        with store.open_input_stream(f"{root}/{FILE}") as stream:
            found = json.loads(stream.read())
        return {"study": str(found["study"]), "configurations": list(found["configurations"])}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"results {results!r} holds a damaged {FILE} ({error}); it must be the file that a sweep wrote: delete it "
            f"to claim the folder anew."
        ) from error
