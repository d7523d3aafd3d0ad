"""Fixtures of the fault tests: commands that can be killed, and what they give when nobody does."""

import subprocess
from functools import cache

import pytest
from faults_processes import Template
from faults_runs import SEED, Small


def pytest_report_header():
    """Said at the start, so that a failure can be repeated."""
    return f"fault tests: FAULTS_SEED={SEED}"


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Starts commands."""
    made = Template(tmp_path_factory.mktemp("commands"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def private(tmp_path_factory):
    """The same, where file systems can be mounted that nobody else sees."""
    prefix = ("unshare", "-rm")
    try:
        subprocess.run([*prefix, "sh", "-c", "mount -t tmpfs none /mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a private mount namespace, which this machine does not permit ({error})")
    made = Template(tmp_path_factory.mktemp("private"), prefix)
    yield made
    made.close()


@pytest.fixture(scope="session")
def small(tiny_data):
    """The command of a run on three molecules."""
    return Small(tiny_data)


@pytest.fixture(scope="session")
def undisturbed(template, small, tmp_path_factory):
    """Potential and options -> metrics of a run that nobody disturbed."""

    @cache
    def metrics(potential: str, *options: str, **environment: str):
        out = tmp_path_factory.mktemp("undisturbed") / "run"
        ended = template.run(*small.command(potential, out, "--workers", 1, *options), environment=environment)
        assert ended.code == 0, ended
        return small.metrics(out)

    return metrics
