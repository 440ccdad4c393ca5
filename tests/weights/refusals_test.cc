// The checks of the readers, each by its own words, where the damage tests would not tell one from the next.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/weights/archives.h"
#include "tests/weights/made_file.h"
#include "weights/container.h"
#include "weights/header.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"
#include "weights/import/settings.h"
#include "weights/import/zip.h"

namespace mien::testing {
namespace {

using namespace std::string_literals;

void Refused(const Status& status, const char* part) {
  CHECK(status.code() == Code::kRefused);
  CHECK_MESSAGE(Contains(status.message(), part), std::string(status.message()));
}

void Refused(const std::string& bytes, const char* part) {
  Refused(ReadForeign(Source(bytes)).status(), part);
}

// A pickle of protocol 2, long enough to be looked at.
std::string Pickle(const std::string& body) {
  std::string padding;
  for (int i = 0; i < 8; ++i) padding += "N0";
  return "\x80\x02" + padding + body;
}

// The archive with a zip64 end record that states so many entries.
std::string Zip64(const std::string& zip, uint64_t entries) {
  const size_t at = zip.size() - 22;
  std::string end = zip.substr(at), out = zip.substr(0, at);
  Put(out, 0x06064b50, 4), Put(out, 44, 8), Put(out, 45, 2), Put(out, 45, 2), Put(out, 0, 8);
  Put(out, entries, 8), Put(out, entries, 8);
  out += end.substr(12, 4) + std::string(4, '\0') + end.substr(16, 4) + std::string(4, '\0');
  Put(out, 0x07064b50, 4), Put(out, 0, 4), Put(out, at, 8), Put(out, 1, 4);
  if (entries > 0xffff) end.replace(8, 4, "\xff\xff\xff\xff");
  return out + end;
}

TEST_CASE("zip records") {
  const auto read = [](const std::string& bytes) {
    Budget budget(0);
    return ReadZip(*Source(bytes), budget).status();
  };
  const auto with = [](Member member) { return Zip({{"a/version", "3\n"}, member}); };
  const std::string good = with({"a/data/0", "1234"});
  CHECK(read(good).ok());
  CHECK(read(Zip64(good, 2)).ok());
  Budget charged(0);
  CHECK(ReadZip(*Source(good), charged).ok());
  CHECK(charged.steps() >= 2 * 64);
  const uint64_t directory = 2 * 46 + 9 + 8, names = 2 * (9 + 8);
  CHECK(charged.memory() >= directory + names + 2 * 4 * (sizeof(ZipEntry) + 3 * sizeof(uint64_t)));
  Refused(read("PK\x03\x04"), "too short");
  Refused(read(Zip64(good, 3)), "the end record and its zip64 form differ");
  const auto changed = [&](size_t at, char to) {
    std::string bytes = good;
    bytes[at] = to;
    return read(bytes);
  };
  Refused(changed(good.size() - 22 + 4, 1), "an archive of several parts");
  Refused(changed(26, 8), "its data lie outside, or its names differ");
  Refused(changed(0, 'X'), "no header where the directory says");
  Refused(changed(6, 2), "its header and the directory differ");
  std::string cut = Zip({{"a", "1"}, {"b", "2"}});
  cut.erase(32, 32), cut[cut.size() - 6] = 32;
  Refused(read(cut), "its header lies outside");
  std::string parts = Zip64(good, 2);
  parts[parts.size() - 22 - 4] = 2;
  Refused(read(parts), "the zip64 end record is not as it should be");
  Refused(read(Zip64(good, 70000)), "too many entries");
  Refused(read(Zip({{"a", "1"}}, {.entries = 1})), "a directory entry is not where it should be");
  Refused(read(with({.name = "b", .data = "1", .extra = "\1\0\0\0\1\0\0\0"s})), "two zip64 fields");
  Refused(read(with({.name = "b", .data = "1", .flags = 8})), "its data descriptor is missing");
  Refused(read(with({.name = "b", .data = "1", .extra = "\1\0\0"s})),
          "an extra field that leaves its record");
  Refused(read(Zip({{std::string(600, 'n'), "1"}})), "has a long name");
  std::string descriptor;
  Put(descriptor, 0x08074b50, 4), Put(descriptor, Crc32("3\n"), 4), Put(descriptor, 2, 4),
      Put(descriptor, 2, 4);
  CHECK(read(Zip({{"a/version", "3\n", 8}}, {.gap = descriptor})).ok());
  descriptor[0] = 'X';
  Refused(read(Zip({{"a/version", "3\n", 8}}, {.gap = descriptor})), "its data descriptor differs");
  // What a member unpacks to has a checksum of its own.
  const std::string stored =
      "\1\4\0\xfb\xff"
      "1234"s;
  Budget budget(0);
  const SharedSource packed =
      Source(Zip({{.name = "b", .data = stored, .method = 8, .local_name = "", .stated = 4}}));
  const auto entries = ReadZip(*packed, budget);
  REQUIRE_MESSAGE(entries.ok(), entries.status().message());
  Refused(OpenZipEntry(packed, (*entries)[0], budget).status(), "checksum");
}

TEST_CASE("pickles that break off or take what is not there") {
  Refused(Pickle("G\0\0\0"s), "truncated");
  Refused(Pickle("B\xff\0\0\0."s), "truncated");
  Budget budget(0);  // of a pickle with something behind it
  const std::string behind = "xx." + std::string(1 << 17, '.');
  Refused(ReadPickle(Source("\x80\2B\2\0\0\0"s + behind), 0, 7, {}, budget).status(), "truncated");
  Refused(Pickle("\x93."), "the stack is empty");
  for (const char* alone : {"Q.", "(e.", "N\x86.", "Nb.", "q\1.", "Ns.", "\x94."})
    Refused(Pickle(alone), "the stack is empty");
  Refused(Pickle("NNs."), "the stack is empty");
  Refused(Pickle("ccollections\nOrderedDict\n(](K\1K\2K\3tatR."),
          "a dictionary of something other than pairs");
  Refused(Pickle("cx\nY\nN\x81."), "a new object without arguments");
  Refused(Pickle("ctorch_utils.persistence\n_reconstruct_persistent_obj\n(NtR."),
          "a module without its dict");
  const auto tensor = [](const std::string& size) {
    std::string one = TensorOver(LegacyStorage(2));
    one.replace(one.find("K\2\x85"), 3, size);
    return Legacy("}" + Text("t") + one + "s", 2);
  };
  CHECK(ReadForeign(Source(tensor("K\2\x85"))).ok());
  Refused(tensor("N"), "a tensor with arguments that do not fit");
  std::string axes = "(";
  for (int i = 0; i < 65; ++i) axes += "K\1";
  axes += "t";
  std::string wide = TensorOver(LegacyStorage(2));
  wide.replace(wide.find("K\2\x85K\1\x85"), 6, axes + axes);
  Refused(Legacy("}" + Text("t") + wide + "s", 2), "a tensor with arguments that do not fit");
  // {'t': a tensor, 'n': lists in lists}
  std::string lists(70, ']');
  lists += std::string(69, 'a');
  const auto deep = ReadForeign(Source(Pickle("}" + Text("n") + lists + "s.")));
  REQUIRE_MESSAGE(deep.ok(), deep.status().message());
  REQUIRE(deep->unread.size() == 1);
  CHECK(deep->unread.begin()->second == "nested too deep");
  std::string key = LegacyStorage(2);
  key.replace(key.find(Text("0")), 6, Text(""));
  Refused(Legacy("}" + Text("t") + TensorOver(key) + "s", 2), "a storage key that is empty or too long");
  // A view is (key, offset, elements).
  std::string view = LegacyStorage(2);
  view.replace(view.rfind("NtQ"), 3, "(" + Text("v") + "K\1ttQ");
  Refused(Legacy("}" + Text("t") + TensorOver(view) + "s", 2), "an odd storage view");
  view.replace(view.rfind("(" + Text("v")), std::string::npos, "K\5tQ");
  Refused(Legacy("(NK\0K\2t0}"s + Text("t") + TensorOver(view) + "s", 2), "an odd storage view");
  view.replace(view.rfind("K\5tQ"), std::string::npos, "(" + Text("v") + "J\xff\xff\xff\xffK\2ttQ");
  Refused(Legacy("}" + Text("t") + TensorOver(view) + "s", 2), "an odd storage view");
  std::string module = ModulePickle();
  const size_t buffers = module.find(Text("_buffers")) + Text("_buffers").size();
  Refused(module.replace(buffers, 1, "N"), "_buffers is no dictionary");
  const std::string number = "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(" + Text("f8") + "K\0K\1tR"s +
                             "(K\3" + Text("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"s;
  const std::string array =
      "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85"
      "C\1btR"s;
  Refused(Pickle(array + "(K\1K\1\x85N\x89tb."), "a numpy array's odd state");
  CHECK(ReadForeign(Source(Pickle(number + "C\10" + std::string(8, '\1') + "tR."))).ok());
  Refused(Pickle(number + "C\4" + std::string(4, '\1') + "tR."), "a numpy number of a wrong size");
  Refused(Pickle("cnumpy.core.multiarray\nscalar\n(NC\1xtR."),
          "a numpy number with arguments that do not fit");
  Refused(Pickle("cnumpy.core.numeric\n_frombuffer\n(C\10" + std::string(8, '\1') +
                 number.substr(number.find("cnumpy\ndtype")) + "K\1\x85NtR."),
          "a numpy array with arguments that do not fit");
  Refused(Pickle("ctorch.storage\n_load_from_bytes\n(C\1xC\1xtR."), "a storage that is no byte string");
}

TEST_CASE("storages of legacy streams") {
  const std::string good = Legacy("}" + Text("t") + TensorOver(LegacyStorage(2)) + "s", 2);
  REQUIRE(ReadForeign(Source(good)).ok());
  Refused(good.substr(0, good.size() - 12), "torch legacy: truncated");
  Refused(Legacy("}" + Text("t") + TensorOver(LegacyStorage(2)) + "s", 3),
          "storage 0: 3 elements, 2 expected");
  Refused(Legacy("(" + TensorOver(LegacyStorage(2)) + TensorOver(LegacyStorage(1)) + "t", 2),
          "storage 0 has two types or sizes");
  const auto short_one = StartsLikeLegacy(*Source("abc"), 0, 3);
  REQUIRE(short_one.ok());
  CHECK_FALSE(*short_one);
  std::string magic = good;
  magic[4] ^= 1;
  Refused(ReadTorchLegacy(Source(magic)).status(), "the magic number is wrong");
  Refused(good.substr(0, good.rfind("]" + Text("0") + "a.")) + "].", "storage 0 is missing");
  Refused(good.substr(0, good.rfind("]" + Text("0") + "a.")) + "N.", "no list of storage keys");
  std::string other = good;
  other[other.rfind(Text("0") + "a.") + 5] = '1';
  Refused(other, "storage 1 is unknown or there twice");
  const auto embedded = [](const std::string& stream) {
    Budget budget(0);
    return ReadEmbeddedStorage(Source(stream), 0, stream.size(), budget).status();
  };
  CHECK(embedded(Legacy(LegacyStorage(2), 2)).ok());
  Refused(embedded(Legacy(TensorOver(LegacyStorage(2)), 2)), "no single storage");
  std::string complex = LegacyStorage(2);
  complex.replace(complex.find("FloatStorage"), 12, "ComplexFloatStorage");
  Refused(embedded(Legacy(complex, 2) + std::string(8, '\1')), "an embedded storage of an unknown type");
}

TEST_CASE("headers of arrays") {
  const auto npy = [](const std::string& header, size_t stated = 0) {
    std::string out = "\x93NUMPY\x01\0"s;
    Put(out, stated > 0 ? stated : header.size() + 1, 2);
    return out + header + "\n1234";
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  REQUIRE(ReadForeign(Source(npy(good))).ok());
  Refused(npy(good, 0xffff), "its header is too long");
  std::string newer = npy(good);
  newer[6] = 4;
  Refused(newer, "no .npy of version 1 to 3");
  Refused(Zip({{"f.npy", "\x93NUMPY"}}), "too short for an array");
  for (const char* bad :
       {"{'descr': '<f4, 'fortran_order': False, 'shape': (1,), }", "{'descr': [('a', '<f4'",
        "{'descr': '<f4', 'fortran_order': None, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (00000000001,), }",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (1,), }",
        "{'descr': 4, 'fortran_order': False, 'shape': (1,), }",
        "'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)"}) {
    CAPTURE(bad);
    Refused(npy(bad), "its header is not understood");
  }
  std::string axes;
  for (int i = 0; i < 65; ++i) axes += "1,";
  Refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + axes + "), }"),
          "its header is not understood");
}

TEST_CASE("headers of tensor files") {
  const auto parse = [](std::string_view text) {
    return ParseHeader(text, LimitsOf(TensorFile::Profile::kModel)).status();
  };
  const std::string entry = R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(parse("{\"a\"" + entry + "}").ok());
  Refused(parse("{\"a b\"" + entry + "}"), "only letters, digits and ._/- expected");
  Refused(parse(R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}})"),
          "a number below 2^64");
  Refused(parse(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1],"data_offsets":[0,0]}})"), "fewer numbers");
  Refused(parse(R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,0,0]}})"), "fewer numbers");
  Refused(parse("{\"a\"" + entry + ",\"a\"" + entry + "}"), "tensor a is there twice");
  Refused(parse(R"({"\ude00":1})"), "the first half of a surrogate pair");
  std::string many = "{\"0\"" + entry;
  for (int i = 1; i <= 4096; ++i) many += ",\"" + std::to_string(i) + "\"" + entry;
  Refused(parse(many + "}"), "more than 4096 tensors");
  std::string metadata = "{\"__metadata__\":{";
  for (int i = 0; i < 65; ++i) metadata += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":\"\"";
  Refused(parse(metadata + "}}"), "fewer metadata entries");
  // An escape that goes on beyond the text is not read there.
  const std::string_view text = R"({"\u00e9)";
  Refused(parse(text.substr(0, 3)), "an escape");
  Refused(parse(std::string_view("{\"ab\"").substr(0, 4)), "the end of a string");
  Refused(parse(text.substr(0, 6)), "four hexadecimal digits");
  Refused(parse(R"({"\ud83dxxde00":1})"), "the second half of a surrogate pair");
  Refused(parse("x}"), "'{' as the first byte");
  const auto large = ParseHeader(R"({"a":{"dtype":"U8","shape":[0,1048577],"data_offsets":[0,0]}})",
                                 LimitsOf(TensorFile::Profile::kModel));
  REQUIRE(large.ok());
  Problems problems;
  ValidateTable(*large, 0, 0, problems, nullptr);
  Refused(problems.ToStatus(Code::kRefused), "a: dimension 1048577, at most 1048576 expected");
  const auto open = TensorFile::Open(Source("123456789"), TensorFile::Profile::kPlain);
  Refused(open.status(), "9 bytes are no tensor file");
}

// As large as it says, and empty.
class HugeSource final : public ByteSource {
 public:
  explicit HugeSource(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  Status ReadAt(uint64_t, std::span<std::byte> out) const override {
    std::fill(out.begin(), out.end(), std::byte{0});
    return {};
  }

 private:
  uint64_t size_;
};

// Another byte at its start from the second read on.
class ChangingSource final : public ByteSource {
 public:
  explicit ChangingSource(std::string bytes) : source_(std::move(bytes)) {}
  uint64_t size() const override { return source_.size(); }
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const override {
    const Status status = source_.ReadAt(offset, out);
    if (offset == 0 && reads_++ > 0) out[0] ^= std::byte{1};
    return status;
  }

 private:
  StringSource source_;
  mutable int reads_ = 0;
};

TEST_CASE("a file that changes while it is read") {
  const std::string whole = EncodeFile({}, {}, TensorFile::Profile::kPlain);
  REQUIRE(TensorFile::Open(Source(whole), TensorFile::Profile::kPlain).ok());
  Refused(TensorFile::Open(std::make_shared<ChangingSource>(whole), TensorFile::Profile::kPlain).status(),
          "the file changes while being read");
}

TEST_CASE("files beyond every size") {
  Refused("\x80\2N.", "4 bytes are no checkpoint");
  Refused(ReadForeign(std::make_shared<HugeSource>(uint64_t{9} << 30)).status(), "more than 8 GiB");
  Refused(ModelFile::Open(Source(EncodeFile({}, {}, TensorFile::Profile::kModel))).status(),
          "metadata: mien.config is missing");
  Refused(ModelFile::Open(std::make_shared<HugeSource>(uint64_t{5} << 30)).status(),
          "5368709120 bytes, at most 4294967296 expected");
}

TEST_CASE("what a caller asks of a model that it does not have") {
  const auto model = ModelFile::Open(Source(MadeUpModel(TinyFlow())));
  REQUIRE(model.ok());
  const TensorEntry& entry = (*model)->file().tensors()[0];
  std::vector<std::byte> bytes(entry.bytes + 1);
  std::vector<float> floats(static_cast<size_t>(entry.shape.elements()) + 1);
  CHECK((*model)->file().Read(entry, bytes).code() == Code::kUsage);
  CHECK((*model)->file().ReadFloats(entry, floats).code() == Code::kUsage);
  CHECK((*model)->ReadFloats("nobody", floats).code() == Code::kUsage);
}

TEST_CASE("views and settings that no reader makes") {
  Made made;
  made.Add("t", DType::kF32, {2, 2}, std::vector<float>(4));
  ForeignTensor& tensor = made.file.tensors[0];
  REQUIRE(CheckView(tensor).ok());
  ForeignTensor far = tensor;
  far.shape = {2, 2, 2};
  std::fill_n(far.strides, 3, INT64_MAX);
  Refused(CheckView(far), "leaves its storage");
  tensor.strides[1] = -1;
  Refused(CheckView(tensor), "a negative stride");
  // Elements that overlap as those of no transposition do, of more than a small storage.
  tensor.strides[0] = tensor.strides[1] = 3;
  tensor.shape = Shape{3000, 3000};
  tensor.storage.elements = uint64_t{1} << 30;
  std::vector<std::byte> bytes;
  tensor.strides[0] = 2000, tensor.strides[1] = 1;
  tensor.storage.source = std::make_shared<HugeSource>(uint64_t{1} << 33);
  Refused(ReadContiguous(tensor, &bytes), "its elements overlap");

  Made nothing;
  nothing.Add("x", DType::kF32, {0}, "");
  REQUIRE(nothing.file.Finish(0).ok());
  Refused(Settings(nothing.file).Number("x").status(), "one number");
  Made lists;
  lists.file.scalars = {{"x.0.0", 1.0}, {"x.0.1", 2.0}, {"x.1.0", 3.0}};
  REQUIRE(lists.file.Finish(0).ok());
  Refused(Settings(lists.file).Numbers("x", 9).status(), "lists of one length");
  Made deep;
  deep.file.scalars = {{"x.0.0.0.0.0.0.0.0.0.0", 1.0}};
  REQUIRE(deep.file.Finish(0).ok());
  Refused(Settings(deep.file).Numbers("x", 1).status(), "numbers");
  Refused(Settings(lists.file).Numbers("x.0", 1).status(), "fewer numbers");
}

}  // namespace
}  // namespace mien::testing
