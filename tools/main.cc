// The `mien` program: global options, the verbs, and the one place where an answer becomes an exit code.
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>
#include <span>
#include <sstream>

#include "kernels/simd.h"
#include "runtime/base/text.h"
#include "runtime/device.h"
#include "runtime/base/interrupt.h"
#include "tools/numbers.h"
#include "tools/verbs.h"

namespace mien {
namespace {

constexpr const char* kAbout =
    "mien edits a face in a photo without changing who it is.\n"
    "Results go to stdout or the output file, everything else to stderr. `mien help VERB` explains a verb.";
constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 no face found, 4 model file refused, 5 device or memory,\n"
    "6 a gate not met, 130 interrupted.";

void AddGlobalOptions(CLI::App& app, Session& session) {
  app.add_option("-m,--model", session.model, "model file (default: the built-in model)")->type_name("FILE");
  app.add_option("--backend", session.backend, "auto, cpu or cuda[:N]")->capture_default_str();
  app.add_option("--precision", session.precision, "fp32; cuda also tf32 and fp16")
      ->check(CLI::IsMember({"fp32", "tf32", "fp16"}))
      ->capture_default_str();
  app.add_flag("--exact", session.exact, "on the CPU: no algorithm that rounds more than the direct one (slower)");
  app.add_option("--memory", session.memory,
                 "on the CPU: layers (whole images), bands (a few rows at a time and weights transformed when used: "
                 "half the memory or less, slower), auto (layers where --max-memory allows them)")
      ->check(CLI::IsMember({"auto", "layers", "bands"}))
      ->capture_default_str();
  app.add_option("--graphs", session.graphs,
                 "on a device: on (a network is captured once and replayed), off (its steps are sent one by one; "
                 "the same bits)")
      ->check(CLI::IsMember({"on", "off"}))
      ->default_str("on");
  app.add_option("--threads", session.threads, "threads (default: all processors)")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 256));
  app.add_option("--seed", session.seed, "seed of everything random")
      ->transform(WholeNumber())
      ->capture_default_str();
  app.add_option("--max-memory", session.max_memory,
                 "refuse to take more for weights and activations, e.g. 2GiB")
      ->transform(ByteSize())
      ->type_name("BYTES");
  app.add_flag("--json", session.json, "one JSON document on stdout");
  app.add_flag("-q,--quiet", session.quiet, "only warnings and errors on stderr");
  app.add_flag("-v,--verbose", session.verbose, "more on stderr");
}

void AddVerbs(CLI::App& app, Session& session) {
  AddConvert(app, session);
  AddEdit(app, session);
  AddEncode(app, session);
  AddSynth(app, session);
  AddInfo(app, session);
  AddRun(app, session);
  AddBench(app, session);
  AddSelftest(app, session);
}

// The exit code of the failure that was said. There is one line for it: what fails after it, while things are put away, is
// its consequence.
int said = 0;

int Refuse(Code code, const char* message) {
  if (said != 0) return said;
  said = ExitCode(code);
  ErrorLine(message);
  return said;
}

// The JSON library's destructors take memory and may not throw, and what fails before main cannot be caught there. Set
// before any object of the program is made.
[[noreturn]] void OnTerminate() {
  constexpr char kLine[] = "mien: error: out of memory\n";
  [[maybe_unused]] const ssize_t heard = said == 0 ? write(STDERR_FILENO, kLine, sizeof kLine - 1) : 0;
  _exit(said == 0 ? ExitCode(Code::kMemory) : said);
}
[[gnu::constructor(101)]] void SetBackstop() { std::set_terminate(OnTerminate); }

// What stdout does not take shows in StdoutStatus.
void WriteText(const std::string& text) { static_cast<void>(WriteStdout(std::as_bytes(std::span(text))).ok()); }

int Answer(const Session& session) {
  const Status& status = session.status;
  const int code = status.ok() ? 0 : Refuse(status.code(), status.message());
  if (session.json) {
    nlohmann::json report = session.report;
    report["ok"] = status.ok();
    if (!status.ok()) report["error"] = status.message();
    // Other letters than those of ASCII are escaped: a terminal takes some for commands.
    WriteText(report.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n");
  }
  return code;
}

int Main(int count, char** words) {
  // `mien help VERB` is `mien VERB --help`.
  std::vector<std::string> arguments(words + 1, words + count);
  if (!arguments.empty() && arguments[0] == "help") {
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  std::reverse(arguments.begin(), arguments.end());  // the order CLI11 takes them in

  Session session;
  CLI::App app(kAbout, "mien");
  app.footer(kExitCodes);
  app.set_version_flag("--version", std::string("mien " MIEN_VERSION ", CPU kernels: ") + SimdInWords() +
                                        ", CUDA kernels: " + CudaBuild() + ", compiler: " MIEN_COMPILER);
  app.fallthrough();
  app.require_subcommand(1);
  AddGlobalOptions(app, session);
  AddVerbs(app, session);
  InstallSignalHandlers();
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, errors;
    for (std::ostringstream* text : {&out, &errors}) text->exceptions(std::ios::badbit);  // not half of it where memory ends
    const bool asked = app.exit(error, out, errors) == 0;
    WriteText(ForTerminal(out.str()));
    WriteStderr(ForTerminal(errors.str()));
    return asked ? 0 : ExitCode(Code::kUsage);
  } catch (const std::bad_alloc&) {
    session.status = Status::Error(Code::kMemory, "out of memory");
  }
  return Answer(session);
}

int Guarded(int count, char** words) {
  try {
    return Main(count, words);
  } catch (const std::bad_alloc&) {
    return Refuse(Code::kMemory, "out of memory");
  } catch (const std::exception& error) {
    return Refuse(Code::kFailure, error.what());
  }
}

// Every way out ends here: a result that was not written is a failure.
int WithOutput(int code) {
  const Status written = StdoutStatus();
  return written.ok() || code != 0 ? code : Refuse(written.code(), written.message());
}

}  // namespace
}  // namespace mien

int main(int count, char** words) { return mien::WithOutput(mien::Guarded(count, words)); }
