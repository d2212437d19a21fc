"""What launchers, loggers and log collectors put before a line, and the line without it.

srun --label, mpirun, torchrun, pdsh, Ray, vLLM, Python's loggers, glog, journald, docker compose,
kubectl and Slurm's own time stamps (slurm.conf: LogTimeFormat) all do. Prefixes may be stacked.
"""

from __future__ import annotations

import re

_MOST = 8  # prefixes of one line

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ISO = rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
_SYSLOG = (
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
    rf"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d {_CLOCK}(?: \d{{4}})?"
)
_UNIX = r"\d{9,10}(?:\.\d{1,9})?"
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)"
_CALLER = r"[\w.]{1,80}:[\w.<>]{1,80}:\d+ - "  # module:function:12, of loguru
_FILE = r"\[?[\w./-]{1,120}\.(?:py|cc|cpp|cu|c|go|rs):\d{1,6}(?::[\w.<>]{1,80})?\]?:?(?: -)?(?: |$)"
# A bar that sets off a logger's fields; one that begins a row of a table belongs to the line.
_BAR = rf"\|(?! ?+(?!{_LEVEL}\b|{_CALLER})(?:[^|]*\|){{2}})"
# syslog's host and program; without a process id, no words such as 'total duration:'
_HOST = r"(?=[A-Za-z][\w-]{0,62}(?:[.-]\w|\d[\w-]{0,62} )|localhost )[\w.-]{1,64}"
_NOT_A_PROGRAM = r"(?!(?:count|duration|latency|rate|size|speed|throughput|time|tokens|total)\b)"
# A prefix that reaches to the end of its line was followed by an empty line of the program.
_END = r"(?: |$)"

# The group of a prefix that names a process, where it has one, is that name.
_PREFIXES = (
    # srun --label, mpirun --tag-output, torch and torchrun
    r"(?! *\d\d:\d\d:) *(?P<who_label>\d{1,5}): ?",
    r"(?P<who_mpi>\[(?:[\w.-]{1,200}@)?\d{1,9},\d{1,5}\])(?:<std\w{3,4}>)?: ?",
    r"(?P<who_rank>\[[A-Za-z_]{1,30}:? ?\d{1,5}\]):? ?",
    r"(?P<who_number>\[\d{1,5}\]): ?",
    # Ray, vLLM: (EngineCore_DP0 pid=4711), (raylet, ip=10.0.0.7)
    rf"(?P<who_process>\([A-Za-z][^()]{{0,100}}\bpid=\d+[^()]{{0,60}}\)){_END}",
    rf"(?P<who_ray>\((?:raylet|autoscaler|gcs_server)(?:,[^()]{{0,60}})?\)){_END}",
    # kubectl logs --prefix, docker compose
    rf"(?P<who_pod>\[pod/[^\]\s]{{1,200}}\]){_END}",
    rf"(?!{_UNIX} )(?P<who_service>[a-z0-9][\w.-]{{0,62}}) {{1,40}}\|{_END}",
    # vLLM's logger, glog's, torch's
    rf"{_LEVEL} +\d\d-\d\d {_CLOCK} \[?[^\[\]]{{1,120}}\]{_END}",
    rf"\[?[A-Z]\d{{4}} {_CLOCK} [^\[\]]{{1,160}}\]{_END}",
    # journald, syslog
    rf"{_SYSLOG} (?!{_LEVEL}\b)[\w.-]{{1,64}} (?P<who_unit>[\w./@-]{{1,64}}\[\d+\]): ?",
    rf"{_SYSLOG} (?!{_LEVEL}\b){_HOST} {_NOT_A_PROGRAM}"
    r"(?P<who_program>[A-Za-z_][\w./@-]{0,63}): ?",
    rf"{_ISO} [\w.-]{{1,64}} (?P<who_daemon>[\w./@-]{{1,64}}\[\d+\]): ?",
    # Time stamps: Slurm's are in brackets, and those of thread_id have brackets in them
    rf"\[(?:{_ISO}|{_SYSLOG}|{_CLOCK}|{_UNIX}| *\d+(?:\.\d+)?)"
    r"[^\[\]]{0,60}(?:\[[^\[\]]{0,16}\][^\[\]]{0,60})?\]:?" + _END,
    rf"(?:{_ISO}|{_SYSLOG}|(?:\d\d-\d\d )?{_CLOCK}|{_UNIX}):?(?: (?:-|{_BAR}))?{_END}",
    # llama.cpp's
    r"\d{1,4}\.\d\d\.\d{3}\.\d{3} [A-Z] ",
    # Hydra's logger: [time][name][level] -
    rf"\[{_ISO}\](?:\[[\w.]{{1,80}}\])?\[{_LEVEL}\](?: -)?{_END}",
    rf"std(?:out|err) [FP]{_END}",
    # Python's loggers, after a time stamp: name - ERROR - , ERROR | module:function:12 - , [ERROR],
    # INFO main.py:12 , [INFO] [main.py:12:main]
    rf"(?:[\w.]{{1,80}} [-:|] ?)?(?:\[{_LEVEL}\]|{_LEVEL})(?::[\w.]{{1,80}}:| *(?:[-:]|{_BAR}))? *"
    rf"(?:{_CALLER}|{_FILE})?(?<=[ :])",
    # pdsh
    r"(?P<who_host>[a-z][a-z0-9.-]{0,62}\d(?:\.[a-z][a-z0-9-]{0,62}){0,5}): ",
)
_PREFIX = re.compile(rf" {{0,3}}(?:{'|'.join(_PREFIXES)})")
_REPEATED = re.compile(r" \[repeated \d{1,9}x across cluster\].*")  # Ray's, after a line


def layers(line: str) -> tuple[str, list[str]]:
    """The process that a line names before itself, and the line as each prefix leaves it.

    The first of the list is the line as it is, the last has no known prefix. The process is ''
    where there is none; of several names, all.
    """
    left = [line]
    names: list[str] = []
    while len(left) <= _MOST and (match := _PREFIX.match(left[-1])) is not None:
        if match.lastgroup is not None:
            names.append(match[match.lastgroup])
        left.append(left[-1][match.end() :])
    if "[repeated " in left[-1]:
        left.append(_REPEATED.sub("", left[-1]))
    return " ".join(names), left


def without_prefixes(line: str) -> tuple[str, str]:
    """The process that a line names before itself, and the line without any known prefix."""
    name, left = layers(line)
    return name, left[-1]
