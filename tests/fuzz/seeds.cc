// Writes small starting inputs for every fuzz target: FOLDER/<target>/<seed>.
#include <sys/stat.h>
#include <zlib.h>

#include <cstdio>

#include "tests/weights/archives.h"
#include "tests/weights/support.h"

namespace {

void Put(const std::string& folder, const char* target, const std::string& name, const std::string& bytes) {
  mkdir((folder + "/" + target).c_str(), 0777);
  const auto status =
      mien::WriteFileAtomically(folder + "/" + target + "/" + name, std::as_bytes(std::span(bytes)));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message());
}

std::string Big(uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) text += static_cast<char>(number >> (8 * i));
  return text;
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto* const first = reinterpret_cast<const Bytef*>(body.data());
  return Big(data.size(), 4) + body + Big(crc32(crc32(0, nullptr, 0), first, static_cast<uInt>(body.size())), 4);
}

std::string Deflated(const std::string& text) {
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  return packed.substr(0, size);
}

// 2 x 1 pixels of grey, with more chunks before and after the pixels.
std::string Picture(const std::string& before, const std::string& after) {
  return "\x89PNG\r\n\x1a\n" + Chunk("IHDR", Big(2, 4) + Big(1, 4) + std::string("\x08\0\0\0\0", 5)) + before +
         Chunk("IDAT", Deflated(std::string("\0\x07\x09", 3))) + after + Chunk("IEND", "");
}

const std::string kExif("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);

void PutJpegs(const std::string& folder) {
  const auto segment = [](const std::string& data) { return "\xff\xe1" + Big(data.size() + 2, 2) + data; };
  const std::string xmp =
      "http://ns.adobe.com/xap/1.0/" + std::string(1, '\0') + "<xmp:CreatorTool>&lt;</xmp:CreatorTool>";
  for (const char* name : {"420", "444", "cmyk", "grey", "progressive", "restart", "rgb"}) {
    auto file = mien::ReadTextFile(std::string(MIEN_SOURCE_DIR "/tests/data/jpeg/") + name + ".jpg", 1 << 16);
    if (!file.ok()) {
      std::fprintf(stderr, "%s\n", file.status().message());
      continue;
    }
    Put(folder, "fuzz_jpeg", name, *file);
    Put(folder, "fuzz_jpeg", std::string(name) + "_told",
        file->insert(2, segment(std::string("Exif\0\0", 6) + kExif) + segment(xmp)));
  }
}

void PutPictures(const std::string& folder) {
  const std::string zero(1, '\0'), lines = "\nexif\n      14\n4d4d002a000000080001011200030001000000060000\n";
  Put(folder, "fuzz_png", "plain", Picture("", ""));
  Put(folder, "fuzz_png", "transparent", Picture(Chunk("tRNS", std::string("\0\x07", 2)), ""));
  Put(folder, "fuzz_png", "exif", Picture(Chunk("eXIf", kExif), ""));
  Put(folder, "fuzz_png", "exif_after", Picture("", Chunk("eXIf", kExif)));
  Put(folder, "fuzz_png", "profile", Picture(Chunk("tEXt", "Raw profile type APP1" + zero + lines), ""));
  Put(folder, "fuzz_png", "profile_deflated",
      Picture(Chunk("zTXt", "Raw profile type exif" + zero + zero + Deflated(lines)), ""));
  Put(folder, "fuzz_png", "exif_alone", kExif);
}

}  // namespace

// Small inputs mean many executions: the smallest file of each kind that is accepted whole.
int main(int count, char** words) {
  using namespace mien;
  using namespace mien::testing;
  if (count != 2) return 2;
  const std::string folder = words[1];
  mkdir(folder.c_str(), 0777);

  ModelConfig flow = TinyFlow();
  flow.flow->features = flow.flow->layers = 2;
  flow.flow->hidden = flow.flow->contexts = 1;
  flow.flow->blocks = 0;
  flow.flow->layers = 1;
  flow.flow->norm_within = false;
  for (const char* target : {"fuzz_container", "fuzz_container_checked"}) {
    Put(folder, target, "flow", MadeUpModel(flow));
    Put(folder, target, "plain",
        EncodeFile({{"a", DType::kF32, {2, 1}, std::string(8, '\0')},
                    {"b/c", DType::kI64, {1}, std::string(8, '\2')},
                    {"d", DType::kF16, {1}, "ab"}},
                   {{"k", "v\n"}}, TensorFile::Profile::kPlain));
  }
  Put(folder, "fuzz_container", "generator", MadeUpModel(TinyGenerator()));

  // A quantised U8 tensor; a manifest, as the publisher writes it and with what is no tensor of ours.
  Put(folder, "fuzz_container", "quantised",
      EncodeFile({{"a", DType::kU8, {2}, "ab"}}, {{kQuantizationKey, "{\"a\":[0.5,-1]}"}},
                 TensorFile::Profile::kPlain));
  const std::string weights =
      R"([{"weights":[{"name":"a/filters","shape":[1,1,1,2],"dtype":"float32","quantization":{"dtype":"uint8",)"
      R"("scale":0.1,"min":-1.5}},{"name":"fc/bias","shape":[1],"dtype":"float32"},)"
      R"({"name":"n","shape":[],"dtype":"int32","quantization":{"dtype":"uint8","scale":1,"min":2}}],)"
      R"("paths":["a.bin"]}])";
  Put(folder, "fuzz_manifest", "weights", weights + "ab" + std::string(4, '\1') + "c");

  const std::vector<Member> torch = {
      {"a/data.pkl", TensorPickle()}, {"a/data/0", std::string(8, '\1')}, {"a/version", "3\n"}};
  Put(folder, "fuzz_zip_pickle", "torch", Zip(torch));
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  std::string array = "\x93NUMPY\x01";
  Put(array, 0, 1);
  Put(array, header.size(), 2);
  Put(folder, "fuzz_zip_pickle", "npz", Zip({{"f.npy", array + header + std::string(8, '\1')}}));

  const std::string object = "}" + Text("t") + TensorOver(LegacyStorage(2)) + "s";
  Put(folder, "fuzz_legacy", "tensor", Legacy(object, 2));
  Put(folder, "fuzz_legacy", "storage", Legacy(LegacyStorage(2), 2));
  Put(folder, "fuzz_pickle", "torch", TensorPickle());
  Put(folder, "fuzz_pickle", "module", ModulePickle());
  Put(folder, "fuzz_pickle", "module4",
      "\x80\x04\x95\x10" + std::string(7, '\0') +
          "}\x94\x8c\x0b"
          "dnnlib.util\x8c\x08"
          "EasyDict\x93)\x81\x94\x8c\x01"
          "a\x8f\x94"
          "s.");
  // What people keep beside their weights.
  const std::string numbers = "C\x08" + std::string(8, '\1'),
                    name = "cnumpy\ndtype\n" + Text("f4") + "\x89\x88\x87R(K\3" + Text("<") + "NNNNNNtb";
  const auto field = [&](const char* seed, const std::string& body) {
    Put(folder, "fuzz_pickle", seed, "\x80\x04" + body + ".");
  };
  field("array", "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK" + std::string(1, '\0') + "\x85" +
                     "C\1b\x87R(K\1K\2\x85" + name + "\x89" + numbers + "tb");
  field("buffer", "cnumpy._core.numeric\n_frombuffer\n(" + numbers + name + "K\2\x85" + Text("C") + "tR");
  field("number", "cnumpy._core.multiarray\nscalar\n" + name + "c_codecs\nencode\n" +
                      Text("\xc3\xbf"
                           "abc") +
                      Text("latin1") + "\x86R\x86R");
  field("namespace", "cargparse\nNamespace\n)\x81}(" + Text("a") + "K\1ub");
  field("object", "cx\nY\n)\x81}(" + Text("_parameters") + "}" + Text("_modules") + "}ub");
  field("containers",
        "(ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R(K\1K\2uccollections\nCounter\n}("
        "K\1K\2u\x85Rccollections\ndeque\n)N\x86RK\1a}K\1K\2\x86K\3sccollections\nOrderedDict\n]]("
        "K\1K\2ea\x85Rt");
  field("oldest", "((ix\nY\n(cx\nY\noccopyreg\n_reconstructor\n(cx\nY\nNNtRcx\nY\n)}\x92N2012l");
  std::string other = TensorPickle();
  other.replace(other.find("FloatStorage"), 12, "ComplexFloatStorage");
  Put(folder, "fuzz_pickle", "complex", other);
  std::string legacy_other = Legacy(object, 2) + std::string(8, '\1');
  legacy_other.replace(legacy_other.find("FloatStorage"), 12, "ComplexFloatStorage");
  Put(folder, "fuzz_legacy", "complex", legacy_other);
  std::vector<Member> folders = torch;
  folders.insert(folders.begin(), {"a/", ""});
  Put(folder, "fuzz_zip_pickle", "folder", Zip(folders));
  Put(folder, "fuzz_zip_pickle", "bare", array + header + std::string(8, '\1'));
  const std::string objects = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n";
  std::string beginning = "\x93NUMPY\x01";
  Put(beginning, 0, 1);
  Put(beginning, objects.size(), 2);
  Put(folder, "fuzz_zip_pickle", "objects",
      beginning + objects + "\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" +
          std::string("K\0\x85", 3) + "C\1b\x87R(K\1)" + "cnumpy\ndtype\n" + Text("O8") + "\x89\x88\x87R(K\3" +
          Text("|") + "NNNK\1K\1K?tb\x89]}" + Text("a") + "]" + Text("x") + "asatb.");
  PutPictures(folder);
  PutJpegs(folder);
  return 0;
}
