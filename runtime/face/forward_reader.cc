#include "runtime/face/forward_reader.h"

#include <algorithm>
#include <cstring>

namespace mien {
namespace {

constexpr size_t kWindow = 64 << 10;

}  // namespace

Status ForwardReader::Read(std::span<std::byte> out) {
  for (size_t done = 0; done < out.size();) {
    if (at_ < window_at_ || at_ - window_at_ >= window_.size()) {
      window_.resize(std::min<uint64_t>(kWindow, left()));
      window_at_ = at_;
      MIEN_TRY(source_->ReadAt(at_, window_));
    }
    const size_t from = static_cast<size_t>(at_ - window_at_);
    const size_t part = std::min(out.size() - done, window_.size() - from);
    std::memcpy(out.data() + done, window_.data() + from, part);
    done += part;
    at_ += part;
  }
  return {};
}

}  // namespace mien
