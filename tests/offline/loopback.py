"""No connection but to this machine: what is asked of the network at run time fails at once."""

import ipaddress
import os
import socket
from pathlib import Path

# Python imports the `sitecustomize` of this folder wherever it stands on the path.
FOLDER = str(Path(__file__).resolve().parent)


class OfflineError(ConnectionRefusedError):
    """A connection to another machine, or a look-up of its name."""


def check(host: object) -> None:
    """Raise ``OfflineError`` unless a host is this machine: a loopback address or its name."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        here = ipaddress.ip_address(str(name).split("%")[0])
        if here.is_loopback or here.is_unspecified:
            return
    except ValueError:  # a name
        pass
    raise OfflineError(f"tests and lectures connect to this machine only; asked for {name!r}")


def block() -> None:
    """From now on this process connects to this machine only; twice is once."""
    if hasattr(socket.socket, "offline"):
        return
    socket.socket.offline = True
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *others, **options):
        check(host)
        return look_up(host, *others, **options)

    socket.getaddrinfo = getaddrinfo


def python_path(*folders: object) -> str:
    """The ``PYTHONPATH`` of a process that is offline and finds modules in these folders first."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(
        [FOLDER, *map(str, folders), *(x for x in given if x not in ("", FOLDER))]
    )


def _guarded(method):
    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        return method(self, address)

    return guarded
