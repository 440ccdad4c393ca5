// A whole model (generator, encoder, flow, classifier, recogniser) of a few hundred kilobytes with generated
// weights, written as a model file into the folder for temporary files.
#pragma once

#include <memory>
#include <string>

#include "weights/container.h"

namespace mien::testing {

constexpr int kTinyRows = 8, kTinyDim = 32, kTinySide = 32;

// A model file with generated weights.
void WriteModel(const ModelConfig& config, const std::string& path);

ModelConfig TinyConfig();
// Written on first use, removed at the end of the process.
const std::string& TinyModelPath();
std::shared_ptr<const ModelFile> TinyModel();

// A generator alone, by NVIDIA's convention, of kTinyLabels classes and without noise maps.
constexpr int kTinyLabels = 3;
const std::string& ConditionalModelPath();

// A generator alone whose upper layers, run in bands, take several steps each.
constexpr int kWideSide = 128, kWideRows = 12;
ModelConfig WideConfig();
std::shared_ptr<const ModelFile> WideModel();

// A folder of its own for a test's files, removed at the end of the process.
const std::string& ScratchFolder();

}  // namespace mien::testing
