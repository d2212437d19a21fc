"""What torch, CUDA, NCCL and vLLM say when a GPU, a driver or another rank is at fault."""

from __future__ import annotations

from workshop.record.readers.ending import ERROR, MORE_MEMORY, Rule, Telling

_SMALLER = "take a smaller model, --quantize int8, or more ranks (--ranks)"
_FEWER_LAYERS = "take a smaller model, a shorter context, or fewer layers on the GPU (-ngl)"
_SEE_RANKS = "see what the other ranks said before this, and submit it again"
_SEE_GPUS = "run nvidia-smi in the job's setup; ask for GPUs with --gpus, or take --device cpu"
_DEVICE = rf"(?:{ERROR})?(?:CUDA|HIP) error: "  # torch's exception, or llama.cpp's line

GPU_MEMORY = (
    Rule(
        Telling.MEMORY,
        r"(?:[\w.]*OutOfMemoryError|RuntimeError): (?:CUDA|HIP)(?: error:)? out of memory.*"
        r"|(?:CUDA|HIP) error: out of memory|(?:CUDA|HIP) out of memory\. Tried to allocate .*",
        "the GPU's memory is full",
        _SMALLER,
    ),
    Rule(  # llama.cpp's: ggml-cuda.cu, ggml-vulkan.cpp
        Telling.MEMORY,
        r"\w+: allocating [\d.]+ MiB on device \d+: \w+ failed: out of memory"
        r"|ggml_vulkan: (?:Device memory allocation of size \d+ failed\.?"
        r"|.*ErrorOutOfDeviceMemory.*)",
        "the GPU's memory is full",
        _FEWER_LAYERS,
    ),
    Rule(
        Telling.MEMORY, r"(?:torch\.)[\w.]*OutOfMemoryError.*", "the GPU's memory is full", _SMALLER
    ),
    Rule(
        Telling.MEMORY,
        r"MemoryError(?:: .*)?|RuntimeError: .*can't allocate memory.*",
        "the node's memory is full",
        MORE_MEMORY,
    ),
)

GPU = (
    Rule(
        Telling.CAUSE,
        r"RuntimeError: (?:No CUDA GPUs are available|No HIP GPUs are available|Found no NVIDIA "
        r"driver.*)|AssertionError: Torch not compiled with CUDA enabled",
        "there is no GPU that torch can use",
        _SEE_GPUS,
    ),
    Rule(
        Telling.CAUSE,
        _DEVICE + r"(?:no kernel image is available for execution on the device"
        r"|invalid device function).*",
        "the program has no code for this kind of GPU (no kernel image)",
        "'python -c \"import torch; print(torch.cuda.get_arch_list())\"' lists the kinds that "
        "torch was built for: install a build for this GPU, or take another GPU",
    ),
    Rule(
        Telling.CAUSE,
        _DEVICE + r"invalid device ordinal.*",
        "a rank asked for a GPU that the job does not have (invalid device ordinal)",
        "ask for a GPU for each rank on a node (--gpus), and see CUDA_VISIBLE_DEVICES in the job",
    ),
    Rule(
        Telling.CAUSE,
        _DEVICE + r"device-side assert triggered.*",
        "a check on the GPU failed (device-side assert), mostly of an index out of range, such as "
        "a token id",
        "run it with CUDA_LAUNCH_BLOCKING=1, or on --device cpu, to see which line it is",
    ),
    Rule(
        Telling.CAUSE,
        rf"(?:{ERROR}|{_DEVICE}|ggml_cuda_init: failed to initialize CUDA: )?"
        rf"(?:CUDA driver version is insufficient for CUDA runtime version"
        rf"|The NVIDIA driver on your system is too old \(found version \d+\)).*",
        "the node's NVIDIA driver is too old for the CUDA version of the program",
        "nvidia-smi on the node tells the newest CUDA that its driver runs: install torch for "
        "that version or an older one, or take a node with a newer driver",
    ),
    Rule(
        Telling.HINT,
        r"\S+: UserWarning: CUDA initialization: The NVIDIA driver on your system is too old.*",
        "the node's NVIDIA driver is too old for torch's CUDA version",
        "nvidia-smi on the node tells the newest CUDA that its driver runs: install torch for "
        "that version or an older one, or take a node with a newer driver",
    ),
    Rule(
        Telling.CAUSE,
        rf"{ERROR}(?:CUDA|HIP) error: (?P<why>.+)",
        "the GPU failed: {why}",
        "submit it again; if it fails on the same node, leave that out with --exclude",
    ),
)

RANKS = (
    Rule(
        Telling.PEER,
        r"No complete result: "
        r"(?P<why>rank 0 .*(?:ended without a (?:message|word)|cannot be reached).*)",
        "{why}",
        "it was killed or broke: when memory ran out, dmesg on its node or sacct says so",
    ),
    Rule(
        Telling.CAUSE,
        r"(?:\S+ \[\d+\] (?:\S+ )?NCCL WARN )?Duplicate GPU detected ?: rank (?P<rank>\d+) and "
        r"rank (?P<other>\d+) both on CUDA device \S+",
        "ranks {rank} and {other} use the same GPU (NCCL: Duplicate GPU detected)",
        "ask for a GPU for each rank (--gpus), and let each rank take the GPU of its local rank",
    ),
    Rule(
        Telling.PEER,
        r"(?:ncclRemoteError|ncclSystemError): .*|\w[\w.]*Error: .*NCCL (?:error|Error).*"
        r"(?:remote|system) error.*",
        "NCCL lost the connection between the ranks",
        _SEE_RANKS + "; NCCL_DEBUG=INFO in the variables of the description makes NCCL say more",
    ),
    Rule(
        Telling.VAGUE,
        r"\w[\w.]*Error: .*NCCL [Ee]rror(?: in)?[ :]*(?P<why>.*)"
        r"|nccl(?:\w+Error|InvalidUsage): (?P<why_2>.+)",
        "NCCL failed: {why}",
        "set NCCL_DEBUG=INFO in the variables of the cluster's description: NCCL then says more",
    ),
    Rule(
        Telling.CAUSE,
        r"\[E.*ProcessGroupNCCL.*Watchdog caught collective operation timeout.*",
        "a rank waited for the others in vain (NCCL's watchdog)",
        _SEE_RANKS,
    ),
    Rule(
        Telling.PEER,
        r"\w[\w.]*Error: .*(?:Connection closed by peer|Connection reset by peer|Broken pipe"
        r"|Connection refused|gloo.*(?:Timed out|timeout)|connectFullMesh failed).*",
        "a rank lost the connection to the others",
        _SEE_RANKS,
    ),
    Rule(
        Telling.CAUSE,
        r"\w[\w.]*Error: .*(?:EADDRINUSE|[Aa]ddress already in use).*",
        "another process on the node has the port of this run",
        "submit it again: each job takes another port",
    ),
    Rule(
        Telling.PEER,
        r"(?:[\w.]*\.)?Dist(?:Network|Store)Error: (?P<why>.+)",
        "the ranks did not find each other: {why}",
        "see whether every rank has started, and whether the nodes may talk to each other",
    ),
    Rule(
        Telling.FOLLOWING,
        r"(?:RuntimeError|Exception): Engine core initialization failed\..*",
        "vLLM's engine did not start",
        "the lines of EngineCore before it in the log tell why",
    ),
)
