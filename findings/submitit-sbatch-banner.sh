#!/usr/bin/env bash
# submitit takes the first "job N" that sbatch prints for the job, also out of a site's own message.
#
# Sites print to sbatch's standard output from wrappers and plugins: budgets, advice, other jobs.
# submitit 1.5.4 searches all of it for "job " and digits (SlurmExecutor,
# _get_job_id_from_submission_command) and takes the first that it finds:
#
#     budget: your last job 99 was cheap
#     Submitted batch job 4242             ->  job.job_id is 99
#
# Whoever waits for that job, or cancels it, waits for or cancels another one. sbatch's own words,
# at the beginning of a line, or the last line, would tell.
#
# Seen on 2026-11-30 with Python 3.11, x86-64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet submitit==1.5.4
mkdir "$folder/bin"
printf '#!/bin/sh\necho budget: your last job 99 was cheap\necho Submitted batch job 4242\n' \
    > "$folder/bin/sbatch"
printf '#!/bin/sh\n' > "$folder/bin/srun"
chmod +x "$folder/bin/sbatch" "$folder/bin/srun"
PATH="$folder/bin:$PATH" "$folder/venv/bin/python" - "$folder/runs" <<'PYTHON'
import sys

import submitit

job = submitit.SlurmExecutor(folder=sys.argv[1]).submit(print, "never runs")
print(f"sbatch submitted job 4242, submitit {submitit.__version__} has job {job.job_id}")
assert job.job_id == "99", "this has changed"
PYTHON
