#include "tests/tools/run_program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "runtime/face/image.h"
#include "tests/support/tiny_model.h"

namespace mien::testing {

namespace fs = std::filesystem;

std::string Fresh(const std::string& name) {
  static int number = 0;
  const std::string folder = ScratchFolder() + "/" + std::to_string(++number);
  fs::create_directory(folder);
  return folder + "/" + name;
}

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteContent(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

pid_t Start(const std::string& program, const std::vector<std::string>& arguments, const std::string& out,
            const std::string& err, const std::string& in) {
  std::vector<char*> words = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(in.c_str(), O_RDONLY), 0);
    dup2(open(out.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), 1);
    dup2(open(err.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), 2);
    execv(program.c_str(), words.data());
    _exit(99);
  }
  return child;
}

int Wait(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

Ran Run(const std::vector<std::string>& arguments, const std::string& in) {
  const std::string out = Fresh("out"), err = Fresh("err");
  Ran ran;
  ran.code = Wait(Start(MIEN_PROGRAM, arguments, out, err, in));
  ran.out = Content(out);
  ran.err = Content(err);
  return ran;
}

Ran Mien(std::vector<std::string> arguments, const std::string& in) {
  arguments.insert(arguments.end(), {"-m", TinyModelPath(), "--threads", "2"});
  return Run(arguments, in);
}

nlohmann::json MienWithoutEffect(std::vector<std::string> arguments, const std::string& option) {
  CAPTURE(option);
  arguments.push_back("--json");
  const Ran ran = Mien(arguments);
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK_MESSAGE(Has(ran.err, option + " has no effect: "), ran.err);
  const auto report = nlohmann::json::parse(ran.out, nullptr, false);
  REQUIRE(report.contains("without_effect"));
  CHECK(report["without_effect"].size() == 1);
  CHECK(report["without_effect"][0]["option"] == option);
  return report;
}

std::string Photo(int seed, int width, int height) {
  const std::string path = Fresh("photo" + std::to_string(seed) + ".png");
  Image image = std::move(*Image::Create(width, height));
  for (int i = 0; i < width * height * 3; ++i) {
    image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * (seed + 3) + i / (3 * width) * 5);
  }
  REQUIRE(WriteImage(path, image, {}).ok());
  return path;
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

size_t FilesIn(const std::string& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::string FolderOf(const std::string& path) { return fs::path(path).parent_path().string(); }

std::string TensorInput(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  const std::string path = Fresh("in.safetensors");
  REQUIRE(WriteTensorFile(path, {{name, DType::kF32, shape, std::as_bytes(std::span(values))}}, {},
                          TensorFile::Profile::kPlain)
              .ok());
  return path;
}

std::vector<float> TensorOutput(const std::string& path, const std::string& name) {
  auto source = File::Open(path);
  REQUIRE_MESSAGE(source.ok(), source.status().message());
  auto file = TensorFile::Open(std::make_shared<File>(std::move(*source)), TensorFile::Profile::kPlain);
  REQUIRE_MESSAGE(file.ok(), file.status().message());
  const TensorEntry* entry = file->Find(name);
  REQUIRE(entry != nullptr);
  std::vector<float> values(static_cast<size_t>(entry->shape.elements()));
  REQUIRE(file->ReadFloats(*entry, values).ok());
  return values;
}

}  // namespace mien::testing
