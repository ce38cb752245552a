"""Services of a home are kept running and end with it, whatever is killed."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from threading import Barrier, BrokenBarrierError

import psutil
import pytest

from headrace_launcher.errors import ServiceFailed
from headrace_launcher.services import processes, stack
from headrace_launcher.services.ports import is_free
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import Phase, StackState, Status
from tests.launcher.tiny_stack import TinyStack, until

pytestmark = pytest.mark.timeout(120)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or not processes.is_alive(psutil.Process(pid))


def test_up_returns_when_all_services_answer(tiny: TinyStack):
    state = tiny.up("web", "once", "second")
    assert state.is_ready
    assert [service.status for service in state.services] == [
        Status.READY,
        Status.DONE,
        Status.READY,
    ]
    assert not is_free(state.ports["airflow"])
    assert len({told.services for told in tiny.told}) > 1  # progress was told on the way


def test_service_starts_after_those_it_needs_when_they_are_done(tiny: TinyStack):
    tiny.up("second", "once")
    assert (tiny.settings.home / "second.ready").read_text() == "True"


def test_up_changes_nothing_when_all_is_up(tiny: TinyStack):
    before = tiny.up("web")
    after = tiny.up("web")
    assert after == before


def test_one_supervisor_runs_and_both_know_it_when_two_start_at_once(
    tiny: TinyStack, monkeypatch: pytest.MonkeyPatch
):
    both, look, down, downs = Barrier(2), stack.running, stack.bring_down, count()

    def looked(settings: Settings) -> StackState | None:
        found = look(settings)
        with suppress(BrokenBarrierError):  # the second one looks after the first, or not at all
            both.wait(2)
        return found

    def brought_down(settings: Settings) -> int:
        if next(downs):  # the second one is late
            until(lambda: (state := look(settings)) and state.is_ready, "the first is up")
        return down(settings)

    monkeypatch.setattr(stack, "running", looked)
    monkeypatch.setattr(stack, "bring_down", brought_down)
    with ThreadPoolExecutor(2) as pool:
        found = [one.result() for one in [pool.submit(tiny.up, "web") for _ in range(2)]]
    assert all(one.is_ready for one in found)
    assert {one.supervisor_pid for one in found} == {tiny.state().supervisor_pid}
    monkeypatch.undo()


def test_service_is_started_again_on_its_port_when_killed(tiny: TinyStack):
    before = tiny.up("web")
    killed = tiny.pid("web")
    os.kill(killed, signal.SIGKILL)
    until(lambda: tiny.is_back("web"), "web is back")
    assert tiny.pid("web") != killed
    assert tiny.state().ports == before.ports
    assert tiny.service("web").problem == "was ended by signal 9"


def test_children_end_and_jobs_go_on_when_their_service_is_killed(tiny: TinyStack):
    tiny.up("tree")
    child, job = tiny.noted_pid("child.pid"), tiny.noted_pid("job.pid")
    os.kill(tiny.pid("tree"), signal.SIGKILL)
    until(lambda: tiny.is_back("tree"), "tree is back")
    assert is_gone(child)
    assert not is_gone(job)


def test_service_is_started_again_when_it_hangs(tiny: TinyStack):
    tiny.up("hanging")
    (tiny.settings.home / "hanging.ready").unlink()
    until(lambda: tiny.is_back("hanging"), "hanging is back")
    assert tiny.service("hanging").problem == "did not answer for 0 s"


def test_down_leaves_no_process_when_services_have_children_and_jobs(tiny: TinyStack):
    tiny.up("tree", "stubborn", "web")
    pids = [tiny.pid(name) for name in ("tree", "stubborn", "web")]
    pids += [tiny.noted_pid("child.pid"), tiny.noted_pid("job.pid"), tiny.state().supervisor_pid]
    assert tiny.down() == 0  # the supervisor left nothing over
    assert all(is_gone(pid) for pid in pids)
    assert processes.marked(tiny.settings.home) == []
    assert tiny.state().phase is Phase.STOPPED
    assert stack.running(tiny.settings) is None


def test_down_ends_everything_when_the_supervisor_was_killed(tiny: TinyStack):
    tiny.up("tree", "web")
    os.kill(tiny.state().supervisor_pid, signal.SIGKILL)
    until(lambda: stack.running(tiny.settings) is None, "the supervisor is gone")
    assert tiny.down() == 4  # tree, its child and its job, web
    assert processes.marked(tiny.settings.home) == []
    assert tiny.state().phase is Phase.STOPPED


def test_up_clears_away_and_starts_anew_when_the_supervisor_was_killed(tiny: TinyStack):
    tiny.up("tree", "web")
    left_over = [tiny.pid("tree"), tiny.pid("web"), tiny.noted_pid("job.pid")]
    os.kill(tiny.state().supervisor_pid, signal.SIGKILL)
    until(lambda: stack.running(tiny.settings) is None, "the supervisor is gone")
    assert tiny.up("tree", "web").is_ready
    assert all(is_gone(pid) for pid in left_over)


def test_log_stays_short_and_goes_on_when_a_service_writes_much(tiny: TinyStack):
    tiny.up("chatty")
    log = tiny.settings.logs / "chatty.log"
    before = log.with_suffix(".log.1")
    until(before.exists, "the log was cut")
    until(lambda: log.read_text(errors="replace").startswith("line "), "the log goes on")
    assert before.read_text(errors="replace").startswith("line ")
    assert "\0" not in log.read_text()


def test_up_names_service_and_end_of_its_log_when_it_cannot_start(tiny: TinyStack):
    with pytest.raises(ServiceFailed, match="no such thing as luck") as failed:
        tiny.up("web", "broken")
    assert failed.value.fields["service"] == "broken"
    assert "exit code 3, 3 times in a row" in failed.value.message
    assert processes.marked(tiny.settings.home) == []


def test_second_supervisor_leaves_the_home_alone_when_one_runs(tiny: TinyStack):
    before = tiny.up("web")
    second = stack._launch(tiny.settings, (*_supervisor_command(tiny), "web"))
    assert second.wait(30) == 0
    assert tiny.state() == before


def test_ports_are_kept_when_stopped_and_started(tiny: TinyStack):
    first = tiny.up("web").ports
    tiny.down()
    assert tiny.up("web").ports == first


def _supervisor_command(tiny: TinyStack) -> list[str]:
    return psutil.Process(tiny.state().supervisor_pid).cmdline()[:2]
