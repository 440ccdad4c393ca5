// Words that reader and writer of model files share.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/tensor.h"
#include "weights/quantization.h"

namespace mien {

// The header of a model file starts with this; the eight digits of its checksum follow.
inline constexpr std::string_view kHeaderStart = "{\"__metadata__\":{\"mien.header_crc32c\":\"";
inline constexpr char kHeaderChecksumKey[] = "mien.header_crc32c";
inline constexpr char kTensorChecksumsKey[] = "mien.crc32c";
inline constexpr char kQuantizationKey[] = "mien.quantization";
inline constexpr char kConfigKey[] = "mien.config";
inline constexpr char kCardKey[] = "mien.card";
inline constexpr char kSourceHashKey[] = "mien.source.sha256.";  // followed by 0, 1, ...

// Any stored type to float, U8 by its quantization where it has one. False when an element is not finite or an
// integer is not exact; `bad` is the first one.
bool ConvertToFloats(DType type, const std::optional<Quantization>& quantization, std::span<const std::byte> bytes,
                     std::span<float> out, size_t* bad);

}  // namespace mien
