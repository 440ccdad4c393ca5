// mien selftest: every op on this machine against its double reference, on a device first what its instructions mean,
// as a block of text to paste into a report.
#include <memory>

#include "kernels/cpu/simd.h"
#include "runtime/check/instruction_check.h"
#include "runtime/check/rival_check.h"
#include "runtime/engine.h"
#include "tools/verbs.h"
#include "tools/version.h"
#include "tools/without_effect.h"

namespace mien {
namespace {

struct SelftestOptions {
  bool quick = false, rivals = false;
};

void DescribeDevice(Session& session, const Device& device) {
  const DeviceInfo& info = device.info;
  session.Print("device   %s, compute capability %d.%d, %d processors, %.1f GiB, driver for CUDA %d.%d\n", info.name,
                info.major, info.minor, info.processors, static_cast<double>(info.memory) / (1 << 30),
                device.driver / 1000, device.driver % 1000 / 10);
  session.report["device"] = {{"name", info.name},
                              {"compute_capability", std::to_string(info.major) + "." + std::to_string(info.minor)},
                              {"processors", info.processors},
                              {"memory", info.memory},
                              {"driver", device.driver}};
}

// One line per instruction or op; the numbers are those of the case that came nearest to its tolerance.
Status Report(Session& session, const std::vector<OpCheck>& checks) {
  int failed = 0;
  session.report["ops"] = nlohmann::json::array();
  session.Print("%-24s %-5s %5s  %10s %10s  %s\n", "op", "form", "cases", "error", "tolerance", "nearest case");
  for (const OpCheck& check : checks) {
    failed += check.passed() ? 0 : 1;
    session.Print("%-24s %-5s %5d  %10.2e %10.2e  %s%s\n", check.op.c_str(), check.form.c_str(), check.cases,
                  check.error, check.tolerance, check.nearest.c_str(), check.passed() ? "" : "  FAILED");
    session.report["ops"].push_back({{"op", check.op},
                                     {"form", check.form},
                                     {"cases", check.cases},
                                     {"error", check.error},
                                     {"tolerance", check.tolerance},
                                     {"nearest", check.nearest},
                                     {"passed", check.passed()}});
  }
  session.Print("%zu passed, %d failed\n", checks.size() - static_cast<size_t>(failed), failed);
  if (failed == 0) return {};
  return Status::Error(Code::kGate, "%d of %zu checks failed", failed, checks.size());
}

void Append(std::vector<OpCheck>* checks, std::vector<OpCheck> more) {
  checks->insert(checks->end(), more.begin(), more.end());
}

Result<std::vector<OpCheck>> CheckDevice(Session& session, const Device& device, const SelftestOptions& options) {
  DescribeDevice(session, device);
  MIEN_ASSIGN(std::vector<OpCheck> checks, CheckWrappersOnDevice(device));
  MIEN_ASSIGN(std::vector<OpCheck> ops, CheckOpsOnDevice(device, options.quick));
  Append(&checks, std::move(ops));
  if (!options.rivals) return checks;
  MIEN_ASSIGN(const DeviceHandle stream, CreateStream(device.api()));
  Rivals rivals = OpenRivals(stream.get());
  MIEN_ASSIGN(std::vector<OpCheck> compared, CheckAgainstRivals(device, &rivals));
  Append(&checks, std::move(compared));
  for (const std::string& line : rivals.lines) session.Print("rival    %s\n", line.c_str());
  session.report["rivals"] = rivals.lines;
  return checks;
}

Status RunSelftest(Session& session, const SelftestOptions& options) {
  MIEN_ASSIGN(const BackendChoice backend, ChooseBackend(session.run.backend));
  session.report["backend"] = backend.name;
  session.report["version"] = kThisProgram.version;
  session.report["commit"] = kThisProgram.commit;
  session.report["compiler"] = kThisProgram.compiler;
  session.report["simd"] = SimdTarget();
  session.report["cuda_build"] = CudaBuild();
  session.Print("mien %s (%s) selftest%s, built by %s\nbackend  %s (%s)\n", kThisProgram.version, kThisProgram.commit,
                options.quick ? " --quick" : "", kThisProgram.compiler, backend.name.c_str(), backend.reason.c_str());
  session.Print("kernels  CPU: %s, CUDA: %s\n", SimdInWords().c_str(), CudaBuild());
  if (options.rivals && !backend.device)
    return Status::Error(Code::kUsage, "--rivals: there are rivals on a device only");
  MIEN_ASSIGN(const std::vector<OpCheck> checks, backend.device ? CheckDevice(session, *backend.device, options)
                                                                : CheckOpsOnCpu(session.run.threads, options.quick));
  return Report(session, checks);
}

}  // namespace

void AddSelftest(CLI::App& app, Session& session) {
  auto options = std::make_shared<SelftestOptions>();
  CLI::App* verb = app.add_subcommand("selftest", "every op on this machine against its reference");
  verb->add_flag("--quick", options->quick, "without the sizes of full networks");
  verb->add_flag("--rivals", options->rivals, "on a device: compare with cuBLAS and cuDNN, where they are installed");
  verb->footer("Prints a block of text to paste into a report; exit code 6 when a check fails.");
  verb->callback([&app, &session, options] {
    MentionUnused(session, app, {"--model", "--precision", "--exact", "--memory", "--graphs", "--seed", "--max-memory"},
                  "the checks need no model and choose their own forms");
    session.status = RunSelftest(session, *options);
  });
}

}  // namespace mien
