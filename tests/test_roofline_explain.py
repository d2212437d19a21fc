"""The arithmetic that is written out is the arithmetic that was done."""

from __future__ import annotations

import re

import pytest
from roofline_builders import device, plan

from workshop.roofline.efficiency import IDEAL, Efficiency, expected
from workshop.roofline.explain import explained
from workshop.roofline.inference import predict
from workshop.roofline.models import find_model
from workshop.roofline.speculative import Speculation
from workshop.roofline.workload import Workload

NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"
READING = re.compile(rf"reading: {NUMBER} GB / \({NUMBER} GB/s x {NUMBER}\) = {NUMBER} ms")
COMPUTING = re.compile(rf"computing: {NUMBER} G / \({NUMBER} TFLOP/s x {NUMBER}\) = {NUMBER} ms")
TOGETHER = re.compile(rf"together: {NUMBER} ms \+ {NUMBER} x {NUMBER} ms = {NUMBER} ms")
WEIGHTS = re.compile(
    rf"bytes: {NUMBER} layers x \({NUMBER} M weights x {NUMBER} bits / 8 \+ {NUMBER} x {NUMBER} "
    rf"values x {NUMBER} bytes\)(?: / {NUMBER} ranks)? = {NUMBER} GB"
)

CASES = [
    ("w16a16", 1, True, IDEAL),
    ("w4a16", 2, True, expected()),
    ("w8a16", 1, False, expected()),
]


def lines(dtype: str, tp: int, compiled: bool, reached: Efficiency) -> list[str]:
    way = plan(dtype, tp=tp, compiled=compiled)
    return explained(find_model("llama-2-7b"), device(), Workload(), way, reached)


def numbers(pattern: re.Pattern[str], text: str) -> list[list[float]]:
    return [[float(one or 1) for one in found.groups()] for found in pattern.finditer(text)]


@pytest.mark.parametrize(("dtype", "tp", "compiled", "reached"), CASES)
def test_every_line_comes_to_what_it_says(
    dtype: str, tp: int, compiled: bool, reached: Efficiency
) -> None:
    text = "\n".join(lines(dtype, tp, compiled, reached))
    for read, bandwidth, part, ms in numbers(READING, text):
        assert read / (bandwidth * part) * 1e3 == pytest.approx(ms, rel=0.005)
    for flop, peak, part, ms in numbers(COMPUTING, text):
        assert flop / (peak * part) == pytest.approx(ms, rel=0.005)
    for longer, part, shorter, ms in numbers(TOGETHER, text):
        assert longer + part * shorter == pytest.approx(ms, rel=0.005)
    found = numbers(WEIGHTS, text)
    assert len(found) == 4  # attention and MLP, of prefill and of decode
    for layers, weights, bits, rows, values, size, ranks, gigabytes in found:
        total = layers * (weights * 1e6 * bits / 8 + rows * values * size) / ranks
        assert total / 1e9 == pytest.approx(gigabytes, rel=0.005)


@pytest.mark.parametrize(("dtype", "tp", "compiled", "reached"), CASES)
def test_the_last_lines_are_the_prediction(
    dtype: str, tp: int, compiled: bool, reached: Efficiency
) -> None:
    way = plan(dtype, tp=tp, compiled=compiled)
    found = predict(find_model("llama-2-7b"), device(), Workload(), way, reached)
    text = "\n".join(lines(dtype, tp, compiled, reached)[-4:])
    assert f"TTFT = {found.ttft_seconds * 1e3:.4g} ms" in text
    assert f"TPOT = {found.tpot_seconds * 1e3:.4g} ms" in text
    assert f"= {found.mbu:.1%}" in text


def test_all_reduces_and_calls_from_python_are_counted_out() -> None:
    text = "\n".join(lines("w16a16", 2, False, expected()))
    assert "all_reduce: 64 of 8.192 kB over 2 ranks" in text
    assert "1478 calls from Python x" in text


def test_speculation_is_written_out_too() -> None:
    guessed = Speculation(find_model("tinyllama-1.1b"), 3, 0.7)
    text = "\n".join(
        explained(find_model("llama-2-7b"), device(), Workload(), plan(), expected(), guessed)
    )
    assert "(1 - a^4) / (1 - a) = 2.533" in text
    assert "of tinyllama-1.1b +" in text


def test_the_values_of_the_device_stand_above_each_with_its_source() -> None:
    found = lines("w4a16", 2, True, IDEAL)
    for value in ("2039 GB/s from memory", "19.5 TFLOP/s of its ordinary units", "300 GB/s to its"):
        place = next(i for i, line in enumerate(found) if line.startswith(f"  {value}"))
        assert found[place + 1].strip().startswith("https://")
    assert not any("300 GB/s to its" in line for line in lines("w16a16", 1, True, IDEAL))
