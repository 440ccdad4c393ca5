// What the program says of itself to shells and man, and to people who mistype.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "tests/support/tiny_model.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

std::string Described(const std::string& reader) {
  const Ran ran = Run({"describe", reader});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  return ran.out;
}

// What bash offers for the last of these words.
std::string Offered(const std::string& words) {
  const std::string script = Fresh("mien.bash"), answer = Fresh("answer");
  std::ofstream(script) << Described("bash");
  const std::string command = "bash -c '. \"" + script + "\"; COMP_WORDS=(mien " + words +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _mien mien \"${COMP_WORDS[-1]}\" "
                              "\"${COMP_WORDS[-2]}\"; echo \"${COMPREPLY[*]}\"' >\"" +
                              answer + "\" 2>&1";
  REQUIRE(std::system(command.c_str()) == 0);
  std::string offered = Content(answer);
  return offered.substr(0, offered.find('\n'));
}

TEST_CASE("describe bash: verbs, the options of a verb and of all, and what an option takes") {
  CHECK(Offered("ed").empty() == false);
  CHECK(Offered("edi") == "edit");
  CHECK(Offered("edit --keep") == "--keep-identity");
  CHECK(Offered("edit --max-m") == "--max-memory");
  CHECK(Offered("align --keep").empty());
  CHECK(Offered("edit --paste \"\"") == "auto replace difference");
  CHECK(Offered("edit --set sm") == "smile=");
  CHECK(Offered("--precision tf") == "tf32");
  CHECK(Offered("synth --precision tf") == "tf32");
  CHECK(Offered("edit --strength \"\"").empty());
}

TEST_CASE("describe: every option that help tells stands in all of them") {
  const std::string zsh = Described("zsh"), fish = Described("fish"), man = Described("man"), bash = Described("bash");
  size_t options = 0;
  for (const char* verb : {"align", "bench", "compare", "convert", "edit", "encode", "evaluate", "faces", "gallery",
                           "info", "invert", "prepare", "run", "selftest", "synth", "train"}) {
    CHECK(Has(man, std::string(".SS \"mien ") + verb + "\""));
    std::istringstream help(Run({"help", verb}).out);
    for (std::string line; std::getline(help, line);) {
      const size_t at = line.find("--");
      if (!line.starts_with("  -") || at == std::string::npos) continue;
      const std::string name =
          line.substr(at + 2, line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-", at) - at - 2);
      CAPTURE(name);
      std::string typed;
      for (const char c : name) typed += c == '-' ? std::string("\\-") : std::string(1, c);
      CHECK(Has(bash, "--" + name));
      CHECK(Has(zsh, "--" + name + "["));
      CHECK(Has(fish, " -l " + name + " "));
      CHECK(Has(man, "\\fB\\-\\-" + typed + "\\fR"));
      ++options;
    }
  }
  CHECK(options > 100);
  CHECK(Has(man, ".SH EXIT STATUS"));
  CHECK(Has(man, "130 interrupted"));
}

TEST_CASE("the help of verbs that edit tells the attributes of the model") {
  for (const char* verb : {"edit", "gallery", "evaluate"}) {
    const std::string help = Run({"help", verb}).out;
    CHECK(Has(help, "Attributes of the built-in model: gender, glasses, yaw (-35 to 35 deg)"));
    CHECK(Has(help, "age (5 to 75 y), smile\n"));
  }
  CHECK(Has(Mien({"edit", "--help"}).out, "Attributes of " + TinyModelPath() + ": "));
  CHECK(Has(Run({"edit", "--help", "--model=" + TinyModelPath()}).out, "Attributes of " + TinyModelPath() + ": "));
  CHECK_FALSE(Has(Run({"help", "align"}).out, "Attributes of"));
}

TEST_CASE("what is mistyped is told first, with what was probably meant") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"edti"}, "edti: a verb expected, such as edit; did you mean edit?"},
      {{"sinth", "--seeds", "1"}, "sinth: a verb expected, such as edit; did you mean synth?"},
      {{"frobnicate"}, "frobnicate: a verb expected, such as edit (see"},
      {{"edit", "--sett", "smile=1"}, "--sett: there is no such option; did you mean --set? (see mien help edit)"},
      {{"edit", "--strenght=1"}, "--strenght: there is no such option; did you mean --strength?"},
      {{"edit", "--thread", "1"}, "--thread: there is no such option; did you mean --threads?"},
      {{"info", "--smile", "1"}, "--smile: there is no such option (see mien help info)"},
      {{"edit", "a.png"}, "--output is required (see mien help edit)"},
  };
  for (const auto& [words, expected] : cases) {
    const Ran ran = Run(words);
    CAPTURE(ran.err);
    CHECK(ran.code == 2);
    CHECK(Has(ran.err, expected));
  }
}

}  // namespace
}  // namespace mien
