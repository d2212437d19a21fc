#!/usr/bin/env bash
# llama-cpp-python 0.3.36's server sends no usage in a stream, even where the request asks for it.
#
# The request has "stream_options": {"include_usage": true}. OpenAI's API then sends one more event
# before [DONE], with the usage of the whole request; so do vLLM and llama.cpp's own server, and the
# answer that is not a stream has its usage here as well. This server leaves the field out without
# a word: the request's class has no stream_options, pydantic drops fields that it does not know,
# and the generator's chunks carry no usage. The number of events is no substitute:
#
#     /v1/completions, whole: {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}
#     /v1/completions, stream of 9 events: no usage
#     /v1/chat/completions, whole: {"prompt_tokens": 35, "completion_tokens": 8, "total_tokens": 43}
#     /v1/chat/completions, stream of 10 events: no usage
#
# A client that counts tokens by the usage therefore has no count, hence no tokens/s.
#
# Seen on 2026-11-30 with Python 3.11, x86-64, and the versions below. Where pip has no wheel of
# llama-cpp-python, it builds one: that needs a C++ compiler and takes several minutes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "llama-cpp-python[server]==0.3.36" gguf==0.19.0 \
  fastapi==0.165.0 starlette==1.10.0 sse-starlette==3.7.0 uvicorn==0.54.0
cat > "$folder/make.py" <<'PYTHON'
import sys

import gguf
import numpy as np

width, inner, heads = 64, 128, 2
kinds = gguf.TokenType
letters = "abcdefghijklmnopqrstuvwxyz"
tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
types = [kinds.UNKNOWN, *[kinds.CONTROL] * 2, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(letters)]
writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_context_length(512)
writer.add_embedding_length(width)
writer.add_feed_forward_length(inner)
writer.add_block_count(1)
writer.add_head_count(heads)
writer.add_head_count_kv(heads)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_tokenizer_model("llama")
writer.add_token_list([token.encode() for token in tokens])
writer.add_token_scores([0.0] * len(tokens))
writer.add_token_types(types)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
random = np.random.default_rng(0)
shapes = {"token_embd": (len(tokens), width), "output": (len(tokens), width)}
shapes |= {f"blk.0.attn_{name}": (width, width) for name in ("q", "k", "v", "output")}
shapes |= {f"blk.0.ffn_{name}": (inner, width) for name in ("gate", "up")}
shapes |= {"blk.0.ffn_down": (width, inner)}
weights = {name: random.normal(0, 0.1, shape) for name, shape in shapes.items()}
weights["output"][: -len(letters)] = 0  # it writes letters, and never the end
norms = ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm")
for name, weight in (weights | {name: np.ones(width) for name in norms}).items():
    writer.add_tensor(f"{name}.weight", weight.astype(np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
PYTHON
cat > "$folder/ask.py" <<'PYTHON'
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from importlib.metadata import version
from pathlib import Path

model, log = sys.argv[1], Path(sys.argv[2])
limit = {"max_tokens": 8, "temperature": 0}
stream = {"stream": True, "stream_options": {"include_usage": True}}
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def address(server):
    """Port 0 lets the system choose a free port; the log names it."""
    for _ in range(1200):
        if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"the server does not start:\n{log.read_text()[-3000:]}")


def answer(url, body):
    """The JSON objects of an answer: one, or a stream's events."""
    header = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), header)
    with direct.open(request, timeout=120) as response:
        text = response.read().decode()
    if "stream" not in body:
        return [json.loads(text)]
    events = [line.removeprefix("data: ") for line in text.splitlines() if line[:6] == "data: "]
    assert events[-1] == "[DONE]", events
    return [json.loads(event) for event in events[:-1]]


def seen(url, body):
    got = answer(url, body)
    assert any(choice["finish_reason"] == "length" for choice in got[-1]["choices"]), got[-1]
    usages = [one["usage"] for one in got if one.get("usage")]
    how = f"stream of {len(got)} events" if "stream" in body else "whole"
    what = json.dumps(usages[-1]) if usages else "no usage"
    path = urllib.parse.urlsplit(url).path
    print(f"llama-cpp-python {version('llama_cpp_python')}: {path}, {how}: {what}")
    return bool(usages)


command = [sys.executable, "-m", "llama_cpp.server", "--model", model, "--n_ctx", "512"]
command += ["--n_threads", "1", "--host", "127.0.0.1", "--port", "0"]
with log.open("w") as file:
    server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
try:
    base, outcomes = address(server), []
    for path, question in {
        "/v1/completions": {"prompt": "Hello"},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    }.items():
        outcomes += [seen(base + path, question | limit | how) for how in ({}, stream)]
finally:
    server.terminate()
    server.wait()
assert outcomes == [True, False, True, False], "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/make.py" "$folder/tiny.gguf"
"$folder/venv/bin/python" "$folder/ask.py" "$folder/tiny.gguf" "$folder/log"
