// A weight in int8 or int4 times a few tokens on a CPU, in integers.
//
// The activations are rounded to int8 first, in blocks of 32 with a scale each. Then one instruction
// multiplies four pairs of bytes and adds up their products, on 16 lanes (VNNI), where fp32 has one
// product in a lane. As in products.cpp, ROWS outputs times all tokens stay in registers while the
// inputs pass by. The one instruction that has no portable name is in `dot`.

#include "vectors.h"

namespace {

constexpr int64_t BLOCK = 32;  // activations that share a scale

// A scale or zero for each row, or for each group of each row.
void check_scales(const at::Tensor& scales, at::ScalarType type, int64_t rows, int64_t count) {
  TORCH_CHECK(
      scales.is_contiguous() && scales.scalar_type() == type && scales.size(0) == rows &&
          scales.numel() == rows * count,
      "scales must be ", type, ", ", count, " for each of ", rows, " rows, in order");
}

// Four products and their sum more in each lane, of unsigned and signed bytes.
inline ints dot(ints sum, bytes w, signed_bytes x) {
#if defined(__AVX512VNNI__)
  return (ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
#elif defined(__AVX2__)
  __m256i halves[2];
  for (int h = 0; h < 2; h++) {
    __m256i pairs[2];
    for (int k = 0; k < 2; k++) {
      const __m128i* from = reinterpret_cast<const __m128i*>(&w) + 2 * h + k;
      const __m128i* by = reinterpret_cast<const __m128i*>(&x) + 2 * h + k;
      pairs[k] = _mm256_madd_epi16(_mm256_cvtepu8_epi16(*from), _mm256_cvtepi8_epi16(*by));
    }
    halves[h] = _mm256_permute4x64_epi64(_mm256_hadd_epi32(pairs[0], pairs[1]), 0xd8);
  }
  return sum + load<ints>(halves);
#else
  for (int lane = 0; lane < LANES; lane++)
    for (int j = 0; j < 4; j++) sum[lane] += int32_t(w[4 * lane + j]) * x[4 * lane + j];
  return sum;
#endif
}

// The first `count` of 64 bytes; the rest is zero.
inline bytes load_part(const uint8_t* from, int64_t count) {
  bytes v = {};
  std::memcpy(&v, from, count);
  return v;
}

inline float largest(const float* x) {  // magnitude of BLOCK numbers: as integers in the same order
  ints most = {};
  for (int i = 0; i < BLOCK; i += LANES) {
    const ints magnitude = load<ints>(x + i) & 0x7fffffff;
    most = magnitude > most ? magnitude : most;
  }
  int32_t bits = 0;
  for (int i = 0; i < LANES; i++) bits = std::max(bits, most[i]);
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// BLOCK activations as int8; returns their scale, of which the values are multiples. A block whose
// scale would be below the normal numbers counts as zero: rounded itself, such a scale would be off
// by more than half a step. A scale that is not finite makes the product NaN.
inline float round_block(const float* x, int8_t* values) {
  const float wanted = largest(x) / 127, scale = wanted < FLT_MIN ? 0 : wanted;
  if (!(scale > 0 && scale <= FLT_MAX)) {
    std::memset(values, 0, BLOCK);
    return scale > 0 ? NAN : scale;
  }
  for (int i = 0; i < BLOCK; i++)
    values[i] = static_cast<int8_t>(static_cast<int32_t>(__builtin_rintf(x[i] / scale)));  // to even
  return scale;
}

// Weights in int8, a scale for each row. VNNI multiplies unsigned by signed bytes, so a weight goes
// in as w + 128, and 128 times the activations is taken off again.
struct Int8 {
  static constexpr int64_t INPUTS = 64, ROW_BYTES = 64;
  static constexpr int rows(int tokens) { return tokens <= 4 ? 4 : 3; }  // that fit the registers

  struct Chunk {  // of one token
    int8_t values[64];
    float scale[LANES];         // of the lane's block
    int32_t correction[LANES];  // -128 times the sum of the lane's values

    void set(const float* x) {
      for (int block = 0; block < INPUTS; block += BLOCK) {
        const float s = round_block(x + block, values + block);
        for (int lane = block / 4; lane < (block + BLOCK) / 4; lane++) scale[lane] = s;
      }
      const ints sums = dot(ints{}, bytes{} + 1, load<signed_bytes>(values)) * -128;
      std::memcpy(correction, &sums, sizeof(sums));
    }
  };

  const float* scales;

  bytes weights(bytes stored, int64_t row, int64_t chunk) const { return stored ^ 0x80; }
  struct InRegisters {
    signed_bytes values;
    floats scale;
    ints correction;
  };
  static InRegisters activations(const Chunk& x) {
    return {load<signed_bytes>(x.values), load<floats>(x.scale), load<ints>(x.correction)};
  }
  static floats add(floats sum, const bytes& w, const InRegisters& x) {
    return sum + __builtin_convertvector(dot(x.correction, w, x.values), floats) * x.scale;
  }
  void add_up(const Chunk* x, int64_t tokens, int64_t chunks) {}
  floats with_zeros(floats added, int64_t row, int64_t token) const { return added; }
  float scale(int64_t row) const { return scales[row]; }
};

// Weights in int4 (int4.py): two a byte, the first in the high half, (value - 8) * scale + zero. A
// lane has 8 neighbours of a group, the even ones in one vector, the odd ones in another. The 8 is
// taken off as Int8 takes off 128. The zero is multiplied by the sum of the group's activations:
// once for a group, when the row is done.
struct Int4 {
  static constexpr int64_t INPUTS = 128, ROW_BYTES = 64;
  static constexpr int rows(int tokens) { return tokens <= 2 ? 4 : 2; }

  struct Chunk {
    int8_t even[64], odd[64];
    float scale[LANES];         // of the lane's block
    int32_t correction[LANES];  // -8 times the sum of the lane's values

    void set(const float* x) {
      int8_t values[INPUTS];
      for (int block = 0; block < INPUTS; block += BLOCK) {
        const float s = round_block(x + block, values + block);
        for (int lane = block / 8; lane < (block + BLOCK) / 8; lane++) scale[lane] = s;
      }
      for (int i = 0; i < 64; i++) even[i] = values[2 * i], odd[i] = values[2 * i + 1];
      const ints sums = values_added() * -8;
      std::memcpy(correction, &sums, sizeof(sums));
    }

    ints values_added() const {
      const bytes ones = bytes{} + 1;
      return dot(dot(ints{}, ones, load<signed_bytes>(even)), ones, load<signed_bytes>(odd));
    }
  };

  const at::BFloat16 *scales, *zeros;  // [rows, groups]
  int64_t groups;
  int shift;  // a group has 2^shift lanes: 4, 8 or 16
  ints group_of_lane;
  const float* sums = nullptr;  // of a group's activations: [tokens, padded()]

  int64_t padded() const { return (groups + LANES - 1) / LANES * LANES; }

  void add_up(const Chunk* x, int64_t tokens, int64_t chunks) {
    float* to = scratch<float>(tokens * padded());
    std::memset(to, 0, tokens * padded() * sizeof(float));
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t c = 0; c < chunks; c++) {
        const Chunk& chunk = x[t * chunks + c];
        const floats added = __builtin_convertvector(chunk.values_added(), floats);
        const floats scaled = added * load<floats>(chunk.scale);
        const int64_t first = (c * LANES) >> shift;
        const int64_t lanes = std::min(LANES, (groups - first) << shift);
        for (int64_t lane = 0; lane < lanes; lane++)
          to[t * padded() + first + (lane >> shift)] += scaled[lane];
      }
    sums = to;
  }

  struct Weights {
    bytes even, odd;
    floats scale;
  };

  // The scales of 16 lanes of a row: one to four groups', each of which has 2^shift lanes.
  floats spread(const at::BFloat16* row, int64_t chunk) const {
    const int64_t first = (chunk * LANES) >> shift, count = std::min(LANES >> shift, groups - first);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    const __m128i some = _mm_maskz_loadu_epi16((1u << count) - 1, row + first);
    const __m128 wide = _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(some), 16));
    return (floats)_mm512_permutexvar_ps((__m512i)group_of_lane, _mm512_castps128_ps512(wide));
#endif
    floats v = {};
    for (int64_t lane = 0; lane < count << shift; lane++) v[lane] = row[first + (lane >> shift)];
    return v;
  }

  Weights weights(bytes stored, int64_t row, int64_t chunk) const {
    return {stored >> 4, stored & 15, spread(scales + row * groups, chunk)};
  }

  struct InRegisters {
    signed_bytes even, odd;
    floats scale;
    ints correction;
  };
  static InRegisters activations(const Chunk& x) {
    return {load<signed_bytes>(x.even), load<signed_bytes>(x.odd), load<floats>(x.scale),
            load<ints>(x.correction)};
  }
  static floats add(floats sum, const Weights& w, const InRegisters& x) {
    const ints products = dot(dot(x.correction, w.even, x.even), w.odd, x.odd);
    return sum + __builtin_convertvector(products, floats) * x.scale * w.scale;
  }

  static floats up_to_16(const at::BFloat16* from, int64_t count) {
    if (count >= LANES) return widened(from);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    const __m256i some = _mm256_maskz_loadu_epi16((1u << count) - 1, from);
    return (floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(some), 16);
#endif
    at::BFloat16 part[LANES] = {};
    std::memcpy(part, from, count * sizeof(part[0]));
    return widened(part);
  }
  floats with_zeros(floats added, int64_t row, int64_t token) const {
    for (int64_t g = 0; g < groups; g += LANES) {
      const floats zero = up_to_16(zeros + row * groups + g, groups - g);
      added += zero * load<floats>(sums + token * padded() + g);
    }
    return added;
  }
  float scale(int64_t row) const { return 1; }
};

template <int ROWS, int TOKENS, class Kind, class Out>
inline void integer_rows(
    const typename Kind::Chunk* x, const uint8_t* w, const Kind& kind, Out* out, int64_t row,
    int64_t apart, int64_t row_bytes, int64_t chunks, int64_t outputs) {
  floats sums[TOKENS][ROWS] = {};
  const auto add = [&](int64_t chunk, auto&& stored) {
    decltype(kind.weights(bytes{}, 0, 0)) weights[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) weights[r] = kind.weights(stored(r), row + r * apart, chunk);
#pragma GCC unroll 8
    for (int t = 0; t < TOKENS; t++) {
      const auto activations = Kind::activations(x[t * chunks + chunk]);
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++) sums[t][r] = Kind::add(sums[t][r], weights[r], activations);
    }
  };
  const int64_t whole = row_bytes / Kind::ROW_BYTES, rest = row_bytes % Kind::ROW_BYTES;
  const auto place = [&](int r, int64_t chunk) {
    return w + (row + r * apart) * row_bytes + chunk * Kind::ROW_BYTES;
  };
  for (int64_t c = 0; c < whole; c++) add(c, [&](int r) { return load<bytes>(place(r, c)); });
  if (rest) add(whole, [&](int r) { return load_part(place(r, whole), rest); });
  for (int t = 0; t < TOKENS; t++) {
    for (int r = 0; r < ROWS; r++) sums[t][r] = kind.with_zeros(sums[t][r], row + r * apart, t);
    float added[ROWS];
    sums_of<ROWS>(sums[t], added);
    for (int r = 0; r < ROWS; r++)
      out[t * outputs + row + r * apart] = added[r] * kind.scale(row + r * apart);
  }
}

template <class Kind, class Value>
void integer_product(
    const Value* x, const uint8_t* w, Kind kind, Value* out, int64_t tokens, int64_t inputs,
    int64_t outputs, int64_t row_bytes) {
  using Chunk = typename Kind::Chunk;
  const int64_t chunks = (inputs + Kind::INPUTS - 1) / Kind::INPUTS;
  Chunk* rounded = scratch<Chunk>(tokens * chunks);
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t c = 0; c < chunks; c++) {
      float wide[Kind::INPUTS] = {};
      const Value* from = x + t * inputs + c * Kind::INPUTS;
      const int64_t count = std::min(Kind::INPUTS, inputs - c * Kind::INPUTS);
      for (int64_t i = 0; i < count; i++) wide[i] = from[i];
      rounded[t * chunks + c].set(wide);
    }
  kind.add_up(rounded, tokens, chunks);
  with_tokens(tokens, [&](auto count) {
    constexpr int TOKENS = count.value, ROWS = Kind::rows(TOKENS);
    over_threads(outputs, ROWS, [&](int64_t first, int64_t last) {
      const int64_t run = (last - first) / ROWS;
      for (int64_t r = first; r < first + run; r++)
        integer_rows<ROWS, TOKENS>(rounded, w, kind, out, r, run, row_bytes, chunks, outputs);
      for (int64_t r = first + ROWS * run; r < last; r++)
        integer_rows<1, TOKENS>(rounded, w, kind, out, r, 0, row_bytes, chunks, outputs);
    });
  });
}

template <class Kind>
at::Tensor integer_product(const at::Tensor& x_, const at::Tensor& weight, const Kind& kind) {
  const at::Tensor x = x_.contiguous();
  const int64_t inputs = x.size(-1), tokens = x.numel() / inputs, outputs = weight.size(0);
  at::Tensor out = product_of(x, outputs);
  const auto* stored = static_cast<const uint8_t*>(weight.const_data_ptr());
  const auto multiply = [&](auto* to, const auto* from) {
    integer_product(from, stored, kind, to, tokens, inputs, outputs, weight.size(1));
  };
  if (x.scalar_type() == at::kFloat)
    multiply(out.mutable_data_ptr<float>(), x.const_data_ptr<float>());
  else
    multiply(out.mutable_data_ptr<at::BFloat16>(), x.const_data_ptr<at::BFloat16>());
  return out;
}

// x [..., I] as int8, times weight [O, I], int8 with scales [O] in fp32: [..., O] in x's type.
at::Tensor product_int8(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale) {
  check_activations(x);
  TORCH_CHECK(
      weight.is_contiguous() && weight.scalar_type() == at::kChar && weight.size(1) == x.size(-1),
      "weight must be [O, I] in int8");
  check_scales(scale, at::kFloat, weight.size(0), 1);
  return integer_product(x, weight, Int8{scale.const_data_ptr<float>()});
}

// x [..., I] as int8, times weight [O, I / 2], int4 with scales and zeros [O, groups] in bf16.
at::Tensor product_int4(
    const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& zero) {
  check_activations(x);
  TORCH_CHECK(
      weight.is_contiguous() && weight.element_size() == 1 && 2 * weight.size(1) == x.size(-1),
      "weight must be [O, I / 2], two a byte");
  const int64_t groups = scale.size(1), neighbours = x.size(-1) / groups;
  TORCH_CHECK(
      neighbours * groups == x.size(-1) && (neighbours == 32 || neighbours == 64 ||
      neighbours == 128), "a group must have 32, 64 or 128 neighbours");
  check_scales(scale, at::kBFloat16, weight.size(0), groups);
  check_scales(zero, at::kBFloat16, weight.size(0), groups);
  const int shift = neighbours == 32 ? 2 : neighbours == 64 ? 3 : 4;
  const ints lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return integer_product(
      x, weight, Int4{scale.const_data_ptr<at::BFloat16>(), zero.const_data_ptr<at::BFloat16>(),
                      groups, shift, lanes >> shift});
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(workshop, m) {
  m.def("product_int8(Tensor x, Tensor weight, Tensor scale) -> Tensor");
  m.def("product_int4(Tensor x, Tensor weight, Tensor scale, Tensor zero) -> Tensor");
}

TORCH_LIBRARY_IMPL(workshop, CPU, m) {
  m.impl("product_int8", &product_int8);
  m.impl("product_int4", &product_int4);
}
