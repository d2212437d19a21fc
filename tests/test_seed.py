"""Seeds have 64 bits, in every command and in the functions for notebooks."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from workshop.cli import cli
from workshop.stages import settings_of
from workshop.stages.settings import LEAST_SEED, MOST_SEED, changed
from workshop.util.errors import UsageError

COMMANDS = [
    ["run", "baseline"],
    ["demo"],
    ["submit", "baseline", "--dry-run"],
    ["render", "baseline"],
    ["profile", "baseline"],
    ["check"],
    ["exercises", "verify"],
    ["grade", ".", "--roster", __file__, "-o", "out"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("seed", [2**63, 10**23, -(10**23)])
def test_a_seed_beyond_64_bits_is_one_sentence_and_exit_code_2(
    command: list[str], seed: int
) -> None:
    done = CliRunner().invoke(cli, [*command, "--seed", str(seed)])
    assert done.exit_code == 2
    last = done.output.splitlines()[-1]
    assert re.fullmatch(
        rf"Error: Invalid value for '--seed': {seed} is not in the range from \S+ to {MOST_SEED}",
        last,
    )


@pytest.mark.parametrize("seed", ["1.5", "x", "", "nan", "9" * 5000])
def test_a_seed_is_a_whole_number(seed: str) -> None:
    done = CliRunner().invoke(cli, ["run", "baseline", "--seed", seed])
    assert (done.exit_code, "Invalid value for '--seed'" in done.output) == (2, True)


@pytest.mark.parametrize("seed", [LEAST_SEED, -1, 0, MOST_SEED])
def test_a_seed_of_64_bits_draws_tokens(seed: int) -> None:
    words = ["run", "baseline", "--model", "tiny:1", "--samples", "2", "--new-tokens", "2"]
    drawn = [*words, "--temperature", "1", "--seed", str(seed), "--json"]
    done = CliRunner().invoke(cli, drawn)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("seed", [LEAST_SEED - 1, MOST_SEED + 1])
def test_a_notebook_is_told_the_bounds(seed: int) -> None:
    with pytest.raises(UsageError, match=f"at least {LEAST_SEED} and at most {MOST_SEED}"):
        changed(settings_of("baseline"), {"seed": seed})
