// Which program this is, for reports and --version.
#pragma once

namespace mien {

struct ProgramVersion {
  const char* version;   // "0.1.0"
  const char* commit;    // twelve digits, with "-dirty" where the tree had changes; "unknown" where git could not say
  const char* compiler;  // "GNU 12.2.0"
};
extern const ProgramVersion kThisProgram;

}  // namespace mien
