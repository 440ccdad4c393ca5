// The IR-SE trunk (ArcFace, arXiv:1801.07698, with squeeze-and-excitation), shared by the e4e encoder and the
// recognizer.
#pragma once

#include <vector>

#include "graph/networks/module.h"

namespace mien {

// image [N,3,H,W] -> the output of every stage; stage k halves the size (k + 1) times.
std::vector<ValueId> AppendTrunk(const Module& m, const TrunkConfig& trunk, ValueId image);

}  // namespace mien
