// The readers of foreign containers. Each turns one kind of file into named tensors and scalars
// (networks.md, "Containers").
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weights/import/foreign.h"

namespace mien {

using SharedSource = std::shared_ptr<const ByteSource>;

// Chooses by the first bytes. Tensor data are not read yet, except where a checksum or packing asks for it.
Result<ForeignFile> ReadForeign(const SharedSource& source);
Result<ForeignFile> ReadForeign(const std::string& path);
// What ReadForeign(path) reads: a file, or a stream ("-", a pipe) that is kept in memory; a manifest together with the
// binary files beside it.
Result<SharedSource> OpenForeign(const std::string& path);

Result<ForeignFile> ReadTorchZip(const SharedSource& source);      // networks.md, "Torch archives"
Result<ForeignFile> ReadTorchLegacy(const SharedSource& source);   // networks.md, "Legacy torch files"
Result<ForeignFile> ReadModulePickle(const SharedSource& source);  // networks.md, "Module pickles of NVIDIA"
Result<ForeignFile> ReadPlainTensors(const SharedSource& source);  // networks.md, "Safetensors"
Result<ForeignFile> ReadNpz(const SharedSource& source);           // networks.md, "NumPy arrays"
Result<ForeignFile> ReadNpy(const SharedSource& source);           // one array of it; its name is arr_0

// Weights of TensorFlow.js (networks.md, "Manifests of TensorFlow.js"): a manifest with its binary files behind it.
bool LooksLikeManifest(std::string_view text);
Result<ForeignFile> ReadManifest(const SharedSource& source);
Result<SharedSource> OpenManifest(const std::string& path, const SharedSource& manifest);
// Every file that is read for `path`: itself, and what it names where it is a manifest.
Result<std::vector<std::string>> FilesOf(const std::string& path);
// The manifests in a folder (*weights_manifest.json), by name; `path` itself where there is none, or it is no folder.
// kRefused: more than 64 manifests.
Result<std::vector<std::string>> ManifestsIn(const std::string& path);

Result<bool> StartsLikeLegacy(const ByteSource& source, uint64_t begin, uint64_t end);

// A legacy stream whose object is one bare storage, as a byte string of a module pickle holds it.
Result<ForeignStorage> ReadEmbeddedStorage(const SharedSource& source, uint64_t begin, uint64_t bytes,
                                           Budget& budget);

}  // namespace mien
