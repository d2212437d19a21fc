// A weight times a few tokens on a CPU: each weight is read once, whatever the number of tokens.
//
// Decode multiplies a matrix by one vector, a verifier's pass by 2 to 8 of them. Both are bound by
// reading the matrix, if the arithmetic keeps up: a library made for large matrices does not. Here
// a block of ROWS outputs times all tokens stays in registers while the inputs pass by:
//
//     for each 16 inputs:   load 16 weights of each row, convert them     (once)
//                           load 16 activations of each token             (from the L1 or L2 cache)
//                           ROWS x TOKENS fused multiply-adds
//
// `product` converts bf16 and int8 weights to fp32, and sums in fp32. `integer_product` rounds the
// activations to int8 first, in blocks of 32 with a scale each, and multiplies integers: four
// products and their sum in one instruction on 16 lanes (VNNI), where fp32 has one product.
//
// Vectors are GCC's (vector_size), which any processor's registers can make up;
// the one instruction that has no portable name is in `dot`.

#include <ATen/core/Tensor.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

constexpr int64_t LANES = 16;       // 32-bit numbers in a vector of 64 bytes
constexpr int64_t MOST_TOKENS = 8;  // ROWS x TOKENS sums must fit the registers
constexpr int64_t BLOCK = 32;       // activations that share a scale in `integer_product`

typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef uint8_t bytes __attribute__((vector_size(64)));
typedef int8_t signed_bytes __attribute__((vector_size(64)));
typedef int8_t few_int8 __attribute__((vector_size(16)));
typedef uint16_t few_bf16 __attribute__((vector_size(32)));

template <class Vector, class Value>
inline Vector load(const Value* from) {
  Vector v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

inline float sum(floats v) {  // half to half: the compiler may not reorder additions by itself
  typedef float eight __attribute__((vector_size(32)));
  typedef float four __attribute__((vector_size(16)));
  eight halves[2];
  std::memcpy(halves, &v, sizeof(v));
  halves[0] += halves[1];
  four quarters[2];
  std::memcpy(quarters, halves, sizeof(quarters));
  quarters[0] += quarters[1];
  return (quarters[0][0] + quarters[0][2]) + (quarters[0][1] + quarters[0][3]);
}

// How a vector of weights becomes one that activations of a type are multiplied by, and how the
// products are added up: 16 at a time for fp32 activations ...

inline floats widened(const int8_t* w) {
#ifdef __AVX512F__  // the same as below, of which GCC 12 makes 60 instructions
  return (floats)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)w)));
#endif
  return __builtin_convertvector(__builtin_convertvector(load<few_int8>(w), ints), floats);
}

inline floats widened(const at::BFloat16* w) {
#ifdef __AVX512F__
  const __m512i halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)w));
  return (floats)_mm512_slli_epi32(halves, 16);
#endif
  ints bits = __builtin_convertvector(load<few_bf16>(w), ints) << 16;  // bf16 is fp32's upper half
  return load<floats>(&bits);
}

inline floats widened(const float* w) { return load<floats>(w); }

template <class Activation>
struct Arithmetic;

template <>
struct Arithmetic<float> {
  static constexpr int64_t AT_ONCE = 16;
  template <class Weight>
  static floats weights(const Weight* w) {
    return widened(w);
  }
  static floats activations(const float* x) { return load<floats>(x); }
  static floats add(floats sum, floats weights, floats activations) {
    return sum + weights * activations;
  }
};

// ... and 32 for bf16 ones where the processor has dot products of bf16: two products and their sum
// in each lane. int8 converts to bf16 without loss.
#ifdef __AVX512BF16__
template <>
struct Arithmetic<at::BFloat16> {
  static constexpr int64_t AT_ONCE = 32;
  static __m512bh weights(const int8_t* w) {
    return _mm512_cvtne2ps_pbh((__m512)widened(w + 16), (__m512)widened(w));
  }
  static __m512bh weights(const at::BFloat16* w) { return load<__m512bh>(w); }
  static __m512bh activations(const at::BFloat16* x) { return load<__m512bh>(x); }
  static floats add(floats sum, __m512bh weights, __m512bh activations) {
    return (floats)_mm512_dpbf16_ps((__m512)sum, weights, activations);
  }
};
#endif

// Splits `rows` evenly over the threads, in multiples of `step`; work(first, last) runs in each.
template <class Work>
void over_threads(int64_t rows, int64_t step, const Work& work) {
  const int64_t steps = (rows + step - 1) / step;
#pragma omp parallel num_threads(at::get_num_threads())
  {
    const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    const int64_t first = steps * thread / threads * step;
    const int64_t last = std::min(rows, steps * (thread + 1) / threads * step);
    if (first < last) work(first, last);
  }
}

// ROWS outputs of each token, `apart` rows from each other: out[token * outputs + row * apart].
template <int ROWS, int TOKENS, class Activation, class Weight, class Out>
inline void float_rows(
    const Activation* x, const Weight* w, Out* out, int64_t inputs, int64_t outputs,
    int64_t apart) {
  using How = Arithmetic<Activation>;
  floats sums[ROWS][TOKENS] = {};
  int64_t i = 0;
  for (; i + How::AT_ONCE <= inputs; i += How::AT_ONCE) {
    decltype(How::weights(w)) weights[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) weights[r] = How::weights(w + r * apart * inputs + i);
#pragma GCC unroll 8
    for (int t = 0; t < TOKENS; t++) {
      const auto activations = How::activations(x + t * inputs + i);
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++)
        sums[r][t] = How::add(sums[r][t], weights[r], activations);
    }
  }
  for (int r = 0; r < ROWS; r++)
    for (int t = 0; t < TOKENS; t++) {
      float s = sum(sums[r][t]);
      for (int64_t j = i; j < inputs; j++)
        s += static_cast<float>(w[r * apart * inputs + j]) * static_cast<float>(x[t * inputs + j]);
      out[t * outputs + r * apart] = s;
    }
}

// A thread's rows are ROWS runs of neighbours, which advance side by side: each run is a stream of
// memory that the processor reads ahead by itself. (Neighbours taken together would be streams as
// short as a row, and half as fast.)
template <int TOKENS, class Activation, class Weight, class Out>
void float_product(
    const Activation* x, const Weight* w, Out* out, int64_t inputs, int64_t outputs) {
  constexpr int ROWS = TOKENS <= 4 ? 4 : 3;  // 24 sums, weights and activations: 28 of 32 registers
  over_threads(outputs, ROWS, [&](int64_t first, int64_t last) {
    const int64_t run = (last - first) / ROWS;
    for (int64_t r = first; r < first + run; r++)
      float_rows<ROWS, TOKENS>(x, w + r * inputs, out + r, inputs, outputs, run);
    for (int64_t r = first + ROWS * run; r < last; r++)
      float_rows<1, TOKENS>(x, w + r * inputs, out + r, inputs, outputs, 0);
  });
}

// The number of tokens as a constant, so that the compiler keeps the sums in registers.
template <class Work>
void with_tokens(int64_t tokens, const Work& work) {
  switch (tokens) {
    case 1: return work(std::integral_constant<int, 1>());
    case 2: return work(std::integral_constant<int, 2>());
    case 3: return work(std::integral_constant<int, 3>());
    case 4: return work(std::integral_constant<int, 4>());
    case 5: return work(std::integral_constant<int, 5>());
    case 6: return work(std::integral_constant<int, 6>());
    case 7: return work(std::integral_constant<int, 7>());
    case 8: return work(std::integral_constant<int, 8>());
  }
  TORCH_CHECK(false, "a product of 1 to ", MOST_TOKENS, " tokens, not of ", tokens);
}

// Memory of this thread's that stays: a step would allocate it anew for every product. It begins at
// a cache line: a vector that lies in two is loaded twice.
template <class Value>
Value* scratch(int64_t count) {
  struct alignas(64) Line {
    char bytes[64];
  };
  static thread_local std::vector<Line> memory;
  const size_t lines = (count * sizeof(Value) + sizeof(Line) - 1) / sizeof(Line);
  if (memory.size() < lines) memory.resize(lines);
  return reinterpret_cast<Value*>(memory.data());
}

void check_activations(const at::Tensor& x) {
  TORCH_CHECK(
      x.dim() == 2 && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16),
      "activations must be [T, I] in bf16 or fp32");
}

// A scale or zero for each row, or for each group of each row.
void check_scales(const at::Tensor& scales, at::ScalarType type, int64_t rows, int64_t count) {
  TORCH_CHECK(
      scales.is_contiguous() && scales.scalar_type() == type && scales.size(0) == rows &&
          scales.numel() == rows * count,
      "scales must be ", type, ", ", count, " for each of ", rows, " rows, in order");
}

// x [T, I], bf16 or fp32, times weight [O, I], int8 or of x's type: [T, O] in x's type.
at::Tensor product(const at::Tensor& x_, const at::Tensor& weight) {
  const at::Tensor x = x_.contiguous();
  const int64_t tokens = x.size(0), inputs = x.size(1), outputs = weight.size(0);
  TORCH_CHECK(weight.is_contiguous() && weight.size(1) == inputs, "weight must be [O, I], in order");
  TORCH_CHECK(
      weight.scalar_type() == at::kChar || weight.scalar_type() == x.scalar_type(),
      "weight must be int8 or of the activations' type");
  check_activations(x);
  at::Tensor out = at::empty({tokens, outputs}, x.options());
  auto multiply = [&](const auto* activations, auto* to) {
    with_tokens(tokens, [&](auto count) {
      if (weight.scalar_type() == at::kChar) {
        float_product<count.value>(
            activations, weight.const_data_ptr<int8_t>(), to, inputs, outputs);
      } else {
        using Weight = std::decay_t<decltype(*to)>;  // of the activations' type
        float_product<count.value>(
            activations, weight.const_data_ptr<Weight>(), to, inputs, outputs);
      }
    });
  };
  if (x.scalar_type() == at::kFloat) {
    multiply(x.const_data_ptr<float>(), out.mutable_data_ptr<float>());
    return out;
  }
  const at::BFloat16* narrow = x.const_data_ptr<at::BFloat16>();
#ifdef __AVX512BF16__
  multiply(narrow, out.mutable_data_ptr<at::BFloat16>());
#else
  float* wide = scratch<float>(tokens * inputs);
  for (int64_t i = 0; i < tokens * inputs; i++) wide[i] = narrow[i];
  multiply(wide, out.mutable_data_ptr<at::BFloat16>());
#endif
  return out;
}

// Integer products ------------------------------------------------------------------------------

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
  float finished(floats added, int64_t row, int64_t token) const {
    return sum(added) * scales[row];
  }
};

// Weights in int4 (int4.py): two a byte, the first in the high half, (value - 8) * scale + zero. A
// lane has 8 neighbours of a group, the even ones in one vector, the odd ones in another. What is
// added to every value of a group, zero - 8 * scale, is multiplied by the sum of the group's
// activations: once for a group, when the row is done.
struct Int4 {
  static constexpr int64_t INPUTS = 128, ROW_BYTES = 64;
  static constexpr int rows(int tokens) { return tokens <= 2 ? 4 : 2; }

  struct Chunk {
    int8_t even[64], odd[64];
    float scale[LANES];  // of the lane's block

    void set(const float* x) {
      int8_t values[INPUTS];
      for (int block = 0; block < INPUTS; block += BLOCK) {
        const float s = round_block(x + block, values + block);
        for (int lane = block / 8; lane < (block + BLOCK) / 8; lane++) scale[lane] = s;
      }
      for (int i = 0; i < 64; i++) even[i] = values[2 * i], odd[i] = values[2 * i + 1];
    }
  };

  const at::BFloat16 *scales, *zeros;  // [rows, groups]
  int64_t groups, lanes_a_group;
  const float* sums = nullptr;  // of a group's activations: [tokens, padded()]

  int64_t padded() const { return (groups + LANES - 1) / LANES * LANES; }

  void add_up(const Chunk* x, int64_t tokens, int64_t chunks) {
    float* to = scratch<float>(tokens * padded());
    std::memset(to, 0, tokens * padded() * sizeof(float));
    const bytes ones = bytes{} + 1;
    for (int64_t t = 0; t < tokens; t++)
      for (int64_t c = 0; c < chunks; c++) {
        const Chunk& chunk = x[t * chunks + c];
        const ints evens = dot(ints{}, ones, load<signed_bytes>(chunk.even));
        const ints both = dot(evens, ones, load<signed_bytes>(chunk.odd));
        const floats scaled = __builtin_convertvector(both, floats) * load<floats>(chunk.scale);
        for (int lane = 0; lane < LANES; lane++) {
          const int64_t group = (c * LANES + lane) / lanes_a_group;
          if (group < groups) to[t * padded() + group] += scaled[lane];
        }
      }
    sums = to;
  }

  struct Weights {
    bytes even, odd;
    floats scale;
  };

  // The scales of 16 lanes of a row.
  floats spread(const at::BFloat16* row, int64_t chunk) const {
    const int64_t first = chunk * LANES / lanes_a_group;
    const at::BFloat16* from = row + first;
    floats v = {};
    if (lanes_a_group == 16) return v + static_cast<float>(from[0]);
#ifdef __AVX512F__
    if (first + 4 <= groups) {  // else a load of four may go past the last scale
      const __m128i four = _mm_slli_epi32(_mm_cvtepu16_epi32(_mm_loadu_si64(from)), 16);
      const __m512i lane = _mm512_srli_epi32(
          _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
          lanes_a_group == 4 ? 2 : 3);
      return (floats)_mm512_permutexvar_ps(lane, _mm512_castps128_ps512(_mm_castsi128_ps(four)));
    }
#endif
    for (int lane = 0; lane < LANES && first + lane / lanes_a_group < groups; lane++)
      v[lane] = from[lane / lanes_a_group];
    return v;
  }

  Weights weights(bytes stored, int64_t row, int64_t chunk) const {
    return {stored >> 4, stored & 15, spread(scales + row * groups, chunk)};
  }

  struct InRegisters {
    signed_bytes even, odd;
    floats scale;
  };
  static InRegisters activations(const Chunk& x) {
    return {load<signed_bytes>(x.even), load<signed_bytes>(x.odd), load<floats>(x.scale)};
  }
  static floats add(floats sum, const Weights& w, const InRegisters& x) {
    const ints products = dot(dot(ints{}, w.even, x.even), w.odd, x.odd);
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
  float finished(floats added, int64_t row, int64_t token) const {
    for (int64_t g = 0; g < groups; g += LANES) {
      const floats scale = up_to_16(scales + row * groups + g, groups - g);
      const floats zero = up_to_16(zeros + row * groups + g, groups - g);
      added += (zero - 8 * scale) * load<floats>(sums + token * padded() + g);
    }
    return sum(added);
  }
};

template <int ROWS, int TOKENS, class Kind, class Out>
inline void integer_rows(
    const typename Kind::Chunk* x, const uint8_t* w, const Kind& kind, Out* out, int64_t row,
    int64_t apart, int64_t row_bytes, int64_t chunks, int64_t outputs) {
  floats sums[ROWS][TOKENS] = {};
  const auto add = [&](int64_t chunk, auto&& stored) {
    decltype(kind.weights(bytes{}, 0, 0)) weights[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) weights[r] = kind.weights(stored(r), row + r * apart, chunk);
#pragma GCC unroll 8
    for (int t = 0; t < TOKENS; t++) {
      const auto activations = Kind::activations(x[t * chunks + chunk]);
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++) sums[r][t] = Kind::add(sums[r][t], weights[r], activations);
    }
  };
  const int64_t whole = row_bytes / Kind::ROW_BYTES, rest = row_bytes % Kind::ROW_BYTES;
  const auto place = [&](int r, int64_t chunk) {
    return w + (row + r * apart) * row_bytes + chunk * Kind::ROW_BYTES;
  };
  for (int64_t c = 0; c < whole; c++) add(c, [&](int r) { return load<bytes>(place(r, c)); });
  if (rest) add(whole, [&](int r) { return load_part(place(r, whole), rest); });
  for (int r = 0; r < ROWS; r++)
    for (int t = 0; t < TOKENS; t++)
      out[t * outputs + row + r * apart] = kind.finished(sums[r][t], row + r * apart, t);
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
  const int64_t tokens = x.size(0), inputs = x.size(1), outputs = weight.size(0);
  at::Tensor out = at::empty({tokens, outputs}, x.options());
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

// x [T, I] as int8, times weight [O, I], int8 with scales [O] in fp32: [T, O] in x's type.
at::Tensor product_int8(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale) {
  check_activations(x);
  TORCH_CHECK(
      weight.is_contiguous() && weight.scalar_type() == at::kChar && weight.size(1) == x.size(1),
      "weight must be [O, I] in int8");
  check_scales(scale, at::kFloat, weight.size(0), 1);
  return integer_product(x, weight, Int8{scale.const_data_ptr<float>()});
}

// x [T, I] as int8, times weight [O, I / 2], int4 with scales and zeros [O, groups] in bf16.
at::Tensor product_int4(
    const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& zero) {
  check_activations(x);
  TORCH_CHECK(
      weight.is_contiguous() && weight.element_size() == 1 && 2 * weight.size(1) == x.size(1),
      "weight must be [O, I / 2], two a byte");
  const int64_t groups = scale.size(1), neighbours = x.size(1) / groups;
  TORCH_CHECK(
      neighbours * groups == x.size(1) && (neighbours == 32 || neighbours == 64 ||
      neighbours == 128), "a group must have 32, 64 or 128 neighbours");
  check_scales(scale, at::kBFloat16, weight.size(0), groups);
  check_scales(zero, at::kBFloat16, weight.size(0), groups);
  return integer_product(
      x, weight, Int4{scale.const_data_ptr<at::BFloat16>(), zero.const_data_ptr<at::BFloat16>(),
                      groups, neighbours / 8});
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(workshop, m) {
  m.def("product(Tensor x, Tensor weight) -> Tensor");
  m.def("product_int8(Tensor x, Tensor weight, Tensor scale) -> Tensor");
  m.def("product_int4(Tensor x, Tensor weight, Tensor scale, Tensor zero) -> Tensor");
}

TORCH_LIBRARY_IMPL(workshop, CPU, m) {
  m.impl("product", &product);
  m.impl("product_int8", &product_int8);
  m.impl("product_int4", &product_int4);
}
