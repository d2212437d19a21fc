"""Devices are data: found whatever their spelling, added by a site, and never guessed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from roofline_builders import device

from workshop.roofline.device import Device, devices, find_device, read_devices
from workshop.roofline.errors import RooflineError

# reference.md's table: memory GB, bandwidth GB/s, fp16 TFLOP/s, link GB/s.
PUBLISHED = {
    "v100-sxm-16gb": (16, 900, 125, 150),
    "v100-sxm-32gb": (32, 900, 125, 150),
    "a100-sxm-40gb": (40, 1555, 312, 300),
    "a100-pcie-40gb": (40, 1555, 312, 300),
    "a100-pcie-80gb": (80, 1935, 312, 300),
    "a100-sxm-80gb": (80, 2039, 312, 300),
    "h100-pcie-80gb": (80, 2000, 756, 300),
    "h100-sxm-80gb": (80, 3350, 989, 450),
    "h200-sxm-141gb": (141, 4800, 989, 450),
    "a10-24gb": (24, 600, 125, 32),
    "a10g-24gb": (24, 600, 70, 32),
    "mi100-32gb": (32, 1228.8, 184.6, 138),
    "mi210-64gb": (64, 1638.4, 181, 150),
    "mi250-package-128gb": (128, 3276.8, 362.1, 400),
    "mi250x-package-128gb": (128, 3276.8, 383, 400),
    "mi300x-192gb": (192, 5300, 1307, 448),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_devices_have_the_published_figures(name: str) -> None:
    found = device(name)
    figures = (found.memory_gb, found.bandwidth_gb_per_s, found.fp16_tflops, found.link_gb_per_s)
    assert figures == PUBLISHED[name]


@pytest.mark.parametrize("kind", ["mi250", "mi250x"])
def test_a_die_of_a_package_of_two_is_half_of_it(kind: str) -> None:
    die, package = device(f"{kind}-gcd-64gb"), device(f"{kind}-package-128gb")
    for figure in ("memory_gb", "bandwidth_gb_per_s", "fp16_tflops", "link_gb_per_s"):
        assert getattr(package, figure) == pytest.approx(2 * getattr(die, figure))


def test_every_value_has_its_source_beside_it() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(Device)}
    for one in devices({}, ()).values():
        for name, default in defaults.items():
            if name in ("name", "aliases", "sources"):
                continue
            if getattr(one, name) != default:
                assert len(one.sources[name]) > 2, f"{name} of {one.name}"


def test_a_value_is_of_a_page_that_was_read_or_called_unchecked_here_and_in_the_docs() -> None:
    docs = (Path(__file__).parent.parent / "docs" / "predict.md").read_text("utf-8")
    for one in devices({}, ()).values():
        unchecked = [key for key, said in one.sources.items() if "unchecked" in said]
        if unchecked:
            assert f"\n| {one.name} | {', '.join(unchecked)} |\n" in docs
        else:
            assert f"\n| {one.name} |" not in docs


def test_a_source_may_be_named_once_and_say_more_beside_each_value(tmp_path: Path) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(MINE.replace('"maker"', '"maker: half of the pair"'))
    (found,) = read_devices(path)
    assert found.sources["fp16_tflops"] == "https://example.org/card: half of the pair"


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("A100-SXM-80GB", "a100-sxm-80gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("a100_80gb", "a100-sxm-80gb"),
        ("NVIDIA A100-SXM4-40GB", "a100-sxm-40gb"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm-80gb"),
        ("RTX 4090", "rtx-4090-24gb"),
        ("AMD Instinct MI250X", "mi250x-gcd-64gb"),  # what torch and Slurm call a GPU
        ("mi300x", "mi300x-192gb"),
    ],
)
def test_a_device_is_found_by_any_of_its_names(spelt: str, name: str) -> None:
    assert device(spelt).name == name


def test_no_name_means_two_devices() -> None:
    seen: dict[str, str] = {}
    for one in devices({}, ()).values():
        for name in {one.name, *one.aliases}:
            plain = "".join(char for char in name.lower() if char.isalnum())
            assert seen.setdefault(plain, one.name) == one.name


def test_an_unknown_device_is_refused_with_the_list_and_never_guessed() -> None:
    with pytest.raises(RooflineError) as refused:
        device("a100x")
    said = str(refused.value)
    assert said.startswith("there is no device 'a100x'")
    for name in devices({}, ()):
        assert name in said


def test_what_lacks_an_instruction_computes_in_the_next_wider_one() -> None:
    assert device("v100").peak_flops(4) == device("v100").peak_flops(16) == 125e12
    assert device("h100").peak_flops(4) == device("h100").peak_flops(8) == 1979e12
    assert device("a100").peak_flops(4) == 1248e12


MINE = """
[mine]
aliases = ["My Card"]
memory_gb = [24, "its label"]
bandwidth_gb_per_s = 500
fp16_tflops = [100, "maker"]
fp32_tflops = 50
[sources]
maker = "https://example.org/card"
"""


def test_a_site_adds_its_own_and_a_users_hides_it(tmp_path: Path) -> None:
    site, own = tmp_path / "site", tmp_path / "config" / "workshop"
    for folder in (site, own):
        folder.mkdir(parents=True)
    (site / "devices.toml").write_text(MINE)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    found = find_device("my-card", environ, (site,))
    assert (found.name, found.bandwidth_gb_per_s) == ("mine", 500)
    assert found.sources["memory_gb"] == "its label"
    assert found.sources["fp16_tflops"] == "https://example.org/card"
    assert found.sources["bandwidth_gb_per_s"] == str(site / "devices.toml")
    (own / "devices.toml").write_text(MINE.replace("500", "600"))
    assert find_device("mine", environ, (site,)).bandwidth_gb_per_s == 600
    assert "a100-sxm-80gb" in devices(environ, (site,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("= 500", "= -500"), "bandwidth_gb_per_s is -500, and must be a number above 0"),
        (("= 500", '= "fast"'), "bandwidth_gb_per_s is 'fast'"),
        (("= 500", "= true"), "bandwidth_gb_per_s is True"),
        (("bandwidth_gb_per_s", "bandwith_gb_per_s"), "did you mean bandwidth_gb_per_s"),
        (("fp32_tflops = 50", ""), "fp32_tflops missing"),
        (("fp32_tflops = 50", 'fp32_tflops = 50\nkind = "tpu"'), "kind is 'tpu'"),
        (("fp32_tflops = 50", "fp32_tflops = 50\nlinked = 1"), "linked is 1"),
        (("fp32_tflops = 50", "fp32_tflops = 50\ngpus_per_node = 1.5"), "gpus_per_node is 1.5"),
        (("[mine]", "mine = 1\n[other]"), "mine is not a table"),
        (("[mine]", "[mine"), "is not TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(MINE.replace(*change))
    with pytest.raises(RooflineError, match=said) as refused:
        list(read_devices(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
