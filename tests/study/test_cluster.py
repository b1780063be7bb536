"""Where a sweep runs: addresses, places, and the GPU share of a trial's process."""

import signal
import sys

import pytest

from study.cluster import connection
from study.resources import Resources
from trainables.records import files
from trainables.settings import InputError


@pytest.mark.parametrize("address", ["local", "auto", "10.0.0.1:6379", "head:6379"])
def test_addresses(address):
    assert Resources(address).address == address


@pytest.mark.parametrize("address", ["", "head", "head:", "head:99999", "ray://head:10001", "a b:1", "$(reboot):1x"])
def test_other_addresses_are_refused(address):
    with pytest.raises(InputError, match="it must be local, auto, or HOST:PORT"):
        Resources(address)


def test_an_address_where_nothing_listens_is_refused_at_once(tmp_path, tiny):
    from study import sweep
    from tests.ray_nodes import free_port

    with pytest.raises(InputError, match="cannot be reached"):
        sweep.launch("tiny", [tiny], str(tmp_path), Resources(f"127.0.0.1:{free_port()}"))


def test_a_node_that_sees_another_folder_is_found(tmp_path):
    files.write_snapshot(str(tmp_path / "here"), files.PROBES, "sweep", b"")
    files.check_seen(str(tmp_path / "here"), "sweep")
    with pytest.raises(InputError, match="is here not the folder that the sweep started in"):
        files.check_seen(str(tmp_path / "there"), "sweep")


def test_sigterm_while_ray_starts_interrupts_as_ctrl_c_does(monkeypatch):
    import ray

    def init(**_) -> None:
        ray._private.utils.set_sigterm_handler(lambda signum, frame: sys.exit(signum))
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ray, "init", init)
    try:
        with pytest.raises(KeyboardInterrupt), connection(Resources()):
            pass
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("ctrl_c", [signal.SIG_IGN, signal.default_int_handler])
def test_sigterm_stops_a_sweep_in_the_background_too(monkeypatch, ctrl_c):
    """There shells have Ctrl-C ignored; the sweep could be ended by SIGKILL alone."""
    import ray

    from study import cluster

    monkeypatch.setattr(cluster, "_connect", lambda *_: None)
    monkeypatch.setattr(cluster, "_check_resources", lambda *_: None)
    monkeypatch.setattr(ray, "cluster_resources", dict)
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        with pytest.raises(KeyboardInterrupt), connection(Resources()):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) is ctrl_c
    finally:
        signal.signal(signal.SIGINT, before)
