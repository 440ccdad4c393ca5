// The program's files from outside: which are one and the same, what a name's ending decides, when folders
// are made, and inputs that are streams.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/face/image.h"
#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using namespace testing;

// Usage error; both names are in the message.
void CheckClash(const std::vector<std::string>& arguments, const std::string& one, const std::string& other) {
  const Ran ran = Run(arguments);
  CAPTURE(arguments[0]);
  CHECK(ran.code == 2);
  CHECK_MESSAGE(Has(ran.err, one), ran.err);
  CHECK_MESSAGE(Has(ran.err, other), ran.err);
}

TEST_CASE("No output replaces an input, by whatever name") {
  const std::string model = Fresh("model"), card = Fresh("card.m"), codes = Fresh("codes.safetensors"),
                    photo = Photo(1);
  fs::copy_file(TinyModelPath(), model);
  WriteContent(card, "a card");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", codes}).code == 0);
  const std::string folder = FolderOf(model);
  fs::create_hard_link(model, folder + "/hard");
  fs::create_symlink("model", folder + "/soft");
  fs::create_directory_symlink(folder, folder + "/here");
  for (const std::string& name :
       {model, folder + "/hard", folder + "/soft", folder + "/here/model", folder + "/./model"}) {
    CheckClash({"synth", "-m", model, "-o", name}, name + " (picture)", model + " (model)");
    CheckClash({"convert", model, "-o", name}, name + " (model)", model + " (checkpoint)");
    CheckClash({"run", "-m", model, "--graph", "synthesis", "--in", codes, "--out", name},
               name + " (tensors)", "(model)");
    CheckClash({"encode", "--aligned", "-m", model, photo, "-o", name}, name + " (codes)", "(model)");
  }
  CheckClash({"convert", model, "--card", card, "-o", card}, "(model)", "(card)");
  CheckClash({"synth", "-m", model, "--codes", codes, "-o", Fresh("x.png"), "--save-codes", codes}, "(codes)",
             codes);
  CheckClash({"run", "-m", model, "--graph", "synthesis", "--in", codes, "--out", codes}, codes, "(tensors)");
  CheckClash({"edit", "--aligned", "--crop", "-m", model, photo, "-o", photo}, "(picture)", "(photo)");
  // In a folder the names are made from the inputs.
  CheckClash({"edit", "--aligned", "--crop", "-m", model, photo, Photo(2), "-o", FolderOf(photo)}, photo + " (picture)",
             photo + " (photo)");
  CHECK(Content(model) == Content(TinyModelPath()));
  CHECK(Content(card) == "a card");
}

TEST_CASE("No output replaces another output, there or not") {
  const std::string one = Fresh("q"), folder = FolderOf(one);
  fs::create_symlink("q", folder + "/to_nothing");
  CheckClash({"synth", "-o", one, "--save-codes", one}, "(picture)", "(codes)");
  CheckClash(
      {"synth", "-o", one, "--save-codes", folder + "/../" + fs::path(folder).filename().string() + "/q"},
      one, "/../");
  CheckClash({"synth", "-o", one, "--save-codes", folder + "/to_nothing"}, one, "to_nothing");
  CheckClash({"run", "--graph", "synthesis", "--plan", "--in", TensorInput("w_plus", {1}, {0}), "--out", one,
              "--plan-svg", one},
             "(tensors)", "(drawing)");
  CheckClash({"edit", "--aligned", "--crop", Photo(1), Photo(1), "-o", folder + "/new"}, "photo1.png (picture)",
             "are one file");
  CheckClash({"edit", "--aligned", "--crop", "-", "-", "-o", folder + "/new"}, "- (photo)", "only once");
  const std::string pipe = Fresh("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);  // nobody writes: whoever opens it waits for ever
  CheckClash({"synth", "--codes", pipe, pipe, "-o", folder + "/new"}, pipe + " (codes)", "only once");
  CheckClash({"synth", "--between", pipe, pipe, "--frames", "3", "-o", folder + "/new"}, pipe, "only once");
  CheckClash({"edit", "--codes", pipe, pipe, "--set", "smile=1", "-o", folder + "/new"}, pipe, "only once");
  CheckClash({"edit", "--aligned", "--crop", pipe, "-o", pipe}, pipe + " (picture)", pipe + " (photo)");
  CheckClash({"synth", "-o", pipe, "--save-codes", pipe}, pipe + " (picture)", pipe + " (codes)");
  CHECK(FilesIn(folder) == 1);  // the link
  CHECK(Mien({"synth", "-o", one, "--save-codes", one + "2"}).code == 0);
}

TEST_CASE("A known ending decides the format, another one is refused before any work") {
  const std::string photo = Photo(3), folder = FolderOf(Fresh("x"));
  const auto refused = [&](std::vector<std::string> arguments, const std::string& name,
                           const std::string& instead) {
    for (std::string& argument : arguments) argument = argument == "OUT" ? folder + "/" + name : argument;
    arguments.insert(arguments.end(), {"-m", Fresh("no model")});  // nothing is opened before
    const Ran ran = Run(arguments);
    CAPTURE(name);
    CHECK(ran.code == 2);
    CHECK_MESSAGE(Has(ran.err, instead), ran.err);
  };
  for (const char* name :
       {"x.jpe", "x.jxl", "x.webp", "x.tif", "x.bmp", "x.heic", "x.npz", "x.safetensors"}) {
    refused({"synth", "-o", "OUT"}, name, "written as .png, .jpg or .jpeg");
    refused({"edit", "--aligned", "--crop", photo, "-o", "OUT"}, name, "written as .png, .jpg or .jpeg");
  }
  for (const char* name : {"x.png", "x.PT", "x.pkl", "x.txt", "x.json"}) {
    refused({"encode", "--aligned", photo, "-o", "OUT"}, name, ".safetensors, .npz or .npy");
    refused({"synth", "-o", "y.png", "--save-codes", "OUT"}, name, ".safetensors, .npz or .npy");
    refused({"run", "--graph", "flow", "--in", photo, "--out", "OUT"}, name, ".safetensors, .npz or .npy");
  }
  for (const char* name : {"x.npy", "x.npz", "x.png", "x.onnx"})
    refused({"convert", photo, "-o", "OUT"}, name, "written as .safetensors");
  refused({"run", "--graph", "flow", "--plan", "--plan-svg", "OUT"}, "x.png", "written as .svg");
  CHECK(FilesIn(folder) == 0);

  const auto first = [&](const std::string& name) {
    const std::string out = Fresh(name);
    const bool picture = name.ends_with("G") || name == "face";
    const Ran ran = picture ? Mien({"synth", "-o", out}) : Mien({"encode", "--aligned", photo, "-o", out});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    return Content(out);
  };
  CHECK(first("x.PNG").starts_with("\x89PNG"));
  CHECK(first("x.JPG").starts_with("\xff\xd8"));
  CHECK(first("x.JPEG").starts_with("\xff\xd8"));
  CHECK(first("face").starts_with("\x89PNG"));
  CHECK(first("x.Npy").starts_with("\x93NUMPY"));
  CHECK(first("x.NPZ").starts_with("PK"));
  for (const char* name : {"x", "x.mien", "x.SafeTensors", "x.model"})
    CHECK(Has(first(name).substr(0, 32), "{\""));
  for (const char* name : {"x", "x.m", "x.model", "x.pt"}) {
    const std::string out = Fresh(name);
    CHECK(Run({"convert", MIEN_SOURCE_DIR "/tests/data/field/generator.pt", "-o", out}).code == 0);
    CHECK(Run({"info", out}).code == 0);
  }
  // One array to an .npy file; more are refused before they are computed.
  const std::string codes = Fresh("w.npy"), out = Fresh("image.npy");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", codes}).code == 0);
  CHECK(Mien({"run", "--graph", "synthesis", "--in", codes, "--out", out}).code == 0);
  const Ran two = Mien({"run", "--graph", "flow", "--in", codes, "--out", Fresh("two.npy")});
  CHECK(two.code == 2);
  CHECK(Has(two.err, "one tensor"));
}

TEST_CASE("Folders are made with the first result, and no file's name becomes one") {
  const std::string one = Photo(4), two = Photo(5), base = FolderOf(Fresh("x"));
  for (const char* name : {"/strip.png", "/strip.JPG", "/w.npz"}) {
    for (const char* verb : {"edit", "encode"}) {
      const Ran ran = Mien({verb, one, two, "-o", base + name});
      CHECK(ran.code == 2);
      CHECK(Has(ran.err, "the name of a file"));
    }
  }
  const std::string deep = base + "/a/b/c", bad = Fresh("bad.png");
  WriteContent(bad, "no picture");
  CHECK(Mien({"edit", "--aligned", "--crop", bad, one, "-o", deep, "--set", "joy=1"}).code == 2);
  CHECK(Mien({"encode", "--aligned", bad, one, "-o", deep, "--fail-fast"}).code == 1);
  CHECK(Mien({"encode", "--aligned", Fresh("missing.png"), "-o", deep + "/"}).code == 1);
  CHECK(Mien({"edit", "--aligned", "--crop", one, two, "-o", deep, "--backend", "cuda:77"}).code != 0);
  CHECK(Mien({"edit", "--aligned", "--crop", "/", "-o", deep + "/"}).code == 1);
  const std::string long_name = Fresh(std::string(250, 'a') + ".png");  // too long for its result
  fs::copy_file(one, long_name);
  CHECK(Mien({"encode", "--aligned", long_name, "-o", deep + "/"}).code == 1);
  CHECK(FilesIn(base) == 0);
  CHECK(Mien({"encode", "--aligned", one, two, "-o", deep}).code == 0);
  CHECK(FilesIn(deep) == 2);
  fs::create_directory(base + "/results.png");  // a folder that is there is one, whatever its name
  CHECK(Mien({"edit", "--aligned", "--crop", one, two, "-o", base + "/results.png"}).code == 0);
  CHECK(FilesIn(base + "/results.png") == 2);
  const Ran folder = Mien({"edit", "--aligned", "--crop", base, "-o", base + "/x/"});
  CHECK(folder.code == 1);
  CHECK(Has(folder.err, "a folder"));
  CHECK_FALSE(fs::exists(base + "/x"));
}

// A FIFO that a process of its own fills, from `delay` on.
std::string Pipe(const std::string& source, unsigned delay_milliseconds = 0) {
  const std::string path = Fresh("pipe"), content = Content(source);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (fork() != 0) _exit(0);  // nobody has to wait for the writer
    alarm(20);                  // a program that does not read leaves nobody behind
    usleep(1000 * delay_milliseconds);
    const int out = open(path.c_str(), O_WRONLY);
    for (size_t done = 0; done < content.size();) {
      const ssize_t put = write(out, content.data() + done, content.size() - done);
      if (put <= 0) _exit(1);
      done += static_cast<size_t>(put);
    }
    _exit(0);
  }
  Wait(child);
  return path;
}

TEST_CASE("Streams are read like files") {
  const std::string photo = Photo(6), codes = Fresh("w.safetensors"), npz = Fresh("w.npz");
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", codes}).code == 0);
  REQUIRE(Mien({"encode", "--aligned", photo, "-o", npz}).code == 0);
  const auto same = [](std::vector<std::string> arguments, const std::string& file, const std::string& stream,
                       const std::string& in = "/dev/null") {
    const auto output = [&](const std::string& input) {
      std::vector<std::string> words = arguments;
      for (std::string& word : words) word = word == "IN" ? input : word;
      const std::string out = Fresh("out");
      words.insert(words.end(), {"-o", out});
      const Ran ran = Run(words, input == file ? "/dev/null" : in);
      CHECK_MESSAGE(ran.code == 0, ran.err);
      return Content(out);
    };
    CAPTURE(arguments[0]);
    CHECK(output(stream) == output(file));
  };
  const std::string checkpoint = MIEN_SOURCE_DIR "/tests/data/field/generator.pt", tiny = TinyModelPath();
  for (const bool late : {false, true}) {
    same({"edit", "--aligned", "--crop", "-m", tiny, "IN"}, photo, Pipe(photo, late ? 300 : 0));
  }
  same({"encode", "--aligned", "-m", tiny, "IN"}, photo, "/dev/stdin", photo);
  same({"encode", "--aligned", "-m", tiny, "IN"}, photo, "-", photo);
  same({"synth", "-m", tiny, "--no-metadata", "--codes", "IN"}, codes, Pipe(codes));
  same({"synth", "-m", tiny, "--no-metadata", "--codes", "IN"}, npz, "-", npz);
  same({"synth", "-m", "IN"}, tiny, Pipe(tiny));
  same({"convert", "IN"}, checkpoint, Pipe(checkpoint));
  const std::string card = Fresh("card.md");
  WriteContent(card, "what it is");
  same({"convert", checkpoint, "--card", "IN"}, card, Pipe(card));
  const std::string out = Fresh("image.npy"), piped = Fresh("image.npy");
  CHECK(Mien({"run", "--graph", "synthesis", "--in", codes, "--out", out}).code == 0);
  CHECK(Mien({"run", "--graph", "synthesis", "--in", Pipe(codes), "--out", piped}).code == 0);
  CHECK(Content(out) == Content(piped));
  CHECK(Run({"info", Pipe(tiny)}).code == 0);
  // A stream without end is refused at once, a wrong one like a wrong file.
  CHECK(Mien({"synth", "--codes", "/dev/zero", "-o", Fresh("x.png")}).code == 4);
  CHECK(Run({"synth", "-m", "/dev/zero", "-o", Fresh("x.png")}).code == 4);
  CHECK(Run({"convert", "/dev/zero", "-o", Fresh("x")}).code == 4);
  CHECK(Mien({"edit", "--aligned", "--crop", Pipe(tiny), "-o", Fresh("x.png")}).code == 1);
}

TEST_CASE("An output that cannot be written is refused before any work, and leaves nothing") {
  const std::string folder = FolderOf(Fresh("x")), file = folder + "/file";
  WriteContent(file, "a file");
  // The inputs are not there: they are not looked at before the places of the results.
  const auto refused = [&](std::vector<std::string> arguments, const std::string& name, const char* why) {
    const Ran ran = Mien(std::move(arguments));
    CAPTURE(name);
    CHECK(ran.code == 1);
    CHECK_MESSAGE(Has(ran.err, name), ran.err);
    CHECK_MESSAGE(Has(ran.err, why), ran.err);
    CHECK_FALSE(Has(ran.err, "cannot open"));
    CHECK(FilesIn(folder) == 1);
  };
  const std::string absent = folder + "/absent.png", missing = folder + "/no/x";
  refused({"edit", "--aligned", "--crop", absent, "-o", missing + ".png"}, missing, "No such file or directory");
  refused({"edit", "--aligned", "--crop", absent, "-o", "/dev/fd/999"}, "/dev/fd/999", "Bad file descriptor");
  refused({"edit", "--aligned", "--crop", absent, "-o", file + "/"}, file, "Not a directory");
  refused({"encode", "--aligned", absent, folder + "/other.png", "-o", file + "/new/"}, file + "/new",
          "Not a directory");
  refused({"convert", absent, "-o", missing}, missing, "No such file or directory");
  refused({"run", "--graph", "flow", "--in", absent, "--out", missing}, missing, "No such file or directory");
  refused({"run", "--graph", "flow", "--plan", "--plan-svg", missing}, missing, "No such file or directory");
  refused({"synth", "-o", folder + "/x.png", "--save-codes", missing}, missing, "No such file or directory");
  CHECK(Content(file) == "a file");
}

TEST_CASE("Only pictures go to stdout; no file is called -") {
  const std::string codes = Fresh("codes.npz"), folder = FolderOf(codes);
  REQUIRE(Mien({"synth", "-o", folder + "/x.png", "--save-codes", codes}).code == 0);
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"run", "--graph", "synthesis", "--in", codes, "--out", "-"},
                                             {"run", "--graph", "synthesis", "--plan", "--plan-svg", "-"},
                                             {"convert", codes, "--tensors-only", "-o", "-"},
                                             {"encode", "--aligned", Photo(1), "-o", "-"},
                                             {"synth", "-o", folder + "/y.png", "--save-codes", "-"}}) {
    const Ran ran = Mien(arguments);
    CAPTURE(arguments[0]);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK_MESSAGE(Has(ran.err, "only pictures are written to stdout"), ran.err);
    CHECK_FALSE(fs::exists("-"));
  }
  const Ran codes_in_vain = Mien({"synth", "--codes", "-", "-o", folder + "/y.png"}, Photo(1));
  CHECK_MESSAGE(Has(codes_in_vain.err, "stdin: "), codes_in_vain.err);
  CHECK(Has(Mien({"edit", "-", "-o", "-"}, Photo(5, 120, 100)).err, "stdin: no face found"));
}

TEST_CASE("Numbers that do not fit are refused, none wraps or changes its base") {
  const std::string out = Fresh("x.png");
  for (const char* bytes : {"-1", "99999999999999999999", "18446744073709551616", "16EiB", "20000000TB",
                            "2XB", "1e3", "0x10", "GiB", "", "2GiBs"}) {
    CAPTURE(bytes);
    const Ran ran = Mien({"synth", "-o", out, std::string("--max-memory=") + bytes});
    CHECK(ran.code == 2);
    CHECK(Has(ran.err, "max-memory"));
  }
  for (const char* bytes : {"2GiB", "2 gib", "500MB", "18446744073709551615", "1e", "15EiB"})
    CHECK(Mien({"synth", "-o", out, std::string("--max-memory=") + bytes}).code == 0);
  const Ran little = Mien({"synth", "-o", out, "--max-memory", "010"});
  CHECK(little.code == 5);
  CHECK(Has(little.err, "at most 10 allowed"));
  const std::string ten = Fresh("10.png"), octal = Fresh("010.png");
  REQUIRE(Mien({"synth", "--seed", "10", "-o", ten}).code == 0);
  REQUIRE(Mien({"synth", "--seed", "010", "-o", octal}).code == 0);
  CHECK(Content(ten) == Content(octal));
  for (const char* seed : {"0x10", "4294967296", "18446744073709551616", "1.0", "+1"})
    CHECK(Mien({"synth", "-o", out, std::string("--seed=") + seed}).code == 2);
}

}  // namespace
}  // namespace mien
