"""What the last lines of logs mean: one rule a line, the more telling before the less.

The lines are Slurm's, the shell's, modules', conda's, Python's, torch's and NCCL's own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Telling(IntEnum):
    """How much a line tells: the lower, the more. What follows from something else comes last."""

    SETUP = 0  # our own marker: nothing ran after it
    MEMORY = 1  # before the end that Slurm made: ranks wait for the one that is dead
    SLURM = 2
    CAUSE = 3
    HINT = 4  # may be noise: a login script's, or a warning
    CANCELLED = 5  # a user's answer to something else, perhaps
    PEER = 6
    EXCEPTION = 7
    EXIT = 8
    STEP = 9
    TERMINATED = 10


@dataclass(frozen=True)
class Rule:
    """A line and its meaning. ``{name}`` stands for the pattern's group of that name."""

    telling: Telling
    pattern: str
    reason: str
    advice: str | None = None


MORE_MEMORY = "ask Slurm for more memory: --set mem=32G, or take a smaller model"
SMALLER = "take a smaller model, --quantize int8, or more ranks (--ranks)"
ANOTHER_MODULE = (
    "'module avail {name}' lists what there is: name the right one in the cluster's description"
)
CONDA_SETUP = (
    "add the line that finds conda, such as 'source DIR/etc/profile.d/conda.sh', to the setup "
    "in the cluster's description"
)
PYTHON_SETUP = "name the environment's interpreter in the cluster's description, as python"
ANOTHER_NODE = "submit it again with --exclude {node}"
FREE_SPACE = "free some space, or point TORCHINDUCTOR_CACHE_DIR and TMPDIR somewhere else"
SEE_RANKS = "see what the other ranks said before this, and submit it again"
SEE_GPUS = "run nvidia-smi in the job's setup; ask for GPUs with --gpus, or take --device cpu"
READ_ABOVE = "the lines before it in the log tell more"

_STEPD = r"(?:slurmstepd(?:-\S+)?|slurmd): (?:error: )?"
_JOB = _STEPD + r"\*\*\* (?:JOB|STEP) (?P<job>\S+) ON (?P<node>\S+) "
_ENDED = _JOB + r"CANCELLED(?: AT \S+)? "
_TASK = r"srun: error: (?P<node>\S+): tasks? (?P<task>[\d,\[\]-]+): "
_SHELL = r"(?:\S*(?:slurm_script|sh|\.slurm): (?:line )?(?:\d+: ){0,2})"
_KILLED = r"(?:\S+: line \d+:\s+\d+ )"

RULES = (
    # The node's memory
    Rule(
        Telling.MEMORY,
        _STEPD + r"Detected \d+ oom[-_]kill event.*",
        "the job needed more of the node's memory than it had asked for",
        MORE_MEMORY,
    ),
    Rule(
        Telling.MEMORY,
        _TASK + r"Out Of Memory",
        "the job needed more of the node's memory than it had asked for",
        MORE_MEMORY,
    ),
    Rule(
        Telling.MEMORY,
        _STEPD + r"(?:error: )?\S+ (?:\S+ )?exceeded (?:job |step |virtual )?memory limit.*",
        "the job needed more of the node's memory than it had asked for",
        MORE_MEMORY,
    ),
    Rule(
        Telling.MEMORY,
        r"MemoryError(?:: .*)?|RuntimeError: .*can't allocate memory.*",
        "the node's memory is full",
        MORE_MEMORY,
    ),
    Rule(
        Telling.HINT,
        _STEPD + r"Exceeded (?:job|step) memory limit.*",
        "the job seems to have needed more of the node's memory than it had asked for",
        MORE_MEMORY,
    ),
    # The GPU's memory
    Rule(
        Telling.MEMORY,
        r"(?:[\w.]*OutOfMemoryError|RuntimeError): (?:CUDA|HIP)(?: error:)? out of memory.*",
        "the GPU's memory is full",
        SMALLER,
    ),
    Rule(
        Telling.MEMORY, r"(?:torch\.)[\w.]*OutOfMemoryError.*", "the GPU's memory is full", SMALLER
    ),
    # Slurm ended it
    Rule(
        Telling.SLURM,
        _ENDED + r"DUE TO TIME LIMIT \*\*\*",
        "the job reached its time limit",
        "ask for more time: --time 01:00:00",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + r"DUE TO PREEMPTION \*\*\*",
        "the job was preempted: one of higher priority took its place",
        "if it has not gone back into the queue by itself ('workshop status'), submit it again",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + r"DUE TO NODE FAILURE.*\*\*\*",
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
        _STEPD + r"(?:error: )?\*\*\* .*NODE FAILURE.*\*\*\*",
        "a node of the job failed",
        "submit it again",
    ),
    Rule(
        Telling.SLURM,
        _ENDED + r"DUE TO JOB REQUEUE \*\*\*",
        "the job was put back into the queue",
        "wait: it starts again, and its log goes on",
    ),
    Rule(
        Telling.SLURM,
        _JOB + r"UNCORRECTABLE MEMORY ERROR(?: AT \S+)? \*\*\*",
        "the node {node} has broken memory",
        ANOTHER_NODE,
    ),
    # srun could not start it
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
    # Modules
    Rule(
        Telling.CAUSE,
        r"(?:ModuleCmd_Load\.c\(\d+\):)?ERROR:(?:105:)? Unable to locate a modulefile for "
        r"'(?P<name>[^']+)'",
        "the module {name} is not there",
        ANOTHER_MODULE,
    ),
    Rule(
        Telling.CAUSE,
        _SHELL + r"module: (?:command )?not found",
        "there is no 'module' command on the node",
        "add the line that defines it, such as 'source /etc/profile', to the setup in the "
        "cluster's description, or leave the modules out",
    ),
    # conda
    Rule(
        Telling.CAUSE,
        _SHELL + r"(?P<name>conda|mamba|micromamba): (?:command )?not found",
        "there is no {name} on the node",
        CONDA_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        r"CondaError: Run 'conda init' before 'conda \w+'|CommandNotFoundError: Your shell has not "
        r"been properly configured to use 'conda \w+'\.?",
        "conda is not set up for the job's shell",
        CONDA_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        r"(?:EnvironmentNameNotFound: )?Could not find conda environment: (?P<name>\S+)\s*",
        "the conda environment {name} is not there",
        "'conda info --envs' lists what there is: name one in the cluster's description",
    ),
    Rule(
        Telling.CAUSE,
        r"EnvironmentLocationNotFound: Not a conda environment: (?P<name>.+)",
        "{name} is no conda environment",
        "'conda info --envs' lists what there is: name one in the cluster's description",
    ),
    # Python
    Rule(
        Telling.CAUSE,
        _SHELL + r"(?P<name>\S*python[\d.]*): (?:(?:command )?not found|No such file or directory"
        r"|cannot execute.*|Permission denied)",
        "the interpreter {name} cannot be run on the node",
        PYTHON_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        _STEPD + r"execve\(\): (?P<name>\S+): (?P<why>.+)",
        "{name} cannot be run on the node: {why}",
        PYTHON_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        r"(?:ModuleNotFoundError: No module named '(?P<name>[^']+)'.*)"
        r"|(?:\S*python[\d.]*: No module named (?P<asked>\S+))",
        "the Python module {name} is not installed there",
        "install it in the environment that the cluster's description names, or name another",
    ),
    Rule(
        Telling.CAUSE,
        r"\S*python[\d.]*: can't open file '?(?P<name>[^']+)'?: \[Errno 2\].*",
        "the program {name} is not there",
        "use a path that the compute nodes see too",
    ),
    # The GPU, and the ranks that talk to each other
    Rule(
        Telling.CAUSE,
        r"RuntimeError: (?:No CUDA GPUs are available|No HIP GPUs are available|Found no NVIDIA "
        r"driver.*)|AssertionError: Torch not compiled with CUDA enabled",
        "there is no GPU that torch can use",
        SEE_GPUS,
    ),
    Rule(
        Telling.CAUSE,
        r"(?:\w[\w.]*Error): (?:CUDA|HIP) error: (?P<why>.+)",
        "the GPU failed: {why}",
        "submit it again; if it fails on the same node, leave that out with --exclude",
    ),
    Rule(
        Telling.PEER,
        r"No complete result: (?P<why>rank 0 .*(?:ended without a word|cannot be reached).*)",
        "{why}",
        "it was killed or broke: when memory ran out, dmesg on its node or sacct says so",
    ),
    Rule(
        Telling.PEER,
        r"(?:ncclRemoteError|ncclSystemError): .*|\w[\w.]*Error: .*NCCL (?:error|Error).*"
        r"(?:remote|system) error.*",
        "NCCL lost the connection between the ranks",
        SEE_RANKS + "; NCCL_DEBUG=INFO in the variables of the description makes NCCL say more",
    ),
    Rule(
        Telling.CAUSE,
        r"\w[\w.]*Error: .*NCCL [Ee]rror(?: in)?[ :]*(?P<why>.*)|nccl\w+Error: (?P<told>.+)",
        "NCCL failed: {why}",
        "set NCCL_DEBUG=INFO in the variables of the cluster's description: NCCL then says more",
    ),
    Rule(
        Telling.CAUSE,
        r"\[E.*ProcessGroupNCCL.*Watchdog caught collective operation timeout.*",
        "a rank waited for the others in vain (NCCL's watchdog)",
        SEE_RANKS,
    ),
    Rule(
        Telling.PEER,
        r"\w[\w.]*Error: .*(?:Connection closed by peer|Connection reset by peer|Broken pipe"
        r"|Connection refused|gloo.*(?:Timed out|timeout)|connectFullMesh failed).*",
        "a rank lost the connection to the others",
        SEE_RANKS,
    ),
    Rule(
        Telling.CAUSE,
        r"\w[\w.]*Error: .*(?:EADDRINUSE|[Aa]ddress already in use).*",
        "another process on the node has the port of this run",
        "submit it again: each job takes another port",
    ),
    Rule(
        Telling.PEER,
        r"(?:[\w.]*\.)?Dist(?:Network|Store)Error: (?P<why>.+)",
        "the ranks did not find each other: {why}",
        "see whether every rank has started, and whether the nodes may talk to each other",
    ),
    # The disk
    Rule(
        Telling.CAUSE,
        r"(?:\S+: (?:.*: )?)?(?:\[Errno 28\] )?No space left on device(?:: .*)?",
        "the disk is full",
        FREE_SPACE,
    ),
    Rule(
        Telling.CAUSE,
        r"(?:\S+: (?:.*: )?)?(?:\[Errno 122\] )?Disk quota exceeded(?:: .*)?",
        "your share of the disk is full (quota)",
        FREE_SPACE,
    ),
    # A program that broke
    Rule(
        Telling.CAUSE,
        rf"(?:{_KILLED}|{_TASK})?(?P<what>Segmentation fault|Bus error|Illegal instruction)"
        r"(?: \(core dumped\))?(?:\s.*)?",
        "a process broke: {what}",
        "a Bus error often is a full /dev/shm or disk; an Illegal instruction, a program built "
        "for other processors",
    ),
    # The shell
    Rule(
        Telling.HINT,
        _SHELL + r"(?P<name>\S+): (?:command )?not found",
        "there is no {name} on the node",
        "load the module that has it, or give its whole path, in the cluster's description",
    ),
    Rule(
        Telling.HINT,
        _SHELL + r"(?:\.: (?:cannot open )?)?(?P<name>[^:]+): No such file(?: or directory)?",
        "{name} is not there on the node",
        "use a path that the compute nodes see too",
    ),
    Rule(
        Telling.HINT,
        r"(?:" + _SHELL + r"|PermissionError: \[Errno 13\] )(?P<name>.+): Permission denied"
        r"|PermissionError: \[Errno 13\] Permission denied: '(?P<path>[^']+)'",
        "{name} may not be used: permission denied",
        "look at its rights (ls -l), or take a place of your own",
    ),
    # What ended it, when nothing says why
    Rule(
        Telling.CANCELLED,
        _STEPD + r"\*\*\* JOB \S+ ON \S+ CANCELLED(?: AT \S+)? \*\*\*",
        "the job was cancelled (scancel)",
        "submit it again if that was not meant",
    ),
    Rule(
        Telling.EXIT,
        rf"(?:{_KILLED}|{_TASK})?Killed(?: \(core dumped\))?(?:\s.*)?",
        "a process was killed, perhaps for want of memory",
        MORE_MEMORY,
    ),
    Rule(
        Telling.EXIT,
        rf"(?:{_KILLED}|{_TASK})Aborted(?: \(core dumped\))?(?:\s.*)?",
        "a process gave up (abort)",
        READ_ABOVE,
    ),
    Rule(
        Telling.EXIT,
        _TASK + r"Exited with exit code (?P<code>\d+)",
        "rank {task} ended with exit code {code}",
        READ_ABOVE,
    ),
    Rule(
        Telling.STEP,
        _STEPD + r"\*\*\* STEP \S+ ON \S+ CANCELLED(?: AT \S+)? \*\*\*",
        "the job's ranks were stopped: one of them failed, or scancel did it",
        READ_ABOVE,
    ),
    Rule(
        Telling.TERMINATED,
        rf"(?:{_KILLED}|{_TASK})?Terminated(?:\s.*)?",
        "a process was told to end",
        READ_ABOVE,
    ),
)
