#include "tools/detectors.h"

namespace mien {

void AddDetectorOption(CLI::App& verb, DetectorChoice& choice) {
  const std::map<std::string, DetectorChoice> names = {
      {"auto", DetectorChoice::kAuto}, {"tiny", DetectorChoice::kTiny}, {"ssd", DetectorChoice::kSsd}};
  verb.add_option("--detector", choice,
                  "which detector finds the faces: tiny (small and fast), ssd (stronger), auto (that which is sure of "
                  "more faces)")
      ->transform(CLI::CheckedTransformer(names).description("auto, tiny or ssd"))
      ->default_str("auto");
}

}  // namespace mien
