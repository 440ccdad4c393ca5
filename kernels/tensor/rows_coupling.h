// The end of a coupling (kernels/affine_coupling) with the linear layer that makes its parameters and the
// batch norm between the couplings (kernels/flow_norm), by columns of x:
//   [shift, raw] = h . W^T + b,  scale = sigmoid(raw + 2) + 1e-3     (additive: scale = 1)
//   forward   y = norm(v scale + shift) of the transformed columns, norm(x) of the others
//   inverse   y = (norm^-1(v) - shift) / scale,                     norm^-1(x)
// The norm may be missing: then the other columns are kept bit for bit. A block makes shift and scale of
// eight columns, so its part of every row's logabsdet too; FlowLogAbsDet adds the parts of all couplings.
#pragma once

#include "kernels/tensor/rows.h"

namespace mien {

constexpr int kTileColumns =
    kTileFeatures / 2;  // rows i and i + 8 of a tile: shift and raw scale of column i

struct RowsCoupling {
  struct Weights {
    Precision precision = Precision::kHalf;
    int inputs = 0;
    int transformed = 0, identity = 0;  // columns of x
    bool additive = false;
    bool norm = false;
    float eps = 0.0f;
    bool operator==(const Weights&) const = default;
  };
  struct Params {
    Weights weights;
    int rows = 0;
    bool inverse = false;
    int parts = 0, first_part = 0;  // of a row's logabsdet, and this coupling's first
    bool operator==(const Params&) const = default;
  };
  enum Source { kWeight, kBias, kTransform, kIdentity, kNorm, kSources = kNorm + kNormTensors };
  enum Operand { kH, kX, kPacked, kOperands };
  enum Result { kY, kParts, kResults };  // kParts [rows, parts]: Parts(weights) of every row
  static constexpr const char* kName = "rows_coupling";
  static uint64_t PackedBytes(const Weights& weights);
  static void Pack(const Weights& weights, Inputs<float> sources, std::byte* packed);
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);

  // Tiles, and parts of logabsdet: each takes eight transformed columns and eight of the others.
  static int Parts(const Weights& weights);
  // Where the parts of the packed weights begin, in bytes. Tables by slot, kTileColumns * Parts of them:
  // columns of the transformed slots, then of the others, -1 past the last; for forward and inverse three
  // tables of the norm of each kind of slot, and logabsdet of the norm.
  struct Layout {
    uint64_t factors, bias, inputs, columns, norm, constants, end;
  };
  static Layout LayoutOf(const Weights& weights);
};

// logabsdet[row] = the sum of the row's parts.
struct FlowLogAbsDet : NoWeights {
  struct Params {
    Weights weights;
    int rows = 0, parts = 0;
    bool operator==(const Params&) const = default;
  };
  enum Operand { kParts, kOperands };
  enum Result { kLogAbsDet, kResults };
  static constexpr const char* kName = "flow_logabsdet";
  static uint64_t ResultBytes(const Params& params, int result);
  static uint64_t ScratchBytes(const Params&) { return 0; }
  static FastCost Count(const Params& params);
};

}  // namespace mien
