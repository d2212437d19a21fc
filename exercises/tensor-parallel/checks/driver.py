"""Runs their functions on ranks: processes joined by gloo, watched by the one that started them.

Every exchange between ranks is written down before it begins, so that ranks which wait for each
other for ever are found at once and not by the clock.
"""

import gc
import itertools
import os
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
import tracemalloc
from contextlib import suppress
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

from workshop.judge import wire
from workshop.learn import made as watching
from workshop.learn.made import Made

LONGEST = 20  # seconds that ranks may take
ON_THEIR_WAY = 2  # seconds for the other ranks to come to what went wrong, too
ENDED = "ended"
LAST_IS_LATE = 0.02  # seconds: who does not wait for a sum does not have it
MOST_BYTES = 10**7
LONGEST_TEXT = 300
FRAMES = 30  # of what is called when memory is asked for
PIECE = 256  # bytes: what tensors of torch come with is in smaller pieces, and weights are not
SMALL = 2000  # bytes in such pieces that are no weights: a dict, a module's first use
LARGE = 4000  # bytes in one piece: more than torch notes down at the first use of something
TORCH = os.path.dirname(torch.__file__)
NAMES = {
    "allreduce_": "all-reduce",
    "all_reduce": "all-reduce",
    "all_reduce_": "all-reduce",
    "allreduce_coalesced_": "all-reduce",
    "all_reduce_coalesced": "all-reduce",
    "reduce_": "reduce",
    "broadcast_": "broadcast",
    "allgather_": "all-gather",
    "_allgather_base_": "all-gather",
    "all_gather_into_tensor": "all-gather",
    "reduce_scatter_": "reduce-scatter",
    "_reduce_scatter_base_": "reduce-scatter",
    "reduce_scatter_tensor": "reduce-scatter",
}
NO_EXCHANGE = {"wait_tensor", "_wrap_tensor_autograd"}


class Exchanges(TorchDispatchMode):
    """Tells of each exchange before it is made: what kind, and of which shape."""

    def __init__(self, rank, ranks, channel):
        super().__init__()
        self.late = LAST_IS_LATE if rank == ranks - 1 else 0
        self.channel = channel
        self.made = []

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # keeping the compiler out would mean to import it: a second, for nothing

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.partition(".")[0]
        if "c10d" in func.namespace and name not in NO_EXCHANGE:
            exchange = [NAMES.get(name, name), shape_of(args)]
            self.made.append(exchange)
            wire.send(self.channel, {"exchange": exchange})
            time.sleep(self.late)
        return func(*args, **(kwargs or {}))


def shape_of(args):
    first = args[0] if args else None
    while isinstance(first, list | tuple) and first:
        first = first[0]
    return list(first.shape) if isinstance(first, torch.Tensor) else []


def stored(theirs, name, *arguments):
    """What a function makes, and in how many bytes; how many it keeps; what it changes.

    ``views``: whether something that it makes lies in what it was given.

    It works on copies, which are thrown away: what is there afterwards, it has kept.
    """
    with Made() as made, Beside(theirs) as beside:
        given = [copied(one) for one in arguments]
        value = getattr(theirs, name)(*given)
    changed = [
        label
        for before, after in zip(arguments, given, strict=True)
        for label, one in labelled(before).items()
        if label not in labelled(after) or not torch.equal(one, labelled(after)[label])
    ]
    tensors = labelled(value)
    theirs_too = {
        one.untyped_storage().data_ptr() for each in given for one in labelled(each).values()
    }
    views = any(one.untyped_storage().data_ptr() in theirs_too for one in tensors.values())
    del given
    return {
        "made": value,
        "bytes": {label: one.untyped_storage().nbytes() for label, one in tensors.items()},
        "together": together(tensors.values()),
        "held": held(made, beside, together(tensors.values())),
        "changed": changed,
        "views": views,
    }


def copied(value):
    if isinstance(value, dict):
        return {name: one.clone() for name, one in value.items()}
    return value.clone() if isinstance(value, torch.Tensor) else value


def labelled(value):
    """The tensors of what is one, or a dict of some."""
    named = value if isinstance(value, dict) else {"": value}
    return {name: one for name, one in named.items() if isinstance(one, torch.Tensor)}


def together(tensors):
    """Bytes of what tensors lie in, shared memory once."""
    storages = [one.untyped_storage() for one in tensors]
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())


class Beside:
    """``with Beside(theirs) as beside:`` ... then ``beside.bytes``: what no tensor of torch keeps.

    Arrays of numpy, bytes and lists that their code has made and that are still there at the end.
    """

    def __init__(self, theirs):
        self.file = theirs.__file__
        self.bytes = 0

    def __enter__(self):
        gc.freeze()  # what is there already is not looked through again: that takes 0.1 s
        tracemalloc.start(FRAMES)
        return self

    def __exit__(self, *_):
        gc.collect()  # what only a circle of references keeps is no one's
        found = tracemalloc.take_snapshot().traces
        tracemalloc.stop()
        self.bytes = sum(one.size for one in found if self.is_theirs(one))

    def is_theirs(self, asked):
        """Whether it was for their code: not to import something, to watch them, or torch's own."""
        files = {frame.filename for frame in asked.traceback}
        torchs = any(name.startswith(TORCH) for name in files)
        if asked.size < (LARGE if torchs else PIECE):
            return False
        return self.file in files and not any(
            name == watching.__file__ or name.startswith("<frozen importlib") for name in files
        )


def held(made, beside, known):
    """Bytes that are still there; ``known`` are those of the result."""
    if made.held > known:
        gc.collect()
    return max(made.held, known) + (beside.bytes if beside.bytes > SMALL else 0)


def on_ranks(theirs, ranks, calls, copied=True):
    """What each of ``calls`` gives on each rank; a call is a name, and arguments for each rank.

    ``copied``: as it is when the call returns; else as it is when all calls have been made.
    """

    def work(rank, exchanges):
        found = []
        for name, arguments in calls:
            given = arguments[rank]
            before = len(exchanges.made)
            with exchanges:
                value = getattr(theirs, name)(*given)
            # What a sum is still to come for is copied only then.
            value = value.clone() if copied and isinstance(value, torch.Tensor) else value
            found.append({"value": value, "exchanges": exchanges.made[before:], "arguments": given})
        return found

    return run(ranks, work)


def layers_on_ranks(theirs, ranks, layers, heads, kv_heads, size, x):
    """Several layers from beginning to end: cut on each rank, then run one after the other."""

    def work(rank, exchanges):
        with Made() as made, Beside(theirs) as beside:
            parts = [theirs.layer_part(copied(one), heads, kv_heads, rank, ranks) for one in layers]
        y = x
        with exchanges:
            for part in parts:
                y = theirs.layer(y, part, size)
        own = together(one for part in parts for one in labelled(part).values())
        return {"x": y, "exchanges": exchanges.made, "stored": own, "held": held(made, beside, own)}

    return run(ranks, work)


def run(ranks, work):
    """``{"done": [what work(rank, exchanges) gives]}``, or in place of done what went wrong:

    fault: [rank, kind, type, text, line]; waits: [rank that waits, its exchange, its number, rank
    that is done]; differ: [number, exchange of rank 0, rank, its exchange]; slow: exchanges made.
    """
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # names of machines need not be known
    sys.stdout.flush()
    channels, pids = [], []
    with tempfile.TemporaryDirectory() as folder:
        for rank in range(ranks):
            ours, other = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                ours.close()
                one_rank(rank, ranks, f"{folder}/store", work, other)
            other.close()
            channels.append(ours)
            pids.append(pid)
        try:
            return watch(channels)
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def one_rank(rank, ranks, store, work, channel):
    """A rank's life; never returns."""
    try:
        dist.init_process_group(
            "gloo",
            store=dist.FileStore(store, ranks),
            rank=rank,
            world_size=ranks,
            timeout=timedelta(seconds=2 * LONGEST),
        )
        told = {"done": work(rank, Exchanges(rank, ranks, channel))}
        wire.send(channel, told)
    except BaseException as error:
        frames = list(traceback.walk_tb(error.__traceback__))
        lines = [number for frame, number in frames if is_theirs(frame)]
        fault = [
            rank,
            "not written" if isinstance(error, NotImplementedError) else "raised",
            type(error).__name__[:100],
            str(error)[:LONGEST_TEXT],
            lines[-1] if lines else None,
        ]
        with suppress(OSError):
            wire.send(channel, {"fault": fault})
    finally:
        sys.stdout.flush()
        with suppress(OSError):
            channel.recv(1)  # others may still need what this process has to send
        os._exit(0)


def is_theirs(frame):
    return frame.f_globals.get("__name__") == "exercise"


def watch(channels):
    """Listen to all ranks until they are done, or cannot be any more.

    Ranks come to what went wrong in any order. So that the same one is always named, those that
    are on their way to it are waited for.
    """
    until = time.monotonic() + LONGEST
    made = [[] for _ in channels]
    done, faults, found = {}, {}, None
    while going := [rank for rank in range(len(made)) if rank not in done and rank not in faults]:
        if found and all(len(made[rank]) >= found[0] for rank in going):
            break
        waiting = [channels[rank] for rank in going]
        readable, _, _ = select.select(waiting, [], [], max(0, until - time.monotonic()))
        if not readable:
            break
        for channel in readable:
            rank = channels.index(channel)
            try:
                told = wire.receive(channel, MOST_BYTES)
            except wire.ClosedError:
                told = {"fault": [rank, ENDED, "the process ended before it was done", "", None]}
            if "fault" in told:
                faults[rank] = told["fault"]
            elif "done" in told:
                done[rank] = told["done"]
            else:
                made[rank].append(told["exchange"])
        before, found = found, wrong(made, done, faults)
        if found and not before:
            until = min(until, time.monotonic() + ON_THEIR_WAY)
    if found:
        return found[1]
    if going:
        return {"slow": [len(one) for one in made]}
    return {"done": [done[rank] for rank in range(len(channels))]}


def wrong(made, done, faults):
    """How many exchanges show that the ranks cannot all be done, and what to say; None: they may.

    Of several causes the one that others follow from: who has made another exchange confuses the
    rest, and so does who is gone; who has raised an error, or was done early, is waited for.
    """
    for number, those in enumerate(itertools.zip_longest(*made), 1):
        for rank, other in enumerate(those):
            if None in (those[0], other) or other == those[0]:
                continue
            if "all-reduce" in (those[0][0], other[0]):
                return number, {"differ": [number, those[0], rank, other]}
    ready = min([*done, *faults], key=lambda rank: (len(made[rank]), rank), default=None)
    if ready is None:
        return None
    count = len(made[ready])
    if faults:
        first = min(faults, key=lambda rank: (faults[rank][1] != ENDED, rank))
        return count + 1, {"fault": faults[first]}
    for rank, exchanges in enumerate(made):
        if len(exchanges) > count:
            return count + 1, {"waits": [rank, exchanges[count], count + 1, ready]}
    return None
