// One call of one op under test: inputs drawn from the case, outputs and scratch poisoned with NaN, every
// buffer the kernel writes between guard zones.
#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/asan.h"
#include "base/buffer.h"
#include "kernels/case_run.h"

namespace mien {

// Floats with 64 guards on either side; everything starts as one particular NaN. AddressSanitizer, where it is,
// lets nobody read the guards.
class Guarded {
 public:
  explicit Guarded(int64_t floats) : floats_(floats) {
    auto buffer = Buffer::Create((floats + 2 * kGuard) * sizeof(float), "test");
    REQUIRE(buffer.ok());
    buffer_ = std::move(*buffer);
    std::fill_n(buffer_.as<uint32_t>(), floats_ + 2 * kGuard, kPoison);
    ASAN_POISON_MEMORY_REGION(buffer_.data(), kGuard * sizeof(float));
    ASAN_POISON_MEMORY_REGION(data() + floats_, kGuard * sizeof(float));
  }
  Guarded(Guarded&&) = default;
  ~Guarded() { ASAN_UNPOISON_MEMORY_REGION(buffer_.data(), buffer_.bytes()); }
  float* data() { return buffer_.as<float>() + kGuard; }
  std::vector<float> Values() { return {data(), data() + floats_}; }
  MIEN_NO_ASAN bool GuardsIntact() const {
    const uint32_t* words = buffer_.as<uint32_t>();
    bool intact = true;
    for (int64_t i = 0; i < kGuard; ++i)
      intact &= words[i] == kPoison && words[kGuard + floats_ + i] == kPoison;
    return intact;
  }

 private:
  static constexpr int64_t kGuard = 64;  // 256 bytes: keeps the alignment of 64
  static constexpr uint32_t kPoison = 0x7fc0beef;
  int64_t floats_;
  Buffer buffer_;
};

inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

template <class Op>
std::vector<Shape> OutputShapes(const typename Op::Params& params, const std::vector<Shape>& in) {
  std::vector<Shape> out(Op::kOutputs);
  const Status status = Op::Infer(params, in, out.data());
  INFO(std::string(status.message()));
  REQUIRE(status.ok());
  return out;
}

template <class Op>
Doubles RunReference(const typename Op::Params& params, const std::vector<Shape>& shapes, const Arrays& in) {
  return RunReference<Op>(params, shapes, OutputShapes<Op>(params, shapes), in);
}

inline void CheckSameBits(const Arrays& a, const Arrays& b, const std::string& what) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK_MESSAGE(SameBits(a[i], b[i]), what << ": output " << i);
}

// 1 where the call has no batch.
template <class Op>
int64_t BatchOf(const OpCase<Op>& c) {
  return c.batched == 0 ? 1 : c.in[static_cast<size_t>(std::countr_zero(c.batched))][0];
}

// The batch rearranged: sample order[n] of the inputs becomes sample n.
template <class T>
std::vector<T> Samples(const std::vector<T>& tensor, int64_t batch, const std::vector<int64_t>& order) {
  const int64_t size = static_cast<int64_t>(tensor.size()) / batch;
  std::vector<T> out;
  for (int64_t n : order) out.insert(out.end(), tensor.begin() + n * size, tensor.begin() + (n + 1) * size);
  return out;
}

// The samples in `order` only: run(shapes, arrays) has to give each one's bits of the whole batch `out`.
template <class Op, class Run>
void CheckSamples(const OpCase<Op>& c, const Arrays& in, const Arrays& out, const std::vector<int64_t>& order,
                  const std::string& what, const Run& run) {
  const int64_t batch = BatchOf(c);
  std::vector<Shape> shapes = c.in;
  Arrays arrays = in, expected;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!HasInput(c.batched, i) || !shapes[i].present()) continue;
    REQUIRE(shapes[i][0] == batch);
    shapes[i].dim[0] = static_cast<int64_t>(order.size());
    arrays[i] = Samples(in[i], batch, order);
  }
  for (const auto& array : out) expected.push_back(Samples(array, batch, order));
  CheckSameBits(run(shapes, arrays), expected, what);
}
template <class Op, class Run>
void CheckSamplesAlone(const OpCase<Op>& c, const Arrays& in, const Arrays& out, const Run& run) {
  for (int64_t n = 0; n < BatchOf(c) && BatchOf(c) > 1; ++n)
    CheckSamples(c, in, out, {n}, "sample " + std::to_string(n) + " alone", run);
}

// Rows `rows` of every plane of an image [N,C,H,W], alone between guards.
inline Guarded CutRows(const std::vector<float>& image, const Shape& shape, RowRange rows) {
  const int64_t width = shape[3], floats = (rows.end - rows.begin) * width;
  Guarded window(shape[0] * shape[1] * floats);
  for (int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
    std::copy_n(image.data() + (plane * shape[2] + rows.begin) * width, floats,
                window.data() + plane * floats);
  }
  return window;
}

template <class T>
View<T> WindowView(Guarded& window, const Shape& shape, RowRange rows) {
  return {window.data() - rows.begin * shape[3], shape, (rows.end - rows.begin) * shape[3]};
}

// Output rows `rows` of a whole run, from windows of exactly the rows that the op says it reads.
template <class Op>
std::vector<float> RunRows(const CpuParams<Op>& params, const std::vector<Shape>& in,
                           const Arrays& tensors, const std::vector<float>& packed, RowRange rows,
                           Guarded* carry, ThreadPool* pool) {
  auto views = ViewsOf(tensors, in);
  std::vector<Guarded> windows;
  for (size_t i = 0; i < views.size(); ++i) {
    if (HasInput(Op::kPacked, i)) views[i].data = nullptr;
    if (!HasInput(Op::kBanded, i) || !in[i].present()) continue;
    const RowRange read = Op::RowsRead(params, in, static_cast<int>(i), rows);
    REQUIRE((0 <= read.begin && read.begin < read.end && read.end <= in[i][2]));
    windows.push_back(CutRows(tensors[i], in[i], read));
    views[i] = WindowView<const float>(windows.back(), in[i], read);
  }
  Guarded scratch(Op::RangeScratchFloats(params, in, pool->threads()));
  const Shape shape = OutputShapes<Op>(params, in)[0];
  Guarded out(shape[0] * shape[1] * (rows.end - rows.begin) * shape[3]);
  const View<float> out_view = WindowView<float>(out, shape, rows);
  CpuCall call;
  call.in = views;
  call.out = {&out_view, 1};
  call.packed = packed.data();
  call.scratch = scratch.data();
  call.threads = pool;
  call.rows = rows;
  call.carry = carry->data();
  Op::Cpu(params, call);
  CHECK_MESSAGE(carry->GuardsIntact(), "Cpu wrote outside of what it carries");
  CHECK_MESSAGE(scratch.GuardsIntact(), "Cpu wrote outside of its scratch");
  CHECK_MESSAGE(out.GuardsIntact(), "Cpu wrote outside of its rows");
  return out.Values();
}

template <class Op>
Arrays RunCpu(const CpuParams<Op>& params, const std::vector<Shape>& in, const Arrays& tensors,
               ThreadPool* pool) {
  auto views = ViewsOf(tensors, in);
  Guarded packed(Op::PackedFloats(params, in));
  Op::Pack(params, views, packed.data());
  CHECK_MESSAGE(packed.GuardsIntact(), "Pack wrote outside of PackedFloats");
  const std::vector<float> packed_before = packed.Values();
  for (size_t i = 0; i < views.size(); ++i) {
    if (HasInput(Op::kPacked, i)) views[i].data = nullptr;
  }

  Guarded scratch(Op::ScratchFloats(params, in, pool->threads()));
  std::vector<Guarded> out;
  std::vector<View<float>> out_views;
  for (const Shape& shape : OutputShapes<Op>(params, in)) {
    out.emplace_back(shape.elements());
    out_views.push_back({out.back().data(), shape});
  }
  CpuCall call;
  call.in = views;
  call.out = out_views;
  call.packed = packed.data();
  call.scratch = scratch.data();
  call.threads = pool;
  Op::Cpu(params, call);

  CHECK_MESSAGE(scratch.GuardsIntact(), "Cpu wrote outside of its scratch");
  CHECK_MESSAGE(packed.GuardsIntact(), "Cpu wrote beside the packed weights");
  CHECK_MESSAGE(SameBits(packed.Values(), packed_before), "Cpu changed the packed weights");
  Arrays values;
  for (Guarded& tensor : out) {
    CHECK_MESSAGE(tensor.GuardsIntact(), "Cpu wrote outside of an output");
    values.push_back(tensor.Values());
  }
  return values;
}

}  // namespace mien
