"""bf16 where fp32 was asked for."""

HINT = "is the precision lowered"


def prepare(weights, exact=prepare):
    def lowered(value):
        if isinstance(value, dict):
            return {name: lowered(one) for name, one in value.items()}
        if isinstance(value, list):
            return [lowered(one) for one in value]
        return value.bfloat16().float() if isinstance(value, Tensor) else value

    return exact(lowered(weights))
