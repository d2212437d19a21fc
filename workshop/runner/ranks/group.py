"""What every rank of a run does around its work: meet the others, join them, and leave.

    meet (lifelines)  ->  share the cores, join the process group  ->  the work  ->  leave

Whatever goes wrong on the way ends all ranks with one reason. Imports torch only once the ranks
have met: it takes seconds to load, and may be what fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from workshop.runner import compile_cache, failure, huge_pages, numa
from workshop.runner.failure import Failure
from workshop.runner.numa import Seat
from workshop.runner.ranks.lifeline import Lifeline, RankLostError
from workshop.runner.ranks.meeting import meet
from workshop.runner.ranks.rank import Rank
from workshop.stages.settings import Settings
from workshop.util.errors import UsageError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """A rank that is ready to work.

    Attributes:
        device: the one that it computes on.
        others: its connections to the other ranks; None where there are none.
        lines: for its log: the cores that it is bound to, how the ranks exchange.
    """

    device: torch.device
    others: Lifeline | None = None
    lines: tuple[str, ...] = ()


def with_the_others(
    settings: Settings,
    rank: Rank,
    work: Callable[[Member], T],
    failed: Callable[[BaseException, Lifeline | None], T],
) -> T:
    """Work as one rank of ``settings.ranks``; each of them calls it.

    Args:
        work: what the rank is there for; it handles its own errors.
        failed: (error, connections to the others) -> what to return where the rank cannot begin;
            also the last words of a process whose main thread waits for a rank that is gone.
    """
    compile_cache.keep()  # before torch is imported
    huge_pages.ask()
    if rank.ranks != settings.ranks:
        return failed(wrong_number(rank, settings), None)
    if settings.ranks == 1:
        return join_and_work(settings, rank, None, work, failed)
    try:
        others = meet(rank)
    except (RankLostError, UsageError) as error:
        return failed(error, None)
    others.last_words = lambda lost: failed(lost, None)
    try:
        return join_and_work(settings, rank, others, work, failed)
    except BaseException as error:
        others.fail(f"{type(error).__name__}: {error}")
        raise
    finally:
        others.let_go()


def wrong_number(rank: Rank, settings: Settings) -> UsageError:
    """More or fewer processes were started than share the model: a part of it would be missing."""
    started = f"{rank.ranks} process{'' if rank.ranks == 1 else 'es'}"
    return UsageError(
        f"the job started {started}, and this run needs {settings.ranks}: let the script have "
        "'#SBATCH --ntasks-per-node' with the ranks of a node, and start the ranks by srun"
    )


def join_and_work(
    settings: Settings,
    rank: Rank,
    others: Lifeline | None,
    work: Callable[[Member], T],
    failed: Callable[[BaseException, Lifeline | None], T],
) -> T:
    """Pick the device, share the cores, join the process group if there are others, and work."""
    import torch

    from workshop.llm.ranks import parallel
    from workshop.runner import machine

    torch.set_num_threads(max(1, machine.cores() // settings.ranks))
    try:
        try:
            device = machine.pick_device(settings.device, rank.local_rank)
            lines = [] if others is None else join(rank, others.port, device)
        except Exception as error:
            return failed(error, others)
        return work(Member(device, others, tuple(lines)))
    finally:
        parallel.leave()


def join(rank: Rank, port: int, device: torch.device) -> list[str]:
    """Join the process group; CPU ranks divide the cores of their host first.

    Threads that this process starts from then on keep to the rank's NUMA nodes.

    Returns:
        lines for the rank's log.

    Raises:
        torch.distributed.DistError: the ranks did not all come in time.
    """
    import torch

    from workshop.llm.ranks import parallel

    parallel.join(rank.index, rank.ranks, rank.address, port, device)
    if device.type != "cpu":
        return []
    seats = parallel.gather(numa.this_seat())
    nodes = numa.numa_nodes()
    share = numa.share_of(rank.index, seats, nodes)
    lines = [f"rank {rank.index} on {share}"] if share is not None and numa.bind(share) else []
    exchange = parallel.share_memory(on_one_host(seats))  # once bound: it allocates nearby
    torch.set_num_threads(numa.threads_of(rank.index, seats, nodes))
    return lines if rank.index else [*lines, exchange]


def on_one_host(seats: Sequence[Seat]) -> bool:
    """Whether all ranks are known to run on one host."""
    hosts = {seat.host for seat in seats}
    return len(hosts) == 1 and "" not in hosts


def announced(error: BaseException, others: Lifeline | None) -> Failure:
    """Why this rank has failed, which the others hear as well; each must now come to its end.

    Where another rank is to blame, the reason is that one's.
    """
    if others is None:
        return failure.explain(error)
    why = failure.explain(others.instead_of(error))
    others.fail(why.reason, why.advice)
    return why
