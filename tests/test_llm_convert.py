"""Converting: from every format the same model, whole or not at all, going on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from llm_builders import random_llama, random_tokens, read, tiny
from safetensors.torch import save_file
from torch import Tensor

from workshop.llm.config import Config, RopeScaling
from workshop.llm.model import Llama
from workshop.llm.quantization import quantize
from workshop.llm.shapes import SHAPES
from workshop.llm.weights import checkpoint
from workshop.llm.weights.checkpoint import CheckpointError, on_disk
from workshop.llm.weights.checksums import verify
from workshop.llm.weights.convert import Origin, Piece, convert
from workshop.llm.weights.convert_meta import mlp_width
from workshop.llm.weights.convert_source import open_source
from workshop.llm.weights.fill import needed

# As wide inside as Meta's three numbers make it: 2/3 of 4 * 64 = 170, up to a multiple of 32.
CONFIG = tiny(hidden=192, vocab=98, context=4096)
SMALL_FILES = 60_000  # bytes: several files even of this model
TOKENS = random_tokens(20)


def tensors_of(model: Llama) -> dict[str, Tensor]:
    return {
        on_disk(name): value.detach().clone()
        for name, value in model.state_dict().items()
        if name in needed(model)
    }


def assert_is(directory: Path, model: Llama) -> None:
    """The checkpoint in ``directory`` is this very model."""
    loaded = checkpoint.load(directory)
    assert loaded.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def state_of(directory: Path) -> dict[str, tuple[int, str]]:
    """Everything about the files of a directory that a conversion of it must not change."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in directory.iterdir()
    }


# --- Checkpoints as others write them ------------------------------------------------------------


def hugging_face(model: Llama, directory: Path) -> Path:
    directory.mkdir()
    fields = model.config.to_hugging_face() | {"eos_token_id": 7, "something": "of their own"}
    (directory / "config.json").write_text(json.dumps(fields))
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")
    (directory / "tokenizer_config.json").write_text("{}")
    return directory


def in_two(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """As they come, the first layer in one and the rest in another."""
    first = {name: value for name, value in tensors.items() if ".layers.0." in name}
    return [first, {name: value for name, value in tensors.items() if name not in first}]


def one_safetensors(model: Llama, directory: Path) -> Path:
    hugging_face(model, directory)
    save_file(tensors_of(model), directory / "model.safetensors")
    return directory


def many_safetensors(model: Llama, directory: Path, index: bool = True) -> Path:
    return many(model, directory, "model", ".safetensors", save_file, index)


def without_an_index(model: Llama, directory: Path) -> Path:
    return many_safetensors(model, directory, index=False)


def one_pickle(model: Llama, directory: Path) -> Path:
    hugging_face(model, directory)
    old = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(8)}
    torch.save(tensors_of(model) | old, directory / "pytorch_model.bin")
    return directory


def many_pickles(model: Llama, directory: Path) -> Path:
    return many(model, directory, "pytorch_model", ".bin", torch.save, True)


def many(
    model: Llama, directory: Path, stem: str, suffix: str, save: Callable, index: bool
) -> Path:
    hugging_face(model, directory)
    where = {}
    for i, tensors in enumerate(in_two(tensors_of(model)), 1):
        name = f"{stem}-{i:05}-of-00002{suffix}"
        save(tensors, directory / name)
        where |= dict.fromkeys(tensors, name)
    if index:
        (directory / f"{stem}{suffix}.index.json").write_text(json.dumps({"weight_map": where}))
    return directory


META = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "tok_embeddings",
    "model.norm": "norm",
    "lm_head": "output",
}


def in_meta_order(name: str, value: Tensor, config: Config) -> Tensor:
    """Row by row: what turns together stands side by side, and not half a head apart."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return value
    size = config.head_dim
    out = value.clone()
    for row in range(value.shape[0]):
        head, place = divmod(row, size)
        pair, second = divmod(place, 2)
        out[row] = value[head * size + pair + (size // 2 if second else 0)]
    return out


def meta_tensors(model: Llama) -> dict[str, Tensor]:
    found = {}
    for name, value in tensors_of(model).items():
        theirs = name
        for ours, meta in META.items():
            theirs = theirs.replace(f"{ours}.", f"{meta}.")
        found[theirs.removeprefix("model.")] = in_meta_order(name, value, model.config)
    return found | {"rope.freqs": torch.zeros(8)}


COLUMNS = ("wq", "wk", "wv", "w1", "w3", "output")


def meta(model: Llama, directory: Path, parts: int = 1, rows_of_embedding: bool = False) -> Path:
    """``consolidated.NN.pth``, split as Meta splits it, and ``params.json``."""
    (directory / "weights").mkdir(parents=True)
    config = model.config
    for part in range(parts):
        mine = {}
        for name, value in meta_tensors(model).items():
            kind = name.split(".")[-2]
            by_rows = kind in COLUMNS or (kind == "tok_embeddings" and rows_of_embedding)
            if value.dim() < 2:
                mine[name] = value.clone()
            else:
                mine[name] = value.chunk(parts, dim=0 if by_rows else 1)[part].clone()
        torch.save(mine, directory / "weights" / f"consolidated.{part:02}.pth")
    params = {
        "dim": 64,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": config.kv_heads,
        "multiple_of": 32,
        "norm_eps": config.norm_eps,
        "vocab_size": config.vocab if rows_of_embedding else -1,
    }
    (directory / "weights" / "params.json").write_text(json.dumps(params))
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")  # a folder up, as in Llama 2
    return directory / "weights"


def meta_in_two(model: Llama, directory: Path) -> Path:
    return meta(model, directory, parts=2)


def llama2c(model: Llama, directory: Path) -> Path:
    """As its export.py writes version 0, kind after kind."""
    directory.mkdir()
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")
    config, path = model.config, directory / "stories.bin"
    vocab = config.vocab if config.tied else -config.vocab
    tensors = meta_tensors(model)
    with path.open("wb") as file:
        file.write(
            struct.pack(
                "<7i",
                config.dim,
                config.hidden,
                config.layers,
                config.heads,
                config.kv_heads,
                vocab,
                config.context,
            )
        )

        def put(value: Tensor) -> None:
            file.write(value.numpy().astype("<f4").tobytes())

        put(tensors["tok_embeddings.weight"])
        for kind in (
            "attention_norm",
            "attention.wq",
            "attention.wk",
            "attention.wv",
            "attention.wo",
            "ffn_norm",
            "feed_forward.w1",
            "feed_forward.w2",
            "feed_forward.w3",
        ):
            for layer in range(config.layers):
                put(tensors[f"layers.{layer}.{kind}.weight"])
        put(tensors["norm.weight"])
        put(torch.zeros(config.context, config.head_dim))
        if not config.tied:
            put(tensors["output.weight"])
    return path


FORMATS = [
    one_safetensors,
    many_safetensors,
    without_an_index,
    one_pickle,
    many_pickles,
    meta,
    meta_in_two,
    llama2c,
]


@pytest.mark.parametrize("largest", [SMALL_FILES, 10**9], ids=["many files", "one file"])
@pytest.mark.parametrize("made", FORMATS)
def test_every_format_becomes_the_same_checkpoint(
    tmp_path: Path, made: Callable[[Llama, Path], Path], largest: int
) -> None:
    model = random_llama(CONFIG)
    source = made(model, tmp_path / "source")
    folder = source if source.is_dir() else source.parent
    before = state_of(folder)
    seen: list[tuple[int, int]] = []
    files = convert(open_source(source), tmp_path / "new", lambda *at: seen.append(at), largest)
    assert_is(tmp_path / "new", model)
    assert (tmp_path / "new" / "tokenizer.model").read_bytes() == b"a tokenizer"
    assert (
        len(files) > 3
        if largest == SMALL_FILES
        else [f.name for f in files] == ["model.safetensors"]
    )
    assert all(f.stat().st_size < largest + 10_000 for f in files)
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == sum(t.nbytes for t in tensors_of(model).values())
    assert verify(tmp_path / "new") == []
    assert state_of(folder) == before, "the source was changed"


@pytest.mark.parametrize("made", [one_safetensors, many_pickles, meta, llama2c])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_tied_head_and_every_dtype_stay_as_they_are(
    tmp_path: Path, made: Callable[[Llama, Path], Path], dtype: torch.dtype
) -> None:
    model = random_llama(tiny(hidden=192, context=4096, tied=True), dtype=dtype)
    if made is llama2c:
        dtype, model = torch.float32, model.float()
    convert(open_source(made(model, tmp_path / "source")), tmp_path / "new")
    assert {p.dtype for p in checkpoint.load(tmp_path / "new").parameters()} == {dtype}
    assert_is(tmp_path / "new", model)


def test_what_hugging_face_says_beside_the_shape_is_kept(tmp_path: Path) -> None:
    convert(open_source(one_safetensors(random_llama(CONFIG), tmp_path / "a")), tmp_path / "b")
    assert checkpoint.stop_tokens(tmp_path / "b") == {7}
    assert (tmp_path / "b" / "tokenizer_config.json").exists()


def test_a_llama_3_of_several_parts_has_rows_of_the_embedding_in_each(tmp_path: Path) -> None:
    model = random_llama(CONFIG)
    convert(open_source(meta(model, tmp_path / "a", 2, rows_of_embedding=True)), tmp_path / "b")
    assert_is(tmp_path / "b", model)


def test_a_head_that_is_stored_beside_its_equal_embedding_is_tied(tmp_path: Path) -> None:
    """As in Meta's Llama 3.2."""
    model = random_llama(tiny(hidden=192, context=4096, tied=True))
    source = meta(model, tmp_path / "a")
    path = source / "consolidated.00.pth"
    tensors = torch.load(path)
    torch.save(tensors | {"output.weight": tensors["tok_embeddings.weight"].clone()}, path)
    convert(open_source(source), tmp_path / "b")
    assert_is(tmp_path / "b", model)


def test_rope_of_neighbours_becomes_rope_of_halves() -> None:
    """Scores of attention at two positions, by Meta's complex numbers and by ours."""
    from workshop.llm.rope import rope_table, rotate
    from workshop.llm.weights.convert_meta import by_halves

    generator = torch.Generator().manual_seed(0)
    wq, wk = (torch.randn(32, 24, generator=generator, dtype=torch.float64) for _ in range(2))
    x = torch.randn(2, 24, generator=generator, dtype=torch.float64)
    at = (3, 11)
    turns = torch.tensor([10000 ** (-2 * i / 16) for i in range(8)], dtype=torch.float64)

    def theirs(weight: Tensor, token: int) -> Tensor:
        pairs = torch.view_as_complex((weight @ x[token]).view(2, 8, 2))
        turned = pairs * torch.polar(torch.ones_like(turns), at[token] * turns)
        return torch.view_as_real(turned).flatten(1)

    cos, sin = (table.double() for table in rope_table(16, 16, 10000.0))

    def ours(weight: Tensor, token: int) -> Tensor:
        heads = (by_halves(weight, 2) @ x[token]).view(1, 2, 1, 16)
        return rotate(heads, cos[at[token]], sin[at[token]])[0, :, 0]

    expected = (theirs(wq, 0) * theirs(wk, 1)).sum(-1)
    assert torch.allclose((ours(wq, 0) * ours(wk, 1)).sum(-1), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "params"),
    [  # the params.json that Meta publishes beside each model
        ("llama-2-7b", {"dim": 4096, "multiple_of": 256}),
        ("llama-2-13b", {"dim": 5120, "multiple_of": 256}),
        ("llama-2-70b", {"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3}),
        ("llama-3-8b", {"dim": 4096, "multiple_of": 1024, "ffn_dim_multiplier": 1.3}),
        ("llama-3-70b", {"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3}),
        ("llama-3.2-1b", {"dim": 2048, "multiple_of": 256, "ffn_dim_multiplier": 1.5}),
        ("llama-3.2-3b", {"dim": 3072, "multiple_of": 256, "ffn_dim_multiplier": 1.0}),
        ("codellama-34b", {"dim": 8192, "multiple_of": 256, "ffn_dim_multiplier": 1.0}),
    ],
)
def test_the_width_of_the_mlp_follows_from_meta_s_numbers(name: str, params: dict) -> None:
    width = mlp_width(params["dim"], params.get("ffn_dim_multiplier"), params["multiple_of"])
    assert width == SHAPES[name].hidden


@pytest.mark.parametrize(
    ("params", "context", "scaling"),
    [
        ({}, 4096, None),
        ({"rope_theta": 1e6}, 16384, None),
        ({"rope_theta": 500000.0}, 8192, None),
        (
            {"rope_theta": 500000.0, "use_scaled_rope": True},
            131072,
            RopeScaling(32.0, 1.0, 4.0, 8192),
        ),
    ],
)
def test_what_meta_s_numbers_leave_unsaid_follows_from_the_generation(
    tmp_path: Path, params: dict, context: int, scaling: RopeScaling | None
) -> None:
    source = meta(random_llama(CONFIG), tmp_path / "a")
    path = source / "params.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | params))
    convert(open_source(source), tmp_path / "b")
    config = checkpoint.shape(tmp_path / "b")
    assert config.context == context
    assert config.rope_scaling == scaling


# --- Interrupted, full, twice, and over something else ------------------------------------------


class StoppedError(Exception):
    pass


def stop_after(bytes_done: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done > bytes_done:
            raise StoppedError

    return progress


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return many_safetensors(random_llama(CONFIG), tmp_path / "source")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


def half_converted(source: Path, new: Path) -> dict[str, tuple[int, str]]:
    """What is there after an interruption in the middle."""
    with pytest.raises(StoppedError):
        convert(open_source(source), new, stop_after(200_000), SMALL_FILES)
    return state_of(new)


def test_an_interrupted_conversion_goes_on_behind_what_is_finished(source: Path, new: Path) -> None:
    there = half_converted(source, new)
    assert not any(name.endswith(".partial") for name in there)
    finished = {name: state for name, state in there.items() if name.endswith(".safetensors")}
    assert len(finished) >= 2
    with pytest.raises(CheckpointError, match=r"config\.json: No such file"):
        checkpoint.load(new)
    assert verify(new) == [f"{new}: the conversion is not finished: run it again to go on"]
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))
    after = state_of(new)
    assert {name: after[name] for name in finished} == finished, "finished files were written again"


def test_what_was_finished_and_is_damaged_is_written_again(source: Path, new: Path) -> None:
    there = half_converted(source, new)
    path = next(new / name for name in sorted(there) if name.endswith(".safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))


def test_a_finished_conversion_can_be_asked_for_again(source: Path, new: Path) -> None:
    convert(open_source(source), new)
    weights = state_of(new)["model.safetensors"]
    convert(open_source(source), new)
    assert state_of(new)["model.safetensors"] == weights
    assert verify(new) == []


def test_killed_in_the_middle_it_leaves_only_whole_files_and_goes_on(
    source: Path, new: Path
) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from workshop.llm.weights.convert import convert
        from workshop.llm.weights.convert_source import open_source
        def progress(done, total):
            if done > 200_000:
                os.kill(os.getpid(), signal.SIGKILL)
        convert(open_source(Path({str(source)!r})), Path({str(new)!r}), progress, {SMALL_FILES})
    """
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert died.returncode == -signal.SIGKILL
    sums = json.loads((new / "checksums.json").read_text())["files"]
    whole = [p for p in new.iterdir() if p.suffix == ".safetensors"]
    assert len(whole) >= 2
    for path in whole:
        assert sums[path.name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))
    assert not list(new.glob("*.partial"))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk on which no file gets larger: writing fails in the middle, as on a full one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_leaves_no_rest_and_the_next_try_goes_on(
    source: Path, new: Path
) -> None:
    with files_of_at_most(20_000), pytest.raises(OSError, match="File too large"):
        convert(open_source(source), new, largest=SMALL_FILES)
    assert not list(new.glob("*.partial"))
    convert(open_source(source), new, largest=SMALL_FILES)
    assert_is(new, random_llama(CONFIG))


def test_a_disk_too_small_is_said_before_anything_is_written(new: Path) -> None:
    vast = Piece("model.norm.weight", torch.float32, (10**15,), lambda: torch.zeros(0))
    with pytest.raises(
        CheckpointError, match=r"4000000\.0 GB are still to be written, and the disk"
    ):
        convert(Origin("vast", [], [vast], {}, {}), new)
    assert not list(new.iterdir())


def test_another_checkpoint_is_not_written_over(source: Path, new: Path, tmp_path: Path) -> None:
    checkpoint.save(random_llama(), new)
    before = state_of(new)
    with pytest.raises(CheckpointError) as refused:
        convert(open_source(source), new)
    assert str(refused.value) == f"{new} holds a checkpoint already: choose another directory"
    assert state_of(new) == before
    half = tmp_path / "half"
    half_converted(source, half)
    other = one_safetensors(random_llama(CONFIG, seed=5), tmp_path / "other")
    with pytest.raises(CheckpointError, match="a conversion of another checkpoint, or of this one"):
        convert(open_source(other), half)
    os.utime(next(source.glob("*.safetensors")), (1, 1))
    with pytest.raises(CheckpointError, match="a conversion of another checkpoint, or of this one"):
        convert(open_source(source), half)


def test_two_conversions_into_one_place_are_one_too_many(source: Path, new: Path) -> None:
    def progress(done: int, total: int) -> None:
        with pytest.raises(CheckpointError, match="another conversion is writing here"):
            convert(open_source(source), new)

    convert(open_source(source), new, progress)
    assert_is(new, random_llama(CONFIG))


@pytest.mark.parametrize("change", ["byte", "shorter", "gone"])
def test_verifying_names_the_file_that_is_not_as_it_was(
    source: Path, new: Path, change: str
) -> None:
    convert(open_source(source), new, largest=SMALL_FILES)
    path = sorted(new.glob("*.safetensors"))[1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if change == "gone":
        path.unlink()
        expected = f"{path}: the file is gone"
    elif change == "shorter":
        path.write_bytes(content[:-1])
        expected = f"{path}: {len(content) - 1} bytes in place of {len(content)}"
    else:
        path.write_bytes(content)
        expected = f"{path}: its contents have changed"
    assert verify(new) == [expected]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"source": {}, "files": {"../../etc/passwd": {"sha256": "", "bytes": 1}}}'],
)
def test_checksums_that_are_none_are_refused(new: Path, content: str) -> None:
    new.mkdir()
    (new / "checksums.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"checksums\.json"):
        verify(new)


# --- What cannot be converted is named ----------------------------------------------------------


def sentence(source: Path) -> str:
    with pytest.raises(CheckpointError) as refused:
        open_source(source)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_directory_without_weights(tmp_path: Path) -> None:
    assert sentence(tmp_path) == (
        f"{tmp_path}: there are no weights here: neither model.safetensors, pytorch_model.bin, "
        "nor consolidated.00.pth"
    )
    assert sentence(tmp_path / "x") == (
        f"{tmp_path / 'x'}: a checkpoint is a directory: there is none here"
    )


def test_a_file_where_its_directory_was_meant(source: Path) -> None:
    path = next(source.glob("*.safetensors"))
    assert sentence(path) == f"{path}: a checkpoint is a directory: name its directory, {source}"


def test_a_model_that_is_no_llama(source: Path) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "gpt2"}))
    assert sentence(source) == (
        f"{path}: model_type is 'gpt2'; this engine runs 'llama' and 'mistral'"
    )


def test_a_checkpoint_that_is_quantised_already(tmp_path: Path) -> None:
    model = random_llama()
    quantize.quantize(model)
    checkpoint.save(model, tmp_path)
    assert sentence(tmp_path).endswith(
        "it is a quantised checkpoint of ours already, and needs no conversion"
    )


WRONG = {
    "is missing": lambda tensors, name: tensors.pop(name),
    "has shape [3]": lambda tensors, name: tensors.update({name: torch.zeros(3)}),
    "is torch.int64, which it cannot be": lambda tensors, name: tensors.update(
        {name: tensors[name].long()}
    ),
}


@pytest.mark.parametrize("says", WRONG)
@pytest.mark.parametrize(
    ("made", "file", "name"),
    [
        (one_pickle, "pytorch_model.bin", "model.layers.1.mlp.up_proj.weight"),
        (meta, "consolidated.00.pth", "layers.1.feed_forward.w3.weight"),
    ],
)
def test_a_tensor_that_is_missing_or_wrong(
    tmp_path: Path, made: Callable[[Llama, Path], Path], file: str, name: str, says: str
) -> None:
    path = made(random_llama(CONFIG), tmp_path / "source") / file
    tensors = torch.load(path)
    WRONG[says](tensors, name)
    torch.save(tensors, path)
    said = sentence(path.parent)
    assert said.startswith(f"{path}: the tensor ")
    assert ".1." in said
    assert says in said


def test_a_tensor_too_many(tmp_path: Path) -> None:
    path = meta(random_llama(CONFIG), tmp_path / "a") / "consolidated.00.pth"
    torch.save(torch.load(path) | {"vision_model.conv.weight": torch.zeros(2, 2)}, path)
    assert sentence(path.parent) == (
        f"{path}: the tensor vision_model.conv.weight has no place in this model"
    )


@pytest.mark.parametrize("keep", [0, 10, 24, 1000, -4])
def test_a_file_of_llama2c_that_is_not_whole(tmp_path: Path, keep: int) -> None:
    path = llama2c(random_llama(CONFIG), tmp_path / "a")
    path.write_bytes(path.read_bytes()[:keep])
    assert sentence(path).startswith(f"{path}: ")


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_a_pickle_that_is_not_whole(tmp_path: Path, keep: int) -> None:
    path = one_pickle(random_llama(CONFIG), tmp_path / "a") / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:keep])
    assert sentence(path.parent).startswith(f"{path}: not a whole file of torch.save")


@pytest.mark.parametrize("content", [[1, 2], {"a": 3}, {7: torch.zeros(1)}, torch.zeros(2)])
def test_a_pickle_that_holds_no_tensors_by_name(tmp_path: Path, content: object) -> None:
    path = one_pickle(random_llama(CONFIG), tmp_path / "a") / "pytorch_model.bin"
    torch.save(content, path)
    assert sentence(path.parent).startswith(f"{path}: ")


class Trap:
    """Runs when it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.touched),)


@pytest.mark.parametrize(
    ("made", "file"), [(one_pickle, "pytorch_model.bin"), (meta, "consolidated.00.pth")]
)
@pytest.mark.parametrize("plainly", [False, True], ids=["torch.save", "pickle.dump"])
def test_a_pickle_with_code_in_it_is_not_run(
    tmp_path: Path, made: Callable[[Llama, Path], Path], file: str, plainly: bool
) -> None:
    path, touched = made(random_llama(CONFIG), tmp_path / "source") / file, tmp_path / "touched"
    trap = {"x": Trap(touched)}
    with path.open("wb") as out:
        pickle.dump(trap, out) if plainly else torch.save(trap, out)
    said = sentence(path.parent)
    assert said.startswith(f"{path}: ")
    if not plainly:
        assert "reading it would run code that came with it" in said
    assert not touched.exists()


@pytest.mark.parametrize("name", ["../b.bin", "/etc/passwd", "deeper/b.bin", 7])
def test_an_index_that_names_a_file_outside_the_directory(tmp_path: Path, name: str | int) -> None:
    index = many_pickles(random_llama(CONFIG), tmp_path / "a") / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": name}}))
    assert sentence(index.parent) == f"{index}: {name!r} is not the name of a file beside it"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"dim": ...}, "the field 'dim' is missing"),
        ({"multiple_of": ...}, "the field 'multiple_of' is missing"),
        ({"dim": "64"}, ""),
        ({"n_heads": 0}, "heads must be a positive whole number, not 0"),
        ({"quantization_args": {}}, "it has quantization_args, and this engine runs plain Llamas"),
    ],
)
def test_numbers_of_meta_s_that_are_none(tmp_path: Path, params: dict, says: str) -> None:
    path = meta(random_llama(CONFIG), tmp_path / "a") / "params.json"
    data = json.loads(path.read_text()) | params
    path.write_text(json.dumps({name: v for name, v in data.items() if v is not ...}))
    assert sentence(path.parent).startswith(f"{path}: {says}")


@torch.inference_mode()
def test_the_converted_model_says_what_the_source_said(tmp_path: Path) -> None:
    """Through transformers, from Meta's two parts: the logits, not only the tensors."""
    from transformers import LlamaForCausalLM

    model = random_llama(CONFIG)
    convert(open_source(meta_in_two(model, tmp_path / "a")), tmp_path / "b", largest=SMALL_FILES)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path / "b", dtype=torch.float32).eval()
    expected = theirs(torch.tensor([TOKENS])).logits[0].numpy()
    assert np.abs(read(model, TOKENS).numpy() - expected).max() < 1e-4
