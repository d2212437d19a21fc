"""submitit's Slurm executor with our templates: a job of ours is a job of submitit's.

Its result, its exception and its requeueing are submitit's own; what differs is the script that
sbatch gets, that all output is in one file, and that states come from squeue first.
"""

from __future__ import annotations

import copy
import os
import shlex
import time
import uuid
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from submitit.core import core, utils
from submitit.slurm.slurm import SlurmExecutor, SlurmInfoWatcher, SlurmJob

from workshop.slurm import variables
from workshop.slurm.job.inherited import with_shell
from workshop.slurm.job.request import Request
from workshop.slurm.job.sbatch import job_number
from workshop.slurm.job.template import render
from workshop.slurm.queue import squeue
from workshop.slurm.queue.jobstate import GONE
from workshop.slurm.queue.missing import Missing
from workshop.slurm.runs import log_of, now

LONGEST_POLL = 30  # seconds between two looks at the queue


class QueueWatcher(SlurmInfoWatcher):
    """Job states from one squeue call for all jobs; from sacct for those that it forgot.

    A job that neither knows any more is GONE, which counts as ended once several looks have found
    so: nobody waits for ever.
    """

    def __init__(self, delay_s: int = LONGEST_POLL) -> None:
        super().__init__(delay_s)
        self._missing = Missing()

    def update(self) -> None:
        waiting = self._registered - self._finished
        if not waiting:
            return
        self._num_calls += 1
        try:
            found = squeue.states(waiting)
        except squeue.QueueError as error:
            core.logger.get_logger().warning(f"Call #{self.num_calls} - {error}")
        else:
            for job_id, state in found.items():
                if state.state != GONE:
                    self._missing.found(job_id)
                elif not self._missing.is_gone(job_id, now(), time.monotonic()):
                    continue
                self._info_dict[job_id] = {"JobID": job_id, "State": state.state}
                if state.ended:
                    self._finished.add(job_id)
        self._last_status_check = time.time()


class OneLog(utils.JobPaths):
    """Paths of a job whose output, errors included, goes to one file; the rest is submitit's."""

    def __init__(self, files: utils.JobPaths, log: Path) -> None:
        super().__init__(files._folder, files.job_id, files.task_id)
        self.log = log

    @property
    def stdout(self) -> Path:
        return self.log

    @property
    def stderr(self) -> Path:
        return self.log


class WorkshopJob(SlurmJob):
    """A job whose state comes from squeue, and whose log is where its template put it."""

    watcher = QueueWatcher(delay_s=LONGEST_POLL)

    def log_to(self, pattern: str) -> None:
        """Say where the log is; ``pattern`` is the one that Slurm was given."""
        for job in [self, *self._sub_jobs]:
            job._paths = OneLog(job._paths, log_of(pattern, self.job_id))

    def cancel(self, check: bool = True) -> None:
        with variables.applied(variables.for_questions()):
            super().cancel(check)


class WorkshopExecutor(SlurmExecutor):
    """Submits with a template of ours. Its parameters are the fields of ``Request``.

    Registered by entry point, so that submitit finds it by name::

        executor = submitit.AutoExecutor("runs", cluster="workshop")
        executor.update_parameters(workshop_stage="compile", workshop_output="/home/me/job-%j.out")
    """

    job_class = WorkshopJob

    def __init__(
        self,
        folder: Path | str,
        max_num_timeout: int = 0,
        max_pickle_size_gb: float = 1.0,
        python: str | None = None,
        templates: Path | None = None,
    ) -> None:
        super().__init__(folder, max_num_timeout, max_pickle_size_gb, python)
        self.templates = templates
        self.shell = dict(os.environ)

    @classmethod
    def affinity(cls) -> int:
        """There where Slurm is, but never in place of submitit's own unless asked for."""
        return min(1, super().affinity())

    @classmethod
    def _valid_parameters(cls) -> set[str]:
        return {one.name for one in fields(Request)}

    def _convert_parameters(self, params: dict[str, Any]) -> dict[str, Any]:
        names = {"name": "job_name", "timeout_min": "time", "mem_gb": "mem"}
        converted = {names.get(name, name): value for name, value in params.items()}
        if isinstance(converted.get("mem"), int | float):
            converted["mem"] = f"{round(converted['mem'] * 1024)}M"
        converted.pop("stderr_to_stdout", None)  # always
        return converted

    def _internal_update_parameters(self, **kwargs: Any) -> None:
        unknown = sorted(set(kwargs) - self._valid_parameters())
        if unknown:
            valid = ", ".join(sorted(self._valid_parameters()))
            raise ValueError(f"unavailable parameters {', '.join(unknown)}; there are {valid}")
        self.parameters.update(kwargs)

    @property
    def request(self) -> Request:
        """What a job will ask for; what no parameter says is the shell's, or the plainest."""
        stage = self.parameters.get("stage", "base")
        plain = {"stage": stage, "job_name": stage, "output": f"{self.folder}/%j_0_log.out"}
        request = Request(**{**plain, **self.parameters})
        if "options" in self.parameters:  # made by make_request, which has heard the shell
            return request
        return with_shell(request, self.shell, set(self.parameters))

    def _num_tasks(self) -> int:
        return self.request.ranks

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        return render(self.request, shlex.split(command), self.templates)

    def _submit_command(self, command: str) -> core.Job[Any]:
        """Submit a script that runs ``command``; raises RefusedError, NoNumberError."""
        uid = uuid.uuid4().hex
        files = utils.JobPaths.get_first_id_independent_folder(self.folder)
        script = files / f".submission_file_{uid}.sh"
        script.write_text(self._make_submission_file_text(command, uid), encoding="utf-8")
        number = job_number(self._make_submission_command(script), variables.for_sbatch())
        job = WorkshopJob(folder=self.folder, job_id=number, tasks=list(range(self._num_tasks())))
        job.paths.move_temporary_file(script, "submission_file", keep_as_symlink=True)
        self._write_job_id(number, uid)
        self._set_job_permissions(job.paths.folder)
        job.log_to(self.request.output)
        return job

    def _internal_process_submissions(
        self, delayed_submissions: Sequence[utils.DelayedSubmission]
    ) -> list[core.Job[Any]]:
        count = len(delayed_submissions)
        if count == 1 and self.request.array is None:
            return core.PicklingExecutor._internal_process_submissions(
                self, list(delayed_submissions)
            )
        array = copy.copy(self)
        array.parameters = {
            **self.parameters,
            "array": self.request.array or f"0-{count - 1}",
            "output": self.request.output.replace("%j", "%A_%a"),
        }
        return array._submit_array(delayed_submissions)

    def _submit_array(
        self, delayed_submissions: Sequence[utils.DelayedSubmission]
    ) -> list[core.Job[Any]]:
        """One job of Slurm's for all; submitit's own would do it with its own script."""
        self.folder.mkdir(parents=True, exist_ok=True)
        pickles = []
        for one in delayed_submissions:
            one.set_timeout(self.request.time, self.max_num_timeout)
            pickles.append(self.folder / f"{uuid.uuid4().hex}.pkl")
            one.dump(pickles[-1])
        first = self._submit_command(self._submitit_command_str)
        jobs: list[core.Job[Any]] = []
        for index, pickle in enumerate(pickles):
            job = WorkshopJob(self.folder, f"{first.job_id}_{index}", range(first.num_tasks))
            job.paths.move_temporary_file(pickle, "submitted_pickle")
            job.log_to(self.request.output)
            jobs.append(job)
        return jobs
