// One face at a time through the networks of a model: picture -> w_plus -> edited w_plus -> picture. The
// `edit`, `encode` and `synth` verbs and the C API are thin layers over this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/engine.h"
#include "runtime/face/editor.h"
#include "runtime/face/image.h"

namespace mien {

struct PipelineOptions : RunOptions {
  // What will be used; the model must have the networks for it.
  bool encode = false, edit = false, synthesize = false, map = false;
  bool scores = false;  // the attribute classifier is asked about pictures, see Scores
  int edits = 1;  // of one face together at the most, see ApplyEdits; 1..kMaxBatch

  bool random_noise = false;  // fresh noise from the seed given to Synthesize; otherwise the model's maps
  bool no_noise = false;
  int resolution = 0;  // of the picture: synthesis stops there; 0: the model's
  // For a series of pictures whose codes differ in some rows only: what the others give is kept
  // (ProgramOptions).
  bool incremental = false;
  float psi = 1.0f;  // of FromSeed
  int psi_cutoff = -1;
  int label = -1;  // of FromSeed with a conditional generator: the class; -1 with any other
};

class Pipeline {
 public:
  static Result<std::unique_ptr<Pipeline>> Create(std::shared_ptr<const ModelFile> model,
                                                  const PipelineOptions& options);

  const ModelConfig& config() const { return model_->config(); }
  const Engine& engine() const { return *engine_; }
  int rows() const { return rows_; }    // L
  int w_dim() const { return w_dim_; }  // D
  int image_side() const { return side_; }

  // Largest centred square, antialiased resize to the encoder's input; out [L,D].
  Status Encode(const Image& photo, std::span<float> w_plus);
  // z from NumPy's RandomState(seed), through the mapping network with the options' label and truncation.
  Status FromSeed(uint32_t seed, std::span<float> w_plus);
  // Flow, edits, inverse flow, on the chosen rows; see editor.h. In and out may be the same memory.
  Status ApplyEdit(const std::vector<Edit>& edits, const std::vector<bool>& rows, float strength,
                   std::span<const float> w_plus, std::span<float> edited);
  // Several edits of the same w_plus, as many as the options allow: the flow runs once, then all inverse flows as one
  // batch. edited [edits,L,D]; each has the bits that ApplyEdit alone gives.
  Status ApplyEdits(std::span<const std::vector<Edit>> edits, const std::vector<bool>& rows, float strength,
                    std::span<const float> w_plus, std::span<float> edited);
  // The attributes of w_plus with the identity of `person` (TakeIdentity), both [L,D]; out may be either.
  Status ReplaceIdentity(std::span<const float> w_plus, std::span<const float> person, std::span<float> out);
  // 8 bits by the model's rounding. The seed matters with random_noise only.
  Result<Image> Synthesize(std::span<const float> w_plus, uint64_t noise_seed);
  // What the attribute classifier says of the picture that Synthesize has just made, by AttributesConfig::outputs.
  Result<std::vector<double>> Scores();
  // The mean of an attribute's coordinate over the chosen rows.
  Result<double> Coordinate(std::span<const float> w_plus, int attribute, const std::vector<bool>& rows);

 private:
  Pipeline() = default;
  Status CheckCodes(std::span<const float> w_plus, size_t faces = 1) const;

  std::shared_ptr<const ModelFile> model_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> inverses_;  // of the options' edits together; null: there is one
  // Programs; -1: not wanted.
  int encoder_ = -1, mapping_ = -1, flow_ = -1, inverse_ = -1, synthesis_ = -1, attributes_ = -1;
  int rows_ = 0, w_dim_ = 0, side_ = 0;
  std::vector<float> photo_, codes_, latent_, z_, label_;  // latent_: of every edit; label_: one-hot
  std::vector<float> judged_;                              // the picture that the classifier sees
  std::vector<std::span<const float>> mapping_inputs_;     // z_, and label_ of a conditional generator
  std::vector<std::vector<float>> noise_;
  std::vector<std::span<const float>> synthesis_inputs_;  // w_plus, noise_
};

}  // namespace mien
