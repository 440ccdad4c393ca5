// One verb, one file: each adds its subcommand, whose callback puts its answer into the session.
//
//   void AddInfo(CLI::App& app, Session& session) {
//     auto options = std::make_shared<InfoOptions>();
//     CLI::App* verb = app.add_subcommand("info", "what is inside a model file");
//     verb->add_option(...);
//     verb->callback([&session, options] { session.status = RunInfo(session, *options); });
//   }
#pragma once

#include <CLI/CLI.hpp>

#include "tools/session.h"

namespace mien {

void AddAlign(CLI::App& app, Session& session);
void AddAnonymize(CLI::App& app, Session& session);
void AddBench(CLI::App& app, Session& session);
void AddCompare(CLI::App& app, Session& session);
void AddConvert(CLI::App& app, Session& session);
void AddDescribe(CLI::App& app, Session& session);
void AddEdit(CLI::App& app, Session& session);
void AddEncode(CLI::App& app, Session& session);
void AddEvaluate(CLI::App& app, Session& session);
void AddFaces(CLI::App& app, Session& session);
void AddGallery(CLI::App& app, Session& session);
void AddInfo(CLI::App& app, Session& session);
void AddPrepare(CLI::App& app, Session& session);
void AddInvert(CLI::App& app, Session& session);
void AddRun(CLI::App& app, Session& session);
void AddSelftest(CLI::App& app, Session& session);
void AddSynth(CLI::App& app, Session& session);
void AddTrain(CLI::App& app, Session& session);

}  // namespace mien
