"""Templates of a class's own: what they leave out, and memory for each CPU core."""

from __future__ import annotations

from pathlib import Path

import pytest
from sbatch_reference import directives

from workshop.slurm.cluster.description import Cluster, Network, Scheduling
from workshop.slurm.job.directives import job_name, options
from workshop.slurm.job.request import Request, Wishes, make_request
from workshop.slurm.job.template import render
from workshop.stages import settings_of
from workshop.util.errors import UsageError

REQUEST = Request(stage="tp", job_name="x", output="/x.out", nodes=2, tasks_per_node=2)


def rendered(tmp_path: Path, template: str, request: Request = REQUEST) -> str:
    (tmp_path / "tp.slurm.j2").write_text(template + "\n{{ command }}\n")
    return render(request, ["true"], tmp_path)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("#SBATCH --nodes=2", "has no --ntasks-per-node, and this job needs --ntasks-per-node=2"),
        ("#SBATCH --ntasks=4", "has no --nodes, and this job needs --nodes=2"),
        ("#SBATCH -N 2\ntrue\n#SBATCH -n 4", "has no --ntasks-per-node"),
        ("#SBATCH -N2 -n4 -M other", "sends jobs to the cluster other"),
        ("#SBATCH -N2 -n4 --clusters=other", "'export SLURM_CLUSTERS=other'"),
    ],
)
def test_a_template_that_leaves_ranks_out_is_refused_in_one_sentence(
    tmp_path: Path, template: str, said: str
) -> None:
    with pytest.raises(UsageError) as error:
        rendered(tmp_path, template)
    assert said in str(error.value)
    assert "the template tp.slurm.j2" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "template",
    [
        "#SBATCH --nodes={{ nodes }} --ntasks-per-node={{ tasks_per_node }}",
        "#SBATCH -N 2 # two nodes\n#SBATCH -n 4",
        "#SBATCH -N2\n#SBATCH --tasks-per-node 2",
    ],
)
def test_a_template_may_ask_for_its_ranks_in_any_spelling(tmp_path: Path, template: str) -> None:
    assert rendered(tmp_path, template).endswith("true\n")


def test_one_rank_a_node_needs_no_directive_for_it(tmp_path: Path) -> None:
    one_each = Request(stage="tp", job_name="x", output="/x.out", nodes=2)
    assert rendered(tmp_path, "#SBATCH --nodes=2", one_each)


def test_a_cluster_that_all_commands_follow_may_be_named(tmp_path: Path) -> None:
    request = Request(stage="tp", job_name="x", output="/x.out", options={"clusters": "big"})
    assert rendered(tmp_path, "#SBATCH --clusters=big", request)


def test_directives_are_read_as_sbatch_reads_them() -> None:
    script = "#!/bin/sh\n\n#SBATCH -n4 --mem 3G # --not=this\n# SBATCH -N 9\ntrue\n#SBATCH -N 8\n"
    assert dict(options(script)) == {"-n": "4", "--mem": "3G"}
    assert dict(options("#SBATCH --comment='unfinished\n")) == {}


def request_of(cluster: Cluster, **values: str) -> Request:
    wishes = Wishes(values=values)
    return make_request(cluster, settings_of("baseline"), wishes, Path("/here"), "python")


def test_memory_is_asked_for_each_node_or_for_each_cpu() -> None:
    by_cpu = Cluster(slurm=Scheduling(mem_per_cpu="4G"))
    text = render(request_of(by_cpu), ["true"])
    assert "--mem-per-cpu=4G" in directives(text)
    assert "--mem=" not in text
    assert request_of(by_cpu, mem="16G").mem_per_cpu is None
    assert request_of(Cluster(slurm=Scheduling(mem="9G")), mem_per_cpu="2G").mem is None


@pytest.mark.parametrize(
    ("cluster", "values", "said"),
    [
        (Cluster(slurm=Scheduling(mem="1G", mem_per_cpu="1G")), {}, "remove one of them"),
        (Cluster(network=Network("i", "ib0")), {}, "remove one of them"),
        (Cluster(), {"mem": "1G", "mem_per_cpu": "1G"}, "a job has one of them"),
    ],
)
def test_alternatives_together_are_one_sentence(
    cluster: Cluster, values: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        request_of(cluster, **values)


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("#SBATCH --job-name=x", "x"),
        ("#SBATCH -J x", "x"),
        ("#SBATCH --job-name=x\n#SBATCH --job-name='of the class'", "of the class"),
        ("#SBATCH --nodes=1\necho\n#SBATCH --job-name=x", None),
    ],
)
def test_the_name_of_a_job_is_the_last_that_its_script_gives(lines: str, name: str | None) -> None:
    assert job_name(f"#!/bin/bash\n{lines}\n") == name
