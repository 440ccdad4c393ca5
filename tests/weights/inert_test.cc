// What nobody needs does not make a file unreadable; what is needed and was not read is refused by its name.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>

#include "tests/weights/archives.h"
#include "tests/weights/support.h"
#include "weights/import/convert.h"
#include "weights/import/pickle.h"
#include "weights/import/readers.h"

namespace mien::testing {
namespace {

using namespace std::string_literals;

SharedSource Field(const std::string& name) {
  auto file = File::Open(std::string(MIEN_SOURCE_DIR) + "/tests/data/field/" + name);
  REQUIRE_MESSAGE(file.ok(), name);
  return std::make_shared<File>(std::move(*file));
}

// Names and bytes of all tensors that a model file would get.
std::string Networks(const std::string& name) {
  const auto merged = MergeSources({Field(name)}, {name});
  REQUIRE_MESSAGE(merged.ok(), std::string(merged.status().message()));
  std::string all = ConfigToJson(merged->config);
  std::vector<std::byte> bytes;
  for (const ForeignTensor& tensor : merged->tensors) {
    REQUIRE(ReadContiguous(tensor, &bytes).ok());
    all += tensor.name + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return all;
}

TEST_CASE("checkpoints with what people keep beside the weights mean what the weights mean") {
  const std::string generator = Networks("generator.pt"), nvidia = Networks("nvidia.pkl");
  for (const char* name :
       {"generator_numpy_scalar.pt", "generator_path_in_args.pt", "generator_device_in_args.pt",
        "generator_defaultdict.pt", "generator_tuple_key.pt", "generator_rank6_unneeded.pt",
        "generator_f8_unneeded.safetensors"}) {
    CHECK_MESSAGE(Networks(name) == generator, name);
  }
  CHECK(Networks("nvidia_numpy2.pkl") == nvidia);
  CHECK(Networks("nvidia_module_in_torch_zip.pt") == nvidia);
}

// A pickle of protocol 4 that ends with the one value of `body`.
ForeignFile Read(const std::string& body) {
  const auto file = ReadForeign(Source("\x80\x04" + body + "."));
  REQUIRE_MESSAGE(file.ok(), std::string(file.status().message()));
  return *file;
}

std::string Byte(int value) { return std::string(1, static_cast<char>(value)); }
std::string Name(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string Dict(const std::string& items) { return "}(" + items + "u"; }
std::string Small(int value) { return "K" + Byte(value); }

bool IsInt(const ForeignFile& file, const char* name, int64_t value) {
  const auto found = file.scalars.find(name);
  return found != file.scalars.end() && found->second == ForeignScalar(value);
}

TEST_CASE("settings are read whatever holds them") {
  const std::string items = Text("a") + Small(7);
  const std::string holders[] = {
      Dict(items),
      Name("collections", "OrderedDict") + ")R(" + items + "u",
      Name("collections", "OrderedDict") + "]](" + items + "ea\x85R",
      Name("collections", "defaultdict") + Name("builtins", "list") + "\x85R(" + items + "u",
      Name("collections", "Counter") + Dict(items) + "\x85R",
      Name("dnnlib.util", "EasyDict") + ")\x81(" + items + "u",
      Name("easydict", "EasyDict") + ")\x81(" + items + "u",
      Name("argparse", "Namespace") + ")\x81" + Dict(items) + "b",
      Name("types", "SimpleNamespace") + ")R" + Dict(items) + "b",
      Name("copyreg", "_reconstructor") + "(" + Name("argparse", "Namespace") + Name("builtins", "object") +
          "NtR" + Dict(items) + "b",
      "(iargparse\nNamespace\n" + Dict(items) + "b",
      "(" + Name("argparse", "Namespace") + "o" + Dict(items) + "b",
      Name("argparse", "Namespace") + ")}\x92" + Dict(items) + "b",
      Name("nobody.knows", "Options") + ")\x81" + Dict(items) + "b",  // attributes of an object
      Name("nobody.knows", "Dict") + ")\x81(" + items + "u",          // items of a dictionary
      "(" + items + "d",
  };
  for (const std::string& holder : holders) {
    const ForeignFile file = Read(Dict(Text("opts") + holder));
    CHECK_MESSAGE(IsInt(file, "opts.a", 7), holder);
  }
  for (const std::string& list : {"]" + Small(7) + "a", "(" + Small(7) + "l", Small(7) + "\x85",
                                  Name("collections", "deque") + ")R" + Small(7) + "a",
                                  Name("collections", "deque") + ")N\x86R" + Small(7) + "a",
                                  Name("nobody.knows", "List") + ")\x81" + Small(7) + "a",
                                  Name("builtins", "list") + Small(7) + "\x85\x85R"}) {
    CHECK_MESSAGE(IsInt(Read(Dict(Text("opts") + list)), "opts.0", 7), list);
  }
}

TEST_CASE("what has no meaning here is listed with what it is") {
  const ForeignFile file = Read(Dict(
      Text("path") + Name("pathlib", "PosixPath") + Text("a") + "\x85R" +  //
      Text("made") + Name("nobody.knows", "Factory") + ")R)R" +            // a call of an object
      Text("type") + Name("torch", "float32") +                            //
      Text("object") + Name("nobody.knows", "Options") + ")\x81" + Dict(Text("a") + Small(7)) + "b" +
      Text("long") + "\x8a\x09" + "123456789" + Text("bytes") + "C\x03" + "abc" + Text("set") + "\x8f" +  //
      Text("words") + Text(std::string(300, 'x')) + Text("odd") +
      Dict("K\1K\2\x86" + Small(3) + Text("b") + Small(4)) + Text("net") + Name("net", "Generator") +
      ")\x81" + Dict(Text("_parameters") + "}" + Text("_modules") + "}") + "b" + Text("order") +
      Name("numpy", "dtype") + Text("f4") + "\x89\x88\x87R"));
  CHECK(file.Unread("path") == "path is an object of class pathlib.PosixPath");
  CHECK(file.Unread("path.below") == "path is an object of class pathlib.PosixPath");
  CHECK(file.Unread("paths") == "");
  CHECK(file.Unread("made") == "made is an object of class nobody.knows.Factory");
  CHECK(file.scalars.at("type") == ForeignScalar("torch.float32"s));
  CHECK(IsInt(file, "object.a", 7));
  CHECK(file.Unread("object.b") == "object is an object of class nobody.knows.Options");
  CHECK(file.Unread("long") == "long is an integer of more than 64 bits");
  CHECK(file.Unread("bytes") == "bytes is a byte string");
  CHECK(file.Unread("set") == "set is a set");
  CHECK(file.Unread("words") == "words is a text of 300 bytes");
  CHECK(IsInt(file, "odd.b", 4));
  CHECK(file.Unread("odd.c") == "");
  CHECK(file.Unread("odd.?") == "odd.? is something with an odd name");
  CHECK(file.Unread("net.w").find("net is a whole pickled module (class net.Generator)") == 0);
  CHECK(file.Unread("order") == "order is a type");
}

// dtype(text) with its state, as numpy pickles it.
std::string NumpyType(const std::string& text, const std::string& order = "<") {
  return Name("numpy", "dtype") + Text(text) + "\x89\x88\x87R(" + Small(3) + Text(order) +
         "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + Small(0) + "tb";
}

std::string ShortBytes(const std::string& bytes) {
  return "C" + Byte(static_cast<int>(bytes.size())) + bytes;
}

TEST_CASE("numbers and arrays of numpy, in every form in which they are pickled") {
  const std::string two = BytesOf<float>({1, 2}),
                    encoded =
                        Name("_codecs", "encode") + Text("\0\0\xc2\x80?\0\0\0@"s) + Text("latin1") + "\x86R";
  const auto array = [&](const std::string& package, const std::string& data,
                         const std::string& type = NumpyType("f4")) {
    return Name(package + ".multiarray", "_reconstruct") + Name("numpy", "ndarray") + Small(0) + "\x85" +
           ShortBytes("b") + "\x87R(" + Small(1) + Small(2) + "\x85" + type + "\x89" + data + "tb";
  };
  const std::string forms[] = {
      array("numpy.core", ShortBytes(two)),
      array("numpy._core", ShortBytes(two)),
      array("numpy.core", encoded),
      array("numpy.core", "U" + Byte(8) + two),  // Python 2
      Name("numpy._core.numeric", "_frombuffer") + "(\x96" + Byte(8) + std::string(7, '\0') + two +
          NumpyType("f4") + Small(2) + "\x85" + Text("C") + "tR",
  };
  for (const std::string& form : forms) {
    const ForeignFile file = Read(Dict(Text("w") + form));
    const ForeignTensor* tensor = file.Find("w");
    REQUIRE(tensor != nullptr);
    CHECK(tensor->shape == Shape{2});
    std::vector<std::byte> bytes;
    REQUIRE(ReadContiguous(*tensor, &bytes).ok());
    CHECK(std::memcmp(bytes.data(), two.data(), 8) == 0);
  }
  // Column order: [[1,2],[3,4]] kept as 1,3,2,4.
  const ForeignFile columns =
      Read(Name("numpy._core.numeric", "_frombuffer") + "(" + ShortBytes(BytesOf<float>({1, 3, 2, 4})) +
           NumpyType("f4") + Small(2) + Small(2) + "\x86" + Text("F") + "tR");
  std::vector<std::byte> bytes;
  REQUIRE(columns.tensors.size() == 1);
  REQUIRE(ReadContiguous(columns.tensors[0], &bytes).ok());
  CHECK(std::memcmp(bytes.data(), BytesOf<float>({1, 2, 3, 4}).data(), 16) == 0);
  // Types that are not read.
  CHECK(Read(array("numpy.core", ShortBytes(two), NumpyType("f4", ">"))).Unread("") ==
        "the file is a numpy array [2] of type another byte order");
  CHECK(Read(array("numpy.core", ShortBytes(two), NumpyType("c8"))).Unread("") ==
        "the file is a numpy array [2] of type c8");
  // Of Python objects: the list of them; without axes, the one there is. Numbers that do not fit are no such array.
  const auto objects = [&](const std::string& size, const std::string& items) {
    return Read(Name("numpy._core.multiarray", "_reconstruct") + Name("numpy", "ndarray") + Small(0) + "\x85" +
                ShortBytes("b") + "\x87R(" + Small(1) + size + NumpyType("O8", "|") + "\x89" + items + "tb");
  };
  CHECK(objects(Small(2) + "\x85", "](" + Small(7) + Text("x") + "e").scalars ==
        std::map<std::string, ForeignScalar>{{"0", int64_t{7}}, {"1", "x"}});
  CHECK(objects(")", "]" + Dict(Text("k") + Small(7)) + "a").scalars ==
        std::map<std::string, ForeignScalar>{{"k", int64_t{7}}});
  CHECK(objects(")", "]").Unread("") == "the file is a numpy array [] of type O8");
  CHECK(objects(Small(2) + "\x85", "]" + Small(7) + "a").Unread("") == "the file is a numpy array [2] of type O8");
  CHECK(objects(Small(1) + Small(1) + "\x86", "]" + Small(7) + "a").Unread("") ==
        "the file is a numpy array [1,1] of type O8");
  // Numbers.
  const auto number = [&](const std::string& type, const std::string& data) {
    return Read(Name("numpy._core.multiarray", "scalar") + NumpyType(type) + data + "\x86R");
  };
  CHECK(number("f4", ShortBytes(BytesOf<float>({1.5f}))).scalars.at("") == ForeignScalar(1.5));
  CHECK(number("f8", Name("_codecs", "encode") + Text("\0\0\0\0\0\0\xc3\xb8?"s) + Text("latin1") + "\x86R")
            .scalars.at("") == ForeignScalar(1.5));
  CHECK(number("i8", ShortBytes(BytesOf<int64_t>({-3}))).scalars.at("") == ForeignScalar(int64_t{-3}));
  CHECK(number("b1", ShortBytes("\1")).scalars.at("") == ForeignScalar(true));
  CHECK(number("c16", ShortBytes(std::string(16, '\1'))).Unread("") ==
        "the file is a numpy number of type c16");
  // Lies.
  for (const std::string& lie :
       {array("numpy.core", ShortBytes("abc")), array("numpy.core", Small(3)),
        Name("numpy.core.multiarray", "scalar") + NumpyType("f4") + ShortBytes("abc") + "\x86R"}) {
    CHECK(ReadForeign(Source("\x80\x04" + lie + "................")).status().code() == Code::kRefused);
  }
}

TEST_CASE("torch tensors of other types and sizes are listed") {
  const auto zip = [](const std::string& pickle, size_t bytes) {
    return ReadForeign(Source(Zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(bytes, '\0')}})));
  };
  const auto complex = zip(TensorPickle("ComplexFloatStorage"), 16);
  REQUIRE_MESSAGE(complex.ok(), std::string(complex.status().message()));
  CHECK(complex->Unread("t") == "t is a C64 tensor [2]");
  const auto quantized = zip(TensorPickle("QUInt8Storage"), 2);
  REQUIRE(quantized.ok());
  CHECK(quantized->Unread("t") == "t is a QUInt8 tensor [2]");
  CHECK_FALSE(
      zip(TensorPickle("ComplexFloatStorage"), 8).ok());  // its storage must fill its member all the same
  const auto large = zip(TensorPickle("FloatStorage", 2, 0x7fffffff, 0, 0), 8);
  REQUIRE_MESSAGE(large.ok(), std::string(large.status().message()));
  CHECK(large->Unread("t").find("t is a tensor [2147483647]") == 0);
  // F8 and its like: _rebuild_tensor_v3(storage, offset, size, stride, grad, hooks, type, metadata).
  const std::string storage =
      "(" + Text("storage") + "ctorch.storage\nUntypedStorage\n" + Text("0") + Text("cpu") + "K\2tQ";
  const auto f8 = zip("\x80\2}" + Text("t") + "ctorch._utils\n_rebuild_tensor_v3\n(" + storage + Small(0) +
                          "K\2\x85K\1\x85\x89N" + Name("torch", "float8_e4m3fn") + "NtRs.",
                      2);
  REQUIRE_MESSAGE(f8.ok(), std::string(f8.status().message()));
  CHECK(f8->Unread("t") == "t is a tensor of type torch.float8_e4m3fn");
  // In a legacy stream the bytes of such a storage are stepped over.
  std::string object = "}" + Text("t") + TensorOver(LegacyStorage(2)) + "s";
  object.replace(object.find("FloatStorage"), 12, "ComplexFloatStorage");
  CHECK(ReadForeign(Source(Legacy(object, 2) + std::string(8, '\1'))).ok());
  CHECK_FALSE(ReadForeign(Source(Legacy(object, 2))).ok());
  // A tensor with attributes of its own, and parameters with a state.
  const std::string plain = TensorPickle();
  const size_t call = plain.find("ctorch._utils");
  const std::string tensor = plain.substr(call, plain.size() - call - 2);  // "...tR"
  const std::string arguments =
      tensor.substr(tensor.find('('), tensor.size() - tensor.find('(') - 1);  // "(...t"
  const auto subclass = zip(
      "\x80\2}" + Text("t") + "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n" +
          Name("torch", "Tensor") + arguments + "}tRs.",
      8);
  REQUIRE_MESSAGE(subclass.ok(), std::string(subclass.status().message()));
  CHECK(subclass->Find("t") != nullptr);
  const auto parameter = zip(
      "\x80\2}" + Text("t") + "ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor + "\x88N}tRs.", 8);
  REQUIRE_MESSAGE(parameter.ok(), std::string(parameter.status().message()));
  CHECK(parameter->Find("t") != nullptr);
}

TEST_CASE("the same in safetensors: any type and rank, but the layout holds") {
  const auto file = [](const std::string& header, size_t bytes) {
    std::string out;
    Put(out, header.size(), 8);
    return ReadForeign(Source(out + header + std::string(bytes, '\0')));
  };
  const auto mixed = file(
      R"({"a":{"dtype":"U64","shape":[2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},)"
      R"("c":{"dtype":"F32","shape":[1,1,1,1,1,2],"data_offsets":[20,28]}})",
      28);
  REQUIRE_MESSAGE(mixed.ok(), std::string(mixed.status().message()));
  CHECK(mixed->tensors.size() == 1);
  CHECK(mixed->Find("b") != nullptr);
  CHECK(mixed->Unread("a") == "a is a tensor of type U64");
  CHECK(mixed->Unread("c") == "c is a tensor of rank 6");
  for (const char* wrong : {R"({"a":{"dtype":"U64","shape":[2],"data_offsets":[0,17]}})",
                            R"({"a":{"dtype":"U64","shape":[2],"data_offsets":[4,16]}})",
                            R"({"a":{"dtype":"u\u001b[31m","shape":[2],"data_offsets":[0,16]}})",
                            R"({"a":{"dtype":"","shape":[2],"data_offsets":[0,16]}})",
                            R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,2],"data_offsets":[0,16]}})"}) {
    CHECK_FALSE_MESSAGE(file(wrong, 16).ok(), wrong);
  }
}

TEST_CASE("what is needed and was not read is refused by its name") {
  auto text = ReadTextFile(
      std::string(MIEN_SOURCE_DIR) + "/tests/data/field/generator_f8_unneeded.safetensors", 1 << 20);
  REQUIRE(text.ok());
  std::string bytes = *text;
  const size_t name = bytes.find("to_rgbs.0.bias\"");
  REQUIRE(name != std::string::npos);
  bytes.replace(bytes.find("F32", name), 3, "U64");
  const auto merged = MergeSources({Source(bytes)}, {"file"});
  REQUIRE_FALSE(merged.ok());
  CHECK_MESSAGE(std::strstr(merged.status().message(), "to_rgbs.0.bias is a tensor of type U64") != nullptr,
                std::string(merged.status().message()));
}

TEST_CASE("a whole pickled module is refused with the way out") {
  const std::string module = Name("models.stylegan2", "Generator") + ")\x81" +
                             Dict(Text("_parameters") + "}" + Text("_modules") + "}") + "b";
  for (const std::string& body : {module, Dict(Text("g_ema") + module)}) {
    const auto merged = MergeSources({Source("\x80\x04" + body + ".")}, {"file"});
    REQUIRE_FALSE(merged.ok());
    CHECK_MESSAGE(std::strstr(merged.status().message(), "models.stylegan2.Generator") != nullptr,
                  std::string(merged.status().message()));
    CHECK(std::strstr(merged.status().message(), "state_dict()") != nullptr);
  }
  // Legacy files name the class by a persistent id.
  const auto legacy = ReadForeign(Source(Legacy(
      "(" + Text("module") + Name("net", "Generator") + Text("net.py") + Text("class ...") + "tQ)\x81" +
          Dict(Text("_parameters") + "}" + Text("_modules") + "}" + Text("w") + LegacyStorage(2)) + "b",
      2)));
  REQUIRE_MESSAGE(legacy.ok(), std::string(legacy.status().message()));
  CHECK(legacy->Unread("").find("whole pickled module (class net.Generator)") != std::string::npos);
}

TEST_CASE("a name is refused as an attack wherever it stands") {
  for (const std::string& body :
       {Name("os", "system") + "0}", Dict(Text("weights") + "}" + Text("x") + Name("builtins", "eval")),
        std::string("(inumpy\nload\n")}) {
    const auto file = ReadForeign(Source("\x80\x04" + body + "................"));
    REQUIRE_FALSE(file.ok());
    CHECK(std::strstr(file.status().message(), "only an attack needs") != nullptr);
  }
  for (const auto& [module, name] :
       std::vector<std::pair<const char*, const char*>>{{"functools", "partial"},
                                                        {"torch", "device"},
                                                        {"types", "SimpleNamespace"},
                                                        {"builtins", "slice"},
                                                        {"models.code", "Net"},
                                                        {"training.eval", "Metric"},
                                                        {"numpy", "ndarray"},
                                                        {"torch.nn.modules.linear", "Linear"},
                                                        {"torch", "FloatStorage"}}) {
    CHECK_MESSAGE(!IsAttack(module, name), module << '.' << name);
  }
}

TEST_CASE("attributes of something are names like others, unless an attack reaches for them") {
  const auto attribute = [](const std::string& owner, const std::string& name) {
    return Name("builtins", "getattr") + owner + Text(name) + "\x86R";
  };
  const std::string other = Text("other") + Small(7);
  // A function of torch, a member of an enumeration, a class inside a class, a method.
  for (const std::string& value :
       {attribute(Name("torch._C", "_VariableFunctions"), "tanh"), attribute(Name("net", "Mode"), "fast"),
        attribute(Name("net", "Net"), "Options") + ")\x81",
        attribute(Name("net", "Net") + ")\x81", "forward"),
        attribute(Name("collections", "OrderedDict"), "fromkeys")}) {
    const ForeignFile file = Read(Dict(Text("x") + value + other));
    CHECK(IsInt(file, "other", 7));
  }
  CHECK(Read(Dict(Text("x") + attribute(Name("torch._C", "_VariableFunctions"), "tanh"))).scalars.at("x") ==
        ForeignScalar("torch._C._VariableFunctions.tanh"s));
  for (const std::string& value :
       {attribute(Name("net", "Net"), "eval"), attribute(Name("net", "Net"), "__globals__"),
        attribute(Name("net", "Net") + ")\x81", "__class__"), attribute(Name("collections", "abc"), "system"),
        attribute(attribute(Name("net", "helpers"), "os"), "path"),
        attribute(Name("collections", "OrderedDict"), "__subclasses__")}) {
    const auto file = ReadForeign(Source("\x80\x04" + Dict(Text("x") + value + other) + "."));
    REQUIRE_FALSE(file.ok());
    CHECK(std::strstr(file.status().message(), "only an attack needs") != nullptr);
  }
  const auto refusal = [](const std::string& value) {
    return std::string(ReadForeign(Source("\x80\x04" + Dict(Text("x") + value) + ".")).status().message());
  };
  const std::string getattr = Name("builtins", "getattr"), owner = Name("net", "Net");
  for (const std::string& arguments :
       {owner + "\x85", owner + Small(1) + "\x86", owner + Text(std::string(256, 'n')) + "\x86"}) {
    CHECK(refusal(getattr + arguments + "R").find("arguments that do not fit") != std::string::npos);
  }
  std::string nested = owner;
  for (int depth = 0; depth < 6; ++depth) nested = attribute(nested, std::string(250, 'n'));
  CHECK(refusal(nested).find("a name too long") != std::string::npos);
}

TEST_CASE("metadata of safetensors may be JSON") {
  const auto file = ReadForeign(Source(EncodeFile(
      {{"t", DType::kF32, {1}, std::string(4, '\0')}},
      {{"opts", R"({"encoder_type": "GradualStyleEncoder", "start": true, "none": null, "size": [1, 2.5]})"},
       {"broken", "{\"a\": "},
       {"long", "[" + std::string(16 << 10, ' ') + "]"},
       {"text", "True"}},
      TensorFile::Profile::kPlain)));
  REQUIRE_MESSAGE(file.ok(), std::string(file.status().message()));
  const auto& scalars = file->scalars;
  CHECK(scalars.at("opts.encoder_type") == ForeignScalar("GradualStyleEncoder"s));
  CHECK(scalars.at("opts.start") == ForeignScalar(true));
  CHECK(scalars.at("opts.none") == ForeignScalar());
  CHECK(scalars.at("opts.size.0") == ForeignScalar(1.0));
  CHECK(scalars.at("opts.size.1") == ForeignScalar(2.5));
  CHECK(scalars.at("broken") == ForeignScalar("{\"a\": "s));
  CHECK(scalars.at("text") == ForeignScalar("True"s));
  CHECK(std::get<std::string>(scalars.at("long")).size() == (16 << 10) + 2);
  CHECK(scalars.size() == 8);
}

}  // namespace
}  // namespace mien::testing
