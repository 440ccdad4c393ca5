// Small files that ask for much: whatever a file says, reading it takes no more steps than its budget has,
// and no more memory than 1.25 of its size and 64 MiB.
#include <doctest/doctest.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/weights/archives.h"
#include "tests/weights/support.h"
#include "weights/import/convert.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"

namespace {

std::atomic<uint64_t> g_live{0}, g_peak{0};

}  // namespace

// Every object of this program is counted; the sanitizers count for themselves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(size_t bytes) {
  void* const memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  const uint64_t live = g_live += malloc_usable_size(memory);
  for (uint64_t peak = g_peak; live > peak && !g_peak.compare_exchange_weak(peak, live);) {
  }
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) g_live -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }
#endif

namespace mien::testing {
namespace {

using namespace std::string_literals;

std::string Repeat(const std::string& text, int times) {
  std::string all;
  all.reserve(text.size() * static_cast<size_t>(times));
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string Index(char op, uint32_t index) {
  std::string out(1, op);
  Put(out, index, 4);
  return out;
}
std::string Keep(uint32_t index) { return Index('r', index); }
std::string Again(uint32_t index) { return Index('j', index); }
std::string Name(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string Pickle(const std::string& body) { return "\x80\x02" + body + "."; }

// `container` kept as 0, filled with `items` and used `times` times by `use`; all in one tuple.
std::string Reuse(const std::string& container, const std::string& items, const std::string& use, int times) {
  return Pickle("(" + container + Keep(0) + items + Repeat(use, times) + "t");
}

std::string TorchZip(const std::string& pickle, size_t bytes = 8) {
  return Zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(bytes, '\0')}});
}

// A float tensor of two elements of storage 0, kept as 5.
std::string Tensor() {
  const std::string whole = TensorPickle();
  const size_t call = whole.find("ctorch._utils");
  return whole.substr(call, whole.size() - call - 2) + Keep(5);
}

struct Bomb {
  std::string name;
  std::string bytes;
  bool accepted = false;  // harmless although large
};

std::vector<Bomb> Bombs() {
  constexpr int kMany = 100000;
  const std::string ones = Repeat("K\1", kMany), pairs = "(" + ones + "u", list = "(" + ones + "e";
  std::string doubled = "(]" + Keep(0), names, few, keys, nested;
  for (uint32_t i = 0; i < 60; ++i) doubled += "](" + Again(i) + Again(i) + "e" + Keep(i + 1);
  for (int i = 0; i < 60000; ++i) names += Text(std::to_string(i)) + Again(5);
  for (int i = 0; i < 600; ++i) few += Text(std::to_string(i)) + Again(5);
  for (int i = 0; i < 250; ++i) keys += Text(std::to_string(i)) + Again(5);
  for (int i = 0; i < 250; ++i) nested += Text(std::to_string(i) + std::string(490, 'n')) + Again(6);
  const std::string stream = Legacy("(" + ones + "1" + LegacyStorage(2), 2);
  const std::string embedded = "B" + [&] {
    std::string length;
    Put(length, stream.size(), 4);
    return length;
  }() + stream;
  std::vector<Member> members = {{"a/data.pkl", Pickle("}")}};
  for (int i = 0; i < 60000; ++i) members.push_back({"a/data/" + std::to_string(i), ""});
  std::string header = "{";
  for (int i = 0; i < 65000; ++i)
    header += (i > 0 ? "," : "") + ("\"" + std::to_string(i)) +
              R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  header += "}";
  std::string tensors;
  Put(tensors, header.size(), 8);
  // Two costs of which each would be too small.
  std::vector<Member> beside = members, arrays;
  beside[0].data = Pickle(Repeat("K\1"
                                 "0",
                                 420000) +
                          "}");
  const std::string array =
      "\x93NUMPY\1\0\x3c\0{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }  \n"s;
  for (int i = 0; i < 40000; ++i) arrays.push_back({std::to_string(i) + ".npy", array});
  std::string both = "{\"__metadata__\":{";
  for (int i = 0; i < 65000; ++i) both += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":\"\"";
  both += "}";
  for (int i = 0; i < 18000; ++i)
    both += ",\"" + std::to_string(i) + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  both += "}";
  std::string metadata;
  Put(metadata, both.size(), 8);
  std::string settings = "{\"__metadata__\":{", many_settings;
  for (int i = 0; i < 50; ++i)
    settings += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":\"[0" + Repeat(",0", 8000) + "]\"";
  settings += "}}";
  Put(many_settings, settings.size(), 8);
  const std::string holder = Name("torch_utils.persistence", "_reconstruct_persistent_obj") + "}(" +
                             Text("state") + "}" + Keep(1) + pairs + "u\x85R" + Keep(2);
  return {
      {"lists that double", Pickle(doubled + "t")},
      {"ordered dictionaries of one list",
       Reuse("](K\1K\1\x86" + Keep(2) + Repeat(Again(2), kMany) + "e",
             "0" + Name("collections", "OrderedDict") + Keep(1) + "0", Again(1) + Again(0) + "\x85R", 1000)},
      {"copies of a dictionary", Reuse("}", pairs + Name("collections", "Counter") + Keep(1) + "0",
                                       Again(1) + Again(0) + "\x85R", 5000)},
      {"copies of a list",
       Reuse("]", list + Name("builtins", "list") + Keep(1) + "0", Again(1) + Again(0) + "\x85R", 5000)},
      {"namespaces with one state", Reuse("}", pairs + Name("argparse", "Namespace") + Keep(1) + "0",
                                          Again(1) + ")\x81" + Again(0) + "b", 5000)},
      {"calls with one long tuple",
       Reuse("(" + ones + "t" + Keep(3) + "0]", Name("argparse", "Namespace") + Keep(1) + "0",
             Again(1) + Again(3) + "R", 60000),
       true},
      {"objects with one state",
       Reuse("}", pairs + Name("x", "Y") + Keep(1) + "0", Again(1) + ")\x81" + Again(0) + "b", 5000)},
      {"one object in many places",
       Pickle("(" + Name("x", "Y") + ")\x81" + Keep(0) + "}" + pairs + "b" + Repeat(Again(0), kMany) + "t")},
      {"one module in many places", Pickle("(" + holder + Repeat(Again(2), kMany) + "t")},
      {"one text decoded often",
       Reuse(Text(std::string(100000, 'x')), "0" + Name("_codecs", "encode") + Keep(1) + "0",
             Again(1) + Again(0) + "\x85R", 5000)},
      {"one stream read often",
       Pickle("(" + embedded + Keep(0) + "0" + Name("torch.storage", "_load_from_bytes") + Keep(1) + "0" +
              Repeat(Again(1) + Again(0) + "\x85R", kMany) + "t")},
      {"empty lists", Pickle("(" + Repeat("]", 400000) + "t")},
      {"a far memo", Pickle("(NNNNNNNNNN" + Index('r', 0x7fffffff) + "t")},
      {"names of 500 bytes by nesting",
       TorchZip(Pickle("(" + Tensor() + "}(" + keys + "u" + Keep(6) + "}(" + nested + "ut"))},
      {"views of one storage", TorchZip(Pickle("}(" + Text("first") + Tensor() + names + "u"))},
      {"tensors that repeat their storage",
       TorchZip(Pickle("}(" + Text("first") +
                       [] {
                         std::string one = Tensor();  // a megabyte, by a stride of zero
                         const size_t size = one.find("J\2\0\0\0\x85J\1\0\0\0\x85"s);
                         one.replace(size, 12, "J\0\0\4\0\x85J\0\0\0\0\x85"s);
                         return one;
                       }() +
                       few + "u"))},
      {"members", Zip(members), true},
      {"tensors without elements", tensors + header},
      {"members beside values", Zip(beside)},
      {"arrays without elements", Zip(arrays)},
      {"metadata beside tensors", metadata + both},
      {"metadata of many settings", many_settings + settings},
  };
}

TEST_CASE("bombs: memory within 1.25 of the size and 64 MiB, steps within the budget") {
  for (const Bomb& bomb : Bombs()) {
    CAPTURE(bomb.name);
    const SharedSource source = Source(bomb.bytes);
    const uint64_t before = g_live;
    g_peak = before;
    const auto file = ReadForeign(source);
    const uint64_t taken = g_peak - before;
    CHECK_MESSAGE(taken <= bomb.bytes.size() + bomb.bytes.size() / 4 + (uint64_t{64} << 20), taken);
    CHECK_MESSAGE(file.ok() == bomb.accepted, std::string(file.status().message()));
    if (file.ok()) continue;
    const std::string message = file.status().message();
    CHECK_MESSAGE((message.find("than a file of its size may take") != std::string::npos ||
                   message.find("repeat the bytes of the file") != std::string::npos),
                  message);
  }
}

// Counts, not seconds: what honest pickles cost, and where each kind of copy is charged.
TEST_CASE("steps and memory are charged where they are spent") {
  const auto cost = [](const std::string& pickle, uint64_t* memory) {
    Budget budget(0);
    PickleOptions options;
    options.persistent = [](const PersistentId& id, uint32_t) -> Result<ForeignStorage> {
      return ForeignStorage{id.type.type, id.elements, 0, Source("12345678")};
    };
    const auto tree = ReadPickle(Source(pickle), 0, pickle.size(), options, budget);
    REQUIRE_MESSAGE(tree.ok(), std::string(tree.status().message()));
    ForeignFile file;
    REQUIRE(Flatten(*tree, &file, budget).ok());
    *memory = budget.memory();
    return budget.steps();
  };
  constexpr int kItems = 1000, kTimes = 20;
  const std::string ones = Repeat("K\1", kItems);
  struct Case {
    std::string name;
    std::string before, use;
    uint64_t steps, memory;  // at least, for each use
  };
  const uint64_t ids = kItems * sizeof(ValueId);
  const std::string number = Name("numpy", "dtype") + "(" + Text("f8") + "K\0K\1tR"s + "(K\3" + Text("<") +
                             "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"s;
  for (const Case& c : std::vector<Case>{
           {"dictionary", "}" + Keep(0) + "(" + ones + "u" + Name("collections", "Counter") + Keep(1) + "0",
            Again(1) + Again(0) + "\x85R0", kItems, ids},
           {"pairs",
            "](K\1K\1\x86" + Keep(2) + Repeat(Again(2), kItems) + "e" + Keep(0) +
                Name("collections", "OrderedDict") + Keep(1) + "0",
            Again(1) + Again(0) + "\x85R0", kItems, 2 * ids},
           {"list", "]" + Keep(0) + "(" + ones + "e" + Name("builtins", "list") + Keep(1) + "0",
            Again(1) + Again(0) + "\x85R0", kItems, ids},
           {"state", "}" + Keep(0) + "(" + ones + "u" + Name("argparse", "Namespace") + Keep(1) + "0",
            Again(1) + ")\x81" + Again(0) + "b0", kItems, ids},
           {"text", Text(std::string(kItems, 'x')) + Keep(0) + Name("_codecs", "encode") + Keep(1) + "0",
            Again(1) + Again(0) + "\x85R0", kItems, kItems},
           {"visit", "]" + Keep(0) + "(" + ones + "e", Again(0), kItems, 512 * kItems},
           {"whole module",
            Name("x", "Y") + ")\x81" + Keep(0) + "}(" + Text("_parameters") + "N" + Text("_modules") + "N" +
                ones + "ub",
            Again(0), kItems / 2, 0},
           {"values", "",
            Repeat("K\1"
                   "0",
                   kItems),
            0, kItems * sizeof(PickleValue)},
           {"persistent module",
            Name("torch_utils.persistence", "_reconstruct_persistent_obj") + "}(" + ones + Text("state") +
                "}u\x85R" + Keep(0),
            Again(0), kItems / 2, 0},
           {"opcodes", "", Repeat("N0", kItems), 2 * kItems, 0},
           {"module",
            Name("torch_utils.persistence", "_reconstruct_persistent_obj") + "}(" + Text("state") + "}(" +
                ones + "uu\x85R" + Keep(0),
            Again(0), kItems / 2, 0},
           {"object", Name("x", "Y") + ")\x81" + Keep(0) + "}(" + ones + "ub", Again(0),
            kItems + (16 + 1) * kItems / 2, 0},
           // What these are charged by themselves, and one step for each of their opcodes.
           {"name", "", Name("x", "Y") + "0", 64 + 2, 3 * 3 + 3 * sizeof(PickleValue)},
           {"characters", "", Text(std::string(kItems, 'x')) + "0", 0, 3 * kItems},
           {"items", "", "](" + ones + "e0", 0, kItems * 3 * sizeof(PickleValue) + 3 * ids},
           {"numpy number", number + Keep(0) + "0" + Name("numpy.core.multiarray", "scalar") + Keep(1) + "0",
            Again(1) + Again(0) + "C\10" + std::string(8, '\1') + "\x86R0", 32 + 6, 0},
           {"numpy number of Python 2",
            number + Keep(0) + "0" + Name("numpy.core.multiarray", "scalar") + Keep(1) + "0",
            Again(1) + Again(0) + "U\10" + std::string(8, '\1') + "\x86R0", 32 + 6 + 8, 0},
           {"numpy array", number + Keep(0) + "0" + Name("numpy.core.numeric", "_frombuffer") + Keep(1) + "0",
            Again(1) + "(C\10" + std::string(8, '\1') + Again(0) + "K\1\x85" + Text("C") + "tR0", 16 + 10, 0},
           {"storage and tensor", "", Tensor() + "0", 3 * 64 + 2 * 16 + 23,
            3 * (sizeof(ForeignTensor) + sizeof(PickleStorage) + 19 * sizeof(PickleValue) +
                 5 * sizeof(std::vector<ValueId>)) +
                256},
       }) {
    CAPTURE(c.name);
    uint64_t once = 0, often = 0;
    const uint64_t steps_once = cost(Pickle("(" + c.before + c.use + "t"), &once);
    const uint64_t steps_often = cost(Pickle("(" + c.before + Repeat(c.use, 1 + kTimes) + "t"), &often);
    CHECK(steps_often - steps_once >= kTimes * c.steps);
    CHECK(often - once >= kTimes * c.memory);
  }
  uint64_t deep = 0;
  CHECK(cost(Pickle("N"), &deep) >= 256);  // of a machine
  cost(Pickle("(" + Repeat("N", 100000) + "1N"), &deep);
  CHECK(deep >= 100000 * sizeof(ValueId));  // a stack that was there once
  Budget budget(1000);
  CHECK(budget.Work(Budget::kFreeSteps));
  CHECK_FALSE(budget.Work(UINT64_MAX));
  CHECK_FALSE(budget.Work(1));
  CHECK(std::strstr(budget.Spent().message(), "more work than") != nullptr);
  CHECK(budget.Memory(Budget::kFreeMemory + 1200));
  CHECK_FALSE(budget.Memory(1));
  CHECK(std::strstr(budget.Spent().message(), "more memory than") != nullptr);
}

TEST_CASE("a dump repeats its file at most a few times, whoever reads it") {
  ForeignFile file;
  ForeignTensor tensor;
  tensor.shape = {1 << 18};
  for (int i = 0; i < 33; ++i) {  // a megabyte each: 32 MiB and four times the file are free
    tensor.name = std::to_string(i);
    file.tensors.push_back(tensor);
  }
  CHECK(file.Finish(1 << 20).ok());
  const Status refused = file.Finish((1 << 18) - 1);
  CHECK(refused.code() == Code::kRefused);
  CHECK(std::strstr(refused.message(), "repeat the bytes") != nullptr);
  file.tensors.push_back(tensor);
  CHECK(file.Finish(1 << 30).ok());
  CHECK(file.Find("32") == nullptr);
  CHECK(file.Unread("32") == "32 is there more than once");
  CHECK(file.tensors.size() == 32);
  CHECK(file.Find("31") != nullptr);
}

TEST_CASE("strided views are gathered in order of the storage") {
  std::vector<float> numbers(3 << 18);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  const SharedSource source = Source(BytesOf(numbers));
  struct View {
    Shape shape;
    int64_t strides[3];
    uint64_t offset;
  };
  for (const View& view :
       {View{{3, 1 << 9, 1 << 9}, {1, 3, 3 << 9}, 0}, View{{1 << 9, 3 << 9}, {1, 1 << 9}, 0},
        View{{2, 1 << 17}, {1 << 18, 2}, 5}, View{{4, 5}, {0, 7}, 3}, View{{100, 100}, {3, 2}, 1},
        View{{7, 1, 9}, {9, 1000, 1}, 2}, View{{5}, {0, 0, 0}, 9}}) {
    ForeignTensor tensor;
    tensor.shape = view.shape;
    tensor.offset = view.offset;
    tensor.storage = {DType::kF32, numbers.size(), 0, source};
    std::copy_n(view.strides, 3, tensor.strides);
    std::vector<std::byte> bytes;
    REQUIRE(CheckView(tensor).ok());
    const uint64_t before = g_live;
    g_peak = before;
    REQUIRE(ReadContiguous(tensor, &bytes).ok());
    CHECK(g_peak - before <= tensor.bytes() + (3 << 20) / 2);  // never the storage once more
    std::vector<float> found(bytes.size() / 4);
    std::memcpy(found.data(), bytes.data(), bytes.size());
    size_t at = 0, wrong = 0;
    const int64_t last = tensor.shape.rank > 2 ? tensor.shape[2] : 1,
                  middle = tensor.shape.rank > 1 ? tensor.shape[1] : 1;
    for (int64_t i = 0; i < tensor.shape[0]; ++i) {
      for (int64_t j = 0; j < middle; ++j) {
        for (int64_t k = 0; k < last; ++k, ++at) {
          const int64_t from = static_cast<int64_t>(view.offset) + i * view.strides[0] + j * view.strides[1] +
                               k * view.strides[2];
          wrong += found[at] != numbers[static_cast<size_t>(from)];
        }
      }
    }
    CHECK(wrong == 0);
    size_t told = 0;
    REQUIRE(ForEachPiece(tensor, [&](std::span<const std::byte> piece) {
              CHECK(std::memcmp(piece.data(), bytes.data() + told, piece.size()) == 0);
              told += piece.size();
              return Status();
            }).ok());
    CHECK(told == bytes.size());
  }
}

TEST_CASE("a tensor as large as its file is dumped in pieces") {
  constexpr int64_t kRows = 24 << 10;
  const std::string header = R"({"a":{"dtype":"BF16","shape":[)" + std::to_string(kRows) +
                             R"(,1024],"data_offsets":[0,)" + std::to_string(kRows * 2048) + "]}}";
  std::string bytes;
  Put(bytes, header.size(), 8);
  bytes += header;
  bytes.resize(bytes.size() + kRows * 2048, '\1');
  const std::string path = TemporaryPath("large.safetensors"), output = TemporaryPath("dump.safetensors");
  REQUIRE(WriteFileAtomically(path, std::as_bytes(std::span(bytes))).ok());
  const uint64_t before = g_live;
  g_peak = before;
  const auto report = ConvertTensorsOnly(path, output, {});
  CHECK(g_peak - before <= bytes.size() / 2);
  REQUIRE(report.ok());
  CHECK(report->tensors == 2);
  const auto file = ReadForeign(output);
  REQUIRE(file.ok());
  REQUIRE(file->Find("a_as_f32") != nullptr);
  REQUIRE(ForEachPiece(*file->Find("a_as_f32"), [](std::span<const std::byte> piece) {
            for (size_t i = 0; i < piece.size(); i += 4) {
              if (std::memcmp(piece.data() + i, "\0\0\1\1", 4) != 0)
                return Status::Error(Code::kFailure, "wrong");
            }
            return Status();
          }).ok());
  unlink(path.c_str());
  unlink(output.c_str());
}

}  // namespace
}  // namespace mien::testing
