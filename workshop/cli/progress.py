"""A line per stage on the terminal: what it does now, how far it is, how fast it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from workshop.stages.settings import Settings

SAMPLE = re.compile(r"Time for inference (\d+): .* sec total, ([\d.]+) tokens/sec")
AVERAGE = re.compile(r"Average tokens/sec: ([\d.]+)")
MOMENTS = {
    "Loading model": "loading the model",
    "Time to load model": "warming up (compiling can take a minute)",
    "Compilation time": "measuring",
}


class StageProgress:
    """Use as a context manager; calling it with a stage's settings gives what follows its log."""

    def __init__(self, stages: Sequence[str], samples: Mapping[str, int]) -> None:
        self.bars = Progress(
            TextColumn("{task.fields[stage]:<12}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
        )
        self.tasks: dict[str, TaskID] = {
            stage: self.bars.add_task("waiting", stage=stage, start=False, total=samples[stage])
            for stage in stages
        }

    def __enter__(self) -> Callable[[Settings], Callable[[str], None]]:
        self.bars.start()
        return self.follow

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def follow(self, settings: Settings) -> Callable[[str], None]:
        task = self.tasks[settings.stage]
        self.bars.start_task(task)
        self.bars.update(task, description="starting")
        return lambda line: self.line(task, line)

    def line(self, task: TaskID, line: str) -> None:
        """Read what the log says, and show it."""
        sample, average = SAMPLE.match(line), AVERAGE.match(line)
        if sample:
            done, speed = int(sample[1]), float(sample[2])
            self.bars.update(task, completed=done, description=f"{speed:.0f} tokens/s")
        elif average:
            self.bars.update(task, description=f"{float(average[1]):.0f} tokens/s")
            self.bars.stop_task(task)
        elif line.startswith("No complete result: "):
            self.bars.update(task, description=line.partition(": ")[2])
            self.bars.stop_task(task)
        for start, description in MOMENTS.items():
            if line.startswith(start):
                self.bars.update(task, description=description)
