#include "tools/detectors.h"

namespace mien {

void AddDetectorOption(CLI::App& verb, DetectorChoice& choice) {
  std::map<std::string, DetectorChoice> names;
  for (const DetectorChoice one : {DetectorChoice::kAuto, DetectorChoice::kTiny, DetectorChoice::kSsd})
    names.emplace(kDetectorNames[static_cast<size_t>(one)], one);
  verb.add_option("--detector", choice,
                  "which detector finds the faces: tiny (small and fast), ssd (stronger), auto (that which is sure of "
                  "more faces)")
      ->transform(CLI::CheckedTransformer(names).description("auto, tiny or ssd"))
      ->default_str("auto");
}

}  // namespace mien
