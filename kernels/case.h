// The vocabulary of test cases, read by the test driver and by the bench driver. Every op folder has an <op>_cases.h
// with two specialisations: CasesOf<Op> (calls that must agree with the reference) and WrongCasesOf<Op> (shapes that
// Infer must refuse). kernels/all_cases.h includes them all.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/op.h"

namespace mien {

enum class Tag : uint8_t {
  kTiny,   // small and odd-sized; also run under the slow settings (sanitizers, the scalar target, the host runner)
  kModel,  // a call of a real network, what the benchmarks time
  kEdge,   // limits: one element, operands left out, extreme parameters
};

// How the values of one input are drawn. Always finite floats, the same on every machine.
struct Fill {
  enum class Kind : uint8_t { kNormal, kUniform, kIndices, kOuter };
  Kind kind = Kind::kNormal;
  // kNormal: mean and deviation; kUniform: bounds; kIndices: distinct in [0, high); kOuter: a square matrix, the outer
  // product of two vectors drawn as kNormal.
  double low = 0.0, high = 1.0;

  static Fill Normal(double mean, double deviation) { return {Kind::kNormal, mean, deviation}; }
  static Fill Uniform(double low, double high) { return {Kind::kUniform, low, high}; }
  static Fill Outer() { return {Kind::kOuter, 0.0, 1.0}; }
  static Fill Indices(int64_t limit) { return {Kind::kIndices, 0.0, static_cast<double>(limit)}; }
};

template <class Op>
struct OpCase {
  const char* name;
  Tag tag;
  CpuParams<Op> params;    // of the CPU; elsewhere its choice means nothing
  std::vector<Shape> in;   // Shape() for an operand that is absent
  double tolerance;        // of max|cpu - ref| / rms(ref), for every output; measured x 1.5
  std::array<Fill, 12> fill = {};  // per input; what is not given is standard normal
  // Bit i: the first dimension of input i is the batch. All outputs then have it first, and the driver checks that
  // samples do not know their neighbours. 0: the call has no batch.
  uint32_t batched = 1;
  uint64_t seed = 1;
};

template <class Op>
struct WrongCase {
  typename Op::Params params;
  std::vector<Shape> in;
  const char* expected;  // both must be parts of the error message
  const char* found;
};

// An op whose specialisation is missing has no cases, which fails the test driver.
template <class Op>
std::vector<OpCase<Op>> CasesOf() {
  return {};
}
template <class Op>
std::vector<WrongCase<Op>> WrongCasesOf() {
  return {};
}

// Values of one input: a counter-based generator (splitmix64), so that a value depends only on (seed, input, index).
void FillValues(const Fill& fill, uint64_t seed, int input, std::span<float> out);

}  // namespace mien
