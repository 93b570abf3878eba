"""Expert parallelism: experts on several processes, and tokens that travel to them and back."""

import datetime
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor
from torch.multiprocessing.spawn import start_processes

from nlgnotes.networks.moe import expert_networks
from nlgnotes.validation import check_count, check_positive, is_int64

__all__ = ["ParallelRun", "expert_parallel", "token_exchange"]


class ParallelRun(NamedTuple):
    """What several processes made of one layer.

    Attributes:
        output: of all tokens, in their order.
        sent: rows that the process of a row of this table sent to that of a column; the diagonal
            holds those that stayed. As many came back.
        exchange_seconds: of each process, in both exchanges; the slowest one is waited for.
        expert_seconds: of each process, in its experts.
    """

    output: Float[Tensor, "tokens width"]
    sent: Int[Tensor, "processes processes"]
    exchange_seconds: list[float]
    expert_seconds: list[float]


def token_exchange(
    chosen: Int[Tensor, "tokens k"], experts: int, processes: int
) -> Int[Tensor, "processes processes"]:
    """How many rows must travel from each process to each other one, by the routing alone.

    Process *p* of *P* holds the tokens from :math:`pT/P` on and the experts from :math:`pN/P` on.
    A token travels once for each of its experts. Taught in: book/fine-grained-experts.ipynb.

    Args:
        chosen: the experts of each token.
        experts, processes: *N* and *P*; P divides the number of tokens, and N.

    Raises:
        ValueError: a number of processes that does not divide, or an expert that does not exist.

    >>> token_exchange(torch.tensor([[0, 1], [1, 3], [2, 3], [0, 2]]), experts=4, processes=2)
    tensor([[3, 1],
            [1, 3]])
    """
    processes = _check(chosen, experts, processes)
    home = torch.arange(len(chosen)) * processes // len(chosen)
    pairs = home[:, None] * processes + chosen * processes // experts
    return torch.bincount(pairs.flatten(), minlength=processes**2).view(processes, processes)


def expert_parallel(
    x: Float[Tensor, "tokens width"],
    chosen: Int[Tensor, "tokens k"],
    gates: Float[Tensor, "tokens k"],
    up: Float[Tensor, "experts width hidden"],
    down: Float[Tensor, "experts hidden width"],
    processes: int,
    *,
    time_limit: float = 60.0,
) -> ParallelRun:
    r"""One layer of experts, :math:`y = \sum_j g_j E_{i_j}(x)`, by processes of this machine.

    Each process has its share of the tokens and of the experts, see :func:`token_exchange`. It
    sorts its rows by expert, sends them off (all-to-all), lets its experts work on what came, and
    sends the answers back. The processes speak through torch's ``gloo`` over the loopback
    interface and meet at a file; none outlives the call. Taught in:
    book/fine-grained-experts.ipynb.

    Args:
        x: the tokens.
        chosen, gates: the experts of each token, and their weights.
        up, down: the experts' matrices, as those of ``networks.moe.MoELayer``.
        processes: how many; it divides the numbers of tokens and of experts.
        time_limit: seconds for everything, the start of the processes included.

    Raises:
        ValueError: shapes that do not fit, or a number of processes that does not divide.
        RuntimeError: a process failed, or the time limit was reached; all are ended first.
    """
    processes = _check(chosen, len(up), processes)
    limit = float(check_positive("time_limit", time_limit))
    if gates.shape != chosen.shape or len(x) != len(chosen):
        shapes = f"{tuple(x.shape)}, {tuple(chosen.shape)} and {tuple(gates.shape)}"
        raise ValueError(f"x, chosen and gates must be of the same tokens; got shapes {shapes}")
    if up.shape[1] != x.shape[1] or down.shape != (len(up), up.shape[2], x.shape[1]):
        shapes = f"{tuple(up.shape)} and {tuple(down.shape)}"
        raise ValueError(f"up and down must be experts of width {x.shape[1]}; got shapes {shapes}")
    given = {"x": x, "chosen": chosen, "gates": gates, "up": up, "down": down}
    with tempfile.TemporaryDirectory(prefix="experts-") as folder:
        torch.save({name: t.detach().clone() for name, t in given.items()}, f"{folder}/given.pt")
        _run_processes(folder, processes, limit)
        found = [torch.load(f"{folder}/{rank}.pt") for rank in range(processes)]
    return ParallelRun(
        torch.cat([each["output"] for each in found]),
        torch.stack([each["sent"] for each in found]),
        [each["exchange"] for each in found],
        [each["experts"] for each in found],
    )


def _check(chosen: Tensor, experts: int, processes: int) -> int:
    processes = check_count("processes", processes)
    experts = check_count("experts", experts, 1, 2**31)
    if not is_int64(chosen) or chosen.dim() != 2 or not chosen.numel():
        raise ValueError(f"chosen must be int64 of shape [tokens, k]; got {chosen!r}")
    if int(chosen.min()) < 0 or int(chosen.max()) >= experts:
        raise ValueError(f"chosen must hold experts in [0, {experts}); got {int(chosen.max())}")
    if len(chosen) % processes or experts % processes:
        raise ValueError(
            f"processes must divide the tokens, {len(chosen)}, and the experts, {experts}; "
            f"got {processes}"
        )
    return processes


def _run_processes(folder: str, processes: int, limit: float) -> None:
    """Start a fresh interpreter that starts the others, wait for it, and end them all."""
    here, root = sys.modules[__name__].__spec__.name, Path(__file__).parents[2]
    paths = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    # A fresh one: a kernel has threads of its own, and cannot be forked.
    command = [sys.executable, "-m", here, folder, str(processes), str(limit)]
    with open(f"{folder}/errors", "w+", encoding="utf-8") as errors:
        started = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = started.wait(limit)
        except subprocess.TimeoutExpired:
            raise RuntimeError(
                f"the {processes} processes must end within time_limit, {limit:g} seconds; "
                "they were ended"
            ) from None
        finally:
            try:
                os.killpg(started.pid, signal.SIGKILL)  # it, and all that it started
            except ProcessLookupError:
                pass
            started.wait()
        if code:
            errors.seek(0)
            said = errors.read().strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"one of {processes} processes failed, exit {code}: {said[-1]}")


def _work(rank: int, folder: str, processes: int, limit: float) -> None:
    """One process: its tokens out, its experts on what came in, the answers back."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=processes,
        timeout=datetime.timedelta(seconds=limit),
    )
    given = torch.load(f"{folder}/given.pt")
    x, chosen, gates = (given[n].chunk(processes)[rank] for n in ("x", "chosen", "gates"))
    up, down = (given[n].chunk(processes)[rank] for n in ("up", "down"))  # no others are read
    began = time.perf_counter()
    order = chosen.flatten().argsort(stable=True)
    mine = torch.bincount(chosen.flatten(), minlength=len(given["up"]))
    theirs = torch.empty_like(mine)  # rows from each process for each expert of this one
    dist.all_to_all_single(theirs, mine)
    out, back = (n.view(processes, -1).sum(1).tolist() for n in (mine, theirs))
    came = x.new_empty(sum(back), x.shape[1])
    dist.all_to_all_single(came, x[order // chosen.shape[1]], back, out)
    sent = time.perf_counter()
    local = torch.arange(len(up)).repeat(processes).repeat_interleave(theirs)
    by_expert = local.argsort(stable=True)
    answers = torch.empty_like(came)
    counts = theirs.view(processes, -1).sum(0)
    answers[by_expert] = expert_networks(came[by_expert], up, down, counts)
    worked = time.perf_counter()
    home = torch.empty(len(order), x.shape[1], dtype=x.dtype)
    dist.all_to_all_single(home, answers, out, back)
    ended = time.perf_counter()
    rows = torch.empty_like(home)
    rows[order] = home
    output = (rows.view(*chosen.shape, -1) * gates[..., None]).sum(1)
    found = {"output": output, "sent": torch.tensor(out)}
    found |= {"exchange": sent - began + ended - worked, "experts": worked - sent}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()  # nobody leaves while another still reads from it
    dist.destroy_process_group()


def _start(folder: str, processes: int, limit: float) -> None:
    loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    os.environ["GLOO_SOCKET_IFNAME"] = loopback[0]
    # Forked, they share this interpreter's torch instead of importing it each.
    method = "fork" if sys.platform == "linux" else "spawn"
    start_processes(_work, (folder, processes, limit), processes, start_method=method)


if __name__ == "__main__":
    _start(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
