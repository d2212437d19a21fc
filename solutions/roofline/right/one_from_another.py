# Functions that call each other; a branch at the ridge.
def attainable(intensity, peak, bandwidth):
    if intensity < ridge(peak, bandwidth):
        return bandwidth * intensity
    return peak


def prefill_intensity(batch, prompt_tokens, bytes_per_parameter):
    return decode_intensity(batch * prompt_tokens, bytes_per_parameter)


def speculative_speed(weight_bytes, draft_bytes, guesses, accepted, bandwidth):
    passes = decode_speed(weight_bytes + guesses * draft_bytes, bandwidth, 1)
    return passes + accepted * passes
