"""Signals while a worker process is started: they are put off, whichever thread the system gives them to."""

import os
import signal
import threading
import time

import pytest

from compcalc.commands.stopping import Stopped, Stopper
from compcalc.execution.worker import signals_held


@pytest.fixture(autouse=True)
def handlers():
    """Are as in a terminal, and put back: a stopper that was asked to end leaves its signals ignored."""
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture
def another_thread():
    """That takes the signals which the main thread has blocked, as one that draws a progress bar would."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_handler_runs_while_a_worker_is_started(which, another_thread):
    went_on = False
    with Stopper() as stopper:
        with pytest.raises(Stopped), signals_held():
            for _ in range(3):
                os.kill(os.getpid(), which)
                time.sleep(0.02)
            went_on = True
        assert stopper.by is which
    assert went_on


def test_signals_held_leaves_handlers_and_mask_as_they_were(another_thread):
    handlers, mask = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with signals_held():
        pass
    assert signal.getsignal(signal.SIGINT) is handlers
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask


def test_signals_are_held_in_a_thread_too():
    ended = []

    def hold():
        with signals_held():
            ended.append(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert ended == [True]
