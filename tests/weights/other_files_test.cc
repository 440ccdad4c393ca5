// What is brought in place of a checkpoint is named, with what to do about it.
#include "weights/import/other_files.h"

#include <doctest/doctest.h>

#include "tests/weights/archives.h"
#include "tests/weights/support.h"
#include "weights/import/convert.h"

namespace mien::testing {
namespace {

using namespace std::string_literals;

std::string Refusal(const std::string& bytes) {
  const auto merged = MergeSources({Source(bytes)}, {"SRC"});
  REQUIRE_FALSE(merged.ok());
  CHECK(merged.status().code() == Code::kRefused);
  return merged.status().message();
}

TEST_CASE("what is no checkpoint is refused by its name") {
  const std::string more(600, 'x'), zeros(600, '\0');
  struct {
    std::string bytes;
    const char* said;
  } const cases[] = {
      {"", "an empty file"},
      {"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>",
       "a web page (HTML, \"Google Drive - Quota exceeded\")"},
      {"\xef\xbb\xbf\r\n  <HTML>" + more, "a web page (HTML)"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an answer of the server (XML)"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1\n", "git lfs pull"},
      {"\x1f\x8b\x08\0"s + more, "a gzip archive: unpack it"},
      {"BZh9" + more, "a bzip2 archive"},
      {"\xfd\x37zXZ\0"s + more, "an xz archive"},
      {"\x28\xb5\x2f\xfd" + more, "a zstd archive"},
      {"7z\xbc\xaf\x27\x1c" + more, "a 7-Zip archive"},
      {"Rar!\x1a\x07\x01" + more, "a RAR archive"},
      {std::string(257, 'n') + "ustar\0"s + zeros, "a tar archive"},
      {"PK\x05\x06"s + std::string(18, '\0'), "an empty zip archive"},
      {"\x89HDF\r\n\x1a\n" + more, "HDF5"},
      {"\x1c\0\0\0TFL3"s + more, "TensorFlow Lite"},
      {"\x08\x07\x12\x07pytorch\x1a\x06" + more, "an ONNX model"},
      {"\x89PNG\r\n\x1a\n" + more, "a picture (PNG)"},
      {"\xff\xd8\xff\xe0" + more, "a picture (JPEG)"},
      {zeros, "nothing but zeros"},
      {"Too many requests\n", "a text, which begins \"Too many requests\""},
      {"{\"message\": \"Not Found\"}", "a JSON text, which begins \"{\"message\": \"Not Found\"}\""},
      {"{\n \"error\": 403\n}", "a JSON text, which begins \"{  \"error\": 403 }\""},
      {"\x80\x02"
       "cdnnlib.tflib.network\nNetwork\nq\0)\x81q\1}q\2."s,
       "a TensorFlow network (dnnlib.tflib.network.Network)"},
      {"\x80\x03("
       "cdnnlib.tflib.network\nNetwork\nq\0)\x81q\1}q\2"s +
           more,
       "convert it with"},
      {"\x80\x04\x95\x40\0\0\0\0\0\0\0\x8c\x14"
       "dnnlib.tflib.network\x94\x8c\x07Network\x94\x93\x94)\x81."s,
       "a TensorFlow network"},
  };
  for (const auto& one : cases) {
    const std::string refusal = Refusal(one.bytes);
    CHECK_MESSAGE(refusal.find(one.said) != refusal.npos, one.said, " expected: ", refusal);
  }
  CHECK(Refusal("\x01\x02\x03\x04" + more).find("neither a torch file") != std::string::npos);
}

TEST_CASE("a download that broke off, and an archive around several checkpoints") {
  const std::string whole = ReadData("container_a_zip.pt");
  for (const size_t length : {size_t{100}, whole.size() / 2, whole.size() - 30}) {
    const std::string refusal = Refusal(whole.substr(0, length));
    CHECK_MESSAGE(refusal.find("the download is not complete") != refusal.npos, refusal);
  }
  const std::string tensors = MadeUpModel(TinyFlow());
  CHECK(Refusal(tensors.substr(0, 100)).find("a safetensors file without its end") != std::string::npos);
  const std::string refusal = Refusal(Zip({{"models/a.pt", "x"}, {"models/b.pkl", "y"}, {"LICENSE", "z"}}));
  CHECK_MESSAGE(refusal.find("an archive of 3 files (models/a.pt, ...): unpack it and give one of them") !=
                    refusal.npos,
                refusal);
}

}  // namespace
}  // namespace mien::testing
