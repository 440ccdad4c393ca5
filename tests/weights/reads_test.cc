// A read that fails is a failure of the machine, never a statement about the file.
#include <memory>

#include <doctest/doctest.h>

#include "tests/weights/support.h"
#include "weights/import/readers.h"

namespace mien::testing {
namespace {

// Fails the k-th read.
class FailingSource final : public ByteSource {
 public:
  FailingSource(std::string bytes, int k) : source_(std::move(bytes)), left_(k) {}
  uint64_t size() const override { return source_.size(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    if (left_-- == 0) return Status::Error(Code::kFailure, "input/output error");
    return source_.ReadAt(offset, out);
  }
  bool failed() const { return left_ < 0; }

 private:
  StringSource source_;
  mutable int left_;
};

TEST_CASE("every failed read is reported as one") {
  for (const char* name :
       {"golden/container_a_zip.pt", "golden/container_b_legacy.pt", "golden/nv_tiny_b_clamp.pkl",
        "golden/container_a_zip.expect.safetensors", "field/generator_numpy_scalar.pt"}) {
    const auto bytes = ReadTextFile(std::string(MIEN_SOURCE_DIR) + "/tests/data/" + name, 64 << 20);
    REQUIRE_MESSAGE(bytes.ok(), name);
    // Every read of the start, where the kind is chosen; further on one of seventeen.
    for (int k = 0;; k += k < 40 ? 1 : 17) {
      const auto source = std::make_shared<FailingSource>(*bytes, k);
      const auto file = ReadForeign(SharedSource(source));
      if (!source->failed()) {
        CHECK(file.ok());
        CHECK(k > 1);
        break;
      }
      CHECK_FALSE(file.ok());
      CHECK_MESSAGE(file.status().code() == Code::kFailure,
                    name << ", read " << k << ": " << file.status().message());
    }
  }
}

}  // namespace
}  // namespace mien::testing
