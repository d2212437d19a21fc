#!/usr/bin/env bash
# transformers 5.23.0's server does not list the local model it serves, and may answer with a 500.
#
# `transformers serve DIRECTORY` serves a model from a local directory. One would expect
# GET /v1/models to name that model, as other servers do. It lists what is in the Hugging Face cache
# instead, and the folder of that cache need not exist, for example on a machine that never
# downloaded a model. Then scan_cache_dir raises CacheNotFound, and nobody catches it:
#
#     no folder for the cache: 500 Internal Server Error
#     an empty folder: 200 {"object":"list","data":[]}
#
# Completions work in both cases, for a request that names the directory. A client that asks
# /v1/models for the model's name needs another source for it: the user.
#
# Seen on 2026-11-30 with Python 3.11, x86-64, and the versions below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers[serving]==5.23.0" torch==2.13.0 \
  huggingface_hub==2.4.0 fastapi==0.165.0 starlette==1.10.0 uvicorn==0.54.0
cat > "$folder/make.py" <<'PYTHON'
import sys

import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

words = {word: i for i, word in enumerate(["<unk>", "<s>", "</s>", *"abcdefgh"])}
core = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, **special)
tokenizer.save_pretrained(sys.argv[1])
config = transformers.LlamaConfig(
    vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
    num_attention_heads=2, bos_token_id=1, eos_token_id=2,
)
transformers.LlamaForCausalLM(config).save_pretrained(sys.argv[1])
PYTHON
cat > "$folder/ask.py" <<'PYTHON'
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

directory, home, log = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def address(server):
    """Port 0 lets the system choose a free port; the log names it."""
    for _ in range(2400):
        if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"the server does not start:\n{log.read_text()[-3000:]}")


def answer(url, body=None):
    """The status and the text of an answer to a GET or, with a body, to a POST."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with direct.open(request, timeout=120) as response:
            return f"{response.status} {response.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def seen(case):
    models = answer(base + "/v1/models")
    body = {"model": directory, "prompt": "abc", "max_tokens": 4}
    completion = answer(base + "/v1/completions", body)
    print(f"transformers {version('transformers')}: {case}: /v1/models: {models}")
    print(f"transformers {version('transformers')}: {case}: /v1/completions: {completion[:3]}")
    return [models, completion[:3]]


os.environ |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
    os.environ.pop(name, None)
command = [str(Path(sys.executable).with_name("transformers")), "serve", directory]
command += ["--device", "cpu", "--host", "127.0.0.1", "--port", "0", "--log-level", "info"]
with log.open("w") as file:
    server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
try:
    base = address(server)
    outcomes = seen("no folder for the cache")
    assert "huggingface_hub.errors.CacheNotFound" in log.read_text(), "this has changed"
    (home / "hub").mkdir(parents=True)
    outcomes += seen("an empty folder")
finally:
    server.terminate()
    server.wait()
expected = ["500 Internal Server Error", "200", '200 {"object":"list","data":[]}', "200"]
assert outcomes == expected, "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/make.py" "$folder/model" 2> "$folder/progress" ||
  { cat "$folder/progress" >&2; exit 1; }
"$folder/venv/bin/python" "$folder/ask.py" "$folder/model" "$folder/home" "$folder/log"
