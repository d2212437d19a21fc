"""What Slurm says when it ends a job or a step, or cannot start one, as its source prints it.

Source: src/slurmd/slurmstepd/req.c, src/srun/launch.c, src/api/step_launch.c and
src/common/slurm_errno.c of Slurm.
"""

from __future__ import annotations

from workshop.record.readers.ending import (
    ANOTHER_NODE,
    IN_THE_SETUP,
    KILLED,
    MORE_MEMORY,
    READ_ABOVE,
    STEPD,
    TASK,
    Rule,
    Telling,
)

_JOB = STEPD + r"\*\*\* (?:JOB|STEP) (?P<job>\S+) ON (?P<node>\S+) "
_AT = r"CANCELLED(?: AT \S+)? "
_ENDED = _JOB + _AT
_TO = r"(?i:DUE TO) "
_NODE_MEMORY = "the job needed more of the node's memory than it had asked for"
_LAUNCH = (
    r"srun: error: (?:Task launch for \S+ failed on node (?P<node>\S+)|Application launch failed"
    r"|task \d+ launch failed): "
)
_ASSOCIATION = r"association \(acc=(?P<name_2>[^/]+)/.+\)"
_MORE_BUDGET = (
    "ask the cluster's support or your instructor for more, or submit it with another --account "
    "or --qos"
)
_REPORT = "submit it again on other nodes (--exclude), and report the node to your support"

MEMORY = (
    Rule(Telling.MEMORY, STEPD + r"Detected \d+ oom[-_]kill event.*", _NODE_MEMORY, MORE_MEMORY),
    Rule(Telling.MEMORY, TASK + r"Out Of Memory", _NODE_MEMORY, MORE_MEMORY),
    Rule(
        Telling.MEMORY,
        STEPD + r"(?:error: )?\S+ (?:\S+ )?exceeded (?:job |step |virtual )?memory limit.*",
        _NODE_MEMORY,
        MORE_MEMORY,
    ),
    Rule(
        Telling.HINT,
        STEPD + r"Exceeded (?:job|step) memory limit.*",
        "the job seems to have needed more of the node's memory than it had asked for",
        MORE_MEMORY,
    ),
)

ENDED = (
    Rule(
        Telling.REASON,
        STEPD + r"\*\*\* REASON: Reservation (?P<name>.+), which this job was running under, "
        r"has ended \*\*\*",
        "the reservation {name} ended, and Slurm ended the job with it",
        "submit it without --reservation, or with a --time that ends before the reservation does",
    ),
    Rule(  # src/slurmctld/acct_policy.c
        Telling.REASON,
        STEPD
        + r"\*\*\* REASON: Job is at or exceeds (?:(?P<name>QOS \S+)'s|"
        + _ASSOCIATION
        + r") "
        r"group (?:max TRES\(\S+\) minutes of|wall limit) .+ \*\*\*",
        "the job's account or QOS ({name}) has used up its time, and Slurm ended the job",
        _MORE_BUDGET,
    ),
    Rule(
        Telling.REASON,
        STEPD + r"\*\*\* REASON: Job is at or exceeds (?:QOS \S+'s|association \(.+\)) "
        r"max TRES\((?P<why>\S+)\) minutes of .+ \*\*\*",
        "the job used as many {why} minutes as one job may, and Slurm ended it",
        "submit it with less to do, or with fewer GPUs or CPUs",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + _TO + r"TIME LIMIT \*\*\*",
        "the job reached its time limit",
        "ask for more time: --time 01:00:00",
    ),
    Rule(  # an allocation of salloc's, or srun's own
        Telling.SLURM,
        r"(?:salloc|srun): (?:error: )?Job \S+ has exceeded its time limit and its allocation has "
        r"been revoked\.?",
        "the job reached its time limit",
        "ask for more time: --time 01:00:00",
    ),
    Rule(
        Telling.CANCELLED,
        r"(?:salloc|srun): (?:error: )?Job allocation \S+ has been revoked\.?",
        "the job's allocation ended: scancel or Slurm took it away",
        "submit it again if that was not meant; sacct tells the job's state",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + _TO + r"PREEMPTION \*\*\*",
        "the job was preempted: one of higher priority took its place",
        "if it has not gone back into the queue by itself ('workshop status'), submit it again",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + _TO + r"NODE FAILURE.*\*\*\*",
        "the node {node} failed",
        ANOTHER_NODE,
    ),
    Rule(
        Telling.SLURM,
        r"srun: error: Node failure on (?P<node>\S+)",
        "the node {node} failed",
        ANOTHER_NODE,
    ),
    Rule(
        Telling.SLURM,
        STEPD + r"(?:error: )?\*\*\* .*NODE FAILURE.*\*\*\*",
        "a node of the job failed",
        "submit it again",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + _TO + r"JOB REQUEUE \*\*\*",
        "the job was put back into the queue",
        "wait: it starts again, and its log goes on",
    ),
    Rule(
        Telling.SLURM,
        _JOB + r"UNCORRECTABLE MEMORY ERROR(?: AT \S+)? \*\*\*",
        "the node {node} has broken memory",
        ANOTHER_NODE,
    ),
    Rule(
        Telling.REASON,
        STEPD + r"\*\*\* REASON: (?P<why>.+) \*\*\*",
        "Slurm ended the job: {why}",
        "see 'scontrol show job' or sacct for the job's state and reason",
    ),
    Rule(
        Telling.STEP,
        _ENDED + _TO + r"TASK FAILURE \*\*\*",
        "the job's ranks were stopped, because one of them failed",
        READ_ABOVE,
    ),
    Rule(
        Telling.CANCELLED,
        STEPD + r"\*\*\* JOB \S+ ON \S+ CANCELLED(?: AT \S+)?(?: (?i:DUE TO) SIGNAL .+)? \*\*\*",
        "the job was cancelled (scancel)",
        "submit it again if that was not meant",
    ),
    Rule(
        Telling.SIGNALLED,
        STEPD + r"\*\*\* STEP \S+ ON \S+ " + _AT + _TO + r"SIGNAL (?P<why>.+) \*\*\*",
        "the job's ranks were stopped by a signal ({why}), such as scancel sends",
        "submit it again if that was not meant",
    ),
    Rule(
        Telling.STEP,
        STEPD + r"\*\*\* STEP \S+ ON \S+ CANCELLED(?: AT \S+)? \*\*\*",
        "the job's ranks were stopped: one of them failed, or scancel did it",
        READ_ABOVE,
    ),
    Rule(
        Telling.SLURM,
        STEPD + r"\*\*\* .+ STEPD TERMINATED ON (?P<node>\S+) (?:AT \S+ )?" + _TO + r".*\*\*\*",
        "the job's processes on {node} did not end when Slurm stopped them",
        "a process there hangs in the system (a file system or the GPU's driver): submit it again "
        "with --exclude {node}",
    ),
    # Whatever else Slurm gives as the cause
    Rule(
        Telling.SLURM,
        _ENDED + _TO + r"(?P<why>.+) \*\*\*",
        "Slurm ended the job: {why}",
        "see 'scontrol show job' or sacct for the job's state and reason",
    ),
    Rule(Telling.EXIT, _JOB + r"FAILED.*\*\*\*", "Slurm says that the job failed", READ_ABOVE),
)

NOT_STARTED = (
    Rule(
        Telling.CAUSE,
        r"srun: (?:error|fatal): Unable to (?:create step|confirm allocation) for job \S+: "
        r"(?P<why>.+)",
        "srun could not start the ranks: {why}",
        "ask for as many tasks and GPUs as there are ranks, and submit it again",
    ),
    Rule(
        Telling.CAUSE,
        r"srun: (?:error|fatal): Unable to (?:allocate resources|create step): (?P<why>.+)",
        "srun got no resources: {why}",
        "look at partition, account, time and GPUs in the cluster's description",
    ),
    Rule(
        Telling.CAUSE,
        r"(?:srun: |slurmstepd(?:-\S+)?: )?error: CPU binding outside of job step allocation.*|"
        + _LAUNCH
        + r"(?:Unable to satisfy cpu bind request|Unable to layout tasks on given cpus)",
        "srun refused the CPU binding: it names CPUs that the job does not have",
        "submit from a shell outside of any job, or put 'unset SLURM_CPU_BIND SLURM_CPU_BIND_LIST "
        f"SLURM_CPU_BIND_TYPE' into {IN_THE_SETUP}",
    ),
    Rule(
        Telling.CAUSE,
        _LAUNCH + r"(?:Job prolog failed|Prolog failed)",
        "the prolog, which prepares a node for a job, failed on {node}",
        _REPORT,
    ),
    Rule(
        Telling.CAUSE,
        STEPD + r"(?:.* prolog failed status=.*|(?:TaskProlog|--task-prolog) failed status=.*)"
        r"|srun: error: srun prolog failed .*",
        "a prolog, which prepares a node for a job, failed",
        _REPORT,
    ),
    Rule(
        Telling.CAUSE,
        STEPD + r"execve\(\): (?P<name>\S+): Exec format error",
        "{name} is no program that this node can run (Exec format error)",
        "compare 'file {name}' with 'uname -m' on the node; a script needs #! in its first line",
    ),
    Rule(
        Telling.CAUSE,
        STEPD + r"execve\(\): (?:bad interpreter\()?(?P<name>[^\s:()]+)\)?: (?P<why>.+)",
        "{name} cannot be run on the node: {why}",
        "name the environment's interpreter in the cluster's description, as python",
    ),
    Rule(
        Telling.VAGUE,
        _LAUNCH + r"(?P<why>.+)",
        "srun could not launch the ranks on {node}: {why}",
        "submit it again; if it fails on the same node, leave that out with --exclude",
    ),
    Rule(
        Telling.VAGUE,
        STEPD + r"couldn't chdir to `(?P<name>[^']+)': (?P<why>.+?)(?:: going to /tmp instead)?",
        "the job's directory {name} cannot be used on the node: {why}",
        "submit from a directory that the compute nodes see too",
    ),
)

EXITS = (
    Rule(
        Telling.EXIT,
        TASK + r"Exited with exit code (?P<code>\d+)",
        "rank {task} ended with exit code {code}",
        READ_ABOVE,
    ),
    Rule(
        Telling.SIGNALLED,
        r"srun: forcing job termination",
        "srun was told to end by a signal, such as scancel sends",
        "submit it again if that was not meant",
    ),
    Rule(
        Telling.TERMINATED,
        r"srun: (?:Job step aborted(?:: .*)?|Force Terminated .*)",
        "srun stopped the job's ranks",
        READ_ABOVE,
    ),
    Rule(
        Telling.KILLED,
        rf"(?:{KILLED}|{TASK})?Killed(?: \(core dumped\))?(?:\s.*)?",
        "a process was killed, perhaps for want of memory",
        MORE_MEMORY,
    ),
    Rule(
        Telling.EXIT,
        rf"(?:{KILLED}|{TASK})Aborted(?: \(core dumped\))?(?:\s.*)?",
        "a process gave up (abort)",
        READ_ABOVE,
    ),
    Rule(
        Telling.TERMINATED,
        rf"(?:{KILLED}|{TASK})?Terminated(?:\s.*)?",
        "a process was told to end",
        READ_ABOVE,
    ),
)
