// Writes the generated state dicts of the golden files as safetensors under the keys of the public checkpoints, so
// that `mien convert FOLDER/e4e.safetensors -o e4e.model.safetensors` reads them: hash_weights KIND... FOLDER.
// Inputs that the recipe generates go to FOLDER/KIND.in.safetensors. e4e is 1 GB; nothing of this is committed.
#include <cstdio>

#include "tests/support/hashgen.h"

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: hash_weights g256|g1024|e4e|flow512|rn18... FOLDER\n");
    return mien::ExitCode(mien::Code::kUsage);
  }
  const std::string folder = arguments[count - 1];
  for (int i = 1; i < count - 1; ++i) {
    const std::string base = folder + "/" + arguments[i];
    mien::Status status =
        mien::hashgen::WriteGolden(arguments[i], base + ".safetensors", base + ".in.safetensors");
    if (!status.ok()) {
      std::fprintf(stderr, "hash_weights: %s\n", status.message());
      return mien::ExitCode(status.code());
    }
  }
  return 0;
}
