// The vocabulary of the convolution algorithms. A form is one algorithm as a struct of statics, like an op; kForm
// makes the table of its functions, and an op's FormOf says which form computes a call, by the shape of one sample
// alone.
#pragma once

#include <cstdint>

#include "base/tensor.h"
#include "base/thread_pool.h"
#include "kernels/cpu/conv/fir.h"

namespace mien::gemm {

// A convolution of one sample; `up`: the transposed one of stride 2, then the 4x4 filter, with 2H x 2W results.
struct ConvShape {
  int64_t in_channels = 0, out_channels = 0;
  int64_t height = 0, width = 0;  // of the input
  int64_t kernel = 3, stride = 1, pad = 1;
  int64_t end_pad = 0;  // more below and to the right
  bool up = false;
  bool on_the_fly = false;  // transformed weights are made at every use (transformed.h)

  int64_t OutHeight() const { return up ? 2 * height : Places(height); }
  int64_t OutWidth() const { return up ? 2 * width : Places(width); }
  int64_t Weights() const { return out_channels * in_channels * kernel * kernel; }
  bool operator==(const ConvShape&) const = default;

 private:
  int64_t Places(int64_t size) const { return (size + 2 * pad + end_pad - kernel) / stride + 1; }
};

// Results: `count` pixels of one channel of one sample that lie behind one another, or `rows` such stretches,
// each in the next row of the image. 16 floats may be read past the last.
struct Sums {
  int64_t sample, channel;
  int64_t pixel;  // the first
  int64_t rows = 1, count;
  const float* sum;
  int64_t stride = 0;  // from row to row
};
struct Sink {
  void (*take)(const void* context, const Sums& sums);
  const void* context;
};

struct ConvCall {
  View<const float> x;           // [N,I,H,W], of which a window of rows may be in memory
  const float* style = nullptr;  // [N,I], times x; null: ones
  const float* packed = nullptr;
  const Fir* fir = nullptr;      // of `up`
  RowRange rows;                 // of the output
  float* kept_rows = nullptr;    // as the range before left them; null: the range is the whole
  ThreadPool* threads = nullptr;
  float* scratch = nullptr;
  Sink sink;
};

struct Form {
  int64_t (*PackedFloats)(const ConvShape& conv);
  ConvShape (*Packing)(const ConvShape& conv);  // what Pack depends on of it, the rest as it is by default
  void (*Pack)(const ConvShape& conv, const float* weight, float gain, float* packed);  // [O,I,k,k]
  int64_t (*ScratchFloats)(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  RowGrid (*Rows)(const ConvShape& conv);                         // where ranges of output rows end
  RowRange (*RowsRead)(const ConvShape& conv, RowRange rows);     // of the input
  int64_t (*KeptRowsFloats)(const ConvShape& conv, int64_t batch);  // what a range leaves for the next
  int64_t (*Products)(const ConvShape& conv, int64_t batch);      // that one thread executes for whole images
  void (*Run)(const ConvShape& conv, const ConvCall& call);
};
template <class Algorithm>
constexpr Form kForm = {&Algorithm::PackedFloats,  &Algorithm::Packing, &Algorithm::Pack,
                        &Algorithm::ScratchFloats, &Algorithm::Rows,    &Algorithm::RowsRead,
                        &Algorithm::KeptRowsFloats, &Algorithm::Products, &Algorithm::Run};

struct Convolution {
  const Form& form;
  ConvShape shape;

  bool SamePacking(const Convolution& other) const {
    return &form == &other.form && form.Packing(shape) == form.Packing(other.shape);
  }
};

// Where `tasks` do not fill the threads evenly the channels are split as well, into at most this many parts.
inline int64_t SplitsOf(int64_t tasks, int64_t most, int64_t threads) {
  int64_t splits = 1;
  while (splits < most && tasks * splits < 4 * threads && tasks * splits % threads != 0) ++splits;
  return splits;
}

// Forms that pack the taps as they are.
struct PacksTaps {
  static ConvShape Packing(const ConvShape& conv) {
    return {.in_channels = conv.in_channels, .out_channels = conv.out_channels, .kernel = conv.kernel};
  }
};

// Forms inherit what they have no use for.
struct NoKeptRows {
  static int64_t KeptRowsFloats(const ConvShape&, int64_t /*batch*/) { return 0; }
};
struct WholeImages : NoKeptRows {
  static RowGrid Rows(const ConvShape& conv) { return {conv.OutHeight(), 0}; }
  static RowRange RowsRead(const ConvShape& conv, RowRange) { return {0, conv.height}; }
};

}  // namespace mien::gemm
