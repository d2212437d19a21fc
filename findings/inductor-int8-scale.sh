#!/usr/bin/env bash
# torch 2.13.0's compiler fails on a product with int8 weights whose scale is converted in the graph.
#
# Weight-only int8 is written as F.linear(x, w.to(x.dtype)) * scale. On a CPU, Inductor recognises
# that formula in bf16 and calls its own int8 kernel. With scales that are kept in fp32 and
# converted where they are used, `* scale.to(x.dtype)`, the formula is recognised as well, but the
# kernel's scale is then an expression and no tensor: compilation ends with
#
#     InductorError: AssertionError: <class 'torch._inductor.ir.Pointwise'>
#
# Only where x has a batch dimension: [1, tokens, inputs] fails, [tokens, inputs] compiles. Eager
# mode is right for both, and scales stored in bf16 compile for both. One would have expected either
# the slower formula or a converted scale.
#
# Seen on 2026-11-29 with torch 2.13.0 (CPU), Python 3.11, x86-64. Needs a C++ compiler.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy
TORCHINDUCTOR_CACHE_DIR="$folder/cache" "$folder/venv/bin/python" - <<'EOF'
import torch
import torch.nn.functional as F


def product(x, weight, scale):
    return F.linear(x, weight.to(x.dtype)) * scale.to(x.dtype)


def outcome(x, scale):
    torch._dynamo.reset()
    try:
        with torch.no_grad():
            got = torch.compile(product)(x, weight, scale)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    torch.testing.assert_close(got, product(x, weight, scale), rtol=0.02, atol=0.5)
    return "compiles"


torch.manual_seed(0)
weight = torch.randint(-127, 128, (64, 96), dtype=torch.int8)
scale = torch.rand(64)
flat, batched = torch.randn(20, 96).bfloat16(), torch.randn(1, 20, 96).bfloat16()
seen = {
    "x [20, 96], scale fp32": outcome(flat, scale),
    "x [1, 20, 96], scale fp32": outcome(batched, scale),
    "x [1, 20, 96], scale bf16": outcome(batched, scale.bfloat16()),
}
for case, what in seen.items():
    print(f"torch {torch.__version__}: {case}: {what}")
failure = "InductorError: AssertionError: <class 'torch._inductor.ir.Pointwise'>"
assert list(seen.values()) == ["compiles", failure, "compiles"], "this has changed"
EOF
