// What the file <op>.cu of a fast op provides.
#pragma once

#include <span>

#include "kernels/cuda/op.cuh"
#include "kernels/tensor/fast.h"

namespace mien::MIEN_EXECUTOR {

struct FastCall {
  std::span<void* const> in;   // by Op::Operand; null: absent
  std::span<void* const> out;  // by Op::Result; null: not made
  void* scratch = nullptr;     // ScratchBytes(); contents undefined
  Stream stream;
};

// No allocation, no waiting: the kernels are in the stream when this returns.
template <class Op>
Status RunFast(const typename Op::Params& params, const FastCall& call);

}  // namespace mien::MIEN_EXECUTOR
