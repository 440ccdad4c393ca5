// The `mien` program: global options, the verbs, and the one place where an answer becomes an exit code.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <sstream>

#include "base/interrupt.h"
#include "base/text.h"
#include "kernels/cpu/simd.h"
#include "runtime/device.h"
#include "runtime/face/editor.h"
#include "tools/numbers.h"
#include "tools/profile_file.h"
#include "tools/program_words.h"
#include "tools/usage.h"
#include "tools/verbs.h"
#include "tools/version.h"

namespace mien {
namespace {

constexpr const char* kAbout =
    "mien edits a face in a photo without changing who it is.\n"
    "Results go to stdout or the output file, everything else to stderr. `mien help VERB` explains a verb.";
constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 no face found, 4 model file, checkpoint or tensor file "
    "refused,\n"
    "5 device, memory or threads, 6 a gate not met, 130 interrupted.";

void AddGlobalOptions(CLI::App& app, Session& session) {
  app.add_option("-m,--model", session.model, "model file (default: the built-in model)")->type_name("FILE");
  app.option_defaults()->group("How it is computed");
  app.add_option("--backend", session.run.backend, "auto, cpu or cuda[:N]")->capture_default_str();
  app.add_option("--precision", session.run.precision, "fp32; cuda also tf32 and fp16")
      ->check(CLI::IsMember({"fp32", "tf32", "fp16"}))
      ->capture_default_str();
  app.add_flag("--exact", session.run.exact,
               "on the CPU: no algorithm that rounds more than the direct one (slower)");
  app.add_option(
         "--memory", session.run.memory,
         "on the CPU: layers (whole images), bands (a few rows at a time and weights transformed when used: "
         "half the memory or less, slower), auto (layers where --max-memory allows them)")
      ->check(CLI::IsMember({"auto", "layers", "bands"}))
      ->capture_default_str();
  app.add_option(
         "--graphs", session.run.device_graphs,
         "on a device: on (a network is captured once and replayed), off (its steps are sent one by one; "
         "the same bits)")
      ->check(CLI::IsMember({"on", "off"}))
      ->default_str("on");
  app.add_option("--threads", session.run.threads, "threads (default: all processors)")
      ->transform(WholeNumber())
      ->check(CLI::Range(1, 256));
  app.add_option("--seed", session.seed, "seed of everything random")
      ->transform(WholeNumber())
      ->check(CLI::Range(uint32_t{0}, std::numeric_limits<uint32_t>::max()))
      ->capture_default_str();
  app.add_option("--max-memory", session.run.max_memory,
                 "refuse to take more for weights and activations, e.g. 2GiB")
      ->transform(ByteSize())
      ->type_name("BYTES");
  app.add_option("--profile", session.profile,
                 "a trace of all steps by layer and thread, for Perfetto or chrome://tracing")
      ->type_name("FILE");
  app.option_defaults()->group("Options");
  app.add_flag("--json", session.json, "one JSON document on stdout");
  app.add_flag("-q,--quiet", session.quiet, "only warnings and errors on stderr");
  app.add_flag("-v,--verbose", session.verbose, "more on stderr");
}

void AddVerbs(CLI::App& app, Session& session) {
  AddAlign(app, session);
  AddAnonymize(app, session);
  AddConvert(app, session);
  AddEdit(app, session);
  AddEncode(app, session);
  AddSynth(app, session);
  AddFaces(app, session);
  AddCompare(app, session);
  AddGallery(app, session);
  AddInfo(app, session);
  AddRun(app, session);
  AddPrepare(app, session);
  AddTrain(app, session);
  AddEvaluate(app, session);
  AddInvert(app, session);
  AddBench(app, session);
  AddSelftest(app, session);
  AddDescribe(app, session);
}

// An empty value is a shell variable that nobody set ("-m ''"), never a wish.
void RefuseEmptyValues(CLI::App& app) {
  const CLI::Validator filled(
      [](std::string& text) { return std::string(text.empty() ? "the value is empty" : ""); }, "");
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() > 0) option->check(filled);
  }
}

// In the help of the verbs that edit: the attributes of the model that the command names, or of the built-in one.
void TellAttributes(CLI::App& app, Session session, const std::vector<std::string>& words) {
  constexpr std::string_view kLong = "--model=";
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with(kLong)) session.model = words[i].substr(kLong.size());
    if (i + 1 < words.size() && (words[i] == "-m" || words[i] == "--model")) session.model = words[i + 1];
  }
  const auto model = OpenModel(session);
  if (!model.ok() || !(*model)->config().flow) return;
  for (const char* name : {"edit", "evaluate", "gallery"}) {
    CLI::App* const verb = app.get_subcommand(name);
    const std::string own = verb->get_footer();
    verb->footer("Attributes of " + (session.model.empty() ? "the built-in model" : session.model) + ": " +
                 AttributesInWords(*(*model)->config().flow) + (own.empty() ? "" : "\n" + own));
  }
}

// What all verbs have in common.
void FinishVerbs(CLI::App& app) {
  app.footer(kExitCodes);
  RefuseEmptyValues(app);
  for (CLI::App* verb : app.get_subcommands(nullptr)) {
    RefuseEmptyValues(*verb);
    const std::string own = verb->get_footer();
    verb->footer((own.empty() ? "" : own + "\n") + kFooterOfVerbs);
  }
}

// The exit code of the failure that was said. There is one line for it: what fails after it, while things are
// put away, is its consequence.
int said = 0;

int Refuse(Code code, const char* message) {
  if (said != 0) return said;
  said = ExitCode(code);
  ErrorLine(message);
  return said;
}

// The JSON library's destructors take memory and may not throw, and what fails before main cannot be caught
// there. Set before any object of the program is made.
[[noreturn]] void OnTerminate() {
  constexpr char kLine[] = "mien: error: out of memory\n";
  [[maybe_unused]] const ssize_t heard = said == 0 ? write(STDERR_FILENO, kLine, sizeof kLine - 1) : 0;
  _exit(said == 0 ? ExitCode(Code::kMemory) : said);
}
[[gnu::constructor(101)]] void SetBackstop() { std::set_terminate(OnTerminate); }

// What stdout does not take shows in StdoutStatus.
void WriteText(const std::string& text) {
  static_cast<void>(WriteStdout(std::as_bytes(std::span(text))).ok());
}

bool IsVerb(const CLI::App& app, const std::string& word) {
  return std::ranges::any_of(app.get_subcommands(nullptr),
                             [&](const CLI::App* verb) { return verb->get_name() == word; });
}

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

// Also of a verb that failed; its own failure is the one that is told.
void FinishProfile(Session& session, const Profile& profile) {
  if (profile.Spans().empty()) {
    if (session.status.ok()) session.Note("--profile %s: no network ran, nothing was written", session.profile.c_str());
    return;
  }
  const Status written = WriteProfile(profile, session.profile);
  if (session.status.ok()) session.status = written;
  if (written.ok() && profile.left_out() > 0)
    session.Warn("%s: %lld spans beyond what a profile holds were left out", session.profile.c_str(),
                 static_cast<long long>(profile.left_out()));
}

int Main(int count, char** words) {
  // `mien help VERB` is `mien VERB --help`.
  std::vector<std::string> arguments(words + 1, words + count);
  const bool help = !arguments.empty() && arguments[0] == "help";
  if (help) arguments.erase(arguments.begin());

  Session session;
  session.run.stop = &InterruptFlag();
  CLI::App app(kAbout, "mien");
  app.set_version_flag("--version", std::string("mien ") + kThisProgram.version + " (" + kThisProgram.commit +
                                        "), CPU kernels: " + SimdInWords() + ", CUDA kernels: " + CudaBuild() +
                                        ", compiler: " + kThisProgram.compiler);
  app.fallthrough();
  app.require_subcommand(1);
  AddGlobalOptions(app, session);
  std::optional<Profile> profile;
  app.parse_complete_callback([&] {  // before any verb
    if (!session.profile.empty()) session.run.profile = &profile.emplace();
  });
  AddVerbs(app, session);
  const auto asks = [](const std::string& word) { return word == "--help" || word == "-h"; };
  if (help || std::ranges::any_of(arguments, asks)) TellAttributes(app, session, arguments);
  FinishVerbs(app);
  InstallSignalHandlers();
  try {
    std::vector<std::string> words(arguments.rbegin(), arguments.rend());  // the order CLI11 takes them in
    // `mien help nonsense` is left to be refused like `mien nonsense`.
    const bool general = arguments.empty() || arguments[0].starts_with('-');
    if (help && (general || IsVerb(app, arguments[0]))) words.insert(words.begin(), "--help");
    errno = 0;
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    const bool out_of_memory = errno == ENOMEM;
    if (error.get_exit_code() == 0) {  // help or version, which was asked for
      std::ostringstream out;
      out.exceptions(std::ios::badbit);  // not half of it where memory ends
      app.exit(error, out, out);
      WriteText(ForTerminal(out.str()));
      return 0;
    }
    session.json = std::ranges::find(arguments, "--json") != arguments.end();
    // CLI11 asks errno whether a flag could be read, and there the C library may have wanted memory in vain.
    session.status = out_of_memory ? Status::Error(Code::kMemory, "out of memory")
                                   : Status::Error(Code::kUsage, "%s", UsageInWords(app, error, arguments).c_str());
  } catch (const std::bad_alloc&) {
    session.status = Status::Error(Code::kMemory, "out of memory");
  }
  if (profile) FinishProfile(session, *profile);
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

// Standard streams that are closed stay so. Otherwise the next file that is opened would take the place of
// one, and what is meant for it would go there.
void KeepStandardStreams() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    const int wrong_way = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    [[maybe_unused]] const int taken = open("/dev/null", wrong_way);
  }
}

// Every way out ends here: a result that was not written is a failure.
int WithOutput(int code) {
  const Status written = StdoutStatus();
  return written.ok() || code != 0 ? code : Refuse(written.code(), written.message());
}

}  // namespace
}  // namespace mien

int main(int count, char** words) {
  mien::KeepStandardStreams();
  return mien::WithOutput(mien::Guarded(count, words));
}
