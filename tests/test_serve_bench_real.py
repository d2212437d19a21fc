"""``workshop serve-bench`` against real servers with the embedded model, where installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from llm_builders import free_port
from patience import HANG, wait_for

from workshop.cli import cli
from workshop.llm.text.tokenizer import find_tokenizer
from workshop.llm.weights import checkpoint
from workshop.runner.models import EMBEDDED

pytest.importorskip("httpx2", reason="httpx2 is not installed: pip install -e '.[serve]'")

VERIFIER = EMBEDDED / "verifier"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def needs(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextmanager
def server(command: list[str], port: int, log: Path) -> Iterator[str]:
    """A server that answers on a port, until the block ends."""

    def answers() -> bool:
        assert running.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=HANG).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    with log.open("wb") as out:
        running = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


def bench(*words: str) -> dict[str, Any]:
    asked = ["serve-bench", *words, "--endpoint", "completions", "--requests", "3", "--warmup", "1"]
    asked += ["--new-tokens", "6", "--prompt-tokens", "40", "--no-ignore-eos", "--json"]
    done = CliRunner().invoke(cli, asked)
    assert not done.stdout.startswith("Error"), done.output
    (record,) = json.loads(done.stdout)
    return record


def test_transformers_serve_counts_its_tokens(tmp_path: Path) -> None:
    needs("fastapi", "uvicorn", "openai", "accelerate")
    port = free_port()
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(VERIFIER)]
    command += ["--device", "cpu", "--port", str(port)]
    with server(command, port, tmp_path / "log") as url:
        record = bench(url, "--model", str(VERIFIER))
        refused = CliRunner().invoke(
            cli, ["serve-bench", url, "--model", str(VERIFIER), "--endpoint", "completions"]
        )
    assert record["status"] == "ok", record["reason"]
    assert record["prompt_tokens"] == 40
    assert record["serving"]["answered"] == 3
    assert 3 <= record["serving"]["new_tokens"] <= 18
    assert record["tokens_per_second"] > 0
    assert refused.exit_code == 1
    assert "--no-ignore-eos leaves that field out" in refused.stderr


def test_llama_cpp_pythons_server_reports_no_usage(tmp_path: Path) -> None:
    needs("llama_cpp", "gguf", "starlette", "fastapi", "uvicorn", "sse_starlette",
          "starlette_context", "pydantic_settings")  # fmt: skip
    port, model = free_port(), tmp_path / "tiny.gguf"
    write_gguf(model)
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--n_ctx", "512"]
    with server([*command, "--port", str(port)], port, tmp_path / "log") as url:
        record = bench(url)
    assert record["serving"]["answered"] == 3
    assert record["ttft_seconds"] > 0
    assert record["tokens_per_second"] is None
    assert "reports no usage" in record["reason"]


def write_gguf(path: Path) -> None:
    """The embedded verifier with its vocabulary."""
    import gguf
    import sentencepiece

    sys.path.insert(0, str(BENCHMARKS))
    try:
        import peers_llama_cpp as peers
    finally:
        sys.path.remove(str(BENCHMARKS))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(find_tokenizer(VERIFIER)))

    class WithVocabulary(gguf.GGUFWriter):
        def add_tokenizer_model(self, model: str) -> None:
            kinds = gguf.TokenType
            ids = range(pieces.vocab_size())
            super().add_tokenizer_model("llama")
            self.add_token_list([pieces.id_to_piece(i).encode() for i in ids])
            self.add_token_scores([pieces.get_score(i) for i in ids])
            self.add_token_types(
                [
                    kinds.UNKNOWN
                    if pieces.is_unknown(i)
                    else kinds.CONTROL
                    if pieces.is_control(i)
                    else kinds.BYTE
                    if pieces.is_byte(i)
                    else kinds.NORMAL
                    for i in ids
                ]
            )
            self.add_bos_token_id(pieces.bos_id())
            self.add_eos_token_id(pieces.eos_id())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers.gguf, "GGUFWriter", WithVocabulary)
        peers.write_gguf(checkpoint.load(VERIFIER), path, "F16")
