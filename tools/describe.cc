// mien describe: what shells and man read of this program.
#include "tools/program_words.h"
#include "tools/verbs.h"
#include "tools/version.h"

namespace mien {
namespace {

Status RunDescribe(Session& session, const CLI::App& app, const std::string& reader) {
  MIEN_ASSIGN(const auto model, OpenModel(session));
  const ProgramWords program =
      WordsOf(app, model->config().flow ? model->config().flow->attributes : std::vector<std::string>());
  std::string text;
  if (reader == "bash") text = BashCompletion(program);
  if (reader == "zsh") text = ZshCompletion(program);
  if (reader == "fish") text = FishCompletion(program);
  if (reader == "man") text = ManualPage(program, kThisProgram.version);
  session.report["text"] = text;
  session.Print("%s", text.c_str());
  return {};
}

}  // namespace

void AddDescribe(CLI::App& app, Session& session) {
  auto reader = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("describe", "completions for a shell, or the manual page");
  verb->add_option("READER", *reader, "for whom")->check(CLI::IsMember({"bash", "zsh", "fish", "man"}))->required();
  verb->footer("mien describe bash > ~/.local/share/bash-completion/completions/mien\nmien describe man | man -l -");
  verb->callback([&session, &app, reader] { session.status = RunDescribe(session, app, *reader); });
}

}  // namespace mien
