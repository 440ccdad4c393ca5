// Checkpoints from a stranger: damaged public ones, and archives and pickles made by hand to hurt a reader.
// Everything is refused with a reason, or means exactly what the undamaged file means.
#include <doctest/doctest.h>
#include <zlib.h>

#include <cstring>

#include "tests/weights/archives.h"
#include "tests/weights/support.h"
#include "weights/import/convert.h"
#include "weights/import/detect.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"
#include "weights/import/zip.h"

namespace mien::testing {
namespace {

using namespace std::string_literals;

// Everything a reader found, as one comparable number; 0: refused.
uint32_t Meaning(const ForeignFile& file) {
  uint32_t sum = 1;
  std::vector<std::byte> bytes;
  for (const ForeignTensor& tensor : file.tensors) {
    const std::string line = tensor.name + DTypeName(tensor.type) + tensor.shape.ToString();
    sum = Crc32c(std::as_bytes(std::span(line)), sum);
    if (!ReadContiguous(tensor, &bytes).ok()) FAIL("an accepted tensor cannot be read");
    sum = Crc32c(bytes, sum);
  }
  return sum;
}

uint32_t MeaningOf(std::string_view bytes) {
  const MemorySource memory(std::as_bytes(std::span(bytes)));
  const auto file = ReadForeign(SharedSource(&memory, [](const ByteSource*) {}));
  if (file.ok()) return Meaning(*file);
  if (file.status().code() != Code::kRefused || file.status().message()[0] == '\0')
    FAIL("refused without a reason");
  return 0;
}

// The networks and configs of a file; empty: refused.
std::string ConfigsOf(const std::string& bytes) {
  const auto merged = MergeSources({Source(bytes)}, {"file"});
  return merged.ok() ? ConfigToJson(merged->config) : "";
}

// The sanitizers check each access; there a sample of the lengths is enough.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStep = 37;
#else
constexpr size_t kStep = 1;
#endif

TEST_CASE("every truncation of public checkpoints is refused") {
  for (const char* name :
       {"rosi_tiny_a.pt", "rosi_tiny_b_legacy.pt", "container_b_legacy.pt", "nv_tiny_b_clamp.pkl"}) {
    const std::string whole = ReadData(name);
    REQUIRE(MeaningOf(whole) != 0);
    // A module pickle is parsed up to where it breaks off: every length at both ends, a sample between them.
    const size_t step = std::strstr(name, ".pkl") != nullptr ? 2503 : kStep;
    for (size_t length = 0; length < whole.size(); length += length < 4096 ? 1 : step) {
      if (MeaningOf(std::string_view(whole).substr(0, length)) != 0)
        FAIL(name << " accepted at length " << length);
    }
    for (size_t cut = 1; cut < 200; ++cut)
      CHECK(MeaningOf(std::string_view(whole).substr(0, whole.size() - cut)) == 0);
    CHECK(MeaningOf(whole + std::string(1, '\0')) == 0);
    CHECK(MeaningOf("\0"s + whole) == 0);
  }
}

TEST_CASE("a flipped byte outside the numbers is refused or changes nothing") {
  struct Part {
    const char* name;
    size_t bytes, step;
  };
  // Zip: the pickle and the directory (both under checksums or cross-checked). The others have no checksums:
  // a flip in a name or a shape may give another, equally valid file; what must not happen is a crash or a
  // wild read.
  for (const Part& part : {Part{"container_a_zip.pt", 2100, 1}, Part{"container_b_legacy.pt", 5190, 1},
                           Part{"nv_tiny_b_clamp.pkl", 9000, 61}}) {
    const std::string whole = ReadData(part.name);
    const uint32_t meaning = MeaningOf(whole);
    for (size_t at = 0; at < part.bytes; at += part.step * (kStep > 1 ? 5 : 1)) {
      for (int flip : {1, 32, 255}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        const uint32_t found = MeaningOf(damaged);
        if (std::strstr(part.name, "zip") != nullptr && found != 0 && found != meaning) {
          FAIL(part.name << " means something else after a flip at " << at);
        }
      }
    }
  }
}

TEST_CASE("every flip of the central directory is refused or changes nothing") {
  const std::string whole = ReadData("container_a_zip.pt");
  const uint32_t meaning = MeaningOf(whole);
  for (size_t at = 285330; at<whole.size(); at += kStep> 1 ? 7 : 1) {
    for (int flip = 1; flip < 256; flip += 51) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const uint32_t found = MeaningOf(damaged);
      if (found != 0 && found != meaning) FAIL("byte " << at);
    }
  }
}

TEST_CASE("flips of storage bytes in a zip are noticed") {
  const std::string whole = ReadData("rosi_tiny_a.pt");
  for (size_t at = 10100; at < 580000; at += 4999) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    const uint32_t found = MeaningOf(damaged);
    CHECK((found == 0 || found == MeaningOf(whole)));  // equal only in padding
  }
}

TEST_CASE("configs survive or are refused") {
  const std::string whole = ReadData("flow_small_b_dist_legacy.pt"), config = ConfigsOf(whole);
  REQUIRE(config != "");
  for (size_t at = 0; at < 6000; at += 17) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    (void)ConfigsOf(damaged);  // must not crash; the bytes have no checksum
  }
}

// ---- archives made by hand (archives.h)

std::vector<Member> GoodMembers() {
  return {{"a/data.pkl", TensorPickle()},
          {"a/data/0", std::string("\0\0\x80\x3f\0\0\0\x40", 8)},
          {"a/version", "3\n"}};
}

Status Read(const std::string& bytes) { return ReadForeign(Source(bytes)).status(); }

// Refused, and the reason holds `part`.
void Refused(const std::string& bytes, const char* part) {
  const Status status = Read(bytes);
  CHECK(status.code() == Code::kRefused);
  CHECK_MESSAGE(std::strstr(status.message(), part) != nullptr, std::string(status.message()));
}

template <class Change>
std::string ZipWith(Change change) {
  auto members = GoodMembers();
  change(members);
  return Zip(members);
}

TEST_CASE("the right ones are read") {
  const auto names = [](const std::string& bytes) {
    const auto file = ReadForeign(Source(bytes));
    REQUIRE_MESSAGE(file.ok(), std::string(file.status().message()));
    std::string all;
    for (const ForeignTensor& tensor : file->tensors) all += tensor.name + tensor.shape.ToString();
    return all;
  };
  CHECK(names(Zip(GoodMembers())) == "t[2]");
  CHECK(names(Legacy("}" + Text("t") + TensorOver(LegacyStorage(2)) + "s", 2)) == "t[2]");
  CHECK(names(ModulePickle()) == "G_ema.w[2]");
  Budget budget(0);
  CHECK(
      ReadEmbeddedStorage(Source(Legacy(LegacyStorage(2), 2)), 0, Legacy(LegacyStorage(2), 2).size(), budget)
          .ok());
}

TEST_CASE("zip tricks") {
  using Members = std::vector<Member>;
  REQUIRE(Read(Zip(GoodMembers())).ok());
  Refused(Zip(GoodMembers(), {.before = "x"}), "neither");
  Refused(Zip(GoodMembers(), {.before = "PK\x03\x04"}), "overlap or gap");
  Refused(Zip(GoodMembers(), {.gap = "x"}), "between the last member");
  Refused(Zip(GoodMembers(), {.after = "x"}), "end record");
  Refused(Zip(GoodMembers(), {.comment = "hello"}), "end record");
  Refused(Zip(GoodMembers(), {.entries = 1}), "directory entry");
  Refused(Zip(GoodMembers(), {.entries = -1}), "bytes after the last directory entry");
  Refused(Zip(GoodMembers(), {.shift = 1}), "end record");
  Refused(Zip(GoodMembers()) + Zip(GoodMembers()), "end record");
  Refused(ZipWith([](Members& m) { m.push_back(m[1]); }), "twice");
  Refused(ZipWith([](Members& m) { m[2].local_name = "a/versiom"; }), "names differ");
  Refused(ZipWith([](Members& m) { m[1].flags = 1; }), "encrypted");
  Refused(ZipWith([](Members& m) { m[1].flags = 1 << 6; }), "encrypted");
  Refused(ZipWith([](Members& m) { m[1].flags = 1 << 13; }), "encrypted");
  Refused(ZipWith([](Members& m) { m[1].method = 8; }), "does not unpack");
  Refused(ZipWith([](Members& m) { m[1].method = 99; }), "compressed by method 99");
  Refused(ZipWith([](Members& m) { m[1].stated = 4; }), "sizes");
  Refused(ZipWith([](Members& m) { m[1].stated = 0xffffffff; }), "zip64");
  Refused(ZipWith([](Members& m) { m[2].mode = 0120777; }), "symbolic link");
  for (const char* name : {"a/../b", "../a/version", "/a/version", "a\\version", "a//version", "C:/version",
                           "a/ver\nsion", "a/\xff"}) {
    Refused(ZipWith([&](Members& m) { m[2].name = name; }), "no name of a member");
  }
  Refused(ZipWith([](Members& m) { m[2].name = "a/version/"; }), "a folder with content");
  for (const char* name : {"a/code/x.py", "a/constants.pkl"})
    Refused(ZipWith([&](Members& m) { m[2].name = name; }), "TorchScript");
  for (const char* name : {"b/data.pkl", "a/b/data.pkl", "data.pkl"})
    Refused(ZipWith([&](Members& m) { m[2].name = name; }), "more than one data.pkl");
  // What has no part in a checkpoint is left alone.
  for (const char* name : {"b/version", "version", "a/data/x/y", "a/data.pkl.bak", "__MACOSX/._a"})
    CHECK(Read(ZipWith([&](Members& m) { m[2].name = name; })).ok());
  Refused(ZipWith([](Members& m) { m[0].name = "a/data.pkk"; }), "data.pkl is missing");
  Refused(ZipWith([](Members& m) { m.erase(m.begin()); }), "data.pkl is missing");
  Refused(ZipWith([](Members& m) { m.erase(m.begin() + 1); }), "storage 0 is not in the archive");
  Refused(ZipWith([](Members& m) { m[1].data += "1234"; }), "do not fill");
  Refused(ZipWith([](Members& m) { m[0].data += "x"; }), "bytes after the end of data.pkl");
  Refused(ZipWith([](Members& m) { m.push_back({"a/byteorder", "big"}); }), "byte order");
  CHECK(Read(ZipWith([](Members& m) { m.push_back({"a/byteorder", "little"}); })).ok());
  // Two members over the same bytes.
  std::string overlap = Zip(GoodMembers());
  const size_t last = overlap.rfind("PK\x01\x02");
  std::memcpy(overlap.data() + last + 42, overlap.data() + overlap.find("PK\x01\x02") + 42, 4);
  Refused(overlap, "overlap");
}

TEST_CASE("storages and views that lie") {
  const auto with = [](const std::string& pickle) {
    return ZipWith([&](std::vector<Member>& m) { m[0].data = pickle; });
  };
  CHECK(Read(with(TensorPickle("FloatStorage", 2, 2, 1, 0))).ok());
  CHECK(Read(with(TensorPickle("FloatStorage", 2, 1000, 0, 0))).ok());  // expanded
  Refused(with(TensorPickle("FloatStorage", 2, 2, 1, 1)), "leaves its storage");
  Refused(with(TensorPickle("FloatStorage", 2, 3, 1, 0)), "leaves its storage");
  Refused(with(TensorPickle("FloatStorage", 2, 2, 2, 0)), "leaves its storage");
  Refused(with(TensorPickle("FloatStorage", 2, 2, 0x7fffffff, 0)), "leaves its storage");
  Refused(with(TensorPickle("FloatStorage", 2, 1 << 20, 0, 0)), "repeats a storage");
  Refused(with(TensorPickle("FloatStorage", 3, 2, 1, 0)), "do not fill");
  Refused(with(TensorPickle("DoubleStorage", 2, 2, 1, 0)), "do not fill");
  Refused(with(TensorPickle("UnknownStorage")), "a storage with arguments that do not fit");
  Refused(with(TensorPickle("FloatStorage", -2)), "do not fit");
  Refused(with(TensorPickle("FloatStorage", 2, -2)), "do not fit");
  Refused(with(TensorPickle("FloatStorage", 2, 2, -1)), "do not fit");
  Refused(with(TensorPickle("FloatStorage", 2, 2, 1, -1)), "do not fit");
}

TEST_CASE("names that a checkpoint has no business with") {
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                        {"posix", "system"},
                                                        {"nt", "system"},
                                                        {"subprocess", "Popen"},
                                                        {"builtins", "eval"},
                                                        {"builtins", "exec"},
                                                        {"__builtin__", "eval"},
                                                        {"builtins", "getattr.__self__"},
                                                        {"builtins", "len.__self__.eval"},
                                                        {"collections", "abc.system"},
                                                        {"builtins", "__import__"},
                                                        {"runpy", "_run_code"},
                                                        {"importlib", "import_module"},
                                                        {"pickle", "loads"},
                                                        {"torch", "load"},
                                                        {"torch.hub", "load"},
                                                        {"torch.serialization", "load"},
                                                        {"numpy", "load"},
                                                        {"numpy.testing._private.utils", "runstring"},
                                                        {"operator", "attrgetter"},
                                                        {"collections", "OrderedDict.__class__"},
                                                        {"collections", "OrderedDict.__init__.__globals__"},
                                                        {"posixpath", "os.system"},
                                                        {"torch", "FloatStorage.__class__"},
                                                        {"socket", "socket"},
                                                        {"webbrowser", "open"},
                                                        {"shutil", "rmtree"},
                                                        {"ctypes", "CDLL"},
                                                        {"timeit", "timeit"},
                                                        {"code", "interact"},
                                                        {"pip._internal", "main"},
                                                        {"pty", "spawn"},
                                                        {"torch.serialization.os", "system"},
                                                        {"types", "CodeType"}}) {
    const std::string wanted = "it asks for " + module + "." + name + ", which only an attack needs";
    Refused(
        "\x80\x02"
        "c" +
            module + "\n" + name + "\n(NtR............",
        wanted.c_str());
    std::string stack = "\x80\x04\x8c";
    Put(stack, module.size(), 1);
    stack += module + "\x8c";
    Put(stack, name.size(), 1);
    Refused(stack + name + "\x93)R..........", wanted.c_str());
  }
}

TEST_CASE("pickle tricks") {
  const auto pickle = [](std::string body) { return "\x80\x02" + body + std::string(16, '.'); };
  for (int op = 0; op < 256; ++op) {  // opcodes outside the list
    if (std::strchr(".(NKMJGXUTBC]})taesucRbqrhjQldio012", op) != nullptr && op != 0) continue;
    if (std::string("\x80\x95\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x85\x86\x87\x90\x91\x92\x93\x96\x81\x94")
            .find(static_cast<char>(op)) != std::string::npos)
      continue;
    Refused(pickle(std::string(1, static_cast<char>(op))), "is not one a checkpoint needs");
  }
  Refused(pickle("R"), "the stack is empty");
  Refused(pickle("Na"), "the stack is empty");
  Refused(pickle("t"), "no mark");
  Refused(pickle("(N(NR"), "the stack is empty");  // nobody takes what lies below a mark
  Refused(pickle("h\x05"), "never set");
  Refused(pickle("Nr\xff\xff\xff\x7f"), "more memory than");
  Refused(pickle("NNa"), "no container of theirs");
  Refused(pickle("}Na"), "no container of theirs");
  Refused(pickle("]NNs"), "no container of theirs");
  Refused(pickle("}(Nu"), "a key without a value");
  Refused(pickle("NNR"), "a call without arguments");
  Refused(pickle("N)R"), "a call of something that is no name");
  Refused(pickle("N)\x81"), "a new object of something that is no class");
  Refused(pickle("(o"), "a new object without a class");
  Refused(pickle("0"), "the stack is empty");
  Refused(pickle("2"), "the stack is empty");
  Refused(pickle("1"), "no mark");
  Refused(pickle("(Nd"), "a key without a value");
  Refused(pickle("\x8b\xff\xff\xff\xff"), "string beyond the end");
  Refused(pickle("(ios\nsystem\n"), "only an attack needs");
  Refused(pickle("N}b"), "a state for something");
  Refused(pickle("X\xff\xff\xff\xff"), "string beyond the end");
  Refused(pickle(std::string("\x8d\xff\xff\xff\xff\xff\xff\xff\xff", 9)), "string beyond the end");
  Refused(pickle(std::string("\x8e\xff\xff\xff\xff\xff\xff\xff\xff", 9)), "4 GiB");
  Refused(pickle(std::string("\x95\xff\xff\xff\xff\xff\xff\xff\x7f", 9)), "a frame beyond the end");
  Refused(pickle(std::string(100, '(')), "nested too deep");
  Refused(pickle("N."), "bytes after its end");
  Refused(pickle("NN"), "left over");
  const std::string long_name(256, 'n');
  Refused("\x80\x04" + Text(long_name) + Text("n") + "\x93" + "............", "a name too long");
  Refused("\x80\x04" + Text("n") + Text(long_name) + "\x93" + "............", "a name too long");
  Refused(pickle("c" + long_name + "\nn\n"), "a name too long");
  std::string long_pickle = "\x80\x02";
  for (int i = 0; i < 9 << 20; ++i) long_pickle += "N0";
  Refused(long_pickle, "more than 16 MiB of pickle");
  Refused("\x80\x07N...............", "protocol 2 to 5");
  Refused("\x80\x02(" + std::string(600000, ']') + "t.", "more memory than");
  Refused(pickle("(X\x06\0\0\0moduleNNNNtQ"s), "persistent id");
  Refused(pickle("ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR"), "do not fit");
  Refused(pickle("ctorch.storage\n_load_from_bytes\nC\x03"
                 "abc\x85R"),
          "stack is empty");
  // A list that contains itself, and one that doubles fifty times.
  Refused("\x80\x02]q\0h\0ah\0ah\0ah\0ah\0a."s, "more memory than");
  std::string doubling = "\x80\x02]q";
  doubling += '\0';
  for (int i = 0; i < 50; ++i) {
    doubling += "](h";
    doubling += static_cast<char>(i);
    doubling += 'h';
    doubling += static_cast<char>(i);
    doubling += "eq";
    doubling += static_cast<char>(i + 1);
  }
  // All lists but the last stay on the stack; a tuple takes them from the mark at the front.
  doubling.insert(2, "(");
  Refused(doubling + "t.", "more work than");
}

TEST_CASE("legacy streams that lie") {
  const std::string whole = ReadData("rosi_tiny_b_legacy.pt");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string bytes = whole;
    const size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, from.size(), to);
    return bytes;
  };
  std::string big = whole;
  big[big.find('\x88', big.find("little_endian"))] = '\x89';
  Refused(big, "little endian");
  Refused(changed("M\xe9\x03", "M\xea\x03"), "1001");
  Refused(changed("storage", "modulee"), "no storage");
  Refused(whole + "x", "bytes after the last storage");
  Refused("abc", "it is a text, which begins");
  std::string keys = Legacy("N", 0);
  keys.replace(keys.find(Text("0") + "a."), 6, "N");
  Refused(keys, "a storage key that is no text");
  // A view of a storage: (key, offset, elements).
  const auto view = [](int offset, int elements) {
    std::string storage = LegacyStorage(4);
    storage.replace(
        storage.rfind("NtQ"), 3,
        "(" + Text("v") + "K" + static_cast<char>(offset) + "K" + static_cast<char>(elements) + "ttQ");
    return Legacy("}" + Text("t") + TensorOver(storage) + "s", 4);
  };
  CHECK(Read(view(2, 2)).ok());
  Refused(view(3, 2), "a view that leaves it");
  Refused(view(0, 1), "leaves its storage");
}

TEST_CASE("arrays: deflate, bombs and odd headers") {
  const auto npy = [](const std::string& header, const std::string& data) {
    std::string out = "\x93NUMPY\x01";
    out += '\0';
    Put(out, header.size() + 1, 2);
    return out + header + "\n" + data;
  };
  const auto pack = [](const std::string& data) {
    std::string out(data.size() + 1000, '\0');
    z_stream stream = {};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  };
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  const std::string floats = BytesOf<float>({0, 1, 2, 3, 4, 5});
  const auto stored = ReadForeign(Source(Zip({{"f.npy", npy(header, floats)}})));
  REQUIRE_MESSAGE(stored.ok(), std::string(stored.status().message()));
  CHECK(stored->tensors[0].name == "f");
  CHECK(stored->tensors[0].shape == Shape{2, 3});
  // A deflated member: the checksum is of what is inside.
  const auto deflated = [&](const std::string& inside, uint64_t stated) {
    std::string zip = Zip({{"f.npy", pack(inside), 0, 8, "", stated}});
    const uint32_t right = Crc32(inside), wrong = Crc32(pack(inside));
    for (size_t at = 0; at + 4 <= zip.size(); ++at) {
      if (std::memcmp(zip.data() + at, &wrong, 4) == 0) std::memcpy(zip.data() + at, &right, 4);
    }
    return zip;
  };
  const std::string array = npy(header, floats);
  const auto inflated = ReadForeign(Source(deflated(array, array.size())));
  REQUIRE_MESSAGE(inflated.ok(), std::string(inflated.status().message()));
  CHECK(Meaning(*inflated) == Meaning(*stored));
  Refused(deflated(array, array.size() - 1), "does not unpack");
  Refused(deflated(array, array.size() + 1), "does not unpack");
  Refused(deflated(std::string(48 << 20, '\0'), 48 << 20), "more memory than");
  Refused(deflated(std::string(40 << 20, '\0'), 100), "does not unpack");
  // Column order is honoured.
  const auto columns = ReadForeign(
      Source(Zip({{"f.npy", npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", floats)}})));
  REQUIRE(columns.ok());
  std::vector<std::byte> bytes;
  REQUIRE(ReadContiguous(columns->tensors[0], &bytes).ok());
  CHECK(std::memcmp(bytes.data(), BytesOf<float>({0, 2, 4, 1, 3, 5}).data(), 24) == 0);
  for (const char* bad :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}",
        "{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4', 'descr': '<f4', 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 3), }", "", "{", "{}x",
        "__import__('os').system('true')"}) {
    CHECK_MESSAGE(Read(Zip({{"f.npy", npy(bad, floats)}})).code() == Code::kRefused, bad);
  }
  Refused(Zip({{"f.npy", npy(header, floats + "x")}}), "do not fill");
  const auto alone = ReadForeign(Source(array));
  REQUIRE_MESSAGE(alone.ok(), std::string(alone.status().message()));
  REQUIRE(alone->Find("arr_0") != nullptr);
  CHECK(alone->Find("arr_0")->shape == Shape{2, 3});
  Refused(array + "x", "do not fill");
  // What nobody needs is listed.
  const auto listed = ReadForeign(Source(Zip(
      {{"f.npy", array},
       {"g.txt", "x"},
       {"b.npy", npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", floats)},
       {"o.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (), }", "")},
       {"r.npy", npy("{'descr': [('a', '<f4', (2,))], 'fortran_order': False, 'shape': (3,), }", floats)}})));
  REQUIRE_MESSAGE(listed.ok(), std::string(listed.status().message()));
  CHECK(listed->tensors.size() == 1);
  CHECK(listed->Find("f") == &listed->tensors[0]);
  CHECK(listed->Unread("b") == "b is an array of type >f4");
  CHECK(listed->Unread("o") == "o is an array of Python objects");
  CHECK(listed->Unread("r") == "r is an array of type ('a', '<f4', (2,))");
  CHECK(listed->Unread("g.txt") == "g.txt is no .npy");
  CHECK(listed->Unread("h") == "");
  // An array of objects alone is read like any pickle.
  const std::string of_objects = "{'descr': '|O', 'fortran_order': False, 'shape': (), }";
  const auto read = ReadForeign(Source(npy(of_objects, "\x80\x03}X\1\0\0\0kK\7s."s)));
  REQUIRE_MESSAGE(read.ok(), std::string(read.status().message()));
  CHECK(read->kind == "npy");
  CHECK(read->scalars == std::map<std::string, ForeignScalar>{{"k", int64_t{7}}});
  Refused(npy(of_objects, "\x80\x03}.x"), "bytes after its objects");
  Refused(npy(of_objects, "\x80\x03}"), "pickle");
  Refused(npy(of_objects, "\x80\x03" "cos\nsystem\nX\1\0\0\0x\x85R."s), "os.system");
}

}  // namespace
}  // namespace mien::testing
