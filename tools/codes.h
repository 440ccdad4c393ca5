// Latent codes in the forms people have: what `synth --codes`, `edit --codes` and the like read.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/session.h"

namespace mien {

// One line of help for options that take such files.
constexpr const char* kCodesHelp =
    "w_plus as .safetensors, .npz, .npy or torch file: [L,D], [N,L,D], [N,1,D], [N,D] or [D] for L rows of D "
    "numbers; one row is used for all L, and [L,D] is one face";

class Codes {
 public:
  size_t size() const { return names_.size(); }
  // What the results for code i are called: the file's name, and "-i" or its own name where the file has
  // several.
  const std::string& name(size_t i) const { return names_[i]; }
  // w_plus [L,D].
  void CopyTo(size_t i, std::span<float> w_plus) const;

 private:
  friend Result<Codes> ReadCodes(const Session& session, const std::string& path, int rows, int w_dim);
  std::vector<std::string> names_;
  std::vector<std::vector<float>> values_;  // per code [L,D], or [D] for all rows
};

// The codes of a file, which may be a stream ("-", a pipe), for a model of `rows` x `w_dim`. Taken are the
// tensors named w_plus, f (the public encoders), w, latent, latents, latent_in or arr_0, the first of these
// names that the file has in a fitting shape, at any depth (a projector file has one latent per picture);
// otherwise all that fit if they have the same shape; of lists in an .npy file (ReStyle's latents.npy, the codes
// of all steps for each picture) the last of each. Whatever lies beside them is not read. Notes say which were
// taken of several, that a row is repeated, and that [L,D] is read as one face. Usage error: none fits (the
// message lists what is there), several of different shapes, or more than 4096 codes; refused: not finite.
Result<Codes> ReadCodes(const Session& session, const std::string& path, int rows, int w_dim);

}  // namespace mien
