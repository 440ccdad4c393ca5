// Tensors exchanged with the outside, in files of other programs too: safetensors, NumPy's .npz and .npy,
// torch files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "weights/import/foreign.h"

namespace mien {

struct NamedTensor {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

// The names, types and shapes in a file, which may be a stream ("-", a pipe). Which form it has, the content
// says. Elements are read when they are asked for.
Result<ForeignFile> OpenTensors(const std::string& path);
// All elements as floats. Refused, naming the tensor: one that is not finite, a whole number that floats do
// not hold.
Result<std::vector<float>> ReadFloats(const ForeignTensor& tensor);
// "f F32 [1,18,512], name (an array of type <U5)": what lies in the file, for messages; not more than fits
// into one.
std::string ContentInWords(const ForeignFile& file);

// Whether so many tensors can go to this file. Usage error: a format that is not written (formats.h), several
// tensors for an .npy file.
Status CheckFormat(const std::string& path, size_t tensors);
// A lone w_plus is named f in an .npz file, as the public scripts name it.
Status WriteTensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                    const std::map<std::string, std::string>& metadata);

}  // namespace mien
