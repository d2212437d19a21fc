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
// Weights in bf16 and int8 are converted, and sums are in fp32.

#include "vectors.h"

namespace {

// How a vector of weights becomes one that activations of a type are multiplied by, and how the
// products are added up: 16 at a time for fp32 activations ...

inline floats widened(const int8_t* w) {
#ifdef __AVX512F__  // the same as below, of which GCC 12 makes 60 instructions
  return (floats)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)w)));
#endif
  return __builtin_convertvector(__builtin_convertvector(load<few_int8>(w), ints), floats);
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

// ROWS outputs of each token, `apart` rows from each other: out[token * outputs + row * apart].
template <int ROWS, int TOKENS, class Activation, class Weight, class Out>
inline void float_rows(
    const Activation* x, const Weight* w, Out* out, int64_t inputs, int64_t outputs,
    int64_t apart) {
  using How = Arithmetic<Activation>;
  floats sums[TOKENS][ROWS] = {};
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
        sums[t][r] = How::add(sums[t][r], weights[r], activations);
    }
  }
  for (int t = 0; t < TOKENS; t++) {
    float added[ROWS];
    sums_of<ROWS>(sums[t], added);
    for (int r = 0; r < ROWS; r++) {
      for (int64_t j = i; j < inputs; j++)
        added[r] +=
            static_cast<float>(w[r * apart * inputs + j]) * static_cast<float>(x[t * inputs + j]);
      out[t * outputs + r * apart] = added[r];
    }
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

// x [..., I], bf16 or fp32, times weight [O, I], int8 or of x's type: [..., O] in x's type.
at::Tensor product(const at::Tensor& x_, const at::Tensor& weight) {
  check_activations(x_);
  const at::Tensor x = x_.contiguous();
  const int64_t inputs = x.size(-1), tokens = x.numel() / inputs, outputs = weight.size(0);
  TORCH_CHECK(weight.is_contiguous() && weight.size(1) == inputs, "weight must be [O, I], in order");
  TORCH_CHECK(
      weight.scalar_type() == at::kChar || weight.scalar_type() == x.scalar_type(),
      "weight must be int8 or of the activations' type");
  at::Tensor out = product_of(x, outputs);
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

}  // namespace

TORCH_LIBRARY_FRAGMENT(workshop, m) { m.def("product(Tensor x, Tensor weight) -> Tensor"); }

TORCH_LIBRARY_IMPL(workshop, CPU, m) { m.impl("product", &product); }
