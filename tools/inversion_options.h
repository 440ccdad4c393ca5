// Inversion as the verbs `invert` and `edit --refine` do it.
#pragma once

#include "runtime/face/pipeline.h"
#include "runtime/train/photo_inverter.h"
#include "tools/session.h"

namespace mien {

// On the CPU; --max-memory is what is left beside the pipeline, which may be null. Says what a step takes with
// --verbose.
Result<std::unique_ptr<PhotoInverter>> MakeInverter(const Session& session,
                                                    const std::shared_ptr<const ModelFile>& model,
                                                    const InversionRules& rules, const Pipeline* pipeline);
// Invert, with every step's loss on a terminal and some with --verbose.
Result<InvertedFace> InvertWithProgress(const Session& session, PhotoInverter& inverter, const InversionRules& rules,
                                        const Image& square, std::span<float> w_plus,
                                        const InversionSnapshots& snapshots = {});

nlohmann::json Report(const InvertedFace& face);

}  // namespace mien
