"""What runs in the tests, and the processes that they start, reach this machine and no other."""

import re
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

REFUSED = "tests and lectures connect to this machine only; asked for"
# Addresses and a name that are kept for documentation: nothing answers there.
ASKS = """
import socket, urllib.request
for ask in (lambda: socket.create_connection(("192.0.2.1", 80), 1),
            lambda: urllib.request.urlopen("http://example.org")):
    try:
        ask()
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", b"example.org"])
def test_another_machine_is_refused_in_words(host):
    with pytest.raises(ConnectionRefusedError, match=REFUSED):
        socket.create_connection((host, 80), 1)
    with socket.socket() as plain, pytest.raises(ConnectionRefusedError, match=REFUSED):
        plain.connect(("192.0.2.1", 80))


def test_a_library_that_asks_is_refused():
    with pytest.raises(OSError, match=REFUSED):
        urllib.request.urlopen("http://example.org")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=lambda: server.accept()[0].sendall(b"here"))
        answer.start()
        with socket.create_connection((host, server.getsockname()[1]), 5) as client:
            assert client.recv(4) == b"here"
        answer.join()


def test_a_pair_of_unix_sockets_is_reached():
    first, second = socket.socketpair()
    with first, second:
        first.sendall(b"x")
        assert second.recv(1) == b"x"


def test_every_path_of_a_process_that_a_test_starts_keeps_the_block():
    """Who sets ``PYTHONPATH`` anew would take it away."""
    tests = Path(__file__).parent
    sets = re.compile(r"""setenv\(\s*["']PYTHONPATH|["']PYTHONPATH["'](?:\s*:|\] *=)""")
    lines = [
        f"{file.name}: {line.strip()}"
        for file in sorted(tests.glob("*.py"))
        for line in file.read_text("utf-8").splitlines()
        if sets.search(line) and "loopback." not in line
    ]
    assert lines == []


def test_a_process_that_a_test_starts_is_offline_too():
    """As kernels are, which inherit the environment in the same way."""
    done = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True)
    assert done.stdout.count(REFUSED) == 2
