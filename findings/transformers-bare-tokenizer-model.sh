#!/usr/bin/env bash
# transformers 5 reads other token ids from a tokenizer.model that has no tokenizer_config.json.
#
# The directory of a Llama has config.json and sentencepiece's tokenizer.model, and no more. With
# transformers 4.57.6, AutoTokenizer gives the ids of sentencepiece, after the token for the
# beginning. With 5.23.0 it gives a tokenizer of no particular kind (TokenizersBackend in place of
# LlamaTokenizer):
#
#     no token begins the text, and the space that sentencepiece puts before a text is missing,
#     so that the first word has other ids.
#
# There is no warning. Programs that take AutoTokenizer's word, vLLM among them, then feed a model
# what it was not trained on. A tokenizer_config.json that names LlamaTokenizer and sets
# add_bos_token puts it right in 5.23.0.
#
# Seen on 2026-11-30 with Python 3.11, x86-64, sentencepiece 0.2.3, protobuf 7.36.2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/make.py" <<'PYTHON'
import json
import sys
from pathlib import Path

import sentencepiece

directory = Path(sys.argv[1])
directory.mkdir()
words = "the cat that sat on the mat thought that the rat at the hat Hello, my name is"
with (directory / "tokenizer.model").open("wb") as file:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([words] * 9), model_writer=file, minloglevel=2, model_type="bpe",
        vocab_size=330, hard_vocab_limit=False, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False,
    )
shape = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 330}
(directory / "config.json").write_text(json.dumps(shape))
PYTHON
cat > "$folder/read.py" <<'PYTHON'
import json
import sys
from pathlib import Path

import sentencepiece
import transformers

directory, expected = Path(sys.argv[1]), sys.argv[2]
text = "Hello, my name is"
model = sentencepiece.SentencePieceProcessor(model_file=str(directory / "tokenizer.model"))
reference = [model.bos_id(), *model.encode(text)]


def seen():
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    ids = tokenizer(text)["input_ids"]
    same = "the reference" if ids == reference else "other ids"
    print(f"transformers {transformers.__version__}: {type(tokenizer).__name__}: {ids}: {same}")
    return same


print(f"sentencepiece, after the beginning: {reference}")
assert seen() == expected, "this has changed"
named = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": False}
(directory / "tokenizer_config.json").write_text(json.dumps(named))
assert seen() == "the reference", "this has changed"
(directory / "tokenizer_config.json").unlink()
PYTHON
run() {  # a version of transformers, and what it is expected to give
  "${PYTHON:-python3}" -m venv "$folder/$1"
  "$folder/$1/bin/pip" install --quiet "transformers==$1" sentencepiece==0.2.3 protobuf==7.36.2
  [ -d "$folder/model" ] || "$folder/$1/bin/python" "$folder/make.py" "$folder/model"
  "$folder/$1/bin/python" "$folder/read.py" "$folder/model" "$2"
}
run 4.57.6 "the reference"
run 5.23.0 "other ids"
