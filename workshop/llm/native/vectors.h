// What products.cpp and integers.cpp share: vectors, threads, memory that stays.
//
// Vectors are GCC's (vector_size), which any processor's registers can make up. Everything is in an
// unnamed namespace: each of the two is a library of its own.

#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/DimVector.h>
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

typedef float four __attribute__((vector_size(16)));

// Half to half, since the compiler may not reorder additions by itself.
inline four quarter(floats v) {
  typedef float eight __attribute__((vector_size(32)));
  eight halves[2];
  std::memcpy(halves, &v, sizeof(v));
  halves[0] += halves[1];
  four quarters[2];
  std::memcpy(quarters, halves, sizeof(quarters));
  return quarters[0] + quarters[1];
}

inline float sum(floats v) {
  const four q = quarter(v);
  return (q[0] + q[1]) + (q[2] + q[3]);
}

// The sums of ROWS vectors, each as `sum` adds it up; of four together in a third of the time.
template <int ROWS>
inline void sums_of(const floats* v, float* out) {
#ifdef __AVX2__
  if (ROWS == 4) {
    const __m128 low = _mm_hadd_ps((__m128)quarter(v[0]), (__m128)quarter(v[1]));
    const __m128 high = _mm_hadd_ps((__m128)quarter(v[2]), (__m128)quarter(v[3]));
    _mm_storeu_ps(out, _mm_hadd_ps(low, high));
    return;
  }
#endif
  for (int r = 0; r < ROWS; r++) out[r] = sum(v[r]);
}

inline floats widened(const at::BFloat16* w) {
#ifdef __AVX512F__
  const __m512i halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)w));
  return (floats)_mm512_slli_epi32(halves, 16);
#endif
  ints bits = __builtin_convertvector(load<few_bf16>(w), ints) << 16;  // bf16 is fp32's upper half
  return load<floats>(&bits);
}

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
      x.dim() >= 1 && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16),
      "activations must be [..., I] in bf16 or fp32");
}

// Room for a product with `outputs` rows of weights: [..., O] for activations [..., I].
at::Tensor product_of(const at::Tensor& x, int64_t outputs) {
  at::DimVector sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = outputs;
  return at::empty(sizes, x.options());
}

}  // namespace
