"""What conda, Python, the loader, containers, the disk and the shell say of a node."""

from __future__ import annotations

from workshop.record.readers.ending import (
    ERROR,
    IN_THE_SETUP,
    KILLED,
    SHELL,
    STEPD,
    TASK,
    Rule,
    Telling,
)

_CONDA_SETUP = (
    "add the line that finds conda, such as 'source DIR/etc/profile.d/conda.sh', to the setup "
    "in the cluster's description"
)
_CONDA_LIST = "'conda info --envs' lists what there is: name one in the cluster's description"
_PYTHON_SETUP = "name the environment's interpreter in the cluster's description, as python"
_FREE_SPACE = "free some space, or point TORCHINDUCTOR_CACHE_DIR and TMPDIR somewhere else"
_IMAGE = "see that the path or name is right, and that compute nodes can read the file or registry"
_PYXIS = rf"(?:{STEPD}|srun: error: )?pyxis: +"
_BEFORE = r"(?:\S+: (?:.*: )?)?"  # the program that says it, and what it was at

CONDA = (
    Rule(
        Telling.CAUSE,
        SHELL + r"(?P<name>conda|mamba|micromamba): (?:command )?not found",
        "there is no {name} on the node",
        _CONDA_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        r"CondaError: Run 'conda init' before 'conda \w+'|CommandNotFoundError: Your shell has not "
        r"been properly configured to use 'conda \w+'\.?",
        "conda is not set up for the job's shell",
        _CONDA_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        r"(?:EnvironmentNameNotFound: )?Could not find conda environment: (?P<name>\S+)\s*",
        "the conda environment {name} is not there",
        _CONDA_LIST,
    ),
    Rule(
        Telling.CAUSE,
        r"EnvironmentLocationNotFound: Not a conda environment: (?P<name>.+)",
        "{name} is no conda environment",
        _CONDA_LIST,
    ),
)

# Before the interpreter's own rules: an interpreter for another processor is one of these.
PROGRAMS = (
    Rule(
        Telling.CAUSE,
        SHELL + r"(?P<name>[^:]+): (?:cannot execute binary file(?:: Exec format error)?"
        r"|(?:cannot execute: )?Exec format error)"
        rf"|{ERROR}\[Errno 8\] Exec format error: '?(?P<name_2>[^']+)'?"
        r"|exec (?P<name_3>/\S+): exec format error",
        "{name} is no program that this node can run (Exec format error)",
        "compare 'file {name}' with 'uname -m' on the node; a script needs #! in its first line",
    ),
    Rule(
        Telling.CAUSE,
        rf"{ERROR}\[Errno 8\] Exec format error",
        "a file is no program that this node can run (Exec format error)",
        "compare 'file' of it with 'uname -m' on the node; a script needs #! in its first line",
    ),
    Rule(
        Telling.CAUSE,
        SHELL + r"(?P<name>[^:]+): (?:cannot execute: required file not found"
        r"|(?P<why>[^:]+): bad interpreter: .*)",
        "{name} cannot be run on the node: the interpreter or loader that it names is not there",
        "see its first line (#!), or 'file {name}', and install or load what it names",
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{ERROR}|\S+: )\S+: version [`'](?P<name>(?:GLIBC|GLIBCXX|CXXABI)_[\w.]+)' not found"
        r"(?: \(required by [^)]+\))?",
        "a program needs a newer C or C++ library than the node has ({name} is missing)",
        "install the environment on such a node, or load a newer compiler's module in "
        + IN_THE_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:\S+: error while loading shared libraries: |{ERROR})(?P<name>[\w.+/-]+\.so[\w.]*): "
        r"cannot open shared object file: .*",
        "the library {name} is not found on the node",
        "load the module or activate the environment that has it (LD_LIBRARY_PATH) in "
        + IN_THE_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{KILLED}|{TASK})?Illegal instruction(?: \(core dumped\))?(?:\s.*)?",
        "a program was built for other processors than the node's (Illegal instruction)",
        "build or install it on such a node, or ask for nodes of the kind that it was built on "
        "(--constraint)",
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{KILLED}|{TASK})?Floating point exception(?: ?\(core dumped\))?(?:\s.*)?",
        "a process broke: it divided a whole number by 0 (Floating point exception)",
        "PYTHONFAULTHANDLER=1 in the description's variables makes Python say where",
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{KILLED}|{TASK})?(?P<what>Segmentation fault|Bus error|Trace/breakpoint trap"
        r"|Bad system call)"
        r"(?: \(core dumped\))?(?:\s.*)?",
        "a process broke: {what}",
        "a Bus error often is a full /dev/shm or disk; for a Segmentation fault, "
        "PYTHONFAULTHANDLER=1 in the description's variables makes Python say where",
    ),
)

PYTHON = (
    Rule(
        Telling.CAUSE,
        SHELL + r"(?P<name>\S*python[\d.]*): (?:(?:command )?not found|No such file or directory"
        r"|cannot execute.*|Permission denied)",
        "the interpreter {name} cannot be run on the node",
        _PYTHON_SETUP,
    ),
    Rule(
        Telling.CAUSE,
        r"(?:ModuleNotFoundError: No module named '(?P<name>[^']+)'.*)"
        r"|(?:\S*python[\d.]*: No module named (?P<name_2>\S+))",
        "the Python module {name} is not installed there",
        "install it in the environment that the cluster's description names, or name another",
    ),
    Rule(
        Telling.CAUSE,
        r"\S*python[\d.]*: can't open file '?(?P<name>[^']+)'?: \[Errno 2\].*",
        "the program {name} is not there",
        "use a path that the compute nodes see too",
    ),
)

CONTAINERS = (
    Rule(
        Telling.CAUSE,
        r"FATAL: +(?:While .*: )?could not open image (?P<name>[^:]+(?::\w+)?): .*"
        r"no such file or director.*|FATAL: +open (?P<name_2>\S+): no such file or directory",
        "the container image {name} is not there",
        _IMAGE,
    ),
    Rule(
        Telling.CAUSE,
        r"FATAL: +(?:While .*: )?could not open image (?P<name>[^:]+(?::\w+)?): (?P<why>.+)"
        r"|FATAL: +Unable to handle (?P<name_2>\S+) uri: (?P<why_2>.+)",
        "the container image {name} cannot be used: {why}",
        _IMAGE,
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{_PYXIS})?\[ERROR\] No such file or directory: (?P<name>\S+)",
        "the container image or file {name} is not there (enroot)",
        _IMAGE,
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{_PYXIS})?\[ERROR\] URL (?P<name>\S+) returned error code: (?P<why>.+)",
        "the container registry refused {name}: {why}",
        "see that the image's name is right, and log in to the registry "
        "(~/.config/enroot/.credentials)",
    ),
    Rule(
        Telling.CAUSE,
        _PYXIS + r"error: a container with name \"(?P<name>[^\"]+)\" does not exist.*",
        "the container {name} is not there",
        "create it first, or name an image: --container-image",
    ),
    Rule(
        Telling.VAGUE,
        _PYXIS + r"failed to (?:import docker image|create container filesystem for image): "
        r"(?P<name>\S+).*",
        "the container image {name} could not be fetched or unpacked (pyxis)",
        _IMAGE,
    ),
    Rule(
        Telling.VAGUE,
        _PYXIS + r"failed to (?:import docker image|create container filesystem)",
        "a container image could not be fetched or unpacked (pyxis)",
        _IMAGE,
    ),
    Rule(
        Telling.VAGUE,
        _PYXIS + r"(?:couldn't start container|container start failed .*)",
        "the container could not be started (pyxis)",
        "the lines of pyxis before it in the log tell why",
    ),
    Rule(
        Telling.CAUSE,
        r"docker: Error response from daemon: (?P<why>(?:pull access denied|manifest for|No such "
        r"image).*)",
        "the container image is not there: {why}",
        _IMAGE,
    ),
)

DISK = (
    Rule(
        Telling.CAUSE,
        _BEFORE + r"(?:\[Errno 28\] )?No space left on device(?:: .*)?"
        rf"|{ERROR}.*No space left on device.*",
        "the disk is full",
        _FREE_SPACE,
    ),
    Rule(
        Telling.CAUSE,
        _BEFORE + r"(?:\[Errno 122\] )?Disk quota exceeded(?:: .*)?"
        rf"|{ERROR}.*Disk quota exceeded.*",
        "your share of the disk is full (quota)",
        _FREE_SPACE,
    ),
    Rule(
        Telling.CAUSE,
        _BEFORE + r"(?:\[Errno 116\] )?Stale (?:NFS )?file handle(?:: .*)?",
        "a file or directory on a network file system was replaced or unmounted (stale file "
        "handle)",
        "change into the directory anew and submit it again; if that fails on the same node, "
        "leave that out with --exclude",
    ),
)

# Any program: last, since so much fits
ANY_SHELL = (
    Rule(
        Telling.HINT,
        SHELL + r"(?P<name>\S+): (?:command )?not found",
        "there is no {name} on the node",
        "load the module that has it, or give its whole path, in the cluster's description",
    ),
    Rule(
        Telling.HINT,
        SHELL + r"(?:\.: (?:cannot open )?)?(?P<name>[^:]+): No such file(?: or directory)?",
        "{name} is not there on the node",
        "use a path that the compute nodes see too",
    ),
    Rule(
        Telling.HINT,
        r"(?:" + SHELL + r"|PermissionError: \[Errno 13\] )(?P<name>.+): Permission denied"
        r"|PermissionError: \[Errno 13\] Permission denied: '(?P<name_2>[^']+)'",
        "{name} may not be used: permission denied",
        "look at its rights (ls -l), or take a place of your own",
    ),
)
